//! Taking the next items, each with its files, in one act.

use super::leases::renew_due;
use super::search::{Eligibility, Found, Search, still_true};
use super::{Context, active, granted, named, prefetch};
use crate::model::base::{QueueName, Txn, ViewError, to_json};
use crate::model::ops::Outcome;
use crate::model::ops::choice::{Passed, SearchBookmark, SearchHints, SkipCounts};
use crate::model::ops::op::TakeNext;
use crate::model::ops::outcome::{EmptyReason, Taken};
use crate::model::records::area::Areas;
use crate::model::records::claim::{self, Grant, Holder, Mode};
use crate::model::records::counters::{self, Kind};
use crate::model::records::queue::{self, Queue};
use crate::model::records::segment::ItemMeta;
use crate::model::records::session::{Lease, LeasedItem, Session};
use crate::model::records::{ItemState, header};

/// Bytes of a title that a lease keeps.
const TITLE: usize = 80;

/// Takes the next items for a session.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn next(txn: &mut Txn<'_>, op: &TakeNext, context: &Context) -> Result<Outcome, ViewError> {
    let mut session = granted!(active(txn, &op.session)?);
    for name in &op.queues {
        if queue::get(txn, name)?.is_none() {
            return Ok(Outcome::Unknown { what: "queue".into(), name: name.to_string() });
        }
    }
    renew_due(&mut session, context);
    let Searched { taken, reason, passed, hints } = match &op.choice.item {
        Some(id) => {
            prefetch::evict(txn, context, |l| l.item.as_ref().is_some_and(|i| i.id == *id))?;
            let (found, help) = match named::find(txn, &session, op, id)? {
                named::Named::Free(found, help) => (found, help),
                named::Named::Answer(outcome) => return Ok(outcome),
            };
            let taken = vec![take(txn, &mut session, found, op, help, context)?];
            Searched { taken, ..Searched::default() }
        }
        None => match search(txn, &mut session, op, context)? {
            Ok(result) => result,
            Err(refused) => return Ok(refused),
        },
    };
    if !taken.is_empty() {
        prefetch::record_taken(txn, &mut session, &taken, context.now)?;
        prefetch::refill(txn, op, prefetch::Surplus::GoesBack, context)?;
    }
    Ok(Outcome::Taken { items: taken, reason, passed, hints })
}

/// What a search came to, see [`Outcome::Taken`].
#[derive(Default)]
struct Searched {
    taken: Vec<Taken>,
    reason: Option<EmptyReason>,
    passed: Vec<Passed>,
    hints: Option<SearchHints>,
}

/// Searches and takes until there are enough.
fn search(
    txn: &mut Txn<'_>,
    session: &mut Session,
    op: &TakeNext,
    context: &Context,
) -> Result<Result<Searched, Outcome>, ViewError> {
    let own = areas_of(session)?;
    let asked = match Areas::new(&op.choice.areas) {
        Ok(areas) => areas,
        Err(e) => {
            let hint = "write a pattern such as 'src/payments/**'".into();
            return Ok(Err(Outcome::Refused { rule: "area".into(), message: e.to_string(), hint }));
        }
    };
    let eligibility = eligibility_text(op, session);
    let mut known = still_true(txn, session, &op.choice.hints, &eligibility)?;
    let mut taken = prefetch::offer(txn, session, op, (&own, &asked), context, None)?;
    let mut told = Told::default();
    let mut help = false;
    while taken.len() < op.count {
        let assigned = queues_of(txn, op, session, help)?;
        let (full, open): (Vec<Queue>, Vec<Queue>) =
            assigned.into_iter().partition(|q| session.filled(q).is_some());
        let all = Eligibility {
            session,
            holder: Some(&session.name),
            choice: &op.choice,
            filter: &op.filter,
            own: &own,
            asked: &asked,
            help,
        };
        let mut search = Search::new(&all);
        let found = search.run(txn, &open, &known)?;
        // An explanation names what was passed over, so it has to be looked at each time.
        if !op.choice.explain {
            merge(&mut known, std::mem::take(&mut search.ranges));
        }
        // What an assignment leaves out is told, also when others' work was looked at afterwards.
        if !help {
            told = Told { skipped: search.skipped, passed: search.passed, full, open };
        }
        match found {
            Some(found) => taken.push(take(txn, session, found, op, help, context)?),
            None if session.help_others && !help => help = true,
            None => break,
        }
    }
    // Who helps others may have taken what the own assignment left out.
    let mut passed = std::mem::take(&mut told.passed);
    passed.retain(|p| taken.iter().all(|t| t.item.id != p.id));
    let reason = if taken.len() < op.count { Some(explain(txn, told)?) } else { None };
    let head = header::read(txn)?;
    let hints = (!known.is_empty()).then_some(SearchHints {
        store: head.store,
        generation: head.generation,
        eligibility,
        released: head.released,
        ranges: known,
    });
    Ok(Ok(Searched { taken, reason, passed, hints }))
}

