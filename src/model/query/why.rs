//! Why an item stands where it stands: what it waits for, who holds it, what it holds up.

use std::collections::{HashSet, VecDeque};

use jiff::Timestamp;

use crate::model::base::{ItemId, SessionName, View, ViewError};
use crate::model::records::area::Areas;
use crate::model::records::claim::Mode;
use crate::model::records::conflict::{Blocker, blockers_of};
use crate::model::records::queue::{self, Queue, Slot};
use crate::model::records::segment::ItemMeta;
use crate::model::records::session::Session;
use crate::model::records::{Item, ItemState, dependencies, groups, item_index, session};

/// Most items that are followed: an explanation must not take longer than people wait.
const MOST: usize = 20_000;

/// Why an item stands where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The item.
    pub item: Item,
    /// Its place.
    pub slot: Slot,
    /// Its priority.
    pub priority: u32,
    /// Its state.
    pub state: ItemState,
    /// What is known of it.
    pub meta: ItemMeta,
    /// Its queue.
    pub queue: Queue,
    /// Who holds it, until when.
    pub holder: Option<(SessionName, Option<Timestamp>)>,
    /// What it waits for directly.
    pub waits: Vec<Wait>,
    /// What all of that waits for in the end: items that wait for nothing themselves.
    pub roots: Vec<Wait>,
    /// Its files in other hands than those of the session that asks.
    pub held: Vec<Blocker>,
    /// Why it is not for the session that asks.
    pub unassigned: Vec<String>,
}

/// Something that is waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// Its id, or the name of a group or phase.
    pub id: ItemId,
    /// How it stands.
    pub stands: Stands,
}

/// How something that is waited for stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stands {
    /// An item.
    Item {
        /// Its state.
        state: ItemState,
        /// Who holds it, until when.
        holder: Option<(SessionName, Option<Timestamp>)>,
        /// Why it failed last.
        why: Option<String>,
    },
    /// A group or phase.
    Set(groups::Set),
    /// Nobody has imported it.
    Unknown,
}

/// Explains an item, for `asking` if a session asks. `None`: there is no such item.
///
/// # Errors
/// When the state cannot be read.
pub fn explain(view: &dyn View, id: &ItemId, asking: Option<&SessionName>) -> Result<Option<Why>, ViewError> {
    let Some(slot) = item_index::find(view, id)? else { return Ok(None) };
    let (state, meta, priority) = queue::placement(view, &slot)?;
    let item = queue::item(view, &slot)?;
    let queue = queue::must_get(view, &slot.queue)?;
    let (waits, roots) = if state == ItemState::Done {
        Default::default()
    } else {
        (waits(view, &item.needs)?, roots(view, &item)?)
    };
    let record = match asking {
        Some(name) => session::get(view, name)?,
        None => None,
    };
    let mut held = Vec::new();
    if matches!(state, ItemState::Pending | ItemState::Blocked) {
        held = held_files(view, &item, asking)?;
    }
    let unassigned = match &record {
        Some(session) => unassigned(session, &item, &queue),
        None => Vec::new(),
    };
    let holder = holder(view, id, state, &meta)?;
    Ok(Some(Why { item, slot, priority, state, meta, queue, holder, waits, roots, held, unassigned }))
}

fn held_files(view: &dyn View, item: &Item, asking: Option<&SessionName>) -> Result<Vec<Blocker>, ViewError> {
    // No session can have this name, so that every holder is another one.
    let nobody = SessionName::parse("0-nobody").ok();
    let Some(session) = asking.or(nobody.as_ref()) else { return Ok(Vec::new()) };
    let mut held = Vec::new();
    for file in &item.files {
        held.extend(blockers_of(view, file, session, Mode::Exclusive)?);
    }
    Ok(held)
}

fn unassigned(session: &Session, item: &Item, queue: &Queue) -> Vec<String> {
    let mut reasons = Vec::new();
    if !session.queues.is_empty() && !session.queues.contains(&queue.name) {
        let names: Vec<&str> = session.queues.iter().map(|q| q.as_str()).collect();
        reasons.push(format!("{} takes from {} only", session.name, names.join(", ")));
    }
    if Areas::new(&session.areas).is_ok_and(|areas| !areas.admits(&item.files)) {
        reasons.push(format!("it lies outside {}'s area {}", session.name, session.areas.join(", ")));
    }
    if let Some(shard) = session.shard.filter(|shard| !shard.has(item)) {
        let other = || format!("it does not belong to {}'s shard {shard}", session.name);
        reasons.push(session.without_shard().unwrap_or_else(other));
    }
    if let Some((held, most)) = session.filled(queue) {
        reasons.push(format!("{} holds {held} of the {most} items that it may", session.name));
    }
    reasons
}

