//! Annotations of GitHub Actions: `::error file=src/a.js,line=10,col=15,title=no-undef::'x' is not defined`.
//!
//! The title is the rule when it is one word, also in brackets: `Ruff (F401)`. In values `%0A` stands for a line
//! end, `%25`, `%3A`, `%2C` for themselves.

use super::place::leading;
use super::{Parsed, prefix, read};
use crate::import::finding::Finding;
use crate::import::format::{Read, Spec};
use crate::import::lines::plain;
use crate::import::place::FileName;
use crate::import::severity::Severity;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "actions",
    about: "annotations of GitHub Actions: ::error file=…,line=…::message",
    sniff: |head| {
        head.lines().any(|line| matches!(parse(prefix::without(&plain(line.as_bytes()))), Parsed::Finding(_)))
    },
    read: Read::By(|input, collector| read(input, collector, parse)),
    skipped: "lines",
};

fn parse(line: &str) -> Parsed {
    annotation(line).map_or(Parsed::Unknown, |finding| Parsed::Finding(Box::new(finding)))
}

fn annotation(line: &str) -> Option<Finding> {
    let (command, message) = line.strip_prefix("::")?.split_once("::")?;
    let (level, properties) = command.split_once(' ').unwrap_or((command, ""));
    let severity = match level {
        "error" => Severity::Critical,
        "warning" => Severity::Major,
        "notice" => Severity::Minor,
        _ => return None,
    };
    let value = |name: &str| {
        let value = properties.split(',').find_map(|p| p.trim().strip_prefix(name)?.strip_prefix('='))?;
        Some(unescaped(value)).filter(|v| !v.is_empty())
    };
    let number = |name: &str| value(name)?.parse().ok().filter(|n: &u64| *n > 0);
    let title = value("title").unwrap_or_default();
    let inner = title
        .strip_suffix(')')
        .and_then(|t| t.rsplit_once('('))
        .map(|(tool, rule)| (Some(tool.trim()), rule));
    let (tool, rule) = inner.unwrap_or((None, title.as_str()));
    let rule = Some(rule.to_owned()).filter(|rule| !rule.is_empty() && !rule.contains(' '));
    let message = unescaped(message);
    let said = message.trim();
    // Some write place and rule once more: `src/a.py:1:8: F401 'os' imported but unused`.
    let repeated = value("file").and_then(|file| {
        let (place, rest) = leading(said).filter(|(place, _)| file.ends_with(place.file))?;
        let rest = rest.trim_start();
        let text = rule.as_deref().and_then(|rule| rest.strip_prefix(rule)).unwrap_or(rest);
        (!place.file.is_empty()).then(|| text.trim_start_matches([':', ' ']))
    });
    let text =
        repeated.filter(|text| !text.is_empty()).unwrap_or(if said.is_empty() { &title } else { said });
    if text.is_empty() {
        return None;
    }
    Some(Finding {
        tool: tool.filter(|t| !t.is_empty()).map(|t| t.to_ascii_lowercase()),
        files: value("file").map(FileName::Path).into_iter().collect(),
        line: number("line"),
        column: number("col"),
        ..Finding::new(rule, text.to_owned(), severity)
    })
}

fn unescaped(text: &str) -> String {
    ["%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%"]
        .chunks(2)
        .fold(text.to_owned(), |text, pair| text.replace(pair[0], pair[1]))
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, run};

    #[test]
    fn annotations_are_findings() {
        let text = "2026-01-01T00:00:00.0Z ::error title=Ruff (F401),file=/repo/src/a.py,line=1,col=8,endLine=1,endColumn=10::src/a.py:1:8: F401 `os` imported but unused\n\
            ::group::x\n::warning file=src/b.js,line=2,title=no-undef::'x' is%0Anot defined\n::notice::Done 100%25\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.bad_total), (Format::Actions, 0));
        let short: Vec<_> = items.iter().map(|i| (i.item.title.as_str(), i.item.line, i.priority)).collect();
        let expected = [
            ("F401: `os` imported but unused", Some(1), 2),
            ("no-undef: 'x' is", Some(2), 2),
            ("Done 100%", None, 3),
        ];
        assert_eq!(short, expected, "ruff has one severity in all its formats");
        assert_eq!(items[0].item.files[0].as_str(), "src/a.py");
    }
}
