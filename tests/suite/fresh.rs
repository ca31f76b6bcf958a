//! One line of versions for each path: who takes a path has its newest version in the branch.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Call, Dice, TestEnv};

/// Sessions in worktrees of their own, with a few files on main.
struct Team {
    env: TestEnv,
    dirs: Vec<(String, PathBuf)>,
}

/// Lines of each file; edits near each other conflict when they are made apart.
const LINES: usize = 6;

impl Team {
    fn new(names: &[&str], files: &[&str], mode: &str) -> Self {
        let env = TestEnv::new();
        for file in files {
            let text: String = (0..LINES).map(|n| format!("line {n}\n")).collect();
            std::fs::write(env.root.join(file), text).unwrap();
        }
        env.git(&["add", "."]);
        env.git(&["commit", "-q", "--no-verify", "-m", "files"]);
        env.git(&["config", "coord.freshBase", mode]);
        let start = |name: &&str| {
            let dir = env.temp().join(name);
            env.coord(&["session", "start", name, "--worktree", dir.to_str().unwrap()]).ok();
            ((*name).to_owned(), dir)
        };
        let dirs = names.iter().map(start).collect();
        Team { env, dirs }
    }

    fn dir(&self, name: &str) -> &Path {
        &self.dirs.iter().find(|(n, _)| n == name).unwrap().1
    }

    fn coord(&self, name: &str, words: &[&str]) -> Call {
        self.env.coord_in(self.dir(name), words)
    }

    fn git(&self, name: &str, words: &[&str]) -> String {
        self.env.git_in(self.dir(name), words).trim().to_owned()
    }

    /// Changes one line of a file and commits it.
    fn edit(&self, name: &str, file: &str, line: usize, word: &str) {
        let path = self.dir(name).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[line] = format!("{word} of {name}");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        self.git(name, &["commit", "-qam", &format!("{word} {file}")]);
    }

    /// Claims a file, changes a line, gives it back.
    fn work(&self, name: &str, file: &str, line: usize, word: &str) -> Value {
        let claimed = self.coord(name, &["claim", file]).ok().clone();
        self.edit(name, file, line, word);
        self.coord(name, &["release", file]).ok();
        claimed
    }

    /// Number of branches that do not merge, when all are merged in this order.
    fn conflicts(&self, order: &[usize]) -> usize {
        let dir = self.env.temp().join("together");
        let place = dir.to_str().unwrap();
        self.env.git(&["worktree", "add", "-q", "--detach", place, "main"]);
        let mut failed = 0;
        for n in order {
            let merge = ["-c", "core.hooksPath=/dev/null", "merge", "-q", "--no-edit", &self.dirs[*n].0];
            let merged = self.env.command("git", &dir).args(merge).output().unwrap().status.success();
            if !merged {
                failed += 1;
                self.env.git_in(&dir, &["merge", "--abort"]);
            }
        }
        self.env.git(&["worktree", "remove", "--force", place]);
        failed
    }
}

#[test]
fn a_claim_brings_the_newest_version_into_the_branch_and_says_so() {
    let team = Team::new(&["a", "b"], &["f", "g"], "auto");
    assert!(team.work("a", "f", 2, "one").get("refreshed").is_none(), "nothing was stale");
    let tip = team.git("a", &["rev-parse", "HEAD"]);
    let before = team.git("b", &["rev-parse", "HEAD"]);
    let dry = team.coord("b", &["refresh", "f", "--dry-run"]).ok().clone();
    assert_eq!(dry["merged"][0]["commit"], tip.as_str());
    assert_eq!(team.git("b", &["rev-parse", "HEAD"]), before, "only said");
    // What nobody else has changed needs nothing.
    assert!(team.work("b", "g", 0, "own").get("refreshed").is_none());
    let claimed = team.work("b", "f", 2, "two");
    let merged = &claimed["refreshed"]["merged"][0];
    assert_eq!((merged["commit"].as_str(), merged["session"].as_str()), (Some(tip.as_str()), Some("a")));
    assert_eq!(merged["branch"], "a");
    assert_eq!(team.git("b", &["rev-parse", "HEAD^^2"]), tip, "one merge commit, then the edit");
    let subject = team.git("b", &["log", "-1", "--format=%s", "HEAD^"]);
    assert_eq!(subject, "Merge a of a for f", "it says what and why");
    assert!(team.coord("b", &["refresh", "f"]).ok()["merged"].as_array().unwrap().is_empty());
    for order in [[0, 1], [1, 0]] {
        assert_eq!(team.conflicts(&order), 0, "{order:?}");
    }
    team.env.check("after a refresh");
}

