//! How the states of items look.

use crate::model::ItemState;

use crate::cli::output::{BAD, GOOD, WARN};

/// The style of a state.
pub fn state_style(state: ItemState) -> anstyle::Style {
    match state {
        ItemState::Pending => anstyle::Style::new(),
        ItemState::Blocked | ItemState::Claimed => WARN,
        ItemState::Done => GOOD,
        ItemState::Failed => BAD,
    }
}
