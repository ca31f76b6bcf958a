//! `land`: finished work of several sessions comes into the target; what cannot is handed back.

use serde_json::Value;

use crate::common::{Call, team::Team};

/// The names of sessions in a list of members.
fn sessions(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|m| m["session"].as_str().unwrap()).collect()
}

/// The one branch that was handed back.
fn back(call: &Call) -> &Value {
    call.fails(5, "refused");
    let details = &call.json["error"]["details"];
    assert_eq!(details["rule"], "handed-back");
    let list = details["handed_back"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:?}");
    &list[0]
}

#[test]
fn finished_work_lands_and_half_made_work_waits() {
    let team = Team::new(&["ada", "bob", "cyd"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "b", 2);
    team.begin("cyd", "T3", "c", 3);
    let before = team.tip("main");
    let call = team.land(&["--all"]);
    let data = call.ok();
    assert_eq!(sessions(&data["landed"]), ["ada", "bob"]);
    assert_eq!(data["landed"][0]["items"], serde_json::json!(["T1"]));
    assert_eq!(data["landed"][0]["tip"], team.tip("ada").as_str());
    assert_eq!((&data["from"], &data["to"]), (&before.into(), &team.tip("main").into()));
    assert_eq!(sessions(&data["waiting"]), ["cyd"]);
    assert!(team.file("main", "a").contains("T1 by ada") && team.file("main", "b").contains("T2 by bob"));
    assert!(!team.file("main", "c").contains("T3"));
    // The main worktree is on the target: its files have followed.
    assert_eq!(team.env.git(&["status", "--porcelain"]), "");
    assert!(std::fs::read_to_string(team.env.root.join("a")).unwrap().contains("T1 by ada"));
    // Again there is nothing to do, until the third is finished.
    let again = team.land(&["--all"]);
    assert_eq!((&again.ok()["id"], again.ok()["landed"].as_array().unwrap().len()), (&Value::Null, 0));
    team.coord("cyd", &["done", "T3"]).ok();
    assert_eq!(sessions(&team.coord("cyd", &["land"]).ok()["landed"]), ["cyd"]);
    assert!(team.file("main", "c").contains("T3 by cyd"));
    team.env.check("after landing");
}

#[test]
fn what_follows_a_half_made_item_waits_with_it() {
    let team = Team::new(&["ada"]);
    team.work("ada", "T1", "a", 1);
    team.begin("ada", "T2", "b", 1);
    team.work("ada", "T3", "c", 1);
    assert_eq!(team.land(&[]).ok()["landed"][0]["items"], serde_json::json!(["T1"]));
    assert!(!team.file("main", "c").contains("T3"), "T3 is on top of T2, which is not done");
    team.coord("ada", &["done", "T2"]).ok();
    assert_eq!(team.land(&["ada"]).ok()["landed"][0]["items"], serde_json::json!(["T2", "T3"]));
}

#[test]
fn an_item_lands_without_what_came_after_it() {
    let team = Team::new(&["ada"]);
    team.work("ada", "T1", "a", 1);
    team.work("ada", "T2", "b", 1);
    assert_eq!(team.land(&["T1"]).ok()["landed"][0]["items"], serde_json::json!(["T1"]));
    assert!(!team.file("main", "b").contains("T2"));
    team.env.import("{\"id\":\"T9\",\"title\":\"open\"}\n").ok();
    let open = team.land(&["T9"]);
    assert_eq!(open.fails(5, "refused")["details"]["rule"], "not-submitted");
    team.land(&["nobody"]).fails(1, "bad-input");
}

#[test]
fn a_branch_that_conflicts_is_handed_back_and_the_others_land() {
    let team = Team::new(&["ada", "bob", "cyd"]);
    team.work("ada", "T1", "a", 1);
    // Without freshness: bob edits the same line on an old version.
    team.work("bob", "T2", "a", 1);
    team.work("cyd", "T3", "c", 1);
    let call = team.land(&["--all"]);
    let back = back(&call);
    assert_eq!((&back["session"], &back["rule"]), (&"bob".into(), &"conflict".into()));
    assert_eq!(back["files"], serde_json::json!(["a"]));
    assert!(back["reason"].as_str().unwrap().contains("changed there by ada"), "{back}");
    assert_eq!(sessions(&call.json["error"]["details"]["landed"]), ["ada", "cyd"]);
    assert!(team.file("main", "c").contains("T3 by cyd") && !team.file("main", "a").contains("bob"));
}

#[test]
fn a_target_with_changes_in_its_worktree_is_left_alone() {
    let team = Team::new(&["ada"]);
    team.work("ada", "T1", "a", 1);
    std::fs::write(team.env.root.join("d"), "mine\n").unwrap();
    let before = team.fingerprint();
    let call = team.land(&["ada"]);
    let error = call.fails(5, "refused");
    assert_eq!(error["details"]["rule"], "checked-out-dirty");
    assert!(error["message"].as_str().unwrap().contains(team.env.root.to_str().unwrap()));
    assert_eq!(team.fingerprint(), before);
    // An untracked file in the way is found at the move; nothing is lost either.
    team.env.git(&["checkout", "-q", "d"]);
    std::fs::write(team.dir("ada").join("new"), "ada's\n").unwrap();
    team.coord("ada", &["claim", "new"]).ok();
    team.git("ada", &["add", "new"]);
    team.git("ada", &["commit", "-qm", "new file"]);
    std::fs::write(team.env.root.join("new"), "mine\n").unwrap();
    let tip = team.tip("main");
    assert_eq!(team.land(&["ada"]).fails(5, "refused")["details"]["rule"], "checked-out-dirty");
    assert_eq!(
        (team.tip("main"), std::fs::read(team.env.root.join("new")).unwrap()),
        (tip, b"mine\n".to_vec())
    );
    std::fs::remove_file(team.env.root.join("new")).unwrap();
    team.land(&["ada"]).ok();
    assert_eq!(std::fs::read(team.env.root.join("new")).unwrap(), b"ada's\n");
}

#[test]
fn a_target_that_is_checked_out_nowhere_is_moved() {
    let team = Team::new(&["ada"]);
    team.work("ada", "T1", "a", 1);
    team.env.git(&["switch", "-q", "--detach"]);
    team.land(&["ada", "--into", "main"]).ok();
    assert!(team.file("main", "a").contains("T1 by ada") && !team.file("HEAD", "a").contains("T1"));
    assert_eq!(team.env.git(&["status", "--porcelain"]), "");
}

#[test]
fn nothing_is_guessed_of_a_session_that_is_elsewhere() {
    let team = Team::new(&["ada", "bob", "cyd"]);
    team.work("ada", "T1", "a", 1);
    team.git("ada", &["switch", "-q", "--detach"]);
    let call = team.land(&["--all"]);
    assert!(back(&call)["reason"].as_str().unwrap().contains("detached HEAD"));
    team.git("ada", &["switch", "-q", "ada"]);
    // Changes that no claim explains may be part of what is said to be done.
    team.edit("ada", "a", 5, "forgotten");
    let call = team.land(&["ada"]);
    assert_eq!(
        (&back(&call)["rule"], &back(&call)["files"]),
        (&"uncommitted".into(), &serde_json::json!(["a"]))
    );
    team.git("ada", &["checkout", "-q", "a"]);
    // Those of the item in progress wait.
    team.work("bob", "T2", "b", 1);
    team.env.import("{\"id\":\"T3\",\"title\":\"t\",\"files\":[\"c\"]}\n").ok();
    team.coord("bob", &["next", "--item", "T3"]).ok();
    team.edit("bob", "c", 1, "in progress");
    assert_eq!(sessions(&team.land(&["--all"]).ok()["landed"]), ["ada", "bob"]);
}

#[test]
fn the_users_repository_is_untouched_when_nothing_lands() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "a", 1);
    let before = team.fingerprint();
    let call = team.land(&["--all", "--dry-run"]);
    assert_eq!(back(&call)["session"], "bob");
    assert_eq!(team.fingerprint(), before, "a dry run has left something");
    team.land(&["ada"]).ok();
    let before = team.fingerprint();
    let call = team.land(&["bob"]);
    assert_eq!(back(&call)["rule"], "conflict");
    assert_eq!(team.fingerprint(), before, "a refused landing has left something");
}

