//! Reading everything once, believing nothing.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::doctor::Finding;
use crate::model::counters::{Kind, QueueStats, Step};
use crate::model::header::{self, StateHeader};
use crate::model::queue::{self, Queue, Slot};
use crate::model::segment::{self, ItemMeta, States};
use crate::model::session::Session;
use crate::model::view::Entry;
use crate::model::{ItemId, ItemState, QueueName, SessionName, Txn, View, groups};

use super::{DAMAGED, names};

/// An item with needs.
#[derive(Debug)]
pub struct Needy {
    pub id: ItemId,
    pub slot: Slot,
    pub needs: Vec<ItemId>,
}

/// A queue as it is found.
#[derive(Debug, Default)]
pub struct QueueFound {
    /// Its record, if there is one.
    pub record: Option<Queue>,
    /// True when the record is there but cannot be used.
    pub damaged: bool,
    /// The sound segments.
    pub segments: BTreeMap<u32, States>,
    /// Their items, counted by category and phase.
    pub stats: QueueStats,
}

/// What the state holds.
#[derive(Debug, Default)]
pub struct Scan {
    /// Records that cannot be used.
    pub findings: Vec<Finding>,
    pub head: Option<StateHeader>,
    pub sessions: BTreeMap<SessionName, Session>,
    pub queues: BTreeMap<QueueName, QueueFound>,
    /// Where each item stands.
    pub slots: HashMap<ItemId, Slot>,
    pub needy: Vec<Needy>,
    /// The members of each group and phase, in the order of their places.
    pub sets: BTreeMap<ItemId, Vec<ItemId>>,
    /// False when sessions cannot be read: then nothing may be concluded from a lease that is
    /// not there.
    pub sessions_whole: bool,
    /// False when segments cannot be read: then nothing may be concluded from a missing item.
    pub items_whole: bool,
}

/// The part of an item that matters here; its other parts must be there, whatever they hold.
#[derive(Deserialize)]
struct Line {
    id: ItemId,
    #[serde(rename = "title")]
    _title: IgnoredAny,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    needs: Vec<ItemId>,
    #[serde(default)]
    group: Option<String>,
}

impl Line {
    fn kind(&self) -> Kind {
        Kind::new(self.category.as_deref(), self.phase.as_deref())
    }
}

impl Scan {
    /// Reads everything.
    pub fn take(view: &dyn View) -> Self {
        let mut scan = Scan { sessions_whole: true, items_whole: true, ..Scan::default() };
        scan.head = match scan.json(view, header::KEY) {
            Some(None) => {
                scan.findings.push(Finding::at_key(DAMAGED, header::KEY, "it is missing").beyond_repair());
                None
            }
            found => found.flatten(),
        };
        scan.take_sessions(view);
        for entry in scan.list(view, "queues") {
            if let Ok(name) = QueueName::parse(&entry.name) {
                scan.take_queue(view, name);
            }
        }
        scan
    }

    fn damaged(&mut self, key: &str, reason: impl std::fmt::Display) {
        self.findings.push(Finding::at_key(DAMAGED, key, reason.to_string()).beyond_repair());
    }

