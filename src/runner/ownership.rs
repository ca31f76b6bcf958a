//! Who left an item in which state, and why it was taken from its session.

use crate::model::{ItemId, ItemState, Outcome, SessionName, item_index, queue};
use crate::store::Store;

use super::RunnerError;

/// The state that an item has been left in by a session, which held it under this lease. `None`
/// when anybody has been given it since.
pub(super) fn left_by(
    store: &Store,
    session: &SessionName,
    item: &ItemId,
    lease: u64,
) -> Result<Option<ItemState>, RunnerError> {
    let standing = store.read(|view| match item_index::find(view, item)? {
        Some(slot) => queue::placement(view, &slot).map(Some),
        None => Ok(None),
    })?;
    let ours = standing.filter(|(_, note, _)| note.by.as_ref() == Some(session) && note.lease == Some(lease));
    Ok(ours.map(|(state, ..)| state))
}

/// Why an act of a session on its item was refused.
pub(super) fn why_lost(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Lost { losses, .. } => {
            losses.first().map_or_else(|| "its lease was lost".to_owned(), |l| l.why.clone())
        }
        Outcome::Refused { message, .. } => message.clone(),
        _ => "its lease was lost".to_owned(),
    }
}
