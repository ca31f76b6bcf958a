//! Who left an item in which state, and why it was taken from its session.

use crate::model::{ItemId, ItemState, Outcome, SessionName, item_index, queue};
use crate::store::Store;

use super::RunnerError;

/// How a session has left an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    /// The state that it is in since.
    pub(super) state: ItemState,
    /// How often it counts as handed out since: once less when it was given back untouched.
    pub(super) attempts: u32,
    /// Why it failed last.
    pub(super) why: Option<String>,
}

/// How an item was left by a session, which held it under this lease. `None` when
/// anybody has been given it since.
pub(super) fn left_by(
    store: &Store,
    session: &SessionName,
    item: &ItemId,
    lease: u64,
) -> Result<Option<Left>, RunnerError> {
    let placed = store.read(|view| match item_index::find(view, item)? {
        Some(slot) => queue::placement(view, &slot).map(Some),
        None => Ok(None),
    })?;
    let ours = placed.filter(|(_, meta, _)| meta.by.as_ref() == Some(session) && meta.lease == Some(lease));
    Ok(ours.map(|(state, meta, _)| Left { state, attempts: meta.attempt, why: meta.why }))
}

/// Why an operation of a session on its item was refused.
pub(super) fn why_lost(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Lost { losses, .. } => {
            losses.first().map_or_else(|| "its lease was lost".to_owned(), |l| l.why.clone())
        }
        Outcome::Refused { message, .. } => message.clone(),
        _ => "its lease was lost".to_owned(),
    }
}
