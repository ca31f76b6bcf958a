//! `path(line,column): error CODE: message`: what MSBuild, the .NET SDK and MSVC print, and `tsc`.
//!
//! ```text
//! src/a.ts(12,5): error TS2322: Type 'string' is not assignable to type 'number'.
//! src/a.ts:12:5 - error TS2322: Type 'string' is not assignable to type 'number'.
//! error TS18003: No inputs were found in config file.
//! Shop\Cart.cs(12,5,12,9): warning CS0168: The variable 'x' is declared but never used [/ci/Shop/Shop.csproj]
//! ```
//!
//! Any other line (explanations, code, totals) belongs to one of these and is passed over.

use super::{Parsed, prefix, read};
use crate::import::finding::Finding;
use crate::import::format::{Read, Spec};
use crate::import::lines::plain;
use crate::import::place::FileName;
use crate::import::severity::Severity;
use crate::import::sniff::Head;
use crate::model::path::readable;

pub(in crate::import) const TSC: Spec = Spec {
    name: "tsc",
    about: "what tsc prints, plain or pretty",
    sniff: |head| any(head, tsc),
    read: Read::By(|input, collector| read(input, collector, tsc)),
    skipped: "lines",
};

pub(in crate::import) const SPEC: Spec = Spec {
    name: "msbuild",
    about: "what MSBuild, dotnet build and MSVC print: path(line,column): error CODE: message",
    sniff: |head| any(head, |line| message(line, |_| true)),
    read: Read::By(|input, collector| read(input, collector, |line| message(line, |_| true))),
    skipped: "lines",
};

fn any(head: &Head, parse: impl Fn(&str) -> Parsed) -> bool {
    head.lines().any(|line| match parse(prefix::without(&plain(line.as_bytes()))) {
        Parsed::Finding(_) => true,
        Parsed::Known | Parsed::Unknown => false,
    })
}

fn tsc(line: &str) -> Parsed {
    match message(line, |code| code.strip_prefix("TS").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())))
    {
        Parsed::Finding(mut finding) => {
            finding.tool = Some("tsc".to_owned());
            finding.category = Some("types".to_owned());
            Parsed::Finding(finding)
        }
        other => other,
    }
}

fn message(line: &str, is_code: impl Fn(&str) -> bool) -> Parsed {
    match parts(line, is_code) {
        Some(finding) => Parsed::Finding(Box::new(finding)),
        None => Parsed::Unknown,
    }
}

fn parts(line: &str, is_code: impl Fn(&str) -> bool) -> Option<Finding> {
    let words = [
        ("fatal error ", Severity::Critical),
        ("error ", Severity::Critical),
        ("warning ", Severity::Major),
        ("message ", Severity::Info),
        ("info ", Severity::Info),
    ];
    let found = words.iter().filter_map(|(word, severity)| {
        let (at, _) =
            line.match_indices(word).find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', ':']))?;
        Some((at, *word, *severity))
    });
    let (at, word, severity) = found.min_by_key(|(at, ..)| *at)?;
    let (code, text) = line[at + word.len()..].split_once(':')?;
    let (code, text) = (code.trim(), text.trim());
    let shaped = code.len() >= 3
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.ends_with(|c: char| c.is_ascii_digit())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !shaped || !is_code(code) || text.is_empty() {
        return None;
    }
    let place = match line[..at].trim_end() {
        "" => None,
        before => Some(place(before)?),
    };
    let text = without_project(text);
    let mut finding = Finding::new(Some(code.to_owned()), readable(text), severity);
    if let Some((file, line, column)) = place {
        finding.files.extend((!file.is_empty()).then(|| FileName::Path(file.to_owned())));
        (finding.line, finding.column) = (line, column);
    }
    Some(finding)
}

/// A file, and line and column in it.
type At<'l> = (&'l str, Option<u64>, Option<u64>);

/// `file(12,5):`, `file(12):`, `file(12,5,12,9): sub:`, `file:12:5 -`, `MSBUILD :`.
fn place(before: &str) -> Option<At<'_>> {
    let positive = |n: &str| n.trim().parse().ok().filter(|n: &u64| *n > 0);
    if let Some(place) = before.strip_suffix(" -") {
        let (rest, column) = place.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        return Some((file, Some(line.parse().ok()?), Some(column.parse().ok()?)));
    }
    let place = before.strip_suffix(':')?.trim_end();
    // Between the place and the severity, tools may say which part of them it was.
    let end = place
        .rfind(')')
        .filter(|end| *end + 1 == place.len() || place[end + 1..].trim_start().starts_with(':'));
    if let Some(end) = end
        && let Some((file, numbers)) = place[..end].rsplit_once('(')
    {
        let mut numbers = numbers.split([',', '-']);
        let line: u64 = numbers.next()?.trim().parse().ok()?;
        return Some((file.trim_end(), Some(line).filter(|n| *n > 0), numbers.next().and_then(positive)));
    }
    // The program itself: `CSC : error CS2001: …`, `MSBUILD : error MSB1009: …`, `LINK : …`.
    let program = !place.contains(['/', '\\', '.']) && !place.contains(':');
    if program {
        return Some(("", None, None));
    }
    (!place.contains(": ")).then_some((place, None, None))
}

