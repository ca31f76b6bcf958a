//! What a pool holds, whom it gives it to, and how it comes back.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::choice::Choice;
use super::super::super::claim::Mode;
use super::super::super::head::{Head, KEY};
use super::super::super::op::{ClaimPaths, Finish, HandOut, Handed, StartSession};
use super::super::super::update::Change;
use super::super::super::{ItemId, ItemState, MemView, Op, QueueName, RepoPath, SessionName, ids};
use super::super::{apply, apply_ready, foresee, preview_update};
use super::*;
use crate::model::op::TakeNext;
use crate::model::update::Update;

const NOON: i64 = 1_700_000_000;
const TTL: u64 = 600;

/// A state that several clones share.
struct World {
    state: MemView,
    now: i64,
    pool: usize,
}

fn name(text: &str) -> SessionName {
    SessionName::parse(text).expect("valid")
}

fn id(text: &str) -> ItemId {
    ItemId::parse(text).expect("valid")
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).expect("valid")
}

fn wanted(session: &str, count: usize) -> TakeNext {
    TakeNext {
        session: name(session),
        queues: Vec::new(),
        count,
        ttl: TTL,
        filter: Default::default(),
        choice: Default::default(),
    }
}

/// `n` items, each on a file of its own.
fn items(n: usize) -> Vec<Value> {
    (0..n).map(|i| json!({ "id": format!("i{i:02}"), "title": "t", "files": [format!("f/{i}")] })).collect()
}

impl World {
    /// Sessions `a0` and `a1` of clone `aa` and `b0` of clone `bb`; clones keep four items ready.
    fn new(items: Vec<Value>) -> Self {
        let mut state = MemView::default();
        let mut txn = Txn::new(&state);
        txn.put_json(KEY, &Head::new("store".into()));
        let changes = txn.finish().0;
        state.commit(changes);
        let mut world = World { state, now: NOON, pool: 4 };
        for session in ["a0", "a1", "b0"] {
            world.run(session, &Op::StartSession(StartSession::new(name(session))));
        }
        let new = |item: Value| {
            let queue = item.get("queue").cloned().unwrap_or(Value::Null);
            let priority = item.get("priority").cloned().unwrap_or(json!(2));
            serde_json::from_value(json!({ "item": item, "queue": queue, "priority": priority }))
        };
        let items = items.into_iter().map(|item| new(item).expect("an item")).collect();
        let queue = QueueName::parse("main").expect("valid");
        world.run("a0", &Op::Import { session: None, items, queue });
        world
    }

    /// What an act of a session's clone knows.
    fn context(&self, session: &str) -> Context {
        let clone = session[..1].repeat(2);
        let now = Timestamp::from_second(self.now).expect("valid");
        Context { clone: Some(clone), pool: self.pool, ..Context::local(now) }
    }

    /// Carries out an operation in the clone of a session.
    fn try_run(&mut self, session: &str, op: &Op) -> Outcome {
        let context = self.context(session);
        let mut txn = Txn::new(&self.state);
        let outcome = apply(&mut txn, op, &context).expect("memory can be read");
        let changes = txn.finish().0;
        self.state.commit(changes);
        self.no_file_twice();
        outcome
    }

    fn run(&mut self, session: &str, op: &Op) -> Outcome {
        let outcome = self.try_run(session, op);
        assert!(!outcome.is_refusal(), "{op:?}: {outcome:?}");
        outcome
    }

    /// `next`, by way of the remote.
    fn next(&mut self, session: &str, count: usize) -> Vec<String> {
        ids_of(&self.run(session, &Op::Next(wanted(session, count))))
    }

    /// What the pool of the session's clone has for it, all leases being young; and the note of it.
    fn ready(&self, next: &TakeNext) -> Option<HandOut> {
        let context = self.context(next.session.as_str());
        let mut txn = Txn::new(&self.state);
        let taken = apply_ready(&mut txn, next, &context, &|_| true).expect("memory can be read");
        let items: Vec<_> = taken.iter().map(|t| Handed { id: t.item.id.clone(), lease: t.lease }).collect();
        let pool = pool::name_of(context.clone.as_deref()?)?;
        (!items.is_empty()).then(|| HandOut { pool, next: next.clone(), items, at: context.now })
    }

