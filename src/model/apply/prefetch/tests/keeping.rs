//! What a clone prefetches, offers and gives back.

use super::*;

#[test]
fn no_two_items_of_a_pool_share_a_file() {
    // Three items a file, and one on the folder that all of them lie in.
    let mut list: Vec<Value> = (0..24)
        .map(|i| json!({ "id": format!("i{i:02}"), "title": "t", "files": [format!("f/{}", i / 3)] }))
        .collect();
    list.insert(4, json!({ "id": "folder", "title": "t", "files": ["f"] }));
    let mut world = World::new(list);
    assert_eq!(world.next("a0", 1), ["i00"]);
    assert_eq!(world.pool("aa"), ["i03", "i06", "i09", "i12"]);
    // Also not with what the session that is asked for holds, although it could take that itself.
    assert_eq!(world.session("a0").leases.len(), 1);
}

#[test]
fn a_claim_makes_the_own_pool_give_way_and_no_other() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    assert_eq!(world.pool("aa"), ["i01", "i02", "i03", "i04"]);
    let claim = |session: &str, file: &str| {
        let paths = vec![path(file)];
        Op::Claim(ClaimPaths {
            session: name(session),
            paths,
            mode: Mode::Exclusive,
            ttl: TTL,
            reason: None,
            fresh: None,
        })
    };
    let held = world.try_run("b0", &claim("b0", "f/1"));
    let Outcome::Held { blockers } = &held else { panic!("{held:?}") };
    assert_eq!(blockers[0].session, name("prefetch-aa"));
    assert_eq!(world.pool("aa").len(), 4, "a refused claim changes nothing");
    world.run("a1", &claim("a1", "f/1"));
    assert_eq!(world.pool("aa"), ["i02", "i03", "i04"]);
    assert_eq!((world.standing("i01").0, world.standing("i01").1.attempt), (ItemState::Pending, 0));
    // A folder above, on which another session holds something: all stays as it is.
    assert!(world.try_run("a1", &claim("a1", "f")).is_refusal());
    assert_eq!(world.pool("aa"), ["i02", "i03", "i04"]);
}

#[test]
fn an_item_that_is_asked_for_comes_out_of_the_own_pool() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let ask = |session: &str| {
        let choice = Choice { item: Some(id("i02")), ..Choice::default() };
        Op::Next(TakeNext { choice, ..wanted(session, 1) })
    };
    assert!(matches!(world.try_run("b0", &ask("b0")), Outcome::Held { .. }));
    assert_eq!(ids_of(&world.run("a1", &ask("a1"))), ["i02"]);
    assert_eq!(world.pool("aa"), ["i01", "i03", "i04"]);
    assert_eq!(world.standing("i02").1.attempt, 1);
    assert_eq!(held(&world.session("a1")), ["i02"]);
}

#[test]
fn only_what_fits_is_offered() {
    let mut list = items(40);
    for (i, item) in list.iter_mut().enumerate() {
        item["category"] = json!(if i % 2 == 0 { "even" } else { "odd" });
        item["queue"] = json!(if i < 20 { "first" } else { "second" });
    }
    let mut world = World::new(list);
    world.next("a0", 1);
    assert_eq!(world.pool("aa"), ["i01", "i02", "i03", "i04"]);
    let first = |next: &TakeNext| world.ready(next).map(|out| out.items[0].id.to_string());
    let wish = |choice: Choice| TakeNext { choice, ..wanted("a1", 1) };
    assert_eq!(first(&wanted("a1", 1)).as_deref(), Some("i01"));
    let even = Choice { categories: vec!["even".into()], ..Choice::default() };
    assert_eq!(first(&wish(even)).as_deref(), Some("i02"));
    let area = Choice { areas: vec!["f/3".into()], ..Choice::default() };
    assert_eq!(first(&wish(area)).as_deref(), Some("i03"));
    let queue = |q: &str| vec![QueueName::parse(q).expect("valid")];
    assert_eq!(first(&TakeNext { queues: queue("second"), ..wanted("a1", 1) }), None);
    assert_eq!(first(&TakeNext { queues: queue("nowhere"), ..wanted("a1", 1) }), None);
    assert_eq!(first(&wanted("a1", 5)), None, "as many as were asked for, or none");
    assert_eq!(first(&TakeNext { ttl: TTL / 2, ..wanted("a1", 1) }), None, "for as long as was asked for");
    assert_eq!(first(&wanted("b0", 1)), None, "another clone's is not there");
    // And what is the session's own.
    let start = |areas: &[&str], shard: Option<&str>| {
        let areas = Some(areas.iter().map(ToString::to_string).collect());
        let shard = shard.and_then(|s| s.parse().ok());
        Op::StartSession(StartSession { areas, shard, ..StartSession::new(name("a1")) })
    };
    world.run("a1", &start(&["f/4"], None));
    assert_eq!(world.ready(&wanted("a1", 1)).map(|o| o.items[0].id.to_string()).as_deref(), Some("i04"));
    world.run("a1", &start(&[], Some("1/2")));
    let shard: crate::model::records::shard::Shard = "1/2".parse().expect("valid");
    let mine = |item: &String| {
        let slot = item_index::find(&world.state, &id(item)).expect("readable").expect("known");
        shard.has(&queue::item(&world.state, &slot).expect("readable"))
    };
    let expected = world.pool("aa").into_iter().find(mine);
    assert_eq!(world.ready(&wanted("a1", 1)).map(|o| o.items[0].id.to_string()), expected);
}

