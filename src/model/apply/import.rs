//! Import: adding items that are not known yet.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::cycle::Cycles;
use super::refusal::{Ruling, Stop, refused};
use crate::model::base::{Context, Event, EventKind, ItemId, QueueName, RuleId, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::import_survey::Survey;
use crate::model::ops::reimport::Again;
use crate::model::records::need_syntax::{PREVIOUS, RANGE_MAX, Range, is_special};
use crate::model::records::segment::ItemMeta;
use crate::model::records::{Item, ItemState, NewItem, dependencies, groups, header, item_index, queue};

/// How items are taken in.
#[derive(Debug, Clone, Copy)]
pub struct Intake<'a> {
    /// Who, for the log.
    pub session: Option<&'a SessionName>,
    /// The queue of items that name none.
    pub queue: &'a QueueName,
    /// What is done is new work, under these ids.
    pub again: Option<&'a Again>,
}

/// Adds the items that are not known, in order; one atomic act, however many.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn import(txn: &mut Txn<'_>, items: &[NewItem], intake: Intake<'_>, context: &Context) -> Ruling {
    let mut index = item_index::Index::default();
    let fresh = new_items(txn, &mut index, items, intake.again)?;
    let added = fresh.len() as u64;
    let known = items.len() as u64 - added;
    if fresh.is_empty() {
        let (unknown_needs, survey) = (BTreeSet::new(), Survey::default());
        return Ok(Outcome::Imported { added, known, unknown_needs, survey });
    }
    let mut members: BTreeMap<ItemId, Vec<ItemId>> = BTreeMap::new();
    for (item, _) in &fresh {
        for set in groups::of(item) {
            members.entry(set).or_default().push(item.id.clone());
        }
    }
    let contents: Vec<&Item> = fresh.iter().map(|(item, _)| item.as_ref()).collect();
    if let Some(cycle) = Cycles::new(&contents, &members).find(txn)? {
        return Err(refusal(RuleId::Cycle, format!("items would wait for each other: {cycle}")));
    }
    let mut needs = Needs::new(&mut index);
    // Before needs are looked at: a group counts as it is after this import.
    for set in groups::add(txn, &members)? {
        dependencies::reopen(txn, &set)?;
    }
    let mut groups: BTreeMap<(&QueueName, u32), Vec<&Item>> = BTreeMap::new();
    for (item, new) in &fresh {
        let queue = new.queue.as_ref().unwrap_or(intake.queue);
        groups.entry((queue, new.priority)).or_default().push(item);
    }
    let mut queues: BTreeMap<&QueueName, u64> = BTreeMap::new();
    let mut slots = Vec::with_capacity(fresh.len());
    for ((name, priority), members) in groups {
        let mut queue =
            queue::get(txn, name)?.unwrap_or_else(|| queue::Queue::new(name.clone(), context.now));
        let mut entries = Vec::with_capacity(members.len());
        for item in members {
            let needs = needs.open(txn, item)?;
            let state = if needs == 0 { ItemState::Pending } else { ItemState::Blocked };
            entries.push((item, state, ItemMeta { needs, ..ItemMeta::default() }));
        }
        let places = queue::append(txn, &mut queue, priority, &entries)?;
        *queues.entry(name).or_default() += places.len() as u64;
        slots.extend(entries.iter().map(|(item, ..)| &item.id).zip(places));
    }
    let Needs { waiters, mut unknown, .. } = needs;
    for (need, waiters) in waiters {
        dependencies::add(txn, &need, &waiters)?;
    }
    for (id, slot) in slots {
        // An item may stand after what needs it.
        unknown.remove(id);
        index.add(txn, id, &slot)?;
    }
    index.write(txn);
    header::next_generation(txn)?;
    let queues: BTreeMap<&str, u64> = queues.iter().map(|(q, n)| (q.as_str(), *n)).collect();
    txn.record(
        Event::new(context.now, intake.session, EventKind::Import)
            .with("added", added)
            .with("known", known)
            .with("queues", queues),
    );
    Ok(Outcome::Imported { added, known, unknown_needs: unknown, survey: Survey::default() })
}

fn refusal(rule: RuleId, message: String) -> Stop {
    refused(rule, message, "take one of these needs out of the file and import again")
}

type Fresh<'a> = Vec<(Cow<'a, Item>, &'a NewItem)>;

