//! Landing where a remote decides: the target lives there, and any clone may land, one at a time.

use crate::common::{script, team::Team};

fn hub_file(team: &Team, hub: &crate::common::clones::Hub, file: &str) -> String {
    team.env.git_in(&hub.bare, &["show", &format!("main:{file}")])
}

/// A session finishes an item and pushes its branch.
fn submit(team: &Team, session: &str, item: &str, file: &str, line: usize) {
    team.work(session, item, file, line);
    team.git(session, &["push", "-q", "origin", session]);
}

#[test]
fn sessions_of_two_clones_land_from_one() {
    let (one, two, hub) = Team::apart("ada", "bob");
    one.work("ada", "T1", "a", 1);
    two.work("bob", "T2", "b", 1);
    let call = one.land(&["--all"]);
    let data = call.ok();
    assert_eq!(data["landed"][0]["session"], "ada");
    assert_eq!(
        (&data["waiting"][0]["session"], &data["waiting"][0]["missing_on"]),
        (&"bob".into(), &"origin".into())
    );
    two.git("bob", &["push", "-q", "origin", "bob"]);
    let call = one.land(&["--all"]);
    assert_eq!(call.ok()["landed"][0]["items"], serde_json::json!(["T2"]));
    assert!(
        hub_file(&one, &hub, "a").contains("T1 by ada") && hub_file(&one, &hub, "b").contains("T2 by bob")
    );
    // This clone's branch, its files and its picture of the remote have followed.
    let tips = one.env.git(&["rev-parse", "main", "origin/main"]);
    let hub_tip = one.env.git_in(&hub.bare, &["rev-parse", "main"]);
    assert!(tips.lines().all(|tip| tip == hub_tip.trim()), "{tips} {hub_tip}");
    assert_eq!(one.env.git(&["status", "--porcelain"]), "");
    // The other clone has nothing left to do, and says so.
    assert_eq!(two.land(&["--all"]).ok()["landed"].as_array().unwrap().len(), 0);
    // Both know of both landings.
    let landings = two.env.store().read(|view| git_coord::model::landing::all(view)).unwrap();
    assert_eq!(landings.len(), 2);
}

#[test]
fn commits_of_others_meanwhile_are_landed_on() {
    let (one, two, hub) = Team::apart("ada", "bob");
    submit(&one, "ada", "T1", "a", 1);
    std::fs::write(two.env.root.join("d"), "by hand\n").unwrap();
    two.env.git(&["commit", "-q", "--no-verify", "-am", "by hand"]);
    two.env.git(&["push", "-q", "--no-verify", "origin", "main:by-hand"]);
    // Between the candidate and the push, somebody moves the branch.
    script(
        &hub.bare.join("hooks/pre-receive"),
        "read old new ref\n[ \"$ref\" = refs/heads/main ] && [ -e meanwhile ] || exit 0\n\
         rm meanwhile\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main refs/heads/by-hand",
    );
    std::fs::write(hub.bare.join("meanwhile"), "").unwrap();
    let call = one.land(&["ada"]);
    assert_eq!(call.ok()["landed"][0]["session"], "ada");
    assert!(!hub.bare.join("meanwhile").exists(), "nobody was in between");
    assert_eq!(hub_file(&one, &hub, "d"), "by hand\n");
    assert!(hub_file(&one, &hub, "a").contains("T1 by ada"));
}

#[test]
fn a_branch_that_went_another_way_is_refused() {
    let (one, _two, _hub) = Team::apart("ada", "bob");
    one.work("ada", "T1", "a", 1);
    std::fs::write(one.env.root.join("d"), "not pushed\n").unwrap();
    one.env.git(&["commit", "-q", "--no-verify", "-am", "not pushed"]);
    let call = one.land(&["ada"]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "moved");
}

#[test]
fn death_at_each_step_with_a_remote() {
    let steps =
        ["target leased", "intent written", "before the branch moves", "branch pushed", "landing recorded"];
    for step in steps {
        let (one, _two, hub) = Team::apart("ada", "bob");
        one.work("ada", "T1", "a", 1);
        let words = ["land", "--all"];
        let call = one.env.run(&one.env.root).args(words).env("GIT_COORD_CRASH_AT", step).call();
        assert!(call.crashed(), "{step}: {}", call.json);
        let call = one.land(&["--all"]);
        call.ok();
        assert!(hub_file(&one, &hub, "a").contains("T1 by ada"), "{step}");
        assert!(one.file("main", "a").contains("T1 by ada"), "{step}: this clone has not followed");
        let landings = one.env.store().read(|view| git_coord::model::landing::all(view)).unwrap();
        assert_eq!(landings.len(), 1, "{step}");
        assert_eq!(one.land(&["--all"]).ok()["landed"].as_array().unwrap().len(), 0, "{step}");
        one.env.check(step);
    }
}

#[test]
fn a_dead_integrator_of_another_clone_is_waited_for() {
    let (one, two, hub) = Team::apart("ada", "bob");
    submit(&one, "ada", "T1", "a", 1);
    two.env.git(&["config", "coord.ttl", "1s"]);
    let dying = two.env.run(&two.env.root).args(["land", "ada"]).env("GIT_COORD_CRASH_AT", "intent written");
    assert!(dying.call().crashed());
    let held = one.land(&["ada"]);
    assert_eq!(held.fails(4, "held")["details"]["holders"][0]["path"], "main");
    let call = one.land(&["ada", "--wait", "60s"]);
    assert_eq!(call.ok()["landed"][0]["session"], "ada");
    assert!(hub_file(&one, &hub, "a").contains("T1 by ada"));
}

#[test]
fn without_the_remote_nothing_lands() {
    let (one, _two, hub) = Team::apart("ada", "bob");
    one.work("ada", "T1", "a", 1);
    let before = one.fingerprint();
    std::fs::rename(&hub.bare, hub.bare.with_extension("away")).unwrap();
    let call = one.land(&["ada"]);
    assert_eq!(call.fails(6, "remote")["details"]["outcome"], "unchanged");
    assert_eq!(one.fingerprint(), before);
}
