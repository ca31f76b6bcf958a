//! Leases that ended in good order cover what was made under them, and nothing that is put under their
//! numbers later.

use crate::common::TestEnv;
use crate::common::clones::Hub;

/// alice in the main worktree, bob in a linked one, and a server with the hook.
struct Scene {
    hub: Hub,
}

impl Scene {
    fn new() -> Self {
        let hub = Hub::new(1);
        let env = &hub.clones[0];
        env.coord(&["server", "install", hub.bare.to_str().unwrap()]).ok();
        for file in ["a", "b"] {
            std::fs::write(env.root.join(file), "1\n").unwrap();
        }
        env.git(&["add", "."]);
        env.git(&["commit", "-q", "-m", "base"]);
        env.git(&["push", "-q", "--no-verify", "origin", "main"]);
        env.git(&["switch", "-q", "-c", "alice"]);
        env.coord(&["session", "start", "alice"]).ok();
        env.coord(&["session", "start", "bob", "--worktree", "../bob"]).ok();
        Scene { hub }
    }

    fn env(&self) -> &TestEnv {
        &self.hub.clones[0]
    }

    fn edit(&self, file: &str, line: &str) {
        let path = self.env().root.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, format!("{text}{line}\n")).unwrap();
    }

    /// Pushes HEAD of alice's worktree; what git says. `ways`: past our own hook as well.
    fn push(&self, ways: &[&str]) -> (bool, String) {
        let env = self.env();
        let words = [&["push", "-f"], ways, &["origin", "HEAD:refs/heads/alice"]].concat();
        let out = env.command("git", &env.root).args(words).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    }

    /// Neither the own hook nor the server takes it, and the lease is named as the reason.
    #[track_caller]
    fn refused(&self, what: &str) {
        for ways in [&[][..], &["--no-verify"]] {
            let (went, said) = self.push(ways);
            assert!(!went, "{what}: pushed with {ways:?}");
            assert!(said.contains("had been given back"), "{what} {ways:?}: {said}");
        }
    }

    #[track_caller]
    fn passes(&self, what: &str) {
        let (went, said) = self.push(&[]);
        assert!(went, "{what}: {said}");
    }

    fn git(&self, words: &[&str]) {
        self.env().git(words);
    }
}

/// How a lease of alice on `a` can end while bob may take the file.
fn ends(env: &TestEnv, how: &str) {
    let coord = |words: &[&str]| drop(env.coord(words).ok().clone());
    match how {
        "release" => coord(&["release", "a"]),
        "done" => coord(&["done", "T1"]),
        "drop" => coord(&["drop", "T1"]),
        "fail" => coord(&["fail", "T1", "--reason", "x"]),
        _ => {
            env.coord_in(&env.temp().join("bob"), &["session", "end", "alice"]).ok();
            coord(&["session", "start", "alice"]);
        }
    }
    env.coord_in(&env.temp().join("bob"), &["claim", "a"]).ok();
}

/// alice's commit under a lease that has ended since.
fn committed(how: &str) -> Scene {
    let scene = Scene::new();
    let env = scene.env();
    if matches!(how, "done" | "drop" | "fail") {
        env.import("{\"id\":\"T1\",\"title\":\"t\",\"files\":[\"a\"]}\n").ok();
        env.coord(&["next"]).ok();
    } else {
        env.coord(&["claim", "a"]).ok();
    }
    scene.edit("a", "alice");
    scene.git(&["commit", "-q", "-am", "alice 1"]);
    ends(env, how);
    scene
}

