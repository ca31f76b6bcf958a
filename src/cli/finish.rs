//! What `done`, `fail` and `drop` share: finishing items and showing what became of them.

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::item_style::{held_up_text, state_style};
use crate::cli::output::{Answer, paint};
use crate::cli::text;
use crate::client::items;
use crate::model::ItemId;
use crate::model::op::Finish;

/// Finishes items of this session.
pub fn finish(app: &App, ids: &[ItemId], how: Finish, anyway: bool) -> CliResult<Answer> {
    let finished = items::finish(&app.client()?, ids, how, anyway)?;
    let line =
        |item: &items::FinishedItem| format!("{} {}", paint(state_style(item.state), item.state), item.id);
    let lines: Vec<String> = finished.items.iter().map(line).collect();
    let mut answer = Answer::of(&finished, lines);
    if !finished.unblocked.is_empty() {
        answer = answer.note(format!("{} can start now", text::count(finished.unblocked.len(), "item")));
    }
    for (id, held) in &finished.held_up {
        answer = answer.note(format!("{id} holds up {}", held_up_text(held)));
    }
    Ok(answer)
}
