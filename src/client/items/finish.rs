//! Finishing items, or giving them back.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::client::gates::current_tree;
use crate::client::{Client, ClientError, ClientResult};
use crate::model::op::Finish;
use crate::model::why::{self, HeldUp};
use crate::model::{ItemId, ItemState, Op, Outcome, RuleId, SessionName, queue, session};

/// Items that were finished or given back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finished {
    /// They, in the order in which they were named.
    pub items: Vec<FinishedItem>,
    /// Items that can be taken now because of it.
    pub unblocked: Vec<ItemId>,
    /// What items that were given up hold up: it waits for ever, unless somebody learns of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub held_up: BTreeMap<String, HeldUpInfo>,
}

/// An item and its state.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FinishedItem {
    /// Which.
    pub id: ItemId,
    /// Its state now.
    pub state: ItemState,
}

/// What waits for an item.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HeldUpInfo {
    /// Items that need it.
    pub direct: Vec<ItemId>,
    /// How many items wait for it in the end.
    pub total: usize,
    /// True when there are more: the search has a limit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

impl From<HeldUp> for HeldUpInfo {
    fn from(held: HeldUp) -> Self {
        HeldUpInfo { direct: held.direct, total: held.total, at_least: held.at_least }
    }
}

/// Finishes items of the session that acts, all or none. Ids may be given by a prefix. `anyway`: although
/// their files have changes that are not committed; the next session on these files does not have them.
///
/// # Errors
/// [`ClientError::Refused`] when it does not hold one of them any longer, or a rule of the queue says no;
/// [`ClientError::Uncommitted`].
pub fn finish(client: &Client, words: &[ItemId], how: Finish, anyway: bool) -> ClientResult<Finished> {
    let session = client.session()?;
    let record = client.store.read(|view| session::get(view, &session))?;
    let ids = words.iter().map(|word| client.held_item_id(record.as_ref(), word));
    let items = ids.collect::<ClientResult<Vec<ItemId>>>()?;
    if how == Finish::Done {
        if let Some(record) = record.as_ref().filter(|_| !anyway) {
            let files = client.uncommitted_of(record, &items)?;
            if !files.is_empty() {
                return Err(ClientError::Uncommitted(files));
            }
        }
        require_verified_tree(client, &session, &items)?;
    }
    let op = Op::Finish { session: session.clone(), items, how, lease: None };
    let outcome = client.submit(&op, None)?;
    client.store.touch_session(&session);
    let Outcome::Finished { items, unblocked } = outcome else {
        return Err(ClientError::refused(outcome));
    };
    let mut held_up = BTreeMap::new();
    for (id, _) in items.iter().filter(|(_, state)| *state == ItemState::Failed) {
        let held = client.store.read(|view| why::held_up(view, id))?;
        if held.total > 0 {
            held_up.insert(id.to_string(), held.into());
        }
    }
    let items = items.into_iter().map(|(id, state)| FinishedItem { id, state }).collect();
    Ok(Finished { items, unblocked, held_up })
}

/// Refuses what was verified for another tree than is here now. Where the queue asks for no verification,
/// or there was none, the operation itself decides.
fn require_verified_tree(client: &Client, name: &SessionName, items: &[ItemId]) -> ClientResult<()> {
    let Some(record) = client.store.read(|view| session::get(view, name))? else { return Ok(()) };
    let mut current = None;
    for item in items {
        let Some(leased) = record.item_lease(item).and_then(|lease| lease.item.as_ref()) else { continue };
        let Some(verified) = leased.verified.as_ref().filter(|verified| verified.ok) else { continue };
        let queue = client.store.read(|view| queue::get(view, &leased.slot.queue))?;
        if queue.is_none_or(|queue| !queue.rules.verify) {
            continue;
        }
        if current.is_none() {
            current = Some(current_tree(client)?.0);
        }
        if verified.tree != current {
            return Err(ClientError::refused(Outcome::Refused {
                rule: RuleId::VerificationStale,
                message: format!("{item}: what was verified is not what is here now"),
                hint: format!("verify it again: git coord verify {item}"),
            }));
        }
    }
    Ok(())
}
