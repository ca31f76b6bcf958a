//! How items and their states look.

use crate::cli::output::{BAD, GOOD, WARN};
use crate::cli::text;
use crate::client::items::HeldUpInfo;
use crate::model::{ItemId, ItemState};

/// The style of a state.
pub fn state_style(state: ItemState) -> anstyle::Style {
    match state {
        ItemState::Pending => anstyle::Style::new(),
        ItemState::Blocked | ItemState::Claimed => WARN,
        ItemState::Done => GOOD,
        ItemState::Failed => BAD,
    }
}

/// What an item holds up, for people.
pub fn held_up_text(held: &HeldUpInfo) -> String {
    let mut names: Vec<&str> = held.direct.iter().take(5).map(ItemId::as_str).collect();
    if held.direct.len() > names.len() {
        names.push("…");
    }
    let all = if held.total > held.direct.len() {
        let more = if held.at_least { "at least " } else { "" };
        format!("; with what waits for these, {more}{}", text::count(held.total, "item"))
    } else {
        String::new()
    };
    format!("{} ({}){all}", text::count(held.direct.len(), "item"), names.join(", "))
}
