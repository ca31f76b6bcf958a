//! JUnit's XML, as nearly every test runner writes it: the tests that failed.
//!
//! ```xml
//! <testsuites><testsuite name="s"><testcase classname="pkg.Test" name="adds" file="t/a.py" line="3">
//!   <failure message="1 != 2" type="AssertionError">…</failure>
//! </testcase></testsuite></testsuites>
//! ```
//!
//! - A test with `failure` or `error` is an item; all others, also those that passed at a second
//!   attempt (`flakyFailure`, or a test of the same name behind it), are not findings.
//! - The rule is the test, `classname::name`, and so is the identity: what a test says when it
//!   fails differs from run to run.
//! - The file is `file` of the test or its suite; else, as far as it is in the worktree, what `classname`, the
//!   name of a suite or of the test, or the trace says.
//! - Linters write JUnit, too: `line 3, col 7, Error - …` in a failure, or a severity as its type, is a finding
//!   with the severity and place that it says.

use std::io::BufRead;

use super::failures::{Failure, Failures};
use super::walk::{Element, Node, walk};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};

pub(in crate::import) const SPEC: Spec = Spec {
    name: "junit",
    about: "JUnit's XML, of pytest, jest, surefire and most other test runners",
    sniff: |head| head.is_element("testsuites") || head.is_element("testsuite"),
    read: Read::By(read),
    skipped: "tests that did not fail",
};

/// A test being read.
struct Test {
    failure: Failure,
    named: bool,
    failed: bool,
    /// Its failures so far; linters write several in one test.
    texts: usize,
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut suites: Vec<Element> = Vec::new();
    let mut test: Option<Test> = None;
    let mut failures = Failures::default();
    walk(input, collector, |node, collector| match node {
        Node::Start(element) => match (element.name.as_str(), &mut test) {
            ("testsuite", _) => suites.push(element),
            ("testcase", _) => test = Some(begin(&element, &suites)),
            ("failure" | "error", Some(test)) if !test.failed => {
                test.failed = true;
                test.failure.said =
                    element.get("message").or(element.get("type")).unwrap_or_default().to_owned();
                test.failure.kind = element.get("type").map(str::to_owned);
            }
            _ => {}
        },
        Node::End(name, text) => match name.as_str() {
            "testsuite" => {
                suites.pop();
            }
            "failure" | "error" => {
                if let Some(test) = &mut test {
                    if test.texts == 0 {
                        test.failure.text = text;
                    }
                    test.texts += 1;
                }
            }
            "testcase" => {
                let Some(test) = test.take() else { return };
                if !test.failed {
                    failures.passed(&test.failure, collector);
                } else if test.named {
                    failures.failed(&test.failure);
                } else {
                    collector.bad(test.failure.line, "testcase: no name".into());
                }
            }
            _ => {}
        },
    })?;
    failures.finish(collector)
}

fn begin(case: &Element, suites: &[Element]) -> Test {
    let text = |name: &str| case.get(name).map(str::to_owned);
    let failure = Failure {
        line: case.line,
        name: text("name").unwrap_or_default(),
        class: text("classname"),
        suites: suites.iter().rev().filter_map(|s| s.get("name").map(str::to_owned)).collect(),
        file: text("file").or_else(|| suites.iter().rev().find_map(|s| s.get("file").map(str::to_owned))),
        file_line: case.number("line"),
        ..Failure::default()
    };
    Test { named: !failure.name.is_empty(), failure, failed: false, texts: 0 }
}

#[cfg(test)]
#[path = "junit_tests.rs"]
mod tests;
