//! How large one item may be. What is beyond is a bad line: every later command reads what an import stored.

use serde_json::Value;

use crate::model::{Item, need_syntax};

/// Bytes of a title.
const TITLE_MAX: usize = 4 * 1024;

/// Bytes of a short text: category, rule, phase, group, severity.
const WORD_MAX: usize = 1024;

/// Bytes of a command.
const RUN_MAX: usize = 64 * 1024;

/// Files of an item.
const FILES_MAX: usize = 1000;

/// Needs of an item, with the ids that its ranges stand for.
pub(super) const NEEDS_MAX: u64 = need_syntax::RANGE_MAX;

/// Bytes of the payload's texts.
const PAYLOAD_MAX: usize = 1024 * 1024;

/// Checks one item.
///
/// # Errors
/// With the field, its size and the limit.
pub(super) fn check(item: &Item) -> Result<(), String> {
    bytes("title", item.title.len(), TITLE_MAX)?;
    let words = [
        ("severity", &item.severity),
        ("category", &item.category),
        ("phase", &item.phase),
        ("group", &item.group),
        ("rule", &item.rule),
        ("tool", &item.tool),
    ];
    for (name, text) in words {
        bytes(name, text.as_ref().map_or(0, String::len), WORD_MAX)?;
    }
    bytes("run", item.run.as_ref().map_or(0, String::len), RUN_MAX)?;
    if item.files.len() > FILES_MAX {
        return Err(format!("files: {} of them, more than {FILES_MAX}", item.files.len()));
    }
    let ranges =
        item.needs.iter().map(|need| need_syntax::Range::parse(need).map_or(1, |range| range.count()));
    let count = ranges.fold(0u64, u64::saturating_add);
    if count > NEEDS_MAX {
        return Err(format!("needs: they stand for {count} items, more than {NEEDS_MAX}"));
    }
    bytes("payload", item.payload.as_ref().map_or(0, size), PAYLOAD_MAX)
}

fn bytes(name: &str, size: usize, max: usize) -> Result<(), String> {
    if size > max { Err(format!("{name}: {size} bytes, more than {max}")) } else { Ok(()) }
}

/// Bytes of all keys and texts. serde_json has refused what is nested more than 128 deep.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|v| size(v) + 1).sum(),
        Value::Object(fields) => fields.iter().map(|(key, v)| key.len() + size(v)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{options, reasons, run};

    #[test]
    fn each_dimension_of_an_item_has_a_limit() {
        let long = "x".repeat(5000);
        let ranges: Vec<String> = (0..30).map(|i| format!("\"P{i}_00001-P{i}_10000\"")).collect();
        let files: Vec<String> = (0..1001).map(|i| format!("\"f{i}\"")).collect();
        for (fields, field) in [
            (format!("\"title\":\"t\",\"category\":\"{long}\""), "category"),
            (format!("\"title\":\"t\",\"run\":\"{}\"", "x".repeat(70_000)), "run"),
            (format!("\"title\":\"t\",\"needs\":[{}]", ranges.join(",")), "needs"),
            (format!("\"title\":\"t\",\"files\":[{}]", files.join(",")), "files"),
            (format!("\"title\":\"t\",\"payload\":\"{}\"", "x".repeat(1_100_000)), "payload"),
            ("\"title\":\"t\",\"files\":[\"".to_owned() + &"a/".repeat(20_000) + "f\"]", "files"),
        ] {
            let (items, report) = run(format!("{{{fields}}}\n"), &options());
            assert_eq!((items.len(), report.bad_total), (0, 1), "{field}");
            assert!(reasons(&report)[0].1.starts_with(&format!("{field}: ")), "{:?}", reasons(&report));
        }
        assert_eq!(run("{\"title\":\"t\",\"needs\":[\"T00001-T10000\"]}", &options()).0.len(), 1);
    }
}
