//! What must be true of the state at any time, checked from the records alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use git_coord::model::claim::{self, Claim, Mode};
use git_coord::model::segment::{self, States};
use git_coord::model::session::{self, Session, SessionState};
use git_coord::model::view::{Kind, View, ViewError};
use git_coord::model::{Item, ItemId, ItemState, QueueName, groups, header, item_index, queue};

/// Everything that is wrong with a state; empty when it is sound.
pub fn problems(view: &dyn View) -> Result<Vec<String>, ViewError> {
    let mut found = Vec::new();
    let sessions = session::all(view)?;
    claims(view, &sessions, &mut found)?;
    leases(view, &sessions, &mut found)?;
    cooling(view, &mut found)?;
    items(view, &sessions, &mut found)?;
    super::counters::problems(view, &sessions, &mut found)?;
    numbering(view, &mut found)?;
    Ok(found)
}

/// No number lies beyond the head's, and what a restored state left out is never given again.
fn numbering(view: &dyn View, found: &mut Vec<String>) -> Result<(), ViewError> {
    let head = header::read(view)?;
    let mut last = 0;
    for gap in &head.restored {
        if gap.from < last || gap.to <= gap.from || gap.to > head.generation {
            found.push(format!("{gap:?} is out of order; the generation is {}", head.generation));
        }
        last = gap.from;
    }
    Ok(())
}

/// Overlapping claims belong to one session or are shared; every grant is backed by a lease.
fn claims(view: &dyn View, sessions: &[Session], found: &mut Vec<String>) -> Result<(), ViewError> {
    let records = claim::all(view)?;
    for (i, a) in records.iter().enumerate() {
        if claim::get(view, &a.path)?.as_ref() != Some(a) {
            found.push(format!("the record of {} does not stand where it is looked for", a.path));
        }
        let names: HashSet<_> = a.holders.iter().map(|h| &h.session).collect();
        let is_empty = a.holders.is_empty() && a.unlanded.is_empty();
        if names.len() != a.holders.len() || is_empty {
            found.push(format!("the record of {} has no holder or one twice", a.path));
        }
        for b in records[i..].iter().filter(|b| a.path.overlaps(&b.path)) {
            overlap(a, b, found);
        }
        for holder in &a.holders {
            if holder.grants.is_empty() {
                found.push(format!("{} holds {} without a grant", holder.session, a.path));
            }
            let leases = sessions.iter().filter(|s| s.name == holder.session).flat_map(|s| &s.leases);
            let mut strongest = Mode::Shared;
            for grant in &holder.grants {
                let lease = leases.clone().find(|l| l.id == grant.lease);
                let backed = lease.is_some_and(|l| match &grant.item {
                    None => l.paths.contains(&a.path),
                    Some(id) => l.item.as_ref().is_some_and(|i| i.id == *id && i.files.contains(&a.path)),
                });
                if !backed {
                    found.push(format!(
                        "{} holds {} by {grant:?}, of which no lease knows",
                        holder.session, a.path
                    ));
                }
                if lease.is_some_and(|l| l.mode == Mode::Exclusive) {
                    strongest = Mode::Exclusive;
                }
            }
            if holder.mode != strongest {
                found.push(format!(
                    "{} holds {} as {:?}, its leases say {strongest:?}",
                    holder.session, a.path, holder.mode
                ));
            }
        }
    }
    Ok(())
}

fn overlap(a: &Claim, b: &Claim, found: &mut Vec<String>) {
    for x in &a.holders {
        for y in &b.holders {
            if x.session != y.session && (x.mode == Mode::Exclusive || y.mode == Mode::Exclusive) {
                found.push(format!("{} holds {} while {} holds {}", x.session, a.path, y.session, b.path));
            }
        }
    }
}

/// Items that cool down are on the list, and the sweep comes in time for them.
fn cooling(view: &dyn View, found: &mut Vec<String>) -> Result<(), ViewError> {
    let head = header::read(view)?;
    let list = git_coord::model::cooldown::all(view)?;
    for (id, slot) in item_index::all(view)? {
        let (state, note, _) = queue::placement(view, &slot)?;
        let Some(until) = note.until else { continue };
        if state != ItemState::Blocked || !list.iter().any(|r| r.id.as_str() == id && r.until == until) {
            found.push(format!("item {id} is {state}, cools down until {until} and is not on the list"));
        }
        if head.sweep_at.is_none_or(|at| at > until) {
            found.push(format!("item {id} would cool down for ever"));
        }
    }
    Ok(())
}

