//! Starting and ending sessions.

use super::lease_ops::{free, put, renew_due};
use super::refusal::{Ruling, reserved_for_prefetch};
use crate::model::base::{Context, Event, EventKind, SessionName, Txn};
use crate::model::ops::Outcome;
use crate::model::ops::op::{Assign, StartSession};
use crate::model::records::session::{self as sessions, Session, SessionState};
use crate::model::records::shard::Shard;
use crate::model::records::{ItemState, claim, header, queue};

/// Starts a session, or resumes it.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn start(txn: &mut Txn<'_>, op: &StartSession, context: &Context) -> Ruling {
    let known = sessions::get(txn, &op.name)?;
    let resumed = known.is_some();
    if known.as_ref().is_some_and(|k| k.prefetch) {
        return Err(reserved_for_prefetch(&op.name));
    }
    if let Some(known) = known.as_ref().filter(|k| k.is_bound() && k.token != op.token && !op.abandoned) {
        return Err(Outcome::bound_elsewhere(known).into());
    }
    if op.folds_names {
        claim::fold_names(txn)?;
    }
    let mut session = known.unwrap_or_else(|| new(&op.name, context));
    let before = session.clone();
    session.state = SessionState::Active;
    session.ended = None;
    session.token = op.token.clone();
    session.worktree = op.worktree.clone().or(session.worktree);
    session.branch = op.branch.clone().or(session.branch);
    session.host = op.host.clone().or(session.host);
    session.clone = context.clone.clone();
    if let Some(queues) = &op.queues {
        session.queues = queues.clone();
    }
    if let Some(areas) = &op.areas {
        session.areas = areas.clone();
    }
    session.shard = op.shard.or(session.shard);
    session.help_others = op.help_others.unwrap_or(session.help_others);
    renew_due(&mut session, context);
    if !resumed || session != before {
        put(txn, &session)?;
        header::next_generation(txn)?;
        let word = if resumed { "session resume" } else { "session start" };
        txn.record(Event::new(context.now, Some(&op.name), word));
    }
    Ok(Outcome::Session { session: Box::new(session), released: Vec::new(), dropped: Vec::new() })
}

/// Assigns work to a session, known or not. Its leases, its worktree and whether it is at work stay
/// as they are: somebody else speaks of it, so this shows nothing of its life.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn assign(txn: &mut Txn<'_>, to: &Assign, context: &Context) -> Ruling {
    let known = sessions::get(txn, &to.session)?;
    if known.as_ref().is_some_and(|k| k.prefetch) {
        return Err(reserved_for_prefetch(&to.session));
    }
    let mut session = known.clone().unwrap_or_else(|| new(&to.session, context));
    session.queues.clone_from(&to.queues);
    session.areas.clone_from(&to.areas);
    session.shard = to.shard;
    if known.as_ref() != Some(&session) {
        sessions::put(txn, &session);
        header::next_generation(txn)?;
        txn.record(
            Event::new(context.now, Some(&to.session), EventKind::Assign)
                .with("queues", &to.queues)
                .with("areas", &to.areas)
                .with("shard", to.shard),
        );
    }
    Ok(Outcome::Session { session: Box::new(session), released: Vec::new(), dropped: Vec::new() })
}

/// Assigns the shards of a split, and retires those that are left over from an earlier one.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn split(txn: &mut Txn<'_>, prefix: &str, to: &[Assign], context: &Context) -> Ruling {
    for one in to {
        let outcome = assign(txn, one, context)?;
        if outcome.is_refusal() {
            return Ok(outcome);
        }
    }
    let count = u32::try_from(to.len()).unwrap_or(u32::MAX);
    let mut retired = Vec::new();
    for session in sessions::all(txn)? {
        // Given by hand under such a name, it is another shard, and not ours to take.
        let name = |shard: &Shard| session.name.as_str() == format!("{prefix}-{}", shard.number());
        let left = session.shard.filter(|shard| shard.number() > count);
        let Some(shard) = left.filter(name) else { continue };
        let gone = Assign {
            session: session.name.clone(),
            queues: session.queues.clone(),
            areas: session.areas.clone(),
            shard: Some(shard.beyond(count)),
        };
        assign(txn, &gone, context)?;
        if !shard.is_gone() {
            let held = session.leases.iter().filter_map(|l| Some(l.item.as_ref()?.id.clone()));
            retired.push((session.name.clone(), held.collect()));
        }
    }
    retired.sort_by_key(|(name, _)| (name.as_str().len(), name.clone()));
    Ok(Outcome::Split { retired })
}