fn holder(
    view: &dyn View,
    id: &ItemId,
    state: ItemState,
    meta: &ItemMeta,
) -> Result<Option<(SessionName, Option<Timestamp>)>, ViewError> {
    let Some(by) = meta.by.clone().filter(|_| state == ItemState::Claimed) else { return Ok(None) };
    let until = session::get(view, &by)?.and_then(|s| s.item_lease(id).map(|l| l.expires()));
    Ok(Some((by, until)))
}

/// How a need stands; `None` when it is fulfilled.
fn wait(view: &dyn View, need: &ItemId) -> Result<Option<Wait>, ViewError> {
    let stands = if groups::is_set(need) {
        let set = groups::get(view, need)?;
        if !set.is_open() {
            return Ok(None);
        }
        if set.total == 0 { Stands::Unknown } else { Stands::Set(set) }
    } else {
        match item_index::find(view, need)? {
            None => Stands::Unknown,
            Some(slot) => {
                let (state, meta, _) = queue::placement(view, &slot)?;
                if state == ItemState::Done {
                    return Ok(None);
                }
                let holder = holder(view, need, state, &meta)?;
                Stands::Item { state, holder, why: meta.why }
            }
        }
    };
    Ok(Some(Wait { id: need.clone(), stands }))
}

fn waits(view: &dyn View, needs: &[ItemId]) -> Result<Vec<Wait>, ViewError> {
    let mut list = Vec::new();
    for need in needs {
        list.extend(wait(view, need)?);
    }
    Ok(list)
}

/// Follows open needs to the items that wait for nothing themselves.
fn roots(view: &dyn View, item: &Item) -> Result<Vec<Wait>, ViewError> {
    let mut roots = Vec::new();
    let mut seen: HashSet<ItemId> = item.needs.iter().cloned().collect();
    let mut queue: VecDeque<ItemId> = item.needs.iter().cloned().collect();
    while let Some(id) = queue.pop_front() {
        let Some(found) = wait(view, &id)? else { continue };
        let next = match &found.stands {
            Stands::Set(_) => groups::members(view, &id)?,
            Stands::Item { .. } => match item_index::find(view, &id)? {
                Some(slot) => queue::item(view, &slot)?.needs,
                None => Vec::new(),
            },
            Stands::Unknown => Vec::new(),
        };
        let before = seen.len();
        let mut open = matches!(found.stands, Stands::Set(_));
        for need in next {
            if seen.contains(&need) || wait(view, &need)?.is_some() {
                open = true;
                if seen.len() < MOST && seen.insert(need.clone()) {
                    queue.push_back(need);
                }
            }
        }
        if !open && before == seen.len() {
            roots.push(found);
        }
    }
    Ok(roots)
}

/// What cannot begin before an item is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldUp {
    /// Items and, by way of its group or phase, items that need it themselves.
    pub direct: Vec<ItemId>,
    /// Number of these and of all that wait for them in turn.
    pub total: usize,
    /// True when the search has ended before it had found all of them.
    pub at_least: bool,
}

/// What an item holds up.
///
/// # Errors
/// When the state cannot be read.
pub fn held_up(view: &dyn View, id: &ItemId) -> Result<HeldUp, ViewError> {
    let mut seen: HashSet<ItemId> = HashSet::from([id.clone()]);
    let mut queue: VecDeque<ItemId> = VecDeque::from([id.clone()]);
    let mut direct = Vec::new();
    while let Some(next) = queue.pop_front() {
        let Some(slot) = item_index::find(view, &next)? else { continue };
        let mut waiters = dependencies::waiting_for(view, &next)?;
        for set in groups::of(&queue::item(view, &slot)?) {
            waiters.extend(dependencies::waiting_for(view, &set)?);
        }
        for waiter in waiters {
            let Some(slot) = item_index::find(view, &waiter)? else { continue };
            let open = queue::placement(view, &slot)?.0 != ItemState::Done;
            if open && seen.len() < MOST && seen.insert(waiter.clone()) {
                if next == *id {
                    direct.push(waiter.clone());
                }
                queue.push_back(waiter);
            }
        }
    }
    Ok(HeldUp { direct, total: seen.len() - 1, at_least: seen.len() >= MOST })
}
