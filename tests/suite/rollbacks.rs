//! `rollback`: refs go back to the byte, or are reverted where others have them; nothing is lost, and
//! what was taken off can land again.

use serde_json::Value;

use crate::common::team::Team;

/// ada and bob have landed, in this order; the ids of the landings.
fn two_landings() -> (Team, String, String) {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    let one = id(team.land(&["ada"]).ok());
    team.work("bob", "T2", "b", 1);
    let two = id(team.land(&["bob"]).ok());
    (team, one, two)
}

fn id(data: &Value) -> String {
    data["id"].as_str().unwrap().to_owned()
}

fn landed(team: &Team) -> Vec<String> {
    let call = team.env.coord(&["landed"]);
    let list = call.ok()["landed"].as_array().unwrap().clone();
    list.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_last_landing_is_taken_off_to_the_byte() {
    let (team, _, two) = two_landings();
    let (before, after) = (team.tip("main^1"), team.tip("main"));
    let dry = team.env.coord(&["rollback", &two, "--dry-run"]);
    assert_eq!((&dry.ok()["to"], team.tip("main")), (&before.clone().into(), after.clone()));
    let call = team.env.coord(&["rollback", &two]);
    let data = call.ok();
    assert_eq!(
        (&data["from"], &data["to"], &data["reverted"]),
        (&after.clone().into(), &before.clone().into(), &false.into())
    );
    assert_eq!(data["reopened"], serde_json::json!(["T2"]));
    assert_eq!(team.tip("main"), before);
    assert_eq!(team.env.git(&["status", "--porcelain"]), "", "the files have followed");
    assert!(!std::fs::read_to_string(team.env.root.join("b")).unwrap().contains("T2"));
    assert_eq!(team.tip(&format!("coord/aside/{two}")), after, "what was taken off stays");
    assert_eq!(landed(&team), ["T1"]);
    // Again changes nothing; and it lands again.
    assert_eq!(team.env.coord(&["rollback", &two]).ok()["reopened"], serde_json::json!([]));
    assert_eq!(team.land(&["bob"]).ok()["landed"][0]["items"], serde_json::json!(["T2"]));
    assert!(team.file("main", "b").contains("T2 by bob"));
    assert_eq!(landed(&team), ["T1", "T2"]);
    team.env.check("after rollback and landing again");
}

#[test]
fn later_landings_are_named_dropped_or_kept() {
    let (team, one, two) = two_landings();
    let tip = team.tip("main");
    let refused = team.env.coord(&["rollback", &one]);
    let error = refused.fails(5, "refused");
    assert_eq!(error["details"]["rule"], "later-landings");
    assert!(error["message"].as_str().unwrap().contains(&two), "{error}");
    assert_eq!(team.tip("main"), tip);
    // Kept: put together without the first.
    let kept = team.env.coord(&["rollback", &one, "--later", "keep"]);
    assert_eq!(
        (&kept.ok()["kept"], &kept.ok()["reopened"]),
        (&serde_json::json!([two]), &serde_json::json!(["T1"]))
    );
    assert!(!team.file("main", "a").contains("T1") && team.file("main", "b").contains("T2 by bob"));
    assert_eq!(
        (team.env.git(&["status", "--porcelain"]), landed(&team)),
        (String::new(), vec!["T2".to_owned()])
    );
    // The kept one can be taken off by its name as before.
    team.env.coord(&["rollback", &two]).ok();
    assert!(landed(&team).is_empty());
    let (team, one, _) = two_landings();
    let data = team.env.coord(&["rollback", &one, "--later", "drop"]);
    assert_eq!(data.ok()["reopened"], serde_json::json!(["T1", "T2"]));
    assert!(landed(&team).is_empty());
}

#[test]
fn commits_by_hand_on_top_are_named_and_can_be_kept() {
    let (team, _, two) = two_landings();
    std::fs::write(team.env.root.join("d"), "by hand\n").unwrap();
    team.env.git(&["commit", "-q", "--no-verify", "-am", "by hand"]);
    let hand = team.tip("main");
    let refused = team.env.coord(&["rollback", &two]);
    let error = refused.fails(5, "refused");
    assert!(error["message"].as_str().unwrap().contains(&hand[..10]), "{error}");
    team.env.coord(&["rollback", &two, "--later", "keep"]).ok();
    assert!(!team.file("main", "b").contains("T2") && team.file("main", "d") == "by hand\n");
    assert_eq!(team.env.git(&["log", "-1", "--format=%an %s", "main"]), "Ada by hand\n");
}

#[test]
fn after_a_revert_landing_again_brings_all_lines_back() {
    for mode in ["--no-ff", "--squash", "--rebase"] {
        let team = Team::new(&["ada"]);
        team.work("ada", "T1", "a", 1);
        team.work("ada", "T2", "b", 1);
        let one = id(team.land(&["ada", mode]).ok());
        let before = team.tip("main");
        let call = team.env.coord(&["rollback", &one, "--revert"]);
        assert_eq!(
            (&call.ok()["reverted"], &call.ok()["from"]),
            (&true.into(), &before.clone().into()),
            "{mode}"
        );
        assert!(!team.file("main", "a").contains("T1") && !team.file("main", "b").contains("T2"), "{mode}");
        assert_eq!(
            team.env.git(&["merge-base", "--is-ancestor", &before, "main"]),
            "",
            "nothing was moved back"
        );
        assert!(landed(&team).is_empty(), "{mode}");
        // git takes the branch for merged: a merge would add nothing.
        let again = team.land(&["ada", mode]);
        assert_eq!(again.ok()["landed"][0]["items"], serde_json::json!(["T1", "T2"]), "{mode}");
        assert!(
            team.file("main", "a").contains("T1 by ada") && team.file("main", "b").contains("T2 by ada"),
            "{mode}"
        );
        assert_eq!(landed(&team), ["T1", "T2"], "{mode}");
        assert_eq!(team.land(&["ada", mode]).ok()["landed"].as_array().unwrap().len(), 0, "{mode}");
        // With new work on top, and once more.
        let two = id(again.ok());
        team.env.coord(&["rollback", &two, "--revert"]).ok();
        team.work("ada", "T3", "c", 1);
        team.land(&["ada", mode]).ok();
        let all = ["a", "b", "c"].map(|file| team.file("main", file));
        assert!(all[0].contains("T1") && all[1].contains("T2") && all[2].contains("T3"), "{mode}");
        team.env.check(mode);
    }
}

#[test]
fn what_others_have_is_reverted_and_never_forced() {
    let (one, _two, hub) = Team::apart("ada", "bob");
    one.work("ada", "T1", "a", 1);
    let landing = id(one.land(&["ada"]).ok());
    let tip = one.env.git_in(&hub.bare, &["rev-parse", "main"]);
    let call = one.env.coord(&["rollback", &landing]);
    assert_eq!(call.ok()["reverted"], true);
    one.env.git_in(&hub.bare, &["merge-base", "--is-ancestor", tip.trim(), "main"]);
    assert!(!one.env.git_in(&hub.bare, &["show", "main:a"]).contains("T1"));
    assert!(!one.file("main", "a").contains("T1"), "this clone has followed");
}

#[test]
fn a_checkpoint_is_returned_to() {
    let team = Team::new(&["ada", "bob"]);
    let made = team.env.coord(&["checkpoint", "create", "before"]);
    let start = team.tip("main");
    assert_eq!(made.ok()["checkpoint"]["commit"], start.as_str());
    team.env.coord(&["checkpoint", "create", "L7"]).fails(1, "bad-input");
    team.work("ada", "T1", "a", 1);
    team.land(&["ada"]).ok();
    team.work("bob", "T2", "b", 1);
    team.land(&["bob"]).ok();
    let list = team.env.coord(&["checkpoint", "list"]);
    assert_eq!(list.ok()["checkpoints"].as_array().unwrap().len(), 3);
    let call = team.env.coord(&["rollback", "before"]);
    assert_eq!(
        (&call.ok()["to"], &call.ok()["reopened"]),
        (&start.clone().into(), &serde_json::json!(["T1", "T2"]))
    );
    assert_eq!((team.tip("main"), team.env.git(&["status", "--porcelain"])), (start, String::new()));
    team.env.coord(&["rollback", "nothing"]).fails(1, "bad-input");
    // Other values under the same name are refused.
    team.land(&["ada"]).ok();
    let again = team.env.coord(&["checkpoint", "create", "before"]);
    assert_eq!(again.fails(5, "refused")["details"]["rule"], "exists");
}

#[test]
fn a_rollback_survives_death_at_each_step() {
    let steps =
        ["target leased", "intent written", "before the branch moves", "branch moved", "rollback recorded"];
    for step in steps {
        let (team, _, two) = two_landings();
        let (before, after) = (team.tip("main^1"), team.tip("main"));
        let words = ["rollback", &two];
        let call = team.env.run(&team.env.root).args(words).env("GIT_COORD_CRASH_AT", step).call();
        assert!(call.crashed(), "{step}: {}", call.json);
        let now = team.tip("main");
        assert!(now == before || now == after, "{step}");
        team.env.coord(&words).ok();
        assert_eq!((team.tip("main"), landed(&team)), (before, vec!["T1".to_owned()]), "{step}");
        assert_eq!(team.env.git(&["status", "--porcelain"]), "", "{step}");
        team.env.check(step);
    }
}

#[test]
fn a_target_with_changes_is_not_moved_back() {
    let (team, _, two) = two_landings();
    std::fs::write(team.env.root.join("d"), "mine\n").unwrap();
    let before = team.fingerprint();
    let call = team.env.coord(&["rollback", &two]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "checked-out-dirty");
    assert_eq!(team.fingerprint(), before);
}

#[test]
fn sessions_that_have_taken_it_over_are_named() {
    let (team, _, two) = two_landings();
    team.git("ada", &["merge", "-q", "--no-edit", "main"]);
    team.work("ada", "T5", "c", 1);
    let call = team.env.coord(&["rollback", &two]);
    assert_eq!(call.ok()["infected"], serde_json::json!([{"session": "ada", "branch": "ada"}]));
}

#[test]
fn what_is_in_is_found_by_record_commit_and_patch() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("bob", "T2", "b", 1);
    team.env.import("{\"id\":\"T9\",\"title\":\"open\"}\n").ok();
    let call = team.env.coord(&["landed", "--item", "T1", "--item", "T9"]);
    let details = &call.fails(5, "refused")["details"];
    assert_eq!(
        (&details["rule"], details["not_landed"].as_array().unwrap().len()),
        (&"not-landed".into(), 2)
    );
    // By hand: a merge, and a cherry-pick.
    team.env.git(&["merge", "-q", "--no-ff", "--no-verify", "-m", "by hand", "ada"]);
    team.env.git(&["cherry-pick", "bob"]);
    assert_eq!(landed(&team), ["T1", "T2"]);
    team.env.coord(&["landed", "main", "--item", "T1"]).ok();
    let at = team.env.coord(&["landed", "main~2"]);
    assert!(at.ok()["landed"].as_array().unwrap().is_empty());
}
