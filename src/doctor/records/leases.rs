//! Leases against sessions, items and each other.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::doctor::Finding;
use crate::model::claim::{self, Claim, Grant, Holder};
use crate::model::counters::Kind;
use crate::model::queue::{self, Slot};
use crate::model::session::{self, Lease, Loss, SessionState};
use crate::model::{ItemId, ItemState, MemView, SessionName, Txn, View, ViewError};

use super::scan::Scan;

/// What is to become of one lease.
#[derive(Debug)]
enum Verdict {
    /// It stays, in this form. `state`: its item is to be put into its hands.
    Keep { lease: Box<Lease>, state: bool },
    /// It goes.
    Drop { why: String },
}

#[derive(Debug)]
struct Judged {
    session: SessionName,
    lease: Lease,
    verdict: Verdict,
    /// Code and message, when it is not right as it is.
    fault: Option<(&'static str, String)>,
}

/// What is to become of all leases.
#[derive(Debug, Default)]
pub struct Plan {
    judged: Vec<Judged>,
    /// Items in nobody's hands that are said to be claimed.
    orphans: Vec<(Slot, String, ItemState)>,
    claims: Vec<Claim>,
}

/// While leases are judged in the order in which they were granted.
struct Court<'a> {
    view: &'a dyn View,
    scan: &'a Scan,
    ids: HashSet<u64>,
    items: HashMap<ItemId, SessionName>,
    claims: Txn<'a>,
}

impl Plan {
    /// Judges all leases, in the order in which they were granted.
    pub fn new(view: &dyn View, scan: &Scan) -> Self {
        let mut all: Vec<(&SessionName, &Lease)> = Vec::new();
        for (name, session) in &scan.sessions {
            all.extend(session.leases.iter().map(|l| (name, l)));
        }
        all.sort_by_key(|(name, lease)| (lease.id, *name));
        let none = MemView::default();
        let mut court =
            Court { view, scan, ids: HashSet::new(), items: HashMap::new(), claims: Txn::new(&none) };
        let mut plan = Plan::default();
        for (name, lease) in all {
            plan.judged.push(court.judge(name, lease));
        }
        plan.claims = claim::all(&court.claims).unwrap_or_default();
        plan.orphans = court.orphans();
        plan
    }

    /// The claims that the leases amount to; `reason` is not known here.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// What is wrong.
    pub fn findings(&self) -> Vec<Finding> {
        let faults = self.judged.iter().filter_map(|j| {
            let (code, message) = j.fault.as_ref()?;
            Some(Finding::at_key(code, session::key(&j.session), format!("lease {}: {message}", j.lease.id)))
        });
        let orphans = self.orphans.iter().map(|(slot, message, _)| {
            Finding::at_key("item-lease", queue::states_key(&slot.queue, slot.segment), message.clone())
        });
        faults.chain(orphans).collect()
    }

    /// Carries it out.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn mend(self, txn: &mut Txn<'_>, now: Timestamp) -> Result<(), ViewError> {
        for (slot, message, to) in self.orphans {
            queue::transition(txn, &slot, to, |note| {
                note.at = Some(now);
                note.why = Some(message);
            })?;
        }
        let mut kept: BTreeMap<SessionName, (Vec<Lease>, Vec<Loss>)> = BTreeMap::new();
        let touched: HashSet<SessionName> =
            self.judged.iter().filter(|j| j.fault.is_some()).map(|j| j.session.clone()).collect();
        for judged in self.judged {
            let (leases, losses) = kept.entry(judged.session.clone()).or_default();
            match judged.verdict {
                Verdict::Keep { lease, state } => {
                    if let (true, Some(item)) = (state, &lease.item) {
                        queue::transition(txn, &item.slot, ItemState::Claimed, |note| {
                            note.by = Some(judged.session.clone());
                            note.lease = Some(lease.id);
                            note.attempt = note.attempt.max(1);
                            note.at = None;
                        })?;
                    }
                    leases.push(*lease);
                }
                Verdict::Drop { why } => losses.extend(losses_of(&judged.lease, &why, now)),
            }
        }
        for (name, (leases, losses)) in kept {
            let Some(mut session) = session::get(txn, &name)?.filter(|_| touched.contains(&name)) else {
                continue;
            };
            session.leases = leases;
            losses.into_iter().for_each(|loss| session.remember_loss(loss));
            session::put(txn, &session);
        }
        Ok(())
    }
}

/// What a session is told about a lease that it has lost.
fn losses_of(lease: &Lease, why: &str, now: Timestamp) -> Vec<Loss> {
    let loss = |path, item| Loss {
        path,
        item,
        lease: lease.id,
        at: now,
        by: None,
        why: format!("taken away by a repair of the store: {why}"),
    };
    let mut list: Vec<Loss> = lease.all_paths().map(|p| loss(Some(p.clone()), None)).collect();
    list.extend(lease.item.as_ref().map(|i| loss(None, Some(i.id.clone()))));
    list
}

