//! What a search may leave out because an earlier one found nothing there.

use std::collections::BTreeSet;

use crate::model::base::{RepoPath, View, ViewError, to_json};
use crate::model::ops::choice::{SearchBookmark, SearchHints, SkipCounts};
use crate::model::ops::op::TakeNext;
use crate::model::records::claim::{self, Mode};
use crate::model::records::header;
use crate::model::records::queue::Queue;
use crate::model::records::session::Session;

/// What was passed over in one segment, and why.
#[derive(Default, Clone)]
pub(super) struct Part {
    pub skipped: SkipCounts,
    pub held: BTreeSet<RepoPath>,
    pub by_hand: bool,
}

/// Notes that up to `at` there was nothing to take. `again`: a part of it was counted before.
pub(super) fn grow(range: &mut SearchBookmark, at: (u32, usize), part: &Part, again: bool) {
    (range.before, range.index) = at.max((range.before, range.index));
    range.by_hand |= part.by_hand;
    if !again {
        range.skipped.add(&part.skipped);
    }
    for path in &part.held {
        if !range.held.contains(path) {
            range.held.push(path.clone());
        }
    }
}

pub(super) fn new_range(queue: &Queue, priority: u32, help: bool) -> SearchBookmark {
    SearchBookmark {
        queue: queue.name.clone(),
        priority,
        help,
        before: 0,
        index: 0,
        returned: queue.returned,
        held: Vec::new(),
        by_hand: false,
        skipped: SkipCounts::default(),
    }
}

/// The parts of a hint that still hold.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn still_true(
    view: &dyn View,
    session: &Session,
    hints: &[SearchHints],
    eligibility: &str,
) -> Result<Vec<SearchBookmark>, ViewError> {
    let head = header::read(view)?;
    let same = |s: &&SearchHints| {
        s.store == head.store && s.generation <= head.generation && s.eligibility == eligibility
    };
    let Some(hints) = hints.iter().find(same) else { return Ok(Vec::new()) };
    let mut list = Vec::new();
    for range in &hints.ranges {
        let mut holds = !range.by_hand || hints.released == head.released;
        for path in &range.held {
            let claim = claim::get(view, path)?;
            holds &= claim.is_some_and(|c| c.conflicts(&session.name, Mode::Exclusive).next().is_some());
        }
        if holds {
            list.push(range.clone());
        }
    }
    Ok(list)
}

/// Puts what a search found out in the place of what was known before.
pub(super) fn merge(known: &mut Vec<SearchBookmark>, new: Vec<SearchBookmark>) {
    known.retain(|k| !new.iter().any(|n| (&n.queue, n.priority, n.help) == (&k.queue, k.priority, k.help)));
    known.extend(new);
}

/// Everything that decides which items are passed over, as text: the call without what may differ
/// from call to call, and the assignment. A wish that is added to the operation is part of it.
pub(super) fn eligibility_text(op: &TakeNext, session: &Session) -> String {
    let mut bare = TakeNext { count: 0, ttl: 0, queues: Vec::new(), ..op.clone() };
    bare.choice.hints = Vec::new();
    bare.choice.fresh = None;
    bare.choice.explain = false;
    let text = to_json(&(bare, &session.areas, session.shard));
    String::from_utf8_lossy(&text).into_owned()
}
