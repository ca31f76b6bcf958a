//! Surroundings that are not as they should be: no repository, no git, no room, no permission.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::common::{Call, PROGRAM, TestEnv, script};

#[test]
fn outside_a_repository_every_command_says_so() {
    let env = TestEnv::empty();
    for words in [&["init"][..], &["claims"], &["session", "start", "x"], &["queue", "import", "-"]] {
        env.coord(words).fails(1, "no-repository");
    }
    env.coord_in(env.temp(), &["-C", "no/such/folder", "claims"]).fails(1, "io");
}

#[test]
fn a_repository_without_a_store_says_how_to_get_one() {
    let env = TestEnv::plain(&[]).unwrap();
    for words in [&["claims"][..], &["session", "start", "x"], &["next", "--session", "x"], &["upkeep"]] {
        let call = env.coord(words);
        assert!(call.fails(1, "no-store")["hint"].as_str().unwrap().contains("git coord init"));
    }
    assert!(!env.store_dir().exists(), "nothing was made by asking");
}

#[test]
fn a_bare_repository_is_refused_but_its_worktrees_work() {
    let env = TestEnv::plain(&[]).unwrap();
    let bare = env.temp().join("bare.git");
    env.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    env.coord_in(&bare, &["init"]).fails(1, "bare");
    env.git_in(&bare, &["worktree", "add", "-q", "../tree", "main"]);
    let tree = env.temp().join("tree");
    env.coord_in(&tree, &["init"]).ok();
    env.coord_in(&tree, &["session", "start", "s"]).ok();
    env.coord_in(&tree, &["claim", "README"]).ok();
    assert!(bare.join("coord/HEAD").exists(), "the store lies with the bare repository");
}

#[test]
fn a_submodule_is_a_repository_of_its_own() {
    let env = TestEnv::new();
    let other = TestEnv::plain(&[]).unwrap();
    let url = other.root.to_str().unwrap();
    env.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "sub"]);
    let sub = env.root.join("sub");
    env.coord_in(&sub, &["claims"]).fails(1, "no-store");
    env.coord_in(&sub, &["init"]).ok();
    env.coord_in(&sub, &["session", "start", "inner"]).ok();
    env.coord_in(&sub, &["claim", "README"]).ok();
    env.sessions(&["outer"]);
    env.coord_as("outer", &["claim", "README", "sub"]).ok();
    assert!(env.common_dir().join("modules/sub/coord").exists(), "its store lies in its own git folder");
}

/// A folder with links to every program on PATH but git.
fn path_without_git(env: &TestEnv) -> PathBuf {
    let bin = env.temp().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for tool in ["sh", "cat"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|d| d.join(tool))
            .find(|p| p.exists());
        symlink(found.unwrap(), bin.join(tool)).unwrap();
    }
    bin
}

#[test]
fn without_git_init_says_what_is_missing_and_claims_still_work() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let bin = path_without_git(&env);
    let fresh = TestEnv::plain(&[]).unwrap();
    let call = fresh.run(&fresh.root).env("PATH", &bin).args(["init"]).call();
    assert!(call.fails(1, "no-git")["hint"].as_str().unwrap().contains("git 2."), "{}", call.json);
    assert!(!fresh.store_dir().exists(), "no half store is left");
    let call = env.run(&env.root).env("PATH", &bin).session("me").args(["claim", "x"]).call();
    call.ok();
    env.check("after a claim without git");
}

#[test]
fn a_git_that_is_too_old_is_named() {
    let env = TestEnv::plain(&[]).unwrap();
    let bin = path_without_git(&env);
    let fake = bin.join("git");
    for (answer, code) in [("git version 2.20.1", "old-git"), ("not a version", "git")] {
        script(&fake, &format!("echo '{answer}'"));
        let call = env.run(&env.root).env("PATH", &bin).args(["init"]).call();
        call.fails(1, code);
        assert!(!env.store_dir().exists(), "no store is made with {answer:?}");
    }
}

/// Runs a script in a mount namespace of its own; `None` when this user may not have one.
fn in_private_mounts(env: &TestEnv, script: &str) -> Option<Call> {
    let can = env.command("unshare", &env.root).args(["-m", "true"]).output();
    if !can.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: this user may not make a mount namespace");
        return None;
    }
    let run = env.command("unshare", &env.root).args(["-m", "sh", "-c", script]);
    Some(run.env("PROGRAM", PROGRAM).session("me").call())
}

