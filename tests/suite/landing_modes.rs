//! Squash and rebase break ancestry. What landed so must not conflict with branches that have it.

use crate::common::team::Team;

/// bob has ada's work in his branch, edits the same line after it, and both land.
fn lines_meet(mode: &str) -> Team {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.git("bob", &["merge", "-q", "ada"]);
    team.work("bob", "T2", "a", 1);
    team.land(&["ada", mode]).ok();
    team
}

#[test]
fn a_squashed_branch_does_not_conflict_with_one_that_has_it() {
    for mode in ["--squash", "--rebase"] {
        let team = lines_meet(mode);
        assert_eq!(team.env.git(&["rev-list", "--merges", "--count", "main"]).trim(), "0", "{mode}");
        // Without the recorded equivalence, git sees two edits of one line.
        let plain =
            team.env.command("git", &team.env.root).args(["merge-tree", "--write-tree", "main", "bob"]);
        let same = plain.output().unwrap().status.code() == Some(0);
        assert!(!same || mode == "--rebase", "the schedule does not show the problem");
        let data = team.land(&["bob", mode]);
        assert_eq!(data.ok()["landed"][0]["items"], serde_json::json!(["T2"]), "{mode}: only what is new");
        assert!(team.file("main", "a").starts_with("T2 by bob\n"), "{mode}");
        // ada goes on where she is, and lands again.
        team.work("ada", "T3", "a", 9);
        team.land(&["ada", mode]).ok();
        let text = team.file("main", "a");
        assert!(text.starts_with("T2 by bob\n") && text.ends_with("T3 by ada\n"), "{mode}: {text}");
        assert_eq!(team.land(&["--all", mode]).ok()["landed"].as_array().unwrap().len(), 0);
        team.env.check(mode);
    }
}

#[test]
fn a_squash_names_what_it_is_made_of() {
    let team = Team::new(&["ada"]);
    team.work("ada", "T1", "a", 1);
    team.work("ada", "T2", "b", 1);
    let tip = team.tip("ada");
    team.land(&["ada", "--squash"]).ok();
    let message = team.env.git(&["log", "-1", "--format=%B", "main"]);
    for line in ["Land ada: 2 items", "- T1 Change a", &format!("Coord-Merges: {tip}"), "Coord-Item: T2"] {
        assert!(message.contains(line), "{line:?} is missing: {message}");
    }
    assert_eq!(message.matches("Coord-Lease: ").count(), 2);
    assert_eq!(team.env.git(&["rev-list", "--count", "main"]).trim(), "3");
}

#[test]
fn a_rebase_keeps_commits_and_authors() {
    let team = Team::new(&["ada", "bob"]);
    team.work("ada", "T1", "a", 1);
    team.work("ada", "T2", "b", 1);
    team.work("bob", "T3", "c", 1);
    team.land(&["bob"]).ok();
    team.land(&["ada", "--rebase"]).ok();
    let log = team.env.git(&["log", "-2", "--format=%an %ad %s", "--date=short", "main"]);
    assert_eq!(log, "Ada 2026-01-02 T2: change b\nAda 2026-01-02 T1: change a\n");
}
