//! A store as it is found: the ref, every object, the history, the records. Changes nothing.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use gix::ObjectId;
use gix::objs::Kind;

use crate::model::event::Event;
use crate::model::header::{self, StateHeader};
use crate::model::{read_json, session};
use crate::store::raw::{Bad, Commit, try_lock_upkeep};
use crate::store::{STATE_REF, Store};

use super::host_repo::Sessions;
use super::{Finding, Report, records, stale_files};

/// What the ref says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tip {
    /// The id of a commit, readable or not.
    At(ObjectId),
    /// There is no ref.
    Missing,
    /// The ref's file holds something else.
    Garbage,
}

/// A store as it is found.
#[derive(Debug)]
pub struct Inspection {
    pub tip: Tip,
    /// The newest state, when its commit can be read.
    pub commit: Option<Commit>,
    /// What cannot be read below it.
    pub bad: Vec<Bad>,
    /// True when the commits before it, and all below them, are sound.
    pub history_sound: bool,
    /// Damaged loose objects.
    pub loose: Vec<(ObjectId, PathBuf)>,
    /// Packs with something damaged in them.
    pub packs: Vec<PathBuf>,
    /// A newer version wrote it.
    pub newer: bool,
    /// What has been seen of each object: true when it and all below it are sound.
    pub known: HashMap<ObjectId, bool>,
    pub findings: Vec<Finding>,
    pub sessions: Option<Sessions>,
}

/// Reads the ref.
pub fn tip(store: &Store) -> Tip {
    match store.tip() {
        Ok(Some(id)) => Tip::At(id),
        Ok(None) if store.ref_file().exists() => Tip::Garbage,
        Ok(None) => Tip::Missing,
        Err(_) => Tip::Garbage,
    }
}

/// Looks at everything; changes nothing.
pub fn inspect(store: &Store, report: &mut Report) -> Inspection {
    let mut look = Inspection {
        tip: tip(store),
        commit: None,
        bad: Vec::new(),
        history_sound: true,
        loose: Vec::new(),
        packs: Vec::new(),
        newer: false,
        known: HashMap::new(),
        findings: Vec::new(),
        sessions: None,
    };
    look.objects(store, report);
    match look.tip {
        Tip::At(id) => look.history(store, id, report),
        Tip::Missing => {
            let message = "the ref is gone; nobody may take that for «everything is free»";
            look.findings.push(Finding::at_path("state-missing", &store.ref_file(), message));
        }
        Tip::Garbage => {
            let message = "the ref's file does not hold the id of a commit";
            look.findings.push(Finding::at_path("state-ref", &store.ref_file(), message));
        }
    }
    if look.tip.clone() != Tip::Missing && look.commit.is_none() {
        return look;
    }
    if let Some(commit) = look.commit.clone() {
        look.records(store, &commit, report);
    }
    look
}

impl Inspection {
    /// Reads every object once, whether something refers to it or not: a damaged one that nobody
    /// refers to would be taken for present when the same content is written again.
    fn objects(&mut self, store: &Store, report: &mut Report) {
        let mut seen: HashSet<ObjectId> = HashSet::new();
        let mut judge = |id: ObjectId| match store.sound(id) {
            Ok((Kind::Blob, _)) => {
                self.known.insert(id, true);
                None
            }
            Ok(_) => None,
            Err(reason) => Some(reason),
        };
        for (id, file) in store.loose() {
            seen.insert(id);
            if let Some(mut reason) = judge(id) {
                if std::fs::metadata(&file).is_ok_and(|m| m.len() == 0) {
                    reason = "the file is empty, as a kill or a power cut leaves it".into();
                }
                // A writer that is at work, or was killed, leaves an object that is not whole yet
                // and to which nothing refers. If something does, the walk tells.
                if stale_files::is_older(&file, stale_files::LEFTOVER_AGE) {
                    self.findings.push(Finding::at_path("object-damaged", &file, reason));
                }
                self.loose.push((id, file));
            }
        }
        for (index, ids) in store.packs() {
            let fault = match ids {
                Err(reason) => Some(reason),
                Ok(ids) => {
                    let bad = ids.iter().filter(|id| seen.insert(**id)).filter_map(|id| judge(*id));
                    bad.last()
                }
            };
            if let Some(reason) = fault {
                self.findings.push(Finding::at_path("pack-damaged", &index, reason));
                self.packs.push(index);
            }
        }
        // A pack comes before its index; while upkeep runs, that is no fault.
        if let Ok(Some(_alone)) = try_lock_upkeep(store.path()) {
            for pack in store.packs_without_index() {
                self.findings.push(Finding::at_path("pack-damaged", &pack, "it has no index"));
                self.packs.push(pack.with_extension("idx"));
            }
        }
        report.looked_at.objects = seen.len();
    }

