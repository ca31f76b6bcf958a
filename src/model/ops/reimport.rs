//! Work that comes back: what is done and found once more is an item of its own, whose id follows from the
//! one of before, `T1.2` after `T1`, then `T1.3`.
//!
//! An id of its own in the file is what it says, and none that follows: tasks may be numbered `1`, `1.1`,
//! `1.2`. So all of the file is gone through before the first item gets its id, and neither the order in
//! the file nor where it is cut into batches makes a difference.

use std::collections::{HashMap, HashSet};

use crate::model::base::{ItemId, View, ViewError};
use crate::model::records::queue::{self, Slot};
use crate::model::records::{ItemState, NewItem, groups, item_index};

/// Ids that a file gives itself and that look as if they followed from another.
#[derive(Debug, Clone, Default)]
pub struct OwnIds(HashSet<ItemId>);

impl OwnIds {
    /// Takes in those of more items.
    pub fn note(&mut self, items: &[NewItem]) {
        let ids = items.iter().map(|new| &new.item.id);
        self.0.extend(ids.filter(|id| id.first().is_some()).cloned());
    }

    /// The id of the next item for the work of `id` after its `n`th, and which it is.
    pub(crate) fn after(&self, id: &ItemId, n: u32) -> Option<(u32, ItemId)> {
        let mut following = (n + 1..).map_while(|n| Some((n, id.again(n)?)));
        following.find(|(_, id)| !self.0.contains(id))
    }

    /// The item that an id means now: the first for its work that is not done, with the slot where it
    /// stands or none if it is new. `None` when it can get no further id.
    fn current(
        &self,
        view: &dyn View,
        index: &mut item_index::Index,
        id: &ItemId,
    ) -> Result<Option<(ItemId, Option<Slot>)>, ViewError> {
        let mut next = Some((1, id.clone()));
        while let Some((n, name)) = next {
            match index.find(view, &name)? {
                Some(slot) if queue::placement(view, &slot)?.0 == ItemState::Done => {
                    next = self.after(id, n);
                }
                slot => return Ok(Some((name, slot))),
            }
        }
        Ok(None)
    }
}

/// Under which ids the items of a file come when what is done is new work.
#[derive(Debug, Clone, Default)]
pub struct Again {
    own: OwnIds,
    /// By the id in the file, that of the item for the same work which is not done. Only of those whose
    /// own is.
    names: HashMap<ItemId, ItemId>,
}

impl Again {
    /// Goes through one batch of a file.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn note(
        &mut self,
        view: &dyn View,
        index: &mut item_index::Index,
        items: &[NewItem],
    ) -> Result<(), ViewError> {
        self.own.note(items);
        let mut places: Vec<(Slot, &ItemId)> = Vec::new();
        for new in items {
            places.extend(index.find(view, &new.item.id)?.map(|slot| (slot, &new.item.id)));
        }
        places.sort_unstable();
        for segment in places.chunk_by(|(a, _), (b, _)| a.is_beside(b)) {
            let Some((Slot { queue, segment: number, .. }, _)) = segment.first() else { continue };
            let states = queue::states(view, queue, *number)?;
            let done = segment.iter().filter(|(slot, _)| states.get(slot.index) == Some(ItemState::Done));
            self.names.extend(done.map(|(_, id)| ((*id).clone(), (*id).clone())));
        }
        Ok(())
    }

    /// Finds the ids, after all batches.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn settle(&mut self, view: &dyn View, index: &mut item_index::Index) -> Result<(), ViewError> {
        for (id, name) in &mut self.names {
            if let Some((current, _)) = self.own.current(view, index, id)? {
                *name = current;
            }
        }
        Ok(())
    }

    /// The id that an item of the file comes under.
    pub(crate) fn name<'a>(&'a self, id: &'a ItemId) -> &'a ItemId {
        self.names.get(id).unwrap_or(id)
    }

    /// The item that a need means: as [`Again::name`] when it is in the file, else the one for its work that
    /// is not done, if there is one.
    pub(crate) fn need(
        &self,
        view: &dyn View,
        index: &mut item_index::Index,
        need: ItemId,
    ) -> Result<ItemId, ViewError> {
        if let Some(name) = self.names.get(&need) {
            return Ok(name.clone());
        }
        let current = if groups::is_set(&need) { None } else { self.own.current(view, index, &need)? };
        Ok(match current {
            Some((id, Some(_))) => id,
            _ => need,
        })
    }
}
