//! The user's repository, apart from hooks and one section of settings, is never changed.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{TestEnv, script};

/// What belongs to git-coord within `.git`.
const OURS: [&str; 3] = ["coord", "coord-session", "hooks"];

fn listing(dir: &Path, top: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name();
        if OURS.iter().any(|o| name == *o) {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            listing(&path, top, found);
        }
        // git refreshes the times in its index whenever somebody looks; its size stays.
        let size = if kind.is_file() { entry.metadata().unwrap().len() } else { 0 };
        found.insert(format!("{} {size}", path.strip_prefix(top).unwrap().display()));
    }
}

/// Everything that a user could see of a repository.
fn portrait(env: &TestEnv, dir: &Path) -> Vec<(String, String)> {
    let mut parts = Vec::new();
    for words in [
        &["log", "--all", "--format=%H %D"][..],
        &["for-each-ref"],
        &["status", "--porcelain", "--ignored", "--branch"],
        &["count-objects", "-v"],
        &["stash", "list"],
        &["reflog", "--all"],
        &["ls-files", "-s"],
        &["worktree", "list", "--porcelain"],
    ] {
        parts.push((format!("git {}", words.join(" ")), env.git_in(dir, words)));
    }
    let config = env.git_in(dir, &["config", "--local", "--list"]);
    let foreign: Vec<&str> = config.lines().filter(|l| !l.starts_with("coord.")).collect();
    parts.push(("git config".to_owned(), foreign.join("\n")));
    let mut files = BTreeSet::new();
    listing(&env.common_dir(), &env.common_dir(), &mut files);
    parts.push((".git".to_owned(), files.into_iter().collect::<Vec<_>>().join("\n")));
    parts
}

#[test]
fn coordination_leaves_no_trace_in_the_users_repository() {
    let env = TestEnv::plain(&[]).unwrap();
    std::fs::write(env.root.join(".gitignore"), "ignored\n").unwrap();
    for file in ["ignored", "untracked", "staged"] {
        std::fs::write(env.root.join(file), "x\n").unwrap();
    }
    env.git(&["add", "staged", ".gitignore"]);
    env.git(&["tag", "v1"]);
    env.git(&["worktree", "add", "-q", "../second", "-b", "second"]);
    let second = env.temp().join("second");
    env.git(&["status"]);
    let before = [portrait(&env, &env.root), portrait(&env, &second)];
    env.coord(&["init"]).ok();
    env.coord(&["init"]).ok();
    env.coord(&["session", "start", "one"]).ok();
    env.coord_in(&second, &["session", "start", "two"]).ok();
    let items: String =
        (0..300).map(|i| format!("{{\"id\":\"t{i}\",\"title\":\"t\",\"files\":[\"f/{i}\"]}}\n")).collect();
    env.import(&items).ok();
    for i in 0..10 {
        env.coord(&["claim", &format!("own/{i}"), "README"]).ok();
        env.coord_in(&second, &["claim", "README"]).fails(4, "held");
        let items = env.coord_in(&second, &["next", "--count", "3"]).items();
        env.coord_in(&second, &["done", &items[0]]).ok();
        env.coord_in(&second, &["fail", &items[1], "--reason", "r"]).ok();
        env.coord_in(&second, &["drop", &items[2]]).ok();
        env.coord(&["release", "README"]).ok();
        env.coord(&["renew"]).ok();
        env.coord(&["claims"]).ok();
        env.coord(&["queue", "list"]).ok();
    }
    env.coord(&["upkeep"]).ok();
    env.coord(&["session", "end", "two"]).ok();
    let after = [portrait(&env, &env.root), portrait(&env, &second)];
    for (old, new) in before.iter().flatten().zip(after.iter().flatten()) {
        assert_eq!(old, new, "{} has changed", old.0);
    }
    env.git(&["fsck", "--strict"]);
    env.check("after a long series of commands");
}

#[test]
fn hooks_and_settings_of_the_user_do_not_run_for_our_operations() {
    let env = TestEnv::new();
    let hooks = env.common_dir().join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["reference-transaction", "post-checkout", "pre-commit"] {
        let file = hooks.join(hook);
        script(&file, "touch \"$HOME/ran\"\nexit 1");
    }
    env.git(&["config", "core.fsync", "all"]);
    env.git(&["config", "gc.auto", "1"]);
    env.git(&["config", "user.useConfigOnly", "true"]);
    env.coord(&["session", "start", "s"]).ok();
    env.coord(&["claim", "x"]).ok();
    env.coord(&["upkeep"]).ok();
    env.coord(&["session", "end"]).ok();
    assert!(!env.temp().join("ran").exists(), "a hook of the user ran for an operation of coordination");
}
