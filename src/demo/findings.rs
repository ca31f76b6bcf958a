//! The findings that the demonstration works off, and the files that have them.
//!
//! They are what ruff found in a part of Django. Django itself is not needed: each finding gets a
//! function of its own in a file of the same name, with one line to fix, so that a fix is a real
//! edit whose place is known beforehand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Results of ruff on `django/utils`, as it wrote them.
const SARIF: &str = include_str!("../../tests/data/findings.sarif");

/// How a line that is to be fixed ends, before the rule.
const BROKEN: &str = "# finding: ";
/// How it ends once it is fixed.
const FIXED: &str = "# fixed: ";

/// One thing to fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the repository's root.
    pub file: String,
    /// Its line, counted from 1.
    pub line: u64,
    /// The rule that is broken.
    pub rule: String,
    /// What ruff says.
    pub message: String,
}

/// Why the embedded findings cannot be used: only when the program was built wrongly.
#[derive(Debug, thiserror::Error)]
#[error("the findings in this program are damaged: {0}")]
pub struct Damaged(String);

/// The text of a line, before or after it is fixed.
pub fn line_text(rule: &str, fixed: bool) -> String {
    format!("    return value  {}{rule}", if fixed { FIXED } else { BROKEN })
}

/// Fixes line `line` (counted from 1) of a file, or returns `None` when there is nothing to fix.
pub fn fix(content: &str, line: u64) -> Option<String> {
    let mut lines: Vec<String> = content.lines().map(str::to_owned).collect();
    let at = lines.get_mut(usize::try_from(line.checked_sub(1)?).ok()?)?;
    let fixed = at.replace(BROKEN, FIXED);
    if fixed == *at {
        return None;
    }
    *at = fixed;
    Some(lines.join("\n") + "\n")
}

/// How many findings are embedded.
///
/// # Errors
/// When they cannot be read.
pub fn embedded() -> Result<usize, Damaged> {
    Ok(results()?.len())
}

fn results() -> Result<Vec<Value>, Damaged> {
    let mut document: Value = serde_json::from_str(SARIF).map_err(|e| Damaged(e.to_string()))?;
    match document.pointer_mut("/runs/0/results").map(Value::take) {
        Some(Value::Array(list)) if !list.is_empty() => Ok(list),
        _ => Err(Damaged("there are none".into())),
    }
}

/// The first `count` findings. Beyond the embedded ones they come again, in other files.
///
/// # Errors
/// When the embedded ones cannot be read.
pub fn take(count: usize) -> Result<Vec<Finding>, Damaged> {
    let results = results()?;
    let mut found = Vec::with_capacity(count);
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for n in 0..count {
        let result = &results[n % results.len()];
        let word = |pointer: &str| {
            let value = result.pointer(pointer).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| Damaged(format!("no {pointer} in number {n}")))
        };
        let mut file = word("/locations/0/physicalLocation/artifactLocation/uri")?;
        let round = n / results.len();
        if round > 0 {
            file = file.replace("django/utils/", &format!("django/part{round:02}/"));
        }
        let line = lines.entry(file.clone()).or_insert(HEAD_LINES);
        *line += FUNCTION_LINES;
        let message = word("/message/text")?.lines().next().unwrap_or_default().to_owned();
        found.push(Finding { line: *line, file, rule: word("/ruleId")?, message });
    }
    Ok(found)
}

/// Lines above the first function of a file.
const HEAD_LINES: u64 = 1;
/// Lines of a function, of which the last one is to be fixed: the distance between two fixes is
/// large enough for git to merge them.
const FUNCTION_LINES: u64 = 5;

/// The files that have these findings, with their content before or after all is fixed.
pub fn files(findings: &[Finding], fixed: bool) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for finding in findings {
        let name = &finding.file;
        let text = files.entry(name.clone()).or_insert_with(|| format!("\"\"\"{name}\"\"\"\n"));
        let Finding { line, rule, message, .. } = finding;
        let last = line_text(rule, fixed);
        text.push_str(&format!("\n\ndef step_{line}(value):\n    # {message}\n{last}\n"));
    }
    files
}

/// The findings as a SARIF document for `git coord queue import`.
pub fn sarif(findings: &[Finding]) -> String {
    let result = |f: &Finding| {
        json!({
            "ruleId": f.rule, "level": "error", "message": { "text": f.message },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": f.file }, "region": { "startLine": f.line },
            }}],
        })
    };
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": { "name": "ruff" } }, "results": results }],
    })
    .to_string()
}
