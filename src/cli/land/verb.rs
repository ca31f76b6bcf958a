//! `land`.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, STRONG, WARN, paint};
use crate::cli::text;
use crate::land::{Asked, Report, Request, Waiting};
use crate::model::ItemId;
use crate::model::landing::{HandedBack, LandMode};

/// Bring finished work into the target branch
///
/// Of each session, its branch up to the last commit of finished work. What cannot land is handed
/// back with the reason, and the rest lands. Branches are merged in a repository of their own, so
/// no worktree is touched before the target moves.
#[derive(Debug, Args)]
#[command(after_help = "Without names: this worktree's session, or all sessions where none is bound.\n\
                        The target is coord.target, else the branch that origin/HEAD names, else\n\
                        that of the main worktree. Where it is checked out, its files follow.\n\
                        Something handed back: exit status 5; another integrator at work: 4.")]
pub struct LandArgs {
    /// Sessions, branches or items
    #[arg(value_name = "SESSION|BRANCH|ITEM")]
    names: Vec<String>,
    /// All sessions
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// The target branch
    #[arg(long, value_name = "T")]
    into: Option<String>,
    #[command(flatten)]
    mode: Mode,
    /// Wait for other integrators, at most this long
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
    /// Only show what would land
    #[arg(long)]
    dry_run: bool,
}

/// How it lands.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
struct Mode {
    /// Make a merge commit for each branch (the default)
    #[arg(long)]
    no_ff: bool,
    /// Make one ordinary commit for each branch
    #[arg(long)]
    squash: bool,
    /// Put the commits of each branch on top
    #[arg(long)]
    rebase: bool,
    /// Only move the target forward to a branch
    #[arg(long)]
    ff_only: bool,
}

impl From<Mode> for LandMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode { squash: true, .. } => LandMode::Squash,
            Mode { rebase: true, .. } => LandMode::Rebase,
            Mode { ff_only: true, .. } => LandMode::FfOnly,
            Mode { .. } => LandMode::Merge,
        }
    }
}

/// Runs `land`.
pub fn land(app: &App, args: &LandArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let integrator = super::integrator(app, store)?;
    let mut names = args.names.clone();
    if names.is_empty() && !args.all {
        names.extend(app.place.session_if_any()?.map(|session| session.to_string()));
    }
    let request = Request {
        asked: Asked { names },
        into: args.into.clone(),
        mode: args.mode.into(),
        wait: args.wait.map(Duration::from_secs),
        dry_run: args.dry_run,
        ..Request::default()
    };
    let report = integrator.land(&request)?;
    let data = serde_json::to_value(&report).unwrap_or_default();
    let lines = lines(&report, args.dry_run);
    if report.handed_back.is_empty() {
        return Ok(Answer::new(data, lines));
    }
    Err(handed_back(&report, data, lines, args.dry_run))
}

/// Something could not land: what has landed is part of the answer all the same.
fn handed_back(report: &Report, data: Value, lines: Vec<String>, dry_run: bool) -> CliError {
    let mut details = Map::from_iter([("rule".to_owned(), json!("handed-back"))]);
    if let Value::Object(fields) = data {
        details.extend(fields);
    }
    let hint = match &report.handed_back[..] {
        _ if dry_run => "fix it there first, or land the others: git coord land NAME".to_owned(),
        [HandedBack { rule, .. }, ..] if rule == "conflict" || rule == "stale" => {
            "resolve it in that worktree with: git coord refresh --all, then land again".to_owned()
        }
        [HandedBack { rule, .. }, ..] if rule == "uncommitted" => {
            "commit or discard these changes there, then land again".to_owned()
        }
        _ => "fix it there, then land again".to_owned(),
    };
    CliError { details, ..CliError::refused(lines).hint(hint) }
}

/// The lines of a landing for people.
pub fn lines(report: &Report, dry_run: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let verb = if dry_run { "would land" } else { "landed" };
    for member in &report.landed {
        let who = member.session.as_ref().map_or(member.branch.as_str(), |s| s.as_str());
        let items = items(&member.items);
        let commit = paint(FAINT, super::short(&member.commit));
        lines.push(format!("{} {} {commit}{items}", paint(GOOD, verb), paint(STRONG, who)));
    }
    if let Some(id) = &report.id {
        let again = if report.completed { ", completed after it was cut off" } else { "" };
        let (from, to) = (super::short(&report.from), super::short(&report.to));
        lines.push(format!("{} is at {to}, was at {from} (landing {id}{again})", report.target));
    }
    for back in &report.handed_back {
        let who = back.session.as_ref().map_or(back.branch.as_str(), |s| s.as_str());
        lines.push(format!("{} {}: {}", paint(WARN, "handed back"), paint(STRONG, who), back.reason));
        lines.extend(back.files.iter().take(5).map(|file| format!("  {file}")));
        let more = back.files.len().saturating_sub(5);
        lines.extend((more > 0).then(|| format!("  and {}", text::count(more, "more file"))));
    }
    lines.extend(report.waiting.iter().map(waiting));
    if lines.is_empty() {
        lines.push(format!("nothing to land on {}", report.target));
    }
    lines
}

fn waiting(waiting: &Waiting) -> String {
    let who = waiting.session.as_ref().map_or(waiting.branch.as_str(), |s| s.as_str());
    if let Some(remote) = &waiting.missing_on {
        let name = paint(STRONG, who);
        return format!("{} {name}: its branch {} is not on {remote}", paint(FAINT, "waits"), waiting.branch);
    }
    let many = text::count(waiting.commits, "commit");
    let items = items(&waiting.items);
    format!("{} {}: {many} for{items}, not done yet", paint(FAINT, "waits"), paint(STRONG, who))
}

fn items(items: &[ItemId]) -> String {
    let shown: Vec<&str> = items.iter().take(5).map(ItemId::as_str).collect();
    match items.len() {
        0 => String::new(),
        n if n > 5 => format!(" {} (+{})", shown.join(" "), n - 5),
        _ => format!(" {}", shown.join(" ")),
    }
}
