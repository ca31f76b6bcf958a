//! Kinds of repositories: object formats, ref storages, worktrees, subfolders, odd places.

use std::path::Path;

use crate::common::{PROGRAM, TestEnv};

/// Claim, conflict, release, an item and upkeep, started in `dir`.
fn whole_circle(env: &TestEnv, dir: &Path) {
    env.coord_in(dir, &["init"]).ok();
    env.coord_in(dir, &["session", "start", "here"]).ok();
    let rival = |words: &[&str]| env.run(dir).session("rival").args(words).call();
    env.sessions_in(dir, &["rival"]);
    env.coord_in(dir, &["claim", "src/a.rs"]).ok();
    let refused = rival(&["claim", "src"]);
    assert_eq!(refused.fails(4, "held")["details"]["holders"][0]["session"], "here");
    let item = "{\"id\":\"t\",\"title\":\"t\",\"files\":[\"docs/x\"]}\n";
    env.run(dir).args(["queue", "import", "-"]).stdin(item).call().ok();
    assert_eq!(env.coord_in(dir, &["next"]).items(), ["t"]);
    // Files of items are named from the top, wherever the import was started.
    env.run(&env.root).session("rival").args(["claim", "docs"]).call().fails(4, "held");
    env.coord_in(dir, &["done", "t"]).ok();
    env.coord_in(dir, &["release", "src/a.rs"]).ok();
    env.coord_in(dir, &["upkeep"]).ok();
    rival(&["claim", "src", "docs"]).ok();
    rival(&["release", "--all"]).ok();
    let out = env.command(PROGRAM, dir).args(["git", "fsck", "--strict"]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && !text.contains("error"), "git coord git fsck: {text}");
    env.check("after a whole circle");
    env.fsck("after a whole circle");
}

#[test]
fn a_plain_repository() {
    let env = TestEnv::plain(&[]).unwrap();
    whole_circle(&env, &env.root.clone());
}

#[test]
fn a_sha256_repository() {
    let Some(env) = TestEnv::plain(&["--object-format=sha256"]) else { return };
    whole_circle(&env, &env.root.clone());
    let tip = env.git_in(&env.store_dir(), &["--git-dir=.", "rev-parse", "refs/coord/state"]);
    assert_eq!(tip.trim().len(), 64, "the store has its host's object format");
}

#[test]
fn a_reftable_repository() {
    let Some(env) = TestEnv::plain(&["--ref-format=reftable"]) else { return };
    whole_circle(&env, &env.root.clone());
    assert_eq!(env.git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "main", "the host's refs are whole");
}

#[test]
fn a_subfolder() {
    let env = TestEnv::plain(&[]).unwrap();
    let sub = env.root.join("deep/er");
    std::fs::create_dir_all(&sub).unwrap();
    whole_circle(&env, &sub);
    env.coord_in(&sub, &["claim", "../own", "."]).ok();
    let held: Vec<String> = env.claimed().into_iter().map(|(p, _)| p).collect();
    assert!(held.contains(&"deep/own".to_owned()) && held.contains(&"deep/er".to_owned()), "{held:?}");
    env.coord_in(&sub, &["claim", "../../../outside"]).fails(1, "bad-path");
}

#[test]
fn all_worktrees_of_a_clone_share_one_state() {
    let env = TestEnv::new();
    env.git(&["worktree", "add", "-q", "../second", "-b", "second"]);
    let second = env.temp().join("second");
    env.coord(&["session", "start", "one"]).ok();
    env.coord_in(&second, &["session", "start", "two"]).ok();
    env.coord(&["claim", "README"]).ok();
    env.coord_in(&second, &["claim", "README"]).fails(4, "held");
    let absolute = second.join("README");
    env.coord_in(&second, &["claim", absolute.to_str().unwrap()]).fails(4, "held");
    env.coord_in(&second, &["claim", env.root.join("README").to_str().unwrap()]).fails(1, "bad-path");
    env.coord(&["release", "README"]).ok();
    let data = env.coord_in(&second, &["claim", absolute.to_str().unwrap()]);
    assert_eq!(data.ok()["claims"][0]["path"], "README", "a path is relative to the top of its own worktree");
    env.check("with two worktrees");
}

#[test]
fn a_repository_in_a_folder_with_an_odd_name_or_behind_a_link() {
    let env = TestEnv::empty();
    let odd = env.temp().join("odd 'name\"\n$(x) ü");
    std::fs::create_dir(&odd).unwrap();
    env.git_in(&odd, &["init", "-q"]);
    env.coord_in(&odd, &["init"]).ok();
    env.coord_in(&odd, &["session", "start", "s"]).ok();
    let link = env.temp().join("link");
    std::os::unix::fs::symlink(&odd, &link).unwrap();
    env.coord_in(&link, &["claim", "a"]).ok();
    env.coord_in(env.temp(), &["-C", "link", "claim", link.join("b").to_str().unwrap()]).ok();
    let claims = env.coord_in(&odd, &["claims", "--mine"]);
    assert_eq!(claims.ok()["claims"].as_array().unwrap().len(), 2);
    env.coord_in(&odd, &["upkeep"]).ok();
}

#[test]
fn a_repository_with_a_separate_git_folder() {
    let env = TestEnv::empty();
    env.git(&["init", "-q", "--separate-git-dir", "../elsewhere.git"]);
    env.coord(&["init"]).ok();
    env.coord(&["session", "start", "s"]).ok();
    env.coord(&["claim", "x"]).ok();
    assert!(env.temp().join("elsewhere.git/coord/HEAD").exists(), "the store lies in the real git folder");
}
