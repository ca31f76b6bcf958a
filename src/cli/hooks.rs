//! `hooks install`, `uninstall`, `status`.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::hook::{self, Change, HookStatus, Installed, State};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, WARN, paint};

/// Install, remove or look at the git hooks.
#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// Install the hooks for all worktrees; hooks that are there go on running
    Install,
    /// Remove the hooks and restore what was there
    Uninstall,
    /// Show whether git really runs the hooks in this worktree
    Status,
}

/// The tools whose hooks run with ours, in words.
pub fn others_text(app: &App) -> CliResult<Vec<String>> {
    let tools = hook::others(&app.place.repo)?;
    let words = tools.into_iter().map(|(tool, hooks)| {
        let hooks: Vec<&str> = hooks.iter().map(|h| h.name()).collect();
        format!("    {tool}: run in {}", hooks.join(", "))
    });
    Ok(words.collect())
}

/// Runs `hooks …`.
pub fn run(app: &App, command: &HooksCommand) -> CliResult<Answer> {
    match command {
        HooksCommand::Install => {
            let list = install(app)?;
            let text = [installed_text(&list), others_text(app)?].concat();
            Ok(Answer::new(json!({ "hooks": installed_json(&list) }), text))
        }
        HooksCommand::Uninstall => uninstall(app),
        HooksCommand::Status => status(app),
    }
}

/// Installs the hooks of all worktrees.
pub fn install(app: &App) -> CliResult<Vec<Installed>> {
    let program = crate::process::own_program()
        .map_err(|e| CliError::failed("io", format!("cannot tell where git-coord is installed: {e}")))?;
    Ok(hook::install(&app.place.repo, &program)?)
}

fn change_word(change: &Change) -> String {
    match change {
        Change::Unchanged => "unchanged".into(),
        Change::Created => "created".into(),
        Change::Chained(tool) => format!("chained {tool}"),
        Change::Updated => "updated".into(),
        Change::BehindTool(tool) => format!("run by {tool}"),
        Change::Manual => "called by hand".into(),
        Change::NotCalled => "not called".into(),
    }
}

/// The hooks in the form that `data.hooks` has.
pub fn installed_json(list: &[Installed]) -> Value {
    let rows = list.iter().map(|i| {
        json!({
            "hook": i.hook.name(), "path": i.path, "worktrees": i.worktrees,
            "change": change_word(&i.change), "saved": i.saved,
        })
    });
    rows.collect()
}

/// The hooks for people: what is new, and what runs beside them.
pub fn installed_text(list: &[Installed]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders: Vec<_> = list.iter().filter_map(|i| i.path.parent()).collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        let here = || list.iter().filter(|i| i.path.parent() == Some(folder));
        lines.push(format!("{} {} hooks in {}", paint(GOOD, "✓"), here().count(), folder.display()));
        for kept in here() {
            if !matches!(kept.change, Change::Unchanged | Change::Created | Change::Updated) {
                lines.push(format!("    {}: {}", kept.hook, change_word(&kept.change)));
            }
        }
    }
    lines
}

fn uninstall(app: &App) -> CliResult<Answer> {
    let removed = hook::uninstall(&app.place.repo)?;
    let rows: Vec<Value> = removed
        .iter()
        .map(|r| json!({ "hook": r.hook.name(), "path": r.path, "restored": r.restored, "left": r.left }))
        .collect();
    let mut lines: Vec<String> = removed
        .iter()
        .map(|r| {
            let back = if r.restored { ", the hook from before is back" } else { "" };
            format!("removed {}{back}", r.path.display())
        })
        .collect();
    if lines.is_empty() {
        lines.push("no hooks to remove".into());
    }
    Ok(Answer::new(json!({ "hooks": rows }), lines))
}

fn state_text(status: &HookStatus) -> String {
    match &status.state {
        State::Active if status.proven => paint(GOOD, "git runs it"),
        State::Active => paint(WARN, "installed, not proven"),
        State::BehindTool(tool) => paint(GOOD, format!("run by {tool}")),
        State::Manual => paint(GOOD, "called by your own hook"),
        State::Missing => paint(BAD, "missing"),
        State::Foreign(tool) => paint(BAD, format!("replaced by {tool}")),
        State::NotRun { why } => paint(BAD, format!("git does not run it: {why}")),
    }
}

fn state_word(state: &State) -> &'static str {
    match state {
        State::Active => "active",
        State::BehindTool(_) => "through",
        State::Manual => "by-hand",
        State::Missing => "missing",
        State::Foreign(_) => "foreign",
        State::NotRun { .. } => "not-run",
    }
}

fn status(app: &App) -> CliResult<Answer> {
    let list = hook::status(&app.place.repo)?;
    let rows: Vec<Value> = list
        .iter()
        .map(|s| {
            json!({
                "hook": s.hook.name(), "path": s.path, "state": state_word(&s.state),
                "active": s.is_active(), "proven": s.proven, "version": s.version,
                "chained": s.chained.map(|t| t.to_string()),
            })
        })
        .collect();
    let active = list.iter().all(HookStatus::is_active);
    let others = others_text(app)?;
    let data = json!({ "hooks": rows, "active": active, "worktree": app.place.repo.root });
    let mut lines: Vec<String> = list
        .iter()
        .map(|s| {
            let chained =
                s.chained.map(|t| paint(FAINT, format!("  after the hook of {t}"))).unwrap_or_default();
            format!("{:19} {}{chained}", s.hook.name(), state_text(s))
        })
        .collect();
    lines.extend(others);
    if !active {
        lines.insert(0, "not all hooks run here".to_owned());
        return Err(CliError::refused(lines)
            .hint("git coord hooks install")
            .detail("hooks", data["hooks"].clone()));
    }
    Ok(Answer::new(data, lines))
}