/// What a search passed over.
#[derive(Default)]
struct Told {
    skipped: SkipCounts,
    passed: Vec<Passed>,
    full: Vec<Queue>,
    open: Vec<Queue>,
}

/// Puts what a search found out in the place of what was known before.
pub(super) fn merge(known: &mut Vec<SearchBookmark>, new: Vec<SearchBookmark>) {
    known.retain(|k| !new.iter().any(|n| (&n.queue, n.priority, n.help) == (&k.queue, k.priority, k.help)));
    known.extend(new);
}

/// Everything that decides which items are passed over, as text: the call without what may differ
/// from call to call, and the assignment. A wish that is added to the operation is part of it.
pub(super) fn eligibility_text(op: &TakeNext, session: &Session) -> String {
    let mut bare = TakeNext { count: 0, ttl: 0, queues: Vec::new(), ..op.clone() };
    bare.choice.hints = Vec::new();
    bare.choice.explain = false;
    let text = to_json(&(bare, &session.areas, session.shard));
    String::from_utf8_lossy(&text).into_owned()
}

/// The compiled areas of a session.
pub(super) fn areas_of(session: &Session) -> Result<Areas, ViewError> {
    Areas::new(&session.areas).map_err(|e| ViewError::damaged(format!("sessions/{}.json", session.name), e))
}

/// Seconds of a lease on an item of this queue.
pub(super) fn ttl_of(op: &TakeNext, queue: &Queue) -> u64 {
    if op.choice.exact_ttl { op.ttl } else { queue.rules.ttl.unwrap_or(op.ttl) }
}

/// The queues to take from: as asked, else the session's, else all.
pub(super) fn queues_of(
    txn: &Txn<'_>,
    op: &TakeNext,
    session: &Session,
    help: bool,
) -> Result<Vec<Queue>, ViewError> {
    let own: &[QueueName] = if help { &[] } else { &session.queues };
    let wanted = if op.queues.is_empty() { own } else { &op.queues };
    let mut list = Vec::new();
    if wanted.is_empty() {
        list = queue::all(txn)?;
    }
    // A session may be assigned to a queue before the first import into it.
    for name in wanted {
        list.extend(queue::get(txn, name)?);
    }
    list.retain(|queue| !op.filter.except_queues.contains(&queue.name));
    Ok(list)
}

/// Gives an item and its files to the session, under a lease of its own.
pub(super) fn take(
    txn: &mut Txn<'_>,
    session: &mut Session,
    found: Found,
    op: &TakeNext,
    help: bool,
    context: &Context,
) -> Result<Taken, ViewError> {
    let Found { slot, item, priority, because } = found;
    let ttl = ttl_of(op, &queue::must_get(txn, &slot.queue)?);
    let generation = header::next_generation(txn)?;
    let mut attempt = 0;
    let kind = Kind::of(&item);
    queue::transition_of(txn, &slot, Some(&kind), ItemState::Claimed, |meta: &mut ItemMeta| {
        // What is only kept ready is not tried yet.
        meta.attempt += u32::from(!session.prefetch);
        attempt = meta.attempt;
        meta.by = Some(session.name.clone());
        meta.lease = Some(generation);
        meta.at = None;
    })?;
    let mut files = item.files.clone();
    files.sort();
    files.dedup();
    for file in &files {
        let holder = Holder {
            session: session.name.clone(),
            mode: Mode::Exclusive,
            since: context.now,
            grants: vec![Grant { lease: generation, item: Some(item.id.clone()), mode: Mode::Exclusive }],
            reason: None,
        };
        claim::grant(txn, file, holder)?;
        session.forget_losses(file);
    }
    session.lost.retain(|l| l.item.as_ref() != Some(&item.id));
    let lease = Lease {
        id: generation,
        mode: Mode::Exclusive,
        since: context.now,
        renewed: context.now,
        renewals: 0,
        ttl,
        clone: context.clone.clone(),
        paths: Vec::new(),
        item: Some(LeasedItem {
            id: item.id.clone(),
            slot: slot.clone(),
            verified: None,
            files,
            title: Some(counters::short(&item.title, TITLE)),
            kind: Some(kind),
        }),
    };
    let expires = lease.expires();
    session.leases.push(lease);
    Ok(Taken { item, queue: slot.queue, priority, attempt, lease: generation, expires, because, help })
}

