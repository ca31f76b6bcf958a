//! What a gate's command says about its tests: readers for the formats of test programs.
//!
//! Each reader is given the bytes of one report and names every test once. Test programs repeat names
//! (jest-junit writes no file, parametrised tests share one): the second is `name #2`, in the order of
//! the report, so that two runs of one tree name them alike.

mod cargo;
mod events;
mod junit;
mod pytest;
mod tap;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bytes of a report that are read. More is taken for a report that cannot be read.
pub const LONGEST: u64 = 64 << 20;

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It passed.
    Passed,
    /// It did not run, or its failure is expected.
    Skipped,
    /// It failed and passed in one run of its program.
    Flaky,
    /// It failed.
    Failed,
}

/// The tests of a report, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    tests: BTreeMap<String, Status>,
}

impl Outcomes {
    /// Adds a test; one that is there already is another one of that name.
    pub fn add(&mut self, id: &str, status: Status) {
        let id = normal(id);
        let mut name = id.clone();
        let mut n = 2;
        while self.tests.contains_key(&name) {
            name = format!("{id} #{n}");
            n += 1;
        }
        self.tests.insert(name, status);
    }

    /// Says what became of a test, again: the last word counts.
    pub fn set(&mut self, id: &str, status: Status) {
        self.tests.insert(normal(id), status);
    }

    /// Adds those of another report.
    pub fn extend(&mut self, other: Outcomes) {
        for (id, status) in other.tests {
            self.add(&id, status);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Status)> {
        self.tests.iter().map(|(id, status)| (id.as_str(), *status))
    }

    /// What became of a test.
    pub fn get(&self, id: &str) -> Option<Status> {
        self.tests.get(id).copied()
    }

    /// How many have this status.
    pub fn count(&self, status: Status) -> usize {
        self.tests.values().filter(|s| **s == status).count()
    }

    /// How many ran.
    pub fn executed(&self) -> usize {
        self.tests.len() - self.count(Status::Skipped)
    }
}

/// A name without what differs from run to run: colours, addresses, line breaks.
fn normal(id: &str) -> String {
    let plain = anstream::adapter::strip_str(id).to_string();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.iter().map(|word| without_address(word)).collect::<Vec<_>>().join(" ")
}

/// `0x7f3a…` becomes `0x…`.
fn without_address(word: &str) -> String {
    let Some(at) = word.find("0x") else { return word.to_owned() };
    let (head, tail) = word.split_at(at + 2);
    let digits = tail.bytes().take_while(u8::is_ascii_hexdigit).count();
    if digits < 6 { word.to_owned() } else { format!("{head}…{}", &tail[digits..]) }
}

/// Reads a report. `format`: `None`, it is seen from the content.
///
/// # Errors
/// When it is not in that format, with a reason.
pub fn read(format: Option<&str>, bytes: &[u8]) -> Result<Outcomes, String> {
    let text = || String::from_utf8_lossy(bytes);
    match format {
        Some("junit") => junit::read(bytes),
        Some("cargo") => Ok(cargo::read(&text())),
        Some("pytest") => Ok(pytest::read(&text())),
        Some("go") => events::go(bytes),
        Some("jest") => events::jest(bytes),
        Some("sarif") => events::sarif(bytes),
        Some("tap") => tap::read(&text()),
        Some("node") => tap::node(&text()),
        Some(other) => Err(format!("{other} is not a format of results")),
        None => guess(bytes, &text()),
    }
}

/// The format of a report that does not say it, from its first words.
fn guess(bytes: &[u8], text: &str) -> Result<Outcomes, String> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<') {
        return junit::read(bytes);
    }
    if start.starts_with('{') {
        return events::go(bytes)
            .ok()
            .filter(|found| found.executed() > 0)
            .map_or_else(|| events::jest(bytes).or_else(|_| events::sarif(bytes)), Ok);
    }
    if start.starts_with("TAP version") || start.starts_with("1..") {
        return tap::read(text);
    }
    let mut best = cargo::read(text);
    for other in [pytest::read(text), tap::node(text).unwrap_or_default()] {
        if other.tests.len() > best.tests.len() {
            best = other;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_repeat_are_counted_and_addresses_are_left_out() {
        let mut outcomes = Outcomes::default();
        outcomes.add("t at 0x7f3a5510 \u{1b}[31mred\u{1b}[0m", Status::Passed);
        outcomes.add("t at 0x55d00123 red", Status::Failed);
        let found: Vec<_> = outcomes.iter().collect();
        assert_eq!(found, [("t at 0x… red", Status::Passed), ("t at 0x… red #2", Status::Failed)]);
    }

    #[test]
    fn a_format_is_seen_from_the_content() {
        let count = |text: &str| read(None, text.as_bytes()).unwrap().executed();
        assert_eq!(count("test a ... ok\ntest b ... FAILED\n"), 2);
        assert_eq!(count("TAP version 13\n1..1\nok 1 - a\n"), 1);
        assert_eq!(count("<testsuite><testcase name='a'/></testsuite>"), 1);
        assert_eq!(count(r#"{"Action":"pass","Package":"p","Test":"T"}"#), 1);
        assert_eq!(count("tests/t.py::test_a PASSED [ 50%]\n"), 1);
        assert_eq!(count("nothing at all\n"), 0);
    }
}