/// A session that holds nothing and is bound to no worktree.
fn new(name: &SessionName, context: &Context) -> Session {
    Session {
        name: name.clone(),
        token: String::new(),
        state: SessionState::Active,
        started: context.now,
        ended: None,
        worktree: None,
        branch: None,
        clone: None,
        host: None,
        queues: Vec::new(),
        areas: Vec::new(),
        shard: None,
        help_others: false,
        prefetch: false,
        done: 0,
        failed: 0,
        stats: Default::default(),
        leases: Vec::new(),
        lost: Vec::new(),
        inbox: Vec::new(),
    }
}

/// The pool of the clone that acts, with nothing in it.
pub(super) fn new_prefetch(name: &SessionName, context: &Context) -> Session {
    Session { prefetch: true, clone: context.clone.clone(), ..new(name, context) }
}

/// Ends a session; everything it holds goes back. Ending it again changes nothing.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn end(txn: &mut Txn<'_>, name: &SessionName, context: &Context) -> Ruling {
    let found = sessions::get(txn, name)?
        .ok_or_else(|| Outcome::Unknown { what: "session".into(), name: name.to_string() });
    let mut session = found?;
    if session.state == SessionState::Ended {
        return Ok(Outcome::Session {
            session: Box::new(session),
            released: Vec::new(),
            dropped: Vec::new(),
        });
    }
    let mut released = Vec::new();
    let mut dropped = Vec::new();
    let leases: Vec<_> = session.leases.iter().map(|l| l.id).collect();
    for lease in std::mem::take(&mut session.leases) {
        free(txn, name, &lease)?;
        released.extend(lease.paths);
        if let Some(item) = lease.item {
            session.stats.untouched();
            queue::transition_of(txn, &item.slot, item.kind.as_ref(), ItemState::Pending, |meta| {
                meta.at = Some(context.now);
                // Given back, not tried: as with `drop`.
                meta.attempt = meta.attempt.saturating_sub(u32::from(!session.prefetch));
            })?;
            dropped.push(item.id);
        }
    }
    session.state = SessionState::Ended;
    session.ended = Some(context.now);
    sessions::put(txn, &session);
    header::next_generation(txn)?;
    txn.record(
        Event::new(context.now, Some(name), EventKind::SessionEnd)
            .with("paths", &released)
            .with("items", &dropped)
            .with("leases", leases),
    );
    Ok(Outcome::Session { session: Box::new(session), released, dropped })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::base::{MemView, QueueName, RepoPath, to_json};
    use crate::model::ops::Op;
    use crate::model::ops::op::ClaimPaths;
    use crate::model::records::claim::Mode;
    use crate::model::records::header::{KEY, StateHeader};
    use crate::model::{Context, apply};
    use jiff::Timestamp;

    fn name(text: &str) -> SessionName {
        SessionName::parse(text).expect("valid")
    }

    fn at(seconds: i64, clone: Option<&str>) -> Context {
        let now = Timestamp::from_second(1_700_000_000 + seconds).expect("valid");
        Context { clone: clone.map(str::to_owned), ..Context::local(now) }
    }

    fn run(state: &mut MemView, op: &Op, context: &Context) -> (Outcome, Vec<Event>) {
        let mut txn = Txn::new(state);
        let outcome = apply(&mut txn, op, context).expect("memory can be read");
        let (changes, events) = txn.finish();
        state.commit(changes);
        (outcome, events)
    }

    fn store() -> MemView {
        let mut state = MemView::default();
        let mut txn = Txn::new(&state);
        txn.put_json(KEY, &StateHeader::new("store".into()));
        let (changes, _) = txn.finish();
        state.commit(changes);
        state
    }

    fn start(token: &str) -> Op {
        Op::StartSession(StartSession {
            token: token.into(),
            areas: Some(vec!["src".into()]),
            ..StartSession::new(name("s"))
        })
    }

    fn assign(shard: &str) -> Op {
        let queues = vec![QueueName::parse("main").expect("valid")];
        Op::Assign(Assign { session: name("s"), queues, areas: Vec::new(), shard: shard.parse().ok() })
    }

    fn claim(ttl: u64) -> Op {
        let paths = vec![RepoPath::parse("a").expect("valid")];
        Op::Claim(ClaimPaths {
            session: name("s"),
            paths,
            mode: Mode::Exclusive,
            ttl,
            reason: None,
            fresh: None,
        })
    }

    fn record(state: &MemView) -> Session {
        sessions::get(state, &name("s")).expect("readable").expect("known")
    }

    #[test]
    fn what_was_only_recorded_is_a_sign_of_life_as_of_then() {
        let recorded = |then: i64, now: i64| {
            let mut state = store();
            run(&mut state, &start("t"), &at(0, None));
            run(&mut state, &claim(100), &at(0, None));
            let record = Op::Record {
                session: Some(name("s")),
                event: crate::model::EventKind::Commit.into(),
                data: Default::default(),
            };
            let context = Context { accepted: Some(at(then, None).now), ..at(now, None) };
            let (_, events) = run(&mut state, &record, &context);
            let commit =
                events.iter().find(|e| e.event == crate::model::EventKind::Commit).expect("recorded");
            (state, commit.time)
        };
        // It went out with another's act, when the lease was over, and had come too early to change that.
        let (state, time) = recorded(1, 105);
        assert_eq!(record(&state).leases.len(), 0);
        assert_eq!(time, at(1, None).now, "it is dated when it happened");
        // It shows that the session was alive a while later.
        let (state, _) = recorded(60, 105);
        assert_eq!(record(&state).leases[0].expires(), at(160, None).now);
        // A clock that was set back does not lengthen anything.
        let (state, _) = recorded(5000, 105);
        assert_eq!(record(&state).leases[0].expires(), at(205, None).now);
    }

    #[test]
    fn an_assignment_is_no_sign_of_life() {
        let mut state = store();
        run(&mut state, &start("t"), &at(0, Some("one")));
        run(&mut state, &claim(100), &at(0, Some("one")));
        let before = record(&state);
        // Past half of the lease's time, from another clone: neither renewed nor moved there.
        let (_, events) = run(&mut state, &assign("1/2"), &at(80, Some("two")));
        assert_eq!(events.iter().map(|e| e.event.as_str()).collect::<Vec<_>>(), ["assign"]);
        let expected = Session {
            queues: vec![QueueName::parse("main").expect("valid")],
            areas: Vec::new(),
            shard: "1/2".parse().ok(),
            ..before
        };
        assert_eq!(to_json(&record(&state)), to_json(&expected));
        let (_, events) = run(&mut state, &assign("1/2"), &at(81, Some("two")));
        assert!(events.is_empty(), "the same again changes nothing");
        // When the time is over, it is over.
        run(&mut state, &assign("2/2"), &at(101, Some("one")));
        assert_eq!((record(&state).leases.len(), record(&state).lost.len()), (0, 1));
        // One that has ended stays so, and finds its assignment when it is started again.
        run(&mut state, &Op::EndSession { name: name("s") }, &at(102, None));
        run(&mut state, &assign("1/2"), &at(103, None));
        assert_eq!(record(&state).state, SessionState::Ended);
    }

    #[test]
    fn whoever_is_first_starts_a_session_that_was_only_assigned_to() {
        let mut state = store();
        run(&mut state, &assign("1/2"), &at(0, Some("one")));
        let started = run(
            &mut state,
            &Op::StartSession(StartSession { token: "t".into(), ..StartSession::new(name("s")) }),
            &at(1, Some("two")),
        )
        .0;
        assert!(matches!(started, Outcome::Session { .. }), "{started:?}");
        assert_eq!(
            (record(&state).clone.as_deref(), record(&state).shard),
            (Some("two"), "1/2".parse().ok())
        );
        let other = run(&mut state, &start("u"), &at(2, Some("one"))).0;
        assert!(matches!(other, Outcome::Held { .. }), "{other:?}");
    }
}
