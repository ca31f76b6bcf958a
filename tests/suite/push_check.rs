//! What the push check and the server hook look at: refs, merges, what is only parked, what is taken off.

use crate::common::TestEnv;
use crate::common::clones::Hub;

/// Two clones with a session each, alice and bob, who has pushed what he holds (`held`) to main; and a
/// server with the hook.
struct Scene {
    hub: Hub,
}

impl Scene {
    fn new() -> Self {
        let hub = Hub::new(2);
        hub.clones[0].coord(&["server", "install", hub.bare.to_str().unwrap()]).ok();
        let [a, b] = &hub.clones[..] else { unreachable!() };
        for (env, name) in [(a, "alice"), (b, "bob")] {
            env.git(&["switch", "-q", "-c", name]);
            env.coord(&["session", "start", name]).ok();
        }
        b.coord(&["claim", "held"]).ok();
        write(b, "held", "1\n2\n3\n");
        b.git(&["commit", "-q", "-m", "bob's work"]);
        b.git(&["push", "-q", "origin", "HEAD:main", "bob"]);
        a.git(&["fetch", "-q"]);
        Scene { hub }
    }

    fn alice(&self) -> &TestEnv {
        &self.hub.clones[0]
    }

    fn bob(&self) -> &TestEnv {
        &self.hub.clones[1]
    }

    /// Pushes from alice's clone, through her own hook or past it.
    fn push(&self, words: &[&str], past: bool) -> (bool, String) {
        let env = self.alice();
        let past = if past { &["--no-verify"][..] } else { &[] };
        let out = env.command("git", &env.root).args(["push"]).args(past).args(words).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    }

    /// Refused by alice's own hook, and by the server.
    #[track_caller]
    fn refused(&self, words: &[&str], why: &str) {
        for past in [false, true] {
            let (went, said) = self.push(words, past);
            assert!(!went && said.contains(why), "{words:?}, past the own hook: {past}: {said}");
        }
    }

    #[track_caller]
    fn passes(&self, words: &[&str]) {
        let (went, said) = self.push(words, false);
        assert!(went, "{words:?}: {said}");
    }
}

fn write(env: &TestEnv, file: &str, text: &str) {
    std::fs::write(env.root.join(file), text).unwrap();
    env.git(&["add", file]);
}

