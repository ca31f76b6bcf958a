//! The hook of a bare repository, and the remote's state when it is damaged.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, script};

/// Two clones with sessions alice and bob, and a server with the hook.
fn guarded() -> Hub {
    let hub = Hub::new(2);
    hub.clones[0].coord(&["server", "install", hub.bare.to_str().unwrap()]).ok();
    for (clone, name) in hub.clones.iter().zip(["alice", "bob"]) {
        clone.coord(&["session", "start", name]).ok();
    }
    hub
}

/// git push; what the pusher reads, and whether it went through.
fn push(clone: &TestEnv, dir: &Path, words: &[&str]) -> (bool, String) {
    let out = clone.command("git", dir).args(["push"]).args(words).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
}

/// Pushes something to the state's ref with force, past git-coord.
#[track_caller]
fn refused_state(hub: &Hub, what: &str, words: &str) {
    let clone = &hub.clones[0];
    let before = hub.state();
    let refspec = format!("{what}:refs/coord/state");
    let bare = hub.bare.to_str().unwrap();
    let (went, said) = push(clone, &clone.store_dir(), &["--no-verify", "--force", bare, &refspec]);
    assert!(!went, "{what} should be refused");
    assert!(said.contains("remote: git coord: refs/coord/state is guarded here"), "{said}");
    assert!(said.contains(words), "{said}");
    assert_eq!(hub.state(), before);
}

fn commit(clone: &TestEnv, file: &str, flags: &[&str]) {
    std::fs::write(clone.root.join(file), format!("{file}\n")).unwrap();
    clone.git(&["add", file]);
    clone.git(&[&["commit", "-q", "-m", file], flags].concat());
}

#[test]
fn ordinary_operations_pass_the_hook() {
    let hub = guarded();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "src"]).ok();
    b.coord(&["claim", "src/x"]).fails(4, "held");
    a.import("{\"id\":\"T1\",\"title\":\"one\",\"files\":[\"f\"]}\n").ok();
    assert_eq!(b.coord(&["next"]).items(), ["T1"]);
    b.coord(&["done", "T1"]).ok();
    // So large that it is folded, and cut.
    let many: Vec<String> = (0..200).map(|i| format!("{}/{i}", "long".repeat(20))).collect();
    a.coord(&[&["claim".to_owned()], &many[..]].concat()).ok();
    a.store().fold().unwrap();
    hub.many_states(0, "alice");
    a.coord(&["upkeep"]).ok();
    let parents = a.git_in(&hub.bare, &["log", "--format=%P", "refs/coord/state"]);
    assert!(parents.lines().count() < 1000, "the history was cut on the server");
    b.coord(&["claim", "y"]).ok();
    hub.check("guarded");
}

/// `safe.bareRepository=explicit`: git uses no bare repository that it was not given by name.
#[test]
fn bare_repositories_need_not_be_found_by_git() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    let global = a.temp().join("global");
    std::fs::write(&global, "[safe]\n\tbareRepository = explicit\n").unwrap();
    let coord = |words: &[&str]| a.run(&a.root).args(words).env("GIT_CONFIG_GLOBAL", &global).call();
    let bare = hub.bare.to_str().unwrap();
    let beside = a.run(hub.bare.parent().unwrap()).args(["server", "install", "hub.git"]);
    beside.env("GIT_CONFIG_GLOBAL", &global).call().ok();
    assert_eq!(coord(&["server", "status", bare]).ok()["hook"]["state"], "active");
    assert_eq!(coord(&["server", "status", hub.bare.join("refs").to_str().unwrap()]).code, Some(0));
    coord(&["session", "start", "alice"]).ok();
    coord(&["claim", "x"]).ok();
    coord(&["upkeep"]).ok();
    assert_eq!(coord(&["doctor"]).ok()["findings"], serde_json::json!([]));
    coord(&["server", "uninstall", bare]).ok();
    let error = coord(&["server", "status", a.root.to_str().unwrap()]).fails(1, "not-bare").clone();
    assert!(error["message"].as_str().unwrap().ends_with("is not a bare repository"), "{error}");
    let none = a.temp().to_str().unwrap().to_owned();
    let error = coord(&["server", "status", &none]).fails(1, "not-bare").clone();
    assert!(error["message"].as_str().unwrap().contains("not a git repository"), "git's words: {error}");
    hub.check("with names");
}

