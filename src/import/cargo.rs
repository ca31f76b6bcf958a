//! `cargo check --message-format=json`, `cargo clippy --message-format=json`, …: one object a line.
//!
//! `{"reason":"compiler-message","message":{"message":"…","code":{"code":"dead_code"},
//! "level":"warning","spans":[{"file_name":"src/a.rs","line_start":1,"column_start":1,
//! "is_primary":true,"expansion":null}],…},…}`
//!
//! - Lines with another `reason`, and lines that are not JSON (tests print some), are passed over
//!   and counted as skipped; so are messages without a place (`2 warnings emitted`).
//! - Where the primary place is in a macro from outside, the place where that is used counts.
//! - The compiler runs in the workspace's folder: that, and so the file, is looked for from the package's upwards.
//! - Cargo repeats a warning for each target with the file; it is one item.

use std::io::BufRead;

use crate::model::RepoPath;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::format::{Read, Spec};
use super::lines::for_each_line;
use super::object::Object;
use super::place::FileName;
use super::severity::Severity;

/// Expansions of macros in each other; nobody nests them deeper.
const EXPANSIONS_MAX: usize = 128;

pub(super) const SPEC: Spec = Spec {
    name: "cargo",
    about: "cargo check, clippy or build with --message-format=json",
    sniff: |head| head.has("reason") && (head.has("package_id") || head.has("success")) && !head.has("title"),
    read: Read::By(read),
    skipped: "lines without a warning or an error",
};

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    for_each_line(input, collector, |number, line, collector| {
        if !line.trim_ascii_start().starts_with(b"{") {
            collector.skip();
            return Ok(());
        }
        take(number, Object::parse(line.trim_ascii())?, collector)
    })
}

fn take(number: u64, mut object: Object, collector: &mut Collector<'_>) -> Result<(), String> {
    if object.text("reason")?.as_deref() != Some("compiler-message") {
        collector.skip();
        return Ok(());
    }
    let mut message = object.object("message")?.ok_or("message: missing")?;
    let severity = match message.text("level")?.as_deref() {
        Some("error") => Severity::Critical,
        Some("error: internal compiler error") => Severity::Blocker,
        Some("warning") => Severity::Major,
        _ => Severity::Minor,
    };
    let spans = message.objects("spans")?;
    if spans.is_empty() {
        collector.skip();
        return Ok(());
    }
    let folder = folder(&mut object, collector)?;
    let (file, line, column) = place(spans, folder.as_ref(), collector)?;
    let rule = match message.object("code")? {
        Some(mut code) => code.text("code")?,
        None => None,
    };
    let tool = rule.as_deref().and_then(|rule| rule.split_once("::")).map(|(tool, _)| tool.to_owned());
    let text = message.text("message")?.ok_or("message.message: missing")?;
    let finding = Finding::new(rule, text, severity);
    collector.finding(
        number,
        Finding {
            category: tool.or_else(|| finding.category.clone()),
            files: vec![file],
            line,
            column,
            ..finding
        },
    );
    Ok(())
}

/// The folder of the package, if that is in the repository.
fn folder(object: &mut Object, collector: &Collector<'_>) -> Result<Option<RepoPath>, String> {
    let manifest = object.text("manifest_path")?.and_then(|path| collector.places.path(&path).ok());
    let folder =
        manifest.and_then(|m| m.as_str().rsplit_once('/').and_then(|(f, _)| RepoPath::parse(f).ok()));
    Ok(folder)
}

type Place = (FileName, Option<u64>, Option<u64>);

/// The first primary span, or use of a macro that leads to it, in the repository; else the first of all.
fn place(spans: Vec<Object>, folder: Option<&RepoPath>, collector: &Collector<'_>) -> Result<Place, String> {
    let mut outside = None;
    for span in spans {
        if !span.get("is_primary").is_some_and(|p| *p == true) {
            continue;
        }
        let mut next = Some(span);
        for _ in 0..EXPANSIONS_MAX {
            let Some(mut span) = next else { break };
            if let Some(name) = span.text("file_name")? {
                let at = (span.number("line_start", 1)?, span.number("column_start", 1)?);
                match collector.places.file_of(folder, &name) {
                    Ok(file) => return Ok((FileName::Found(file), at.0, at.1)),
                    Err(_) => {
                        outside.get_or_insert((FileName::Path(name), at.0, at.1));
                    }
                }
            }
            next = match span.object("expansion")? {
                Some(mut expansion) => expansion.object("span")?,
                None => None,
            };
        }
    }
    outside.ok_or_else(|| "spans: none of them is primary".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

    fn line(level: &str, code: &str, message: &str, spans: &str) -> String {
        format!(
            "{{\"reason\":\"compiler-message\",\"package_id\":\"p\",\"message\":{{\"rendered\":\"x\",\"message\":\"{message}\",\
             \"level\":\"{level}\",\"code\":{code},\"spans\":[{spans}],\"children\":[]}}}}\n"
        )
    }

    fn span(file: &str, expansion: &str) -> String {
        format!(
            r#"{{"file_name":"{file}","line_start":7,"column_start":5,"is_primary":true,"expansion":{expansion}}}"#
        )
    }

    #[test]
    fn compiler_messages_are_items_and_other_lines_are_not() {
        let clippy = line(
            "warning",
            r#"{"code":"clippy::needless_return"}"#,
            "unneeded `return`",
            &span("src/a.rs", "null"),
        );
        let text = "{\"reason\":\"compiler-artifact\",\"package_id\":\"p\"}\nrunning 3 tests\n".to_owned()
            + &clippy
            + &clippy
            + &line("error", r#"{"code":"E0308"}"#, "mismatched types", &span("/repo/src/b.rs", "null"))
            + &line("error", "null", "aborting due to 1 previous error", "")
            + "{\"reason\":\"build-finished\",\"success\":false}\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.items, report.skipped), (Format::Cargo, 2, 4));
        assert_eq!((report.duplicates, report.read, report.bad_total), (1, 7, 0));
        let first = &items[0].item;
        assert_eq!(first.title, "clippy::needless_return: unneeded `return`");
        assert_eq!((first.category.as_deref(), first.line, items[0].priority), (Some("clippy"), Some(7), 2));
        assert_eq!((items[1].item.files[0].as_str(), items[1].priority), ("src/b.rs", 1));
    }

    #[test]
    fn a_macro_from_outside_counts_where_it_is_used() {
        let used = format!(r#"{{"span":{}}}"#, span("src/use.rs", "null"));
        let outside = span("/home/me/.cargo/registry/x.rs", &used);
        let (items, report) = run(line("warning", "null", "m", &outside), &options());
        assert_eq!(report.bad_total, 0);
        assert_eq!(items[0].item.files[0].as_str(), "src/use.rs");
        let nowhere = line("warning", "null", "m", &span("/other/x.rs", "null"));
        let expected = vec![(1, "/other/x.rs: outside the repository".to_owned())];
        assert_eq!(reasons(&run(nowhere, &options()).1), expected);
    }
}
