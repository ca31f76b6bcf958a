//! Putting a segment together again of which one half is damaged.
//!
//! Going back to an older state as a whole would lose what all sessions have done since, for the
//! sake of 128 items. So, where only segments are damaged, their other half is used:
//!
//! - **items lost, states there**: the index knows the ids. What an older state has of the content
//!   is taken. Of the rest, what is done or given up needs no content any more; what a session
//!   holds keeps its files, which the lease knows; what nobody has begun is given up under the id
//!   `lost-<id>`, so that importing the same file again brings it back.
//! - **states lost, items there**: the newest older copy of the states, and on top of it what the
//!   audit log says was finished since. Leases say what is in whose hands.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::event::Event;
use crate::model::queue::{self, Slot};
use crate::model::segment::{self, ItemMeta, States};
use crate::model::session;
use crate::model::view::ViewError;
use crate::model::{EventKind, Item, ItemId, ItemState, QueueName, RepoPath, Txn, View, item_index};

/// A half of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Half {
    Items(QueueName, u32),
    States(QueueName, u32),
}

impl Half {
    /// What a key holds, if it is half a segment.
    fn of(key: &str) -> Option<Half> {
        let parts: Vec<&str> = key.split('/').collect();
        let ["queues", queue, what, high, low] = parts[..] else { return None };
        let queue = QueueName::parse(queue).ok()?;
        let (high, low): (u32, u32) = (high.parse().ok()?, low.split('.').next()?.parse().ok()?);
        let number = high.checked_mul(100)?.checked_add(low)?;
        match what {
            "items" => Some(Half::Items(queue, number)),
            "states" => Some(Half::States(queue, number)),
            _ => None,
        }
    }
}

/// True when all of these keys are halves of segments of which the other half is not damaged.
pub fn is_possible(damaged: &BTreeSet<&String>) -> bool {
    let halves: Option<Vec<Half>> = damaged.iter().map(|key| Half::of(key)).collect();
    halves.is_some_and(|halves| {
        halves.iter().all(|half| match half {
            Half::Items(queue, number) => !halves.contains(&Half::States(queue.clone(), *number)),
            Half::States(..) => true,
        })
    })
}

/// Rebuilds the halves at these keys. `older` gives the newest sound copy that an older state has
/// of a key; `events` are all acts that are known, oldest first. Says what was lost; `None` when
/// it cannot be done.
///
/// # Errors
/// When a record that is needed cannot be read.
pub fn rebuild(
    txn: &mut Txn<'_>,
    damaged: &BTreeSet<&String>,
    older: impl Fn(&str) -> Option<Vec<u8>>,
    events: &[Event],
) -> Result<Option<Vec<String>>, ViewError> {
    let mut told = Vec::new();
    for key in damaged {
        let copy = older(key);
        let done = match Half::of(key) {
            Some(Half::Items(queue, number)) => rebuild_items(txn, &queue, number, copy)?,
            Some(Half::States(queue, number)) => rebuild_states(txn, &queue, number, copy, events)?,
            None => None,
        };
        match done {
            Some(words) => told.push(format!("{key}: {words}")),
            None => return Ok(None),
        }
    }
    Ok(Some(told))
}

fn rebuild_items(
    txn: &mut Txn<'_>,
    queue: &QueueName,
    number: u32,
    copy: Option<Vec<u8>>,
) -> Result<Option<String>, ViewError> {
    let mut states = queue::states(txn, queue, number)?;
    let index = item_index::all(txn)?;
    let here: BTreeMap<usize, &String> = index
        .iter()
        .filter(|(_, slot)| slot.queue == *queue && slot.segment == number)
        .map(|(id, slot)| (slot.index, id))
        .collect();
    let files = files_in_hands(txn)?;
    let copy = copy.unwrap_or_default();
    let lines = segment::lines(&copy);
    let mut content = Vec::new();
    let mut lost = Vec::new();
    for at in 0..states.len() {
        if states.is_moved(at) {
            // Nobody asks for what stood here; any line keeps the places of the others.
            let Ok(gone) = ItemId::parse(&format!("moved-{number}-{at}")) else { return Ok(None) };
            segment::append(&mut content, &bare(&gone));
            continue;
        }
        let Some(id) = here.get(&at).and_then(|id| ItemId::parse(id).ok()) else { return Ok(None) };
        if let Some(item) = segment::item_at(&lines, at, "").ok().filter(|item: &Item| item.id == id) {
            segment::append(&mut content, &item);
            continue;
        }
        let mut item = bare(&id);
        match states.get(at) {
            Some(ItemState::Claimed) => {
                item.files = files.get(&id).cloned().unwrap_or_default();
                lost.push(format!("{id} (in work)"));
            }
            Some(ItemState::Pending | ItemState::Blocked) => {
                let Ok(other) = ItemId::parse(&format!("lost-{id}")) else { return Ok(None) };
                if index.contains_key(other.as_str()) {
                    return Ok(None);
                }
                item.id = other;
                states.set(at, ItemState::Failed);
                states.meta_mut(at).why = Some("its content was lost; import it again".into());
                lost.push(id.to_string());
            }
            _ => {}
        }
        segment::append(&mut content, &item);
    }
    txn.put(queue::items_key(queue, number), content);
    txn.put_json(queue::states_key(queue, number), &states);
    Ok(Some(match lost.len() {
        0 => "put together again; nothing that is still to be done was lost".into(),
        _ => format!("the content of {} is lost; import the same file again", lost.join(", ")),
    }))
}

