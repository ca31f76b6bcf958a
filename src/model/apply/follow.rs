//! A queue that follows the reports of a tool: what a new report no longer has is cancelled, and what was
//! cancelled so and has come back is offered again. What a session holds stays.

use std::collections::{BTreeSet, HashSet};

use crate::model::base::{Context, ItemId, QueueName, Txn, ViewError};
use crate::model::records::queue::{self, Slot};
use crate::model::records::{ItemState, header};

/// Why an item was cancelled by a report: what tells it from one that somebody has given up.
const GONE: &str = "the report no longer has it";

/// What a report is about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The queue that is followed; `None`: all.
    pub queue: Option<QueueName>,
    /// The tools of the report.
    pub tools: BTreeSet<String>,
    /// Items that no tool has reported are part of it: the file is a list of work.
    pub untagged: bool,
}

impl Scope {
    fn has(&self, tool: Option<&str>) -> bool {
        tool.map_or(self.untagged, |tool| self.tools.contains(tool))
    }
}

/// Cancels what is in the scope and not among `ids`, and offers again what was cancelled so and is. Returns how
/// many of each.
///
/// # Errors
/// When the state cannot be read.
pub fn follow_report(
    txn: &mut Txn<'_>,
    scope: &Scope,
    ids: &HashSet<ItemId>,
    context: &Context,
) -> Result<(u64, u64), ViewError> {
    let (mut gone, mut back): (Vec<Slot>, Vec<Slot>) = (Vec::new(), Vec::new());
    for queue in
        queue::all(txn)?.into_iter().filter(|q| scope.queue.as_ref().is_none_or(|name| *name == q.name))
    {
        queue::each_item(txn, &queue.name, None, |item, slot, states| {
            if !scope.has(item.tool.as_deref()) {
                return Ok(false);
            }
            let reported = ids.contains(&item.id);
            match states.get(slot.index) {
                Some(ItemState::Pending | ItemState::Blocked) if !reported => gone.push(slot),
                Some(ItemState::Failed)
                    if reported && states.meta(slot.index).why.as_deref() == Some(GONE) =>
                {
                    back.push(slot);
                }
                _ => {}
            }
            Ok(false)
        })?;
    }
    for slot in &gone {
        queue::transition(txn, slot, ItemState::Failed, |meta| {
            meta.why = Some(GONE.to_owned());
            meta.at = Some(context.now);
            meta.until = None;
        })?;
    }
    for slot in &back {
        queue::transition(txn, slot, ItemState::Pending, |meta| {
            meta.why = None;
            meta.at = None;
            meta.fails = 0;
        })?;
    }
    if !gone.is_empty() || !back.is_empty() {
        header::next_generation(txn)?;
    }
    Ok((gone.len() as u64, back.len() as u64))
}
