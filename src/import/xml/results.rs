//! Test results of .NET: Visual Studio's TRX, NUnit 3, xUnit.net 2.

use std::io::BufRead;

use super::failures::{Failure, Failures};
use super::walk::{Element, Node, walk};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};

/// The names of elements and attributes of one format.
struct Names {
    test: &'static str,
    name: &'static [&'static str],
    class: &'static str,
    result: &'static str,
    failed: &'static [&'static str],
    trace: &'static str,
}

pub(in crate::import) const TRX: Spec = Spec {
    name: "trx",
    about: "dotnet test --logger trx",
    sniff: |head| head.is_element("TestRun"),
    read: Read::By(|input, collector| {
        let names = Names {
            test: "UnitTestResult",
            name: &["testName"],
            class: "className",
            result: "outcome",
            failed: &["Failed", "Error", "Timeout", "Aborted"],
            trace: "StackTrace",
        };
        read(&names, input, collector)
    }),
    skipped: "tests that did not fail",
};

pub(in crate::import) const NUNIT: Spec = Spec {
    name: "nunit",
    about: "NUnit 3's XML",
    sniff: |head| head.is_element("test-run"),
    read: Read::By(|input, collector| {
        let names = Names {
            test: "test-case",
            name: &["name", "fullname"],
            class: "classname",
            result: "result",
            failed: &["Failed"],
            trace: "stack-trace",
        };
        read(&names, input, collector)
    }),
    skipped: "tests that did not fail",
};

pub(in crate::import) const XUNIT: Spec = Spec {
    name: "xunit",
    about: "xUnit.net 2's XML",
    sniff: |head| head.is_element("assemblies") || head.is_element("assembly"),
    read: Read::By(|input, collector| {
        let names = Names {
            test: "test",
            name: &["name", "method"],
            class: "type",
            result: "result",
            failed: &["Fail"],
            trace: "stack-trace",
        };
        read(&names, input, collector)
    }),
    skipped: "tests that did not fail",
};

fn read(
    names: &Names,
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let mut failures = Failures::default();
    let mut test: Option<(Failure, bool)> = None;
    // The definition of a test in TRX, behind all results.
    let mut defined: Option<String> = None;
    walk(input, collector, |node, collector| match node {
        Node::Start(element) if element.name == names.test => test = Some(begin(names, &element)),
        Node::Start(element) => match element.name.as_str() {
            "UnitTest" => defined = element.get("id").map(str::to_owned),
            "TestMethod" => {
                if let (Some(id), Some(class)) = (defined.take(), element.get("className")) {
                    // The name of an assembly may follow: `Shop.CartTests, Shop, Version=…`.
                    let class = class.split(',').next().unwrap_or_default();
                    failures.classes.insert(id, class.to_owned());
                }
            }
            _ => {}
        },
        Node::End(name, text) => {
            let Some((failure, failed)) = &mut test else { return };
            if name == names.test {
                if *failed && failure.name.is_empty() {
                    collector.bad(failure.line, format!("{name}: no name"));
                } else if *failed {
                    failures.failed(failure);
                } else {
                    failures.passed(failure, collector);
                }
                test = None;
            } else if name.eq_ignore_ascii_case("message") && failure.said.is_empty() {
                failure.said = text;
            } else if name == names.trace && failure.text.is_empty() {
                // `in /repo/CartTests.cs:line 12`
                failure.text = text.replace(":line ", ":");
            }
        }
    })?;
    failures.finish(collector)
}

fn begin(names: &Names, element: &Element) -> (Failure, bool) {
    let text = |name: &str| element.get(name).map(str::to_owned);
    let class = text(names.class);
    let name = names.name.iter().find_map(|name| text(name)).unwrap_or_default();
    let prefix = class.as_ref().map(|class| format!("{class}.")).unwrap_or_default();
    let failure = Failure {
        line: element.line,
        name: name.strip_prefix(&prefix).unwrap_or(&name).to_owned(),
        class,
        file: text("source-file"),
        file_line: element.number("source-line"),
        id: text("testId"),
        ..Failure::default()
    };
    let failed = element.get(names.result).is_some_and(|result| names.failed.contains(&result));
    (failure, failed)
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, run};

    #[test]
    fn failed_tests_of_all_three_are_items() {
        let trx = "<TestRun xmlns='x'><Results><UnitTestResult testId='1' testName='Sum' outcome='Failed'><Output><ErrorInfo>\
            <Message>1 != 2</Message><StackTrace>at X in /repo/CartTests.cs:line 12</StackTrace></ErrorInfo></Output></UnitTestResult>\
            <UnitTestResult testId='2' testName='Ok' outcome='Passed'/></Results><TestDefinitions><UnitTest id='1'>\
            <TestMethod className='Shop.CartTests, Shop' name='Sum'/></UnitTest></TestDefinitions></TestRun>";
        let nunit = "<test-run><test-suite><test-case name='Sum' fullname='Shop.CartTests.Sum' classname='Shop.CartTests' result='Failed'>\
            <failure><message>1 != 2</message><stack-trace>x</stack-trace></failure></test-case><test-case name='Ok' result='Passed'/></test-suite></test-run>";
        let xunit = "<assemblies><assembly><collection><test name='Shop.CartTests.Sum' type='Shop.CartTests' method='Sum' result='Fail'>\
            <failure><message>1 != 2</message></failure></test><test name='Ok' result='Pass'/></collection></assembly></assemblies>";
        for (text, format) in [(trx, Format::Trx), (nunit, Format::Nunit), (xunit, Format::Xunit)] {
            let (items, report) = run(text, &options());
            assert_eq!((report.format, report.items, report.skipped, report.bad_total), (format, 1, 1, 0));
            assert_eq!(items[0].item.title, "Shop.CartTests::Sum: 1 != 2", "{format}");
            assert_eq!(items[0].item.rule.as_deref(), Some("Shop.CartTests::Sum"));
        }
    }
}
