//! Telling what was handed out.

use super::*;

#[test]
fn a_hand_out_that_is_sent_twice_changes_nothing() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let out = world.hand_out("a1", 2);
    world.run("a1", &Op::PrefetchGrant(out.clone()));
    let before = (world.session("a1"), world.session("prefetch-aa"));
    assert_eq!(held(&before.0), ["i01", "i02"]);
    assert_eq!(ids_of(&world.run("a1", &Op::PrefetchGrant(out.clone()))), Vec::<String>::new());
    assert_eq!((world.session("a1"), world.session("prefetch-aa")), before);
    let mut seen = Txn::new(&world.state);
    project(&mut seen, &Op::PrefetchGrant(out.clone()), &Context::local(jiff::Timestamp::UNIX_EPOCH))
        .expect("readable");
    assert!(seen.is_empty());
}

/// A copy of the clone's folder has a copy of the note, and sends it when it likes.
#[test]
fn an_old_hand_out_does_not_take_what_another_session_was_handed_since() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let old = world.hand_out("a1", 1);
    assert_eq!(given(&old), ["i01"]);
    world.run("a1", &Op::PrefetchGrant(old.clone()));
    world.run(
        "a1",
        &Op::Finish { session: name("a1"), items: vec![id("i01")], how: Finish::Drop, lease: None },
    );
    let (pool, next) = (old.pool.clone(), wanted("a0", 1));
    // It becomes ready again, and goes to another session.
    world.pool = 6;
    world.next("a0", 1);
    let lease = world.session("prefetch-aa").item_lease(&id("i01")).map(|l| l.id).expect("ready again");
    assert_ne!(lease, old.items[0].lease);
    let new = PrefetchGrant { pool, next, items: vec![PrefetchedItem { id: id("i01"), lease }], at: old.at };
    world.run("c0", &Op::PrefetchGrant(old));
    assert!(world.session("a1").item_lease(&id("i01")).is_none());
    world.run("a0", &Op::PrefetchGrant(new));
    assert!(world.session("a0").item_lease(&id("i01")).is_some());
}

#[test]
fn one_lost_item_takes_no_others_with_it() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let out = world.hand_out("a1", 3);
    // Another clone has waited long enough for one of them.
    let lease = out.items[1].lease;
    let context = Context { stale: [(lease, 0)].into(), ..world.context("b0") };
    let mut txn = Txn::new(&world.state);
    apply(&mut txn, &Op::Sweep, &context).expect("readable");
    let changes = txn.finish().0;
    world.state.commit(changes);
    assert_eq!(world.standing("i02").0, ItemState::Pending);
    assert_eq!(ids_of(&world.run("a1", &Op::PrefetchGrant(out))), ["i01", "i03"]);
    let a1 = world.session("a1");
    assert_eq!(held(&a1), ["i01", "i03"]);
    let loss = a1.item_loss(&id("i02")).expect("the session learns of it");
    assert!(loss.why.contains("before the remote was told"), "{}", loss.why);
    let done = Op::Finish { session: name("a1"), items: vec![id("i02")], how: Finish::Done, lease: None };
    assert!(matches!(world.try_run("a1", &done), Outcome::Lost { .. }));
}

#[test]
fn a_hand_out_to_an_ended_session_is_refused() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let out = world.hand_out("a1", 1);
    world.run("a1", &Op::EndSession { name: name("a1") });
    let refused = world.try_run("a1", &Op::PrefetchGrant(out.clone()));
    assert!(
        matches!(&refused, Outcome::Refused { rule, .. } if rule.as_str() == "session-ended"),
        "{refused:?}"
    );
    assert_eq!(world.pool("aa").len(), 4);
    let mut seen = Txn::new(&world.state);
    project(&mut seen, &Op::PrefetchGrant(out.clone()), &Context::local(jiff::Timestamp::UNIX_EPOCH))
        .expect("readable");
    assert!(seen.is_empty(), "nobody sees it as handed out");
    drop(seen);
    assert_eq!(given(&world.hand_out("a0", 1)), ["i01"]);
}

/// Its lease has run out, and several hand-outs are sent at once: none of them is lost to the others.
#[test]
fn a_session_that_was_handed_something_keeps_it_when_nobody_has_taken_it() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let all = world.hand_out("a0", 2);
    let one = |n: usize, session: &str| {
        let items = vec![all.items[n].clone()];
        Op::PrefetchGrant(PrefetchGrant { next: wanted(session, 1), items, ..all.clone() })
    };
    let (first, second) = (one(0, "a0"), one(1, "a1"));
    world.now += TTL as i64 + 1;
    world.run("a0", &first);
    world.run("a1", &second);
    assert!(world.session("a0").item_lease(&id("i01")).is_some());
    assert!(world.session("a1").item_lease(&id("i02")).is_some());
}

#[test]
fn nobody_works_as_a_pool() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let before = world.session("prefetch-aa");
    let claim = ClaimPaths {
        session: name("prefetch-aa"),
        paths: vec![path("x")],
        mode: Mode::Exclusive,
        ttl: TTL,
        reason: None,
        fresh: None,
    };
    let acts = [
        Op::Next(wanted("prefetch-aa", 1)),
        Op::Claim(claim),
        Op::Finish { session: name("prefetch-aa"), items: vec![id("i01")], how: Finish::Done, lease: None },
        Op::StartSession(StartSession::new(name("prefetch-aa"))),
    ];
    for op in acts {
        let refused = world.try_run("a0", &op);
        assert!(
            matches!(&refused, Outcome::Refused { rule, .. } if rule.as_str() == "reserved-name"),
            "{refused:?}"
        );
    }
    assert!(world.ready(&wanted("prefetch-aa", 1)).is_none());
    assert_eq!(world.session("prefetch-aa"), before);
    // A clone that is dead cannot give back what it keeps.
    world.run("b0", &Op::EndSession { name: name("prefetch-aa") });
    assert_eq!(world.pool("aa"), Vec::<String>::new());
    world.next("a0", 1);
    assert_eq!(world.pool("aa").len(), 4, "it comes back with the next call");
}

#[test]
fn a_session_of_that_name_is_no_pool() {
    let mut world = World::new(items(40));
    world.run("b0", &Op::StartSession(StartSession::new(name("prefetch-aa"))));
    assert_eq!(world.next("a0", 1), ["i00"]);
    assert_eq!(world.session("prefetch-aa").leases.len(), 0);
    assert!(world.ready(&wanted("a0", 1)).is_none());
}

#[test]
fn what_is_kept_ready_is_changed_as_what_is_free() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let change = Change { cancel: true, ..Change::default() };
    let conditions = vec!["id=i02".parse().expect("valid")];
    let update = Update { session: None, conditions, change, limit: None };
    let preview = |world: &World, session: &str| {
        let seen = preview_update(&world.state, &update, &world.context(session)).expect("readable");
        (seen.changed, seen.held)
    };
    assert_eq!((preview(&world, "a0"), preview(&world, "b0")), ((1, 0), (0, 1)));
    world.run("b0", &Op::Update(update.clone()));
    assert_eq!(world.standing("i02").0, ItemState::Claimed, "another clone may have handed it out");
    world.run("a0", &Op::Update(update.clone()));
    assert_eq!(world.standing("i02").0, ItemState::Failed);
    assert_eq!(world.pool("aa"), ["i01", "i03", "i04"]);
}
