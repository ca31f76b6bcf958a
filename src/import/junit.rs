//! JUnit's XML, as nearly every test runner writes it: the tests that failed.
//!
//! ```xml
//! <testsuites><testsuite name="s"><testcase classname="pkg.Test" name="adds" file="t/a.py" line="3">
//!   <failure message="1 != 2" type="AssertionError">…</failure>
//! </testcase></testsuite></testsuites>
//! ```
//!
//! - A test with `failure` or `error` is an item; all others, also those that passed at a second
//!   attempt (`flakyFailure`), are no findings.
//! - The rule is the test, `classname::name`, and so is the identity: what a test says when it
//!   fails differs from run to run.
//! - `file` of the test or its suite is the item's file when it is in the repository. It may be
//!   missing.

use std::io::BufRead;

use serde_json::json;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::fingerprint::{Basis, canonical_json};
use super::format::Head;
use super::severity::Severity;
use super::xml::{Element, Node, walk};

pub(super) fn sniff(head: &Head) -> bool {
    head.is_element("testsuites") || head.is_element("testsuite")
}

/// A test being read.
struct Test {
    case: Element,
    /// What it said at its first failure: attribute and text.
    failure: Option<(String, String)>,
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut suites: Vec<Element> = Vec::new();
    let mut test: Option<Test> = None;
    walk(input, collector, |node, collector| match node {
        Node::Start(element) => match (element.name.as_str(), &mut test) {
            ("testsuite", _) => suites.push(element),
            ("testcase", _) => test = Some(Test { case: element, failure: None }),
            ("failure" | "error", Some(test)) => {
                let said = element.get("message").or(element.get("type")).unwrap_or_default().to_owned();
                test.failure.get_or_insert((said, String::new()));
            }
            _ => {}
        },
        Node::End(name, text) => match name.as_str() {
            "testsuite" => {
                suites.pop();
            }
            "failure" | "error" => {
                if let Some(failure) =
                    test.as_mut().and_then(|t| t.failure.as_mut()).filter(|f| f.1.is_empty())
                {
                    failure.1 = text;
                }
            }
            "testcase" => {
                let Some(Test { case, failure }) = test.take() else { return };
                match failure.map(|f| finding(&case, suites.last(), f, collector)) {
                    None => collector.skip(),
                    Some(Ok(finding)) => collector.finding(finding),
                    Some(Err(reason)) => collector.bad(case.line, reason),
                }
            }
            _ => {}
        },
    })
}

fn finding(
    case: &Element,
    suite: Option<&Element>,
    (said, text): (String, String),
    collector: &Collector<'_>,
) -> Result<Finding, String> {
    let name = case.get("name").ok_or("testcase: no name")?;
    let class = case.get("classname").or_else(|| suite?.get("name"));
    let test = class.map_or(name.to_owned(), |class| format!("{class}::{name}"));
    let file = case.get("file").or_else(|| suite?.get("file"));
    let file = file.and_then(|file| collector.places.file(file).ok());
    let message = match (said.trim(), text.trim()) {
        ("", "") => "failed".to_owned(),
        (said, "") => said.to_owned(),
        ("", text) => text.to_owned(),
        (said, text) if text.starts_with(said) => text.to_owned(),
        (said, text) => format!("{said}\n{text}"),
    };
    Ok(Finding {
        basis: Basis::Tool(canonical_json(&json!({ "test": test }))),
        rule: Some(test),
        message,
        line: file.as_ref().and(case.number("line")),
        files: file.into_iter().collect(),
        column: None,
        severity: Severity::Critical,
        category: Some("test".to_owned()),
        url: None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

    const TEXT: &str = "<testsuites>\n<testsuite name=\"suite\" tests=\"5\" file=\"spec/s.js\">\n\
        <testcase classname=\"t.A\" name=\"passes\" time=\"0.1\"/>\n\
        <testcase classname=\"t.A\" name=\"fails[1]\" file=\"/repo/t/a.py\" line=\"3\">\n\
        <failure message=\"1 != 2\" type=\"E\"><![CDATA[Trace <here>\n  at &amp;]]></failure><error message=\"teardown\"/></testcase>\n\
        <testcase name=\"errs\"><error>boom &lt;x&gt;</error><system-out>error</system-out></testcase>\n\
        <testcase name=\"skipped\"><skipped/></testcase>\n<testcase name=\"flaky\"><flakyFailure message=\"m\"/></testcase>\n\
        <testcase><failure/></testcase>\n</testsuite></testsuites>";

    #[test]
    fn tests_that_failed_are_items() {
        let (items, report) = run(TEXT, &options());
        assert_eq!((report.format, report.read, report.items, report.skipped), (Format::Junit, 6, 2, 3));
        let first = &items[0].item;
        assert_eq!(first.title, "t.A::fails[1]: 1 != 2");
        assert_eq!((first.files[0].as_str(), first.line, items[0].priority), ("t/a.py", Some(3), 1));
        let said = first.payload.as_ref().expect("the text")["message"].as_str();
        assert_eq!(said, Some("1 != 2\nTrace <here>\n  at &amp;"));
        let second = &items[1].item;
        assert_eq!((second.title.as_str(), second.files[0].as_str()), ("suite::errs: boom <x>", "spec/s.js"));
        assert_eq!(reasons(&report), [(10, "testcase: no name".to_owned())]);
    }

    #[test]
    fn a_test_that_says_something_else_today_is_the_same_item() {
        let later = TEXT.replace("1 != 2", "1 != 3").replace("boom", "bang");
        let ids = |text: &str| run(text, &options()).0.into_iter().map(|i| i.item.id).collect::<Vec<_>>();
        assert_eq!(ids(TEXT), ids(&later));
    }
}