#[test]
fn an_attempt_counts_once() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    assert_eq!(world.standing("i01").1.attempt, 0, "what is kept ready is not tried yet");
    let out = world.hand_out("a1", 1);
    assert_eq!(given(&out), ["i01"]);
    let mut seen = Txn::new(&world.state);
    project(&mut seen, &Op::PrefetchGrant(out.clone()), &Context::local(jiff::Timestamp::UNIX_EPOCH))
        .expect("readable");
    let slot = item_index::find(&seen, &id("i01")).expect("readable").expect("known");
    let (state, meta, _) = queue::placement(&seen, &slot).expect("readable");
    assert_eq!((state, meta.attempt, meta.by), (ItemState::Claimed, 1, Some(name("a1"))));
    drop(seen);
    let granted = world.run("a1", &Op::PrefetchGrant(out.clone()));
    let Outcome::Taken { items, .. } = &granted else { panic!("{granted:?}") };
    assert_eq!((items[0].attempt, items[0].lease), (1, out.items[0].lease), "the lease keeps its number");
    assert_eq!(world.standing("i01").1.attempt, 1);
    assert_eq!(world.session("a1").stats.attempts, 1);
    // And by way of the remote.
    assert_eq!(world.next("a0", 1), ["i02"]);
    assert_eq!(world.standing("i02").1.attempt, 1);
    // Untouched, it never was one.
    world.run("a0", &Op::EndSession { name: name("prefetch-aa") });
    world.run(
        "a0",
        &Op::Finish { session: name("a0"), items: vec![id("i02")], how: Finish::Drop, lease: None },
    );
    for item in ["i02", "i03", "i04", "i05"] {
        assert_eq!(
            (world.standing(item).0, world.standing(item).1.attempt),
            (ItemState::Pending, 0),
            "{item}"
        );
    }
}

#[test]
fn what_runs_out_in_a_pool_goes_back_without_a_loss_and_without_an_attempt() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    world.now += TTL as i64 + 1;
    world.run("a1", &Op::Sweep);
    assert_eq!(world.pool("aa"), Vec::<String>::new());
    assert!(world.session("prefetch-aa").lost.is_empty(), "no session was there to learn of it");
    let (state, meta) = world.standing("i01");
    assert_eq!((state, meta.attempt, meta.fails, meta.why), (ItemState::Pending, 0, 0, None));
    // A session that was given something learns of it, and it was an attempt.
    assert_eq!(world.session("a0").lost.len(), 2, "the item and its file");
    assert_eq!(world.standing("i00").1.attempt, 1);
}

#[test]
fn a_clone_prefetches_at_most_a_quarter_of_what_is_left() {
    let mut world = World::new(items(13));
    world.pool = 10;
    world.next("a0", 1);
    assert_eq!(world.pool("aa"), ["i01", "i02", "i03"], "a quarter of twelve");
    // Others take most of the rest.
    world.pool = 0;
    assert_eq!(world.next("b0", 8).len(), 8);
    world.pool = 10;
    world.next("a1", 1);
    assert_eq!(world.pool("aa"), Vec::<String>::new(), "a quarter of three: the rest went back");
    assert_eq!(world.standing("i02").0, ItemState::Pending);
    assert_eq!(world.next("b0", 5).len(), 3, "nobody waits for what is only kept ready");
}

#[test]
fn a_pool_that_is_switched_off_or_made_smaller_goes_back() {
    let mut world = World::new(items(80));
    world.next("a0", 1);
    world.pool = 2;
    world.next("a0", 1);
    assert_eq!(world.pool("aa"), ["i02", "i03"]);
    world.pool = 0;
    world.next("a0", 1);
    assert_eq!(world.pool("aa"), Vec::<String>::new());
    assert_eq!(world.standing("i03").0, ItemState::Pending);
}

#[test]
fn what_nobody_asks_for_any_more_is_not_kept() {
    let mut list = items(80);
    list.iter_mut()
        .enumerate()
        .for_each(|(i, item)| item["category"] = json!(if i < 40 { "x" } else { "y" }));
    let mut world = World::new(list);
    let only = |category: &str| {
        let choice = Choice { categories: vec![category.into()], ..Choice::default() };
        Op::Next(TakeNext { choice, ..wanted("a0", 1) })
    };
    world.run("a0", &only("x"));
    world.run("a0", &only("y"));
    assert_eq!(world.pool("aa").len(), 8);
    // Time goes by, and it is always the same that is asked for.
    for _ in 0..4 {
        world.now += TTL as i64 / 2;
        world.run("a0", &only("y"));
    }
    assert_eq!(world.pool("aa").len(), 4, "the others have run out");
    assert_eq!(world.standing("i01").0, ItemState::Pending);
    // Neither is it kept because a hand-out is sent.
    world.run("a0", &only("x"));
    for _ in 0..4 {
        world.now += TTL as i64 / 2 - 1;
        let choice = Choice { categories: vec!["y".into()], ..Choice::default() };
        let out = world.ready(&TakeNext { choice, ..wanted("a0", 1) }).expect("ready");
        world.run("a0", &Op::PrefetchGrant(out));
    }
    world.run("a0", &Op::Sweep);
    assert_eq!(world.pool("aa").len(), 4);
}
