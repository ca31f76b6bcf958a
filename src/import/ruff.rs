//! `ruff check --output-format json-lines`: one finding a line; or `json`: an array of them.
//!
//! `{"filename":"/repo/a.py","code":"D104","message":"…","location":{"row":1,"column":1},
//! "end_location":{…},"url":"https://…"}`; newer versions add `cell`, `fix` and `noqa_row`.

use std::io::BufRead;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::format::Head;
use super::lines::{for_each_element, for_each_object};
use super::object::Object;
use super::severity::Severity;

pub(super) fn sniff(head: &Head) -> bool {
    ["filename", "code", "message"].iter().all(|key| head.has(key) || head.elements_have(key))
}

pub(super) fn read(
    mut input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let array = input.fill_buf().map_err(ImportError::Read)?.trim_ascii_start().starts_with(b"[");
    if array { for_each_element(input, collector, take) } else { for_each_object(input, collector, take) }
}

fn take(_line: u64, mut object: Object, collector: &mut Collector<'_>) -> Result<(), String> {
    let file = object.parsed("filename", |path| collector.places.file(path))?.ok_or("filename: missing")?;
    let message = object.text("message")?.ok_or("message: missing")?;
    // Syntax errors have no code.
    let rule = object.text("code")?;
    let (line, column) = match object.object("location")? {
        Some(mut location) => (location.number("row", 1)?, location.number("column", 1)?),
        None => (None, None),
    };
    collector.finding(Finding {
        files: vec![file],
        line,
        column,
        url: object.text("url")?,
        ..Finding::new(rule, message, Severity::UNKNOWN)
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

    #[test]
    fn a_real_file_gives_one_item_a_line() {
        let text = include_str!("../../tests/data/findings.ruff.jsonl");
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.items, report.bad_total), (Format::Ruff, 100, 0));
        let expected = serde_json::json!({"item": {"id": items[0].item.id,
            "title": "D104: Missing docstring in public package", "severity": "MAJOR", "category": "D",
            "rule": "D104", "line": 1, "files": ["django/utils/__init__.py"],
            "payload": {"column": 1, "url": "https://docs.astral.sh/ruff/rules/undocumented-public-package"}},
            "queue": null, "priority": 2});
        assert_eq!(serde_json::to_value(&items[0]).expect("serialises"), expected);
    }

    #[test]
    fn paths_are_made_relative_and_bad_lines_named() {
        let line = |file: &str, rest: &str| {
            format!("{{\"filename\":\"{file}\",\"code\":null,\"message\":\"SyntaxError\"{rest}}}\n")
        };
        let text = line("/repo/a b.py", r#","location":null"#)
            + &line("/other/a.py", "")
            + &line("a.py", r#","location":{"row":"1"}"#)
            + &line(".", "")
            + "{\"code\":\"E1\"}\n{\"filename\":\"a\",\"code\":\"E1\"}\n";
        let (items, report) = run(&text, &options());
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].item.files[0].as_str(), "a b.py");
        assert_eq!((items[0].item.title.as_str(), &items[0].item.category), ("SyntaxError", &None));
        let expected = [
            (2, "filename: /other/a.py: outside the repository"),
            (3, "row: expected a number, found a string"),
            (4, "filename: names no file"),
            (5, "filename: missing"),
            (6, "message: missing"),
        ];
        assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    }
}
