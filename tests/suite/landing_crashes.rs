//! Death at each step of a landing: the target is where it was or where it was to be, and the next
//! landing goes on.

use crate::common::{Call, team::Team};

/// The steps, in order.
const STEPS: [&str; 6] = [
    "target leased",
    "candidate made",
    "intent written",
    "before the branch moves",
    "branch moved",
    "landing recorded",
];

fn die(team: &Team, at: &str) -> Call {
    let call = team.env.run(&team.env.root).args(["land", "--all"]).env("GIT_COORD_CRASH_AT", at).call();
    assert!(call.crashed(), "{at}: {} {}", call.json, call.stderr);
    call
}

fn landings(team: &Team) -> Vec<git_coord::model::landing::Landing> {
    team.env.store().read(|view| git_coord::model::landing::all(view)).unwrap()
}

/// Everything has landed, once, and nothing is left to do.
fn complete(team: &Team, when: &str) {
    for (file, text) in [("a", "T1 by ada"), ("b", "T2 by bob")] {
        assert!(team.file("main", file).contains(text), "{when}: {text} is missing");
    }
    assert_eq!(team.env.git(&["status", "--porcelain"]), "", "{when}");
    let done = landings(team);
    assert_eq!((done.len(), done[0].to.as_str()), (1, team.tip("main").as_str()), "{when}");
    let again = team.land(&["--all"]);
    assert_eq!(again.ok()["landed"].as_array().unwrap().len(), 0, "{when}: {}", again.json);
    team.env.check(when);
}

#[test]
fn a_landing_survives_death_at_each_step() {
    for step in STEPS {
        let team = Team::new(&["ada", "bob"]);
        team.work("ada", "T1", "a", 1);
        team.work("bob", "T2", "b", 1);
        let before = team.tip("main");
        die(&team, step);
        let moved = team.tip("main") != before;
        assert_eq!(moved, step == "branch moved" || step == "landing recorded", "{step}");
        assert_eq!(team.env.git(&["status", "--porcelain"]), "", "{step}");
        // The lease of a dead integrator of this clone is nobody's.
        let data = team.land(&["--all"]);
        assert!(step == "landing recorded" || data.ok()["landed"].as_array().unwrap().len() == 2, "{step}");
        complete(&team, step);
    }
}

#[test]
fn files_that_were_changed_before_the_branch_are_kept() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "b", 1);
    die(&team, "before the branch moves");
    // As git leaves it when it is killed between the files and the ref.
    let intent = team.env.store().read(|view| git_coord::model::landing::lock(view, "main")).unwrap();
    let to = intent.unwrap().intent.unwrap().ends().1.to_owned();
    let workshop = team.env.common_dir().join("coord-merge");
    let common = team.env.common_dir();
    let spec = format!("{to}:refs/none/to");
    team.env.git_in(&workshop, &["--git-dir=.", "push", "-q", common.to_str().unwrap(), &spec]);
    team.env.git(&["read-tree", "-u", "-m", "HEAD", &to]);
    assert_ne!(team.env.git(&["status", "--porcelain"]), "", "the files are ahead of the branch");
    let data = team.land(&["--all"]);
    assert_eq!(data.code, Some(0), "{}", data.json);
    complete(&team, "killed between files and ref");
}

#[test]
fn an_integrator_that_has_lost_its_lease_records_nothing() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "b", 1);
    die(&team, "target leased");
    let lease = |team: &Team| {
        let lock = team.env.store().read(|view| git_coord::model::landing::lock(view, "main")).unwrap();
        lock.map(|lock| lock.lease.id)
    };
    let old = lease(&team).expect("the dead one's lease is there");
    team.land(&["--all"]).ok();
    assert_eq!(lease(&team), None);
    let end =
        git_coord::model::op::LandingOp::Finish { branch: "main".into(), lease: old, contained: vec![] };
    let outcome = team.env.store().submit(&git_coord::model::Op::Landing(end), None).unwrap();
    assert!(matches!(outcome, git_coord::model::Outcome::Lost { .. }), "{outcome:?}");
}

#[test]
fn an_integrator_at_work_is_named() {
    let team = Team::new(&["ada"]);
    team.work("ada", "T1", "a", 1);
    let store = team.env.store();
    let lock = store.target_lock("main").unwrap().expect("free");
    let held = team.land(&["ada"]);
    let holders = &held.fails(4, "held")["details"]["holders"];
    assert!(holders[0]["session"].is_string() && holders[0]["path"] == "main", "{holders}");
    let waiting = team.env.run(&team.env.root).args(["land", "ada", "--wait", "30s"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(lock);
    assert_eq!(Call::wait(waiting).ok()["landed"][0]["session"], "ada");
}
