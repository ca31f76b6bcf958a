//! How a split of the open items over several sessions comes out.

use std::collections::HashSet;

use serde::Deserialize;

use crate::model::base::{ItemId, QueueName, RepoPath, View, ViewError};
use crate::model::records::{ItemState, queue, segment, shard};

/// One shard of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// Items that are not finished.
    pub items: u64,
    /// Files that these begin with.
    pub files: u64,
}

#[derive(Deserialize)]
struct Facts {
    id: ItemId,
    #[serde(default)]
    files: Vec<RepoPath>,
}

/// The parts of a split of everything that is not finished, in these queues or in all.
///
/// # Errors
/// When the state cannot be read.
pub fn parts(view: &dyn View, queues: &[QueueName], sessions: u32) -> Result<Vec<Part>, ViewError> {
    let mut parts = vec![Part::default(); sessions as usize];
    let mut seen: HashSet<RepoPath> = HashSet::new();
    for record in queue::all(view)? {
        if !queues.is_empty() && !queues.contains(&record.name) {
            continue;
        }
        for number in queue::segments(view, &record.name)? {
            let states = queue::states(view, &record.name, number)?;
            let open = |i: &usize| {
                let state = states.get(*i);
                state.is_some_and(|s| !matches!(s, ItemState::Done | ItemState::Failed))
            };
            if !(0..states.len()).any(|i| open(&i)) {
                continue;
            }
            let content = queue::content(view, &record.name, number)?;
            let lines = segment::lines(&content);
            let key = queue::items_key(&record.name, number);
            for index in (0..states.len()).filter(open) {
                let facts: Facts = segment::item_at(&lines, index, &key)?;
                let part = &mut parts[shard::number_of(&facts.files, &facts.id, sessions) as usize - 1];
                part.items += 1;
                if let Some(first) = facts.files.into_iter().next() {
                    part.files += u64::from(seen.insert(first));
                }
            }
        }
    }
    Ok(parts)
}
