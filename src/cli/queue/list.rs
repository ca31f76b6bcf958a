//! `queue list`.

use clap::Args;
use serde_json::{Value, json};

use crate::model::{ItemState, QueueName, SessionName, View, ViewError, queue, session};

use crate::cli::app::App;
use crate::cli::args::parse_limit;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Text};
use crate::cli::queue::names::require_queue;
use crate::cli::queue::row::{Row, parse_state, row};
use crate::cli::text;

/// List items
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only of this queue
    #[arg(long, value_name = "Q")]
    queue: Option<QueueName>,
    /// Only in this state: pending, blocked, claimed, done, failed
    #[arg(long, value_name = "S", value_parser = parse_state)]
    state: Option<ItemState>,
    /// Only what this session holds
    #[arg(long)]
    mine: bool,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = parse_limit)]
    limit: u64,
}

/// Runs `queue list`.
pub fn list(app: &App, args: &ListArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let session = if args.mine { Some(app.place.session()?) } else { None };
    client.sweep()?;
    if let Some(session) = &session {
        client.alive(session)?;
    }
    require_queue(store, args.queue.as_ref())?;
    let Listed { rows, total } = store.read(|view| match &session {
        Some(session) => held(view, session, args),
        None => all(view, args),
    })?;
    let more = total.saturating_sub(rows.len() as u64);
    let text = if rows.is_empty() {
        Text::from("no items")
    } else {
        let width = text::columns(&std::io::stdout());
        rows.iter().map(|r| r.line.fit(width)).collect::<Vec<_>>().into()
    };
    let items: Vec<Value> = rows.into_iter().map(|r| r.json).collect();
    let answer = Answer::new(json!({ "items": items, "more": more }), text);
    Ok(match more {
        0 => answer,
        _ => answer.note(format!("and {more} more; to see all: --limit {total}")),
    })
}

/// Items as they are listed, and how many there are.
#[derive(Default)]
struct Listed {
    rows: Vec<Row>,
    total: u64,
}

fn held(view: &dyn View, session: &SessionName, args: &ListArgs) -> Result<Listed, ViewError> {
    let mut listed = Listed::default();
    let Some(record) = session::get(view, session)? else { return Ok(listed) };
    for item in record.leases.iter().filter_map(|l| l.item.as_ref()) {
        let slot = &item.slot;
        if args.queue.as_ref().is_some_and(|q| *q != slot.queue) {
            continue;
        }
        let states = queue::states(view, &slot.queue, slot.segment)?;
        if args.state.is_some() && states.get(slot.index) != args.state {
            continue;
        }
        listed.total += 1;
        if listed.total <= args.limit {
            listed.rows.extend(row(&queue::item(view, slot)?, slot, &states));
        }
    }
    Ok(listed)
}

fn all(view: &dyn View, args: &ListArgs) -> Result<Listed, ViewError> {
    let Listed { mut rows, mut total } = Listed::default();
    for mut record in queue::all(view)? {
        if args.queue.as_ref().is_some_and(|q| *q != record.name) {
            continue;
        }
        // Counted already, so that what is not shown need not be read.
        total += args.state.map_or(record.counts.total(), |state| *record.counts.of(state));
        let room = |rows: &Vec<Row>| (rows.len() as u64) < args.limit;
        if room(&rows) {
            queue::each_item(view, &record.name, args.state, |item, slot, states| {
                rows.extend(row(&item, &slot, states));
                Ok(!room(&rows))
            })?;
        }
    }
    Ok(Listed { rows, total })
}