    fn hand_out(&self, session: &str, count: usize) -> HandOut {
        self.ready(&wanted(session, count)).expect("there is something ready")
    }

    fn session(&self, session: &str) -> Session {
        sessions::get(&self.state, &name(session)).expect("readable").expect("known")
    }

    /// The items of a clone's pool.
    fn pool(&self, clone: &str) -> Vec<String> {
        let pool = pool::of(&self.state, clone).expect("readable");
        pool.map(|p| held(&p)).unwrap_or_default()
    }

    fn standing(&self, item: &str) -> (ItemState, Note) {
        let slot = ids::find(&self.state, &id(item)).expect("readable").expect("known");
        let (state, note, _) = queue::standing(&self.state, &slot).expect("readable");
        (state, note)
    }

    /// No two items in anybody's hands touch the same file, and counters equal contents.
    fn no_file_twice(&self) {
        let all = sessions::all(&self.state).expect("readable");
        let mut seen: Vec<(&SessionName, &RepoPath)> = Vec::new();
        for (session, path) in all
            .iter()
            .flat_map(|s| s.leases.iter().map(move |l| (s, l)))
            .flat_map(|(session, lease)| lease.all_paths().map(move |path| (session, path)))
        {
            let clash =
                seen.iter().find(|(by, p)| p.overlaps(path) && (*by != &session.name || session.pool));
            assert!(clash.is_none(), "{} holds {path}, and {clash:?}", session.name);
            seen.push((&session.name, path));
        }
        for queue in queue::all(&self.state).expect("readable") {
            let held = all.iter().flat_map(|s| &s.leases).filter_map(|l| l.item.as_ref());
            let held = held.filter(|i| i.slot.queue == queue.name).count();
            assert_eq!(queue.counts.claimed, held as u64);
        }
    }
}

fn held(session: &Session) -> Vec<String> {
    session.leases.iter().filter_map(|l| l.item.as_ref()).map(|i| i.id.to_string()).collect()
}

fn ids_of(outcome: &Outcome) -> Vec<String> {
    let Outcome::Taken { items, .. } = outcome else { panic!("{outcome:?}") };
    items.iter().map(|t| t.item.id.to_string()).collect()
}

