//! What an import says of items that were known before it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::queue::{self, Slot};
use super::segment;
use super::view::{View, ViewError};
use super::{ItemId, ItemState, NewItem, ids, needs};

/// Items that an answer names.
pub const NAMED: usize = 10;

/// Some items: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// How many.
    pub count: u64,
    /// The first [`NAMED`], in the order of their places.
    pub first: Vec<ItemId>,
}

impl Named {
    fn add(&mut self, id: &ItemId) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(id.clone());
        }
    }
}

/// What there is to say of the items of an import that the state has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// They are done, and the import has them as something to do.
    pub done: Named,
    /// They have an id of their own, and the import says something else under it.
    pub differing: Named,
}

impl Survey {
    /// Compares items with those of the same ids in a state, one segment after the other, if all of them
    /// are there; false when not. What has just been added is equal and not done. With `again`, what is done
    /// has become new work, and is passed over.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn look(
        &mut self,
        view: &dyn View,
        index: &mut ids::Index,
        items: &[NewItem],
        again: bool,
    ) -> Result<bool, ViewError> {
        let mut places: Vec<(Slot, &NewItem)> = Vec::with_capacity(items.len());
        for new in items {
            match index.find(view, &new.item.id)? {
                Some(slot) => places.push((slot, new)),
                None => return Ok(false),
            }
        }
        places.sort_by(|(a, _), (b, _)| a.cmp(b));
        for group in places.chunk_by(|(a, _), (b, _)| (&a.queue, a.segment) == (&b.queue, b.segment)) {
            self.segment(view, group, again)?;
        }
        Ok(true)
    }

    fn segment(&mut self, view: &dyn View, group: &[(Slot, &NewItem)], again: bool) -> Result<(), ViewError> {
        let Some((Slot { queue, segment, .. }, _)) = group.first() else { return Ok(()) };
        let states = queue::states(view, queue, *segment)?;
        let is_done = |slot: &Slot| states.get(slot.index) == Some(ItemState::Done);
        for (_, new) in group.iter().filter(|(slot, _)| !again && is_done(slot)) {
            self.done.add(&new.item.id);
        }
        let own = |(slot, new): &&(Slot, &NewItem)| {
            let new_work = again && is_done(slot);
            !new_work && !new.item.id.is_digest()
        };
        if !group.iter().any(|one| own(&one)) {
            return Ok(());
        }
        let content = queue::content(view, queue, *segment)?;
        let (lines, key) = (segment::lines(&content), queue::items_key(queue, *segment));
        for (slot, new) in group.iter().filter(own) {
            let item = segment::item_at(&lines, slot.index, &key)?;
            if differs(new, &item) {
                self.differing.add(&new.item.id);
            }
        }
        Ok(())
    }
}

/// True when an item says something else than what is there: not where it stands or how urgent it is, which
/// are changed here.
fn differs(new: &NewItem, known: &super::Item) -> bool {
    let item = &new.item;
    let of = |item: &super::Item| {
        let files: HashSet<_> = item.files.iter().cloned().collect();
        let place = (item.phase.clone(), item.group.clone());
        (item.title.clone(), files, item.run.clone(), item.timeout, item.payload.clone(), place)
    };
    let set = |needs: &[ItemId]| needs.iter().cloned().collect::<HashSet<_>>();
    // Which items these stand for has been found out when the other one was imported.
    let plain = !item.needs.iter().any(needs::is_special);
    of(item) != of(known) || (plain && set(&item.needs) != set(&known.needs))
}
