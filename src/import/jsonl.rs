//! Our own format: one item a line. `title` is all that a line needs.
//!
//! `{"id":"T001","title":"…","queue":"critical","priority":1,"category":"types","severity":"MAJOR",
//! "rule":"…","line":12,"files":["src/a.ts"],"needs":["T000"],"run":"…","payload":{…}}`

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::model::{Item, ItemId, ItemState, NewItem, QueueName};

use super::ImportError;
use super::collect::Collector;
use super::format::{Head, Shape};
use super::lines::for_each_object;
use super::object::Object;
use super::severity::Severity;

/// Value of the field `export` in the lines of `queue export`.
pub(crate) const EXPORT: u64 = 1;

/// Any object on one line: then the bad lines can be named.
pub(super) fn sniff(head: &Head) -> bool {
    matches!(head.shape, Shape::Blank | Shape::Object { one_line: true, .. })
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    for_each_object(input, collector, take)
}

/// Takes one item apart.
///
/// # Errors
/// When a field is not what it must be, with the reason.
pub(super) fn take(line: u64, mut object: Object, collector: &mut Collector<'_>) -> Result<(), String> {
    if exported(&mut object)? == Some(Exported::Finished) {
        collector.skip();
        return Ok(());
    }
    let title = object.text("title")?.ok_or("title: missing")?;
    if title.trim().is_empty() {
        return Err("title: empty".into());
    }
    if title.contains(char::is_control) {
        return Err("title: must be one line without control characters".into());
    }
    let id = object.parsed("id", ItemId::parse)?;
    let queue = object.parsed("queue", QueueName::parse)?;
    let severity = object.text("severity")?;
    let by_severity =
        || severity.as_deref().and_then(Severity::parse).unwrap_or(Severity::UNKNOWN).priority();
    let priority = object.number("priority", 0)?.unwrap_or_else(by_severity);
    let mut item = Item {
        id: ItemId::from_digest([0; 8]),
        title,
        severity,
        category: object.text("category")?,
        phase: object.text("phase")?,
        group: object.text("group")?,
        rule: object.text("rule")?,
        line: object.number("line", 1)?,
        files: object.list("files", |path| collector.places.path(path))?,
        needs: object.list("needs", ItemId::parse)?,
        run: object.parsed("run", command)?,
        timeout: object.seconds("timeout")?,
        payload: object.value("payload"),
    };
    item.payload = with_extra(item.payload, object.rest());
    collector.item(line, NewItem { item, queue, priority }, id);
    Ok(())
}

/// The words of a command, which no process can be given with a NUL in them. One of blanks would do nothing
/// and succeed, and its item be done.
fn command(text: &str) -> Result<String, &'static str> {
    match text {
        _ if text.contains('\0') => Err("a command cannot contain a NUL character"),
        _ if text.trim().is_empty() => Err("empty"),
        _ => Ok(text.to_owned()),
    }
}

/// What an exported item was.
#[derive(Debug, PartialEq, Eq)]
enum Exported {
    Finished,
    Open,
}

/// Looks at the fields that only `queue export` writes, and takes them out: where an item stood in
/// another store is no part of it. Other files may have fields of these names.
fn exported(object: &mut Object) -> Result<Option<Exported>, String> {
    if object.get("export").and_then(Value::as_u64) != Some(EXPORT) {
        return Ok(None);
    }
    let state = object.text("state")?;
    for field in ["export", "session", "attempt", "lease", "at", "why", "until"] {
        object.value(field);
    }
    let finished =
        [ItemState::Done, ItemState::Failed].into_iter().any(|s| state.as_deref() == Some(s.word()));
    Ok(Some(if finished { Exported::Finished } else { Exported::Open }))
}

