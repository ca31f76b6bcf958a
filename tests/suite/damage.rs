//! A damaged store: never a panic, a clear answer, and nobody else is affected.

use std::path::{Path, PathBuf};

use crate::common::{Call, Snapshot, TestEnv, copy_tree};

/// Every command that reads or writes, each of which must meet the damage and say so.
const COMMANDS: &[&[&str]] = &[
    &["claims"],
    &["claim", "new"],
    &["release", "mine"],
    &["next"],
    &["done", "t0"],
    &["renew"],
    &["queue", "list"],
    &["queue", "show", "t1"],
    &["session", "list"],
    &["session", "show"],
    &["upkeep"],
    &["session", "start", "another"],
];

fn world() -> (TestEnv, Snapshot) {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let lines: String = (0..4).map(|i| format!("{{\"id\":\"t{i}\",\"title\":\"t\"}}\n")).collect();
    env.import(&lines).ok();
    env.coord_as("me", &["next"]).ok();
    env.claim("me", &["mine"], 3600);
    // Every record is an object of its own then, and can be damaged by itself.
    env.store().fold().unwrap();
    let snapshot = Snapshot::take(&env);
    (env, snapshot)
}

/// Runs every command; each must end in an orderly way. Returns how many met the damage.
fn all_commands(env: &TestEnv, what: &str) -> usize {
    let mut met = 0;
    for words in COMMANDS {
        let call: Call = env.coord_as("me", words);
        if call.code == Some(0) {
            continue;
        }
        let error = &call.json["error"];
        let code = error["code"].as_str().unwrap_or_default();
        assert_eq!(call.code, Some(1), "{what}, {words:?}: {}", call.json);
        assert!(
            ["damaged", "no-store", "io"].contains(&code),
            "{what}, {words:?}: {code} is not a code for a damaged store: {error}"
        );
        assert!(error["hint"].is_string(), "{what}, {words:?}: a hint says how to go on: {error}");
        met += 1;
    }
    met
}

fn objects(env: &TestEnv) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for fan in std::fs::read_dir(env.store_dir().join("objects")).unwrap().flatten() {
        if fan.file_name().len() == 2 {
            files.extend(std::fs::read_dir(fan.path()).unwrap().flatten().map(|e| e.path()));
        }
    }
    files.sort();
    files
}

fn object(env: &TestEnv, name: &str) -> PathBuf {
    let id = env.git_in(&env.store_dir(), &["--git-dir=.", "rev-parse", name]);
    let id = id.trim();
    env.store_dir().join("objects").join(&id[..2]).join(&id[2..])
}

/// gix and git write objects read-only.
fn overwrite(file: &Path, bytes: &[u8]) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_damaged_object_is_reported_by_each_command_that_needs_it() {
    let (env, snapshot) = world();
    for name in ["refs/coord/state", "refs/coord/state^{tree}", "refs/coord/state:head.json"] {
        let file = object(&env, name);
        let whole = std::fs::read(&file).unwrap();
        let half = &whole[..whole.len() / 2];
        for (how, bytes) in [("emptied", &b""[..]), ("cut off", half), ("overwritten", b"garbage garbage")] {
            overwrite(&file, bytes);
            let what = format!("{name} {how}");
            // Commands that are content with less than all of the state may still answer.
            let met = all_commands(&env, &what);
            let writers = if name.ends_with("head.json") { 5 } else { COMMANDS.len() };
            assert!(met >= writers, "{what}: only {met} commands have noticed");
            snapshot.restore(&env);
        }
        std::fs::remove_file(&file).unwrap();
        assert!(all_commands(&env, &format!("{name} deleted")) > 4);
        snapshot.restore(&env);
    }
    env.check("after the store was put back");
}

#[test]
fn any_single_object_may_be_lost_without_a_panic() {
    let (env, snapshot) = world();
    let all = objects(&env);
    assert!(all.len() > 20, "there are objects to lose");
    // Every third: the time of the test, not its point.
    for file in all.iter().step_by(3) {
        overwrite(file, b"");
        for words in [&["claims"][..], &["claim", "new"], &["next"], &["queue", "list"]] {
            let call = env.coord_as("me", words);
            assert!(
                matches!(call.code, Some(0 | 1)),
                "{words:?} with {} emptied: {}",
                file.display(),
                call.json
            );
        }
        snapshot.restore(&env);
    }
}

#[test]
fn a_ref_that_is_gone_or_garbage_is_never_taken_for_an_empty_store() {
    let (env, snapshot) = world();
    let file = env.store_dir().join("refs/coord/state");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(all_commands(&env, "ref deleted"), COMMANDS.len(), "no command goes on without a state");
    assert!(!file.exists(), "nobody has made a new state");
    env.coord(&["init"]);
    assert!(!file.exists(), "init does not start from nothing either");
    let zeros = "0".repeat(40) + "\n";
    for text in
        ["", "garbage\n", "ref: refs/coord/other\n", "1234567890123456789012345678901234567890\n", &zeros]
    {
        std::fs::write(&file, text).unwrap();
        assert_eq!(all_commands(&env, &format!("ref is {text:?}")), COMMANDS.len());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "nobody has overwritten it");
    }
    snapshot.restore(&env);
    env.check("after the ref was put back");
}