#[test]
fn forced_states_are_refused() {
    let hub = guarded();
    let a = &hub.clones[0];
    a.coord(&["claim", "x"]).ok();
    let old = hub.state();
    a.coord(&["claim", "y"]).ok();
    a.store().fold().unwrap();
    refused_state(&hub, &old, "is here already");
    refused_state(&hub, "", "may not be deleted");
    let store = a.store_dir();
    let make = |words: &[&str], stdin: &str| {
        let run = a.command("git", &store).args(["--git-dir=.", "-c", "user.name=x", "-c", "user.email=x@y"]);
        let out = run.args(words).stdin(stdin).output().unwrap();
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    // The same tree, as a child: nothing has risen.
    let same = make(&["commit-tree", "-p", "refs/coord/state", "refs/coord/state^{tree}"], "forged\n");
    refused_state(&hub, &same, "is here already");
    // No state at all.
    let blob = make(&["hash-object", "-w", "--stdin"], "x");
    let tree = make(&["mktree"], &format!("100644 blob {blob}\thead.json\n"));
    let nonsense = make(&["commit-tree", "-p", "refs/coord/state", &tree], "forged\n");
    refused_state(&hub, &nonsense, "not a readable state");
    let no_tree = make(&["rev-parse", "refs/coord/state^{tree}"], "");
    refused_state(&hub, &no_tree, "not a readable state");
    // A head with a higher generation, and no parent; the same with a record that is damaged.
    let head = make(&["cat-file", "blob", "refs/coord/state:head.json"], "");
    let mut head: serde_json::Value = serde_json::from_str(&head).unwrap();
    let store_id = head["store"].clone();
    let with = |head: &serde_json::Value, more: &str, parents: &[&str]| {
        let blob = make(&["hash-object", "-w", "--stdin"], &head.to_string());
        let listed = make(&["ls-tree", "refs/coord/state"], "");
        let kept: Vec<&str> = listed.lines().filter(|l| !l.ends_with("\thead.json")).collect();
        let tree = make(&["mktree"], &format!("{}\n100644 blob {blob}\thead.json\n", kept.join("\n")));
        make(&[&["commit-tree", &tree], parents].concat(), more)
    };
    head["generation"] = 100_000.into();
    let orphan = with(&head, "upkeep: history cut\n", &[]);
    refused_state(&hub, &orphan, "does not come from");
    let bad_delta = with(&head, "x\n\ndelta {\"sessions/alice.json\":\"{\"}\n", &["-p", "refs/coord/state"]);
    refused_state(&hub, &bad_delta, "not a readable state");
    head["store"] = "0123456789abcdef0123456789abcdef".into();
    let foreign = with(&head, "x\n", &["-p", "refs/coord/state"]);
    refused_state(&hub, &foreign, "another store");
    // The forger's trees were all right: with a parent and a higher generation it passes.
    head["store"] = store_id;
    let fair = with(&head, "x\n", &["-p", "refs/coord/state"]);
    let bare = hub.bare.to_str().unwrap();
    assert!(push(a, &store, &["--no-verify", bare, &format!("{fair}:refs/coord/state")]).0);
}

#[test]
fn branches_are_judged_by_what_the_server_knows() {
    let hub = guarded();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "mine"]).ok();
    commit(a, "mine", &[]);
    // Bob's clone need not even know of the claim; the push passes its own hook by --no-verify.
    b.coord(&["session", "end"]).ok();
    commit(b, "mine", &["--no-verify"]);
    commit(b, "free", &["--no-verify"]);
    b.git(&["branch", "fine", "HEAD~2"]);
    let (went, said) = push(b, &b.root, &["--no-verify", "origin", "HEAD:theirs", "fine"]);
    assert!(!went, "{said}");
    assert!(said.contains("remote: git coord: theirs was not changed: 1 commit made without"), "{said}");
    assert!(said.contains("mine  held by alice"), "{said}");
    let refs = a.git_in(&hub.bare, &["for-each-ref", "--format=%(refname)", "refs/heads"]);
    assert_eq!(refs, "refs/heads/fine\nrefs/heads/main\n", "other branches of the same push are not held up");
    // Alice's own commit names her lease.
    assert!(push(a, &a.root, &["origin", "HEAD:hers"]).0);
    // People without git-coord go on, where nobody is at work.
    b.git(&["reset", "-q", "--hard", "HEAD~2"]);
    commit(b, "free", &["--no-verify"]);
    assert!(push(b, &b.root, &["--no-verify", "origin", "HEAD:theirs"]).0);
    assert!(push(b, &b.root, &["--no-verify", "origin", ":theirs"]).0, "branches can be deleted");
}