/// The items that are not known, with their needs as ids.
fn new_items<'a>(
    txn: &Txn<'_>,
    index: &mut item_index::Index,
    items: &'a [NewItem],
    again: Option<&Again>,
) -> Ruling<Fresh<'a>> {
    let ids: HashSet<&ItemId> = items.iter().map(|new| &new.item.id).collect();
    let mut fresh: Fresh<'a> = Vec::new();
    let mut seen: HashSet<&ItemId> = HashSet::new();
    // By group, the new item that came last. What is known already stands where its group has it,
    // so it makes no difference where a large import is cut into batches.
    let mut last: HashMap<&str, ItemId> = HashMap::new();
    for new in items {
        let item = &new.item;
        let id = match seen.insert(&item.id) {
            true => free_id(txn, index, &item.id, again)?,
            false => None,
        };
        let Some(id) = id else { continue };
        let resolved = resolved(txn, index, &ids, &last, item, again)?;
        let renamed = || Cow::Owned(Item { id: id.clone(), ..resolved.clone().into_owned() });
        fresh.push((if resolved.id == *id { resolved } else { renamed() }, new));
        if let Some(group) = &item.group {
            last.insert(group, id.clone());
        }
    }
    Ok(fresh)
}

/// The id under which an item is new, or `None` when it is known.
fn free_id<'a>(
    txn: &Txn<'_>,
    index: &mut item_index::Index,
    own: &'a ItemId,
    again: Option<&'a Again>,
) -> Result<Option<&'a ItemId>, ViewError> {
    let id = again.map_or(own, |again| again.name(own));
    Ok(index.find(txn, id)?.is_none().then_some(id))
}

/// The item with its needs as ids: ranges written out, `previous` named, and each as what it means now.
fn resolved<'a>(
    txn: &Txn<'_>,
    index: &mut item_index::Index,
    batch: &HashSet<&ItemId>,
    last: &HashMap<&str, ItemId>,
    item: &'a Item,
    again: Option<&Again>,
) -> Ruling<Cow<'a, Item>> {
    if item.needs.is_empty() || (again.is_none() && !item.needs.iter().any(is_special)) {
        return Ok(Cow::Borrowed(item));
    }
    let now = |txn: &Txn<'_>, index: &mut item_index::Index, id| match again {
        Some(again) => again.need(txn, index, id),
        None => Ok(id),
    };
    let mut needs: Vec<ItemId> = Vec::new();
    let mut have: HashSet<ItemId> = HashSet::new();
    for need in &item.needs {
        let literal = batch.contains(need) || index.find(txn, need)?.is_some();
        let list: Vec<ItemId> = match Range::parse(need).filter(|_| !literal) {
            Some(range) if range.count() > RANGE_MAX => {
                let message = format!("{}: {need} stands for {} items", item.id, range.count());
                return Err(refusal(RuleId::Range, format!("{message}, more than {RANGE_MAX}")));
            }
            Some(range) => range.ids().map(|id| now(txn, index, id)).collect::<Result<_, _>>()?,
            None if need.as_str() == PREVIOUS && !literal => {
                let group = item.group.as_deref();
                let here = group.and_then(|g| last.get(g).cloned());
                match (here, groups::named(group, None).pop()) {
                    (None, Some(set)) => groups::members(txn, &set)?.pop().into_iter().collect(),
                    (here, _) => here.into_iter().collect(),
                }
            }
            None => vec![now(txn, index, need.clone())?],
        };
        needs.extend(list.into_iter().filter(|id| have.insert(id.clone())));
    }
    Ok(Cow::Owned(Item { needs, ..item.clone() }))
}

/// Counting the needs of new items.
struct Needs<'a> {
    index: &'a mut item_index::Index,
    /// What is known of a need already: true when it is done.
    done: HashMap<ItemId, bool>,
    /// Who waits for what.
    waiters: BTreeMap<ItemId, Vec<ItemId>>,
    /// Needs that are no item, and no group or phase with members.
    unknown: BTreeSet<ItemId>,
}

impl<'a> Needs<'a> {
    fn new(index: &'a mut item_index::Index) -> Self {
        Needs { index, done: HashMap::new(), waiters: BTreeMap::new(), unknown: BTreeSet::new() }
    }

    /// Counts the needs of a new item that are not done, and enters it with each that matters.
    fn open(&mut self, txn: &Txn<'_>, item: &Item) -> Result<u32, ViewError> {
        let mut open = 0;
        for need in item.needs.iter().collect::<HashSet<_>>() {
            let done = match self.done.get(need) {
                Some(done) => *done,
                None => {
                    let done = self.is_done(txn, need)?;
                    self.done.insert(need.clone(), done);
                    done
                }
            };
            open += u32::from(!done);
            // A group that is finished may get a new member.
            if !done || groups::is_set(need) {
                self.waiters.entry(need.clone()).or_default().push(item.id.clone());
            }
        }
        Ok(open)
    }

