//! `eslint --format json`: an array with one object for each file.
//!
//! `[{"filePath":"/repo/a.ts","messages":[{"ruleId":"no-undef","severity":2,"message":"…",
//! "line":1,"column":5}],"suppressedMessages":[],…}]`
//!
//! Severity 2 is `error`, 1 is `warning`. A message without a rule that is not fatal (a file that
//! is ignored) is not a finding; suppressed ones are not read.

use super::row::{ROW, Row};
use crate::import::format::{Read, Spec};
use crate::import::severity::Severity;
use crate::import::sniff::Shape;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "eslint",
    about: "eslint --format json",
    // Without findings, it is the array of any tool.
    sniff: |head| head.elements_have("filePath") || head.shape == Shape::EmptyArray,
    read: Read::Json(&[Row {
        list: "[].messages.[]",
        file: &["^filePath"],
        rule: &["ruleId"],
        fit: |scope, finding| {
            let fatal = scope.get("fatal").is_some_and(|fatal| *fatal == true);
            let warning = scope.number(&["severity"]) == Some(1) && !fatal;
            finding.severity = if warning { Severity::Major } else { Severity::Critical };
            fatal || finding.rule.is_some()
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, reasons, run};

    #[test]
    fn each_message_is_an_item() {
        let text = r#"[
  {"filePath":"/repo/src/a.ts","messages":[
    {"ruleId":"@typescript-eslint/no-explicit-any","severity":1,"message":"Unexpected any.","line":3,"column":7,"endLine":3},
    {"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error: x","line":9,"column":1}],
   "suppressedMessages":[{"ruleId":"no-undef","severity":2,"message":"no"}],"source":"let x: any"},
  {"filePath":"/elsewhere/clean.ts","messages":[]},
  {"messages":[{"ruleId":null,"severity":1,"message":"File ignored","line":0},
   {"ruleId":"r","severity":2,"message":"late","line":0}],"filePath":"/repo/dist/b.js"}
]"#;
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.read, report.items, report.skipped), (Format::Eslint, 4, 3, 1));
        let titles: Vec<_> = items.iter().map(|i| i.item.title.as_str()).collect();
        assert_eq!(
            titles,
            ["@typescript-eslint/no-explicit-any: Unexpected any.", "Parsing error: x", "r: late"]
        );
        let first = &items[0];
        assert_eq!((first.priority, first.item.line), (2, Some(3)));
        assert_eq!(first.item.category.as_deref(), Some("@typescript-eslint"));
        assert_eq!(
            (items[0].item.files[0].as_str(), items[2].item.files[0].as_str()),
            ("src/a.ts", "dist/b.js")
        );
        assert_eq!(items[1].priority, 1);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let text = "[{\"filePath\":\"/x/a.ts\",\"messages\":[{\"ruleId\":\"r\",\"message\":\"m\"}]},\n{\"filePath\":\"a.ts\",\"messages\":[{\"ruleId\":\"r\"}]},\n3,\n{\"filePath\":\"a.ts\",\"messages\":[\n{\"ruleId\":\"r\",\"message\":\"m\"}]},\n{]";
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 1);
        let expected = [
            (1, "/x/a.ts: outside the repository"),
            (2, "message: missing"),
            (3, "messages: expected an object or an array, found a number"),
            (6, "the JSON is broken at column 2: key must be a string"),
        ];
        assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    }
}
