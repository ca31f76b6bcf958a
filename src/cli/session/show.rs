//! `session show`.

use clap::Args;

use super::line::line;
use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, paint};
use crate::cli::text;
use crate::client::session::{self, Shown};
use crate::model::session::Session;
use crate::model::{QueueName, SessionName};

/// Losses that are shown, the latest ones.
const LOSSES_SHOWN: usize = 5;

/// Show a session and what it holds
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which [default: the session of this worktree]
    name: Option<SessionName>,
}

/// Runs `session show`.
pub fn show(app: &App, args: &ShowArgs) -> CliResult<Answer> {
    let name = args.name.clone().map_or_else(|| app.place.session(), Ok)?;
    let shown = session::show(&app.client()?, &name)?;
    let text = lines(&shown);
    Ok(Answer::of(&shown, text))
}

fn lines(shown: &Shown) -> Vec<String> {
    let record = &shown.record;
    let mut lines = vec![line(&shown.session, record.name.as_str().len())];
    lines.extend(offered(record));
    lines.push(format!("  finished {} done, {} failed", record.done, record.failed));
    for lease in &record.leases {
        let what = match &lease.item {
            Some(item) => format!("item {}", item.id),
            None => lease.paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let left = paint(FAINT, format!("{} left", text::until(lease.expires())));
        lines.push(format!("  holds    {what} {left}"));
    }
    for loss in record.lost.iter().rev().take(LOSSES_SHOWN) {
        let what = loss.path.as_ref().map(ToString::to_string);
        let what = what.or_else(|| loss.item.as_ref().map(|i| format!("item {i}"))).unwrap_or_default();
        lines.push(format!("  lost     {what}: {}", loss.why));
    }
    lines
}

/// Where it works and what it is offered.
fn offered(record: &Session) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(branch) = &record.branch {
        lines.push(format!("  branch   {branch}"));
    }
    if !record.queues.is_empty() {
        let names: Vec<&str> = record.queues.iter().map(QueueName::as_str).collect();
        lines.push(format!("  queues   {}", names.join(", ")));
    }
    if !record.areas.is_empty() {
        lines.push(format!("  areas    {}", record.areas.join(", ")));
    }
    if let Some(shard) = record.shard {
        let gone = record.without_shard().map(|_| format!("none: the split is over {} now", shard.of()));
        lines.push(format!("  shard    {}", gone.unwrap_or_else(|| shard.to_string())));
    }
    if record.help_others {
        lines.push("  helps    others, when it has no work of its own".to_owned());
    }
    lines
}