/// The payload with the fields that we do not know under `extra`, so that nothing gets lost. One
/// that cannot take a field `extra` goes under `value` first.
fn with_extra(payload: Option<Value>, extra: Map<String, Value>) -> Option<Value> {
    if extra.is_empty() {
        return payload;
    }
    let mut fields = match payload {
        None => Map::new(),
        Some(Value::Object(fields)) if !fields.contains_key("extra") => fields,
        Some(other) => Map::from_iter([("value".to_owned(), other)]),
    };
    fields.insert("extra".into(), Value::Object(extra));
    Some(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{options, reasons, run};
    use super::super::{Format, Options};

    #[test]
    fn all_fields_arrive() {
        let line = r#"{"id":"T001","title":"Do it","queue":"critical","priority":7,"category":"types",
            "severity":"minor","rule":"R1","line":12,"files":["./src/a.ts","/repo/b"],"needs":["T000"],
            "run":"make","payload":{"k":1},"due":"now","owner":null}"#
            .replace('\n', " ");
        let (items, report) = run(line, &options());
        let expected = serde_json::json!({"item": {"id":"T001","title":"Do it","severity":"minor",
            "category":"types","rule":"R1","line":12,"files":["src/a.ts","b"],"needs":["T000"],"run":"make",
            "payload":{"k":1,"extra":{"due":"now","owner":null}}},"queue":"critical","priority":7});
        assert_eq!(serde_json::to_value(&items[0]).expect("serialises"), expected);
        assert_eq!((report.read, report.items, report.bad_total), (1, 1, 0));
    }

    #[test]
    fn a_time_limit_is_a_number_of_seconds_or_a_length_of_time() {
        let item = |timeout: &str| {
            let (mut items, report) = run(format!(r#"{{"title":"t","timeout":{timeout}}}"#), &options());
            assert_eq!(reasons(&report), [], "{timeout}");
            items.remove(0).item
        };
        assert_eq!(item("90").timeout, Some(90));
        assert_eq!(item("\"2s\"").timeout, Some(2));
        assert_eq!(item("\"1h 30m\"").timeout, Some(5400));
        assert_eq!(item("\"5m\"").id, item("300").id, "however it is written, it is the same item");
    }

    #[test]
    fn priority_comes_from_the_severity_unless_it_is_given() {
        let priority = |fields: &str| run(format!(r#"{{"title":"t"{fields}}}"#), &options()).0[0].priority;
        assert_eq!(priority(""), 2);
        assert_eq!(priority(r#","severity":"Blocker""#), 0);
        assert_eq!(priority(r#","severity":"odd""#), 2);
        assert_eq!(priority(r#","severity":"BLOCKER","priority":4"#), 4);
    }

    #[test]
    fn unknown_fields_never_displace_a_payload() {
        let payload =
            |fields: &str| run(format!(r#"{{"title":"t",{fields}}}"#), &options()).0[0].item.payload.clone();
        assert_eq!(payload(r#""x":1"#), Some(serde_json::json!({"extra":{"x":1}})));
        assert_eq!(payload(r#""x":1,"payload":"p""#), Some(serde_json::json!({"value":"p","extra":{"x":1}})));
        let both = serde_json::json!({"value":{"extra":2},"extra":{"x":1}});
        assert_eq!(payload(r#""x":1,"payload":{"extra":2}"#), Some(both));
        assert_eq!(payload(r#""payload":null"#), None);
    }

    #[test]
    fn what_was_exported_is_itself_again_unless_it_is_finished() {
        let line = |state: &str, export: &str| {
            format!(
                "{{\"id\":\"{state}\",\"title\":\"t\",\"state\":\"{state}\",\"session\":\"s\",\"attempt\":1,\"why\":\"w\"{export}}}\n"
            )
        };
        let all = ["pending", "blocked", "claimed", "done", "failed"];
        let text: String = all.iter().map(|state| line(state, ",\"export\":1")).collect();
        let (items, report) = run(text, &options());
        assert_eq!(items.iter().map(|i| i.item.id.as_str()).collect::<Vec<_>>(), all[..3]);
        assert!(items.iter().all(|i| i.item.payload.is_none()), "where it stood is no part of it");
        assert_eq!((report.read, report.skipped, report.bad_total), (5, 2, 0));
        let (items, _) = run(line("done", ""), &options());
        let extra = serde_json::json!({"extra": {"state": "done", "session": "s", "attempt": 1, "why": "w"}});
        assert_eq!(items[0].item.payload, Some(extra), "somebody else's fields");
    }

    #[test]
    fn each_bad_line_says_what_is_wrong() {
        let cases = [
            ("not json", "no JSON: expected ident at column 2"),
            (r#"{"title":"t""#, "no JSON: EOF while parsing an object at column 12"),
            ("[1]", "invalid type: sequence, expected an object at column 0"),
            ("{}", "title: missing"),
            (r#"{"title":null}"#, "title: missing"),
            (r#"{"title":" "}"#, "title: empty"),
            (r#"{"title":"a\nb"}"#, "title: must be one line without control characters"),
            (r#"{"title":5}"#, "title: expected a string, found a number"),
            (r#"{"title":"t","priority":"1"}"#, "priority: expected a number, found a string"),
            (r#"{"title":"t","priority":-1}"#, "priority: expected a whole number from 0 on, found -1"),
            (
                r#"{"title":"t","priority":4294967296}"#,
                "priority: expected a whole number from 0 on, found 4294967296",
            ),
            (r#"{"title":"t","line":0}"#, "line: expected a whole number from 1 on, found 0"),
            (r#"{"title":"t","line":1.5}"#, "line: expected a whole number from 1 on, found 1.5"),
            (r#"{"title":"t","timeout":0}"#, "timeout: expected a whole number from 1 on, found 0"),
            (
                r#"{"title":"t","timeout":"90"}"#,
                "timeout: \"90\" is no length of time: write 90s, 30m, 2h or 1d",
            ),
            (r#"{"title":"t","timeout":"0s"}"#, "timeout: \"0s\" is not between a second and ten years"),
            (
                r#"{"title":"t","timeout":[5]}"#,
                "timeout: expected a number of seconds or a length of time, found an array",
            ),
            (r#"{"title":"t","files":"a"}"#, "files: expected an array of strings, found a string"),
            (r#"{"title":"t","files":[{}]}"#, "files: expected strings in the array, found an object"),
            (r#"{"title":"t","files":["../a"]}"#, "files: ../a: outside the repository"),
            (r#"{"title":"t","files":["/etc/x"]}"#, "files: /etc/x: outside the repository"),
            (
                r#"{"title":"t","id":"a b"}"#,
                "id: \"a b\" is no valid item name: white space and control characters are not allowed",
            ),
            (r#"{"title":"t","needs":[""]}"#, "needs: \"\" is no valid item name: it is empty"),
            (
                r#"{"title":"t","queue":"a/b"}"#,
                "queue: \"a/b\" is no valid queue name: use letters, digits, '.', '_' and '-'",
            ),
        ];
        let text: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
        let jsonl = Options { format: Some(Format::Jsonl), ..options() };
        let (items, report) = run(text, &jsonl);
        assert_eq!(items, []);
        let expected: Vec<_> = (1..).zip(cases).map(|(n, (_, reason))| (n, reason.to_owned())).collect();
        assert_eq!(reasons(&report), expected);
    }

    #[test]
    fn a_bad_line_does_not_stop_the_others() {
        let text = b"\xef\xbb\xbf{\"title\":\"a\"}\r\n\r\n{\"title\":\"\xff\"}\n  \n{\"title\":\"b\"}";
        let (items, report) = run(text, &options());
        let titles: Vec<_> = items.iter().map(|i| i.item.title.as_str()).collect();
        assert_eq!(titles, ["a", "b"]);
        assert_eq!(reasons(&report), [(3, "invalid UTF-8 after 10 bytes".to_owned())]);
    }

    #[test]
    fn a_line_without_end_is_not_kept_in_memory() {
        let mut text = b"{\"title\":\"a\"}\n{\"title\":\"".to_vec();
        text.resize(text.len() + 17 * 1024 * 1024, b'x');
        text.extend(b"\"}\n{\"title\":\"b\"}\n");
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 2);
        assert_eq!(reasons(&report), [(2, "longer than 16 MiB".to_owned())]);
    }

    #[test]
    fn an_id_names_one_content() {
        let text = r#"{"id":"a","title":"t","payload":{"x":1,"y":2}}
            {"payload":{"y":2,"x":1},"title":"t","id":"a"}
            {"id":"a","title":"u"}
            {"id":"b","title":"t"}"#;
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 2);
        assert_eq!((report.read, report.items, report.duplicates, report.bad_total), (4, 2, 1, 1));
        assert_eq!(reasons(&report), [(3, "id: a stands on line 1 with another content".to_owned())]);
    }

    #[test]
    fn equal_lines_without_an_id_are_items_of_their_own() {
        let line = "{\"title\":\"t\"}\n";
        let (items, report) = run(line.repeat(3), &options());
        let ids: std::collections::BTreeSet<_> = items.iter().map(|i| i.item.id.clone()).collect();
        assert_eq!((ids.len(), report.duplicates), (3, 0));
    }
}
