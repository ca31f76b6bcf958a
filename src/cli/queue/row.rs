//! An item as `queue list`, `show` and `export` have it.

use serde_json::{Value, json};

use crate::model::queue::Slot;
use crate::model::{Item, ItemState, item_json, segment};

use crate::cli::item_style::state_style;
use crate::cli::output::{FAINT, STRONG, paint};
use crate::cli::table::Line;

pub fn parse_state(word: &str) -> Result<ItemState, String> {
    ItemState::ALL
        .into_iter()
        .find(|s| s.word() == word)
        .ok_or_else(|| "write pending, blocked, claimed, done or failed".into())
}

/// An item with where it stands, for JSON and for people.
pub struct Row {
    pub json: Value,
    pub line: Line,
}

/// `None` when the item is in no known state.
pub fn row(item: &Item, slot: &Slot, states: &segment::States) -> Option<Row> {
    let state = states.get(slot.index)?;
    let meta = states.meta(slot.index);
    let mut map = item_json::item(item, &slot.queue, states.priority);
    map.insert("state".into(), json!(state));
    // Who held a free item before is history, and no answer to who has it.
    let by = meta.by.clone().filter(|_| !matches!(state, ItemState::Pending | ItemState::Blocked));
    map.insert("session".into(), json!(by));
    map.insert("attempt".into(), json!(meta.attempt));
    if state == ItemState::Claimed {
        map.insert("lease".into(), json!(meta.lease));
    }
    map.insert("commits".into(), json!(meta.commits));
    map.insert("landed".into(), json!(meta.landed.map(|at| at.to_string())));
    if let Some(at) = meta.at {
        map.insert("at".into(), json!(at.to_string()));
    }
    if let Some(until) = meta.until {
        map.insert("until".into(), json!(until.to_string()));
    }
    if let Some(why) = &meta.why {
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

/// The files of an item, the first with the line where it was seen.
pub fn files(item: &Item) -> impl Iterator<Item = String> {
    item.files.iter().enumerate().map(|(n, file)| match item.line {
        Some(line) if n == 0 => format!("    {file}:{line}"),
        _ => format!("    {file}"),
    })
}
