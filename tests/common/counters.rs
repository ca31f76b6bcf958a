//! Whether what is counted is what is there. Counts by itself, with none of the program's code
//! for counting.

use std::collections::BTreeMap;

use git_coord::model::counters::{Kind, Names};
use git_coord::model::queue::{self, Queue};
use git_coord::model::segment;
use git_coord::model::session::Session;
use git_coord::model::view::{View, ViewError};
use git_coord::model::{Item, ItemState};

/// Items in each state, in the order of [`ItemState::ALL`], and failed attempts.
type Sums = [u64; 6];

/// Adds what is wrong with the counters of queues and sessions.
pub fn problems(view: &dyn View, sessions: &[Session], found: &mut Vec<String>) -> Result<(), ViewError> {
    let (mut attempts, mut fails) = (0, 0);
    for record in queue::all(view)? {
        let mut categories: BTreeMap<String, Sums> = BTreeMap::new();
        let mut phases: BTreeMap<String, Sums> = BTreeMap::new();
        let mut failed = 0;
        each_item(view, &record, |item, state, note| {
            attempts += u64::from(note.attempt);
            failed += u64::from(note.fails);
            let Some(place) = ItemState::ALL.iter().position(|s| *s == state) else { return };
            for (map, name) in [(&mut categories, &item.category), (&mut phases, &item.phase)] {
                let Some(name) = name else { continue };
                let sums = map.entry(name.clone()).or_default();
                sums[place] += 1;
                sums[5] += u64::from(note.fails);
            }
        })?;
        let Some(stats) = &record.stats else {
            found.push(format!("queue {} has no further counters", record.name));
            continue;
        };
        if stats.fails != failed {
            found.push(format!("queue {} counts {} failed attempts of {failed}", record.name, stats.fails));
        }
        compare(&stats.categories, categories, &record, found);
        compare(&stats.phases, phases, &record, found);
        fails += failed;
    }
    let said: u64 = sessions.iter().map(|s| s.failed).sum();
    // An item that was put back by hand begins anew; its sessions have failed all the same.
    if said < fails {
        found.push(format!("{fails} attempts failed, the sessions count {said}"));
    }
    let said: u64 = sessions.iter().map(|s| s.stats.attempts).sum();
    if said != attempts {
        found.push(format!("{attempts} attempts were made, the sessions count {said}"));
    }
    for item in sessions.iter().flat_map(|s| &s.leases).filter_map(|l| l.item.as_ref()) {
        let content = queue::item(view, &item.slot)?;
        if item.kind.as_ref() != Some(&Kind::of(&content)) {
            found.push(format!("the lease of item {} counts it as {:?}", item.id, item.kind));
        }
    }
    Ok(())
}

fn each_item(
    view: &dyn View,
    record: &Queue,
    mut visit: impl FnMut(&Item, ItemState, segment::ItemMeta),
) -> Result<(), ViewError> {
    for number in queue::segments(view, &record.name)? {
        let states = queue::states(view, &record.name, number)?;
        let content = queue::content(view, &record.name, number)?;
        let lines = segment::lines(&content);
        for index in 0..lines.len().min(states.len()) {
            let Some(state) = states.get(index) else { continue };
            visit(&segment::item_at(&lines, index, "segment")?, state, states.meta(index));
        }
    }
    Ok(())
}

fn compare(names: &Names, mut sums: BTreeMap<String, Sums>, record: &Queue, found: &mut Vec<String>) {
    for entry in &names.list {
        let so = sums.remove(&entry.name).unwrap_or_default();
        if Sums::from(entry.tally) != so {
            found.push(format!("queue {} counts {entry:?}, its contents are {so:?}", record.name));
        }
    }
    let mut rest = Sums::default();
    for sum in sums.values() {
        rest.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
    }
    let other = names.other.as_ref().map(|n| Sums::from(n.tally)).unwrap_or_default();
    if other != rest {
        found.push(format!("queue {} counts others as {other:?}, they are {rest:?}", record.name));
    }
}
