//! Tests that failed, whichever runner wrote them: a rerun is recognised, and the file is looked for.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use serde::{Deserialize, Serialize};

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::finding::Finding;
use crate::import::fingerprint::{Basis, canonical_json};
use crate::import::place::FileName;
use crate::import::scale;
use crate::import::severity::Severity;
use crate::import::shelf::Shelf;
use crate::import::worktree::places_in;
use crate::model::RepoPath;

/// Endings of source files, by which a class is looked for.
const ENDINGS: [&str; 16] = [
    "py", "java", "kt", "groovy", "scala", "cs", "fs", "vb", "php", "rb", "js", "ts", "jsx", "tsx", "swift",
    "dart",
];

/// Folders of packages: a trace goes through them, and nobody works there.
const PACKAGES: [&str; 3] = ["node_modules/", "site-packages/", "dist-packages/"];

/// A test, and how it failed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Line of the report.
    pub(super) line: u64,
    pub(super) name: String,
    pub(super) class: Option<String>,
    /// The names of the suites around it, the nearest first.
    pub(super) suites: Vec<String>,
    /// The file that the report gives, and the line in it.
    pub(super) file: Option<String>,
    pub(super) file_line: Option<u64>,
    /// A second report gives the class of the test with this id.
    pub(super) id: Option<String>,
    /// What it said, in one line.
    pub(super) said: String,
    /// The rest: a trace.
    pub(super) text: String,
    /// The kind of failure, for linters its severity.
    pub(super) kind: Option<String>,
}

/// Takes the tests of a report, and gives those that failed at the end.
#[derive(Default)]
pub(super) struct Failures {
    failed: Shelf<Failure>,
    /// Hashes of those that failed; true when one has passed since.
    tests: HashMap<u64, bool>,
    /// Classes of tests by their ids.
    pub(super) classes: HashMap<String, String>,
    unkept: Option<io::Error>,
}

impl Failures {
    /// A test failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.tests.insert(hash(failure), false);
        if let Err(error) = self.failed.push(failure) {
            self.unkept = Some(error);
        }
    }

    /// A test did not fail.
    pub(super) fn passed(&mut self, test: &Failure, collector: &mut Collector<'_>) {
        if let Some(passed) = self.tests.get_mut(&hash(test)) {
            *passed = true;
        }
        collector.skip();
    }

    /// Gives the tests that failed, each once, and notes those that passed when they were run again.
    ///
    /// # Errors
    /// When they could not be kept.
    pub(super) fn finish(mut self, collector: &mut Collector<'_>) -> Result<(), ImportError> {
        let mut seen = HashSet::new();
        let taken = self.failed.take(|mut failure| {
            let test = hash(&failure);
            if failure.class.is_none() {
                failure.class = failure.id.as_ref().and_then(|id| self.classes.get(id).cloned());
            }
            if self.tests.get(&test) == Some(&true) {
                collector.note(
                    failure.line,
                    format!("{} failed, and passed when it was run again", failure.title()),
                );
                collector.skip();
            } else if seen.insert(test) || failure.is_lint() {
                let finding = failure.finding(collector);
                collector.finding(failure.line, finding);
            } else {
                collector.duplicate();
            }
        });
        match self.unkept {
            Some(error) => Err(ImportError::Spool(error)),
            None => taken.map_err(ImportError::Spool),
        }
    }
}

fn hash(failure: &Failure) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&failure.name, &failure.class, &failure.suites, &failure.file, &failure.id).hash(&mut hasher);
    hasher.finish()
}

impl Failure {
    fn title(&self) -> String {
        let class = self.class.as_deref().or(self.suites.first().map(String::as_str));
        match class.filter(|class| !self.name.starts_with(class)) {
            Some(class) => format!("{class}::{}", self.name),
            None => self.name.clone(),
        }
    }

    fn message(&self) -> String {
        match (self.said.trim(), self.text.trim()) {
            ("", "") => "failed".to_owned(),
            (said, "") => said.to_owned(),
            ("", text) => text.to_owned(),
            (said, text) if text.starts_with(said) => text.to_owned(),
            (said, text) => format!("{said}\n{text}"),
        }
    }

    /// True for the message of a linter, of which a file has several under one name.
    fn is_lint(&self) -> bool {
        self.lint().is_some()
    }

    fn finding(&self, collector: &Collector<'_>) -> Finding {
        let (file, line) = self.place(collector).unzip();
        if let Some(lint) = self.lint() {
            return Finding {
                files: file.map(FileName::Found).into_iter().collect(),
                line: lint.line.or(self.file_line).or(line.flatten()),
                column: lint.column,
                tool: lint.tool,
                ..Finding::new(lint.rule, lint.message, lint.severity)
            };
        }
        let title = self.title();
        Finding {
            basis: Basis::Tool(canonical_json(&serde_json::json!({ "test": title }))),
            line: file.as_ref().and(self.file_line.or(line.flatten())),
            files: file.into_iter().map(FileName::Found).collect(),
            category: Some("test".to_owned()),
            ..Finding::new(Some(title), self.message(), Severity::Critical)
        }
    }

