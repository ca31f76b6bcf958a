//! `conflicts`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, WARN, paint};
use crate::cli::text;
use crate::land::conflicts::{Ask, Pair, PairState, Picture};

/// Show which branches conflict with each other and with the target
///
/// Every pair is merged in memory, by the rules that a landing uses; nothing is left in the
/// repository. Pairs that have not changed are not merged again.
#[derive(Debug, Args)]
pub struct ConflictsArgs {
    /// These branches or sessions [default: the branches of all sessions]
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// The target branch
    #[arg(long, value_name = "T")]
    into: Option<String>,
    /// Count changes that are not committed
    #[arg(long)]
    worktrees: bool,
    /// End with status 5 when there is a conflict
    #[arg(long)]
    exit_code: bool,
}

/// Runs `conflicts`.
pub fn conflicts(app: &App, args: &ConflictsArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let mut integrator = super::integrator(app, store)?;
    let ask = Ask { branches: args.branches.clone(), into: args.into.clone(), worktrees: args.worktrees };
    let picture = integrator.conflicts(&ask)?;
    let data = serde_json::to_value(&picture).unwrap_or_default();
    let lines = lines(&picture);
    let found = picture.pairs.iter().any(|pair| pair.state == PairState::Conflict);
    if !(args.exit_code && found) {
        return Ok(Answer::new(data, lines));
    }
    let mut error = CliError::refused(lines).detail("rule", json!("conflict"));
    if let Value::Object(fields) = data {
        error.details.extend(fields);
    }
    Err(error.hint("take over what the other has before it grows: git coord refresh --all"))
}

fn lines(picture: &Picture) -> Vec<String> {
    let bad: Vec<&Pair> = picture.pairs.iter().filter(|pair| pair.state != PairState::Clean).collect();
    let mut lines: Vec<String> = bad.iter().map(|pair| line(pair)).collect();
    let (branches, pairs) = (picture.branches.len(), picture.pairs.len());
    let of = format!(
        "{} against {}",
        text::count(branches, "branch").replace("branchs", "branches"),
        picture.target
    );
    lines.push(match bad.len() {
        0 => format!("{} {of}", paint(GOOD, "no conflict:")),
        n => paint(FAINT, format!("{} of {} in {of}", n, text::count(pairs, "pair"))).to_string(),
    });
    lines
}

fn line(pair: &Pair) -> String {
    let what = match pair.state {
        PairState::Conflict => paint(BAD, "conflict"),
        PairState::Resolved => paint(GOOD, "resolved"),
        PairState::Unknown => paint(WARN, "unknown"),
        PairState::Clean => paint(GOOD, "clean"),
    };
    let files: Vec<String> =
        pair.files.iter().take(3).map(|file| format!("{} ({})", file.path, file.kind)).collect();
    let more = pair.files.len().saturating_sub(3);
    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
    format!("{what} {} × {}  {}{more}", paint(STRONG, &pair.a), paint(STRONG, &pair.b), files.join(", "))
}
