//! Refusals of the state, as a person and a program read them.

use serde_json::{Value, json};

use crate::cli::exit::ExitStatus;
use crate::cli::text;
use crate::client::refresh::MissingInfo;
use crate::model::outcome::{Blocker, Outcome};
use crate::model::session::Loss;
use crate::model::unlanded::Missing;
use crate::model::{RuleId, SessionName};

use super::presented::CliError;

/// Holders that are listed for people.
const SHOWN: usize = 10;

impl CliError {
    /// The error of an outcome that is a refusal.
    pub fn from_refusal(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Held { blockers } => held(&blockers),
            Outcome::Lost { losses, holders } => lost(&losses, &holders),
            Outcome::Displaced { session, worktree, host } => {
                displaced(&session, worktree.as_deref(), host.as_deref())
            }
            Outcome::Refused { rule, message, hint } => {
                CliError::refused(message).hint(hint).detail("rule", json!(rule))
            }
            Outcome::Stale { missing } => stale(missing),
            Outcome::Unknown { what, name } => unknown(&what, &name),
            other => CliError::failed("unexpected", format!("unexpected outcome {other:?}")),
        }
    }
}

/// The error of a branch that lacks versions, and could not be brought up to them.
fn stale(missing: Vec<Missing>) -> CliError {
    let mut lines: Vec<String> = missing
        .iter()
        .take(SHOWN)
        .map(|m| {
            let commit = m.commit.get(..10).unwrap_or(&m.commit);
            let place = m.branch.as_deref().map(|b| format!(" on {b}")).unwrap_or_default();
            let whose = m.session.as_ref().map(|s| format!(", by {s}")).unwrap_or_default();
            format!("{}: this branch lacks {commit}{place}{whose}", m.path)
        })
        .collect();
    if missing.len() > SHOWN {
        lines.push(format!("and {} more", missing.len() - SHOWN));
    }
    let list: Vec<MissingInfo> = missing.into_iter().map(Into::into).collect();
    CliError::refused(lines.join("\n"))
        .hint("commit or stash what is in the way, then: git coord refresh; on the target branch: git coord land")
        .detail("rule", json!(RuleId::Stale))
        .detail("missing", json!(list))
}

/// The error in a worktree whose session was started anew elsewhere.
fn displaced(session: &SessionName, worktree: Option<&str>, host: Option<&str>) -> CliError {
    let place = worktree.map(|w| format!(" in {w}")).unwrap_or_default();
    let host = host.map(|h| format!(" on {h}")).unwrap_or_default();
    let message = format!(
        "session {session} was started anew and is at work{place}{host}: this worktree is not its own"
    );
    CliError::failed("lost", message)
        .status(ExitStatus::Lost)
        .hint("start a session of another name for this worktree: git coord session start NAME")
}

/// Blockers in the form that `details.holders` has.
pub fn holders_json(blockers: &[Blocker]) -> Value {
    json!(blockers.iter().cloned().map(crate::client::claims::HolderInfo::from).collect::<Vec<_>>())
}

fn held(blockers: &[Blocker]) -> CliError {
    let mut lines: Vec<String> = blockers
        .iter()
        .take(SHOWN)
        .map(|b| {
            let place = if b.path == b.held { String::new() } else { format!(" (as {})", b.held) };
            let until = b.expires.map(|t| format!(", {} left", text::until(t))).unwrap_or_default();
            let why = b.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            format!("{} is held by {}{place}{until}{why}", b.path, b.session)
        })
        .collect();
    if blockers.len() > SHOWN {
        lines.push(format!("and {} more", blockers.len() - SHOWN));
    }
    CliError::failed("held", lines)
        .status(ExitStatus::Held)
        .hint("take something else, or wait for it with --wait 10m")
        .detail("holders", holders_json(blockers))
}

fn lost(losses: &[Loss], holders: &[Blocker]) -> CliError {
    let line = |loss: &Loss| {
        let what = match (&loss.path, &loss.item) {
            (Some(path), _) => path.to_string(),
            (None, Some(item)) => format!("item {item}"),
            (None, None) => "it".to_owned(),
        };
        let now = holders
            .iter()
            .find(|h| Some(&h.path) == loss.path.as_ref())
            .map(|h| format!("; {} holds it now", h.session))
            .unwrap_or_default();
        // Lease 0: it never was.
        let not = if loss.lease == 0 { "not" } else { "no longer" };
        format!("{what} is {not} yours: {}{now}", loss.why)
    };
    let lines: Vec<String> = losses.iter().map(line).collect();
    CliError::failed("lost", lines)
        .status(ExitStatus::Lost)
        .hint("nothing was changed; list what you hold with: git coord claims --mine")
        .detail("lost", serde_json::to_value(losses).unwrap_or_default())
        .detail("holders", holders_json(holders))
}

fn unknown(what: &str, name: &str) -> CliError {
    let error = CliError::failed(&format!("unknown-{what}"), format!("there is no {what} {name}"))
        .detail(what, json!(name));
    match what {
        "session" => error.hint(format!("start it with: git coord session start {name}")),
        "queue" => error.hint("list them with: git coord status"),
        _ => error.hint("list them with: git coord queue list"),
    }
}
