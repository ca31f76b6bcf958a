use jiff::Timestamp;

use crate::model::base::{ItemId, MemView, QueueName, RepoPath, SessionName, Txn};
use crate::model::ops::op::{ClaimPaths, LandingOp, StartSession};
use crate::model::ops::plan::{ApplyPlan, PlanOp};
use crate::model::ops::{Op, Outcome};
use crate::model::records::claim::Mode;
use crate::model::records::header::{KEY, StateHeader};
use crate::model::records::landing::{Intent, LandMode, Landing, Member, Rollback};
use crate::model::records::plan::{self as plans, Stage};
use crate::model::records::{ItemState, NewItem, item_index, queue};
use crate::model::{Context, apply};

const PLAN: &str = r#"
[plan]
name = "p"
[workstream.A]
owns = ["src/a/**"]
[workstream.B]
needs = ["A"]
owns = ["src/b/**", "!src/b/open"]
[[wave]]
merge = ["A"]
[[wave]]
merge = ["B"]
[[conflict]]
paths = ["src/a/both"]
ask = ["A", "B"]
"#;

struct World {
    state: MemView,
}

impl World {
    fn new() -> Self {
        let mut state = MemView::default();
        let mut txn = Txn::new(&state);
        txn.put_json(KEY, &StateHeader::new("store".into()));
        let (changes, _) = txn.finish();
        state.commit(changes);
        let mut world = World { state };
        for session in ["a", "b", "c"] {
            world.run(Op::StartSession(StartSession::new(name(session))));
        }
        world
    }

    fn run(&mut self, op: Op) -> Outcome {
        let context = Context::local(Timestamp::from_second(1_700_000_000).unwrap());
        let mut txn = Txn::new(&self.state);
        let outcome = apply(&mut txn, &op, &context).unwrap();
        let (changes, _) = txn.finish();
        self.state.commit(changes);
        outcome
    }

    fn plan(&mut self, op: PlanOp) -> Outcome {
        self.run(Op::Plan(op))
    }

    fn apply(&mut self, text: &str, based_on: u32) -> Outcome {
        self.plan(PlanOp::Apply(Box::new(words(text, based_on, "coord.toml"))))
    }

    fn launch(&mut self, workstream: &str, session: &str) -> Outcome {
        let (workstream, base) = (workstream.into(), "base".into());
        self.plan(PlanOp::Launch { workstream, session: name(session), base, despite: Vec::new() })
    }

    fn claim(&mut self, session: &str, path: &str) -> Outcome {
        let paths = vec![RepoPath::parse(path).unwrap()];
        let claim = ClaimPaths {
            session: name(session),
            paths,
            mode: Mode::Exclusive,
            ttl: 60,
            reason: None,
            fresh: None,
        };
        self.run(Op::Claim(claim))
    }

    fn lands(&mut self, id: &str, wave: u32, branch: &str) {
        let member = Member {
            session: None,
            branch: branch.into(),
            tip: format!("tip of {branch}"),
            commit: "merge".into(),
            items: Vec::new(),
            resolved: Vec::new(),
        };
        let landing = Landing {
            id: id.into(),
            target: "integration/p".into(),
            from: None,
            to: "merge".into(),
            mode: LandMode::Merge,
            landed: vec![member],
            handed_back: Vec::new(),
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            by: name("c"),
            remote: None,
            wave: Some(wave),
            undone: None,
        };
        self.moves(Intent::Land(landing));
    }

    fn moves(&mut self, intent: Intent) {
        let branch = "integration/p".to_owned();
        let begin = crate::model::ops::op::BeginLanding {
            branch: branch.clone(),
            by: name("c"),
            host: "h".into(),
            ttl: 60,
        };
        let Outcome::Landing(crate::model::ops::outcome::LandingOutcome::Begun { lease, .. }) =
            self.run(Op::Landing(LandingOp::Begin(begin)))
        else {
            panic!("not begun")
        };
        let intend = LandingOp::Intend { branch: branch.clone(), lease, intent: Box::new(intent) };
        assert_eq!(self.run(Op::Landing(intend)), Outcome::Done);
        let finish = LandingOp::Finish { branch, lease, contained: Vec::new() };
        assert_eq!(self.run(Op::Landing(finish)), Outcome::Done);
    }

    fn stage(&self, id: &str) -> Stage {
        plans::progress(&self.state, id).unwrap().stage
    }

    fn item(&self, id: &str) -> ItemState {
        let slot = item_index::find(&self.state, &ItemId::parse(id).unwrap()).unwrap().unwrap();
        queue::placement(&self.state, &slot).unwrap().0
    }
}

fn name(text: &str) -> SessionName {
    SessionName::parse(text).unwrap()
}

fn words(text: &str, based_on: u32, file: &str) -> ApplyPlan {
    let (plan, problems) = crate::plan::parse(text);
    assert_eq!(problems, []);
    ApplyPlan { by: None, based_on, replace: false, file: file.into(), plan, source: text.into() }
}

