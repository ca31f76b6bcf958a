//! Leases under clocks that were set back, or are another clone's.

use git_coord::model::choice::Choice;
use git_coord::model::claim::Mode;
use git_coord::model::header::{self, StateHeader};
use git_coord::model::op::{ClaimPaths, StartSession, TakeNext};
use git_coord::model::session::Verified;
use git_coord::model::{Context, ItemId, MemView, Op, QueueName, Txn, apply, session};
use jiff::Timestamp;
use serde_json::json;

use crate::common::{invariants, name, path};

const NOON: i64 = 1_700_000_000;
const HOUR: i64 = 3600;

/// A state in which `ada` has claimed `x` at noon, by the clock of `clone`.
fn claimed(clone: Option<&str>) -> MemView {
    let mut state = MemView::default();
    let mut txn = Txn::new(&state);
    txn.put_json(header::KEY, &StateHeader::new("store".into()));
    let changes = txn.finish().0;
    state.commit(changes);
    act(&mut state, clone, NOON, &Op::StartSession(StartSession::new(name("ada"))));
    act(&mut state, clone, NOON, &claim("x"));
    state
}

fn claim(file: &str) -> Op {
    let paths = vec![path(file)];
    Op::Claim(ClaimPaths {
        session: name("ada"),
        paths,
        mode: Mode::Exclusive,
        ttl: 1800,
        reason: None,
        fresh: None,
    })
}

fn act(state: &mut MemView, clone: Option<&str>, now: i64, op: &Op) {
    let now = Timestamp::from_second(now).unwrap();
    let context = Context { clone: clone.map(str::to_owned), ..Context::local(now) };
    let mut txn = Txn::new(state);
    assert!(!apply(&mut txn, op, &context).unwrap().is_refusal());
    let changes = txn.finish().0;
    state.commit(changes);
    assert_eq!(invariants::problems(state).unwrap(), Vec::<String>::new());
}

/// Other clones go by clocks of their own: to them a lease that is never renewed is over.
#[test]
fn a_lease_is_renewed_when_the_clock_was_set_back() {
    let mut state = claimed(None);
    act(&mut state, None, NOON - HOUR, &claim("y"));
    let ada = session::get(&state, &name("ada")).unwrap().unwrap();
    let lease = ada.path_lease(&path("x")).unwrap();
    assert_eq!((lease.renewals, lease.renewed.as_second()), (1, NOON - HOUR));
}

/// A lease that now runs out sooner, by the times in the record, must be found when it does.
#[test]
fn a_session_that_moves_to_a_clone_whose_clock_is_slow_is_swept_in_time() {
    let mut state = claimed(Some("ahead"));
    act(&mut state, Some("behind"), NOON - HOUR, &Op::StartSession(StartSession::new(name("ada"))));
    let sweep_at = header::read(&state).unwrap().sweep_at.unwrap();
    assert_eq!(sweep_at.as_second(), NOON - HOUR + 1800);
}

/// A session that asks again for its item, or notes a check of it, renews the lease by its own clock.
#[test]
fn a_lease_that_is_renewed_along_the_way_is_swept_in_time() {
    let import = |state: &mut MemView| {
        let item = json!({ "item": { "id": "i", "title": "t" }, "queue": null, "priority": 2 });
        let items = vec![serde_json::from_value(item).unwrap()];
        act(
            state,
            Some("ahead"),
            NOON,
            &Op::Import { session: None, items, queue: QueueName::parse("q").unwrap() },
        );
        act(state, Some("ahead"), NOON, &take("i"));
    };
    let verified = Verified {
        ok: true,
        at: Timestamp::from_second(NOON - HOUR).unwrap(),
        command: "make".into(),
        exit: Some(0),
        tree: None,
    };
    let item = ItemId::parse("i").unwrap();
    for op in [take("i"), Op::Verify { session: name("ada"), item, verified, lease: None }] {
        let mut state = claimed(Some("ahead"));
        import(&mut state);
        act(&mut state, Some("behind"), NOON - HOUR, &op);
        let sweep_at = header::read(&state).unwrap().sweep_at.unwrap();
        assert_eq!(sweep_at.as_second(), NOON - HOUR + 1800, "after {op:?}");
    }
}

fn take(item: &str) -> Op {
    let choice = Choice { item: Some(ItemId::parse(item).unwrap()), ..Choice::default() };
    let filter = Default::default();
    Op::Next(TakeNext { session: name("ada"), queues: Vec::new(), count: 1, ttl: 1800, filter, choice })
}