fn given(out: &HandOut) -> Vec<&str> {
    out.items.iter().map(|h| h.id.as_str()).collect()
}

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
        Op::Claim(ClaimPaths { session: name(session), paths, mode: Mode::Exclusive, ttl: TTL, reason: None })
    };
    let held = world.try_run("b0", &claim("b0", "f/1"));
    let Outcome::Held { blockers } = &held else { panic!("{held:?}") };
    assert_eq!(blockers[0].session, name("pool-aa"));
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
    let start = |areas: &[&str], share: Option<&str>| {
        let areas = Some(areas.iter().map(ToString::to_string).collect());
        let share = share.and_then(|s| s.parse().ok());
        Op::StartSession(StartSession { areas, share, ..StartSession::new(name("a1")) })
    };
    world.run("a1", &start(&["f/4"], None));
    assert_eq!(world.ready(&wanted("a1", 1)).map(|o| o.items[0].id.to_string()).as_deref(), Some("i04"));
    world.run("a1", &start(&[], Some("1/2")));
    let share: crate::model::share::Share = "1/2".parse().expect("valid");
    let mine = |item: &String| {
        let slot = ids::find(&world.state, &id(item)).expect("readable").expect("known");
        share.has(&queue::item(&world.state, &slot).expect("readable"))
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
    foresee(&mut seen, &Op::HandOut(out.clone()), &Context::local(jiff::Timestamp::UNIX_EPOCH))
        .expect("readable");
    let slot = ids::find(&seen, &id("i01")).expect("readable").expect("known");
    let (state, note, _) = queue::standing(&seen, &slot).expect("readable");
    assert_eq!((state, note.attempt, note.by), (ItemState::Claimed, 1, Some(name("a1"))));
    drop(seen);
    let told = world.run("a1", &Op::HandOut(out.clone()));
    let Outcome::Taken { items, .. } = &told else { panic!("{told:?}") };
    assert_eq!((items[0].attempt, items[0].lease), (1, out.items[0].lease), "the lease keeps its number");
    assert_eq!(world.standing("i01").1.attempt, 1);
    assert_eq!(world.session("a1").stats.attempts, 1);
    // And by way of the remote.
    assert_eq!(world.next("a0", 1), ["i02"]);
    assert_eq!(world.standing("i02").1.attempt, 1);
    // Untouched, it never was one.
    world.run("a0", &Op::EndSession { name: name("pool-aa") });
    world.run("a0", &Op::Finish { session: name("a0"), items: vec![id("i02")], how: Finish::Drop });
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
    assert!(world.session("pool-aa").lost.is_empty(), "nobody could be told");
    let (state, note) = world.standing("i01");
    assert_eq!((state, note.attempt, note.fails, note.why), (ItemState::Pending, 0, 0, None));
    // Who was given something is told, and it was an attempt.
    assert_eq!(world.session("a0").lost.len(), 2, "the item and its file");
    assert_eq!(world.standing("i00").1.attempt, 1);
}

#[test]
fn a_pool_keeps_at_most_a_quarter_of_what_is_left() {
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
    // Neither is it kept because something is told of the pool.
    world.run("a0", &only("x"));
    for _ in 0..4 {
        world.now += TTL as i64 / 2 - 1;
        let choice = Choice { categories: vec!["y".into()], ..Choice::default() };
        let out = world.ready(&TakeNext { choice, ..wanted("a0", 1) }).expect("ready");
        world.run("a0", &Op::HandOut(out));
    }
    world.run("a0", &Op::Sweep);
    assert_eq!(world.pool("aa").len(), 4);
}

#[test]
fn a_hand_out_that_is_told_twice_changes_nothing() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let out = world.hand_out("a1", 2);
    world.run("a1", &Op::HandOut(out.clone()));
    let before = (world.session("a1"), world.session("pool-aa"));
    assert_eq!(held(&before.0), ["i01", "i02"]);
    assert_eq!(ids_of(&world.run("a1", &Op::HandOut(out.clone()))), Vec::<String>::new());
    assert_eq!((world.session("a1"), world.session("pool-aa")), before);
    let mut seen = Txn::new(&world.state);
    foresee(&mut seen, &Op::HandOut(out.clone()), &Context::local(jiff::Timestamp::UNIX_EPOCH))
        .expect("readable");
    assert!(seen.is_empty());
}

/// A copy of the clone's folder has a copy of the note, and tells of it when it likes.
#[test]
fn an_old_hand_out_does_not_take_what_another_session_was_handed_since() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let old = world.hand_out("a1", 1);
    assert_eq!(given(&old), ["i01"]);
    world.run("a1", &Op::HandOut(old.clone()));
    world.run("a1", &Op::Finish { session: name("a1"), items: vec![id("i01")], how: Finish::Drop });
    let (pool, next) = (old.pool.clone(), wanted("a0", 1));
    // It comes back to the pool, and goes to another session.
    world.pool = 6;
    world.next("a0", 1);
    let lease = world.session("pool-aa").item_lease(&id("i01")).map(|l| l.id).expect("ready again");
    assert_ne!(lease, old.items[0].lease);
    let new = HandOut { pool, next, items: vec![Handed { id: id("i01"), lease }], at: old.at };
    world.run("c0", &Op::HandOut(old));
    assert!(world.session("a1").item_lease(&id("i01")).is_none());
    world.run("a0", &Op::HandOut(new));
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
    assert_eq!(ids_of(&world.run("a1", &Op::HandOut(out))), ["i01", "i03"]);
    let a1 = world.session("a1");
    assert_eq!(held(&a1), ["i01", "i03"]);
    let loss = a1.item_loss(&id("i02")).expect("it is told");
    assert!(loss.why.contains("before the remote was told"), "{}", loss.why);
    let done = Op::Finish { session: name("a1"), items: vec![id("i02")], how: Finish::Done };
    assert!(matches!(world.try_run("a1", &done), Outcome::Lost { .. }));
}

