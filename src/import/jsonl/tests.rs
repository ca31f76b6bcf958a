//! Tests of `jsonl.rs`.

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
    assert!(items.iter().all(|i| i.item.payload.is_none()), "its place is not part of it");
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
    let lines = "{\"id\":\"A1\",\"title\":\"one\"}\n{\"id\":\"A2\",\"title\":\"two\",\"needs\":[\"A1\"]}\n";
    let array = format!("[\n{}]", lines.trim_end().replace('\n', ",\n"));
    assert_eq!(run(lines, &options()).0, run(array, &options()).0);
    let pretty = "[\n  {\n    \"title\": \"a\"\n  },\n  3,\n  {\n    \"title\": \"\"\n  }\n]";
    let report = run(pretty, &options()).1;
    let expected = [(5, "expected an object"), (6, "title: empty")];
    assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
}
