//! What `tsc` prints, plain or `--pretty`.
//!
//! ```text
//! src/a.ts(12,5): error TS2322: Type 'string' is not assignable to type 'number'.
//! src/a.ts:12:5 - error TS2322: Type 'string' is not assignable to type 'number'.
//! error TS18003: No inputs were found in config file.
//! ```
//!
//! Any other line (explanations, code, totals) belongs to one of these and is passed over.

use std::io::BufRead;

use crate::model::path::readable;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::format::Head;
use super::lines::{for_each_line, plain};
use super::severity::Severity;

pub(super) fn sniff(head: &Head) -> bool {
    head.lines().any(|line| Message::parse(&plain(line.as_bytes())).is_some())
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    for_each_line(input, collector, |_, line, collector| {
        let line = plain(line);
        let Some(message) = Message::parse(&line) else { return Ok(()) };
        let files = match message.file {
            Some(file) => vec![collector.places.file(file)?],
            None => Vec::new(),
        };
        collector.finding_once(Finding {
            files,
            line: message.line,
            column: message.column,
            category: Some("types".to_owned()),
            ..Finding::new(Some(message.code.to_owned()), readable(message.text), message.severity)
        });
        Ok(())
    })
}

#[derive(Debug, PartialEq)]
struct Message<'l> {
    file: Option<&'l str>,
    line: Option<u64>,
    column: Option<u64>,
    severity: Severity,
    code: &'l str,
    text: &'l str,
}

impl<'l> Message<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let words = [("error TS", Severity::Critical), ("warning TS", Severity::Major)];
        let (at, word, severity) = words.iter().find_map(|(w, s)| Some((line.find(w)?, *w, *s)))?;
        let (code, text) = line[at + word.len() - "TS".len()..].split_once(": ")?;
        if code.len() < 3 || !code[2..].bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let place = match &line[..at] {
            "" => None,
            before => Some(place(before)?),
        };
        Some(Message {
            file: place.map(|p| p.0),
            line: place.map(|p| p.1),
            column: place.map(|p| p.2),
            severity,
            code,
            text: text.trim_end(),
        })
    }
}

/// `file(12,5): ` or `file:12:5 - `.
fn place(before: &str) -> Option<(&str, u64, u64)> {
    let (file, line, column) = if let Some(place) = before.strip_suffix("): ") {
        let (file, numbers) = place.rsplit_once('(')?;
        let (line, column) = numbers.split_once(',')?;
        (file, line, column)
    } else {
        let (rest, column) = before.strip_suffix(" - ")?.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        (file, line, column)
    };
    Some((file, line.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

    #[test]
    fn both_styles_give_the_same_items() {
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
    fn a_line_told_twice_is_one_item_and_one_outside_is_bad() {
        let text = "a.ts(1,1): error TS1: x\na.ts(1,1): error TS1: x\n\n../b.ts(1,1): error TS1: x\n";
        let (items, report) = run(text, &options());
        assert_eq!((items.len(), report.duplicates), (1, 1));
        assert_eq!(reasons(&report), [(4, "../b.ts: outside the repository".to_owned())]);
    }
}
