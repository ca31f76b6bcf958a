//! `claim`, `release`, `claims`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::model::claim::{self, Claim, Holder, Mode};
use crate::model::op::ClaimPaths;
use crate::model::outcome::Held;
use crate::model::{Op, Outcome, RepoPath, View, ViewError, expiry};

use super::app::App;
use super::args::Ttl;
use super::error::{CliError, CliResult};
use super::output::{Answer, FAINT, GOOD, STRONG, Text, paint};
use super::safe::visible;
use super::text;

/// See the command's help.
#[derive(Debug, Args)]
#[command(after_help = "All or nothing: when one path is held by another session, none is claimed,\n\
                        the holder is named and the exit status is 4. A claim of a folder covers\n\
                        everything below it. Paths need not exist yet.")]
pub struct ClaimArgs {
    /// Files or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    ttl: Ttl,
    /// Stay in line until the paths are free, at most this long
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
    /// Say what it is for
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Share with other readers, keep writers out
    #[arg(long)]
    shared: bool,
}

/// See the command's help.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Files or folders that this session has claimed
    #[arg(required_unless_present = "all", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Everything that this session has claimed by path
    #[arg(long, conflicts_with = "paths")]
    all: bool,
}

/// See the command's help.
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

/// Runs `claim`.
pub fn claim(app: &App, args: &ClaimArgs) -> CliResult<Answer> {
    let paths = app.paths(&args.paths)?;
    let store = app.store()?;
    let session = app.session()?;
    let ttl = args.ttl.ttl.unwrap_or(app.settings.ttl);
    let op = Op::Claim(ClaimPaths {
        session: session.clone(),
        paths,
        mode: if args.shared { Mode::Shared } else { Mode::Exclusive },
        ttl,
        reason: args.reason.clone(),
    });
    let outcome = app.submit(&store, &op, args.wait)?;
    store.touch_session(&session);
    let Outcome::Claimed { claims } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let lines: Vec<String> = claims
        .iter()
        .map(|c| {
            let until = c.expires.map(|t| format!("for {}", text::until(t)));
            format!("{} {} {}", paint(GOOD, "claimed"), c.path, paint(FAINT, until.unwrap_or_default()))
        })
        .collect();
    let list: Vec<Value> = claims.iter().map(claim_json).collect();
    let answer = Answer::new(json!({ "claims": list }), lines);
    Ok(match claims.iter().any(|c| c.path.is_root()) {
        true => answer.note("this is the whole repository: nobody else can claim anything"),
        false => answer,
    })
}

/// Runs `release`.
pub fn release(app: &App, args: &ReleaseArgs) -> CliResult<Answer> {
    let paths = if args.all { None } else { Some(app.paths(&args.paths)?) };
    let store = app.store()?;
    let session = app.session()?;
    let outcome = app.submit(&store, &Op::Release { session: session.clone(), paths }, None)?;
    store.touch_session(&session);
    let Outcome::Released { paths } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let lines: Vec<String> = paths.iter().map(|p| format!("released {p}")).collect();
    let text = if lines.is_empty() { Text::from("nothing to release") } else { lines.into() };
    Ok(Answer::new(json!({ "released": paths }), text))
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
