//! `[plan]`.

use crate::model::plan::{Header, Limits, Located};
use crate::plan::problem::{Code, Problems};
use crate::plan::table::Table;

pub(super) fn read(problems: &mut Problems<'_>, mut table: Table<'_, '_>) -> Header {
    let at = table.at;
    let text = |problems: &mut Problems<'_>, table: &mut Table<'_, '_>, key, default: &str| {
        table.string(problems, key).unwrap_or_else(|| Located::new(default.to_owned(), at))
    };
    if !table.has("name") {
        problems.add(at, Code::Missing, "plan.name", "a plan needs a name");
    }
    let base = text(problems, &mut table, "base", "main");
    let name = text(problems, &mut table, "name", "plan").value;
    let target = text(problems, &mut table, "target", &base.value);
    let header = Header {
        start: table.date(problems, "start").map(|d| d.value),
        days: table.number(problems, "days").map(|d| d.value),
        hours_per_day: hours_per_day(problems, &mut table),
        integration: text(problems, &mut table, "integration", &format!("integration/{name}")),
        tags: table.strings(problems, "tags"),
        worktree: text(problems, &mut table, "worktree", "../{repo}-{name}").value,
        branch: text(problems, &mut table, "branch", "workstream/{name}").value,
        start_file: start_file(problems, &mut table),
        agent: table.string(problems, "agent").map(|s| s.value),
        open: table.string(problems, "open").map(|s| s.value),
        setup: table.string(problems, "setup").map(|s| s.value),
        message: text(problems, &mut table, "message", "Merge Wave {wave}{letter}: {id} {title}").value,
        integrators: table.strings(problems, "integrators").into_iter().map(|s| s.value).collect(),
        limits: limits(problems, &mut table),
        after_finish: table.strings(problems, "after_finish").into_iter().map(|s| s.value).collect(),
        base,
        name,
        target,
    };
    table.finish(problems);
    header
}

fn hours_per_day(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<f64> {
    let hours = table.float(problems, "hours_per_day")?;
    if (0.25..=24.0).contains(&hours.value) {
        return Some(hours.value);
    }
    problems.add(hours.at, Code::Type, "plan.hours_per_day", "expected a number from 0.25 to 24");
    None
}

fn start_file(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> String {
    let default = || "STARTUP.md".to_owned();
    let Some(name) = table.string(problems, "start_file") else { return default() };
    if name.value.is_empty() || name.value.contains(['/', '\\']) || name.value.starts_with('.') {
        problems.add(
            name.at,
            Code::Name,
            "plan.start_file",
            format!("{:?} is not a plain file name", name.value),
        );
        return default();
    }
    name.value
}

fn limits(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Limits {
    let Some(mut table) = table.table(problems, "limits") else { return Limits::default() };
    let limits = Limits {
        conflict: table.duration(problems, "conflict").map(|d| d.value),
        silent: table.duration(problems, "silent").map(|d| d.value),
    };
    table.finish(problems);
    limits
}
