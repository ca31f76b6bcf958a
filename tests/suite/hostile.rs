//! What anybody who can push, or who can write a path, may put where others read it.

use serde_json::{Value, json};

use crate::common::TestEnv;
use crate::common::clones::Hub;

/// Runs git in a folder with something on its standard input; its output without the final newline.
fn feed(env: &TestEnv, dir: &std::path::Path, input: &str, args: &[&str]) -> String {
    let file = env.temp().join("input");
    std::fs::write(&file, input).unwrap();
    let line = format!("exec git \"$@\" <'{}'", file.display());
    let run = env.command("sh", dir).args(["-c", &line, "git"]).args(args).output().unwrap();
    assert!(run.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().trim_end().to_owned()
}

/// Pushes a state whose header is changed, past every check.
fn forge(hub: &Hub, change: impl Fn(&mut Value)) {
    let a = &hub.clones[0];
    // Folds, so that the header is in the tree.
    a.run(&a.root).args(["git", "rev-parse", "refs/coord/state"]).output().unwrap();
    let git = |args: &[&str]| a.git_in(&hub.bare, args).trim_end().to_owned();
    let mut head: Value = serde_json::from_str(&git(&["show", "refs/coord/state:head.json"])).unwrap();
    change(&mut head);
    let blob = feed(a, &hub.bare, &head.to_string(), &["hash-object", "-w", "--stdin"]);
    let tree = git(&["ls-tree", "refs/coord/state"]);
    let tree: Vec<String> = tree
        .lines()
        .map(|line| match line.ends_with("\thead.json") {
            true => format!("100644 blob {blob}\thead.json"),
            false => line.to_owned(),
        })
        .collect();
    let tree = feed(a, &hub.bare, &(tree.join("\n") + "\n"), &["mktree"]);
    let old = git(&["rev-parse", "refs/coord/state"]);
    let commit = feed(a, &hub.bare, "forged\n", &["commit-tree", &tree, "-p", &old]);
    git(&["update-ref", "refs/coord/state", &commit]);
}

#[test]
fn a_path_that_is_too_deep_is_refused_where_it_enters() {
    let env = TestEnv::new();
    env.sessions(&["alice", "bob"]);
    let deep = "a/".repeat(20_000) + "f";
    for words in [&["claim", &deep][..], &["check", &deep], &["claims", &deep], &["release", &deep]] {
        let call = env.coord_as("alice", words);
        assert!(matches!(call.code, Some(1..=9)), "{}: {:?}", words[0], call.code);
        let said = call.json.to_string();
        assert!(said.contains("at most 256 components"), "{}: {said}", words[0]);
    }
    let just = "a/".repeat(255) + "f";
    env.coord_as("alice", &["claim", &just]).ok();
    env.coord_as("bob", &["claim", "a"]).fails(4, "held");
    env.import(&format!(
        "{}\n{{\"id\":\"fine\",\"title\":\"t\"}}\n",
        json!({"id": "deep", "title": "t", "files": [deep]})
    ));
    assert!(env.coord_as("bob", &["next"]).code.is_some_and(|code| code < 10));
    env.check("after deep paths");
    env.fsck("after deep paths");
}

/// An operation that the writer cannot read, as one with a deep path from another version, is answered.
#[test]
fn an_operation_that_cannot_be_carried_out_is_set_aside_and_answered() {
    let env = TestEnv::new();
    env.sessions(&["alice", "bob"]);
    let queue = env.store_dir().join("write-queue");
    let id = "00000000000000000001-1-aaaaaaaa";
    let file = std::fs::File::create(queue.join(format!("{id}.op"))).unwrap();
    file.lock().unwrap();
    let deep = "a/".repeat(20_000) + "f";
    let op = json!({"op": {"op": "claim", "session": "alice", "paths": [deep], "mode": "exclusive", "ttl": 60}, "patient": false});
    std::fs::write(queue.join(format!("{id}.op")), op.to_string()).unwrap();
    env.coord_as("bob", &["claim", "src/b"]).ok();
    let answer = std::fs::read_to_string(queue.join(format!("{id}.out"))).unwrap();
    assert!(answer.contains("unreadable-operation"), "{answer}");
    assert!(!queue.join(format!("{id}.op")).exists(), "it does not wait any longer");
}

#[test]
fn a_state_of_a_newer_format_does_not_lock_anybody_out() {
    for (field, value, code) in
        [("format", json!(99), "newer-format"), ("generation", json!(u64::MAX), "remote-state")]
    {
        let hub = Hub::new(2);
        let [a, b] = &hub.clones[..] else { unreachable!() };
        a.coord(&["session", "start", "alice"]).ok();
        b.coord(&["session", "start", "bob"]).ok();
        a.coord(&["claim", "src/a", "own"]).ok();
        b.coord(&["sync"]).ok();
        forge(&hub, |head| {
            let generation = head["generation"].as_u64().unwrap();
            head["generation"] = json!(generation + 1);
            head["nonce"] = json!("f".repeat(16));
            head[field] = value.clone();
        });
        a.coord(&["claim", "src/b"]).fails(1, code);
        // What the clone knows still counts for commits.
        std::fs::write(a.root.join("own"), "x\n").unwrap();
        a.git(&["add", "own"]);
        let commit = a.command("git", &a.root).args(["commit", "-q", "-m", "x"]).output().unwrap();
        assert!(commit.status.success(), "{field}: {}", String::from_utf8_lossy(&commit.stderr));
        a.coord(&["doctor", "--remote"]).fails(5, "refused");
        a.coord(&["doctor", "--remote", "--repair"]).ok();
        a.coord(&["claim", "src/c"]).ok();
        b.coord(&["claim", "src/a"]).fails(4, "held");
        b.coord(&["claim", "src/d"]).ok();
        hub.check(field);
    }
}

#[test]
fn odd_names_in_notes_of_the_remote_stay_out_of_the_users_notes() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.git_in(&hub.bare, &["config", "transfer.fsckObjects", "false"]);
    a.coord(&["session", "start", "alice"]).ok();
    a.coord(&["progress", "own"]).ok();
    a.coord(&["sync"]).ok();
    let own = a.git(&["rev-parse", "refs/notes/coord/alice"]);
    let blob = feed(a, &hub.bare, "some line\n", &["hash-object", "-w", "--stdin"]);
    for (outer, inner) in [("x", "é"), ("a", "b"), ("é", "é"), ("ab", "cd"), ("00", "zz")] {
        let tree = feed(a, &hub.bare, &format!("100644 blob {blob}\t{inner}\n"), &["mktree"]);
        let tree = feed(a, &hub.bare, &format!("040000 tree {tree}\t{outer}\n"), &["mktree"]);
        a.git_in(&hub.bare, &["update-ref", "refs/notes/coord/alice", &tree]);
        let call = a.coord(&["sync"]);
        assert!(call.code.is_some_and(|code| code < 10), "{outer}/{inner}: {:?} {}", call.code, call.stderr);
        assert_eq!(a.git(&["rev-parse", "refs/notes/coord/alice"]), own, "{outer}/{inner}");
        a.git(&["fsck", "--strict"]);
        a.git(&["gc", "-q"]);
    }
    // Of a session that this clone has no notes of, nothing that is odd is taken over.
    let tree = feed(a, &hub.bare, &format!("100644 blob {blob}\todd\n"), &["mktree"]);
    let tree = feed(a, &hub.bare, &format!("040000 tree {tree}\tfan\n"), &["mktree"]);
    a.git_in(&hub.bare, &["update-ref", "refs/notes/coord/mallory", &tree]);
    a.coord(&["sync"]);
    assert_eq!(a.git(&["for-each-ref", "refs/notes/coord/mallory"]).trim(), "");
}

#[test]
fn a_remote_that_looks_like_an_option_runs_nothing() {
    let env = TestEnv::new();
    let pwned = env.temp().join("pwned");
    let name = format!("--upload-pack=touch {};:", pwned.display());
    for words in [
        &["check", "--range", "HEAD..HEAD", &format!("--from={name}")][..],
        &["remote", "probe", "--", &name],
        &["init", &format!("--remote={name}")],
    ] {
        assert_ne!(env.coord(words).code, Some(0), "{words:?}");
        assert!(!pwned.exists(), "{words:?}");
    }
}
