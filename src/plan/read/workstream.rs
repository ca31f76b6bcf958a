//! `[workstream.ID]`.

use crate::model::plan::Estimate;
use crate::model::plan::{Base, Expect, Header, Located, Milestone, Priority, Prompt, Workstream};
use crate::plan::problem::{Code, Problems};
use crate::plan::table::Table;

pub(super) fn read(
    problems: &mut Problems<'_>,
    id: Located<String>,
    mut table: Table<'_, '_>,
    header: Option<&Header>,
) -> Workstream {
    let name = table.string(problems, "name").map_or_else(|| id.value.to_lowercase(), |s| s.value);
    let title = table.string(problems, "title").map_or_else(|| name.clone(), |s| s.value);
    let branch_pattern = header.map_or("workstream/{name}", |h| h.branch.as_str());
    let worktree_pattern = header.map_or("../{repo}-{name}", |h| h.worktree.as_str());
    let filled = |pattern: &str| pattern.replace("{name}", &name).replace("{id}", &id.value);
    let at = table.at;
    let workstream = Workstream {
        title,
        who: table.string(problems, "who").map(|s| s.value),
        branch: table.string(problems, "branch").unwrap_or_else(|| Located::new(filled(branch_pattern), at)),
        adopt: table.boolean(problems, "adopt").is_some_and(|b| b.value),
        worktree: table
            .string(problems, "worktree")
            .unwrap_or_else(|| Located::new(filled(worktree_pattern), at)),
        from: table
            .word(problems, "from", &[("integration", Base::Integration), ("base", Base::Base)])
            .unwrap_or(Base::Integration),
        estimate: estimate(problems, &mut table),
        priority: priority(problems, &mut table, "priority").unwrap_or_default(),
        needs: table.strings(problems, "needs"),
        after: table.strings(problems, "after"),
        not_before: table.number(problems, "not_before").map(|n| n.value),
        owns: table.strings(problems, "owns"),
        continuous: table.boolean(problems, "continuous").is_some_and(|b| b.value),
        queue: queue(problems, &mut table),
        prompt: prompt(problems, &mut table),
        success: table.strings(problems, "success").into_iter().map(|s| s.value).collect(),
        milestones: table
            .tables(problems, "milestones")
            .into_iter()
            .map(|t| milestone(problems, t))
            .collect(),
        expect: table.tables(problems, "expect").into_iter().filter_map(|t| expect(problems, t)).collect(),
        agent: table.string(problems, "agent").map(|s| s.value),
        setup: table.string(problems, "setup").map(|s| s.value),
        gates: table.strings(problems, "gates"),
        id,
        name,
    };
    table.finish(problems);
    workstream
}

fn estimate(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<Estimate> {
    let text = table.string(problems, "estimate")?;
    match Estimate::parse(&text.value) {
        Ok(estimate) => Some(estimate),
        Err(reason) => {
            problems.add(text.at, Code::Duration, table.field("estimate"), reason);
            None
        }
    }
}

/// A word for how urgent something is; capitals and `critical path` are what people write.
pub(super) fn priority(
    problems: &mut Problems<'_>,
    table: &mut Table<'_, '_>,
    key: &'static str,
) -> Option<Priority> {
    let text = table.string(problems, key)?;
    match text.value.to_lowercase().as_str() {
        "critical" | "critical path" | "critical-path" => Some(Priority::Critical),
        "high" => Some(Priority::High),
        "medium" => Some(Priority::Medium),
        "low" => Some(Priority::Low),
        _ => {
            let reason = format!("{:?} is not one of critical, high, medium, low", text.value);
            problems.add(text.at, Code::Type, table.field(key), reason);
            None
        }
    }
}

fn queue(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<String> {
    let text = table.string(problems, "queue")?;
    match crate::model::QueueName::parse(&text.value) {
        Ok(_) => Some(text.value),
        Err(error) => {
            problems.add(text.at, Code::Name, table.field("queue"), error.to_string());
            None
        }
    }
}

/// `prompt = "text"` or `prompt = { file = "docs/x.md" }`; a text that ends in `.md` and has no
/// blank is a file as well.
fn prompt(problems: &mut Problems<'_>, table: &mut Table<'_, '_>) -> Option<Prompt> {
    if table.is_table("prompt") {
        let mut inner = table.table(problems, "prompt")?;
        let file = inner.string(problems, "file");
        if file.is_none() && !inner.has("file") {
            inner.wrong(problems, "", Code::Missing, "name the file: prompt = { file = \"docs/x.md\" }");
        }
        inner.finish(problems);
        return file.map(Prompt::File);
    }
    let text = table.string(problems, "prompt")?;
    if text.value.ends_with(".md") && !text.value.contains(char::is_whitespace) {
        return Some(Prompt::File(text));
    }
    Some(Prompt::Text(text.value))
}

fn milestone(problems: &mut Problems<'_>, mut table: Table<'_, '_>) -> Milestone {
    let id = table.string(problems, "id").map(|s| s.value);
    let text = table.string(problems, "text").map(|s| s.value);
    if id.is_none() && text.is_none() {
        table.wrong(problems, "id", Code::Missing, "a milestone needs an id or a text");
    }
    let milestone = Milestone {
        day: table.number(problems, "day").map(|d| d.value),
        id: id.clone().or_else(|| text.clone()).unwrap_or_default(),
        text: text.or(id).unwrap_or_default(),
    };
    table.finish(problems);
    milestone
}

/// `{ after = "1d", percent = 50 }`.
fn expect(problems: &mut Problems<'_>, mut table: Table<'_, '_>) -> Option<Expect> {
    let after = table.string(problems, "after");
    let percent = table.number(problems, "percent");
    let field = table.field("after");
    for key in ["after", "percent"] {
        if !table.has(key) {
            table.wrong(problems, key, Code::Missing, "expected { after = \"1d\", percent = 50 }");
        }
    }
    table.finish(problems);
    let (after, percent) = (after?, percent?);
    match Estimate::parse(&after.value) {
        Ok(estimate) => Some(Expect { after_days: estimate.days(8.0).1, percent: percent.value.min(100) }),
        Err(reason) => {
            problems.add(after.at, Code::Duration, field, reason);
            None
        }
    }
}
