//! The guard: commits of a session go through exactly when its claims cover them, in the main
//! worktree and in linked ones, however the commit is made.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::TestEnv;

/// A worktree with its session, in a repository with several files.
pub(super) struct Desk {
    pub(super) env: TestEnv,
    pub(super) dir: PathBuf,
}

impl Desk {
    /// The main worktree, or a linked one; another session `other` works beside it.
    pub(super) fn new(linked: bool) -> Self {
        let env = TestEnv::new();
        for name in ["a", "b", "dir/c", "dir/d", "old name", "exec"] {
            write(&env.root.join(name), name);
        }
        env.git(&["add", "."]);
        env.git(&["commit", "-q", "-m", "base"]);
        // What a commit may change is judged here, and not what a branch lacks.
        env.git(&["config", "coord.freshBase", "off"]);
        env.coord(&["session", "start", "other", "--worktree", "../other"]).ok();
        let dir = if linked {
            env.coord(&["session", "start", "me", "--worktree", "../linked tree"]).ok();
            env.temp().join("linked tree")
        } else {
            env.coord(&["session", "start", "me"]).ok();
            env.root.clone()
        };
        Desk { env, dir }
    }

    pub(super) fn both(test: impl Fn(&Desk)) {
        for linked in [false, true] {
            test(&Desk::new(linked));
        }
    }

    pub(super) fn git(&self, args: &[&str]) -> Output {
        self.env.command("git", &self.dir).args(args).output().unwrap()
    }

