//! Taking the next items, each with its files, in one act.

use super::assignment::{areas_of, queues_of};
use super::candidate::Eligibility;
use super::grant::{record_taken, take};
use super::hints::{eligibility_text, merge, still_true};
use super::lease_ops::renew_due;
use super::refusal::{Ruling, active, refused, unknown};
use super::search::Search;
use super::unlanded::items_must_be_fresh;
use super::{named, prefetch};
use crate::model::base::{Context, RuleId, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::choice::{Passed, SearchHints, SkipCounts};
use crate::model::ops::op::TakeNext;
use crate::model::ops::outcome::{EmptyReason, Taken};
use crate::model::records::area::Areas;
use crate::model::records::header;
use crate::model::records::queue::{self, Queue};
use crate::model::records::session::Session;

/// Takes the next items for a session.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn next(txn: &mut Txn<'_>, op: &TakeNext, context: &Context) -> Ruling {
    let mut session = active(txn, &op.session)?;
    for name in &op.queues {
        if queue::get(txn, name)?.is_none() {
            return Err(unknown("queue", name));
        }
    }
    renew_due(&mut session, context);
    let Searched { taken, reason, passed, hints } = match &op.choice.item {
        Some(id) => {
            prefetch::evict(txn, context, |l| l.item.as_ref().is_some_and(|i| i.id == *id))?;
            match named::find(txn, &session, op, id)? {
                named::Named::Free(found, help) => {
                    let taken = vec![take(txn, &mut session, *found, op, help, context)?];
                    Searched { taken, ..Searched::default() }
                }
                named::Named::Mine(taken) => {
                    let items = vec![*taken];
                    return Ok(Outcome::Taken { items, reason: None, passed: Vec::new(), hints: None });
                }
            }
        }
        None => search(txn, &mut session, op, context)?,
    };
    items_must_be_fresh(txn, &op.session, &taken, op.choice.fresh.as_ref())?;
    if !taken.is_empty() {
        record_taken(txn, &mut session, &taken, context.now)?;
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
fn search(txn: &mut Txn<'_>, session: &mut Session, op: &TakeNext, context: &Context) -> Ruling<Searched> {
    let own = areas_of(session)?;
    let bad = |e: crate::model::records::area::AreaError| {
        refused(RuleId::Area, e.to_string(), "write a pattern such as 'src/payments/**'")
    };
    let asked = Areas::new(&op.choice.areas).map_err(bad)?;
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
    // What waits for a landing becomes free without anything being given back.
    let lasting = !op.choice.fresh.as_ref().is_some_and(|f| f.until_landed);
    let hints = (!known.is_empty() && lasting).then_some(SearchHints {
        store: head.store,
        generation: head.generation,
        eligibility,
        released: head.released,
        ranges: known,
    });
    Ok(Searched { taken, reason, passed, hints })
}

/// What a search passed over.
#[derive(Default)]
struct Told {
    skipped: SkipCounts,
    passed: Vec<Passed>,
    full: Vec<Queue>,
    open: Vec<Queue>,
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::apply;
    use crate::model::base::view::Kind as Stands;
    use crate::model::base::{Blob, Entry, MemView, QueueName, SessionName, View};
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
