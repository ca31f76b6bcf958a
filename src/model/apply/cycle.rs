//! Items that would wait for each other.
//!
//! A circle that an import closes leads through a new item that needs something. From there the
//! search follows needs, and from a group or phase to its members.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::base::{ItemId, Txn, ViewError};
use crate::model::records::{Item, ItemState, dependencies, groups, item_index, queue};

/// Most items of a circle that are named: enough to find it.
const CIRCLE_MAX: usize = 12;

/// The new items, and the members that they add to groups and phases.
pub(super) struct Cycles<'a> {
    needs: HashMap<&'a ItemId, &'a [ItemId]>,
    members: &'a BTreeMap<ItemId, Vec<ItemId>>,
    fresh: Vec<&'a Item>,
}

impl<'a> Cycles<'a> {
    pub(super) fn new(fresh: &[&'a Item], members: &'a BTreeMap<ItemId, Vec<ItemId>>) -> Self {
        let needs = fresh.iter().map(|item| (&item.id, item.needs.as_slice())).collect();
        Cycles { needs, members, fresh: fresh.to_vec() }
    }

    /// A circle in words: `T1 → T2 → T1`; `None` when there is none.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn find(&self, txn: &Txn<'_>) -> Result<Option<String>, ViewError> {
        // Known items lead nowhere new unless one of them waits for something that is new now.
        let through_known = self.is_waited_for(txn)?;
        let mut safe: HashSet<ItemId> = HashSet::new();
        for start in self.fresh.iter().filter(|item| !item.needs.is_empty()) {
            // Depth-first, with the rest of each list: no recursion, because a chain may be as
            // long as the backlog.
            let mut trail = vec![(start.id.clone(), self.next(txn, &start.id, through_known)?)];
            let mut on_trail: HashSet<ItemId> = HashSet::from([start.id.clone()]);
            while let Some((_, rest)) = trail.last_mut() {
                match rest.pop() {
                    None => {
                        if let Some((id, _)) = trail.pop() {
                            on_trail.remove(&id);
                            safe.insert(id);
                        }
                    }
                    Some(next) if safe.contains(&next) => {}
                    Some(next) if on_trail.insert(next.clone()) => {
                        let list = self.next(txn, &next, through_known)?;
                        trail.push((next, list));
                    }
                    Some(next) => {
                        let names = trail.iter().map(|(id, _)| id.as_str());
                        let mut names: Vec<&str> = names.skip_while(|id| *id != next.as_str()).collect();
                        if names.len() > CIRCLE_MAX {
                            names.truncate(CIRCLE_MAX);
                            names.push("…");
                        }
                        names.push(next.as_str());
                        return Ok(Some(names.join(" → ")));
                    }
                }
            }
        }
        Ok(None)
    }

    fn is_waited_for(&self, txn: &Txn<'_>) -> Result<bool, ViewError> {
        let names = self.fresh.iter().map(|item| &item.id).chain(self.members.keys());
        for id in names {
            if !dependencies::waiting_for(txn, id)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What an item, group or phase waits for; the first one last.
    fn next(&self, txn: &Txn<'_>, id: &ItemId, through_known: bool) -> Result<Vec<ItemId>, ViewError> {
        let mut list = match self.needs.get(id) {
            Some(needs) => needs.to_vec(),
            None if groups::is_set(id) => {
                let mut list = if through_known { groups::members(txn, id)? } else { Vec::new() };
                // Members without needs lead nowhere.
                let new = self.members.get(id).into_iter().flatten();
                list.extend(new.filter(|m| self.needs.get(m).is_some_and(|n| !n.is_empty())).cloned());
                list
            }
            None if through_known => match item_index::find(txn, id)? {
                // Nobody waits for what is done, and what is done waits for nobody.
                Some(slot) if queue::placement(txn, &slot)?.0 != ItemState::Done => {
                    queue::item(txn, &slot)?.needs
                }
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        list.reverse();
        Ok(list)
    }
}
