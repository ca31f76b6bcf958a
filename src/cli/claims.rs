//! `claims`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::model::claim::{self, Claim, Holder, Mode};
use crate::model::outcome::Held;
use crate::model::{RepoPath, View, ViewError, expiry};

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, STRONG, Text, paint};
use crate::cli::sanitize::visible;
use crate::cli::text;

/// Show who holds what
#[derive(Debug, Args)]
pub struct ClaimsArgs {
    /// Show only claims that overlap these paths
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Show only what this session holds
    #[arg(long)]
    mine: bool,
}

/// A claim in the form that `data.claims` has.
pub fn claim_json(held: &Held) -> Value {
    json!({
        "path": held.path, "session": held.session, "mode": held.mode, "lease": held.lease,
        "since": held.since.to_string(), "expires": held.expires.map(|t| t.to_string()),
        "item": held.item, "reason": held.reason,
    })
}

/// Runs `claims`.
pub fn claims(app: &App, args: &ClaimsArgs) -> CliResult<Answer> {
    let paths = app.paths(&args.paths)?;
    let store = app.store()?;
    let mine = if args.mine { Some(app.session()?) } else { None };
    app.sweep(&store)?;
    if let Some(session) = &mine {
        app.alive(&store, session)?;
    }
    let mut held = store.read(|view| list(view, &paths))?;
    if let Some(session) = &mine {
        held.retain(|h| h.session == *session);
    }
    held.sort_by(|a, b| (&a.path, &a.session).cmp(&(&b.path, &b.session)));
    let path = |held: &Held| visible(held.path.as_str());
    let width = held.iter().map(|h| path(h).len()).max().unwrap_or(0).min(60);
    let lines: Vec<String> = held
        .iter()
        .map(|h| {
            let left = h.expires.map(|t| format!("{} left", text::until(t))).unwrap_or_default();
            let shared = if h.mode == Mode::Shared { " shared" } else { "" };
            let item = h.item.as_ref().map(|i| format!(" with item {i}")).unwrap_or_default();
            let why = h.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            format!(
                "{:width$}  {}{shared}{item}{why} {}",
                path(h),
                paint(STRONG, &h.session),
                paint(FAINT, left)
            )
        })
        .collect();
    let text = if lines.is_empty() { Text::from("nothing is claimed") } else { lines.into() };
    let list: Vec<Value> = held.iter().map(claim_json).collect();
    Ok(Answer::new(json!({ "claims": list }), text))
}

fn list(view: &dyn View, paths: &[RepoPath]) -> Result<Vec<Held>, ViewError> {
    let mut records: Vec<Claim> = Vec::new();
    if paths.is_empty() {
        records = claim::all(view)?;
    }
    for path in paths {
        for record in claim::overlapping(view, path)? {
            if !records.contains(&record) {
                records.push(record);
            }
        }
    }
    let mut held = Vec::new();
    for record in &records {
        for holder in &record.holders {
            held.push(held_of(view, record, holder)?);
        }
    }
    Ok(held)
}

fn held_of(view: &dyn View, record: &Claim, holder: &Holder) -> Result<Held, ViewError> {
    // A claim by hand says more than an item that touches the same file.
    let grant = holder.grants.iter().find(|g| g.item.is_none()).or(holder.grants.first());
    Ok(Held {
        path: record.path.clone(),
        session: holder.session.clone(),
        mode: holder.mode,
        lease: grant.map_or(0, |g| g.lease),
        since: holder.since,
        expires: expiry(view, holder)?,
        item: grant.and_then(|g| g.item.clone()),
        reason: holder.reason.clone(),
    })
}