    /// `None`: there, but damaged. `Some(None)`: not there.
    fn json<T: DeserializeOwned>(&mut self, view: &dyn View, key: &str) -> Option<Option<T>> {
        match view.blob(key) {
            Ok(None) => Some(None),
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(record) => Some(Some(record)),
                Err(e) => {
                    self.damaged(key, format!("it is not what the format says: {e}"));
                    None
                }
            },
            Err(e) => {
                self.damaged(key, e);
                None
            }
        }
    }

    fn list(&mut self, view: &dyn View, key: &str) -> Vec<Entry> {
        view.list(key).unwrap_or_else(|e| {
            self.damaged(key, e);
            self.sessions_whole &= key != "sessions";
            self.items_whole &= !key.starts_with("queues");
            Vec::new()
        })
    }

    fn take_sessions(&mut self, view: &dyn View) {
        for entry in self.list(view, "sessions") {
            // Named as what it is: the name of nothing.
            if names::fault("sessions", &entry.name, entry.is_tree).is_some() {
                continue;
            }
            let key = format!("sessions/{}", entry.name);
            match self.json::<Session>(view, &key) {
                Some(Some(session)) if crate::model::session::key(&session.name) == key => {
                    self.sessions.insert(session.name.clone(), session);
                }
                Some(Some(session)) => {
                    self.sessions_whole = false;
                    self.damaged(&key, format!("it is the record of {}", session.name));
                }
                _ => self.sessions_whole = false,
            }
        }
    }

    fn take_queue(&mut self, view: &dyn View, name: QueueName) {
        let key = queue::key(&name);
        let mut found = QueueFound::default();
        match self.json::<Queue>(view, &key) {
            Some(Some(record)) if record.name == name => found.record = Some(record),
            Some(None) => {}
            Some(Some(record)) => {
                found.damaged = true;
                self.damaged(&key, format!("it is the record of {}", record.name));
            }
            None => found.damaged = true,
        }
        // Names keep their entries, so that the same ones are counted together as before.
        found.stats =
            found.record.as_ref().and_then(|r| r.stats.as_ref()).map(QueueStats::emptied).unwrap_or_default();
        let mut numbers = self.segment_numbers(view, &name, "states", ".json");
        numbers.extend(self.segment_numbers(view, &name, "items", ".jsonl"));
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            match self.take_segment(view, &name, number, &mut found.stats) {
                Some(states) => {
                    found.segments.insert(number, states);
                }
                None => self.items_whole = false,
            }
        }
        found.stats.forget_unused();
        self.queues.insert(name, found);
    }

    fn segment_numbers(&mut self, view: &dyn View, queue: &QueueName, what: &str, end: &str) -> Vec<u32> {
        let mut numbers = Vec::new();
        let top = format!("queues/{queue}/{what}");
        for high in self.list(view, &top) {
            for low in self.list(view, &format!("{top}/{}", high.name)) {
                let parsed = (high.name.parse::<u32>(), low.name.strip_suffix(end).map(str::parse::<u32>));
                if let (Ok(high), Some(Ok(low))) = parsed
                    && let Some(number) = high.checked_mul(100).and_then(|n| n.checked_add(low))
                {
                    numbers.push(number);
                }
            }
        }
        numbers
    }

    fn take_segment(
        &mut self,
        view: &dyn View,
        queue: &QueueName,
        number: u32,
        stats: &mut QueueStats,
    ) -> Option<States> {
        let states_key = queue::states_key(queue, number);
        let items_key = queue::items_key(queue, number);
        let states = match self.json::<States>(view, &states_key)? {
            Some(states) => states,
            None => {
                self.damaged(&states_key, "it is missing, but the segment has items");
                return None;
            }
        };
        let content = match view.blob(&items_key) {
            Ok(Some(content)) => content,
            Ok(None) => {
                self.damaged(&items_key, "it is missing, but the segment has states");
                return None;
            }
            Err(e) => {
                self.damaged(&items_key, e);
                return None;
            }
        };
        let lines = segment::lines(&content);
        if lines.len() != states.len() || states.len() > segment::SIZE {
            let message = format!("{} items, but {} states", lines.len(), states.len());
            self.damaged(&states_key, message);
            return None;
        }
        if let Some(index) = (0..states.len()).find(|i| states.get(*i).is_none() && !states.is_moved(*i)) {
            self.damaged(&states_key, format!("item {index} has no state that this version knows"));
            return None;
        }
        let mut parsed = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            match serde_json::from_slice::<Line>(line) {
                Ok(line) => parsed.push(line),
                Err(e) => {
                    self.damaged(&items_key, format!("item {index}: {e}"));
                    return None;
                }
            }
        }
        for (index, line) in parsed.into_iter().enumerate().filter(|(i, _)| !states.is_moved(*i)) {
            if let Some(to) = states.get(index) {
                let fails = u64::from(states.meta(index).fails);
                stats.count(&line.kind(), &Step { from: None, to, fails, done_at: None });
            }
            let slot = Slot { queue: queue.clone(), segment: number, index };
            self.take_item(line, slot, &items_key);
        }
        Some(states)
    }

    fn take_item(&mut self, line: Line, slot: Slot, key: &str) {
        if let Some(other) = self.slots.get(&line.id) {
            let message = format!(
                "item {} stands here at {} and in {} at {}.{}",
                line.id, slot.index, other.queue, other.segment, other.index
            );
            self.findings.push(Finding::at_key("item-twice", key, message).beyond_repair());
            return;
        }
        if !line.needs.is_empty() {
            let mut needs = line.needs;
            needs.sort();
            needs.dedup();
            self.needy.push(Needy { id: line.id.clone(), slot: slot.clone(), needs });
        }
        for set in groups::named(line.group.as_deref(), line.phase.as_deref()) {
            self.sets.entry(set).or_default().push(line.id.clone());
        }
        self.slots.insert(line.id, slot);
    }

    /// The state and note of the item in a slot, if it is known.
    pub fn standing(&self, slot: &Slot) -> Option<(ItemState, ItemMeta)> {
        let states = self.queues.get(&slot.queue)?.segments.get(&slot.segment)?;
        Some((states.get(slot.index)?, states.meta(slot.index)))
    }

    /// The state of the item in a slot, if it is known.
    pub fn state(&self, slot: &Slot) -> Option<ItemState> {
        self.queues.get(&slot.queue)?.segments.get(&slot.segment)?.get(slot.index)
    }

    /// The needs of an item that are not done.
    pub fn open_needs<'a>(&'a self, needy: &'a Needy) -> impl Iterator<Item = &'a ItemId> {
        needy
            .needs
            .iter()
            .filter(|need| if groups::is_set(need) { self.set(need).is_open() } else { !self.is_done(need) })
    }

    /// What the counters of a group or phase should be.
    pub fn set(&self, set: &ItemId) -> groups::Set {
        let members = self.sets.get(set).map_or(&[][..], Vec::as_slice);
        let open = members.iter().filter(|id| !self.is_done(id)).count();
        groups::Set { total: members.len() as u64, open: open as u64 }
    }

    /// True when an item is known and done.
    pub fn is_done(&self, id: &ItemId) -> bool {
        self.slots.get(id).and_then(|slot| self.state(slot)) == Some(ItemState::Done)
    }
}

/// All blobs below a key, as far as the way to them can be read.
pub fn keys_below(view: &dyn View, key: &str, damaged: &mut Vec<(String, String)>) -> Vec<String> {
    let mut keys = Vec::new();
    match view.list(key) {
        Err(e) => damaged.push((key.to_owned(), e.to_string())),
        Ok(list) => {
            for entry in list {
                let child = format!("{key}/{}", entry.name);
                if entry.is_tree {
                    keys.extend(keys_below(view, &child, damaged));
                } else {
                    keys.push(child);
                }
            }
        }
    }
    keys
}

/// Removes derived records that are not what their format says, so that they are derived anew.
pub fn drop_derived(txn: &mut Txn<'_>) {
    for top in ["claims", "deps", "sets"] {
        for key in keys_below(txn, top, &mut Vec::new()) {
            let names = key.ends_with(".txt");
            let sound = matches!(txn.blob(&key), Ok(Some(bytes))
                if names && std::str::from_utf8(&bytes).is_ok() || serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
            if !sound {
                txn.remove(key);
            }
        }
    }
}
