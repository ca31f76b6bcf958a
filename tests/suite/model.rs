//! The pure state machine under random operations: the invariants hold after each of them, it
//! agrees with the naive description of [`super::model_oracle`], and refusals leave no trace.

use std::collections::BTreeMap;

use git_coord::model::choice::{Choice, SearchHints};
use git_coord::model::claim::{self, Mode};
use git_coord::model::header::{self, StateHeader};
use git_coord::model::op::{ClaimPaths, Finish, RenewWhat, StartSession, TakeNext};
use git_coord::model::update::{self, Change, Update};
use git_coord::model::{
    Context, Item, ItemId, ItemState, MemView, NewItem, Op, Outcome, QueueName, RepoPath, SessionName, Txn,
    apply, item_index, queue, to_json,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::model_oracle::Oracle;
use crate::common::{invariants, name, path};

const SESSIONS: [&str; 3] = ["ada", "bob", "cy"];
const PATHS: [&str; 8] = [".", "a", "a/b", "a/b/c", "a/d", "e", "e/f", "%"];

/// The state machine with its state in memory.
struct Machine {
    state: MemView,
    oracle: Oracle,
    /// What each session's last search found out.
    hints: BTreeMap<usize, SearchHints>,
}

impl Machine {
    fn new() -> Self {
        let mut state = MemView::default();
        let mut txn = Txn::new(&state);
        txn.put(header::KEY, to_json(&StateHeader::new("store".into())));
        let (changes, _) = txn.finish();
        state.commit(changes);
        Machine { state, oracle: Oracle::default(), hints: BTreeMap::new() }
    }

    fn context(&self) -> Context {
        Context::local(Timestamp::from_second(1_700_000_000 + self.oracle.now).unwrap())
    }

    fn bytes(state: &MemView) -> Vec<(String, Vec<u8>)> {
        state.iter().map(|(k, v)| (k.to_owned(), v.to_vec())).collect()
    }

    /// Applies an operation; a refused one must leave exactly what the sweep before it leaves.
    fn apply(&mut self, op: &Op, session: Option<&SessionName>) -> Outcome {
        let context = self.context();
        let mut swept = self.state.clone();
        let sweep = match session {
            // Renews nothing; its session counts as alive, as that of `op` does.
            Some(s) => Op::Renew {
                session: s.clone(),
                what: RenewWhat::These { paths: vec![], items: vec![] },
                ttl: None,
            },
            None => Op::Sweep,
        };
        let mut txn = Txn::new(&self.state);
        apply(&mut txn, &sweep, &context).expect("memory can be read");
        swept.commit(txn.finish().0);
        let before = header::read(&self.state).unwrap().generation;
        let mut txn = Txn::new(&self.state);
        let outcome = apply(&mut txn, op, &context).expect("memory can be read");
        let (changes, events) = txn.finish();
        self.state.commit(changes);
        let changed = Self::bytes(&self.state) != Self::bytes(&swept);
        if outcome.is_refusal() {
            assert!(!changed, "a refused operation left something behind: {op:?} {outcome:?}");
        }
        let after = header::read(&self.state).unwrap().generation;
        assert!(after > before || !changed, "a change without a new generation: {op:?}");
        assert!(after >= before, "the generation fell");
        assert!(!changed || !events.is_empty(), "a change without an event: {op:?}");
        outcome
    }

    /// Compares everything that the oracle knows.
    fn agree(&self, after: &Step) {
        let problems = invariants::problems(&self.state).expect("memory can be read");
        assert!(problems.is_empty(), "after {after:?} the invariants are broken: {problems:#?}");
        let held: BTreeMap<(RepoPath, String), Mode> = claim::all(&self.state)
            .unwrap()
            .into_iter()
            .flat_map(|c| {
                c.holders.into_iter().map(move |h| ((c.path.clone(), h.session.to_string()), h.mode))
            })
            .collect();
        let expected = self.oracle.claims();
        assert_eq!(held, expected, "who holds what after {after:?}");
        for (id, work) in &self.oracle.items {
            let slot = item_index::find(&self.state, &ItemId::parse(id).unwrap())
                .unwrap()
                .expect("the item is known");
            let (state, ..) = queue::placement(&self.state, &slot).unwrap();
            assert_eq!(state, work.state, "state of {id} after {after:?}");
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Start(usize),
    End(usize),
    Claim { session: usize, paths: Vec<usize>, shared: bool, ttl: u64 },
    Release { session: usize, paths: Option<Vec<usize>> },
    Next { session: usize, count: usize, ttl: u64 },
    Finish { session: usize, item: usize, how: usize },
    Renew { session: usize, what: usize, which: usize, ttl: Option<u64> },
    Import(u16),
    Update { item: usize, what: usize },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..SESSIONS.len();
    let paths = || prop::collection::vec(0..PATHS.len(), 1..3);
    let ttl = || 1u64..30;
    prop_oneof![
        3 => (1i64..25).prop_map(Step::Wait),
        1 => who.clone().prop_map(Step::Start),
        1 => who.clone().prop_map(Step::End),
        6 => (who.clone(), paths(), prop::bool::weighted(0.3), ttl())
            .prop_map(|(session, paths, shared, ttl)| Step::Claim { session, paths, shared, ttl }),
        3 => (who.clone(), prop::option::weighted(0.7, paths()))
            .prop_map(|(session, paths)| Step::Release { session, paths }),
        5 => (who.clone(), 1usize..4, ttl()).prop_map(|(session, count, ttl)| Step::Next { session, count, ttl }),
        6 => (who.clone(), 0usize..10, 0usize..4)
            .prop_map(|(session, item, how)| Step::Finish { session, item, how }),
        2 => (who, 0usize..4, 0usize..8, prop::option::of(ttl()))
            .prop_map(|(session, what, which, ttl)| Step::Renew { session, what, which, ttl }),
        2 => any::<u16>().prop_map(Step::Import),
        2 => (0usize..10, 0usize..5).prop_map(|(item, what)| Step::Update { item, what }),
        1 => Just(Step::Sweep),
    ]
}

/// Nine items: some share files with paths that are claimed by hand, some need others.
fn item(number: usize) -> NewItem {
    let files: &[&str] =
        [&["a/b/c"][..], &["a/d"], &["e/f"], &[], &["a"], &["e", "%"], &[], &["g"], &["g"]][number];
    let needs: &[&str] =
        [&[][..], &[], &["i0"], &[], &["i3", "i7"], &["i8", "phase:P"], &[], &[], &["group:G"]][number];
    let item = Item {
        category: [None, Some("types"), Some("security")][number % 3].map(str::to_owned),
        files: files.iter().map(|f| path(f)).collect(),
        needs: needs.iter().map(|n| ItemId::parse(n).unwrap()).collect(),
        phase: matches!(number, 1 | 6).then(|| "P".to_owned()),
        group: matches!(number, 0 | 3).then(|| "G".to_owned()),
        ..Item::new(ItemId::parse(&format!("i{number}")).unwrap(), format!("item {number}"))
    };
    let queue = if number.is_multiple_of(2) { "even" } else { "odd" };
    NewItem { item, queue: Some(QueueName::parse(queue).unwrap()), priority: (number % 3) as u32 }
}

/// Carries out a step on both sides and compares the answers.
fn carry_out(machine: &mut Machine, step: &Step) {
    let who = |i: &usize| name(SESSIONS[*i]);
    let all = |list: &[usize]| list.iter().map(|i| path(PATHS[*i])).collect::<Vec<_>>();
    match step {
        Step::Wait(seconds) => machine.oracle.now += seconds,
        Step::Start(i) => {
            machine.oracle.sweep(Some(SESSIONS[*i]));
            let op = start(SESSIONS[*i]);
            assert!(matches!(machine.apply(&op, Some(&who(i))), Outcome::Session { .. }));
            machine.oracle.start(SESSIONS[*i]);
        }
        Step::End(i) => {
            machine.oracle.sweep(None);
            let ended = !machine.apply(&Op::EndSession { name: who(i) }, None).is_refusal();
            assert_eq!(ended, machine.oracle.end(SESSIONS[*i]), "ending {}", SESSIONS[*i]);
        }
        Step::Claim { session, paths, shared, ttl } => {
            let mode = if *shared { Mode::Shared } else { Mode::Exclusive };
            let claim = ClaimPaths {
                session: who(session),
                paths: all(paths),
                mode,
                ttl: *ttl,
                reason: None,
                fresh: None,
            };
            machine.oracle.sweep(Some(SESSIONS[*session]));
            let outcome = machine.apply(&Op::Claim(claim.clone()), Some(&claim.session));
            match outcome {
                Outcome::Claimed { .. } => assert!(machine.oracle.claim(&claim), "{claim:?} must be refused"),
                Outcome::Held { blockers } => {
                    assert!(!machine.oracle.claim(&claim), "{claim:?} must be granted");
                    let held = machine.oracle.claims();
                    for b in &blockers {
                        assert_ne!(b.session, claim.session, "nobody is in his own way");
                        assert!(b.held.overlaps(&b.path) && claim.paths.contains(&b.path));
                        let named = |(p, s): &(RepoPath, String)| *p == b.held && s == b.session.as_str();
                        assert!(held.keys().any(named), "{b:?} names somebody who holds nothing");
                    }
                }
                other => {
                    assert!(!machine.oracle.active(SESSIONS[*session]), "{other:?} to an active session")
                }
            }
        }
        Step::Release { session, paths } => {
            machine.oracle.sweep(Some(SESSIONS[*session]));
            let paths = paths.as_deref().map(all);
            let op = Op::Release { session: who(session), paths: paths.clone() };
            let granted = !machine.apply(&op, Some(&who(session))).is_refusal();
            let expected = machine.oracle.active(SESSIONS[*session])
                && machine.oracle.release(SESSIONS[*session], paths.as_deref());
            assert_eq!(granted, expected, "{step:?}");
        }
        Step::Next { session, count, ttl } => {
            machine.oracle.sweep(Some(SESSIONS[*session]));
            let choice = Choice {
                hints: machine.hints.get(session).cloned().into_iter().collect(),
                ..Choice::default()
            };
            let op = TakeNext {
                session: who(session),
                queues: vec![],
                count: *count,
                ttl: *ttl,
                filter: Default::default(),
                choice,
            };
            match machine.apply(&Op::Next(op), Some(&who(session))) {
                Outcome::Taken { items, reason, hints, .. } => {
                    machine.hints.extend(hints.map(|s| (*session, s)));
                    assert_eq!(items.len() < *count, reason.is_some(), "a reason when there are fewer");
                    let wrong = machine.oracle.take(SESSIONS[*session], &items, *count, *ttl);
                    assert_eq!(wrong, Ok(()), "{step:?}");
                }
                other => {
                    assert!(!machine.oracle.active(SESSIONS[*session]), "{other:?} to an active session")
                }
            }
        }
        Step::Finish { session, item, how } => {
            machine.oracle.sweep(Some(SESSIONS[*session]));
            let how = match how {
                0 | 1 => Finish::Done,
                2 => Finish::Fail { reason: "r".into(), last: *item == 3 },
                _ => Finish::Drop,
            };
            let id = format!("i{item}");
            let items = vec![ItemId::parse(&id).unwrap()];
            let op = Op::Finish { session: who(session), items, how: how.clone(), lease: None };
            let outcome = machine.apply(&op, Some(&who(session)));
            if !machine.oracle.active(SESSIONS[*session]) {
                assert!(outcome.is_refusal(), "{step:?} by nobody");
                return;
            }
            match machine.oracle.finish(SESSIONS[*session], &id, &how) {
                Some(true) => assert!(matches!(outcome, Outcome::Finished { .. }), "{step:?}: {outcome:?}"),
                Some(false) => assert!(matches!(outcome, Outcome::Lost { .. }), "{step:?}: {outcome:?}"),
                None => assert!(matches!(outcome, Outcome::Unknown { .. }), "{step:?}: {outcome:?}"),
            }
        }
        Step::Renew { session, what, which, ttl } => {
            machine.oracle.sweep(Some(SESSIONS[*session]));
            let what = match what {
                0 => RenewWhat::All,
                1 => RenewWhat::Due,
                2 => RenewWhat::These { paths: all(&[*which]), items: vec![] },
                _ => RenewWhat::These {
                    paths: vec![],
                    items: vec![ItemId::parse(&format!("i{which}")).unwrap()],
                },
            };
            let op = Op::Renew { session: who(session), what: what.clone(), ttl: *ttl };
            let granted = !machine.apply(&op, Some(&who(session))).is_refusal();
            let expected = machine.oracle.active(SESSIONS[*session])
                && machine.oracle.renew(SESSIONS[*session], &what, *ttl);
            assert_eq!(granted, expected, "{step:?}");
        }
        Step::Import(mask) => {
            machine.oracle.sweep(None);
            let items: Vec<NewItem> = (0..9).filter(|i| mask & (1 << i) != 0).map(item).collect();
            let op =
                Op::Import { session: None, items: items.clone(), queue: QueueName::parse("main").unwrap() };
            let Outcome::Imported { added, known, .. } = machine.apply(&op, None) else {
                panic!("import refused")
            };
            assert_eq!(added, machine.oracle.import(&items), "{step:?}");
            assert_eq!(added + known, items.len() as u64, "every item is new or known");
        }
        Step::Update { item, what } => {
            machine.oracle.sweep(None);
            let change = change(*what);
            let chosen = (*item < 9).then(|| format!("i{item}"));
            let condition = chosen.as_ref().map_or("title~ITEM".to_owned(), |id| format!("id={id}"));
            let op = Op::Update(Update {
                session: None,
                conditions: vec![condition.parse().unwrap()],
                change: change.clone(),
                limit: None,
            });
            let preview = match &op {
                Op::Update(update) => {
                    let mut swept = machine.state.clone();
                    let mut txn = Txn::new(&machine.state);
                    apply(&mut txn, &Op::Sweep, &machine.context()).expect("memory can be read");
                    swept.commit(txn.finish().0);
                    update::preview(&swept, update).unwrap()
                }
                _ => unreachable!(),
            };
            let Outcome::Updated(updated) = machine.apply(&op, None) else { panic!("update refused") };
            assert_eq!(updated, preview, "{step:?}: a dry run says what will be");
            assert_eq!(updated.changed, machine.oracle.update(chosen.as_deref(), &change), "{step:?}");
        }
        Step::Sweep => {
            machine.oracle.sweep(None);
            machine.apply(&Op::Sweep, None);
        }
    }
}

fn change(what: usize) -> Change {
    let none = Change::default();
    match what {
        0 => Change { cancel: true, ..none },
        1 => Change { requeue: true, ..none },
        2 => Change { priority: Some(1), ..none },
        3 => Change { queue: Some(QueueName::parse("moved").unwrap()), ..none },
        _ => Change { requeue: true, priority: Some(0), ..none },
    }
}

fn start(session: &str) -> Op {
    Op::StartSession(StartSession { token: session.to_owned(), ..StartSession::new(name(session)) })
}

/// A hundred cases; `PROPTEST_CASES=5000` for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_sequence_of_operations_keeps_the_invariants(steps in prop::collection::vec(step(), 1..80)) {
        let mut machine = Machine::new();
        for session in [0, 1] {
            carry_out(&mut machine, &Step::Start(session));
        }
        carry_out(&mut machine, &Step::Import(0b1_0101_1111));
        for step in &steps {
            carry_out(&mut machine, step);
            machine.agree(step);
        }
    }

    /// Whatever is imported in whatever portions: all that can be done is done in the end, once.
    #[test]
    fn everything_that_is_imported_can_be_finished(
        portions in prop::collection::vec(any::<u16>(), 1..6),
        order in prop::collection::vec(0usize..3, 40),
    ) {
        let mut machine = Machine::new();
        for session in 0..3 {
            carry_out(&mut machine, &Step::Start(session));
        }
        for mask in portions.iter().chain([&u16::MAX]) {
            carry_out(&mut machine, &Step::Import(*mask));
        }
        for session in order {
            carry_out(&mut machine, &Step::Next { session, count: 1, ttl: 1000 });
            for item in 0..9 {
                carry_out(&mut machine, &Step::Finish { session, item, how: 0 });
            }
            machine.agree(&Step::Sweep);
        }
        for (id, work) in &machine.oracle.items {
            prop_assert_eq!(work.state, ItemState::Done, "item {} was never finished", id);
        }
    }
}

#[test]
fn items_that_would_wait_for_each_other_are_refused_as_a_whole() {
    let mut machine = Machine::new();
    let mut items: Vec<NewItem> = (0..3).map(item).collect();
    for (i, new) in items.iter_mut().enumerate() {
        new.item.needs = vec![ItemId::parse(&format!("i{}", (i + 1) % 3)).unwrap()];
    }
    let op = |items: &[NewItem]| Op::Import {
        session: None,
        items: items.to_vec(),
        queue: QueueName::parse("main").unwrap(),
    };
    let outcome = machine.apply(&op(&items), None);
    let Outcome::Refused { rule, message, .. } = outcome else { panic!("a cycle was let in: {outcome:?}") };
    assert_eq!(rule.as_str(), "cycle");
    assert!(["i0", "i1", "i2"].iter().all(|i| message.contains(i)), "it names the items: {message}");
    // The same items in two imports: the second closes the circle.
    assert!(!machine.apply(&op(&items[..2]), None).is_refusal());
    let outcome = machine.apply(&op(&items[2..]), None);
    assert!(matches!(outcome, Outcome::Refused { .. }), "a cycle through known items: {outcome:?}");
}
