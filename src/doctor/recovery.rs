//! The state on which a repair builds.
//!
//! Four cases, from the best to the worst:
//! 1. The newest state can be read whole: it is the base.
//! 2. Some records of it cannot. Those that can be derived are left out and derived anew; of the
//!    others an older state has a copy, which is taken if everything agrees with it.
//! 3. Where no copy agrees and only halves of segments are damaged, they are put together from
//!    what else is known of their items ([`rebuild`]).
//! 4. Otherwise the newest older state that is whole. What came after it is lost, and told.
//!
//! Older states are all commits that the store holds, not only those in the history: after a
//! power cut the ref may be gone with the commits before it still there, and upkeep leaves the
//! commits that it cuts off for a while.

use std::collections::{BTreeSet, HashSet};

use gix::ObjectId;

use crate::model::event::Event;
use crate::model::view::Blob;
use crate::model::{Changes, Txn, header};
use crate::store::raw::{Commit, Grafts, parse_events};
use crate::store::{Store, StoreError};

use super::history::{is_history_sound, unbroken};
use super::inspect::{Inspection, Tip, head_of, short};
use super::{Finding, rebuild, records};

/// How many older states are tried for copies of damaged records.
const DONORS: usize = 100;

/// On what a repair builds.
#[derive(Debug)]
pub struct Base {
    /// The tree to be mended.
    pub tree: ObjectId,
    /// The changes on top of it that its commit holds.
    pub delta: Changes,
    /// The commit before the repair; `None`: the history cannot be continued, a new one begins.
    pub parent: Option<ObjectId>,
    /// Events of the history that ends, oldest first, when a new one begins.
    pub events: Vec<String>,
    /// The commits of that history, newest first, as far as they can be read without a gap.
    pub ended: Vec<ObjectId>,
    /// The last number that was given, or may have been.
    pub numbers_used: u64,
    /// Halves of segments that are left out of the tree, with their new content.
    pub rebuilt: Vec<(String, Blob)>,
    /// What the user must know.
    pub told: Vec<String>,
    /// Acts that are lost, as far as they can be read.
    pub lost_events: Vec<Event>,
}

/// A commit that can be read, with its head.
struct Candidate {
    id: ObjectId,
    commit: Commit,
    generation: u64,
    logged: u64,
    time: Option<String>,
}

/// Chooses the base; `None` when no state can be read.
///
/// # Errors
/// When a grafted folder cannot be written.
pub fn base(store: &Store, look: &Inspection) -> Result<Option<Base>, StoreError> {
    let tip = match look.tip {
        Tip::At(id) => Some(id),
        Tip::Missing | Tip::Garbage => None,
    };
    if let (Some(tip), Some(commit)) = (tip, &look.commit) {
        let damaged = damaged_keys(store, look, commit);
        let sound_objects = look.bad.is_empty() && look.history_sound;
        let parent = sound_objects.then_some(tip);
        if damaged.is_empty() {
            return Ok(Some(on(store, look, commit.tree, tip, parent)));
        }
        let candidates = candidates(store);
        if let Some((tree, told)) = graft(store, commit, &damaged, &candidates)? {
            let mut base = on(store, look, tree, tip, parent);
            base.delta = without(&base.delta, &damaged);
            if damaged.contains(header::KEY) {
                base.numbers_used = numbers_used(&candidates, &[], true);
            }
            base.told = told;
            return Ok(Some(base));
        }
        if let Some((tree, rebuilt, told)) = put_together(store, commit, tip, &damaged, &candidates)? {
            let delta = without(&commit.delta, &damaged);
            return Ok(Some(Base { rebuilt, told, delta, ..on(store, look, tree, tip, parent) }));
        }
    }
    Ok(fall_back(store, look, tip))
}

fn on(store: &Store, look: &Inspection, tree: ObjectId, tip: ObjectId, parent: Option<ObjectId>) -> Base {
    let generation = look.commit.as_ref().and_then(|c| head_of(store, c)).map_or(0, |h| h.generation);
    let events = if parent.is_none() { chain(store, tip, &candidates(store)) } else { Vec::new() };
    let delta = look.commit.as_ref().map(|c| c.delta.clone()).unwrap_or_default();
    Base {
        tree,
        delta,
        parent,
        events,
        ended: if parent.is_none() { unbroken(store, tip) } else { Vec::new() },
        numbers_used: generation,
        rebuilt: Vec::new(),
        told: Vec::new(),
        lost_events: Vec::new(),
    }
}

