//! The file in a workstream's worktree that tells its session how to begin.
//!
//! It is at the top of the worktree, is not tracked, and does not show in `git status`: its name is in
//! `info/exclude`, which all worktrees of the clone share. `uninstall` takes the line out again.

use std::path::Path;

use crate::git::{HostRepo, exclude};
use crate::model::plan::{Progress, Prompt, Workstream};
use crate::planning::{PlanError, State};

/// The first line, by which a file that was edited is told from one that was not.
const MARK: &str = "<!-- git-coord start file: edit this line away to keep your changes -->";

/// Its name.
pub(super) fn name(state: &State) -> String {
    state.plan().plan.as_ref().map_or_else(|| "STARTUP.md".to_owned(), |p| p.start_file.clone())
}

/// Writes the file, unless it was edited.
///
/// # Errors
/// When the repository tracks a file of this name, or it cannot be written.
pub(super) fn write(
    home: &HostRepo,
    state: &State,
    workstream: &Workstream,
    name: &str,
    force: bool,
) -> Result<(), PlanError> {
    if home.git().args(["ls-files", "--error-unmatch", "--", name]).output()?.status == Some(0) {
        return Err(PlanError::Tracked { file: name.to_owned() });
    }
    exclude::add(home, &format!("/{name}")).map_err(|source| PlanError::Exclude { source })?;
    let path = home.root.join(name);
    let edited = std::fs::read_to_string(&path).is_ok_and(|text| !text.starts_with(MARK));
    if edited && !force {
        return Ok(());
    }
    let text = text(state, workstream, &prompt(&home.root, workstream));
    std::fs::write(&path, text).map_err(|source| PlanError::Write { path, source })
}

/// The prompt's text; what a file says, when it is one.
fn prompt(root: &Path, workstream: &Workstream) -> String {
    match &workstream.prompt {
        Some(Prompt::Text(text)) => text.clone(),
        Some(Prompt::File(file)) => std::fs::read_to_string(root.join(&file.value))
            .unwrap_or_else(|_| format!("Read {} first.", file.value)),
        None => String::new(),
    }
}

fn text(state: &State, w: &Workstream, prompt: &str) -> String {
    let id = w.id.value.as_str();
    let progress = state.of(id);
    let mut lines = vec![MARK.to_owned(), format!("# {id}: {}", w.title), String::new()];
    if let Some(who) = &w.who {
        lines.push(format!("You work as {who}."));
    }
    lines.push(format!("Your branch is `{}`; commit there, and nowhere else.", w.branch.value));
    if let Some(estimate) = w.estimate {
        lines.push(format!("Estimate: {estimate}. Priority: {}.", w.priority.word()));
    }
    section(&mut lines, "Task", prompt.lines().map(str::to_owned));
    section(&mut lines, "It is good when", w.success.iter().map(|s| format!("- [ ] {s}")));
    section(
        &mut lines,
        "Yours to edit",
        w.owns.iter().filter(|o| !o.value.starts_with('!')).map(|o| format!("- `{}`", o.value)),
    );
    section(&mut lines, "Belongs to others: do not edit", others(state, w));
    section(&mut lines, "Has landed, and is in your base", landed(state, w));
    section(
        &mut lines,
        "Steps",
        w.milestones.iter().map(|m| {
            let day = m.day.map(|d| format!(" (day {d})")).unwrap_or_default();
            format!("- {}: {}{day}", m.id, m.text)
        }),
    );
    if let Some(back) = &progress.handed_back {
        section(&mut lines, "Handed back", [format!("{}: {}", back.rule, back.reason)].into_iter());
    }
    let queue = w
        .queue
        .as_ref()
        .map(|q| format!("- Take work from queue {q}: `git coord next`, then `git coord done ITEM`."));
    let how = [
        "- Before you edit a file that is not in the list above: `git coord claim PATH`. Exit status 4 means that another session holds it: take something else.",
        "- Exit status 3 means that what you held is not yours any longer; 5 that a rule says no, and which.",
        "- Say how far you are: `git coord progress --percent 50 \"what is done\"`.",
        "- Say what stops you: `git coord block \"what you wait for\"`; when it is over: `git coord unblock`.",
        "- When it is good: commit everything, then `git coord submit`. Your lead merges it; do not merge it yourself.",
    ];
    section(&mut lines, "How to work here", queue.into_iter().chain(how.map(str::to_owned)));
    lines.push(String::new());
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, title: &str, body: impl Iterator<Item = String>) {
    let body: Vec<String> = body.collect();
    if !body.is_empty() {
        lines.extend([String::new(), format!("## {title}"), String::new()]);
        lines.extend(body);
    }
}

fn others(state: &State, w: &Workstream) -> impl Iterator<Item = String> {
    let list: Vec<String> = state
        .plan()
        .workstreams
        .iter()
        .filter(|o| o.id.value != w.id.value)
        .filter(|o| !state.of(&o.id.value).has_landed())
        .flat_map(|o| {
            o.owns
                .iter()
                .filter(|p| !p.value.starts_with('!'))
                .map(|p| format!("- `{}` ({})", p.value, o.id.value))
        })
        .collect();
    list.into_iter()
}

fn landed(state: &State, w: &Workstream) -> impl Iterator<Item = String> {
    let needs = w.needs.iter().chain(&w.after).map(|n| n.value.clone());
    let found: Vec<(String, Progress)> = needs.map(|id| (id.clone(), state.of(&id))).collect();
    found.into_iter().filter_map(|(id, progress)| {
        let last = progress.landed.last()?;
        Some(format!("- {id} in {}", last.commit.get(..10).unwrap_or(&last.commit)))
    })
}