#[test]
fn each_setting_does_what_it_says_and_half_is_never_granted() {
    for mode in ["auto", "refuse", "landed", "warn", "off"] {
        let team = Team::new(&["a", "b"], &["f", "g"], mode);
        team.work("a", "f", 2, "one");
        let tip = team.git("a", &["rev-parse", "HEAD"]);
        let before = team.git("b", &["rev-parse", "HEAD"]);
        let call = team.coord("b", &["claim", "g", "f"]);
        match mode {
            "auto" => assert_eq!(call.ok()["refreshed"]["merged"][0]["commit"], tip.as_str()),
            "refuse" => {
                let details = &call.fails(5, "refused")["details"];
                assert_eq!(details["rule"], "stale");
                let missing = &details["missing"][0];
                let seen = [&missing["path"], &missing["commit"], &missing["session"], &missing["branch"]];
                assert_eq!(seen, ["f", tip.as_str(), "a", "a"], "{details}");
            }
            "landed" => {
                let holders = &call.fails(4, "held")["details"]["holders"];
                assert_eq!((&holders[0]["path"], &holders[0]["session"]), (&"f".into(), &"a".into()));
            }
            "warn" => assert_eq!(call.ok()["lacking"][0]["commit"], tip.as_str()),
            _ => assert!(call.ok().get("lacking").is_none()),
        }
        let held = team.env.claimed().len();
        let granted = matches!(mode, "auto" | "warn" | "off");
        assert_eq!(held, if granted { 2 } else { 0 }, "{mode}: all or nothing");
        let moved = team.git("b", &["rev-parse", "HEAD"]) != before;
        assert_eq!(moved, mode == "auto", "{mode}: only auto touches the branch");
        if mode == "refuse" {
            assert_eq!(team.coord("b", &["refresh", "f"]).ok()["merged"][0]["commit"], tip.as_str());
            team.coord("b", &["claim", "g", "f"]).ok();
        }
        if mode == "landed" {
            team.env.git(&["merge", "-q", "--no-edit", "a"]);
            team.coord("b", &["refresh", "f"]).ok();
            team.coord("a", &["release", "f", "--unlanded"]).ok();
            team.coord("b", &["claim", "g", "f"]).ok();
        }
        team.env.check(mode);
    }
}

#[test]
fn what_is_in_the_way_is_left_alone_and_named() {
    let team = Team::new(&["a", "b"], &["f"], "auto");
    team.work("a", "f", 2, "one");
    // Changes of the same file that are not committed.
    let file = team.dir("b").join("f");
    std::fs::write(&file, "mine\n").unwrap();
    let call = team.coord("b", &["claim", "f"]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "stale");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n", "not a byte is lost");
    assert!(team.env.claimed().is_empty());
    team.git("b", &["checkout", "-q", "f"]);
    team.coord("b", &["claim", "f"]).ok();
    // On the target itself nothing unlanded is merged.
    team.coord("b", &["release", "f"]).ok();
    team.env.coord(&["session", "start", "lead"]).ok();
    let before = team.env.git(&["rev-parse", "HEAD"]);
    assert_eq!(team.env.coord(&["claim", "f"]).fails(5, "refused")["details"]["rule"], "stale");
    assert_eq!(team.env.git(&["rev-parse", "HEAD"]), before);
}

