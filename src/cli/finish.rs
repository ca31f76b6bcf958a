//! What `done`, `fail` and `drop` share: finishing items and showing what became of them.

use serde_json::{Map, Value, json};

use crate::model::op::Finish;
use crate::model::{ItemId, ItemState, Op, Outcome, why};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::item_style::state_style;
use crate::cli::output::{Answer, paint};
use crate::cli::queue::why::{held_up_json, held_up_text};
use crate::cli::text;

/// Finishes items of this session.
pub fn finish(app: &App, items: &[ItemId], how: Finish) -> CliResult<Answer> {
    let store = app.store()?;
    let session = app.session()?;
    let op = Op::Finish { session: session.clone(), items: items.to_vec(), how, lease: None };
    let outcome = app.submit(&store, &op, None)?;
    store.touch_session(&session);
    let Outcome::Finished { items, unblocked } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    let lines: Vec<String> =
        items.iter().map(|(id, state)| format!("{} {id}", paint(state_style(*state), state))).collect();
    let list: Vec<Value> = items.iter().map(|(id, state)| json!({ "id": id, "state": state })).collect();
    let mut answer = Answer::new(json!({ "items": list, "unblocked": unblocked }), lines);
    if !unblocked.is_empty() {
        answer = answer.note(format!("{} can start now", text::count(unblocked.len(), "item")));
    }
    // What waits for an item that was given up waits for ever, unless somebody is told.
    let failed = items.iter().filter(|(_, state)| *state == ItemState::Failed);
    let mut held_up = Map::new();
    for (id, _) in failed {
        let held = store.read(|view| why::held_up(view, id))?;
        if held.total > 0 {
            answer = answer.note(format!("{id} holds up {}", held_up_text(&held)));
            held_up.insert(id.to_string(), held_up_json(&held));
        }
    }
    if !held_up.is_empty() {
        answer.data["held_up"] = Value::Object(held_up);
    }
    Ok(answer)
}