#[test]
fn a_hand_out_to_an_ended_session_is_refused() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let out = world.hand_out("a1", 1);
    world.run("a1", &Op::EndSession { name: name("a1") });
    let refused = world.try_run("a1", &Op::HandOut(out.clone()));
    assert!(matches!(&refused, Outcome::Refused { rule, .. } if rule == "session-ended"), "{refused:?}");
    assert_eq!(world.pool("aa").len(), 4);
    let mut seen = Txn::new(&world.state);
    foresee(&mut seen, &Op::HandOut(out.clone()), &Context::local(jiff::Timestamp::UNIX_EPOCH))
        .expect("readable");
    assert!(seen.is_empty(), "nobody sees it as handed out");
    drop(seen);
    assert_eq!(given(&world.hand_out("a0", 1)), ["i01"]);
}

/// Its lease has run out, and several hand-outs are told at once: none of them is lost to the others.
#[test]
fn who_was_handed_something_keeps_it_when_nobody_has_taken_it() {
    let mut world = World::new(items(40));
    world.next("a0", 1);
    let all = world.hand_out("a0", 2);
    let one = |n: usize, session: &str| {
        let items = vec![all.items[n].clone()];
        Op::HandOut(HandOut { next: wanted(session, 1), items, ..all.clone() })
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
    let before = world.session("pool-aa");
    let claim = ClaimPaths {
        session: name("pool-aa"),
        paths: vec![path("x")],
        mode: Mode::Exclusive,
        ttl: TTL,
        reason: None,
    };
    let acts = [
        Op::Next(wanted("pool-aa", 1)),
        Op::Claim(claim),
        Op::Finish { session: name("pool-aa"), items: vec![id("i01")], how: Finish::Done },
        Op::StartSession(StartSession::new(name("pool-aa"))),
    ];
    for op in acts {
        let refused = world.try_run("a0", &op);
        assert!(matches!(&refused, Outcome::Refused { rule, .. } if rule == "reserved-name"), "{refused:?}");
    }
    assert!(world.ready(&wanted("pool-aa", 1)).is_none());
    assert_eq!(world.session("pool-aa"), before);
    // A clone that is dead cannot give back what it keeps.
    world.run("b0", &Op::EndSession { name: name("pool-aa") });
    assert_eq!(world.pool("aa"), Vec::<String>::new());
    world.next("a0", 1);
    assert_eq!(world.pool("aa").len(), 4, "it comes back with the next call");
}

#[test]
fn a_session_of_that_name_is_no_pool() {
    let mut world = World::new(items(40));
    world.run("b0", &Op::StartSession(StartSession::new(name("pool-aa"))));
    assert_eq!(world.next("a0", 1), ["i00"]);
    assert_eq!(world.session("pool-aa").leases.len(), 0);
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
        let told = preview_update(&world.state, &update, &world.context(session)).expect("readable");
        (told.changed, told.held)
    };
    assert_eq!((preview(&world, "a0"), preview(&world, "b0")), ((1, 0), (0, 1)));
    world.run("b0", &Op::Update(update.clone()));
    assert_eq!(world.standing("i02").0, ItemState::Claimed, "another clone may have handed it out");
    world.run("a0", &Op::Update(update.clone()));
    assert_eq!(world.standing("i02").0, ItemState::Failed);
    assert_eq!(world.pool("aa"), ["i01", "i03", "i04"]);
}
