//! Linters that write JSON, each a table of its field names.

use super::row::{ROW, Row};
use super::walk::Scope;
use crate::import::format::{Read, Spec};
use crate::import::severity::Severity;

pub(in crate::import) const RUFF: Spec = Spec {
    name: "ruff",
    about: "ruff check --output-format json or json-lines",
    sniff: |head| ["filename", "code", "message"].iter().all(|key| head.has(key) || head.elements_have(key)),
    read: Read::Json(&[Row {
        tool: Some("ruff"),
        file: &["filename"],
        line: &["location.row"],
        column: &["location.column"],
        rule: &["code"],
        severity: &[],
        url: &["url"],
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const GOLANGCI: Spec = Spec {
    name: "golangci-lint",
    about: "golangci-lint run --output.json.path=stdout",
    sniff: |head| head.has("Issues"),
    read: Read::Json(&[Row {
        list: "Issues.[]",
        file: &["Pos.Filename"],
        line: &["Pos.Line"],
        column: &["Pos.Column"],
        rule: &["FromLinter"],
        message: &["Text"],
        severity: &["Severity"],
        ..ROW
    }]),
    ..Spec::DEFAULT
};

const PYLINT_ROW: Row = Row {
    tool: Some("pylint"),
    file: &["path"],
    rule: &["message-id", "messageId", "symbol"],
    severity: &["type"],
    ..ROW
};

pub(in crate::import) const PYLINT: Spec = Spec {
    name: "pylint",
    about: "pylint --output-format=json or json2",
    sniff: |head| {
        head.elements_have("message-id") || (head.has("messages") && head.mentions("\"messageId\""))
    },
    read: Read::Json(&[Row { list: "messages.[]", ..PYLINT_ROW }, Row { list: "[]", ..PYLINT_ROW }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const BANDIT: Spec = Spec {
    name: "bandit",
    about: "bandit -f json",
    sniff: |head| {
        (head.has("results") && head.mentions("\"test_id\""))
            || (head.has("generated_at") && head.has("metrics"))
    },
    read: Read::Json(&[Row {
        tool: Some("bandit"),
        list: "results.[]",
        file: &["filename"],
        line: &["line_number"],
        column: &["col_offset"],
        offset: (0, 1),
        rule: &["test_id"],
        message: &["issue_text"],
        severity: &["issue_severity"],
        url: &["more_info"],
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const SEMGREP: Spec = Spec {
    name: "semgrep",
    about: "semgrep --json",
    sniff: |head| {
        head.has("results") && (head.mentions("\"check_id\"") || head.mentions("\"skipped_rules\""))
    },
    read: Read::Json(&[Row {
        tool: Some("semgrep"),
        list: "results.[]",
        file: &["path"],
        line: &["start.line"],
        column: &["start.col"],
        rule: &["check_id"],
        message: &["extra.message"],
        severity: &["extra.severity"],
        category: &["extra.metadata.category"],
        url: &["extra.metadata.source"],
        fit: |scope, _| scope.get("extra.is_ignored").is_none_or(|ignored| *ignored != true),
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const PYRIGHT: Spec = Spec {
    name: "pyright",
    about: "pyright --outputjson",
    sniff: |head| head.has("generalDiagnostics"),
    read: Read::Json(&[Row {
        tool: Some("pyright"),
        list: "generalDiagnostics.[]",
        file: &["file", "uri"],
        line: &["range.start.line"],
        column: &["range.start.character"],
        offset: (1, 1),
        rule: &["rule"],
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const MYPY: Spec = Spec {
    name: "mypy",
    about: "mypy --output json",
    sniff: |head| ["file", "line", "message", "hint", "code", "severity"].iter().all(|key| head.has(key)),
    read: Read::Json(&[Row {
        file: &["file"],
        // From 0, and -1 for a whole line.
        offset: (0, 1),
        rule: &["code"],
        // A note without a rule explains the error before it, as in the text.
        fit: |scope, finding| {
            if scope.get("column").and_then(serde_json::Value::as_i64).is_some_and(|column| column < 0) {
                finding.column = None;
            }
            finding.rule.is_some() || scope.text("severity").as_deref() != Some("note")
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const RUBOCOP: Spec = Spec {
    name: "rubocop",
    about: "rubocop --format json",
    sniff: |head| {
        head.has("files") && (head.mentions("\"offenses\"") || head.mentions("\"rubocop_version\""))
    },
    read: Read::Json(&[Row {
        list: "files.[].offenses.[]",
        file: &["^path"],
        line: &["location.start_line", "location.line"],
        column: &["location.start_column", "location.column"],
        rule: &["cop_name"],
        fit: |_, finding| {
            // With display-cop-names the message begins with the rule.
            let rest = finding
                .rule
                .as_deref()
                .and_then(|rule| finding.message.strip_prefix(rule)?.strip_prefix(": "));
            if let Some(rest) = rest.map(str::to_owned) {
                finding.message = rest;
            }
            true
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const PHPSTAN: Spec = Spec {
    name: "phpstan",
    about: "phpstan --error-format=json",
    sniff: |head| head.has("totals") && head.has("files"),
    read: Read::Json(&[Row {
        list: "files.{}.messages.[]",
        file: &["^@"],
        rule: &["identifier"],
        severity: &[],
        unknown: Severity::Critical,
        fit: |scope, finding| {
            // The file of a trait carries the class that uses it: "src/A.php (in context of class B)".
            let file = scope
                .text("^@")
                .map(|name| name.split(" (in context of ").next().unwrap_or_default().to_owned());
            finding.files = file.map(crate::import::place::FileName::Path).into_iter().collect();
            true
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const STYLELINT: Spec = Spec {
    name: "stylelint",
    about: "stylelint --formatter json",
    sniff: |head| head.elements_have("source") && head.elements_have("warnings"),
    read: Read::Json(&[Row {
        tool: Some("stylelint"),
        list: "[].warnings.[]",
        file: &["^source"],
        rule: &["rule"],
        message: &["text"],
        fit: |_, finding| {
            let suffix = finding.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
            if let Some(text) = finding.message.strip_suffix(&suffix) {
                finding.message = text.to_owned();
            }
            true
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

const SHELLCHECK_ROW: Row = Row {
    tool: Some("shellcheck"),
    file: &["file"],
    rule: &["code"],
    prefix: "SC",
    severity: &["level"],
    ..ROW
};

pub(in crate::import) const SHELLCHECK: Spec = Spec {
    name: "shellcheck",
    about: "shellcheck --format=json or json1",
    sniff: |head| {
        head.has("comments")
            || (["file", "endLine", "level", "code"].iter().all(|key| head.elements_have(key)))
    },
    read: Read::Json(&[Row { list: "comments.[]", ..SHELLCHECK_ROW }, Row { list: "[]", ..SHELLCHECK_ROW }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const HADOLINT: Spec = Spec {
    name: "hadolint",
    about: "hadolint --format json",
    sniff: |head| ["file", "level", "code", "message"].iter().all(|key| head.elements_have(key)),
    read: Read::Json(&[Row {
        tool: Some("hadolint"),
        file: &["file"],
        rule: &["code"],
        severity: &["level"],
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const BIOME: Spec = Spec {
    name: "biome",
    about: "biome lint --reporter=json",
    sniff: |head| head.has("diagnostics") && head.has("summary"),
    read: Read::Json(&[Row {
        tool: Some("biome"),
        list: "diagnostics.[]",
        file: &["location.path.file", "location.path"],
        line: &["location.start.line"],
        column: &["location.start.column"],
        rule: &["category"],
        message: &["description", "message"],
        fit: |scope, finding| {
            if finding.line.is_none() {
                (finding.line, finding.column) = in_source(scope).unzip();
            }
            true
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

/// Line and column of a place that is given as bytes of the source.
fn in_source(scope: &Scope<'_>) -> Option<(u64, u64)> {
    let source = scope.text("location.sourceCode")?;
    let before = source.get(..usize::try_from(scope.number(&["location.span.0"])?).ok()?)?;
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Some((line, column))
}

pub(in crate::import) const OXLINT: Spec = Spec {
    name: "oxlint",
    about: "oxlint --format json",
    sniff: |head| head.has("diagnostics") && head.mentions("\"labels\""),
    read: Read::Json(&[Row {
        tool: Some("oxlint"),
        list: "diagnostics.[]",
        file: &["filename"],
        line: &["labels.0.span.line"],
        column: &["labels.0.span.column"],
        rule: &["code"],
        url: &["url"],
        ..ROW
    }]),
    ..Spec::DEFAULT
};

#[cfg(test)]
#[path = "linters_tests.rs"]
mod tests;