/// An item of which nothing but the id is known.
fn bare(id: &ItemId) -> Item {
    Item::new(id.clone(), format!("{id} (its content was lost)"))
}

fn files_in_hands(view: &dyn View) -> Result<HashMap<ItemId, Vec<RepoPath>>, ViewError> {
    let leases = session::all(view)?.into_iter().flat_map(|s| s.leases);
    Ok(leases.filter_map(|l| l.item).map(|item| (item.id, item.files)).collect())
}

fn rebuild_states(
    txn: &mut Txn<'_>,
    queue: &QueueName,
    number: u32,
    copy: Option<Vec<u8>>,
    events: &[Event],
) -> Result<Option<String>, ViewError> {
    let content = queue::content(txn, queue, number)?;
    let lines = segment::lines(&content);
    let Some(mut states) = copy.and_then(|bytes| serde_json::from_slice::<States>(&bytes).ok()) else {
        return Ok(None);
    };
    let limit = queue::get(txn, queue)?.map_or(queue::DEFAULT_MAX_ATTEMPTS, |q| q.max_attempts);
    let held = files_in_hands(txn)?;
    let mut places: HashMap<String, Slot> = HashMap::new();
    for at in 0..lines.len() {
        let item: Item = segment::item_at(&lines, at, "")?;
        if at >= states.len() {
            states.push(ItemState::Pending, ItemMeta::default());
        }
        if states.is_moved(at) {
            continue;
        }
        // An item that has been handed out since is no longer what the copy says.
        if states.get(at) == Some(ItemState::Claimed) && !held.contains_key(&item.id) {
            states.set(at, ItemState::Pending);
        }
        if states.get(at) == Some(ItemState::Pending) && !item.needs.is_empty() {
            // How many are open is counted afterwards, and none is no block.
            states.set(at, ItemState::Blocked);
            states.meta_mut(at).needs = u32::MAX;
        }
        places.insert(item.id.to_string(), Slot { queue: queue.clone(), segment: number, index: at });
    }
    if states.len() != lines.len() {
        return Ok(None);
    }
    let mut fails: HashMap<usize, u32> = HashMap::new();
    for event in events {
        for id in event.items() {
            if let Some(slot) = places.get(id.as_str()) {
                replay(&mut states, slot.index, event, fails.entry(slot.index).or_default(), limit);
            }
        }
    }
    txn.put_json(queue::states_key(queue, number), &states);
    Ok(Some("put together from an older copy and the log".into()))
}

/// Does again what the log says was done to an item.
fn replay(states: &mut States, at: usize, event: &Event, fails: &mut u32, limit: u32) {
    let to = match event.kind() {
        Some(EventKind::Done) => ItemState::Done,
        Some(EventKind::Fail) => {
            *fails += 1;
            if event.is_final() || *fails >= limit { ItemState::Failed } else { ItemState::Pending }
        }
        _ => return,
    };
    if states.get(at) == Some(ItemState::Done) {
        return;
    }
    if to != ItemState::Pending {
        states.set(at, to);
    }
    let fails = *fails;
    let note = states.meta_mut(at);
    note.by = event.session.clone();
    note.at = Some(event.time);
    note.fails = note.fails.max(fails);
}