    fn history(&mut self, store: &Store, tip: ObjectId, report: &mut Report) {
        match store.sound_commit(tip) {
            Ok(commit) => {
                self.bad = store.walk(commit.tree, &mut self.known);
                self.commit = Some(commit);
            }
            Err(reason) => {
                let message = format!("the newest state, commit {tip}, cannot be read: {reason}");
                self.findings.push(Finding::at_key("state-unreadable", STATE_REF, message));
                return;
            }
        }
        for bad in &self.bad {
            let message = format!("its object {} cannot be used: {}", short(bad.id), bad.reason);
            // The root has no name of its own.
            let key = if bad.key.is_empty() { STATE_REF.to_owned() } else { bad.key.clone() };
            self.findings.push(Finding::at_key(records::DAMAGED, key, message));
        }
        let mut states = 1;
        let mut newer = self.commit.as_ref().and_then(|c| head_of(store, c));
        let mut at = self.commit.as_ref().and_then(|c| c.parent);
        let mut parted = self.commit.as_ref().is_some_and(leaves);
        while let Some(id) = at {
            let fault = match store.sound_commit(id) {
                Err(reason) => {
                    at = None;
                    Some(format!("it cannot be read: {reason}"))
                }
                Ok(commit) => {
                    at = commit.parent;
                    // A clone that has left its remote goes on as a store of its own.
                    let same_store = newer.as_ref().filter(|_| !parted);
                    let fault = self.old_state(store, &commit, same_store);
                    parted = leaves(&commit);
                    newer = head_of(store, &commit).or(newer);
                    fault
                }
            };
            states += 1;
            if let Some(fault) = fault {
                self.history_sound = false;
                let message = format!("commit {} of the history: {fault}", short(id));
                self.findings.push(Finding::at_key("history", STATE_REF, message));
                break;
            }
        }
        report.looked_at.states = states;
    }

    /// What is wrong with a state before the newest one.
    fn old_state(&mut self, store: &Store, commit: &Commit, newer: Option<&StateHeader>) -> Option<String> {
        if let Some(bad) = store.walk(commit.tree, &mut self.known).first() {
            return Some(format!("{:?} cannot be read: {}", bad.key, bad.reason));
        }
        let (newer, older) = (newer?, head_of(store, commit)?);
        if older.store != newer.store {
            return Some("it is of another store".into());
        }
        (older.generation > newer.generation).then(|| {
            format!("its generation is {}, that of the state after it {}", older.generation, newer.generation)
        })
    }

    fn records(&mut self, store: &Store, commit: &Commit, report: &mut Report) {
        let view = store.view_tree(commit.tree, &commit.delta);
        if let Some(head) = head_of(store, commit).filter(|h| h.format > header::FORMAT) {
            self.newer = true;
            let message = format!(
                "format {} of a newer git-coord (this one knows {}); update to examine the records",
                head.format,
                header::FORMAT
            );
            self.findings.push(Finding::at_key("newer-format", header::KEY, message).beyond_repair());
            return;
        }
        if self.bad.iter().any(|b| b.key.is_empty()) {
            return;
        }
        let unreadable: Vec<String> = self.bad.iter().map(|b| b.key.clone()).collect();
        for mut finding in records::check(&view) {
            // Told already, with the object's id: the record itself, and what is below it.
            let told = |k: &str| unreadable.iter().any(|u| k == u || k.starts_with(&format!("{u}/")));
            if finding.key().is_some_and(told) {
                continue;
            }
            // An older state may have it; whether it does is known when a repair has tried.
            finding.repairable |= finding.code == records::DAMAGED;
            self.findings.push(finding);
        }
        self.sessions =
            session::all(&view).ok().map(|l| l.into_iter().map(|s| (s.name.clone(), s)).collect());
        report.looked_at.sessions = self.sessions.as_ref().map_or(0, Sessions::len);
        let queues = crate::model::queue::all(&view).unwrap_or_default();
        report.looked_at.items =
            queues.iter().map(|q| usize::try_from(q.counts.total()).unwrap_or(usize::MAX)).sum();
    }

    /// True when a commit may have existed of which nothing is known any more.
    pub fn hides_something(&self) -> bool {
        !self.loose.is_empty()
            || !self.packs.is_empty()
            || (matches!(self.tip, Tip::At(_)) && self.commit.is_none())
    }
}

/// True when this state made the store part from its remote.
fn leaves(commit: &Commit) -> bool {
    commit
        .events
        .iter()
        .filter_map(|line| Event::from_line(line))
        .any(|event| event.event == crate::model::EventKind::Leave)
}

/// The head of a state, if it can be read.
pub fn head_of(store: &Store, commit: &Commit) -> Option<StateHeader> {
    read_json(&store.view_tree(commit.tree, &commit.delta), header::KEY).ok().flatten()
}

/// The first digits of an id.
pub fn short(id: ObjectId) -> String {
    id.to_hex_with_len(12).to_string()
}
