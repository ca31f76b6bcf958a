//! `[[conflict]]`, `[target.NAME]`, `[risk.ID]`.

use crate::model::plan::{ConflictRule, Located, Risk, Rule, Target};
use crate::plan::problem::{Code, Problems};
use crate::plan::table::Table;

use super::gate::limit;
use super::workstream::priority;

const FIELDS: [&str; 6] = ["prefer", "take", "keep", "ask", "regenerate", "driver"];

pub(super) fn conflict(problems: &mut Problems<'_>, mut table: Table<'_, '_>) -> Option<ConflictRule> {
    let paths = table.strings(problems, "paths");
    if paths.is_empty() && !table.has("paths") {
        table.wrong(problems, "paths", Code::Missing, "name the paths: paths = [\"src/config.py\"]");
    }
    let named: Vec<&str> = FIELDS.into_iter().filter(|f| table.has(f)).collect();
    let rule = rule(problems, &mut table);
    match named.as_slice() {
        [_] => {}
        [] => table.wrong(problems, "", Code::Missing, format!("name one of {}", FIELDS.join(", "))),
        [_, second, ..] => {
            let reason = format!("a rule has one of {}, not {}", FIELDS.join(", "), named.join(" and "));
            table.wrong(problems, second, Code::Type, reason);
        }
    }
    table.finish(problems);
    Some(ConflictRule { paths, rule: rule? })
}

fn rule(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<Rule> {
    // Each is asked for, so that all of them are known fields.
    let prefer = table.string(problems, "prefer").map(Rule::Prefer);
    let take = table.string(problems, "take").map(Rule::Take);
    let keep = table.word(problems, "keep", &[("both", ())]).map(|()| Rule::Both);
    let asked = table.has("ask");
    let ask = table.strings(problems, "ask");
    let ask = asked.then_some(Rule::Ask(ask));
    let regenerate = table.string(problems, "regenerate").map(|s| Rule::Regenerate(s.value));
    let driver = table.string(problems, "driver").map(|s| Rule::Driver(s.value));
    prefer.or(take).or(keep).or(ask).or(regenerate).or(driver)
}

pub(super) fn target(problems: &mut Problems<'_>, name: Located<String>, mut table: Table<'_, '_>) -> Target {
    let value = table.string(problems, "value");
    if value.is_none() && !table.has("value") {
        let reason =
            "say where it comes from: \"gate:NAME coverage.line\", \"plan:conflicts\" or \"plan:rollbacks\"";
        table.wrong(problems, "value", Code::Missing, reason);
    }
    if let Some(value) = &value
        && !["gate:", "plan:"].iter().any(|p| value.value.starts_with(p))
    {
        let reason = format!("{:?} does not begin with gate: or plan:", value.value);
        problems.add(value.at, Code::Type, table.field("value"), reason);
    }
    let target = Target {
        name,
        value: value.map(|v| v.value).unwrap_or_default(),
        from: table.float(problems, "from").map(|n| n.value),
        limit: limit(problems, &mut table),
    };
    table.finish(problems);
    target
}

pub(super) fn risk(problems: &mut Problems<'_>, id: Located<String>, mut table: Table<'_, '_>) -> Risk {
    let text = table.string(problems, "text").map(|s| s.value);
    if text.is_none() && !table.has("text") {
        table.wrong(problems, "text", Code::Missing, "say what might happen");
    }
    let risk = Risk {
        id,
        severity: priority(problems, &mut table, "severity").unwrap_or_default(),
        about: table.strings(problems, "about"),
        text: text.unwrap_or_default(),
        plan: table.string(problems, "plan").map(|s| s.value),
    };
    table.finish(problems);
    risk
}
