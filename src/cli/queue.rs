//! `queue import`, `export`, `set`, `list`, `show`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::model::queue::{self, Slot};
use crate::model::segment;
use crate::model::{ItemState, Outcome, QueueName, SessionName, View, ViewError, item_json};
use crate::store::Store;

use super::app::App;
use super::args::parse_limit;
use super::error::{CliError, CliResult};
use super::export::ExportArgs;
use super::grid::Line;
use super::import::ImportArgs;
use super::items::state_style;
use super::output::{Answer, FAINT, STRONG, Text, Ui, paint};
use super::rules::SetArgs;
use super::show::ShowArgs;
use super::split::SplitArgs;
use super::text;
use super::update::UpdateArgs;
use super::why::WhyArgs;

/// Import and look at items of work.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Import items: findings of a scanner, tasks of a plan
    Import(ImportArgs),
    /// Print every item as one line of JSON, to be imported elsewhere
    Export(ExportArgs),
    /// Set the rules of a queue, or show them
    Set(SetArgs),
    /// List items
    List(ListArgs),
    /// Show one item
    Show(ShowArgs),
    /// Say why an item is not done: what it waits for, who holds it
    Why(WhyArgs),
    /// Change many items at once
    Update(UpdateArgs),
    /// Split the items evenly over sessions, so that no two share a file
    Split(SplitArgs),
}

/// See the command's help.
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

pub(super) fn parse_state(word: &str) -> Result<ItemState, String> {
    ItemState::ALL
        .into_iter()
        .find(|s| s.word() == word)
        .ok_or_else(|| "write pending, blocked, claimed, done or failed".into())
}

/// Runs `queue …`.
pub fn run(app: &App, ui: Ui, command: &QueueCommand) -> CliResult<Answer> {
    match command {
        QueueCommand::Import(args) => super::import::import(app, ui, args),
        QueueCommand::Export(args) => super::export::export(app, args),
        QueueCommand::Set(args) => super::rules::set(app, args),
        QueueCommand::List(args) => list(app, args),
        QueueCommand::Show(args) => super::show::show(app, args),
        QueueCommand::Why(args) => super::why::why(app, args),
        QueueCommand::Update(args) => super::update::update(app, args),
        QueueCommand::Split(args) => super::split::split(app, args),
    }
}

/// An item with where it stands, for JSON and for people.
pub(super) struct Row {
    pub json: Value,
    pub line: Line,
}

/// `None` when the item is in no known state.
pub(super) fn row(item: &crate::model::Item, slot: &Slot, states: &segment::States) -> Option<Row> {
    let state = states.get(slot.index)?;
    let note = states.note(slot.index);
    let mut map = item_json::item(item, &slot.queue, states.priority);
    map.insert("state".into(), json!(state));
    // Who held a free item before is history, and no answer to who has it.
    let by = note.by.clone().filter(|_| !matches!(state, ItemState::Pending | ItemState::Blocked));
    map.insert("session".into(), json!(by));
    map.insert("attempt".into(), json!(note.attempt));
    if state == ItemState::Claimed {
        map.insert("lease".into(), json!(note.lease));
    }
    if let Some(at) = note.at {
        map.insert("at".into(), json!(at.to_string()));
    }
    if let Some(until) = note.until {
        map.insert("until".into(), json!(until.to_string()));
    }
    if let Some(why) = &note.why {
        map.insert("why".into(), json!(why));
    }
    let by = by.map(|s| format!(", {s}")).unwrap_or_default();
    let line = Line {
        before: format!("{}  {}  ", paint(state_style(state), format!("{state:7}")), paint(STRONG, &item.id)),
        text: item.title.clone(),
        after: paint(FAINT, format!(" ({}, priority {}{by})", slot.queue, states.priority)),
    };
    Some(Row { json: Value::Object(map), line })
}

fn list(app: &App, args: &ListArgs) -> CliResult<Answer> {
    let store = app.store()?;
    let session = if args.mine { Some(app.session()?) } else { None };
    app.sweep(&store)?;
    if let Some(session) = &session {
        app.alive(&store, session)?;
    }
    require_queue(&store, args.queue.as_ref())?;
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

/// Refuses the name of a queue that does not exist.
pub(super) fn require_queue(store: &Store, name: Option<&QueueName>) -> CliResult<()> {
    let Some(name) = name else { return Ok(()) };
    match store.read(|view| queue::get(view, name))? {
        Some(_) => Ok(()),
        None => {
            Err(CliError::from_refusal(Outcome::Unknown { what: "queue".into(), name: name.to_string() }))
        }
    }
}

/// Queues that are named when one does not exist.
const NAMED: usize = 10;

/// What there is to say of these queues: which of them do not exist, and which do. `None` when
/// all of them exist.
pub(super) fn missing(store: &Store, wanted: &[QueueName]) -> CliResult<Option<String>> {
    let known: Vec<QueueName> = store.read(|view| queue::all(view))?.into_iter().map(|q| q.name).collect();
    let missing: Vec<&QueueName> = wanted.iter().filter(|name| !known.contains(name)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let names = |list: &[&QueueName]| {
        let more = if list.len() > NAMED { ", …" } else { "" };
        let first: Vec<&str> = list.iter().take(NAMED).map(|name| name.as_str()).collect();
        first.join(", ") + more
    };
    let there = match &known.iter().collect::<Vec<_>>()[..] {
        [] => "there is none yet".to_owned(),
        known => format!("there are: {}", names(known)),
    };
    Ok(Some(format!("no queue is called {}; {there}", names(&missing))))
}

/// Items as they are listed, and how many there are.
#[derive(Default)]
struct Listed {
    rows: Vec<Row>,
    total: u64,
}

fn held(view: &dyn View, session: &SessionName, args: &ListArgs) -> Result<Listed, ViewError> {
    let mut listed = Listed::default();
    let Some(record) = crate::model::session::get(view, session)? else { return Ok(listed) };
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
