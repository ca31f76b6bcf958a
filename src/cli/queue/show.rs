//! `queue show`: all that is known of an item.

use clap::Args;
use serde_json::{Value, json};

use crate::model::queue::{self, Slot};
use crate::model::segment::States;
use crate::model::{Item, ItemId, ItemState, Outcome, View, ViewError, item_index, need_syntax, why};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::item_style::held_up_text;
use crate::cli::output::Answer;
use crate::cli::queue::row::{files, row};
use crate::cli::text;
use crate::client::items::HeldUpInfo;

/// Show one item
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its id
    item: ItemId,
}

/// Runs `queue show`.
pub fn show(app: &App, args: &ShowArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    client.sweep()?;
    let id = client.item_id(&args.item)?;
    let found = store.read(|view| find(view, &id))?;
    let Some((item, slot, states)) = found else {
        return Err(CliError::from_refusal(Outcome::Unknown {
            what: "item".into(),
            name: args.item.to_string(),
        }));
    };
    let Some(row) = row(&item, &slot, &states) else {
        return Err(CliError::failed("damaged", format!("item {} has no state", args.item))
            .hint("run: git coord doctor"));
    };
    let mut lines = vec![row.line.fit(None)];
    lines.extend(files(&item));
    let mut facts = facts(&item);
    if let Some(why) = states.meta(slot.index).why {
        facts.push(("last attempt".into(), why));
    }
    let mut json = row.json;
    let notes = states.meta(slot.index).notes;
    for note in &notes {
        let by = note.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        facts.push(("note".into(), format!("{}{by}", note.text)));
    }
    if !notes.is_empty() {
        json["notes"] = serde_json::to_value(&notes).unwrap_or_default();
    }
    if states.get(slot.index) == Some(ItemState::Failed) {
        let held: HeldUpInfo = store.read(|view| why::held_up(view, &id))?.into();
        if held.total > 0 {
            facts.push(("holds up".into(), held_up_text(&held)));
        }
        json["held_up"] = json!(held);
    }
    lines.extend(facts.iter().map(|(name, value)| format!("    {name:12}  {value}")));
    Ok(Answer::new(json!({ "item": json }), lines))
}

/// What else the item says, each with its name.
fn facts(item: &Item) -> Vec<(String, String)> {
    let line = item.line.filter(|_| item.files.is_empty()).map(|n| n.to_string());
    let timeout = item.timeout.map(|s| text::length(i64::try_from(s).unwrap_or(i64::MAX)));
    let needs = (!item.needs.is_empty()).then(|| need_syntax::shown(&item.needs));
    let all = [
        ("line", &line),
        ("severity", &item.severity),
        ("category", &item.category),
        ("rule", &item.rule),
        ("phase", &item.phase),
        ("group", &item.group),
        ("needs", &needs),
        ("command", &item.run),
        ("time limit", &timeout),
    ];
    let mut list: Vec<(String, String)> =
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
    match &item.payload {
        Some(Value::Object(map)) => list.extend(map.iter().map(|(name, value)| (name.clone(), word(value)))),
        Some(other) => list.push(("payload".into(), word(other))),
        None => {}
    }
    list
}

/// A text as it is, and everything else as JSON.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

type Found = (Item, Slot, States);

fn find(view: &dyn View, id: &ItemId) -> Result<Option<Found>, ViewError> {
    let Some(slot) = item_index::find(view, id)? else { return Ok(None) };
    let states = queue::states(view, &slot.queue, slot.segment)?;
    Ok(Some((queue::item(view, &slot)?, slot, states)))
}