/// The message without the project that was built: `… [/ci/Shop/Shop.csproj::TargetFramework=net8.0]`.
fn without_project(text: &str) -> &str {
    let project = text.strip_suffix(']').and_then(|t| t.rsplit_once(" ["));
    match project {
        Some((before, name)) if name.contains("proj") || name.ends_with(".sln") => before.trim_end(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, reasons, run};

    #[test]
    fn both_styles_of_tsc_give_the_same_items() {
        let plain = "src/a (1).ts(12,5): error TS2322: Type 'a' is not b.\n  The types differ: error in x\n\
                     src/b.ts(1,1): error TS6133: 'x' is declared.\nerror TS18003: No inputs.\n";
        let pretty = "\u{1b}[96msrc/a (1).ts\u{1b}[0m:\u{1b}[93m12\u{1b}[0m:\u{1b}[93m5\u{1b}[0m - \u{1b}[91merror\u{1b}[0m\u{1b}[90m TS2322: \u{1b}[0mType 'a' is not b.\r\n\r\n\
                      \u{1b}[7m12\u{1b}[0m   let x\r\n\
                      src/b.ts:1:1 - error TS6133: 'x' is declared.\nerror TS18003: No inputs.\nFound 3 errors.\n";
        let (items, report) = run(plain, &options());
        assert_eq!((report.format, report.read, report.bad_total), (Format::Tsc, 3, 0));
        let first = &items[0].item;
        assert_eq!((first.title.as_str(), first.line), ("TS2322: Type 'a' is not b.", Some(12)));
        assert_eq!((first.files[0].as_str(), items[0].priority), ("src/a (1).ts", 1));
        assert!(items[2].item.files.is_empty());
        let (again, report) = run(pretty, &options());
        assert_eq!(report.format, Format::Tsc);
        assert_eq!(again, items);
    }

    #[test]
    fn a_repeated_line_is_one_item_and_one_outside_is_bad() {
        let text = "a.ts(1,1): error TS1: x\na.ts(1,1): error TS1: x\n\n../b.ts(1,1): error TS1: x\n";
        let (items, report) = run(text, &options());
        assert_eq!((items.len(), report.duplicates), (1, 1));
        assert_eq!(reasons(&report), [(4, "../b.ts: outside the repository".to_owned())]);
    }

    #[test]
    fn builds_of_visual_studio() {
        let text = "  Shop -> /ci/bin/Shop.dll\n\
            /repo/Shop/Cart.cs(12,5): warning CS0168: The variable 'x' is declared but never used [/repo/Shop/Shop.csproj]\n\
            /repo/Shop/Cart.cs(12,5): warning CS0168: The variable 'x' is declared but never used [/repo/Shop/Shop.csproj::TargetFramework=net8.0]\n\
            src\\main.cpp(7): fatal error C1083: Cannot open include file: 'x.h'\n\
            src\\b.cpp(7,3,7,9): error C2065 : 'y': undeclared identifier\n\
            MSBUILD : error MSB1009: Project file does not exist.\n\
            Shop.csproj : error NU1101: Unable to find package X.\n    2 Warning(s)\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.duplicates, report.bad_total), (Format::Msbuild, 1, 0));
        let short: Vec<_> = items
            .iter()
            .map(|i| {
                let file = i.item.files.first().map_or("", |f| f.as_str());
                (file, i.item.line, i.item.rule.as_deref().unwrap_or_default(), i.priority)
            })
            .collect();
        let expected = [
            ("Shop/Cart.cs", Some(12), "CS0168", 2),
            ("src/main.cpp", Some(7), "C1083", 1),
            ("src/b.cpp", Some(7), "C2065", 1),
            ("", None, "MSB1009", 1),
            ("Shop.csproj", None, "NU1101", 1),
        ];
        assert_eq!(short, expected);
        assert_eq!(items[0].item.title, "CS0168: The variable 'x' is declared but never used");
    }
}
