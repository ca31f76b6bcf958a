//! `edit`: changing one item.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::model::condition::Condition;
use crate::model::queue;
use crate::model::update::{Change, Update};
use crate::model::{ItemId, Op, Outcome, QueueName, item_index, item_json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, STRONG, paint};
use crate::cli::text;

/// Change an item that nobody holds and that is not done
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)
    .args(["title", "files", "no_files", "queue", "priority", "category", "run"])))]
pub struct EditArgs {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    /// What there is to do, in one line
    #[arg(long, value_name = "TITLE", value_parser = text::parse_line)]
    title: Option<String>,
    /// Its files from now on; may be given several times
    #[arg(long = "file", id = "files", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// It touches no file
    #[arg(long, conflicts_with = "files")]
    no_files: bool,
    /// Its queue
    #[arg(long, value_name = "Q")]
    queue: Option<QueueName>,
    /// 0 is most urgent
    #[arg(long, value_name = "N")]
    priority: Option<u32>,
    /// Its category
    #[arg(long, value_name = "C", value_parser = text::parse_line)]
    category: Option<String>,
    /// The command that does the work; empty: none
    #[arg(long, value_name = "CMD")]
    run: Option<String>,
}

/// Runs `edit`.
pub fn edit(app: &App, args: &EditArgs) -> CliResult<Answer> {
    let mut files = app.place.paths(&args.files)?;
    files.sort();
    files.dedup();
    let client = app.client()?;
    let condition: Condition = format!("id={}", args.item)
        .parse()
        .map_err(|e: crate::model::condition::ConditionError| CliError::usage(e.to_string()))?;
    let update = Update {
        session: app.place.session_if_any()?,
        conditions: vec![condition],
        change: Change {
            priority: args.priority,
            queue: args.queue.clone(),
            category: args.category.clone(),
            title: args.title.clone(),
            files: (args.no_files || !files.is_empty()).then_some(files),
            run: args.run.clone(),
            ..Change::default()
        },
        limit: None,
    };
    let Outcome::Updated(updated) = client.submit(&Op::Update(update), None)? else {
        return Err(CliError::failed("unexpected", "the item was not changed"));
    };
    let found = client.store.read(|view| {
        let Some(slot) = item_index::find(view, &args.item)? else { return Ok(None) };
        Ok(Some((queue::item(view, &slot)?, queue::placement(view, &slot)?, slot)))
    })?;
    let Some((item, (state, meta, priority), slot)) = found else {
        let (what, name) = ("item".to_owned(), args.item.to_string());
        return Err(CliError::from_refusal(Outcome::Unknown { what, name }));
    };
    if updated.held > 0 {
        let by = meta.by.map(|by| format!(" by {by}")).unwrap_or_default();
        return Err(CliError::refused(format!("item {} is held{by} and stays as it is", args.item))
            .hint(format!("leave a note instead: git coord note {} 'TEXT'", args.item))
            .detail("rule", json!("held-item")));
    }
    let mut data = item_json::item(&item, &slot.queue, priority);
    data.insert("state".into(), json!(state.word()));
    data.insert("changed".into(), json!(updated.changed == 1));
    let line = match updated.changed {
        0 => format!("{} is {state} and stays as it is, or is so already", args.item),
        _ => format!("{} {}  {}", paint(GOOD, "changed"), paint(STRONG, &item.id), item.title),
    };
    Ok(Answer::new(json!({ "item": Value::Object(data) }), line))
}
