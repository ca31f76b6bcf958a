//! Our own format: one item a line. `title` is all that a line needs.
//!
//! `{"id":"T001","title":"…","queue":"critical","priority":1,"category":"types","severity":"MAJOR",
//! "rule":"…","line":12,"files":["src/a.ts"],"needs":["T000"],"run":"…","payload":{…}}`

use std::collections::HashSet;
use std::io::BufRead;

use serde_json::{Map, Value};

use crate::model::{Item, ItemId, ItemState, NewItem, QueueName, RepoPath};

use super::collect::Collector;
use super::csv::ColumnMap;
use super::format::{Read, Spec};
use super::json::walk::{Lists, walk};
use super::lines::for_each_line;
use super::object::Object;
use super::place::NoPlace;
use super::severity::Severity;
use super::sniff::Shape;
use super::{ImportError, fields, finding, scale, status};

/// Bytes of a title that is kept as it is; of a longer one the first line is the title.
const TITLE_MAX: usize = 4 * 1024;

/// Value of the field `export` in the lines of `queue export`.
pub(crate) const EXPORT: u64 = 1;

pub(super) const SPEC: Spec = Spec {
    name: "jsonl",
    about: "our own: one object a line, or an array of objects; only a title is required",
    sniff: |head| match &head.shape {
        Shape::Blank => true,
        Shape::Object { .. } => TITLES.iter().any(|key| head.a_line_has(key)),
        Shape::Array(keys) => TITLES.iter().any(|key| keys.iter().any(|k| k == key)),
        _ => false,
    },
    read: Read::By(read),
    skipped: "items that are finished",
};

/// Keys of which one makes an object an item.
const TITLES: [&str; 4] = ["title", "summary", "message", "description"];

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut telling: HashSet<String> = HashSet::new();
    let mut each = |line: u64, mut object: Object, collector: &mut Collector<'_>| {
        let exported = exported(&mut object)?;
        if exported == Some(Exported::Failed) {
            // What needs it stays blocked, as it was.
            collector.skip();
            return Ok(());
        }
        let finished = exported == Some(Exported::Done)
            || (exported.is_none()
                && object.fields_mut().iter().any(|(name, value)| is_finished(name, value, collector)));
        if exported.is_none() {
            let map = &collector.options().map;
            rename(&mut object, map);
            for (name, _) in object.fields_mut().iter() {
                let known = fields::own(name).is_some() || name == "payload";
                if !known && fields::is_telling(name) && telling.len() < 100 && telling.insert(name.clone()) {
                    collector.note(line, format!("{name}: not a field of an item, kept in payload.extra"));
                }
            }
        }
        take(line, object, finished, collector)
    };
    let array = {
        let mut input = input;
        let first = input.fill_buf().map_err(ImportError::Read)?.trim_ascii_start().first().copied();
        if first != Some(b'[') {
            return for_each_line(input, collector, |number, line, collector| {
                each(number, Object::parse(line.trim_ascii())?, collector)
            });
        }
        input
    };
    walk(array, &Lists::of(&["[]"]), collector, &mut |scope, collector| {
        let object = match scope.value {
            Value::Object(fields) => Ok(Object::of(fields.clone().into_iter().collect())),
            _ => Err("expected an object".to_owned()),
        };
        if let Err(reason) = object.and_then(|object| each(scope.line, object, collector)) {
            collector.bad(scope.line, reason);
        }
    })
}

fn is_finished(name: &str, value: &Value, collector: &Collector<'_>) -> bool {
    let name = collector.options().map.field(name).filter(|field| *field == "status").unwrap_or(name);
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Bool(true) => "true",
        Value::Number(_) => return false,
        _ => "",
    };
    fields::is_finished(name, text)
}

/// Gives fields their own names: as the user maps them, else by the names that are known (`fields.rs`). Of several
/// for one field the best counts.
fn rename(object: &mut Object, map: &ColumnMap) {
    let fields = object.fields_mut();
    let ranks: Vec<Option<(&str, usize)>> = fields
        .iter()
        .map(|(name, value)| match map.field(name) {
            _ if value.is_null() => None,
            Some(field) => Some((field, 0)),
            None => fields::field(name)
                .filter(|(field, _)| !map.has(field))
                .map(|(field, rank)| (field, rank + 1)),
        })
        .collect();
    for (at, rank) in ranks.iter().enumerate() {
        let Some((field, rank)) = rank else { continue };
        let best = ranks.iter().flatten().filter(|(f, _)| f == field).map(|(_, r)| *r).min();
        let own = fields[at].0 == *field;
        if best == Some(*rank)
            && !own
            && !ranks.iter().enumerate().any(|(n, r)| n > at && *r == Some((*field, *rank)))
        {
            fields[at].0 = (*field).to_owned();
        } else if best != Some(*rank) && own {
            // Another field is mapped to this one.
            fields[at].0 = format!("{field} (not used)");
        }
    }
}