/// Every path of a lease is granted; lease numbers are unique and not from the future; the head
/// knows when the first lease runs out.
fn leases(view: &dyn View, sessions: &[Session], found: &mut Vec<String>) -> Result<(), ViewError> {
    let head = header::read(view)?;
    let mut numbers = HashSet::new();
    for session in sessions {
        if session.state == SessionState::Ended && !session.leases.is_empty() {
            found.push(format!("{} has ended and holds something", session.name));
        }
        for lease in &session.leases {
            if !numbers.insert(lease.id) || lease.id > head.generation {
                found.push(format!("lease {} of {} was given twice or never", lease.id, session.name));
            }
            if lease.paths.is_empty() && lease.item.is_none() {
                found.push(format!("lease {} of {} holds nothing", lease.id, session.name));
            }
            if head.sweep_at.is_none_or(|at| at > lease.expires()) {
                found.push(format!("lease {} of {} would never be swept", lease.id, session.name));
            }
            let by_hand = lease.paths.iter().map(|p| (p, None));
            let with_item = lease.item.iter().flat_map(|i| i.files.iter().map(move |f| (f, Some(&i.id))));
            for (path, item) in by_hand.chain(with_item) {
                let record = claim::get(view, path)?;
                let holder = record.as_ref().and_then(|r| r.holder(&session.name));
                let granted = holder
                    .is_some_and(|h| h.grants.iter().any(|g| g.lease == lease.id && g.item.as_ref() == item));
                if !granted {
                    found.push(format!(
                        "lease {} of {} names {path}, which has no such grant",
                        lease.id, session.name
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Every item is stored in one place, in one state, and all records agree about it.
fn items(view: &dyn View, sessions: &[Session], found: &mut Vec<String>) -> Result<(), ViewError> {
    let index = item_index::all(view)?;
    let mut state_of: BTreeMap<String, ItemState> = BTreeMap::new();
    let mut needy: Vec<(Item, ItemState, segment::ItemMeta)> = Vec::new();
    let mut members: BTreeMap<ItemId, BTreeSet<ItemId>> = BTreeMap::new();
    let mut done = 0;
    for record in queue::all(view)? {
        let name = &record.name;
        let mut counts = queue::Counts::default();
        let mut open: BTreeSet<(u32, u32)> = BTreeSet::new();
        let segments = queue::segments(view, name)?;
        if segments.iter().copied().ne(0..record.next_segment) {
            found.push(format!(
                "queue {name} has segments {segments:?}, its record says {}",
                record.next_segment
            ));
        }
        for segment in segments {
            let states = queue::states(view, name, segment)?;
            let content = queue::content(view, name, segment)?;
            let lines = segment::lines(&content);
            if lines.len() != states.len() || lines.is_empty() || lines.len() > segment::SIZE {
                found.push(format!(
                    "segment {segment} of {name}: {} items, {} states",
                    lines.len(),
                    states.len()
                ));
            }
            if states.free() > 0 {
                open.insert((states.priority, segment));
            }
            let tail = record.tails.get(&states.priority) == Some(&segment);
            if tail && lines.len() >= segment::SIZE {
                found.push(format!("segment {segment} of {name} is full and still the tail"));
            }
            for position in (0..lines.len()).filter(|p| !states.is_moved(*p)) {
                let item: Item = segment::item_at(&lines, position, "segment")?;
                let slot = queue::Slot { queue: name.clone(), segment, index: position };
                let Some(state) = states.get(position) else {
                    found.push(format!("item {} of {name} is in no known state", item.id));
                    continue;
                };
                *counts.of(state) += 1;
                if state_of.insert(item.id.to_string(), state).is_some() {
                    found.push(format!("item {} is stored in two places", item.id));
                }
                if index.get(item.id.as_str()) != Some(&slot) {
                    found.push(format!("the index does not know item {} at {slot:?}", item.id));
                }
                holder(&item, &slot, state, &states, sessions, found);
                for set in groups::of(&item) {
                    members.entry(set).or_default().insert(item.id.clone());
                }
                needy.push((item, state, states.meta(position)));
            }
        }
        if counts != record.counts {
            found.push(format!("queue {name} counts {:?}, its contents are {counts:?}", record.counts));
        }
        let marks = marks(view, name)?;
        if marks != open {
            found.push(format!("queue {name} marks {marks:?} as open, free items are in {open:?}"));
        }
        done += counts.done;
    }
    if index.len() != state_of.len() {
        found.push(format!("the index knows {} items, the queues hold {}", index.len(), state_of.len()));
    }
    let is_done = |id: &ItemId| state_of.get(id.as_str()) == Some(&ItemState::Done);
    needs(view, &needy, &members, &is_done, found)?;
    let credited: u64 = sessions.iter().map(|s| s.done).sum();
    if credited != done {
        found.push(format!("{done} items are done, the sessions have finished {credited}"));
    }
    let leased = sessions.iter().flat_map(|s| &s.leases).filter_map(|l| l.item.as_ref());
    for item in leased {
        if state_of.get(item.id.as_str()) != Some(&ItemState::Claimed) {
            found.push(format!("item {} is leased and not in state claimed", item.id));
        }
    }
    Ok(())
}

/// Each item knows how many of its needs are open, and waits exactly then; groups and phases
/// count and name their members, and know who needs them.
fn needs(
    view: &dyn View,
    items: &[(Item, ItemState, segment::ItemMeta)],
    members: &BTreeMap<ItemId, BTreeSet<ItemId>>,
    is_done: &dyn Fn(&ItemId) -> bool,
    found: &mut Vec<String>,
) -> Result<(), ViewError> {
    for (set, ids) in members {
        let open = ids.iter().filter(|id| !is_done(id)).count() as u64;
        let (right, said) = (groups::Set { total: ids.len() as u64, open }, groups::get(view, set)?);
        if said != right {
            found.push(format!("{set} says {said:?}, its members say {right:?}"));
        }
        let named = groups::members(view, set)?;
        if named.len() != ids.len() || named.iter().any(|id| !ids.contains(id)) {
            found.push(format!("{set} names {named:?}, its members are {ids:?}"));
        }
    }
    for (item, state, note) in items {
        let is_open = |need: &ItemId| match members.get(need) {
            Some(ids) => ids.iter().any(|id| !is_done(id)),
            None => !is_done(need),
        };
        let needs: HashSet<_> = item.needs.iter().collect();
        let open = needs.iter().filter(|n| is_open(n)).count();
        if *state != ItemState::Done && open != note.needs as usize {
            found.push(format!("item {} waits for {open} items, its note says {}", item.id, note.needs));
        }
        let waits = open > 0 || note.until.is_some();
        let free = matches!(state, ItemState::Pending | ItemState::Blocked);
        if free && waits != (*state == ItemState::Blocked) {
            found.push(format!("item {} is {state}, and has {open} open needs and {note:?}", item.id));
        }
        for need in
            needs.into_iter().filter(|n| *state != ItemState::Done && (groups::is_set(n) || is_open(n)))
        {
            if !git_coord::model::dependencies::waiting_for(view, need)?.contains(&item.id) {
                found.push(format!("item {} is not on the list of {need}", item.id));
            }
        }
    }
    Ok(())
}

/// A claimed item has exactly one lease, which its note names; any other has none.
fn holder(
    item: &Item,
    slot: &queue::Slot,
    state: ItemState,
    states: &States,
    sessions: &[Session],
    found: &mut Vec<String>,
) {
    let mut leases = Vec::new();
    for session in sessions {
        let here = |l: &&session::Lease| l.item.as_ref().is_some_and(|i| i.id == item.id && i.slot == *slot);
        leases.extend(session.leases.iter().filter(here).map(|l| (&session.name, l)));
    }
    let note = states.meta(slot.index);
    match (state, leases.as_slice()) {
        (ItemState::Claimed, [(name, lease)]) => {
            if note.by.as_ref() != Some(name) || note.lease != Some(lease.id) {
                found.push(format!(
                    "item {} is with {name} under {}, its note says {note:?}",
                    item.id, lease.id
                ));
            }
            let files: BTreeSet<_> = item.files.iter().collect();
            let held: BTreeSet<_> = lease.item.iter().flat_map(|i| &i.files).collect();
            if files != held {
                found.push(format!("item {} touches {files:?}, its lease holds {held:?}", item.id));
            }
        }
        (ItemState::Claimed, many) => {
            found.push(format!("item {} is claimed under {} leases", item.id, many.len()));
        }
        (_, []) => {}
        (state, many) => found.push(format!("item {} is {state} and has {} leases", item.id, many.len())),
    }
}

/// The (priority, segment) pairs that are marked as having free items.
fn marks(view: &dyn View, queue: &QueueName) -> Result<BTreeSet<(u32, u32)>, ViewError> {
    let mut marks = BTreeSet::new();
    let root = format!("queues/{queue}/open");
    if view.kind(&root)? != Kind::Tree {
        return Ok(marks);
    }
    let number = |e: &git_coord::model::view::Entry| e.name.parse::<u32>().expect("marks are numbers");
    for priority in view.list(&root)? {
        for high in view.list(&format!("{root}/{}", priority.name))? {
            for low in view.list(&format!("{root}/{}/{}", priority.name, high.name))? {
                marks.insert((number(&priority), number(&high) * 100 + number(&low)));
            }
        }
    }
    Ok(marks)
}