/// The changes of a commit except those of damaged records.
fn without(delta: &Changes, damaged: &BTreeSet<String>) -> Changes {
    delta.iter().filter(|(k, _)| !damaged.contains(*k)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Keys whose records must come from elsewhere: what cannot be read, and what is no record.
fn damaged_keys(store: &Store, look: &Inspection, commit: &Commit) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> = look.bad.iter().map(|b| b.key.clone()).collect();
    // A record in the delta counts, not the one that it replaces.
    keys.retain(|key| !commit.delta.contains_key(key));
    let view = store.view_tree(commit.tree, &commit.delta);
    let beyond = |f: &Finding| f.code == records::DAMAGED && !f.repairable;
    keys.extend(
        records::check(&view).iter().filter(|f| beyond(f)).filter_map(|f| f.key().map(str::to_owned)),
    );
    // What is below another damaged key goes with it.
    let all = keys.clone();
    keys.retain(|key| {
        !all.iter().any(|other| key.len() > other.len() && key.starts_with(&format!("{other}/")))
    });
    keys
}

/// True for keys whose records can be derived from others.
fn is_derived(key: &str) -> bool {
    let mut parts = key.split('/');
    match parts.next() {
        Some("claims" | "cooling.json" | "ids" | "deps" | "sets" | "log") => true,
        Some("queues") => parts.nth(1) == Some("open"),
        _ => false,
    }
}

/// Puts copies of older states, or nothing, in place of what is damaged. `None` when no older
/// state has copies with which everything else agrees.
fn graft(
    store: &Store,
    commit: &Commit,
    damaged: &BTreeSet<String>,
    candidates: &[Candidate],
) -> Result<Option<(ObjectId, Vec<String>)>, StoreError> {
    let (tree, delta) = (commit.tree, without(&commit.delta, damaged));
    if damaged.contains("") {
        return Ok(None);
    }
    let (derived, original): (Vec<&String>, Vec<&String>) = damaged.iter().partition(|k| is_derived(k));
    let mut grafts: Grafts = derived.iter().map(|key| ((*key).clone(), None)).collect();
    if original.is_empty() {
        return Ok(Some((store.graft(tree, &grafts)?, Vec::new())));
    }
    let mut tried = HashSet::new();
    for donor in candidates.iter().take(DONORS) {
        let Some(copies) = copies(store, donor, &original) else { continue };
        let ids: Vec<ObjectId> = copies.iter().map(|(_, node)| node.1).collect();
        if !tried.insert(ids) {
            continue;
        }
        grafts.extend(copies.into_iter().map(|(key, node)| (key, Some(node))));
        let grafted = store.graft(tree, &grafts)?;
        let left = records::check(&store.view_tree(grafted, &delta));
        if left.iter().all(|f| is_expected(f, damaged)) {
            let told = original.iter().map(|key| {
                format!("{key} was taken from the state of generation {}, and agrees", donor.generation)
            });
            return Ok(Some((grafted, told.collect())));
        }
    }
    Ok(None)
}

type PutTogether = (ObjectId, Vec<(String, Blob)>, Vec<String>);

/// Puts damaged halves of segments together; `None` when something else is damaged too, or when
/// the result would not agree with itself.
fn put_together(
    store: &Store,
    commit: &Commit,
    tip: ObjectId,
    damaged: &BTreeSet<String>,
    candidates: &[Candidate],
) -> Result<Option<PutTogether>, StoreError> {
    let halves: BTreeSet<&String> = damaged.iter().filter(|k| !is_derived(k)).collect();
    let index_is_damaged = damaged.iter().any(|k| k.starts_with("ids"));
    if index_is_damaged || !rebuild::is_possible(&halves) {
        return Ok(None);
    }
    let grafts: Grafts = damaged.iter().map(|key| (key.clone(), None)).collect();
    let tree = store.graft(commit.tree, &grafts)?;
    let view = store.view_tree(tree, &without(&commit.delta, damaged));
    let mut txn = Txn::new(&view);
    let older = |key: &str| {
        let nodes = candidates.iter().filter_map(|c| store.node_at(c.commit.tree, key));
        let mut tried = HashSet::new();
        nodes.filter(|node| tried.insert(node.1)).find_map(|node| store.sound(node.1).ok()).map(|(_, b)| b)
    };
    let mut lines = crate::store::raw::logged(&view);
    lines.extend(chain(store, tip, candidates));
    let Ok(Some(told)) = rebuild::rebuild(&mut txn, &halves, older, &parse_events(&lines)) else {
        return Ok(None);
    };
    // The proof: after deriving what is derived, nothing is found.
    let (changes, _) = txn.finish();
    let rebuilt: Vec<(String, Blob)> = changes.into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
    let mut trial = Txn::new(&view);
    rebuilt.iter().for_each(|(key, blob)| trial.put(key.clone(), blob.clone()));
    let whole = records::mend(&mut trial, crate::clock::now()).is_ok() && records::check(&trial).is_empty();
    Ok(whole.then_some((tree, rebuilt, told)))
}

type Copy = (String, (gix::objs::tree::EntryKind, ObjectId));

/// The copies that a state has of all these keys, if they are sound.
fn copies(store: &Store, donor: &Candidate, keys: &[&String]) -> Option<Vec<Copy>> {
    let mut copies = Vec::new();
    for key in keys {
        let node = store.node_at(donor.commit.tree, key)?;
        let sound = match node.0 {
            gix::objs::tree::EntryKind::Tree => store.walk(node.1, &mut Default::default()).is_empty(),
            _ => store.sound(node.1).is_ok(),
        };
        if !sound {
            return None;
        }
        copies.push(((*key).clone(), node));
    }
    Some(copies)
}

/// True for what a graft leaves to be derived. Anything else says that a copy is too old.
fn is_expected(finding: &Finding, damaged: &BTreeSet<String>) -> bool {
    let Some(key) = finding.key() else { return false };
    if !finding.repairable {
        return false;
    }
    let top = |k: &str| k.split('/').next().map(str::to_owned);
    let same_kind = |d: &String| is_derived(d) && top(d) == top(key);
    let counted = key == header::KEY || key.ends_with("/queue.json");
    (is_derived(key) && damaged.iter().any(same_kind)) || (counted && damaged.contains(key))
}

/// Every commit of the store that can be read as far as its head, newest first.
fn candidates(store: &Store) -> Vec<Candidate> {
    let mut ids: HashSet<ObjectId> = store.loose().into_iter().map(|(id, _)| id).collect();
    ids.extend(store.packs().into_iter().flat_map(|(_, ids)| ids.unwrap_or_default()));
    let mut list: Vec<Candidate> = Vec::new();
    for id in ids.into_iter().filter(|id| store.looks_like_commit(*id)) {
        let Ok(commit) = store.sound_commit(id) else { continue };
        let Some(head) = head_of(store, &commit).filter(|h| h.format <= header::FORMAT) else { continue };
        let time = jiff::Timestamp::from_second(commit.seconds).ok().map(|t| t.to_string());
        list.push(Candidate { id, commit, generation: head.generation, logged: head.logged, time });
    }
    // Of two states of one generation, the one that upkeep has made of the other is the newer.
    list.sort_by_key(|c| std::cmp::Reverse((c.generation, c.logged, c.commit.seconds, c.id)));
    list
}

/// The newest state that is whole.
fn fall_back(store: &Store, look: &Inspection, tip: Option<ObjectId>) -> Option<Base> {
    let candidates = candidates(store);
    let mut known = look.known.iter().filter(|(_, sound)| **sound).map(|(id, _)| (*id, true)).collect();
    let position = candidates.iter().position(|c| {
        let whole = store.walk(c.commit.tree, &mut known).is_empty();
        whole && records::check(&store.view_tree(c.commit.tree, &c.commit.delta)).iter().all(|f| f.repairable)
    })?;
    let chosen = &candidates[position];
    let lost: Vec<&Candidate> =
        candidates[..position].iter().filter(|c| c.generation > chosen.generation).collect();
    let mut lost_events = lost_events(store, look, chosen, &lost);
    lost_events.retain(|e| e.event != crate::model::EventKind::Upkeep);
    let exact = Some(chosen.id) == tip || candidates.iter().any(|c| Some(c.id) == tip);
    let unknown = !exact && look.hides_something();
    let history_sound = is_history_sound(store, &chosen.commit, &mut known);
    let parent = history_sound.then_some(chosen.id);
    let events = if history_sound { Vec::new() } else { chain(store, chosen.id, &candidates) };
    let numbers_used = numbers_used(&candidates, &lost_events, unknown);
    let told = vec![tell(chosen, &lost, unknown)];
    Some(Base {
        tree: chosen.commit.tree,
        delta: chosen.commit.delta.clone(),
        parent,
        events,
        ended: if history_sound { Vec::new() } else { unbroken(store, chosen.id) },
        numbers_used,
        rebuilt: Vec::new(),
        told,
        lost_events,
    })
}

fn tell(chosen: &Candidate, lost: &[&Candidate], unknown: bool) -> String {
    let from = chosen.time.as_deref().unwrap_or("unknown time");
    let back = format!(
        "the state is now that of generation {}, of {from} (commit {})",
        chosen.generation,
        short(chosen.id)
    );
    let first = chosen.generation + 1;
    match (lost.iter().map(|c| c.generation).max(), unknown) {
        (None, false) => format!("{back}; nothing newer is in the store"),
        (None, true) => format!("{back}; what came after it is lost, and nobody can tell how much"),
        (Some(last), false) if last == first => format!("{back}; generation {first} is lost"),
        (Some(last), false) => format!("{back}; generations {first} to {last} are lost"),
        (Some(last), true) => {
            format!("{back}; generations {first} to {last} are lost, and perhaps later ones")
        }
    }
}

/// Acts of states that are lost, as far as their commits can be read, oldest first.
fn lost_events(store: &Store, look: &Inspection, chosen: &Candidate, lost: &[&Candidate]) -> Vec<Event> {
    let mut commits: Vec<&Commit> = lost.iter().rev().map(|c| &c.commit).collect();
    // The newest one may have a commit but no head.
    if let Some(tip) = &look.commit
        && tip.tree != chosen.commit.tree
        && head_of(store, tip).is_none()
    {
        commits.push(tip);
    }
    commits.iter().flat_map(|c| parse_events(&c.events)).collect()
}

/// The last number of a lease or generation that anything tells of.
fn numbers_used(candidates: &[Candidate], lost: &[Event], unknown: bool) -> u64 {
    let leases = lost.iter().flat_map(|e| {
        let one = e.data.get("lease").and_then(serde_json::Value::as_u64);
        let many = e.data.get("leases").and_then(serde_json::Value::as_array);
        one.into_iter()
            .chain(many.into_iter().flatten().filter_map(serde_json::Value::as_u64))
            .collect::<Vec<_>>()
    });
    let told = leases.chain(candidates.first().map(|c| c.generation)).max().unwrap_or_default();
    if unknown { told.saturating_add(header::UNKNOWN_NUMBERS) } else { told }
}

/// The events of a state and those before it that are not in its log yet, oldest first. Where a
/// commit cannot be read, the next older one that is still there goes on.
fn chain(store: &Store, tip: ObjectId, candidates: &[Candidate]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let of = |id: ObjectId| candidates.iter().find(|c| c.id == id);
    let logged = of(tip).map(|c| c.logged);
    let mut reached = of(tip).map_or(u64::MAX, |c| c.generation);
    let mut at = Some(tip);
    while let Some(id) = at {
        at = match store.sound_commit(id) {
            Ok(commit) => {
                lines.extend(commit.events.into_iter().rev());
                reached = of(id).map_or(reached, |c| c.generation);
                commit.parent
            }
            // Cut at the same place of the log: its events are in no log yet.
            Err(_) => {
                candidates.iter().find(|c| c.generation < reached && Some(c.logged) == logged).map(|c| c.id)
            }
        };
    }
    lines.reverse();
    lines
}
