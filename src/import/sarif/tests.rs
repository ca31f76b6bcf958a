use std::cell::Cell;
use std::io::{BufReader, Cursor, Read};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::import::tests::{options, reasons, run};
use crate::import::{Format, Report, read};
use crate::model::NewItem;

/// Reads a log with one run.
fn one_run(run_object: Value) -> (Vec<NewItem>, Report) {
    run(json!({"version": "2.1.0", "runs": [run_object]}).to_string(), &options())
}

/// A result of the rule `R1` in one file.
fn result(uri: &str) -> Value {
    json!({"ruleId": "R1", "level": "note", "message": {"text": "m"}, "locations": [location(uri, 3)]})
}

fn location(uri: &str, line: u32) -> Value {
    let region = json!({"startLine": line, "startColumn": 5});
    json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}})
}

/// A result with other values for some fields; `null` takes a field out.
fn with(mut result: Value, fields: Value) -> Value {
    for (key, value) in fields.as_object().expect("an object") {
        result[key] = value.clone();
    }
    result
}

#[test]
fn a_real_log_gives_one_item_a_result() {
    let (items, report) = run(include_str!("../../../tests/data/findings.sarif"), &options());
    assert_eq!((report.format, report.read, report.items, report.bad_total), (Format::Sarif, 107, 107, 0));
    let expected = json!({"item": {"id": items[0].item.id,
        "title": "undocumented-public-package: Missing docstring in public package",
        "severity": "MAJOR", "rule": "undocumented-public-package", "line": 1,
        "files": ["django/utils/__init__.py"], "tool": "ruff", "payload": {"column": 1,
            "url": "https://docs.astral.sh/ruff/rules/undocumented-public-package"}},
        "queue": null, "priority": 2});
    assert_eq!(serde_json::to_value(&items[0]).expect("serialises"), expected);
    let ids: std::collections::BTreeSet<_> = items.iter().map(|i| &i.item.id).collect();
    assert_eq!(ids.len(), items.len());
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let tool = r#""tool":{"driver":{"name":"x","rules":[{"id":"A1","helpUri":"https://a","defaultConfiguration":
        {"level":"error"},"properties":{"tags":["security"]}}]}}"#;
    let bases = r#""originalUriBaseIds":{"TOP":{"uri":"file:///repo/sub/"}}"#;
    let artifacts = r#""artifacts":[{"location":{"uri":"b.c"}}]"#;
    let results = r#""results":[
        {"ruleIndex":0,"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":
            {"uri":"a.c","uriBaseId":"TOP"}}}]},
        {"ruleId":"A1","message":{"text":"n"},"locations":[{"physicalLocation":{"artifactLocation":
            {"index":0}}}]}]"#;
    let log = |parts: [&str; 4]| format!("{{\"runs\":[{{{}}}],\"version\":\"2.1.0\"}}", parts.join(","));
    let (items, report) = run(log([tool, bases, artifacts, results]), &options());
    assert_eq!(reasons(&report), []);
    let first = &items[0];
    assert_eq!((first.priority, first.item.category.as_deref()), (1, Some("security")));
    assert_eq!((first.item.rule.as_deref(), first.item.files[0].as_str()), (Some("A1"), "sub/a.c"));
    assert_eq!(items[1].item.files[0].as_str(), "b.c");
    for parts in [
        [results, tool, bases, artifacts],
        [tool, results, artifacts, bases],
        [artifacts, bases, results, tool],
        [bases, tool, results, artifacts],
    ] {
        assert_eq!(run(log(parts), &options()).0, items, "{parts:?}");
    }
}

#[test]
fn results_that_are_not_findings_are_skipped() {
    let skipped = [
        json!({"kind": "pass"}),
        json!({"kind": "notApplicable"}),
        json!({"baselineState": "absent"}),
        json!({"suppressions": [{"kind": "inSource"}]}),
        json!({"suppressions": [{"status": "rejected"}, {"status": "accepted"}]}),
    ];
    let kept = [
        json!({"kind": "fail"}),
        json!({"kind": "open"}),
        json!({"baselineState": "unchanged"}),
        json!({"suppressions": []}),
        json!({"suppressions": [{"status": "underReview"}]}),
        json!({"level": "none"}),
    ];
    let results = skipped.iter().chain(&kept).enumerate();
    let results: Vec<_> = results.map(|(n, f)| with(result(&format!("a{n}")), f.clone())).collect();
    let (items, report) = one_run(json!({"tool": {}, "results": results}));
    assert_eq!((report.read, report.skipped, report.items), (11, 5, 6));
    let priorities: Vec<_> = items.iter().map(|i| i.priority).collect();
    assert_eq!(priorities, [3, 3, 3, 3, 3, 4]);
}

