//! Reports of test runners, and of linters that write the same form.

use std::fs;

use crate::import::tests::{options, reasons, run};
use crate::import::{Format, Options};

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

#[test]
fn a_test_that_was_run_again_is_one_item_or_none() {
    let text = "<testsuite name='s'><testcase classname='t.T' name='a'><failure message='1'/></testcase><testcase classname='t.T' name='a'/>\
        <testcase classname='t.T' name='b'><failure message='1'/></testcase><testcase classname='t.T' name='b'><failure message='2'/></testcase>\
        <testcase classname='t.T' name='c'/><testcase classname='t.T' name='c'><failure message='1'/></testcase></testsuite>";
    let (items, report) = run(text, &options());
    let titles: Vec<_> = items.iter().map(|i| i.item.title.as_str()).collect();
    assert_eq!(titles, ["t.T::b: 1", "t.T::c: 1"]);
    assert_eq!((report.duplicates, report.skipped, report.notes_total), (1, 3, 1));
}

#[test]
fn the_file_is_found_wherever_the_runner_writes_it() {
    let top = tempfile::tempdir().expect("a folder");
    let files = [
        "src/sum.test.js",
        "tests/test_cart.py",
        "src/test/java/org/shop/CartTest.java",
        "Shop.Tests/MailTests.cs",
        "lib/trace.rb",
    ];
    for file in files {
        let path = top.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "").expect("a file");
    }
    let here = Options::new(top.path().canonicalize().expect("there"));
    let cases = [
        ("<testcase classname='src/sum.test.js' name='adds'><failure/></testcase>", files[0]),
        (
            "<testcase classname='chromium' name='adds src/sum.test.js'><failure>at f (/ci/x/src/sum.test.js:3:5)</failure></testcase>",
            files[0],
        ),
        ("<testcase classname='test' name='src/sum.test.js'><failure/></testcase>", files[0]),
        ("<testcase classname='tests.test_cart.TestCart' name='test_sum'><failure/></testcase>", files[1]),
        ("<testcase classname='org.shop.CartTest' name='sum'><failure/></testcase>", files[2]),
        ("<testcase classname='org.shop.CartTest$Inner' name='sum'><failure/></testcase>", files[2]),
        ("<testcase classname='Acme.Shop.MailTests' name='sum'><failure/></testcase>", files[3]),
        (
            "<testcase classname='x' name='y'><failure>node_modules/a/index.js:1\nlib/trace.rb:12:in f</failure></testcase>",
            files[4],
        ),
        ("<testcase classname='nowhere.Test' name='y'><failure/></testcase>", ""),
    ];
    for (case, file) in cases {
        let (items, _) = run(format!("<testsuite name='s'>{case}</testsuite>"), &here);
        assert_eq!(items[0].item.files.first().map(|f| f.as_str()).unwrap_or_default(), file, "{case}");
    }
}

#[test]
fn linters_say_severity_place_and_rule() {
    let eslint = "<testsuites><testsuite package='org.eslint' name='/repo/a.js'><testcase name='org.eslint.no-undef' classname='/repo/a'>\
        <failure message=\"'x' is not defined.\"><![CDATA[line 3, col 7, Warning - 'x' is not defined. (no-undef)]]></failure></testcase></testsuite></testsuites>";
    let ruff = "<testsuites name='ruff'><testsuite name='/repo/a.py' package='org.ruff'><testcase name='org.ruff.F401' classname='/repo/a' line='3' column='8'>\
        <failure message='`os` imported but unused'>line 3, col 8, `os` imported but unused</failure></testcase></testsuite></testsuites>";
    let semgrep = "<testsuites name='semgrep results'><testsuite name='semgrep results'><testcase name='py.eval' classname='src/a.py' file='src/a.py' line='7'>\
        <failure type='WARNING' message='No eval'>x</failure></testcase></testsuite></testsuites>";
    for (text, line, title, priority) in [
        (eslint, Some(3), "no-undef: 'x' is not defined.", 2),
        (ruff, Some(3), "F401: `os` imported but unused", 2),
        (semgrep, Some(7), "py.eval: No eval", 2),
    ] {
        let (items, report) = run(text, &options());
        assert_eq!(reasons(&report), []);
        assert_eq!(
            (items[0].item.line, items[0].item.title.as_str(), items[0].priority),
            (line, title, priority)
        );
    }
}
