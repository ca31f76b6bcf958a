//! What a power cut leaves, shared stores, and clocks within one clone.

use std::os::unix::fs::MetadataExt as _;

use crate::common::TestEnv;

/// A power cut can bring an older state back, whole. Numbers are not given twice then.
#[test]
fn a_state_that_was_brought_back_gives_no_number_twice() {
    let env = TestEnv::new();
    env.git(&["config", "coord.durable", "true"]);
    env.sessions(&["alice", "bob"]);
    let lease = |session: &str, path: &str| {
        env.coord_as(session, &["claim", path]).ok()["claims"][0]["lease"].as_u64().unwrap()
    };
    lease("alice", "src/a");
    let file = env.store_dir().join("refs/coord/state");
    let before = std::fs::read(&file).unwrap();
    let lost = lease("alice", "src/b");
    std::fs::write(&file, before).unwrap();
    assert!(lease("bob", "src/b") > lost, "the number of the lost lease is not given again");
    assert!(env.events().iter().any(|e| e.event == git_coord::model::EventKind::Rewound));
    env.check("after a power cut");
}

/// Files that the store makes can be written by the group when git's own can.
#[test]
fn a_shared_repository_has_a_shared_store() {
    let env = TestEnv::empty();
    assert!(env.with_commit(&[]));
    env.git(&["config", "core.sharedRepository", "group"]);
    let run = |words: &[&str]| {
        let line = "umask 022; exec \"$@\"";
        let coord = env!("CARGO_BIN_EXE_git-coord");
        let run = env.command("sh", &env.root).args(["-c", line, "sh", coord]).args(words).output().unwrap();
        assert!(run.status.success(), "{words:?}: {}", String::from_utf8_lossy(&run.stderr));
    };
    run(&["init"]);
    run(&["session", "start", "alice"]);
    run(&["claim", "src/a"]);
    let mut folders = vec![env.store_dir()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).chain([folder.clone()]) {
            let known = std::fs::symlink_metadata(&path).unwrap();
            let is_object = path.components().any(|c| c.as_os_str() == "objects") && known.is_file();
            assert!(is_object || known.mode() & 0o020 != 0, "{}: {:o}", path.display(), known.mode());
            if known.is_dir() && path != folder {
                folders.push(path);
            }
        }
    }
}

/// One process whose clock is ahead ends no lease of a session that was at work a moment ago.
#[test]
fn a_clock_that_is_ahead_ends_no_lease_of_a_session_at_work() {
    let env = TestEnv::new();
    env.sessions(&["alice", "bob"]);
    env.coord_as("alice", &["claim", "src/a"]).ok();
    let ahead = |words: &[&str]| {
        env.run(&env.root).session("bob").env("GIT_COORD_CLOCK_OFFSET", "7200").args(words).call()
    };
    ahead(&["claim", "src/a"]).fails(4, "held");
    ahead(&["claim", "src/b"]).ok();
    env.coord_as("alice", &["check", "src/a"]).ok();
    env.coord_as("alice", &["renew", "src/a"]).ok();
    assert_eq!(env.session("alice").leases.len(), 1);
    // A session that gives no sign of life by the steady clock loses what has run out.
    std::fs::remove_file(env.store_dir().join("seen/alice")).unwrap();
    ahead(&["claim", "src/a"]).ok();
    env.check("clocks");
}
