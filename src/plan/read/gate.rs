//! `[gate.NAME]`.

use crate::model::plan::{Coverage, Flaky, Gate, Limit, Located, Metrics, ResultFile, Scope, When};
use crate::plan::problem::{Code, Problems};
use crate::plan::table::Table;

/// The time limit of a gate that names none, in seconds.
const DEFAULT_TIME: u64 = 30 * 60;

/// Formats of results by name.
const FORMATS: [&str; 9] = ["junit", "tap", "cargo", "pytest", "go", "node", "jest", "sarif", "exit"];

pub(super) fn read(problems: &mut Problems<'_>, name: Located<String>, mut table: Table<'_, '_>) -> Gate {
    let gate = Gate {
        name,
        run: table.string(problems, "run").map(|s| s.value),
        only: table.string(problems, "only").map(|s| s.value),
        time: table.duration(problems, "time").map_or(DEFAULT_TIME, |d| d.value),
        when: when(problems, &mut table),
        paths: values(table.strings(problems, "paths")),
        results: results(problems, &mut table),
        min_tests: table.number(problems, "min_tests").map(|n| n.value),
        must_pass: values(table.strings(problems, "must_pass")),
        coverage: coverage(problems, &mut table),
        metrics: metrics(problems, &mut table),
        of: table.string(problems, "of"),
        repeat: table.number(problems, "repeat").map_or(1, |n| n.value.clamp(1, 100)),
        flaky: table
            .word(problems, "flaky", &[("allow", Flaky::Allow), ("refuse", Flaky::Refuse)])
            .unwrap_or_default(),
        manual: table.string(problems, "manual").map(|s| s.value),
        exists: values(table.strings(problems, "exists")),
        cache: table.boolean(problems, "cache").is_none_or(|b| b.value),
        cache_key: table.string(problems, "cache_key").map(|s| s.value),
        env: values(table.strings(problems, "env")),
        pass_when_base_red: table
            .word(problems, "when_base_red", &[("hold", false), ("pass", true)])
            .unwrap_or(false),
        scope: table
            .word(problems, "scope", &[("batch", Scope::Batch), ("each-branch", Scope::EachBranch)])
            .unwrap_or_default(),
    };
    table.finish(problems);
    gate
}

fn values(list: Vec<Located<String>>) -> Vec<String> {
    list.into_iter().map(|s| s.value).collect()
}

fn when(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Vec<When> {
    let mut list = Vec::new();
    for text in table.strings(problems, "when") {
        match text.value.as_str() {
            "item" => list.push(When::Item),
            "before" => list.push(When::Before),
            "after" => list.push(When::After),
            "land" => list.push(When::Land),
            _ => {
                let reason = format!("{:?} is not one of item, before, after, land", text.value);
                problems.add(text.at, Code::Type, table.field("when"), reason);
            }
        }
    }
    list
}

/// `tests = "junit.xml"` names files; `results = "junit:report.xml"` or `"cargo"` the format as well.
fn results(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Vec<ResultFile> {
    let tests = table.strings(problems, "tests").into_iter();
    let mut list: Vec<ResultFile> =
        tests.map(|file| ResultFile { format: None, file: Some(file.value) }).collect();
    for text in table.strings(problems, "results") {
        let (format, file) = match text.value.split_once(':') {
            Some((format, file)) => (format, Some(file.to_owned()).filter(|f| !f.is_empty())),
            None => (text.value.as_str(), None),
        };
        if !FORMATS.contains(&format) {
            let reason =
                format!("{format:?} is not one of {}; write FORMAT or FORMAT:FILE", FORMATS.join(", "));
            problems.add(text.at, Code::Type, table.field("results"), reason);
        } else if format != "exit" {
            list.push(ResultFile { format: Some(format.to_owned()), file });
        }
    }
    list
}

fn coverage(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<Coverage> {
    let mut inner = table.table(problems, "coverage")?;
    let file = inner.string(problems, "file").map(|s| s.value);
    if file.is_none() && !inner.has("file") {
        inner.wrong(problems, "file", Code::Missing, "name the report: file = \"coverage.xml\"");
    }
    let coverage = Coverage {
        file: file.unwrap_or_default(),
        min: inner.float(problems, "min").map(|n| n.value),
        min_new: inner.float(problems, "min_new").map(|n| n.value),
        paths: values(inner.strings(problems, "paths")),
    };
    if coverage.min.is_none() && coverage.min_new.is_none() {
        inner.wrong(problems, "min", Code::Missing, "name a limit: min or min_new, in per cent");
    }
    inner.finish(problems);
    Some(coverage)
}

/// `{ file = "metrics.txt", p95_ms = { max = 500 } }`: every field but `file` is a value's name.
fn metrics(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<Metrics> {
    let mut inner = table.table(problems, "metrics")?;
    let file = inner.string(problems, "file").map(|s| s.value);
    if file.is_none() && !inner.has("file") {
        inner.wrong(problems, "file", Code::Missing, "name the file of values: file = \"metrics.txt\"");
    }
    let mut limits = Vec::new();
    for (name, value) in inner.entries() {
        if name.value == "file" {
            continue;
        }
        let path = inner.field(&name.value);
        // A dotted key that is not quoted is a table of tables: flatten it again.
        flatten(problems, &name.value, value, &path, &mut limits);
    }
    Some(Metrics { file: file.unwrap_or_default(), limits })
}

fn flatten(
    problems: &mut Problems<'_>,
    name: &str,
    value: &toml::Spanned<toml::de::DeValue<'_>>,
    path: &str,
    limits: &mut Vec<(String, Limit)>,
) {
    let Some(mut table) = Table::of(problems, value, path.to_owned()) else { return };
    if !table.has("min") && !table.has("max") && !table.entries().is_empty() {
        for (key, inner) in table.entries() {
            // Two levels are as deep as a limit lies; deeper ones are written as quoted keys.
            let name = format!("{name}.{}", key.value);
            let path = table.field(&key.value);
            match inner.get_ref().as_table() {
                Some(_) if name.matches('.').count() < 8 => flatten(problems, &name, inner, &path, limits),
                _ => problems.add(key.at, Code::Type, path, "expected { min = N } or { max = N }"),
            }
        }
        return;
    }
    limits.push((name.to_owned(), limit(problems, &mut table)));
    table.finish(problems);
}

/// `min` and `max` of a table.
pub(super) fn limit(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Limit {
    let limit = Limit {
        min: table.float(problems, "min").map(|n| n.value),
        max: table.float(problems, "max").map(|n| n.value),
    };
    if limit == Limit::default() && !table.has("min") && !table.has("max") {
        table.wrong(problems, "min", Code::Missing, "name a limit: min or max");
    }
    limit
}

#[cfg(test)]
mod tests {
    #[test]
    fn dotted_and_quoted_names_of_metrics_are_the_same() {
        let text = "[gate.load]\nrun = \"x\"\nmetrics = { file = \"k6.json\", \"a.b\" = { max = 1 } }\n\
                    [gate.more]\nrun = \"x\"\nmetrics = { file = \"k6.json\", a.b.max = 1 }\n";
        let (file, problems) = crate::plan::parse(text);
        assert_eq!(problems, []);
        assert_eq!(file.gates[0].metrics, file.gates[1].metrics);
    }
}