/// Takes one item apart, of which it is known whether it is finished where it comes from.
///
/// # Errors
/// When a field is not what it must be, with the reason.
pub(super) fn take(
    line: u64,
    mut object: Object,
    finished: bool,
    collector: &mut Collector<'_>,
) -> Result<(), String> {
    let id = object.word("id")?.map(|id| ItemId::parse(&id).map_err(|e| format!("id: {e}"))).transpose();
    if finished {
        collector.finished(id.ok().flatten());
        return Ok(());
    }
    let id = id?;
    let title = object.word("title")?.ok_or("title: missing")?;
    let (title, whole) = one_line(title)?;
    let queue = object.parsed("queue", QueueName::parse)?;
    let severity = object.word("severity")?;
    let by_severity = || severity.as_deref().and_then(scale::word).unwrap_or(Severity::UNKNOWN).priority();
    let priority = priority(line, &mut object, collector)?.unwrap_or_else(by_severity);
    let mut item = Item {
        severity,
        category: object.word("category")?,
        phase: object.word("phase")?,
        group: object.word("group")?,
        rule: object.word("rule")?,
        line: object.number("line", 1)?,
        files: files(line, &mut object, collector)?,
        needs: needs(&mut object)?,
        run: object.parsed("run", command)?,
        timeout: object.seconds("timeout")?,
        tool: object.text("tool")?,
        payload: object.value("payload"),
        ..Item::new(ItemId::from_digest([0; 8]), title)
    };
    item.payload = with_extra(item.payload, object.rest());
    if let Some(whole) = whole {
        item.payload = with_message(item.payload, whole);
    }
    collector.item(line, NewItem { item, queue, priority }, id);
    Ok(())
}

/// The title, and the whole text if that is more than a line.
fn one_line(title: String) -> Result<(String, Option<String>), String> {
    if title.trim().is_empty() {
        return Err("title: empty".into());
    }
    if title.len() <= TITLE_MAX && !title.contains(char::is_control) {
        return Ok((title, None));
    }
    let (line, _) = finding::title("", &title);
    Ok((line, Some(title)))
}

/// A number, or a word for one. A word that is not known is noted.
fn priority(line: u64, object: &mut Object, collector: &mut Collector<'_>) -> Result<Option<u32>, String> {
    let Some(Value::String(word)) = object.get("priority").cloned() else {
        return object.number("priority", 0);
    };
    object.value("priority");
    let priority = status::priority(&word);
    if priority.is_none() && !word.trim().is_empty() {
        collector
            .note(line, format!("priority: {word:?} is not known, and the priority comes from the severity"));
    }
    Ok(priority)
}

/// The files, all of which have to be in the repository, unless those outside may be left out.
fn files(line: u64, object: &mut Object, collector: &mut Collector<'_>) -> Result<Vec<RepoPath>, String> {
    let names = object.list("files", |name| Ok::<_, String>(name.to_owned()))?;
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        match collector.places.path(&name) {
            Ok(path) => files.push(path),
            Err(NoPlace::Outside(_)) if collector.options().skip_outside => {
                collector.note(line, format!("{name}: outside the repository, left out"));
            }
            Err(reason) => {
                collector.outside(&reason);
                return Err(format!("files: {reason}"));
            }
        }
    }
    Ok(files)
}

/// The needs: a list, or one text with commas or blanks between them. Some write an object for each.
fn needs(object: &mut Object) -> Result<Vec<ItemId>, String> {
    let words = match object.value("needs") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => text
            .split([',', ';', ' ', '\n'])
            .filter(|w| !w.is_empty())
            .map(|w| Value::String(w.to_owned()))
            .collect(),
        Some(Value::Array(values)) => values,
        Some(other) => vec![other],
    };
    let word = |value: Value| match value {
        Value::Object(fields) => {
            let named = ["depends_on_id", "id", "key"].iter().find_map(|name| fields.get(*name).cloned());
            named.unwrap_or(Value::Object(fields))
        }
        other => other,
    };
    let mut list =
        Object::of(vec![("needs".to_owned(), Value::Array(words.into_iter().map(word).collect()))]);
    list.list("needs", ItemId::parse)
}

/// The payload with the whole text of a title.
fn with_message(payload: Option<Value>, message: String) -> Option<Value> {
    let mut fields = match payload {
        Some(Value::Object(fields)) => fields,
        None => Map::new(),
        Some(other) => Map::from_iter([("value".to_owned(), other)]),
    };
    fields.entry("message").or_insert(Value::String(message));
    Some(Value::Object(fields))
}

/// The words of a command. A process cannot be given one with a NUL; one of blanks would do nothing and
/// succeed, and its item would be done.
fn command(text: &str) -> Result<String, &'static str> {
    match text {
        _ if text.contains('\0') => Err("a command cannot contain a NUL character"),
        _ if text.trim().is_empty() => Err("empty"),
        _ => Ok(text.to_owned()),
    }
}