    fn is_done(&mut self, txn: &Txn<'_>, need: &ItemId) -> Result<bool, ViewError> {
        if groups::is_set(need) {
            let set = groups::get(txn, need)?;
            if set.total == 0 {
                self.unknown.insert(need.clone());
            }
            return Ok(!set.is_open());
        }
        match self.index.find(txn, need)? {
            Some(slot) => Ok(queue::placement(txn, &slot)?.0 == ItemState::Done),
            None => {
                self.unknown.insert(need.clone());
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::apply_import;
    use crate::model::base::MemView;
    use crate::model::records::header::StateHeader;

    /// Items of group `A` that need `previous`, and one of another group between them.
    fn items(ids: &[&str]) -> Vec<NewItem> {
        let item = |id: &&str| {
            let group = if id.starts_with('z') { "Z" } else { "A" };
            let item = serde_json::json!({ "id": id, "title": id, "group": group, "needs": ["previous"] });
            serde_json::from_value(serde_json::json!({ "item": item, "queue": null, "priority": 2 }))
                .expect("an item")
        };
        ids.iter().map(item).collect()
    }

    fn import(state: &mut MemView, items: &[NewItem]) {
        take_in(state, items, None);
    }

    fn plan(state: &MemView, items: &[NewItem]) -> Again {
        let (mut plan, mut index) = (Again::default(), item_index::Index::default());
        plan.note(state, &mut index, items).expect("memory can be read");
        plan.settle(state, &mut index).expect("memory can be read");
        plan
    }

    fn finish(state: &mut MemView, id: &str) {
        let slot = item_index::find(state, &ItemId::parse(id).expect("valid")).expect("readable").expect(id);
        let mut txn = Txn::new(state);
        queue::transition(&mut txn, &slot, ItemState::Done, |_| ()).expect("readable");
        let (changes, _) = txn.finish();
        state.commit(changes);
    }

    fn take_in(state: &mut MemView, items: &[NewItem], again: Option<&Again>) -> u64 {
        let mut txn = Txn::new(state);
        let context = Context::local(jiff::Timestamp::UNIX_EPOCH);
        let queue = QueueName::parse("main").expect("valid");
        let intake = Intake { session: None, queue: &queue, again };
        let outcome = apply_import(&mut txn, items, intake, &context).expect("memory can be read");
        let Outcome::Imported { added, .. } = outcome else { panic!("{outcome:?}") };
        let (changes, _) = txn.finish();
        state.commit(changes);
        added
    }

    fn needs(state: &MemView, id: &str) -> String {
        let id = ItemId::parse(id).expect("valid");
        let slot = item_index::find(state, &id).expect("readable").expect("known");
        crate::model::records::need_syntax::shown(&queue::item(state, &slot).expect("readable").needs)
    }

    fn empty() -> MemView {
        let mut state = MemView::default();
        let mut txn = Txn::new(&state);
        txn.put_json(header::KEY, &StateHeader::new("store".into()));
        let (changes, _) = txn.finish();
        state.commit(changes);
        state
    }

    #[test]
    fn what_is_done_is_new_work_when_that_is_wanted_and_once_only() {
        let mut state = empty();
        let file = items(&["z1"]);
        let again = |state: &mut MemView| {
            let plan = plan(state, &file);
            take_in(state, &file, Some(&plan))
        };
        assert_eq!(again(&mut state), 1, "nothing of it is known");
        for id in ["z1", "z1.2", "z1.3"] {
            assert_eq!(again(&mut state), 0, "it is still to be done");
            finish(&mut state, id);
            assert_eq!(take_in(&mut state, &file, None), 0, "done is done");
            assert_eq!(again(&mut state), 1);
        }
        assert!(
            item_index::find(&state, &ItemId::parse("z1.4").expect("valid")).expect("readable").is_some()
        );
    }

    #[test]
    fn what_comes_back_waits_for_what_comes_back_before_it() {
        let file = items(&["a1", "a2", "a3", "z1", "a4"]);
        for cut in 0..=file.len() {
            let mut state = empty();
            import(&mut state, &file);
            for id in ["a1", "a2", "a3", "z1", "a4"] {
                finish(&mut state, id);
            }
            let plan = plan(&state, &file);
            for batch in [&file[..cut], &file[cut..]] {
                take_in(&mut state, batch, Some(&plan));
            }
            let chain = ["a1.2", "a2.2", "a3.2", "a4.2", "z1.2"].map(|id| needs(&state, id));
            assert_eq!(chain, ["a4", "a1.2", "a2.2", "a3.2", "z1"], "cut at {cut}");
        }
    }

    #[test]
    fn batches_do_not_change_what_previous_means() {
        // a1 and a2 are known, and a3 comes between them in the file.
        let file = items(&["a1", "a3", "z1", "a2", "a4", "z2", "a1", "a5"]);
        for cut in 0..=file.len() {
            let mut state = empty();
            import(&mut state, &items(&["a1", "a2"]));
            import(&mut state, &file[..cut]);
            import(&mut state, &file[cut..]);
            let chain = ["a1", "a2", "a3", "a4", "a5", "z1", "z2"].map(|id| needs(&state, id));
            assert_eq!(chain, ["", "a1", "a2", "a3", "a4", "", "z1"], "cut at {cut}");
        }
    }
}
