//! Walking back through the states before one, as far as they are sound.

use std::collections::HashMap;

use gix::ObjectId;

use crate::store::Store;
use crate::store::raw::Commit;

use super::inspect::head_of;

/// True when all states before one are sound, with everything below them.
pub(super) fn is_history_sound(store: &Store, from: &Commit, known: &mut HashMap<ObjectId, bool>) -> bool {
    let mut at = from.parent;
    while let Some(id) = at {
        let Ok(commit) = store.sound_commit(id) else { return false };
        if !store.walk(commit.tree, known).is_empty() {
            return false;
        }
        at = commit.parent;
    }
    true
}

/// A state and those before it, up to the first that cannot be read. The last one has a head.
pub(super) fn unbroken(store: &Store, tip: ObjectId) -> Vec<ObjectId> {
    let (mut ids, mut headed) = (Vec::new(), 0);
    let mut at = Some(tip);
    while let Some((id, commit)) = at.and_then(|id| Some((id, store.sound_commit(id).ok()?))) {
        ids.push(id);
        if head_of(store, &commit).is_some() {
            headed = ids.len();
        }
        at = commit.parent;
    }
    ids.truncate(headed);
    ids
}