/// A commit that no hook of ours has seen.
fn outside(env: &TestEnv, file: &str, text: &str) {
    write(env, file, text);
    env.git(&["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "outside"]);
}

#[test]
fn what_anybody_can_push_does_not_deceive_the_check() {
    let scene = Scene::new();
    let a = scene.alice();
    a.git(&["reset", "-q", "--hard", "origin/main"]);
    outside(a, "held", "evil\n");
    scene.refused(&["origin", "HEAD:main"], "held by bob");
    let good = a.git(&["commit-tree", "-p", "HEAD~1", "-m", "harmless", "HEAD~1^{tree}"]);
    let evil = a.git(&["rev-parse", "HEAD"]);
    let replace = format!("{}:refs/replace/{}", good.trim(), evil.trim());
    assert!(scene.push(&["origin", &replace], true).0);
    a.git(&["replace", evil.trim(), good.trim()]);
    scene.refused(&["origin", "HEAD:main"], "held by bob");
    a.git(&["replace", "-d", evil.trim()]);
    // As if the evil commit were not there.
    outside(a, "free", "1\n");
    let tip = a.git(&["rev-parse", "HEAD"]);
    let main = a.git(&["rev-parse", "origin/main"]);
    let grafts = a.root.join(".git/info/grafts");
    std::fs::create_dir_all(grafts.parent().unwrap()).unwrap();
    std::fs::write(grafts, format!("{} {main}", tip.trim())).unwrap();
    let (went, said) = scene.push(&["origin", "HEAD:main"], false);
    assert!(!went && said.contains("held by bob"), "{said}");
}

#[test]
fn every_ref_but_tags_and_notes_is_judged() {
    let scene = Scene::new();
    let a = scene.alice();
    a.git(&["reset", "-q", "--hard", "origin/main"]);
    outside(a, "held", "evil\n");
    for target in ["refs/heads/x", "refs/for/main", "refs/pull/1/head", "refs/y/x"] {
        scene.refused(&["origin", &format!("HEAD:{target}")], "held by bob");
    }
    scene.passes(&["origin", "HEAD:refs/tags/mark"]);
}

/// What a branch has is not there for main: it may have been parked while nobody held the file.
#[test]
fn what_was_parked_is_judged_when_it_moves_a_branch() {
    let scene = Scene::new();
    let [a, b] = [scene.alice(), scene.bob()];
    a.git(&["reset", "-q", "--hard", "origin/main"]);
    outside(a, "later", "1\n");
    scene.passes(&["origin", "HEAD:refs/heads/parked"]);
    b.coord(&["claim", "later"]).ok();
    a.git(&["fetch", "-q"]);
    scene.refused(&["origin", "HEAD:main"], "held by bob");
    // A new branch moves nothing, and what main has is there for everybody.
    scene.passes(&["origin", "HEAD:refs/heads/parked-too"]);
    b.coord(&["release", "later"]).ok();
    scene.passes(&["origin", "HEAD:main"]);
    b.coord(&["claim", "later"]).ok();
    a.coord(&["claim", "mine"]).ok();
    a.git(&["switch", "-q", "-c", "topic", "HEAD~1"]);
    write(a, "mine", "1\n");
    a.git(&["commit", "-q", "-m", "mine"]);
    scene.passes(&["origin", "topic"]);
    a.git(&["fetch", "-q"]);
    a.git(&["merge", "-q", "origin/main", "-m", "what main has"]);
    scene.passes(&["origin", "topic"]);
}

#[test]
fn a_merge_that_undoes_what_is_held_is_an_edit() {
    let scene = Scene::new();
    let a = scene.alice();
    a.coord(&["claim", "mine"]).ok();
    write(a, "mine", "1\n");
    a.git(&["commit", "-q", "-m", "mine"]);
    // At commit the hook says so; past it, the push does.
    let ours = ["merge", "-q", "-s", "ours", "-m", "ours", "origin/main"];
    let out = a.command("git", &a.root).args(ours).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("held by bob"), "{said}");
    a.git(&["merge", "--abort"]);
    a.git(&["merge", "-q", "--no-verify", "-s", "ours", "-m", "ours", "origin/main"]);
    scene.refused(&["origin", "HEAD:main"], "held by bob");
    // An honest merge is nobody's edit, although it changes the file.
    a.git(&["reset", "-q", "--hard", "HEAD^"]);
    a.git(&["merge", "-q", "-m", "merge", "origin/main"]);
    scene.passes(&["origin", "HEAD:main"]);
}

/// Both sides have changed one file, in different places: git merges that, and nobody has edited anything.
#[test]
fn what_git_merges_by_itself_is_nobodys_edit() {
    let scene = Scene::new();
    let [a, b] = [scene.alice(), scene.bob()];
    b.coord(&["release", "held"]).ok();
    a.git(&["merge", "-q", "--ff-only", "origin/main"]);
    a.coord(&["claim", "held"]).ok();
    write(a, "held", "one\n2\n3\n");
    a.git(&["commit", "-q", "-m", "above"]);
    a.coord(&["release", "held"]).ok();
    b.coord(&["claim", "held"]).ok();
    write(b, "held", "1\n2\n3\nfour\nfive\n");
    b.git(&["commit", "-q", "-m", "below"]);
    b.git(&["push", "-q", "origin", "HEAD:main"]);
    a.git(&["fetch", "-q"]);
    a.git(&["merge", "-q", "-m", "merge", "origin/main"]);
    assert_eq!(std::fs::read_to_string(a.root.join("held")).unwrap(), "one\n2\n3\nfour\nfive\n");
    scene.passes(&["origin", "HEAD:refs/heads/alice"]);
    // Of more than two likewise.
    for (name, file) in [("x", "x"), ("y", "y")] {
        a.git(&["switch", "-q", "-c", name, "alice"]);
        outside(a, file, "1\n");
    }
    a.git(&["switch", "-q", "alice"]);
    a.git(&["merge", "-q", "-m", "octopus", "x", "y"]);
    scene.passes(&["origin", "HEAD:refs/heads/alice"]);
    a.coord(&["check", "--range", "HEAD^!"]).ok();
}

#[test]
fn main_does_not_lose_what_is_held() {
    let scene = Scene::new();
    scene.alice().git(&["reset", "-q", "--hard", "origin/main~1"]);
    scene.refused(&["-f", "origin", "HEAD:main"], "main would lose changes of what others hold");
    // A branch of one's own may be written anew.
    let a = scene.alice();
    a.coord(&["claim", "mine"]).ok();
    for text in ["1\n", "2\n"] {
        write(a, "mine", text);
        a.git(&["commit", "-q", "-m", "mine"]);
        scene.passes(&["-f", "origin", "alice"]);
        a.git(&["reset", "-q", "--hard", "HEAD^"]);
    }
}

#[test]
fn the_shared_state_is_not_pushed_by_hand() {
    let scene = Scene::new();
    let a = scene.alice();
    let before = scene.hub.state();
    for words in [
        &["--mirror", "origin"][..],
        &["origin", ":refs/coord/state"],
        &["--prune", "origin", "refs/*:refs/*"],
    ] {
        let (went, said) = scene.push(words, false);
        assert!(!went && said.contains("is the shared state"), "{words:?}: {said}");
    }
    a.git(&["config", "remote.origin.mirror", "true"]);
    let (went, said) = scene.push(&["origin"], false);
    assert!(!went && said.contains("is the shared state"), "{said}");
    a.git(&["config", "--unset", "remote.origin.mirror"]);
    assert_eq!(scene.hub.state(), before);
    // A mirror without a state is none of our business.
    a.git(&["init", "-q", "--bare", "../backup.git"]);
    scene.passes(&["--mirror", "../backup.git"]);
}

#[test]
fn sessions_do_not_push_to_protected_branches() {
    let scene = Scene::new();
    let a = scene.alice();
    a.git(&["config", "coord.protect", "main"]);
    a.git(&["merge", "-q", "--ff-only", "origin/main"]);
    a.coord(&["claim", "mine"]).ok();
    write(a, "mine", "1\n");
    a.git(&["commit", "-q", "-m", "mine"]);
    for words in [&["origin", "HEAD:main"][..], &["origin", ":main"]] {
        let (went, said) = scene.push(words, false);
        assert!(!went && said.contains("main is protected"), "{said}");
    }
    scene.passes(&["origin", "alice"]);
    a.coord(&["session", "end"]).ok();
    a.git(&["fetch", "-q"]);
    a.git(&["merge", "-q", "-m", "merge", "origin/main"]);
    scene.passes(&["origin", "HEAD:main"]);
}

/// Commits that were there before anybody held their files are not in the holders' way.
#[test]
fn the_first_push_to_a_new_remote_passes() {
    let env = TestEnv::new();
    for file in ["a", "b"] {
        outside(&env, file, "1\n");
    }
    env.coord(&["session", "start", "alice", "--worktree", "../alice"]).ok();
    env.coord(&["session", "start", "bob", "--worktree", "../bob"]).ok();
    env.coord_in(&env.temp().join("alice"), &["claim", "a"]).ok();
    env.git(&["init", "-q", "--bare", "../new.git"]);
    env.git(&["remote", "add", "new", "../new.git"]);
    let push = |words: &[&str]| {
        let bob = env.temp().join("bob");
        let out = env.command("git", &bob).args(["push", "new"]).args(words).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (went, said) = push(&["main"]);
    assert!(went, "{said}");
    // What has come since is judged.
    outside(&env, "a", "2\n");
    let (went, said) = push(&["main"]);
    assert!(!went && said.contains("a  held by alice"), "{said}");
    env.git_in(&env.temp().join("alice"), &["merge", "-q", "--ff-only", "main"]);
    let (went, said) = push(&["main"]);
    assert!(went, "alice has taken it over: {said}");
}

/// An area is one's own as long as nobody else holds what lies in it.
#[test]
fn an_area_does_not_cover_what_another_holds() {
    let scene = Scene::new();
    let a = scene.alice();
    a.coord(&["session", "start", "alice", "--area", "**"]).ok();
    a.git(&["merge", "-q", "--ff-only", "origin/main"]);
    write(a, "held", "alice\n");
    a.git(&["commit", "-q", "--no-verify", "-m", "in my area"]);
    scene.refused(&["origin", "alice"], "held by bob");
    a.git(&["reset", "-q", "--hard", "HEAD^"]);
    write(a, "free", "alice\n");
    a.git(&["commit", "-q", "-m", "in my area"]);
    scene.passes(&["origin", "alice"]);
}

/// What lies in the areas of two sessions is claimed by the first commit, so that one of them has it at a time.
#[test]
fn what_is_in_two_areas_is_claimed_at_commit() {
    let env = TestEnv::new();
    for (name, area) in [("alice", "src/**"), ("bob", "src/shared/**")] {
        env.coord(&["session", "start", name, "--area", area, "--worktree", &format!("../{name}")]).ok();
    }
    let commits = |name: &str, file: &str| {
        let dir = env.temp().join(name);
        std::fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
        std::fs::write(dir.join(file), format!("{name}\n")).unwrap();
        env.git_in(&dir, &["add", "."]);
        let out = env.command("git", &dir).args(["commit", "-q", "-m", file]).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    assert!(commits("alice", "src/own").0);
    assert!(env.claimed().is_empty(), "what is in one area needs no claim");
    assert!(commits("alice", "src/shared/x").0);
    assert_eq!(env.claimed(), [("src/shared/x".to_owned(), "alice".to_owned())]);
    let trailers = ["log", "-1", "--format=%(trailers:key=Coord-Lease,valueonly)"];
    assert!(
        !env.git_in(&env.temp().join("alice"), &trailers).trim().is_empty(),
        "the commit names the lease"
    );
    let (went, said) = commits("bob", "src/shared/x");
    assert!(!went && said.contains("held by alice"), "{said}");
}
