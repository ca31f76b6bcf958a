//! `refresh`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, paint};
use crate::client::refresh::{self, MissingInfo, RefreshRequest};
use crate::fresh::Refreshed;
use crate::model::{ItemId, item_index};

/// Merge into this branch what it lacks of other sessions' newest commits and of the target
#[derive(Debug, Args)]
#[command(after_help = "`claim`, `next`, `run` and `work` do this by themselves for what they grant, as\n\
                        coord.freshBase says. By hand it is needed after a refusal with rule `stale`: commit\n\
                        or stash what is in the way, then refresh.")]
pub struct RefreshArgs {
    /// Files, folders or items [default: what this session holds]
    #[arg(value_name = "PATH|ITEM")]
    words: Vec<String>,
    /// Everything that has not landed, and all of the target
    #[arg(long, conflicts_with = "words")]
    all: bool,
    /// Only print what would be merged
    #[arg(long)]
    dry_run: bool,
}

/// Runs `refresh`.
pub fn refresh(app: &App, args: &RefreshArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let mut request = RefreshRequest { all: args.all, dry_run: args.dry_run, ..RefreshRequest::default() };
    for word in &args.words {
        let item = ItemId::parse(word).ok();
        let known = match &item {
            Some(id) => client.store.read(|view| item_index::find(view, id))?.is_some(),
            None => false,
        };
        match item.filter(|_| known && !app.place.repo.root.join(word).exists()) {
            Some(id) => request.items.push(id),
            None => request.paths.extend(app.place.paths(&[PathBuf::from(word)])?),
        }
    }
    if args.words.is_empty() && !args.all {
        let session = client.session()?;
        let record = client.record_of(&session)?.ok_or_else(|| {
            CliError::failed("no-session", format!("session {session} is not known"))
                .hint(format!("git coord session start {session}"))
        })?;
        request.paths = record.leases.iter().flat_map(|lease| lease.all_paths().cloned()).collect();
        request.items = record.leases.iter().filter_map(|l| Some(l.item.as_ref()?.id.clone())).collect();
    }
    let done = refresh::refresh(&client, &request)?;
    let lines = lines(&done, args.dry_run);
    Ok(Answer::of(&done, lines))
}

/// What was merged, one line each.
pub fn lines(done: &Refreshed, dry_run: bool) -> Vec<String> {
    if done.merged.is_empty() {
        return vec!["this branch lacks nothing".to_owned()];
    }
    let verb = if dry_run { "would merge" } else { "merged" };
    let line = |one: &crate::fresh::Merged| {
        let from = one.branch.as_deref().unwrap_or("a detached HEAD");
        let whose = one.session.as_ref().map(|s| format!(" of {s}")).unwrap_or_default();
        let commit = one.commit.get(..10).unwrap_or(&one.commit);
        format!("{} {commit} {}", paint(GOOD, verb), paint(FAINT, format!("from {from}{whose}")))
    };
    done.merged.iter().map(line).collect()
}

/// What was granted although the branch lacks versions of it (`coord.freshBase=warn`).
pub fn lacking(missing: &[MissingInfo]) -> Option<String> {
    let first = missing.first()?;
    let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
    let commit = first.commit.get(..10).unwrap_or(&first.commit);
    Some(format!(
        "this branch lacks the newest version of {}{more} ({commit}): git coord refresh merges it",
        first.path
    ))
}
