//! JUnit XML, as pytest, nextest, jest-junit, gotestsum, surefire and many others write it.

use super::{Outcomes, Status};
use crate::gate::xml::{Node, walk};

/// Reads all outcomes.
pub(super) fn read(bytes: &[u8]) -> Result<Outcomes, String> {
    let mut outcomes = Outcomes::default();
    let mut test: Option<(String, Case)> = None;
    walk(bytes, |node| match node {
        Node::Start(element) => match (element.name, &mut test) {
            ("testcase", _) => {
                let part = |key| element.get(key).filter(|v| !v.trim().is_empty());
                let mut id: Vec<String> =
                    [part("file"), part("classname"), part("name")].into_iter().flatten().collect();
                // jest-junit writes the title of the class before that of the test.
                id.dedup();
                test = Some((id.join(" "), Case::default()));
            }
            ("failure" | "error", Some((_, case))) => case.failed = true,
            ("skipped", Some((_, case))) => case.skipped = true,
            ("flakyFailure" | "flakyError" | "rerunFailure" | "rerunError", Some((_, case))) => {
                case.again = true
            }
            _ => {}
        },
        Node::End("testcase") => {
            if let Some((id, case)) = test.take() {
                outcomes.add(&id, case.status());
            }
        }
        Node::End(_) => {}
    })?;
    Ok(outcomes)
}

#[derive(Default)]
struct Case {
    failed: bool,
    skipped: bool,
    again: bool,
}

impl Case {
    fn status(&self) -> Status {
        match (self.failed, self.skipped, self.again) {
            (true, ..) => Status::Failed,
            (_, true, _) => Status::Skipped,
            (.., true) => Status::Flaky,
            _ => Status::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_outcomes_are_read() {
        let text = br#"<?xml version="1.0"?><testsuites><testsuite name="s">
            <testcase classname="t.TestA" name="one" time="0.1"/>
            <testcase classname="t.TestA" name="two"><failure message="no">trace &amp; all</failure></testcase>
            <testcase classname="t.TestA" name="three"><skipped/></testcase>
            <testcase classname="t.TestA" name="four"><flakyFailure>x</flakyFailure></testcase>
            <testcase classname="t.TestA" name="five"><failure/><rerunFailure/></testcase>
            <testcase classname="t.TestA" name="one"><error/></testcase>
            </testsuite></testsuites>"#;
        let outcomes = read(text).unwrap();
        let get = |id: &str| outcomes.get(&format!("t.TestA {id}")).unwrap();
        assert_eq!(["one", "two", "three"].map(get), [Status::Passed, Status::Failed, Status::Skipped]);
        assert_eq!(["four", "five", "one #2"].map(get), [Status::Flaky, Status::Failed, Status::Failed]);
        assert!(read(b"<testsuite><testcase name='x'").is_err(), "half a report is none");
    }
}
