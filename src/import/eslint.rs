//! `eslint --format json`: an array with one object for each file.
//!
//! `[{"filePath":"/repo/a.ts","messages":[{"ruleId":"no-undef","severity":2,"message":"…",
//! "line":1,"column":5}],"suppressedMessages":[],…}]`
//!
//! Severity 2 is `error`, 1 is `warning`. A message without a rule that is not fatal (a file that
//! is ignored) is no finding; suppressed ones are not read.

use std::io::BufRead;

use crate::model::RepoPath;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::format::{Head, Shape};
use super::lines::for_each_element;
use super::object::Object;
use super::severity::Severity;

pub(super) fn sniff(head: &Head) -> bool {
    // Without findings, it is the array of any tool.
    head.elements_have("filePath") || head.shape == Shape::EmptyArray
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    for_each_element(input, collector, take)
}

fn take(line: u64, mut object: Object, collector: &mut Collector<'_>) -> Result<(), String> {
    let name = object.text("filePath")?.ok_or("filePath: missing")?;
    let messages = object.objects("messages")?;
    if messages.is_empty() {
        // A clean file may be anywhere.
        return Ok(());
    }
    let file = collector.places.file(&name).map_err(|reason| format!("filePath: {reason}"))?;
    for (index, message) in messages.into_iter().enumerate() {
        match finding(message, &file) {
            Ok(Some(finding)) => collector.finding(finding),
            Ok(None) => collector.skip(),
            Err(reason) => collector.bad(line, format!("{name}: messages[{index}]: {reason}")),
        }
    }
    Ok(())
}

fn finding(mut message: Object, file: &RepoPath) -> Result<Option<Finding>, String> {
    let rule = message.text("ruleId")?;
    let fatal = message.value("fatal").is_some_and(|f| f == true);
    if rule.is_none() && !fatal {
        return Ok(None);
    }
    let positive = |n: Option<u64>| n.filter(|n| *n > 0);
    let severity = match message.number::<u64>("severity", 0)? {
        Some(1) if !fatal => Severity::Major,
        _ => Severity::Critical,
    };
    let text = message.text("message")?.ok_or("message: missing")?;
    Ok(Some(Finding {
        files: vec![file.clone()],
        // 0 stands for the whole file.
        line: positive(message.number("line", 0)?),
        column: positive(message.number("column", 0)?),
        ..Finding::new(rule, text, severity)
    }))
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

    #[test]
    fn each_message_is_an_item() {
        let text = r#"[
  {"filePath":"/repo/src/a.ts","messages":[
    {"ruleId":"@typescript-eslint/no-explicit-any","severity":1,"message":"Unexpected any.","line":3,"column":7,"endLine":3},
    {"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error: x","line":9,"column":1}],
   "suppressedMessages":[{"ruleId":"no-undef","severity":2,"message":"no"}],"source":"let x: any"},
  {"filePath":"/elsewhere/clean.ts","messages":[]},
  {"filePath":"/repo/dist/b.js","messages":[{"ruleId":null,"severity":1,"message":"File ignored","line":0}]}
]"#;
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.read, report.items, report.skipped), (Format::Eslint, 3, 2, 1));
        let titles: Vec<_> = items.iter().map(|i| i.item.title.as_str()).collect();
        assert_eq!(titles, ["@typescript-eslint/no-explicit-any: Unexpected any.", "Parsing error: x"]);
        let first = &items[0];
        assert_eq!((first.priority, first.item.line), (2, Some(3)));
        assert_eq!(first.item.category.as_deref(), Some("@typescript-eslint"));
        assert_eq!(first.item.files[0].as_str(), "src/a.ts");
        assert_eq!(items[1].priority, 1);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let text = "[{\"filePath\":\"/x/a.ts\",\"messages\":[{}]},\n{\"filePath\":\"a.ts\",\"messages\":[{\"ruleId\":\"r\"}]},\n3,\n{\"filePath\":\"a.ts\",\"messages\":[{\"ruleId\":\"r\",\"message\":\"m\"}]},\n{]";
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 1);
        let expected = [
            (1, "filePath: /x/a.ts: outside the repository"),
            (2, "a.ts: messages[0]: message: missing"),
            (3, "invalid type: integer `3`, expected an object at column 1"),
            (5, "the JSON is broken at column 2: key must be a string"),
        ];
        assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    }
}
