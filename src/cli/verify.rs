//! `verify`: checking an item and recording the result.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, paint};
use crate::client::verify::{self, Check, Verification};
use crate::model::ItemId;

/// Check an item that this session holds, and record the result
#[derive(Debug, Args)]
#[command(
    after_help = "The command runs at the top of the worktree, with GIT_COORD_ITEM set. It has passed when\n\
                        it exits with 0. The result counts until the item is given back or verified again."
)]
pub struct VerifyArgs {
    /// The item
    item: ItemId,
    /// Run this with 'sh -c' [default: the queue's command, see 'queue set --verify-command']
    #[arg(long, value_name = "CMD", conflicts_with = "words")]
    command: Option<String>,
    /// Or run this program
    #[arg(last = true, value_name = "CMD")]
    words: Vec<String>,
}

/// Runs `verify`.
pub fn verify(app: &App, args: &VerifyArgs) -> CliResult<Answer> {
    let check = match (&args.command, &args.words[..]) {
        (Some(command), _) => Check::Shell(command.clone()),
        (None, []) => Check::OfQueue,
        (None, words) => Check::Program(words.to_vec()),
    };
    let found = verify::verify(&app.client()?, &args.item, &check)?;
    if !found.ok {
        return Err(failed(&found));
    }
    let text = format!("{} {}: {}", paint(GOOD, "verified"), found.item, found.command);
    Ok(Answer::of(&found, text))
}

fn failed(found: &Verification) -> CliError {
    let Verification { item, command, exit, .. } = found;
    let how = exit.map_or_else(|| "was ended by a signal".to_owned(), |n| format!("exited with {n}"));
    CliError::refused(format!("{item}: the verification failed: {command} {how}"))
        .hint(format!("fix it and verify again, or: git coord fail {item} --reason TEXT"))
        .detail("rule", json!("verification-failed"))
        .detail("item", json!(item))
        .detail("command", json!(command))
        .detail("exit", json!(exit))
}