#[test]
fn what_was_made_under_a_lost_lease_is_refused() {
    let hub = guarded();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x", "--ttl", "2s"]).ok();
    commit(a, "x", &[]);
    b.coord(&["claim", "x", "--wait", "30s"]).ok();
    b.coord(&["release", "x"]).ok();
    let (went, said) = push(a, &a.root, &["--no-verify", "origin", "HEAD:late"]);
    assert!(!went && said.contains("was lost or never granted"), "{said}");
    // With the path hers again, she may push what she made.
    a.coord(&["claim", "x"]).ok();
    assert!(push(a, &a.root, &["origin", "HEAD:late"]).0);
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    let bare = hub.bare.to_str().unwrap();
    let hook = hub.bare.join("hooks/update");
    let own = "#!/bin/sh\ncase $1 in refs/heads/no*) echo \"not that one\" >&2; exit 1;; esac\necho \"${0##*/} $1\" >>log\n";
    std::fs::write(&hook, own).unwrap();
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o711)).unwrap();
    let status = |call: Call| call.ok()["hook"]["state"].clone();
    assert_eq!(status(a.coord(&["server", "status", bare])), "foreign");
    assert_eq!(a.coord(&["server", "install", bare]).ok()["change"], "chained");
    assert_eq!(a.coord(&["server", "install", bare]).ok()["change"], "unchanged");
    let seen = a.coord(&["server", "status", bare]);
    assert_eq!(seen.ok()["hook"]["state"], "active");
    assert_eq!(seen.ok()["state"]["generation"], a.generation());
    let (went, said) = push(a, &a.root, &["origin", "HEAD:refs/heads/no", "HEAD:refs/heads/yes"]);
    assert!(!went && said.contains("remote: not that one"), "{said}");
    a.coord(&["session", "start", "alice"]).ok();
    let log = std::fs::read_to_string(hub.bare.join("log")).unwrap();
    assert_eq!(log, "update refs/heads/yes\nupdate refs/coord/state\n");
    refused_state(&hub, "", "may not be deleted");
    assert_eq!(a.coord(&["server", "uninstall", bare]).ok()["restored"], true);
    assert_eq!(std::fs::read_to_string(&hook).unwrap(), own);
    assert_eq!(std::fs::metadata(&hook).unwrap().permissions().mode() & 0o777, 0o711);
    assert!(!hub.bare.join("hooks/update.coord-chained").exists());
    a.coord(&["server", "uninstall", bare]).ok();
    a.run(&a.root).args(["server", "install"]).call().fails(1, "not-bare");
}

#[test]
fn a_server_without_the_program_says_so_and_lets_pass() {
    let hub = guarded();
    let a = &hub.clones[0];
    let hook = hub.bare.join("hooks/update");
    let text = std::fs::read_to_string(&hook).unwrap();
    let gone = text
        .replace("command -v git-coord", "command -v git-coord-gone")
        .replace(crate::common::PROGRAM, "/nowhere");
    assert_ne!(text, gone);
    std::fs::write(&hook, gone).unwrap();
    a.coord(&["claim", "x"]).ok();
    let (went, said) = push(a, &a.root, &["origin", "HEAD:some"]);
    assert!(went && said.contains("remote: git-coord: refs/heads/some was NOT checked"), "{said}");
}

/// As `pre-receive` would call it: the objects are not in the repository yet.
#[test]
fn objects_of_a_push_are_found_before_it_is_accepted() {
    let hub = guarded();
    let a = &hub.clones[0];
    let hook = hub.bare.join("hooks/pre-receive");
    let text = "test -n \"$GIT_QUARANTINE_PATH\" || exit 9\n\
                while read -r old new name; do git-coord hook server-update \"$name\" \"$old\" \"$new\" || exit 1; done";
    script(&hook, text);
    std::fs::remove_file(hub.bare.join("hooks/update")).unwrap();
    a.coord(&["claim", "x"]).ok();
    let old = hub.state();
    a.coord(&["claim", "y"]).ok();
    refused_state(&hub, &old, "is here already");
    commit(a, "x", &[]);
    assert!(push(a, &a.root, &["origin", "HEAD:some"]).0);
    commit(a, "z", &["--no-verify"]);
    let (went, said) = push(a, &a.root, &["--no-verify", "origin", "HEAD:some"]);
    assert!(!went && said.contains(" z "), "{said}");
}

#[test]
fn while_its_state_cannot_be_read_no_branch_is_taken() {
    let hub = guarded();
    let a = &hub.clones[0];
    let good = hub.state();
    let main = a.git(&["rev-parse", "HEAD"]);
    a.git_in(&hub.bare, &["update-ref", "refs/coord/state", main.trim()]);
    commit(a, "z", &["--no-verify"]);
    let (went, said) = push(a, &a.root, &["--no-verify", "origin", "HEAD:some"]);
    assert!(!went && said.contains("the state of this repository cannot be read"), "{said}");
    assert!(said.contains("doctor --remote"), "{said}");
    a.git_in(&hub.bare, &["update-ref", "refs/coord/state", &good]);
    a.coord(&["claim", "z"]).ok();
    assert!(push(a, &a.root, &["origin", "HEAD:some"]).0);
}