#[test]
fn the_severity_is_looked_for_in_this_order() {
    let scored = json!({"security-severity": "9.1"});
    let rules = json!([{"id": "scored", "properties": {"security-severity": 7.5}},
        {"id": "error", "defaultConfiguration": {"level": "error"}}, {"id": "plain"}]);
    let cases = [
        (json!({"ruleId": "scored", "level": "note", "properties": scored}), 0),
        (json!({"ruleId": "error", "level": "note"}), 3),
        (json!({"ruleId": "scored", "level": null}), 1),
        (json!({"ruleId": "error/sub", "level": null}), 1),
        (json!({"ruleId": "plain", "level": "unheard-of"}), 2),
        (json!({"ruleId": "unlisted", "level": null}), 2),
    ];
    let results = cases.iter().enumerate();
    let results: Vec<_> =
        results.map(|(n, (fields, _))| with(result(&format!("a{n}")), fields.clone())).collect();
    let (items, _) = one_run(json!({"tool": {"driver": {"rules": rules}}, "results": results}));
    let found: Vec<_> = items.iter().map(|i| i.priority).collect();
    assert_eq!(found, cases.map(|(_, priority)| priority));
}

#[test]
fn rules_are_found_by_id_index_and_extension() {
    let tool = json!({"driver": {"rules": [{"id": "D", "messageStrings": {"default": {"text": "say {0}"}}}]},
        "extensions": [{"rules": [{"id": "E0"}, {"id": "E1", "helpUri": "https://e1"}]}, {"rules": null}]});
    let results = [
        json!({"ruleIndex": 0, "message": {"id": "default", "arguments": ["hi"]}}),
        json!({"rule": {"index": 1, "toolComponent": {"index": 0}}, "message": {"text": "m"}}),
        json!({"rule": {"id": "E1/sub"}, "ruleIndex": -1, "message": {"text": "m"}}),
        json!({"ruleIndex": 7, "message": {"text": "m"}}),
    ];
    let (items, report) = one_run(json!({"tool": tool, "results": results}));
    assert_eq!(reasons(&report), []);
    let titles: Vec<_> = items.iter().map(|i| i.item.title.as_str()).collect();
    assert_eq!(titles, ["D: say hi", "E1: m", "E1/sub: m", "m"]);
    assert_eq!(items[1].item.payload, Some(json!({"url": "https://e1"})));
    assert_eq!(items[1].item.payload, items[2].item.payload);
}

#[test]
fn a_badly_described_rule_does_not_cost_its_findings() {
    let tool =
        json!({"driver": {"rules": [{"id": "R0", "helpUri": 5}, {"id": "R1", "helpUri": "https://r1"}]}});
    let results = [result("a"), with(result("a"), json!({"ruleId": "R0"}))];
    let (items, report) = one_run(json!({"tool": tool, "results": results}));
    assert_eq!((items.len(), report.bad_total), (2, 0));
    assert_eq!(items[0].item.payload, Some(json!({"column": 5, "url": "https://r1"})));
}

#[test]
fn an_item_has_all_files_of_its_finding_the_first_one_first() {
    let locations = [
        location("z.c", 9),
        json!({"logicalLocations": []}),
        location("a.c", 1),
        location("file:///usr/include/stdio.h", 1),
        location("./z.c", 4),
        location("", 1),
    ];
    let (items, report) =
        one_run(json!({"tool": {}, "results": [with(result(""), json!({"locations": locations}))]}));
    assert_eq!(reasons(&report), []);
    let files: Vec<_> = items[0].item.files.iter().map(|f| f.as_str()).collect();
    assert_eq!((files, items[0].item.line), (vec!["z.c", "a.c"], Some(9)));
    let (items, _) = one_run(json!({"tool": {}, "results": [with(result(""), json!({"locations": null}))]}));
    assert_eq!((items[0].item.files.len(), items[0].item.line), (0, None));
}

#[test]
fn base_uris_are_resolved_one_on_the_other() {
    let bases = json!({"TOP": {"uri": "file:///repo"}, "SRC": {"uri": "src/", "uriBaseId": "TOP"},
        "A": {"uri": "a/", "uriBaseId": "A"}, "NONE": {"description": {"text": "somewhere"}}});
    let file = |uri: &str, base: &str| {
        let location = json!({"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": base}}});
        let results = [with(result(""), json!({"locations": [location]}))];
        let (items, report) = one_run(json!({"tool": {}, "originalUriBaseIds": bases, "results": results}));
        assert_eq!(reasons(&report), []);
        items[0].item.files[0].to_string()
    };
    assert_eq!(file("x%20y.c", "SRC"), "src/x y.c");
    assert_eq!(file("x.c", "%SRCROOT%"), "x.c");
    assert_eq!(file("x.c", "NONE"), "x.c");
    assert_eq!(file("file:///repo/x.c", "SRC"), "x.c");
    assert!(file("x.c", "A").starts_with("a/a/"), "a circle ends");
}