/// After a command that could not write: nothing is changed, and with room again all is well.
fn is_unharmed(env: &TestEnv, before: u64, when: &str) {
    assert_eq!(env.generation(), before, "{when}: nothing was changed");
    env.check(when);
    env.coord_as("me", &["claim", "x"]).ok();
    env.check(&format!("{when}, then a claim"));
    env.fsck(when);
}

#[test]
fn a_read_only_repository_can_be_read_and_refuses_writes() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    env.claim("me", &["mine"], 3600);
    let before = env.generation();
    let read_only = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ";
    let Some(call) = in_private_mounts(&env, &format!("{read_only} exec \"$PROGRAM\" --json claim x")) else {
        return;
    };
    call.fails(1, "io");
    let call = in_private_mounts(&env, &format!("{read_only} exec \"$PROGRAM\" --json claims")).unwrap();
    assert_eq!(call.ok()["claims"][0]["path"], "mine", "reading needs no permission to write");
    is_unharmed(&env, before, "after a claim in a read-only repository");
}

#[test]
fn a_full_disk_is_an_error_and_changes_nothing() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let before = env.generation();
    // The store on a file system of its own, with ever less room left.
    let mut refused = 0;
    for left in [0, 4, 8, 16, 24, 32, 48, 64] {
        let script = format!(
            "cp -a .git/coord .git/copy && mount -t tmpfs -o size=4m none .git/coord && cp -a .git/copy/. .git/coord/ \
             && free=$(df --output=avail -k .git/coord | tail -1) \
             && head -c $(( (free - {left}) * 1024 )) /dev/zero > .git/coord/filler; \
             \"$PROGRAM\" --json claim x y/z; status=$?; \
             rm -f .git/coord/filler; \"$PROGRAM\" --json claims >/dev/null || exit 99; \
             \"$PROGRAM\" --json claim after >/dev/null || exit 98; rm -rf .git/copy; exit $status"
        );
        let Some(call) = in_private_mounts(&env, &script) else { return };
        if call.code != Some(0) {
            let code = call.json["error"]["code"].as_str().unwrap_or_default().to_owned();
            assert_eq!(call.code, Some(1), "with {left} kB left: {} {}", call.json, call.stderr);
            assert!(code == "io" || code == "damaged", "with {left} kB left: {}", call.json);
            refused += 1;
        }
    }
    assert!(refused > 0, "at least a completely full disk refuses");
    is_unharmed(&env, before, "after claims on a full disk");
}

#[test]
fn writes_that_the_system_cuts_off_change_nothing() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let before = env.generation();
    // A limit of the file size: 0 blocks. The signal is ignored, so that the write itself fails.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$PROGRAM\" --json --session me claim x";
    let call = env.command("sh", &env.root).args(["-c", script]).env("PROGRAM", PROGRAM).call();
    assert_eq!(call.code, Some(1), "{} {}", call.json, call.stderr);
    let before_kill = env.generation();
    assert_eq!(before_kill, before, "nothing was changed");
    // The same with the signal: the process dies in the middle of a write.
    let script = "ulimit -c 0; ulimit -f 0; exec \"$PROGRAM\" --json --session me claim x";
    env.command("sh", &env.root).args(["-c", script]).env("PROGRAM", PROGRAM).output().unwrap();
    is_unharmed(&env, before, "after writes that were cut off");
}

#[test]
fn a_closed_pipe_is_no_reason_to_fail() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    env.claim("me", &["mine"], 3600);
    let script =
        "\"$PROGRAM\" claims | true; \"$PROGRAM\" claim x --session me >&-; \"$PROGRAM\" --json claims";
    let call = env.command("sh", &env.root).args(["-c", script]).env("PROGRAM", PROGRAM).call();
    assert_eq!(call.ok()["claims"].as_array().unwrap().len(), 2, "the claim happened: {}", call.stderr);
}

/// git exports its own place to hooks; from there, the store must still be found.
#[test]
fn inside_a_hook_the_right_repository_is_used() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let other = TestEnv::new();
    let call = other
        .run(&env.root)
        .env("GIT_DIR", env.common_dir())
        .env("GIT_INDEX_FILE", env.common_dir().join("index"))
        .env("GIT_PREFIX", "")
        .session("me")
        .args(["claim", "x"])
        .call();
    call.ok();
    assert_eq!(env.claimed().len(), 1, "GIT_DIR decides");
    let call = env.run(Path::new("/")).env("GIT_DIR", env.common_dir()).env("GIT_WORK_TREE", &env.root);
    assert_eq!(call.args(["claims"]).call().ok()["claims"][0]["path"], "x");
}