/// Says why there is nothing more to take.
fn explain(txn: &Txn<'_>, told: Told) -> Result<EmptyReason, ViewError> {
    let mut left = queue::Counts::default();
    for queue in told.open.iter().chain(&told.full) {
        left += queue::must_get(txn, &queue.name)?.counts;
    }
    if told.open.is_empty() && told.full.is_empty() {
        return Ok(EmptyReason::NoQueue);
    }
    if left.left() == 0 {
        return Ok(EmptyReason::AllDone);
    }
    let SkipCounts { files_held, outside_area, other_shard, other_kind } = told.skipped;
    Ok(EmptyReason::Waiting {
        claimed: left.claimed,
        blocked: left.blocked,
        files_held,
        outside_area,
        other_shard,
        other_kind,
        full: told.full.into_iter().map(|q| q.name).collect(),
    })
}

/// Why an item is not for a session because of its assignment; `None`: it is, or the session
/// may help others.
pub(super) fn unassigned(
    session: &Session,
    op: &TakeNext,
    found: &Found,
) -> Result<Option<String>, ViewError> {
    let item = &found.item;
    let queue = &found.slot.queue;
    let wanted = if op.queues.is_empty() { &session.queues } else { &op.queues };
    if !wanted.is_empty() && !wanted.contains(queue) {
        return Ok(Some(format!("it is in queue {queue}, which is not this session's")));
    }
    if !areas_of(session)?.admits(&item.files) {
        return Ok(Some("it lies outside this session's area".into()));
    }
    let other = session.shard.filter(|shard| !shard.has(item));
    Ok(other.map(|shard| {
        let other = || format!("it does not belong to this session's shard {shard}");
        session.without_shard().unwrap_or_else(other)
    }))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::apply;
    use crate::model::base::view::Kind as Stands;
    use crate::model::base::{Blob, Entry, MemView, SessionName, View};
    use crate::model::ops::Op;
    use crate::model::ops::op::StartSession;
    use crate::model::records::header::StateHeader;

    /// A state that counts how often claims are looked up.
    #[derive(Default)]
    struct Counted {
        state: MemView,
        claims: Cell<usize>,
    }

    impl Counted {
        fn count(&self, key: &str) {
            self.claims.set(self.claims.get() + usize::from(key.starts_with("claims/")));
        }

        fn run(&mut self, op: &Op) -> Outcome {
            let mut txn = Txn::new(self);
            let context = Context::local(jiff::Timestamp::UNIX_EPOCH);
            let outcome = apply(&mut txn, op, &context).expect("memory can be read");
            let (changes, _) = txn.finish();
            self.state.commit(changes);
            outcome
        }
    }

    impl View for Counted {
        fn kind(&self, key: &str) -> Result<Stands, ViewError> {
            self.count(key);
            self.state.kind(key)
        }
        fn blob(&self, key: &str) -> Result<Option<Blob>, ViewError> {
            self.count(key);
            self.state.blob(key)
        }
        fn list(&self, key: &str) -> Result<Vec<Entry>, ViewError> {
            self.count(key);
            self.state.list(key)
        }
    }

    #[test]
    fn claims_are_looked_up_for_what_is_taken_and_not_for_all_that_might_be() {
        let mut store = Counted::default();
        let mut txn = Txn::new(&store.state);
        txn.put_json(header::KEY, &StateHeader::new("store".into()));
        let (changes, _) = txn.finish();
        store.state.commit(changes);
        let session = SessionName::parse("s").expect("valid");
        store.run(&Op::StartSession(StartSession::new(session.clone())));
        let items = (0..300).map(|n| {
            // The last of the window is on a file of the first.
            let file = if n == 250 { 0 } else { n };
            let item =
                serde_json::json!({ "id": format!("i{n}"), "title": "t", "files": [format!("src/f{file}")] });
            serde_json::from_value(serde_json::json!({ "item": item, "queue": null, "priority": 2 }))
                .expect("an item")
        });
        let queue = QueueName::parse("main").expect("valid");
        store.run(&Op::Import { session: None, items: items.collect(), queue });
        let op = TakeNext {
            session,
            queues: Vec::new(),
            count: 10,
            ttl: 100,
            filter: Default::default(),
            choice: Default::default(),
        };
        store.claims.set(0);
        let outcome = store.run(&Op::Next(op));
        let Outcome::Taken { items, .. } = outcome else { panic!("{outcome:?}") };
        let ids: Vec<&str> = items.iter().map(|taken| taken.item.id.as_str()).collect();
        assert_eq!(ids, ["i0", "i250", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8"]);
        assert!(store.claims.get() < 200, "claims were looked up {} times", store.claims.get());
    }
}
