//! A table: where one tool writes what a finding has.

use std::io::BufRead;

use super::walk::{Lists, Scope, walk};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::finding::Finding;
use crate::import::place::FileName;
use crate::import::scale;
use crate::import::severity::Severity;

/// The names of fields, as paths that [`Scope::get`] reads. Of several, the first that is there counts.
#[derive(Debug, Clone, Copy)]
pub(in crate::import) struct Row {
    /// The tool, where the format does not name it.
    pub tool: Option<&'static str>,
    /// The list of findings, as `walk.rs` writes it.
    pub list: &'static str,
    pub file: &'static [&'static str],
    pub line: &'static [&'static str],
    pub column: &'static [&'static str],
    /// Added to the line and to the column: 1 for a tool that counts from 0.
    pub offset: (u64, u64),
    pub rule: &'static [&'static str],
    /// What precedes the rule: the code of shellcheck is a number.
    pub prefix: &'static str,
    pub message: &'static [&'static str],
    pub severity: &'static [&'static str],
    /// The severity without a word for it.
    pub unknown: Severity,
    pub category: &'static [&'static str],
    pub url: &'static [&'static str],
    /// Fields of the objects around an element that `fit` looks at.
    pub around: &'static [(usize, &'static str)],
    /// Changes what the names alone do not give; false for what is not a finding.
    pub fit: fn(&Scope<'_>, &mut Finding) -> bool,
}

/// A table of nothing, for `..ROW`.
pub(in crate::import) const ROW: Row = Row {
    tool: None,
    list: "[]",
    file: &[],
    line: &["line"],
    column: &["column"],
    offset: (0, 0),
    rule: &[],
    prefix: "",
    message: &["message"],
    severity: &["severity"],
    unknown: Severity::UNKNOWN,
    category: &[],
    url: &[],
    around: &[],
    fit: |_, _| true,
};

/// Reads a document by tables of which each has a list of its own.
///
/// # Errors
/// As for [`walk`].
pub(in crate::import) fn read(
    rows: &'static [Row],
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let names: Vec<&'static str> = rows.iter().map(|row| row.list).collect();
    let mut lists = Lists::of(&names);
    lists.wanted = rows.iter().flat_map(wanted).collect();
    walk(input, &lists, collector, &mut |scope, collector| {
        let Some(row) = rows.get(scope.list) else { return };
        match finding(row, scope) {
            Ok(Some(finding)) => collector.finding(scope.line, finding),
            Ok(None) => collector.skip(),
            Err(reason) => collector.bad(scope.line, reason),
        }
    })
}

/// The fields of objects around an element that a table names.
fn wanted(row: &Row) -> Vec<(usize, &'static str)> {
    let all = [row.file, row.line, row.column, row.rule, row.message, row.severity, row.category, row.url];
    let around = |path: &&'static str| {
        let rest = path.trim_start_matches('^');
        let name = rest.split('.').next().filter(|name| *name != "@")?;
        (rest.len() < path.len()).then_some((path.len() - rest.len(), name))
    };
    all.concat().iter().filter_map(around).chain(row.around.iter().copied()).collect()
}

fn finding(row: &Row, scope: &Scope<'_>) -> Result<Option<Finding>, String> {
    if !scope.value.is_object() {
        return Err("expected an object".into());
    }
    let said = scope.first(row.severity);
    let severity = said.as_deref().and_then(scale::word).unwrap_or(row.unknown);
    let rule = scope.first(row.rule).map(|rule| format!("{}{rule}", row.prefix));
    let message = scope.first(row.message);
    let mut finding = Finding::new(rule, message.unwrap_or_default(), severity);
    finding.tool = row.tool.map(str::to_owned);
    finding.files.extend(scope.first(row.file).map(FileName::Path));
    let place = |paths, offset| scope.number(paths).map(|n: u64| n.saturating_add(offset)).filter(|n| *n > 0);
    finding.line = place(row.line, row.offset.0);
    finding.column = place(row.column, row.offset.1);
    finding.category = scope.first(row.category).or(finding.category);
    finding.url = scope.first(row.url);
    if !(row.fit)(scope, &mut finding) {
        return Ok(None);
    }
    if !row.file.is_empty() && scope.first(row.file).is_none() && finding.files.is_empty() {
        return Err(format!("{}: missing", row.file[0].trim_start_matches('^')));
    }
    if finding.message.trim().is_empty() {
        return Err(format!("{}: missing", row.message[0]));
    }
    Ok(Some(finding))
}
