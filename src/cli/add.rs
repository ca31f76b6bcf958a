//! `add`: one item of work, by hand.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::import::Spool;
use crate::model::severity::Severity;
use crate::model::{Item, ItemId, NewItem, Outcome, QueueName, RepoPath, item_json};
use crate::store::Import;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, STRONG, paint};
use crate::cli::text;

/// Queue of items that name none.
const DEFAULT_QUEUE: &str = "main";

/// Add an item of work
#[derive(Debug, Args)]
#[command(after_help = "The item is claimed together with its files by: git coord next")]
pub struct AddArgs {
    /// What there is to do, in one line
    #[arg(value_name = "TITLE", value_parser = text::parse_line)]
    title: String,
    /// Files that the work will touch
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Its queue [default: main]
    #[arg(long, value_name = "Q")]
    queue: Option<QueueName>,
    /// 0 is most urgent [default: as on import]
    #[arg(long, value_name = "N")]
    priority: Option<u32>,
    /// An item that must be done first; may be given several times
    #[arg(long = "needs", value_name = "X")]
    needs: Vec<ItemId>,
    /// The command that does the work, for: git coord run
    #[arg(long, value_name = "CMD")]
    run: Option<String>,
    /// The item during which this one was found
    #[arg(long, value_name = "ITEM")]
    discovered_from: Option<ItemId>,
}

/// Runs `add`.
pub fn add(app: &App, args: &AddArgs) -> CliResult<Answer> {
    let mut files = app.place.paths(&args.files)?;
    files.sort();
    files.dedup();
    if files.iter().any(RepoPath::is_root) {
        return Err(CliError::usage("an item for the whole repository would keep everybody else out")
            .hint("name the files or folders that the work will touch, or none"));
    }
    let client = app.client()?;
    let queue = match &args.queue {
        Some(queue) => queue.clone(),
        None => QueueName::parse(DEFAULT_QUEUE)?,
    };
    let mut item: Item = serde_json::from_value(json!({
        "id": "new", "title": args.title, "files": files, "needs": args.needs, "run": args.run,
        "payload": args.discovered_from.as_ref().map(|id| json!({ "discovered_from": id })),
    }))
    .map_err(|e| CliError::failed("bad-input", e.to_string()))?;
    item.id = crate::import::item_id(&item);
    let priority = args.priority.unwrap_or_else(|| Severity::UNKNOWN.priority());
    let mut spool = Spool::default();
    let new = NewItem { item: item.clone(), queue: Some(queue.clone()), priority };
    spool.push(new).map_err(|e| CliError::failed("io", e.to_string()))?;
    let import =
        Import { session: app.place.session_if_any()?, queue: queue.clone(), again: false, follow: None };
    let outcome = client.import(&import, &mut spool)?;
    let Outcome::Imported { added, unknown_needs, .. } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    let mut data = item_json::item(&item, &queue, priority);
    data.insert("added".into(), json!(added == 1));
    let word = if added == 1 { paint(GOOD, "added") } else { "known already:".to_owned() };
    let line = format!("{word} {} to {queue}", paint(STRONG, &item.id));
    let mut answer = Answer::new(json!({ "item": Value::Object(data) }), line);
    for need in unknown_needs {
        answer = answer.note(format!("it waits for {need}, which does not exist yet"));
    }
    Ok(answer)
}
