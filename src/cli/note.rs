//! `note`: what the next session that works on an item should know.

use clap::Args;
use serde_json::json;

use crate::model::{ItemId, Op};

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, GOOD, paint};
use crate::cli::text;

/// Note on an item what the next one should know
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    /// One line; it stays with the item through every further attempt
    #[arg(value_name = "TEXT", value_parser = text::parse_line)]
    text: String,
}

/// Runs `note`.
pub fn note(app: &App, args: &NoteArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let op =
        Op::Note { session: app.place.session_if_any()?, item: args.item.clone(), text: args.text.clone() };
    client.submit(&op, None)?;
    let line = format!("{} on {}", paint(GOOD, "noted"), args.item);
    Ok(Answer::new(json!({ "item": args.item, "text": args.text }), line))
}