#[test]
fn a_fast_forward_and_nothing_else() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "b", 1);
    let call = team.land(&["--all", "--ff-only"]);
    assert_eq!((&back(&call)["session"], &back(&call)["rule"]), (&"bob".into(), &"stale".into()));
    assert_eq!(team.tip("main"), team.tip("ada"));
}

#[test]
fn chosen_branches_land_in_their_order_on_a_branch_that_is_made() {
    use git_coord::land::{Chosen, Integrator, Request};
    let team = Team::new(&["ada", "bob"]);
    team.work("bob", "T2", "b", 1);
    team.work("ada", "T1", "a", 1);
    let repo = git_coord::git::HostRepo::discover(&team.env.root, &Default::default()).unwrap();
    let store = team.env.store();
    let limits = (std::time::Duration::from_secs(30), 600);
    let integrator = Integrator::new(&repo, &store, None, limits, None).unwrap();
    let chosen = |name: &str, subject: Option<&str>| Chosen {
        session: Some(crate::common::name(name)),
        branch: name.into(),
        commit: team.tip(name),
        subject: subject.map(str::to_owned),
    };
    let request = Request {
        into: Some("integration/one".into()),
        members: vec![chosen("ada", Some("Merge Wave 1: ada")), chosen("bob", None)],
        wave: Some(1),
        base: Some(team.tip("main")),
        ..Request::default()
    };
    // Identity comes from the environment elsewhere; this process has none.
    for (key, value) in [("user.name", "Ada"), ("user.email", "ada@example.org")] {
        team.env.git(&["config", key, value]);
    }
    let report = integrator.land(&request).unwrap();
    let items: Vec<&str> = report.landed.iter().flat_map(|m| &m.items).map(|item| item.as_str()).collect();
    assert_eq!(items, ["T1", "T2"]);
    let log = team.env.git(&["log", "--first-parent", "-2", "--reverse", "--format=%s", "integration/one"]);
    assert_eq!(log, "Merge Wave 1: ada\nLand bob: T2 Change b\n");
    let known =
        store.read(|view| git_coord::model::landing::get(view, report.id.as_deref().unwrap())).unwrap();
    assert_eq!(known.unwrap().wave, Some(1));
}