#[test]
fn a_record_that_is_no_json_is_named() {
    let (env, snapshot) = world();
    let git =
        |args: &[&str]| env.git_in(&env.store_dir(), &[&["--git-dir=."], args].concat()).trim().to_owned();
    for key in [
        "head.json",
        "sessions/me.json",
        "claims/mine",
        "queues/main/queue.json",
        "queues/main/states/0000/00.json",
    ] {
        let junk = env.temp().join("junk");
        std::fs::write(&junk, "{\"not\":\"a record\"").unwrap();
        let blob = git(&["hash-object", "-w", junk.to_str().unwrap()]);
        let index = env.temp().join("index");
        let _ = std::fs::remove_file(&index);
        let with = |args: &[&str]| {
            let run =
                env.command("git", &env.store_dir()).env("GIT_INDEX_FILE", &index).args(["--git-dir=."]);
            String::from_utf8(run.args(args).output().unwrap().stdout).unwrap().trim().to_owned()
        };
        with(&["read-tree", "refs/coord/state"]);
        with(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{key}")]);
        let tree = with(&["write-tree"]);
        let commit = git(&["commit-tree", "-p", "refs/coord/state", "-m", "junk", &tree]);
        git(&["update-ref", "refs/coord/state", &commit]);
        let met = all_commands(&env, &format!("{key} is junk"));
        assert!(met > 0, "somebody has noticed that {key} is junk");
        let named = COMMANDS.iter().any(|words| {
            let call = env.coord_as("me", words);
            call.code == Some(1) && call.json["error"]["message"].as_str().unwrap().contains(key)
        });
        assert!(named, "an error names the record {key}");
        snapshot.restore(&env);
    }
}

#[test]
fn a_store_of_a_newer_version_is_read_and_not_written() {
    let (env, _) = world();
    let git =
        |args: &[&str]| env.git_in(&env.store_dir(), &[&["--git-dir=."], args].concat()).trim().to_owned();
    let head = git(&["cat-file", "blob", "refs/coord/state:head.json"]);
    let newer = env.temp().join("head.json");
    std::fs::write(&newer, head.replace("\"format\":2", "\"format\":99,\"unknown\":true")).unwrap();
    let blob = git(&["hash-object", "-w", newer.to_str().unwrap()]);
    let listing = git(&["ls-tree", "refs/coord/state"]);
    let changed: String = listing
        .lines()
        .map(|l| {
            if l.ends_with("\thead.json") {
                format!("100644 blob {blob}\thead.json\n")
            } else {
                format!("{l}\n")
            }
        })
        .collect();
    let made =
        env.command("git", &env.store_dir()).args(["--git-dir=.", "mktree"]).stdin(changed).output().unwrap();
    let tree = String::from_utf8(made.stdout).unwrap();
    let commit = git(&["commit-tree", "-p", "refs/coord/state", "-m", "newer", tree.trim()]);
    git(&["update-ref", "refs/coord/state", &commit]);
    env.coord(&["claims"]).ok();
    env.coord_as("me", &["claim", "x"]).fails(1, "newer-format");
    env.coord(&["upkeep"]).fails(1, "newer-format");
    assert_eq!(git(&["rev-parse", "refs/coord/state"]), commit, "it was not written");
}

#[test]
fn leftovers_of_killed_processes_do_no_harm() {
    let (env, _) = world();
    let store = env.store_dir();
    std::fs::write(store.join("refs/coord/state.lock"), "").unwrap();
    std::fs::write(store.join("write-queue/junk.op"), "not json").unwrap();
    std::fs::write(store.join("write-queue/junk.pre"), "not json").unwrap();
    std::fs::write(store.join("write-queue/half.tmp"), "").unwrap();
    std::fs::write(store.join("objects/tmp_obj_123"), "").unwrap();
    env.coord_as("me", &["claim", "x"]).ok();
    assert!(!store.join("refs/coord/state.lock").exists(), "the stale lock is gone");
    env.coord_as("me", &["claim", "y"]).ok();
    env.check("after leftovers");
}

#[test]
fn another_repository_is_not_affected() {
    let (env, _) = world();
    let other = TestEnv::new();
    let copy = env.temp().join("copy of the store");
    copy_tree(&env.store_dir(), &copy);
    std::fs::write(env.store_dir().join("refs/coord/state"), "garbage").unwrap();
    env.coord(&["claims"]).fails(1, "damaged");
    other.coord(&["session", "start", "s"]).ok();
    other.coord(&["claim", "x"]).ok();
    other.check("beside a damaged repository");
}
