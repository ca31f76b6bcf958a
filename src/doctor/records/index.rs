//! The index of ids and the lists of who waits for whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::doctor::Finding;
use crate::model::{ItemId, ItemState, Txn, View, ViewError, dependencies, groups, item_index, queue};

use super::scan::{Needy, Scan, keys_below};

type Shard = BTreeMap<String, String>;

/// What is wrong.
pub fn findings(view: &dyn View, scan: &Scan) -> Vec<Finding> {
    let mut findings = Vec::new();
    if scan.items_whole {
        for (key, message) in wrong_shards(view, scan) {
            findings.push(Finding::at_key("item-index", key, message));
        }
    }
    let waiting = waiting(scan);
    for (key, message, _) in wrong_lists(view, scan, &waiting) {
        findings.push(Finding::at_key("dependencies", key, message));
    }
    if scan.items_whole {
        for (key, message, _) in super::groups::wrong(view, scan) {
            findings.push(Finding::at_key("sets", key, message));
        }
    }
    for (needy, said, so) in wrong_notes(scan) {
        let key = queue::states_key(&needy.slot.queue, needy.slot.segment);
        let message = format!("item {} waits for {said} others, but {so} of its needs are open", needy.id);
        findings.push(Finding::at_key("dependencies", key, message));
    }
    findings
}

/// Makes the index and the lists say what is so.
///
/// # Errors
/// When a record cannot be read.
pub fn mend(txn: &mut Txn<'_>, scan: &Scan) -> Result<(), ViewError> {
    if !scan.items_whole {
        return Ok(());
    }
    let shards = shards(scan);
    for (key, _) in wrong_shards(txn, scan) {
        let lines = shards.get(&key).map(text);
        match lines {
            Some(lines) => txn.put(key, lines.into_bytes()),
            None => txn.remove(key),
        }
    }
    let waiting = waiting(scan);
    for (key, _, list) in wrong_lists(txn, scan, &waiting) {
        match list {
            Some(list) => txn.put_json(key, &list),
            None => txn.remove(key),
        }
    }
    for (key, _, right) in super::groups::wrong(txn, scan) {
        match right {
            Some(text) => txn.put(key, text),
            None => txn.remove(key),
        }
    }
    for (needy, _, so) in wrong_notes(scan) {
        let to = match scan.state(&needy.slot) {
            Some(ItemState::Blocked) | None => ItemState::Pending,
            Some(state) => state,
        };
        queue::transition(txn, &needy.slot, to, |note| note.needs = so)?;
    }
    Ok(())
}

/// The index as it should be, by key.
fn shards(scan: &Scan) -> BTreeMap<String, Shard> {
    let mut shards: BTreeMap<String, Shard> = BTreeMap::new();
    for (id, slot) in &scan.slots {
        let place = format!("{}\t{}\t{}", slot.queue, slot.segment, slot.index);
        shards
            .entry(item_index::key(item_index::shard_of(id.as_str())))
            .or_default()
            .insert(id.to_string(), place);
    }
    shards
}

fn text(shard: &Shard) -> String {
    shard.iter().map(|(id, place)| format!("{id}\t{place}\n")).collect()
}

/// Key and fault of each shard that is wrong.
fn wrong_shards(view: &dyn View, scan: &Scan) -> Vec<(String, String)> {
    let wanted = shards(scan);
    let mut damaged = Vec::new();
    let mut keys: BTreeSet<String> = keys_below(view, "ids", &mut damaged).into_iter().collect();
    keys.extend(wanted.keys().cloned());
    let mut wrong = Vec::new();
    for key in keys {
        let want = wanted.get(&key);
        let found = match view.blob(&key) {
            Ok(found) => found.map(|blob| blob.to_vec()).unwrap_or_default(),
            Err(e) => {
                wrong.push((key, e.to_string()));
                continue;
            }
        };
        if found == want.map(text).unwrap_or_default().as_bytes() {
            continue;
        }
        wrong.push((key, shard_fault(&String::from_utf8_lossy(&found), want)));
    }
    wrong
}

fn shard_fault(found: &str, want: Option<&Shard>) -> String {
    let none = Shard::new();
    let want = want.unwrap_or(&none);
    let there: Shard = found
        .lines()
        .map(|line| line.split_once('\t').unwrap_or((line, "")))
        .map(|(id, place)| (id.to_owned(), place.to_owned()))
        .collect();
    let missing = want.keys().find(|id| !there.contains_key(*id));
    let unknown = there.keys().find(|id| !want.contains_key(*id));
    let moved = want.iter().find(|(id, place)| there.get(*id).is_some_and(|p| p != *place));
    match (missing, unknown, moved) {
        (Some(id), _, _) => format!("item {id} is missing from the index"),
        (_, Some(id), _) => format!("{id:?} is in the index, but there is no such item"),
        (_, _, Some((id, _))) => format!("the index names another place for item {id}"),
        _ => "its lines are out of order".into(),
    }
}

/// Who waits for whom, from the items themselves.
fn waiting(scan: &Scan) -> BTreeMap<ItemId, Vec<ItemId>> {
    let mut waiting: BTreeMap<ItemId, Vec<ItemId>> = BTreeMap::new();
    for needy in &scan.needy {
        let done = scan.is_done(&needy.id);
        // A group keeps its list: a new member makes all of them wait again.
        let matters = |need: &&ItemId| groups::is_set(need) || !(done || scan.is_done(need));
        for need in needy.needs.iter().filter(matters) {
            waiting.entry(need.clone()).or_default().push(needy.id.clone());
        }
    }
    waiting
}

/// Key, fault and right content of each list that is wrong. Items on it that do not wait any
/// more are passed over when their need is done: they harm nobody.
fn wrong_lists(
    view: &dyn View,
    scan: &Scan,
    waiting: &BTreeMap<ItemId, Vec<ItemId>>,
) -> Vec<(String, String, Option<Vec<ItemId>>)> {
    let mut wrong = Vec::new();
    let mut right = BTreeSet::new();
    for (need, waiters) in waiting {
        let key = dependencies::key(need);
        right.insert(key.clone());
        let found = match dependencies::waiting_for(view, need) {
            Ok(found) => found,
            Err(e) => {
                wrong.push((key, e.to_string(), Some(waiters.clone())));
                continue;
            }
        };
        let missing = waiters.iter().find(|w| !found.contains(w));
        let unknown = found.iter().find(|w| scan.items_whole && !scan.slots.contains_key(*w));
        let fault = match (missing, unknown) {
            (Some(waiter), _) => format!("item {waiter} waits for {need}, but is not on its list"),
            (None, Some(waiter)) => format!("there is no item {waiter}, which is said to wait for {need}"),
            (None, None) => continue,
        };
        wrong.push((key, fault, Some(waiters.clone())));
    }
    if !scan.items_whole {
        return wrong;
    }
    for key in keys_below(view, "deps", &mut Vec::new()) {
        if !right.contains(&key) {
            wrong.push((key, "nobody waits for this item any more".into(), None));
        }
    }
    wrong
}

/// Items whose note counts their open needs wrongly: what it says, what is so.
fn wrong_notes(scan: &Scan) -> Vec<(&Needy, u32, u32)> {
    let mut wrong = Vec::new();
    if !scan.items_whole {
        return wrong;
    }
    for needy in &scan.needy {
        let Some((state, note)) = scan.standing(&needy.slot) else { continue };
        if state == ItemState::Done {
            continue;
        }
        let open = u32::try_from(scan.open_needs(needy).count()).unwrap_or(u32::MAX);
        if note.needs != open {
            wrong.push((needy, note.needs, open));
        }
    }
    wrong
}