#[test]
fn what_was_made_under_a_lease_passes_when_that_has_ended() {
    for how in ["release", "done", "drop", "fail", "end"] {
        let scene = committed(how);
        scene.passes(how);
        // The same change with other words, and on another base.
        scene.git(&["commit", "-q", "--amend", "--no-verify", "-m", "other words"]);
        scene.passes(how);
        scene.git(&["switch", "-q", "-c", "newer", "origin/main"]);
        scene.git(&["-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "newer"]);
        scene.git(&["rebase", "-q", "newer", "alice"]);
        scene.passes(how);
        scene.env().coord(&["check", "--range", "origin/main..HEAD"]).ok();
    }
}

#[test]
fn an_ended_lease_takes_no_new_change_by_an_amend() {
    for how in ["release", "done", "drop", "fail", "end"] {
        let scene = committed(how);
        scene.edit("a", "later");
        scene.git(&["commit", "-q", "--amend", "--no-verify", "-a", "--no-edit"]);
        scene.refused(how);
        scene.env().coord(&["check", "--range", "origin/main..HEAD"]).fails(5, "refused");
    }
}

#[test]
fn an_ended_lease_takes_no_new_change_by_mail_or_autosquash() {
    let scene = committed("release");
    let env = scene.env();
    let hooks_off = "core.hooksPath=/dev/null";
    // A patch of an own commit that was changed on its way keeps its trailers.
    scene.git(&["format-patch", "-q", "-1", "-o", "../mail"]);
    let mail = std::fs::read_dir(env.temp().join("mail")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&mail).unwrap();
    std::fs::write(&mail, text.replace("+alice", "+else")).unwrap();
    scene.git(&["reset", "-q", "--hard", "HEAD^"]);
    let before = env.git(&["rev-parse", "HEAD@{1}"]);
    scene.git(&["am", "-q", mail.to_str().unwrap()]);
    scene.refused("am");
    // Joined to the commit by a rebase, with all hooks on.
    scene.git(&["reset", "-q", "--hard", before.trim()]);
    scene.edit("a", "later");
    scene.git(&["-c", hooks_off, "commit", "-q", "-am", "fixup! alice 1"]);
    let squash = ["-c", "sequence.editor=true", "rebase", "-q", "-i", "--autosquash", "origin/main"];
    scene.git(&squash);
    scene.refused("autosquash");
    // With the file hers again, she may.
    env.coord_in(&env.temp().join("bob"), &["release", "a"]).ok();
    env.coord(&["claim", "a"]).ok();
    scene.passes("claimed again");
}

/// A path that was given back is not covered by what is left of its lease.
#[test]
fn a_lease_covers_what_is_left_of_it() {
    let scene = Scene::new();
    let env = scene.env();
    env.coord(&["claim", "a", "b"]).ok();
    scene.edit("a", "1");
    scene.git(&["commit", "-q", "-am", "one"]);
    env.coord(&["release", "a"]).ok();
    env.coord_in(&env.temp().join("bob"), &["claim", "a"]).ok();
    scene.passes("made before");
    scene.edit("a", "2");
    scene.edit("b", "2");
    scene.git(&["commit", "-q", "--amend", "--no-verify", "-a", "--no-edit"]);
    let (went, said) = scene.push(&["--no-verify"]);
    assert!(!went && said.contains("    a  held by bob") && !said.contains("    b"), "{said}");
}

/// Two sessions' commits, each made under its own lease, become one.
#[test]
fn joined_and_amended_commits_of_two_sessions_name_both() {
    let scene = Scene::new();
    let env = scene.env();
    let bob = env.temp().join("bob");
    env.coord(&["claim", "a"]).ok();
    env.coord_in(&bob, &["claim", "b"]).ok();
    std::fs::write(bob.join("b"), "bob\n").unwrap();
    env.git_in(&bob, &["commit", "-q", "-am", "bob: b"]);
    scene.git(&["merge", "-q", "--ff-only", "bob"]);
    scene.git(&["commit", "-q", "--amend", "-m", "better words"]);
    let sessions =
        || env.git(&["log", "-1", "--format=%(trailers:key=Coord-Session,valueonly,separator=%x2C)"]);
    assert_eq!(sessions().trim(), "bob,alice");
    scene.passes("an amend of bob's commit");
    scene.edit("a", "alice");
    scene.git(&["commit", "-q", "-am", "alice: a"]);
    let squash = "sequence.editor=sed -i 2s/^pick/squash/";
    scene.git(&["-c", squash, "-c", "core.editor=true", "rebase", "-q", "-i", "origin/main"]);
    assert_eq!(sessions().trim(), "bob,alice");
    scene.passes("joined");
    // What alice adds to bob's file does not pass under bob's lease.
    scene.edit("b", "alice");
    scene.git(&["commit", "-q", "--amend", "--no-verify", "-a", "--no-edit"]);
    let (went, said) = scene.push(&["--no-verify"]);
    assert!(!went && said.contains("b  held by bob"), "{said}");
}
