use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::header::{KEY, StateHeader};
use crate::model::landing::{self as landings, Intent, LandMode, Landing, Member};
use crate::model::op::{BeginLanding, LandingOp};
use crate::model::outcome::{LandingOutcome, Outcome};
use crate::model::{Context, MemView, Op, SessionName, Txn, apply};

fn store() -> MemView {
    let mut state = MemView::default();
    let mut txn = Txn::new(&state);
    txn.put_json(KEY, &StateHeader::new("store".into()));
    let (changes, _) = txn.finish();
    state.commit(changes);
    state
}

fn at(seconds: i64, clone: Option<&str>) -> Context {
    let now = Timestamp::from_second(1_700_000_000 + seconds).expect("valid");
    Context { clone: clone.map(str::to_owned), ..Context::local(now) }
}

fn run(state: &mut MemView, step: LandingOp, context: &Context) -> Outcome {
    let mut txn = Txn::new(state);
    let outcome = apply(&mut txn, &Op::Landing(step), context).expect("memory can be read");
    let (changes, _) = txn.finish();
    state.commit(changes);
    outcome
}

fn name(text: &str) -> SessionName {
    SessionName::parse(text).expect("valid")
}

fn begin(by: &str) -> LandingOp {
    LandingOp::Begin(BeginLanding { branch: "main".into(), by: name(by), host: "h".into(), ttl: 60 })
}

fn begun(outcome: Outcome) -> (u64, Option<Intent>) {
    match outcome {
        Outcome::Landing(LandingOutcome::Begun { lease, intent }) => (lease, intent.map(|i| *i)),
        other => panic!("{other:?}"),
    }
}

fn landing(lease: u64, mode: LandMode) -> Landing {
    let member = Member {
        session: Some(name("ada")),
        branch: "ada".into(),
        tip: "t".into(),
        commit: "c".into(),
        items: Vec::new(),
        resolved: Vec::new(),
    };
    Landing {
        id: format!("L{lease}"),
        target: "main".into(),
        from: Some("f".into()),
        to: "c".into(),
        mode,
        landed: vec![member],
        handed_back: Vec::new(),
        at: at(0, None).now,
        by: name("lead"),
        remote: None,
        wave: None,
        undone: None,
    }
}

fn intend(lease: u64, mode: LandMode) -> LandingOp {
    LandingOp::Intend { branch: "main".into(), lease, intent: Box::new(Intent::Land(landing(lease, mode))) }
}

fn finish(lease: u64) -> LandingOp {
    LandingOp::Finish { branch: "main".into(), lease, contained: Vec::new() }
}

#[test]
fn one_integrator_at_a_time_in_all_clones() {
    let mut state = store();
    let (first, _) = begun(run(&mut state, begin("one"), &at(0, Some("a"))));
    let other = run(&mut state, begin("two"), &at(1000, Some("b")));
    assert!(matches!(&other, Outcome::Held { blockers } if blockers[0].session == name("one")), "{other:?}");
    // Watched for as long as it lasts, it is over.
    let context = Context { stale: BTreeSet::from([(first, 0)]), ..at(1000, Some("b")) };
    let (second, _) = begun(run(&mut state, begin("two"), &context));
    assert!(second > first);
    let late = run(&mut state, intend(first, LandMode::Merge), &at(1001, Some("a")));
    assert!(matches!(late, Outcome::Lost { .. }), "{late:?}");
    let late = run(&mut state, finish(first), &at(1001, Some("a")));
    assert!(matches!(late, Outcome::Lost { .. }), "{late:?}");
}

#[test]
fn the_intent_of_a_dead_integrator_is_passed_on() {
    let mut state = store();
    let (first, none) = begun(run(&mut state, begin("one"), &at(0, None)));
    assert_eq!(none, None);
    run(&mut state, intend(first, LandMode::Merge), &at(1, None));
    // The same clone: the caller holds the kernel lock, so the other is dead.
    let (second, intent) = begun(run(&mut state, begin("two"), &at(2, None)));
    assert_eq!(intent, Some(Intent::Land(landing(first, LandMode::Merge))));
    assert_eq!(run(&mut state, finish(second), &at(3, None)), Outcome::Done);
    let id = format!("L{first}");
    assert_eq!(landings::get(&state, &id).expect("memory"), Some(landing(first, LandMode::Merge)));
    assert_eq!(landings::lock(&state, "main").expect("memory"), None);
}

#[test]
fn squashes_are_noted_and_merges_are_not() {
    for (mode, pairs) in [(LandMode::Merge, 0), (LandMode::Squash, 1)] {
        let mut state = store();
        let (lease, _) = begun(run(&mut state, begin("one"), &at(0, None)));
        run(&mut state, intend(lease, mode), &at(1, None));
        run(&mut state, finish(lease), &at(1, None));
        assert_eq!(landings::squashed(&state).expect("memory").len(), pairs);
    }
}

#[test]
fn nothing_is_recorded_without_an_intent() {
    let mut state = store();
    let (lease, _) = begun(run(&mut state, begin("one"), &at(0, None)));
    let refused = run(&mut state, finish(lease), &at(1, None));
    assert!(matches!(refused, Outcome::Refused { .. }), "{refused:?}");
    let end = LandingOp::End { branch: "main".into(), lease, handed_back: Vec::new() };
    assert_eq!(run(&mut state, end, &at(1, None)), Outcome::Done);
    assert!(landings::all(&state).expect("memory").is_empty());
}
