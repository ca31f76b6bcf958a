//! The counters and names of groups and phases.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ItemId, View, groups, to_json};

use super::scan::{Scan, keys_below};

/// Key, fault and right content of each record that is wrong; `None`: it should not be there.
pub fn wrong(view: &dyn View, scan: &Scan) -> Vec<(String, String, Option<Vec<u8>>)> {
    let mut wrong = Vec::new();
    let mut right: BTreeMap<String, ()> = BTreeMap::new();
    for (set, members) in &scan.sets {
        let (key, so) = (groups::key(set), scan.set(set));
        match groups::get(view, set) {
            Ok(said) if said == so => {}
            Ok(said) => {
                let said = format!("{} of {} are open", said.open, said.total);
                let message = format!("{set}: it says that {said}, but {} of {} are", so.open, so.total);
                wrong.push((key.clone(), message, Some(to_json(&so))));
            }
            Err(e) => wrong.push((key.clone(), e.to_string(), Some(to_json(&so)))),
        }
        let names = groups::members_key(set);
        // The order is that of import, which nothing else tells: what is there keeps its place.
        let found = groups::members(view, set).unwrap_or_default();
        let known: BTreeSet<&ItemId> = members.iter().collect();
        let there: BTreeSet<&ItemId> = found.iter().collect();
        if known != there || found.len() != members.len() {
            let mut list: Vec<&ItemId> = Vec::new();
            let mut have = BTreeSet::new();
            for id in found.iter().chain(members).filter(|id| known.contains(id)) {
                if have.insert(id) {
                    list.push(id);
                }
            }
            let text: String = list.iter().map(|id| format!("{id}\n")).collect();
            let message = format!("{set}: it does not name its members");
            wrong.push((names.clone(), message, Some(text.into_bytes())));
        }
        right.extend([(key, ()), (names, ())]);
    }
    for key in keys_below(view, "sets", &mut Vec::new()) {
        if !right.contains_key(&key) {
            wrong.push((key, "no item belongs to this group or phase".into(), None));
        }
    }
    wrong
}
