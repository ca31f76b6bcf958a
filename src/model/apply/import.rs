//! Import: adding items that are not known yet.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::super::event::Event;
use super::super::op::Outcome;
use super::super::segment::Note;
use super::super::view::ViewError;
use super::super::{Item, ItemId, ItemState, NewItem, QueueName, SessionName, Txn, deps, head, ids, queue};
use super::Context;

/// Adds the items that are not known, in order; one atomic act, however many.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn import(
    txn: &mut Txn<'_>,
    session: Option<&SessionName>,
    items: &[NewItem],
    default_queue: &QueueName,
    context: &Context,
) -> Result<Outcome, ViewError> {
    let mut index = ids::Index::default();
    let mut fresh: Vec<&NewItem> = Vec::new();
    let mut seen: HashSet<&ItemId> = HashSet::new();
    for new in items {
        if seen.insert(&new.item.id) && index.find(txn, &new.item.id)?.is_none() {
            fresh.push(new);
        }
    }
    let added = fresh.len() as u64;
    let known = items.len() as u64 - added;
    if fresh.is_empty() {
        return Ok(Outcome::Imported { added, known });
    }
    if let Some(cycle) = find_cycle(txn, &mut index, &fresh)? {
        return Ok(Outcome::Refused {
            rule: "cycle".into(),
            message: format!("items would wait for each other: {cycle}"),
            hint: "take one of these needs out of the file and import again".into(),
        });
    }
    let mut groups: BTreeMap<(&QueueName, u32), Vec<&Item>> = BTreeMap::new();
    for new in &fresh {
        let queue = new.queue.as_ref().unwrap_or(default_queue);
        groups.entry((queue, new.priority)).or_default().push(&new.item);
    }
    let batch: HashSet<&ItemId> = fresh.iter().map(|n| &n.item.id).collect();
    let mut queues: BTreeMap<&QueueName, u64> = BTreeMap::new();
    let mut waiters: BTreeMap<&ItemId, Vec<ItemId>> = BTreeMap::new();
    for ((name, priority), members) in groups {
        let mut queue =
            queue::get(txn, name)?.unwrap_or_else(|| queue::Queue::new(name.clone(), context.now));
        let mut entries = Vec::with_capacity(members.len());
        for item in members {
            let needs = open_needs(txn, &mut index, &batch, item, &mut waiters)?;
            let state = if needs == 0 { ItemState::Pending } else { ItemState::Blocked };
            entries.push((item, state, Note { needs, ..Note::default() }));
        }
        let slots = queue::append(txn, &mut queue, priority, &entries)?;
        for ((item, _, _), slot) in entries.iter().zip(&slots) {
            index.add(txn, &item.id, slot)?;
        }
        *queues.entry(name).or_default() += slots.len() as u64;
    }
    for (need, waiters) in waiters {
        deps::add(txn, need, waiters)?;
    }
    index.write(txn);
    head::next_generation(txn)?;
    let queues: BTreeMap<&str, u64> = queues.iter().map(|(q, n)| (q.as_str(), *n)).collect();
    txn.record(
        Event::new(context.now, session, "import")
            .with("added", added)
            .with("known", known)
            .with("queues", queues),
    );
    Ok(Outcome::Imported { added, known })
}

/// Counts the needs of a new item that are not done, and enters it with each of them.
fn open_needs<'a>(
    txn: &Txn<'_>,
    index: &mut ids::Index,
    batch: &HashSet<&ItemId>,
    item: &'a Item,
    waiters: &mut BTreeMap<&'a ItemId, Vec<ItemId>>,
) -> Result<u32, ViewError> {
    let mut open = 0;
    for need in item.needs.iter().collect::<HashSet<_>>() {
        // A need of the same import may have a slot already, in a group written before.
        let slot = if batch.contains(need) { None } else { index.find(txn, need)? };
        let done = match slot {
            Some(slot) => queue::standing(txn, &slot)?.0 == ItemState::Done,
            None => false,
        };
        if !done {
            waiters.entry(need).or_default().push(item.id.clone());
            open += 1;
        }
    }
    Ok(open)
}

/// Looks for items that would wait for each other. Only a chain through a new item can close.
fn find_cycle(
    txn: &Txn<'_>,
    index: &mut ids::Index,
    fresh: &[&NewItem],
) -> Result<Option<String>, ViewError> {
    let mut needs: HashMap<ItemId, Rc<[ItemId]>> = fresh
        .iter()
        .filter(|n| !n.item.needs.is_empty())
        .map(|n| (n.item.id.clone(), Rc::from(n.item.needs.as_slice())))
        .collect();
    // A chain comes back from known items only where one of them waits for a new one.
    let through_known = !needs.is_empty() && any_is_awaited(txn, fresh)?;
    let mut safe: HashSet<ItemId> = HashSet::new();
    for start in fresh.iter().filter(|n| !n.item.needs.is_empty()) {
        // Depth-first, with the position in each item's list of needs: no recursion, because a
        // chain may be as long as the backlog.
        let mut trail: Vec<(ItemId, usize)> = vec![(start.item.id.clone(), 0)];
        let mut on_trail: HashSet<ItemId> = HashSet::from([start.item.id.clone()]);
        while let Some((id, position)) = trail.last_mut() {
            if through_known && !needs.contains_key(id) {
                let list = match index.find(txn, id)? {
                    Some(slot) => queue::item(txn, &slot)?.needs,
                    None => Vec::new(),
                };
                needs.insert(id.clone(), list.into());
            }
            let next = needs.get(id).and_then(|list| list.get(*position)).cloned();
            *position += 1;
            match next {
                None => {
                    if let Some((id, _)) = trail.pop() {
                        on_trail.remove(&id);
                        safe.insert(id);
                    }
                }
                Some(next) if safe.contains(&next) => {}
                Some(next) => {
                    if !on_trail.insert(next.clone()) {
                        return Ok(Some(circle(&trail, &next)));
                    }
                    trail.push((next, 0));
                }
            }
        }
    }
    Ok(None)
}

/// True when a known item waits for one of the new ones.
fn any_is_awaited(txn: &Txn<'_>, fresh: &[&NewItem]) -> Result<bool, ViewError> {
    if deps::none(txn)? {
        return Ok(false);
    }
    for new in fresh {
        if !deps::waiting_for(txn, &new.item.id)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Most items of a circle that are named: enough to find it.
const CIRCLE_MAX: usize = 12;

/// The part of a trail that begins with the item at which it closes, in words.
fn circle(trail: &[(ItemId, usize)], closing: &ItemId) -> String {
    let mut names: Vec<&str> =
        trail.iter().map(|(id, _)| id.as_str()).skip_while(|id| *id != closing.as_str()).collect();
    if names.len() > CIRCLE_MAX {
        names.truncate(CIRCLE_MAX);
        names.push("…");
    }
    names.push(closing.as_str());
    names.join(" → ")
}