#[test]
fn fingerprints_of_the_tool_count_more_than_the_message() {
    let id = |fields: Value| {
        let results = [with(result("a"), fields)];
        one_run(json!({"tool": {}, "results": results})).0[0].item.id.clone()
    };
    let by_message = id(json!({}));
    assert_eq!(id(json!({"fingerprints": {"matchBasedId/v1": "requires login"}})), by_message);
    let line_hash = id(json!({"partialFingerprints": {"primaryLocationLineHash": "1:1"}}));
    assert_ne!(line_hash, by_message);
    let all = json!({"partialFingerprints": {"primaryLocationLineHash": "1:1", "other": "x"},
        "fingerprints": {"f": "y"}, "message": {"text": "reworded"}});
    assert_eq!(id(all), line_hash);
    let full = id(json!({"fingerprints": {"b": "1", "a": "2"}}));
    assert_eq!(id(json!({"fingerprints": {"a": "2", "b": "1"}, "partialFingerprints": {"c": "3"}})), full);
    assert_ne!(id(json!({"partialFingerprints": {"a": "2", "b": "1", "c": "3"}})), full);
}

#[test]
fn a_bad_result_is_named_with_its_line_and_the_rest_is_read() {
    let text = "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":null},{\"tool\":{},\n\"results\":[\n\n  \
        {\"ruleId\":\n5},{\"message\":{}},\n\
        {\"message\":{\"text\":\"m\"},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"https://x\"}}}]},\n\
        \"text\"\n,{\"message\":{\"text\":\"fine\"}},\n\
        {\"message\":{\"text\":\"m\"},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"index\":3}}}]}]}]}";
    let (items, report) = run(text, &options());
    assert_eq!(items.len(), 2, "a page is not a file");
    let expected = [
        (4, "runs[1].results[0]: invalid type: integer `5`, expected a string"),
        (5, "runs[1].results[1]: message: no text"),
        (7, "runs[1].results[3]: invalid type: string \"text\", expected struct SarifResult"),
        (9, "runs[1].results[5]: locations: a file without a URI"),
    ];
    assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    assert_eq!((report.read, report.bad_total), (6, 4));
}

#[test]
fn where_a_log_breaks_off_is_said_once_and_what_was_before_is_kept() {
    let whole = json!({"runs": [{"results": [result("a"), result("b")]}]}).to_string();
    let broken = format!("{}\n ,oops", &whole[..whole.len() - "]}]}".len()]);
    let (items, report) = run(broken, &options());
    assert_eq!(items.len(), 2, "although they wait for the rules of a run that never ends");
    assert_eq!(reasons(&report), [(2, "the SARIF log is broken at column 3: expected value".to_owned())]);
    for (text, reason) in [
        (r#"{"version":"2.1.0","$schema":"x"}"#, "column 33: it has no `runs`"),
        (r#"{"runs":5}"#, "column 10: invalid type: integer `5`, expected an array of runs"),
        (r#"{"runs":[]} {}"#, "column 13: trailing characters"),
    ] {
        let expected = format!("the SARIF log is broken at {reason}");
        assert_eq!(reasons(&run(text, &options()).1), [(1, expected)], "{text}");
    }
    let old = reasons(&run(r#"{"version":"1.0.0","runs":null}"#, &options()).1);
    assert_eq!(old, [(1, "SARIF version \"1.0.0\": only 2.1.0 is read".to_owned())]);
}

/// A log that is made while it is read: only what has been asked for exists.
struct Lazy {
    current: Cursor<Vec<u8>>,
    next: usize,
    results: usize,
    made: Rc<Cell<usize>>,
}

impl Lazy {
    fn new(results: usize, made: &Rc<Cell<usize>>) -> Self {
        let head =
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"invocations":[],"results":["#;
        Lazy { current: Cursor::new(head.into()), next: 0, results, made: Rc::clone(made) }
    }
}

impl Read for Lazy {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.current.position() == self.current.get_ref().len() as u64 && self.next <= self.results {
            let (comma, n) = (if self.next == 0 { "" } else { ",\n" }, self.next);
            let piece = if n == self.results {
                "]}]}".to_owned()
            } else {
                let fix = "x".repeat(50_000);
                format!(
                    "{comma}{{\"message\":{{\"text\":\"{n}\"}},\"fixes\":[{{\"artifactChanges\":\"{fix}\"}}]}}"
                )
            };
            self.current = Cursor::new(piece.into_bytes());
            self.next += 1;
        }
        let read = self.current.read(out)?;
        self.made.set(self.made.get() + read);
        Ok(read)
    }
}

#[test]
fn a_large_log_goes_through_as_a_stream() {
    const RESULTS: usize = 1000;
    let made = Rc::new(Cell::new(0));
    let mut ahead = 0;
    let mut previous = 0;
    let input = Box::new(BufReader::new(Lazy::new(RESULTS, &made)));
    let report = read(input, &options(), &mut |_| {
        ahead = ahead.max(made.get() - previous);
        previous = made.get();
    })
    .expect("readable");
    assert_eq!(report.items, RESULTS as u64);
    assert!(made.get() > 50_000_000, "{}", made.get());
    // One result, and the buffers in front of the parser.
    assert!(ahead < 400_000, "{ahead} bytes were read from one item to the next");
}
