//! `go test -json`: one event a line.
//!
//! `{"Action":"fail","Package":"example.org/shop","Test":"TestCart","Elapsed":0.01}`
//!
//! - A test that failed is an item, `package.Test`; one whose subtests failed is not, as these are.
//! - A package that failed without a test that did (it does not build, or panicked) is one.
//! - What it printed is the message. The first `file.go:12:` in it that is in the worktree is the place.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::finding::Finding;
use crate::import::fingerprint::{Basis, canonical_json};
use crate::import::format::{Read, Spec};
use crate::import::lines::for_each_line;
use crate::import::object::Object;
use crate::import::place::FileName;
use crate::import::severity::Severity;
use crate::import::worktree;

/// Bytes of a test's output that are kept.
const OUTPUT_MAX: usize = 8 * 1024;

/// Tests that are followed at once. Those that passed are forgotten.
const TESTS_MAX: usize = 1_000_000;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "go-test",
    about: "go test -json",
    sniff: |head| {
        (head.has("Action") && (head.has("Package") || head.has("ImportPath"))) && !head.has("title")
    },
    read: Read::By(read),
    skipped: "events and tests that did not fail",
};

#[derive(Default)]
struct Test {
    line: u64,
    output: String,
    failed: bool,
}

type Name = (String, String);

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut tests: BTreeMap<Name, Test> = BTreeMap::new();
    for_each_line(input, collector, |line, text, collector| {
        if !text.trim_ascii_start().starts_with(b"{") {
            // What the go command itself prints.
            collector.skip();
            return Ok(());
        }
        event(line, Object::parse(text.trim_ascii())?, &mut tests, collector)
    })?;
    let failed: BTreeSet<Name> =
        tests.iter().filter(|(_, t)| t.failed).map(|(name, _)| name.clone()).collect();
    for ((package, name), test) in &tests {
        if !test.failed {
            continue;
        }
        let explained = failed.iter().any(|(p, n)| match name.as_str() {
            "" => p == package && !n.is_empty(),
            _ => p == package && n.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/')),
        });
        if explained {
            collector.skip();
        } else {
            collector.finding(test.line, finding(package, name, test, collector));
        }
    }
    Ok(())
}

fn event(
    line: u64,
    mut object: Object,
    tests: &mut BTreeMap<Name, Test>,
    collector: &mut Collector<'_>,
) -> Result<(), String> {
    let action = object.text("Action")?.ok_or("Action: missing")?;
    let package = object.text("Package")?.or(object.text("ImportPath")?).unwrap_or_default();
    let package = package.split(' ').next().unwrap_or_default().to_owned();
    let name = (package, object.text("Test")?.unwrap_or_default());
    if tests.len() >= TESTS_MAX && !tests.contains_key(&name) {
        return Err(format!("more than {TESTS_MAX} tests at once"));
    }
    match action.as_str() {
        "fail" | "build-fail" => {
            let test = tests.entry(name).or_default();
            (test.line, test.failed) = (line, true);
        }
        "output" | "build-output" => {
            let said = object.text("Output")?.unwrap_or_default();
            let test = tests.entry(name).or_default();
            let noise = ["=== ", "--- ", "FAIL", "ok  \t", "PASS", "exit status"];
            if test.output.len() < OUTPUT_MAX && !noise.iter().any(|n| said.trim_start().starts_with(n)) {
                test.output.push_str(&said);
            }
            collector.skip();
        }
        "pass" | "skip" => {
            tests.remove(&name);
            collector.skip();
        }
        _ => collector.skip(),
    }
    Ok(())
}

fn finding(package: &str, name: &str, test: &Test, collector: &Collector<'_>) -> Finding {
    let rule = if name.is_empty() { package.to_owned() } else { format!("{package}.{name}") };
    let said =
        test.output.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    let message = if said.is_empty() { "failed".to_owned() } else { said };
    let place = worktree::places_in(&message).find_map(|(file, line)| {
        let found = collector.tree().below(package, file)?;
        Some((found, line))
    });
    let basis = Basis::Tool(canonical_json(&serde_json::json!({ "test": rule })));
    let (file, line) = place.unzip();
    Finding {
        category: Some("test".to_owned()),
        files: file.into_iter().map(FileName::Found).collect(),
        line: line.flatten(),
        basis,
        ..Finding::new(Some(rule), message, Severity::Critical)
    }
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, run};

    fn line(action: &str, test: &str, output: &str) -> String {
        let event = serde_json::json!({"Action": action, "Package": "example.org/shop", "Test": test, "Output": output});
        format!("{event}\n")
    }

    #[test]
    fn tests_that_failed_are_items_and_their_parents_are_not() {
        let text = "go: downloading x\n".to_owned()
            + &line("run", "TestCart", "")
            + &line("output", "TestCart/empty", "    cart_test.go:12: empty\n")
            + &line("fail", "TestCart/empty", "")
            + &line("fail", "TestCart", "")
            + &line("pass", "TestOther", "")
            + &line("fail", "TestFlaky", "")
            + &line("pass", "TestFlaky", "")
            + "{\"Action\":\"fail\",\"Package\":\"example.org/shop\"}\n"
            + "{\"ImportPath\":\"example.org/bad\",\"Action\":\"build-output\",\"Output\":\"bad/x.go:3:1: syntax error\\n\"}\n"
            + "{\"ImportPath\":\"example.org/bad\",\"Action\":\"build-fail\"}\n";
        let named = crate::import::Options { format: Some(Format::GoTest), ..options() };
        let (items, report) = run(text, &named);
        let titles: Vec<_> = items.iter().map(|i| i.item.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "example.org/bad: bad/x.go:3:1: syntax error",
                "example.org/shop.TestCart/empty: cart_test.go:12: empty"
            ]
        );
        assert_eq!(report.bad_total, 0);
        assert_eq!(items[0].item.category.as_deref(), Some("test"));
    }
}