#[test]
fn commits_of_the_target_are_taken_over_as_well() {
    let team = Team::new(&["a", "b"], &["f", "g"], "auto");
    let text = std::fs::read_to_string(team.env.root.join("f")).unwrap().replace("line 2", "by hand");
    std::fs::write(team.env.root.join("f"), text).unwrap();
    team.env.git(&["commit", "-q", "--no-verify", "-am", "by hand"]);
    let tip = team.env.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert!(team.work("a", "g", 1, "other").get("refreshed").is_none(), "g did not change there");
    let merged = team.work("a", "f", 2, "then")["refreshed"]["merged"][0].clone();
    assert_eq!((&merged["commit"], &merged["session"]), (&tip.as_str().into(), &Value::Null));
    assert_eq!(team.conflicts(&[0, 1]), 0);
}

#[test]
fn an_item_is_given_with_what_its_needs_have_brought() {
    let team = Team::new(&["a", "b"], &["f", "g"], "auto");
    let lines = "{\"id\":\"one\",\"title\":\"t\",\"files\":[\"f\"]}\n\
                 {\"id\":\"two\",\"title\":\"t\",\"files\":[\"g\"],\"needs\":[\"one\"]}\n";
    team.env.import(lines).ok();
    assert_eq!(team.coord("a", &["next"]).items(), ["one"]);
    team.edit("a", "f", 0, "first");
    let tip = team.git("a", &["rev-parse", "HEAD"]);
    team.coord("a", &["done", "one"]).ok();
    let call = team.coord("b", &["next"]);
    assert_eq!(call.items(), ["two"]);
    assert_eq!(call.ok()["refreshed"]["merged"][0]["commit"], tip.as_str());
    assert!(std::fs::read_to_string(team.dir("b").join("f")).unwrap().contains("first of a"));
}

#[test]
fn an_amended_commit_is_followed_and_a_discarded_one_is_not_asked_for() {
    let team = Team::new(&["a", "b"], &["f"], "refuse");
    team.work("a", "f", 2, "one");
    let first = team.git("a", &["rev-parse", "HEAD"]);
    team.coord("a", &["claim", "f"]).ok();
    team.git("a", &["commit", "-q", "--amend", "-m", "better words"]);
    team.coord("a", &["release", "f"]).ok();
    let tip = team.git("a", &["rev-parse", "HEAD"]);
    assert_ne!(first, tip);
    let call = team.coord("b", &["claim", "f"]);
    assert_eq!(call.fails(5, "refused")["details"]["missing"][0]["commit"], tip.as_str());
    team.coord("a", &["session", "end", "a", "--discard"]).ok();
    team.coord("b", &["claim", "f"]).ok();
    team.env.check("after a discard");
}

/// Random schedules, with real git: branches merge in any order, and without the rule they do not.
#[test]
fn branches_of_coordinated_sessions_merge_in_any_order() {
    let mut without = 0;
    for (seed, mode) in [(1, "auto"), (2, "auto"), (3, "auto"), (4, "off"), (5, "off")] {
        let files = ["f", "g"];
        let team = Team::new(&["a", "b", "c"], &files, mode);
        let mut dice = Dice(seed * 7919);
        for n in 0..10 {
            let (who, file) = (dice.below(3) as usize, files[dice.below(2) as usize]);
            let name = team.dirs[who].0.clone();
            team.work(&name, file, dice.below(LINES as u64) as usize, &format!("edit {n}"));
            if mode == "auto" && dice.below(5) == 0 {
                team.env.git(&["merge", "-q", "--no-edit", &name]);
            }
        }
        let first = dice.below(3) as usize;
        let orders = [[first, (first + 1) % 3, (first + 2) % 3], [(first + 2) % 3, (first + 1) % 3, first]];
        for order in orders {
            let failed = team.conflicts(&order);
            if mode == "auto" {
                assert_eq!(failed, 0, "seed {seed}, order {order:?}");
            } else {
                without += failed;
            }
        }
        team.env.check("after the schedule");
    }
    assert!(without > 0, "without the rule they conflict, so the test can fail");
}