    #[track_caller]
    pub(super) fn passes(&self, args: &[&str]) {
        let out = self.git(args);
        assert!(out.status.success(), "git {args:?} should pass: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// The command is refused, names the path, and makes no commit.
    #[track_caller]
    pub(super) fn refused(&self, args: &[&str], path: &str) {
        let before = self.head();
        let out = self.git(args);
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success(), "git {args:?} commits what is not claimed: {path}");
        assert!(
            stderr.contains(path) && stderr.contains("not claimed"),
            "git {args:?} should say why: {stderr}"
        );
        assert!(!stderr.contains("--no-verify"), "a refusal never names the way around it: {stderr}");
        assert_eq!(self.head(), before, "git {args:?} was refused, and there is a commit all the same");
    }

    pub(super) fn head(&self) -> String {
        self.env.git_in(&self.dir, &["rev-parse", "HEAD"])
    }

    pub(super) fn edit(&self, path: &str) {
        let file = self.dir.join(path);
        let old = std::fs::read_to_string(&file).unwrap_or_default();
        write(&file, &format!("{old}edited\n"));
    }

    pub(super) fn claim(&self, paths: &[&str]) {
        let args: Vec<&str> = ["claim", "--"].iter().chain(paths).copied().collect();
        self.env.coord_in(&self.dir, &args).ok();
    }

    /// A commit of the other session on its own branch, covered by its claim.
    pub(super) fn other_commits(&self, path: &str) -> String {
        let other = self.env.temp().join("other");
        self.env.coord_in(&other, &["claim", path]).ok();
        write(&other.join(path), &format!("{path} by the other\n"));
        self.env.git_in(&other, &["add", "."]);
        self.env.git_in(&other, &["commit", "-q", "-m", "by the other"]);
        self.env.coord_in(&other, &["release", "--all"]).ok();
        self.env.git_in(&other, &["rev-parse", "HEAD"]).trim().to_owned()
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{text}\n")).unwrap();
}

#[test]
fn a_plain_commit_needs_a_claim_and_carries_its_lease() {
    Desk::both(|desk| {
        desk.edit("a");
        desk.git(&["add", "a"]);
        desk.refused(&["commit", "-m", "x"], "a");
        desk.claim(&["a"]);
        desk.passes(&["commit", "-m", "x"]);
        let trailers = desk.env.git_in(&desk.dir, &["log", "-1", "--format=%(trailers:unfold)"]);
        assert!(trailers.contains("Coord-Session: me"), "the commit names its session: {trailers}");
        assert!(trailers.contains("Coord-Lease: "), "the commit names its lease: {trailers}");
        let note = desk.env.git_in(&desk.dir, &["log", "-1", "--notes=coord/*"]);
        assert!(note.contains("me committed under lease"), "the commit has a note: {note}");
    });
}

#[test]
fn a_subject_is_no_trailer_and_no_text_is_none() {
    let desk = Desk::new(true);
    desk.claim(&["a"]);
    let message = |format: &str| desk.env.git_in(&desk.dir, &["log", "-1", format]);
    desk.edit("a");
    desk.passes(&["commit", "-am", "Coord-Session: evil"]);
    let sessions = "--format=%s|%(trailers:key=Coord-Session,valueonly,separator=)";
    assert_eq!(message(sessions), "Coord-Session: evil|me\n");
    desk.passes(&["commit", "-q", "--amend", "--no-edit"]);
    assert_eq!(message(sessions), "Coord-Session: evil|me\n", "an amend replaces the trailers only");
    // Written in an editor, commit-msg has to add the trailers.
    let editor = "core.editor=echo Coord-Session: evil >";
    desk.edit("a");
    desk.passes(&["-c", editor, "commit", "-q", "-a"]);
    assert_eq!(message(sessions), "Coord-Session: evil|me\n");
    // git refuses an empty message; trailers must not make it look like a text.
    desk.edit("a");
    let before = desk.head();
    assert!(!desk.git(&["commit", "-a", "-m", ""]).status.success());
    desk.git(&["config", "commit.cleanup", "strip"]);
    assert!(!desk.git(&["commit", "-a", "-m", "# only a comment"]).status.success());
    assert_eq!(desk.head(), before);
}

#[test]
fn commit_a_and_a_pathspec_are_judged_by_the_index_that_git_makes() {
    Desk::both(|desk| {
        desk.claim(&["a"]);
        desk.edit("a");
        desk.edit("b");
        desk.refused(&["commit", "-a", "-m", "x"], "b");
        // Only what the commit will hold counts, even with something else staged.
        desk.git(&["add", "b"]);
        desk.refused(&["commit", "-m", "x", "b"], "b");
        desk.passes(&["commit", "-m", "x", "a"]);
        desk.claim(&["b"]);
        desk.passes(&["commit", "-a", "-m", "y"]);
    });
}

#[test]
fn a_commit_from_a_subfolder_and_an_amend_are_guarded() {
    Desk::both(|desk| {
        desk.edit("dir/c");
        let sub = desk.dir.join("dir");
        let out = desk.env.command("git", &sub).args(["commit", "-am", "x"]).output().unwrap();
        assert!(!out.status.success(), "a commit from a subfolder is guarded like any other");
        desk.env.coord_in(&sub, &["claim", "c"]).ok();
        let out = desk.env.command("git", &sub).args(["commit", "-am", "x"]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        desk.edit("b");
        desk.git(&["add", "b"]);
        desk.refused(&["commit", "--amend", "--no-edit"], "b");
        desk.git(&["reset", "-q", "--hard"]);
        desk.passes(&["commit", "--amend", "-m", "only the message"]);
        let text = desk.env.git_in(&desk.dir, &["log", "-1", "--format=%B"]);
        assert_eq!(text.matches("Coord-Session").count(), 1, "an amend does not pile up trailers: {text}");
    });
}

#[test]
fn both_sides_of_a_rename_a_deletion_and_a_mode_change_count() {
    Desk::both(|desk| {
        desk.passes(&["mv", "old name", "new name"]);
        desk.claim(&["new name"]);
        desk.refused(&["commit", "-m", "x"], "old name");
        desk.claim(&["old name"]);
        desk.passes(&["commit", "-m", "x"]);
        desk.passes(&["rm", "-q", "dir/d"]);
        desk.refused(&["commit", "-m", "x"], "dir/d");
        desk.claim(&["dir"]);
        desk.passes(&["commit", "-m", "x"]);
        desk.passes(&["update-index", "--chmod=+x", "exec"]);
        desk.refused(&["commit", "-m", "x"], "exec");
        desk.claim(&["exec"]);
        desk.passes(&["commit", "-m", "x"]);
    });
}

#[test]
fn a_merge_needs_claims_only_for_what_it_changes_itself() {
    Desk::both(|desk| {
        desk.other_commits("b");
        desk.claim(&["a"]);
        desk.edit("a");
        desk.passes(&["commit", "-am", "mine"]);
        desk.passes(&["merge", "-q", "--no-edit", "other"]);
        // Now both change the same file.
        desk.other_commits("dir/c");
        desk.claim(&["dir/c"]);
        desk.edit("dir/c");
        desk.passes(&["commit", "-am", "mine, too"]);
        desk.env.coord_in(&desk.dir, &["release", "dir/c"]).ok();
        assert!(!desk.git(&["merge", "-q", "--no-edit", "other"]).status.success(), "it conflicts");
        write(&desk.dir.join("dir/c"), "neither nor");
        desk.git(&["add", "dir/c"]);
        desk.refused(&["commit", "--no-edit"], "dir/c");
        desk.claim(&["dir/c"]);
        desk.passes(&["commit", "--no-edit"]);
    });
}

#[test]
fn cherry_pick_and_revert_are_guarded_although_git_runs_no_pre_commit_hook() {
    Desk::both(|desk| {
        let commit = desk.other_commits("b");
        desk.refused(&["cherry-pick", &commit], "b");
        desk.git(&["cherry-pick", "--abort"]);
        desk.git(&["reset", "-q", "--hard"]);
        desk.claim(&["b"]);
        desk.passes(&["cherry-pick", &commit]);
        let text = desk.env.git_in(&desk.dir, &["log", "-1", "--format=%B"]);
        assert!(text.contains("Coord-Session: me"), "the pick is this session's commit: {text}");
        assert!(!text.contains("Coord-Session: other"), "the trailers of the origin are gone: {text}");
        desk.env.coord_in(&desk.dir, &["release", "b"]).ok();
        desk.refused(&["revert", "--no-edit", "HEAD"], "b");
        desk.git(&["revert", "--abort"]);
        desk.git(&["reset", "-q", "--hard"]);
        desk.claim(&["b"]);
        desk.passes(&["revert", "--no-edit", "HEAD"]);
    });
}

#[test]
fn a_rebase_of_what_was_made_under_claims_passes_after_they_have_ended() {
    Desk::both(|desk| {
        let base = desk.head();
        desk.claim(&["a"]);
        desk.edit("a");
        desk.passes(&["commit", "-am", "mine"]);
        desk.env.coord_in(&desk.dir, &["release", "a"]).ok();
        desk.other_commits("b");
        desk.passes(&["rebase", "-q", "other"]);
        assert_ne!(desk.env.git_in(&desk.dir, &["rev-parse", "HEAD~1"]), base, "it was rebased");
        let text = desk.env.git_in(&desk.dir, &["log", "-1", "--format=%B%n%N", "--notes=coord/*"]);
        assert!(text.contains("Coord-Session: me"), "the trailers went along: {text}");
        assert!(text.contains("me committed under lease"), "the note went along: {text}");
    });
}

#[test]
fn odd_names_are_guarded_and_can_be_claimed() {
    let deep = vec!["deep"; 60].join("/") + "/file";
    let names = [
        "-dash",
        ".hidden",
        "Cargo.lock",
        "x.lock/y",
        "with space",
        "quo\"te's",
        "tab\there",
        "ünï",
        "new\nline",
        "star*[x]",
        ".gitattributes",
        "%",
        "back\\slash",
        deep.as_str(),
    ];
    let desk = Desk::new(true);
    for name in names {
        write(&desk.dir.join(name), "text");
        desk.passes(&["add", "--", name]);
        let before = desk.head();
        let out = desk.git(&["commit", "-m", "x"]);
        assert!(!out.status.success() && desk.head() == before, "{name:?} is committed without a claim");
        desk.claim(&[name]);
        desk.passes(&["commit", "-q", "-m", "x"]);
    }
    desk.env.check("after claims of odd names");
}

#[test]
fn what_went_past_the_hook_is_refused_at_push_and_what_was_covered_goes_out() {
    let desk = Desk::new(true);
    let remote = desk.env.temp().join("remote.git");
    desk.env.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    desk.env.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    // What was there before anybody coordinated goes out without questions.
    desk.env.git(&["push", "-q", "origin", "main"]);
    desk.claim(&["a"]);
    desk.edit("a");
    desk.passes(&["commit", "-am", "covered"]);
    desk.env.coord_in(&desk.dir, &["release", "a"]).ok();
    desk.passes(&["push", "-q", "origin", "HEAD"]);
    desk.edit("b");
    desk.passes(&["commit", "--no-verify", "-am", "past the hook"]);
    let out = desk.git(&["push", "-q", "origin", "HEAD"]);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(
        !out.status.success() && stderr.contains("past the hook"),
        "the push should be refused: {stderr}"
    );
    let error = desk.env.coord_in(&desk.dir, &["check", "--range", "origin/main..HEAD"]);
    assert_eq!(error.fails(5, "refused")["details"]["unclaimed"], serde_json::json!(["b"]));
    // To have claimed it is enough: nobody else has been at it.
    desk.claim(&["b"]);
    desk.passes(&["push", "-q", "origin", "HEAD"]);
}

#[test]
fn who_lost_a_lease_cannot_commit_or_push_under_it() {
    let desk = Desk::new(true);
    let remote = desk.env.temp().join("remote.git");
    desk.env.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    desk.env.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    desk.env.git(&["push", "-q", "origin", "main"]);
    desk.env.coord_in(&desk.dir, &["claim", "a", "--ttl", "1s"]).ok();
    desk.edit("a");
    desk.passes(&["commit", "-am", "in time"]);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let other = desk.env.temp().join("other");
    desk.env.coord_in(&other, &["claim", "a"]).ok();
    desk.edit("a");
    desk.refused(&["commit", "-am", "too late"], "a");
    let out = desk.git(&["push", "-q", "origin", "HEAD"]);
    assert!(!out.status.success(), "what was made under a lease that is lost stays here");
    assert!(String::from_utf8_lossy(&out.stderr).contains("held by other"), "and it says who has it now");
}

#[test]
fn outsiders_are_only_kept_from_what_a_session_holds() {
    let desk = Desk::new(true);
    desk.claim(&["a"]);
    // The main worktree is bound to nobody here.
    write(&desk.env.root.join("b"), "by a person");
    desk.env.git(&["commit", "-qam", "nobody minds"]);
    write(&desk.env.root.join("a"), "by a person");
    let out = desk.env.command("git", &desk.env.root).args(["commit", "-am", "x"]).output().unwrap();
    assert!(!out.status.success(), "a session holds it");
    assert!(String::from_utf8_lossy(&out.stderr).contains("held by me"));
}

/// Whatever a session is called: nobody is left out when nobody asks.
#[test]
fn outsiders_are_kept_from_what_any_session_holds() {
    let env = TestEnv::new();
    env.sessions(&["0-nobody"]);
    env.claim("0-nobody", &["README"], 600);
    std::fs::write(env.root.join("README"), "mine\n").unwrap();
    let out = env.command("git", &env.root).args(["commit", "-q", "-a", "-m", "x"]).output().unwrap();
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("0-nobody"));
}

#[test]
fn areas_cover_edits_and_protected_branches_keep_sessions_off() {
    let desk = Desk::new(true);
    desk.env.coord_in(&desk.dir, &["session", "start", "me", "--area", "dir/**"]).ok();
    desk.edit("dir/c");
    desk.passes(&["commit", "-am", "in the area"]);
    desk.edit("a");
    desk.refused(&["commit", "-am", "outside"], "a");
    desk.git(&["reset", "-q", "--hard"]);
    desk.env.coord_in(&desk.env.temp().join("other"), &["claim", "dir/d"]).ok();
    desk.edit("dir/d");
    desk.refused(&["commit", "-am", "claimed by another"], "dir/d");
    desk.git(&["reset", "-q", "--hard"]);
    desk.env.git(&["config", "--add", "coord.protect", "me"]);
    desk.edit("dir/c");
    let out = desk.git(&["commit", "-am", "x"]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("protected"));
}