    /// A linter's message, when the report is one of a linter.
    fn lint(&self) -> Option<Lint> {
        let whole = self.message();
        // In capitals, as linters write it: `Error` is also the class of a failure.
        let kind = self.kind.as_deref().filter(|kind| kind.bytes().all(|b| b.is_ascii_uppercase()));
        let kind = kind.and_then(scale::word);
        // ESLint and ruff: `line 3, col 7, Error - 'x' is not defined. (no-undef)`.
        let place = whole.lines().find_map(|line| line_and_column(line.trim()));
        let tool = self.name.strip_prefix("org.").and_then(|name| name.split_once('.'));
        if place.is_none() && kind.is_none() && tool.is_none() {
            return None;
        }
        let (number, column, rest) = match &place {
            Some((line, column, rest)) => (*line, *column, *rest),
            None => (None, None, ""),
        };
        let (severity, rest) = match rest.split_once(" - ") {
            Some((word, rest)) if scale::word(word).is_some() => (scale::word(word), rest),
            _ => (kind, rest),
        };
        let bandit = whole.split_once("Test ID: ").and_then(|(_, rest)| rest.split_whitespace().next());
        let rule = match (tool, bandit) {
            (Some((_, rule)), _) => Some(rule.to_owned()),
            (None, Some(id)) => Some(id.to_owned()),
            _ => Some(self.name.clone()),
        };
        let said = if self.said.trim().is_empty() { rest } else { self.said.trim() };
        let suffix = rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
        let message = said.strip_suffix(&suffix).unwrap_or(said);
        Some(Lint {
            line: number,
            column,
            severity: severity.unwrap_or(Severity::UNKNOWN),
            message: if message.trim().is_empty() { whole.clone() } else { message.trim().to_owned() },
            tool: bandit.map(|_| "bandit".to_owned()).or(tool.map(|(tool, _)| tool.to_owned())),
            rule,
        })
    }

    /// The file of the test and a line in it, from wherever the report has it.
    fn place(&self, collector: &Collector<'_>) -> Option<(RepoPath, Option<u64>)> {
        let places = &collector.places;
        let there = |name: &str| places.file(name).ok().filter(|path| places.has(path));
        let mut traced = self.traced(collector).into_iter();
        if let Some(file) = self.file.as_deref().and_then(|file| places.file(file).ok()) {
            return Some((file, self.file_line));
        }
        let names = self.class.iter().chain(&self.suites).chain([&self.name]);
        let named = names.filter(|name| name.contains('.')).find_map(|name| there(name));
        let file = named
            .or_else(|| self.class.iter().chain(&self.suites).find_map(|class| of_class(class, collector)));
        match file {
            Some(file) => {
                let line = traced.find(|(path, _)| *path == file).and_then(|(_, line)| line);
                Some((file, line))
            }
            None => traced.next(),
        }
    }

    /// The places in the trace that are in the worktree.
    fn traced(&self, collector: &Collector<'_>) -> Vec<(RepoPath, Option<u64>)> {
        let places = &collector.places;
        let parts = [self.said.as_str(), self.text.as_str()];
        let mapped = parts.into_iter().flat_map(places_in).filter_map(|(name, line)| {
            if PACKAGES.iter().any(|folder| name.contains(folder)) {
                return None;
            }
            let there = places.file(name).ok().filter(|path| places.has(path));
            Some((there.or_else(|| collector.tree().ending(name))?, line))
        });
        mapped.collect()
    }
}

struct Lint {
    line: Option<u64>,
    column: Option<u64>,
    severity: Severity,
    rule: Option<String>,
    message: String,
    tool: Option<String>,
}

/// `line 3, col 7, ` at the begin of a text, and what follows.
fn line_and_column(text: &str) -> Option<(Option<u64>, Option<u64>, &str)> {
    let (line, rest) = text.strip_prefix("line ")?.split_once(',')?;
    let line = line.trim().parse().ok()?;
    let rest = rest.trim_start();
    let column = rest.strip_prefix("col ").or_else(|| rest.strip_prefix("column "));
    match column.and_then(|c| c.split_once(',')) {
        Some((column, rest)) => Some((Some(line), column.trim().parse().ok(), rest.trim_start())),
        None => Some((Some(line), None, rest)),
    }
}

/// The file of a class: `tests.test_cart.TestCart` is in `tests/test_cart.py`, `org.shop.CartTest` in the only
/// file whose path ends with `org/shop/CartTest.java`.
fn of_class(class: &str, collector: &Collector<'_>) -> Option<RepoPath> {
    let outer = class.split('$').next()?.replace("::", ".").replace(['\\', '/'], ".");
    let parts: Vec<&str> = outer.split('.').filter(|part| !part.is_empty()).collect();
    let tree = collector.tree();
    let long = (1..=parts.len()).rev().filter(|end| *end > 1 || parts.len() == 1);
    let whole = long.map(|end| parts[..end].join("/"));
    let last = parts
        .last()
        .filter(|last| last.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|l| (*l).to_owned());
    whole
        .chain(last)
        .find_map(|path| ENDINGS.iter().find_map(|ending| tree.ending(&format!("{path}.{ending}"))))
}
