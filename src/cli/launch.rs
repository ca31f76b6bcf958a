//! `launch` and `teardown`.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, paint};
use crate::planning::launch::{Change, LaunchRequest, Launched, launch as carry_out};
use crate::planning::teardown as take_down;

/// Start workstreams: branch, worktree, session, start file, window
///
/// Launching again what was launched makes what is missing, and changes nothing else.
#[derive(Debug, Args)]
#[command(after_help = "Without ids: all that can start now. KIND: tmux, zellij, wezterm, kitty, screen,\n\
                        windows-terminal, code, cursor, zed, print, or a command with {dir}, {cmd}, {id}.\n\
                        CMD: claude, codex, gemini, qwen, copilot, opencode, …, or a command with {prompt}.")]
pub struct LaunchArgs {
    /// Workstreams
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All that can start now
    #[arg(long)]
    ready: bool,
    /// Open a window for each
    #[arg(long, value_name = "KIND")]
    open: Option<String>,
    /// What works on it
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
    /// Do not wait for this need; may be given more than once
    #[arg(long, value_name = "ID")]
    despite: Vec<String>,
    /// Write start files anew although they were edited
    #[arg(long)]
    force: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Remove the worktrees of workstreams that have landed
///
/// Only what is landed, clean, not locked and not in use; branches stay. Nothing is ever forced.
#[derive(Debug, Args)]
pub struct TeardownArgs {
    /// Workstreams [default: all that have landed]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

/// Runs `launch`.
pub fn launch(app: &App, args: &LaunchArgs) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let request = LaunchRequest {
        ids: args.ids.clone(),
        ready: args.ready,
        despite: args.despite.clone(),
        exec: args.exec.clone(),
        open: args.open.clone(),
        force: args.force,
        dry_run: args.dry_run,
    };
    let answer = carry_out(&client, &request)?;
    let mut lines: Vec<String> = Vec::new();
    for one in &answer.launched {
        lines.extend(shown(one, args.dry_run));
    }
    for waiting in &answer.waiting {
        lines.push(paint(FAINT, format!("{} waits for {}", waiting.id, waiting.what.join(", "))));
    }
    if lines.is_empty() {
        lines.push("nothing can start now".into());
    }
    Ok(Answer::new(json!(answer), lines))
}

fn shown(one: &Launched, dry_run: bool) -> Vec<String> {
    let what = match (dry_run, one.change) {
        (true, _) => "would launch",
        (false, Change::Created) => "launched",
        (false, Change::Resumed) => "resumed",
    };
    let base = one.base.get(..10).unwrap_or(&one.base);
    let mut lines = vec![format!(
        "{} {} in {} on {} at {base}",
        paint(GOOD, what),
        paint(STRONG, &one.id),
        one.worktree.display(),
        one.branch
    )];
    if let Some(setup) = &one.setup {
        let end = setup.end.as_deref().unwrap_or("to be run");
        let style = if setup.ok == Some(false) { BAD } else { FAINT };
        lines.push(format!("  set-up: {}: {}", setup.command, paint(style, end)));
        if setup.ok == Some(false)
            && let Some(log) = &setup.log
        {
            lines.push(format!("  see {}, then run it again in the worktree", log.display()));
        }
    }
    match &one.opened {
        Some(opened) => {
            lines.push(format!("  {} {}", opened.kind, opened.window.as_deref().unwrap_or("window")))
        }
        None => {
            let dir = shlex::try_quote(&one.worktree.to_string_lossy()).map(std::borrow::Cow::into_owned);
            let dir = dir.unwrap_or_else(|_| one.worktree.to_string_lossy().into_owned());
            let command = if one.command.is_empty() { String::new() } else { format!(" && {}", one.command) };
            lines.push(format!("  cd {dir}{command}"));
        }
    }
    lines
}

/// Runs `teardown`.
pub fn teardown(app: &App, args: &TeardownArgs) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let answer = take_down(&client, &args.ids)?;
    let mut lines: Vec<String> =
        answer.removed.iter().map(|id| format!("{} the worktree of {id}", paint(GOOD, "removed"))).collect();
    lines.extend(answer.kept.iter().map(|kept| format!("{} stays: {}", paint(STRONG, &kept.id), kept.why)));
    if lines.is_empty() {
        lines.push("nothing to remove".into());
    }
    Ok(Answer::new(json!(answer), lines))
}