impl Court<'_> {
    fn judge(&mut self, name: &SessionName, lease: &Lease) -> Judged {
        let mut kept = lease.clone();
        let mut state = false;
        let result = self.examine(name, &mut kept, &mut state);
        let (verdict, fault) = match result {
            Err((code, why)) => (Verdict::Drop { why: why.clone() }, Some((code, why))),
            Ok(fault) => {
                self.accept(name, &kept);
                (Verdict::Keep { lease: Box::new(kept), state }, fault)
            }
        };
        Judged { session: name.clone(), lease: lease.clone(), verdict, fault }
    }

    /// `Err`: it must go. `Ok(Some)`: it stays, but something is to be mended.
    fn examine(
        &mut self,
        name: &SessionName,
        lease: &mut Lease,
        state: &mut bool,
    ) -> Result<Option<(&'static str, String)>, (&'static str, String)> {
        let ended = self.scan.sessions.get(name).is_some_and(|s| s.state == SessionState::Ended);
        if ended {
            return Err(("lease-ended", "its session has ended".into()));
        }
        if !self.ids.insert(lease.id) {
            return Err(("lease-twice", "another lease has this number".into()));
        }
        if lease.paths.is_empty() && lease.item.is_none() {
            return Err(("lease-empty", "it holds nothing".into()));
        }
        let fault = self.examine_item(name, lease, state)?;
        for path in lease.all_paths() {
            let found = claim::overlapping(&self.claims, path).unwrap_or_default();
            if let Some((other, held)) =
                found.iter().find_map(|c| c.conflicts(name, lease.mode).next().map(|h| (h, &c.path)))
            {
                let place = if held == path { String::new() } else { format!(" (as {held})") };
                let why = format!("{path} is held by {} since earlier{place}", other.session);
                return Err(("claim-overlap", why));
            }
        }
        if let Some(item) = &lease.item {
            self.items.insert(item.id.clone(), name.clone());
        }
        Ok(fault)
    }

    fn examine_item(
        &self,
        name: &SessionName,
        lease: &mut Lease,
        state: &mut bool,
    ) -> Result<Option<(&'static str, String)>, (&'static str, String)> {
        let id = lease.id;
        let Some(item) = &mut lease.item else { return Ok(None) };
        let mut fault = None;
        if let Some(other) = self.items.get(&item.id) {
            return Err(("item-twice", format!("item {} is held by {other} since earlier", item.id)));
        }
        let Some(slot) = self.scan.slots.get(&item.id) else {
            if !self.scan.items_whole {
                return Ok(None);
            }
            return Err(("lease-item", format!("there is no item {}", item.id)));
        };
        if *slot != item.slot {
            fault = Some(("lease-item", format!("item {} stands elsewhere than it says", item.id)));
            item.slot = slot.clone();
        }
        if let Ok(content) = queue::item(self.view, slot) {
            let kind = Kind::of(&content);
            if item.kind.as_ref().is_some_and(|known| *known != kind) {
                fault = Some(("lease-item", format!("item {} is counted under another name", item.id)));
                item.kind = Some(kind);
            }
            let mut files = content.files;
            files.sort();
            files.dedup();
            if files != item.files {
                fault = Some(("lease-item", format!("its files are not those of item {}", item.id)));
                item.files = files;
            }
        }
        match self.scan.standing(slot) {
            Some((ItemState::Claimed, note)) if note.by.as_ref() == Some(name) && note.lease == Some(id) => {}
            Some((now @ (ItemState::Done | ItemState::Failed), _)) => {
                return Err(("lease-item", format!("item {} is {now} already", item.id)));
            }
            Some((now, note)) => {
                let by = note.by.map(|by| format!(", with {by}")).unwrap_or_default();
                let told = format!("item {} is said to be {now}{by}", item.id);
                fault = Some(("lease-item", told));
                *state = true;
            }
            None => {}
        }
        Ok(fault)
    }

    fn accept(&mut self, name: &SessionName, lease: &Lease) {
        for path in lease.all_paths() {
            let by_hand = lease.paths.contains(path);
            let item = lease.item.as_ref().filter(|_| !by_hand).map(|i| i.id.clone());
            let holder = Holder {
                session: name.clone(),
                mode: lease.mode,
                since: lease.since,
                grants: vec![Grant { lease: lease.id, item, mode: lease.mode }],
                reason: None,
            };
            // In memory: it cannot fail.
            let _ = claim::grant(&mut self.claims, path, holder);
        }
    }

    /// Items that are said to be claimed without anybody holding them.
    fn orphans(&self) -> Vec<(Slot, String, ItemState)> {
        let mut orphans = Vec::new();
        if !self.scan.sessions_whole {
            return orphans;
        }
        for (id, slot) in &self.scan.slots {
            if self.scan.state(slot) != Some(ItemState::Claimed) || self.items.contains_key(id) {
                continue;
            }
            let Some((_, note)) = self.scan.standing(slot) else { continue };
            let by = note.by.map_or_else(|| "somebody".to_owned(), |by| by.to_string());
            let message = format!("item {id} is said to be with {by}, who has no lease of it");
            let needy = self.scan.needy.iter().find(|n| n.id == *id);
            let blocked = needy.is_some_and(|n| self.scan.open_needs(n).next().is_some());
            let to = if blocked { ItemState::Blocked } else { ItemState::Pending };
            orphans.push((slot.clone(), message, to));
        }
        orphans.sort_by(|a, b| a.0.cmp(&b.0));
        orphans
    }
}
