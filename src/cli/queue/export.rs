//! `queue export`.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};

use clap::Args;
use serde_json::{Value, json};

use crate::import::EXPORT;
use crate::model::item_index::Index;
use crate::model::queue;
use crate::model::{Item, ItemId, ItemState, QueueName, View, ViewError, groups};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::Answer;
use crate::cli::queue::names::require_queue;
use crate::cli::queue::row::{Row, parse_state, row};

/// Print every item as one line of JSON, to be imported elsewhere
#[derive(Debug, Args)]
#[command(after_help = "What is exported can be imported into another store: ids, content, queues, \
                        priorities\nand order stay. What is done or failed is passed over there, \
                        what is claimed is free.")]
pub struct ExportArgs {
    /// Only of this queue
    #[arg(long, value_name = "Q")]
    queue: Option<QueueName>,
    /// Only in this state: pending, blocked, claimed, done, failed
    #[arg(long, value_name = "S", value_parser = parse_state)]
    state: Option<ItemState>,
}

/// Runs `queue export`. The items go to a temporary file first: they are those of one version of
/// the state, which is read anew when upkeep takes it away meanwhile, and a store that cannot be
/// read prints nothing.
pub fn export(app: &App, args: &ExportArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    client.sweep()?;
    require_queue(store, args.queue.as_ref())?;
    let kept = |error: io::Error| {
        CliError::failed("io", format!("cannot keep the items in a temporary file: {error}"))
            .hint("see that the folder for temporary files has room (TMPDIR)")
    };
    let file = tempfile::tempfile().map_err(kept)?;
    store.read(|view| write(&file, view, args))?.map_err(kept)?;
    Ok(Answer { lines: Some(file), ..Answer::default() })
}

/// Writes the items of a state; failures of the file are the inner result.
fn write(mut file: &File, view: &dyn View, args: &ExportArgs) -> Result<io::Result<()>, ViewError> {
    if let Err(e) = file.set_len(0).and_then(|()| file.rewind()) {
        return Ok(Err(e));
    }
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let mut done = Done { view, index: Index::default() };
    let mut written = Ok(());
    for record in queue::all(view)? {
        if args.queue.as_ref().is_some_and(|q| *q != record.name) {
            continue;
        }
        let over = queue::each_item(view, &record.name, args.state, |mut item, slot, states| {
            done.take_out(&mut item, states.get(slot.index))?;
            if let Some(Row { json: Value::Object(mut line), .. }) = row(&item, &slot, states) {
                // Where it is imported, it has no commits yet.
                line.shift_remove("commits");
                line.shift_remove("landed");
                line.insert("export".into(), json!(EXPORT));
                written = writeln!(out, "{}", Value::Object(line));
            }
            Ok(written.is_err())
        })?;
        if over {
            break;
        }
    }
    Ok(written.and_then(|()| out.flush()))
}

/// Knows which needs are done. Where an export is imported, these are not known and would never
/// be done.
struct Done<'v> {
    view: &'v dyn View,
    index: Index,
}

impl Done<'_> {
    fn take_out(&mut self, item: &mut Item, state: Option<ItemState>) -> Result<(), ViewError> {
        match state {
            Some(ItemState::Pending) => item.needs.clear(),
            // One in somebody's hands may wait again once it is given back.
            Some(ItemState::Blocked | ItemState::Claimed) => {
                let mut open = Vec::new();
                for need in item.needs.drain(..) {
                    if !self.is_done(&need)? {
                        open.push(need);
                    }
                }
                item.needs = open;
            }
            _ => {}
        }
        Ok(())
    }

    fn is_done(&mut self, id: &ItemId) -> Result<bool, ViewError> {
        if groups::is_set(id) {
            return Ok(!groups::get(self.view, id)?.is_open());
        }
        Ok(match self.index.find(self.view, id)? {
            Some(slot) => queue::placement(self.view, &slot)?.0 == ItemState::Done,
            None => false,
        })
    }
}
