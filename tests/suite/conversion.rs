//! A store of format 1 is made over by the first command.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::TestEnv;
use crate::common::clones::Hub;

/// Makes the files of a store what format 1 has. `config` goes last, as it does in a conversion.
fn old_layout(store: &Path) {
    for (new, old) in [
        ("arbiter.json", "authority.json"),
        ("push.in-doubt", "push.pending"),
        ("conflicts", "refused"),
        ("write-queue", "room"),
    ] {
        if store.join(new).exists() {
            std::fs::rename(store.join(new), store.join(old)).unwrap();
        }
    }
    for entry in std::fs::read_dir(store.join("room")).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        std::fs::write(
            entry.path(),
            text.replace("prefetch_grant", "hand_out").replace("\"hints\"", "\"skips\""),
        )
        .unwrap();
        let name = entry.file_name().into_string().unwrap();
        let old = name
            .replace("-grant.", "-handed-posted.")
            .replace("-change.", "-act-posted.")
            .replace("-record.", "-posted.");
        std::fs::rename(entry.path(), store.join("room").join(old)).unwrap();
    }
    let config = std::fs::read_to_string(store.join("config")).unwrap();
    let (before, _) = config.split_once("[coord]").unwrap();
    std::fs::write(store.join("config"), before).unwrap();
}

/// Makes the state what a program of format 1 has written: with these changes of the session's record.
fn old_state(env: &TestEnv, session: &str, change: impl Fn(&mut Value)) {
    let store = env.store_dir();
    let git = |args: &[&str]| env.git_in(&store, &[&["--git-dir=."], args].concat()).trim().to_owned();
    // Folds, so that plain git sees all of it.
    env.run(&env.root).args(["git", "rev-parse", "HEAD"]).output().unwrap();
    let read = |key: &str| git(&["show", &format!("refs/coord/state:{key}")]);
    let mut head: Value = serde_json::from_str(&read("head.json")).unwrap();
    head["format"] = json!(1);
    let key = format!("sessions/{session}.json");
    let mut record: Value = serde_json::from_str(&read(&key)).unwrap();
    change(&mut record);
    let index = store.join("old.index");
    let with_index = |args: &[&str]| {
        let run = env.command("git", &store).env("GIT_INDEX_FILE", &index).args(args).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap().trim().to_owned()
    };
    with_index(&["--git-dir=.", "read-tree", "refs/coord/state"]);
    for (key, content) in [("head.json", &head), (key.as_str(), &record)] {
        let file = env.temp().join("record");
        std::fs::write(&file, content.to_string()).unwrap();
        let blob = git(&["hash-object", "-w", file.to_str().unwrap()]);
        with_index(&["--git-dir=.", "update-index", "--add", "--cacheinfo", &format!("100644,{blob},{key}")]);
    }
    let tree = with_index(&["--git-dir=.", "write-tree"]);
    let parent = git(&["rev-parse", "refs/coord/state"]);
    let commit = git(&["commit-tree", "-p", &parent, "-m", "format 1", &tree]);
    git(&["update-ref", "refs/coord/state", &commit]);
    std::fs::remove_file(index).unwrap();
}

#[test]
fn a_store_of_format_1_is_converted_by_the_next_command() {
    let env = TestEnv::new();
    env.sessions(&["alice", "bob"]);
    env.coord_as("alice", &["claim", "src/a"]).ok();
    env.coord_as("bob", &["claim", "src/a"]).fails(4, "held");
    old_state(&env, "alice", |record| {
        record["share"] = json!("3/5");
        record["split_over"] = json!(2);
    });
    old_layout(&env.store_dir());

    // A command that only reads changes the names of files, and shows the state as it will be.
    assert_eq!(env.coord_as("alice", &["claims", "--json"]).ok()["claims"][0]["session"], "alice");
    assert!(env.session("alice").shard.is_some_and(|shard| shard.is_gone() && shard.number() == 3));
    assert!(!env.store_dir().join("room").exists() && env.store_dir().join("write-queue").exists());
    assert_eq!(env.store().read(|view| git_coord::model::header::read(view)).unwrap().format, 2);

    env.coord_as("bob", &["claim", "src/b"]).ok();
    let events = env.events();
    assert_eq!(
        events.iter().filter(|e| e.event == git_coord::model::EventKind::Convert).count(),
        1,
        "{events:?}"
    );
    env.check("converted");
    assert_eq!(env.coord(&["doctor"]).ok()["findings"], json!([]));
    let status = env.coord(&["status"]).ok().to_string();
    assert!(status.contains("\"alice\""), "{status}");
}

#[test]
fn what_waits_in_an_outbox_of_format_1_goes_out() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    assert_eq!(a.coord(&["next"]).items(), ["T1"]);
    a.coord(&["--offline", "done", "T1"]).ok();
    old_layout(&a.store_dir());
    let old = std::fs::read_dir(a.store_dir().join("room")).unwrap().flatten();
    assert!(old.map(|e| e.file_name().into_string().unwrap()).any(|n| n.ends_with("-act-posted.op")));
    a.coord(&["sync"]).ok();
    assert_eq!(a.coord(&["queue", "show", "T1"]).ok()["item"]["state"], "done");
    hub.check("after the conversion");
}

/// A conversion that dies between two steps is completed by the next command.
#[test]
fn a_conversion_can_be_cut_off_anywhere() {
    let env = TestEnv::new();
    env.sessions(&["alice"]);
    env.coord_as("alice", &["claim", "src/a"]).ok();
    let store = env.store_dir();
    for renamed in 0..=2 {
        old_layout(&store);
        for (old, new) in [("refused", "conflicts"), ("room", "write-queue")].iter().take(renamed) {
            let _ = std::fs::rename(store.join(old), store.join(new));
        }
        env.coord_as("alice", &["check", "src/a"]).ok();
        assert!(store.join("write-queue").exists() && !store.join("room").exists());
        assert_eq!(env.coord(&["doctor"]).ok()["findings"], json!([]));
    }
}