/// What an exported item was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exported {
    Done,
    Failed,
    Open,
}

/// Looks at the fields that only `queue export` writes, and takes them out: where an item was in
/// another store is not part of it. Other files may have fields of these names.
fn exported(object: &mut Object) -> Result<Option<Exported>, String> {
    if object.get("export").and_then(Value::as_u64) != Some(EXPORT) {
        return Ok(None);
    }
    let state = object.text("state")?;
    for field in ["export", "state", "session", "attempt", "lease", "at", "why", "until"] {
        object.value(field);
    }
    let was = |of: ItemState| state.as_deref() == Some(of.word());
    Ok(Some(if was(ItemState::Done) {
        Exported::Done
    } else if was(ItemState::Failed) {
        Exported::Failed
    } else {
        Exported::Open
    }))
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
        let (items, report) = run(line("open", "") + &line("done", ""), &options());
        let extra = serde_json::json!({"extra": {"state": "open", "session": "s", "attempt": 1, "why": "w"}});
        assert_eq!(items[0].item.payload, Some(extra), "fields of another program");
        assert_eq!((items.len(), report.skipped), (1, 1), "but what is done is not work");
    }

    #[test]
    fn each_bad_line_says_what_is_wrong() {
        let cases = [
            ("not json", "not JSON: expected ident at column 2"),
            (r#"{"title":"t""#, "not JSON: EOF while parsing an object at column 12"),
            ("[1]", "invalid type: sequence, expected an object at column 0"),
            ("{}", "title: missing"),
            (r#"{"title":null}"#, "title: missing"),
            (r#"{"title":" "}"#, "title: empty"),
            (r#"{"title":"t","priority":-1}"#, "priority: expected a whole number from 0 on, found -1"),
            (
                r#"{"title":"t","priority":4294967296}"#,
                "priority: expected a whole number from 0 on, found 4294967296",
            ),
            (r#"{"title":"t","line":0}"#, "line: expected a whole number from 1 on, found 0"),
            (r#"{"title":"t","line":1.5}"#, "line: expected a whole number from 1 on, found 1.5"),
            (r#"{"title":"t","timeout":0}"#, "timeout: expected a whole number from 1 on, found 0"),
            (r#"{"title":"t","timeout":"0s"}"#, "timeout: \"0s\" is not between a second and ten years"),
            (
                r#"{"title":"t","timeout":[5]}"#,
                "timeout: expected a number of seconds or a length of time, found an array",
            ),
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
        assert_eq!(reasons(&report), [(3, "id: a is on line 1 with another content".to_owned())]);
    }

    #[test]
    fn equal_lines_without_an_id_are_items_of_their_own() {
        let line = "{\"title\":\"t\"}\n";
        let (items, report) = run(line.repeat(3), &options());
        let ids: std::collections::BTreeSet<_> = items.iter().map(|i| i.item.id.clone()).collect();
        assert_eq!((ids.len(), report.duplicates), (3, 0));
    }

    #[test]
    fn names_of_fields_are_those_of_tables() {
        let text = r#"{"title":"Fix the cart","file":"src/cart.ts","severity":"high","depends_on":["T1"]}
            {"title":"Fix the mail","path":"src/mail.ts","dependencies":["T2"],"priority":"Urgent"}
            {"summary":"s","description":"long","filename":"a","blockedBy":"T1, T2","line_number":"7","target_files":[1]}
            {"title":"closed","id":7,"status":"Won't fix"}"#;
        let (items, report) = run(text, &options());
        assert_eq!((reasons(&report), report.skipped), (vec![], 1));
        let short: Vec<_> = items
            .iter()
            .map(|i| (i.item.files[0].as_str(), i.item.needs.len(), i.priority, i.item.line))
            .collect();
        let expected = [("src/cart.ts", 1, 1, None), ("src/mail.ts", 1, 0, None), ("a", 2, 2, Some(7))];
        assert_eq!(short, expected);
        assert!(report.finished.iter().any(|id| id.as_str() == "7"));
        let notes: Vec<_> = report.notes.iter().map(|n| (n.line, n.reason.as_str())).collect();
        assert_eq!(notes, [(3, "target_files: not a field of an item, kept in payload.extra")]);
    }

    #[test]
    fn an_array_of_items_is_the_same_as_its_lines() {
        let lines =
            "{\"id\":\"A1\",\"title\":\"one\"}\n{\"id\":\"A2\",\"title\":\"two\",\"needs\":[\"A1\"]}\n";
        let array = format!("[\n{}]", lines.trim_end().replace('\n', ",\n"));
        assert_eq!(run(lines, &options()).0, run(array, &options()).0);
        let pretty = "[\n  {\n    \"title\": \"a\"\n  },\n  3,\n  {\n    \"title\": \"\"\n  }\n]";
        let report = run(pretty, &options()).1;
        let expected = [(5, "expected an object"), (6, "title: empty")];
        assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    }
}
