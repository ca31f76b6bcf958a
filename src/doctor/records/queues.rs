//! What queues say about their segments: counters, ends, marks of what is free.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::doctor::Finding;
use crate::model::queue::{self, Counts, Queue};
use crate::model::segment;
use crate::model::{ItemState, QueueName, Txn, View};

use super::scan::{QueueFound, Scan, keys_below};

/// What is wrong.
pub fn findings(view: &dyn View, scan: &Scan) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, found) in &scan.queues {
        let key = queue::key(name);
        // What is missing from the scan cannot be counted.
        if scan.items_whole && !found.damaged {
            findings
                .extend(record_faults(found).into_iter().map(|(c, m)| Finding::at_key(c, key.clone(), m)));
        }
        let (missing, surplus) = marks(view, name, found);
        let told = |key: String, message: &str| Finding::at_key("open-marker", key, message);
        findings.extend(missing.into_iter().map(|k| told(k, "the segment has free items, but no mark")));
        if scan.items_whole {
            findings.extend(surplus.into_iter().map(|k| told(k, "nothing is free in this segment")));
        }
    }
    findings
}

/// Makes queues say what is so.
pub fn mend(txn: &mut Txn<'_>, scan: &Scan, now: Timestamp) {
    if !scan.items_whole {
        return;
    }
    for (name, found) in &scan.queues {
        if !found.damaged && !record_faults(found).is_empty() {
            let mut record = found.record.clone().unwrap_or_else(|| Queue::new(name.clone(), now));
            correct(&mut record, found);
            queue::put(txn, &record);
        }
        let (missing, surplus) = marks(txn, name, found);
        surplus.into_iter().for_each(|key| txn.remove(key));
        missing.into_iter().for_each(|key| txn.put(key, *b"\n"));
    }
}

fn counts(found: &QueueFound) -> Counts {
    let mut counts = Counts::default();
    for states in found.segments.values() {
        for letter in states.states.chars() {
            if let Some(state) = ItemState::from_letter(letter) {
                *counts.of(state) += 1;
            }
        }
    }
    counts
}

/// Makes a queue's record what its segments say.
fn correct(record: &mut Queue, found: &QueueFound) {
    record.counts = counts(found);
    record.stats = Some(found.stats.clone());
    let last = found.segments.keys().next_back().map_or(0, |n| n.saturating_add(1));
    record.next_segment = record.next_segment.max(last);
    record.tails.retain(|priority, segment| tail_fits(found, *priority, *segment));
}

/// True when new items of a priority may go into a segment.
fn tail_fits(found: &QueueFound, priority: u32, segment: u32) -> bool {
    found.segments.get(&segment).is_some_and(|s| s.priority == priority && s.len() < segment::SIZE)
}

fn record_faults(found: &QueueFound) -> Vec<(&'static str, String)> {
    let Some(record) = &found.record else {
        return vec![("queue-record", "it is missing, but the queue has items".into())];
    };
    let mut right = record.clone();
    correct(&mut right, found);
    let mut faults = Vec::new();
    let (mut said, mut so) = (record.counts, right.counts);
    let mut wrong = Vec::new();
    for state in ItemState::ALL {
        let (said, so) = (*said.of(state), *so.of(state));
        if said != so {
            wrong.push(format!("{said} {state} instead of {so}"));
        }
    }
    if !wrong.is_empty() {
        faults.push(("counters", format!("it counts {}", wrong.join(", "))));
    }
    if wrong.is_empty() && record.stats != right.stats {
        let message = match record.stats {
            Some(_) => "its counters by category, by phase or of failed attempts are not what its items say",
            None => "categories, phases and failed attempts are not counted; an older version wrote it",
        };
        faults.push(("counters", message.into()));
    }
    if record.next_segment != right.next_segment {
        let message = format!("segment {} is next, but it exists", record.next_segment);
        faults.push(("segments", message));
    }
    if record.tails != right.tails {
        faults.push(("segments", "new items would go where they do not fit".into()));
    }
    faults
}

/// Keys of marks that are missing, and of those that should not be.
fn marks(view: &dyn View, name: &QueueName, found: &QueueFound) -> (Vec<String>, Vec<String>) {
    let wanted: BTreeSet<String> = found
        .segments
        .iter()
        .filter(|(_, states)| states.free() > 0)
        .map(|(number, states)| queue::open_key(name, states.priority, *number))
        .collect();
    let there: BTreeMap<String, ()> = keys_below(view, &format!("queues/{name}/open"), &mut Vec::new())
        .into_iter()
        .map(|key| (key, ()))
        .collect();
    let missing = wanted.iter().filter(|key| !there.contains_key(*key)).cloned().collect();
    let surplus = there.into_keys().filter(|key| !wanted.contains(key)).collect();
    (missing, surplus)
}