fn rule(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused { rule, .. } => rule.as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plan_is_applied_on_top_of_the_version_that_was_seen() {
    let mut world = World::new();
    assert!(matches!(world.apply(PLAN, 0), Outcome::PlanApplied { version: 1, .. }));
    let again = world.apply(PLAN, 0);
    assert_eq!(again, Outcome::PlanApplied { version: 1, changes: Vec::new() }, "repeating is harmless");
    let changed = PLAN.replace("needs = [\"A\"]", "needs = [\"A\"]\nestimate = \"2d\"");
    assert_eq!(rule(&world.apply(&changed, 0)), "plan-moved");
    let Outcome::PlanApplied { version: 2, changes } = world.apply(&changed, 1) else { panic!() };
    let fields: Vec<_> = changes.iter().map(|c| (c.id.as_str(), c.field.as_deref())).collect();
    assert_eq!(fields, [("B", Some("estimate"))]);
    let other = world.plan(PlanOp::Apply(Box::new(words(PLAN, 2, "other.toml"))));
    assert_eq!(rule(&other), "plan-exists");
}

#[test]
fn what_has_begun_stays_in_the_plan() {
    let mut world = World::new();
    world.apply(PLAN, 0);
    assert_eq!(rule(&world.launch("B", "b")), "needs-open");
    assert_eq!(world.launch("A", "a"), Outcome::Done);
    let without =
        PLAN.replace("[workstream.A]\nowns = [\"src/a/**\"]\n", "").replace("needs = [\"A\"]\n", "");
    let without =
        without.replace("[[wave]]\nmerge = [\"A\"]\n", "").replace("ask = [\"A\", \"B\"]", "ask = [\"B\"]");
    assert_eq!(rule(&world.apply(&without, 1)), "launched");
    let moved = PLAN.replace("owns = [\"src/a/**\"]", "owns = [\"src/a/**\"]\nbranch = \"x\"");
    assert_eq!(rule(&world.apply(&moved, 1)), "launched");
    world.plan(PlanOp::Drop { workstream: "A".into(), by: None });
    assert!(matches!(world.apply(&without, 1), Outcome::PlanApplied { version: 2, .. }));
}

#[test]
fn only_its_sessions_edit_what_a_workstream_owns() {
    let mut world = World::new();
    world.apply(PLAN, 0);
    assert!(!world.claim("c", "src/a/early").is_refusal(), "nobody owns it before it begins");
    world.launch("A", "a");
    let Outcome::Held { blockers } = world.claim("c", "src/a/x") else { panic!("it is owned") };
    assert_eq!(
        (blockers[0].session.as_str(), blockers[0].reason.as_deref()),
        ("a", Some("owned by workstream A"))
    );
    assert!(!world.claim("a", "src/a/x").is_refusal());
    assert!(!world.claim("c", "src/a/both").is_refusal(), "a rule settles conflicts there");
    assert!(!world.claim("c", "src/b/x").is_refusal(), "B has not begun");
    world.lands("L1", 1, "workstream/a");
    world.launch("B", "b");
    assert!(world.claim("c", "src/b/y").is_refusal());
    assert!(!world.claim("c", "src/b/open").is_refusal());
    assert!(!world.claim("c", "src/a/y").is_refusal(), "A has landed");
}

#[test]
fn a_granted_path_may_be_edited_by_the_workstream_that_it_was_granted_to() {
    let mut world = World::new();
    world.apply(&PLAN.replace("needs = [\"A\"]\n", ""), 0);
    world.launch("A", "a");
    world.launch("B", "b");
    assert!(world.claim("b", "src/a/x").is_refusal());
    world.plan(PlanOp::Grant { workstream: "B".into(), path: "src/a/x".into(), by: None });
    assert!(!world.claim("b", "src/a/x").is_refusal());
    assert!(world.claim("b", "src/a/z").is_refusal());
}

#[test]
fn items_wait_for_waves_and_workstreams_also_after_a_rollback() {
    let mut world = World::new();
    world.apply(PLAN, 0);
    let item = |id: &str, need: &str| -> NewItem {
        let id = format!("{{\"id\":{id:?},\"title\":\"t\",\"files\":[],\"needs\":[{need:?}]}}");
        NewItem { item: serde_json::from_str(&id).unwrap(), queue: None, priority: 0 }
    };
    let items = vec![item("I1", "wave:1"), item("I2", "workstream:A"), item("I3", "wave:2")];
    let queue = QueueName::parse("main").unwrap();
    world.run(Op::Import { session: None, items, queue });
    world.launch("A", "a");
    assert_eq!(["I1", "I2", "I3"].map(|i| world.item(i)), [ItemState::Blocked; 3]);
    world.lands("L1", 1, "workstream/a");
    assert_eq!(world.stage("A"), Stage::Landed);
    assert!(plans::wave(&world.state, 1).unwrap().landed.is_some());
    assert_eq!(
        ["I1", "I2", "I3"].map(|i| world.item(i)),
        [ItemState::Pending, ItemState::Pending, ItemState::Blocked]
    );
    let rollback = Rollback {
        target: "integration/p".into(),
        from: "merge".into(),
        to: "before".into(),
        landings: vec!["L1".into()],
        kept: Vec::new(),
        reverts: Vec::new(),
        at: Timestamp::from_second(1_700_000_000).unwrap(),
        by: name("c"),
        remote: None,
    };
    world.moves(Intent::Rollback(rollback));
    assert_eq!(world.stage("A"), Stage::Submitted);
    assert_eq!(["I1", "I2", "I3"].map(|i| world.item(i)), [ItemState::Blocked; 3]);
    assert_eq!(plans::wave(&world.state, 1).unwrap().rollbacks, 1);
    world.lands("L2", 1, "workstream/a");
    assert_eq!(["I1", "I2"].map(|i| world.item(i)), [ItemState::Pending; 2]);
}

#[test]
fn an_archived_plan_binds_nobody() {
    let mut world = World::new();
    world.apply(PLAN, 0);
    world.launch("A", "a");
    assert_eq!(world.plan(PlanOp::Archive { by: None }), Outcome::Done);
    assert!(!world.claim("c", "src/a/x").is_refusal());
    assert_eq!(rule(&world.launch("B", "b")), "no-plan");
    assert!(matches!(world.apply(PLAN, 1), Outcome::PlanApplied { version: 2, .. }));
}
