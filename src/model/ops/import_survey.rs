//! What an import says of items that were known before it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::base::{ItemId, View, ViewError};
use crate::model::ops::reimport::OwnIds;
use crate::model::records::queue::{self, Slot};
use crate::model::records::{Item, ItemState, NewItem, item_index, need_syntax, segment};

/// Items that an answer names.
pub const NAMED: usize = 10;

/// Some items: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
#[serde(default)]
pub struct Survey {
    /// They are done, and the import has them as something to do.
    pub done: Named,
    /// They have an id of their own, and the import says something else under it.
    pub differing: Named,
    /// Items that the report no longer has and that were cancelled (`--sync`).
    pub cancelled: u64,
    /// Items that were cancelled so before and are offered again.
    pub reopened: u64,
}

/// A place of an item, and which for the same work it is: the first has the id in the file.
struct Place<'a> {
    slot: Slot,
    nth: u32,
    new: &'a NewItem,
}

impl Survey {
    /// Compares items with those that their ids mean now in a state, one segment after the other, if all of
    /// them are there; false when not. What has just been added is equal and not done. With `again`, what is
    /// done is not told.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn look(
        &mut self,
        view: &dyn View,
        index: &mut item_index::Index,
        items: &[NewItem],
        own: &OwnIds,
        again: bool,
    ) -> Result<bool, ViewError> {
        let mut places: Vec<Place<'_>> = Vec::with_capacity(items.len());
        for new in items {
            match index.find(view, &new.item.id)? {
                Some(slot) => places.push(Place { slot, nth: 1, new }),
                None => return Ok(false),
            }
        }
        while !places.is_empty() {
            places.sort_unstable_by(|a, b| a.slot.cmp(&b.slot));
            let mut later = Vec::new();
            for group in places.chunk_by(|a, b| a.slot.is_beside(&b.slot)) {
                self.segment(view, index, group, own, again, &mut later)?;
            }
            places = later;
        }
        Ok(true)
    }

    /// Looks at places in one segment. What is done there and has come back goes to `later`.
    fn segment<'a>(
        &mut self,
        view: &dyn View,
        index: &mut item_index::Index,
        group: &[Place<'a>],
        own: &OwnIds,
        again: bool,
        later: &mut Vec<Place<'a>>,
    ) -> Result<(), ViewError> {
        let Some(Place { slot: Slot { queue, segment, .. }, .. }) = group.first() else { return Ok(()) };
        let states = queue::states(view, queue, *segment)?;
        let mut compared: Vec<&Place<'_>> = Vec::new();
        for place in group {
            let id = &place.new.item.id;
            if states.get(place.slot.index) == Some(ItemState::Done) {
                if let Some(next) = came_back(view, index, place, own)? {
                    later.push(next);
                    continue;
                }
                if again {
                    continue;
                }
                self.done.add(id);
            }
            if !id.is_digest() {
                compared.push(place);
            }
        }
        if compared.is_empty() {
            return Ok(());
        }
        let content = queue::content(view, queue, *segment)?;
        let (lines, key) = (segment::lines(&content), queue::items_key(queue, *segment));
        let mut line = Vec::new();
        for Place { slot, new: NewItem { item, .. }, .. } in compared {
            // Most are what they were, and writing is faster than reading.
            line.clear();
            segment::append(&mut line, item);
            if lines.get(slot.index) == Some(&line.trim_ascii_end()) {
                continue;
            }
            if differs(item, &segment::item_at(&lines, slot.index, &key)?) {
                self.differing.add(&item.id);
            }
        }
        Ok(())
    }
}

/// The place of the next item for the same work.
fn came_back<'a>(
    view: &dyn View,
    index: &mut item_index::Index,
    place: &Place<'a>,
    own: &OwnIds,
) -> Result<Option<Place<'a>>, ViewError> {
    let Some((nth, id)) = own.after(&place.new.item.id, place.nth) else { return Ok(None) };
    Ok(index.find(view, &id)?.map(|slot| Place { slot, nth, new: place.new }))
}

/// True when an item says something else than what is there: not where it stands or how urgent it is, which
/// are changed here.
fn differs(item: &Item, known: &Item) -> bool {
    let files = |item: &Item| item.files.iter().cloned().collect::<HashSet<_>>();
    // Which items these stand for has been found out when the other one was imported.
    let plain = !item.needs.iter().any(need_syntax::is_special);
    (&item.title, &item.run, item.timeout, &item.phase, &item.group)
        != (&known.title, &known.run, known.timeout, &known.phase, &known.group)
        || content(&item.payload) != content(&known.payload)
        || (item.files != known.files && files(item) != files(known))
        || (plain && item.needs != known.needs && !same_needs(&item.needs, &known.needs))
}

/// The payload without `source`: the line of a task in its list changes with every task above it.
fn content(payload: &Option<Value>) -> Option<Value> {
    match payload {
        Some(Value::Object(fields)) => {
            let mut fields = fields.clone();
            fields.remove("source");
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        other => other.clone(),
    }
}

/// True when needs are the same as those of a known item, or came back before that one did.
fn same_needs(needs: &[ItemId], known: &[ItemId]) -> bool {
    let needs: HashSet<&str> = needs.iter().map(ItemId::as_str).collect();
    let in_file = |id| match ItemId::first(id) {
        Some(first) if needs.contains(first) && !needs.contains(id.as_str()) => first,
        _ => id.as_str(),
    };
    known.iter().map(in_file).collect::<HashSet<_>>() == needs
}
