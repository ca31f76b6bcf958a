//! Commits that take the place of others, by an amend or a rebase: under which leases they are made, and
//! what of them is judged anew.

use super::guard::Desk;
use crate::common::TestEnv;

/// The message of a commit is often reworded when its item is done and its files are free.
#[test]
fn an_amend_keeps_the_items_and_leases_of_what_it_replaces() {
    Desk::both(|desk| {
        desk.env.import("{\"id\":\"T1\",\"title\":\"t\",\"files\":[\"a\"]}\n").ok();
        let coord = |words: &[&str]| desk.env.coord_in(&desk.dir, words);
        let base = desk.head();
        coord(&["next"]).ok();
        desk.edit("a");
        desk.passes(&["commit", "-am", "x"]);
        let trailers = || {
            let format = "--format=%(trailers:key=Coord-Item,valueonly)%(trailers:key=Coord-Lease,valueonly)";
            desk.env.git_in(&desk.dir, &["log", "-1", format])
        };
        let first = trailers();
        assert!(first.starts_with("T1\n"), "{first}");
        coord(&["done", "T1"]).ok();
        let ways: [&[&str]; 4] = [
            &["commit", "--amend", "-m", "other words"],
            &["commit", "--amend", "--no-edit"],
            &["-c", "core.editor=echo edited >", "commit", "--amend"],
            &["commit", "--amend", "--no-verify", "-m", "by the way"],
        ];
        for words in ways {
            desk.passes(words);
            assert_eq!(trailers(), first, "{words:?}");
            coord(&["check", "--range", &format!("{}..HEAD", base.trim())]).ok();
        }
        // With another change under another lease, both are named.
        desk.claim(&["b"]);
        desk.edit("b");
        desk.passes(&["commit", "-a", "--amend", "--no-edit"]);
        let both = trailers();
        assert!(first.lines().all(|line| both.lines().any(|l| l == line)) && both != first, "{both}");
        coord(&["check", "--range", &format!("{}..HEAD", base.trim())]).ok();
        // So with words and changes at once, and abbreviated.
        desk.edit("b");
        desk.passes(&["commit", "-a", "--am", "-m", "words"]);
        assert_eq!(trailers(), both);
        // The next commit is about the next change only, and one without any is about nothing.
        desk.edit("b");
        desk.passes(&["commit", "-am", "y"]);
        assert!(!trailers().contains("T1"), "{}", trailers());
        desk.passes(&["commit", "--allow-empty", "-m", "z"]);
        assert_eq!(trailers().trim(), "");
    });
}

/// A session that has lost the lease of a commit claims its files again, as the hint says, and amends it.
#[test]
fn an_amend_names_what_is_claimed_by_now() {
    let desk = Desk::new(true);
    let base = desk.head();
    let check = || desk.env.coord_in(&desk.dir, &["check", "--range", &format!("{}..HEAD", base.trim())]);
    desk.edit("a");
    desk.passes(&["commit", "--no-verify", "-am", "x"]);
    check().fails(5, "refused");
    desk.claim(&["a"]);
    desk.passes(&["commit", "--amend", "--no-edit"]);
    desk.env.coord_in(&desk.dir, &["release", "a"]).ok();
    check().ok();
    // So with several, and those of others are left as they are.
    for n in 0..2 {
        desk.edit("b");
        desk.passes(&["commit", "--no-verify", "-am", &format!("b{n}")]);
    }
    desk.other_commits("exec");
    let others = desk.env.git_in(&desk.env.temp().join("other"), &["rev-parse", "HEAD"]);
    desk.passes(&["rebase", "-q", "--onto", others.trim(), base.trim()]);
    check().fails(5, "refused");
    desk.claim(&["a", "b"]);
    desk.passes(&["rebase", "-q", "--exec", "git commit --amend --no-edit --allow-empty", base.trim()]);
    desk.env.coord_in(&desk.dir, &["release", "--all"]).ok();
    check().ok();
    let sessions = "--format=%(trailers:key=Coord-Session,valueonly,separator=)";
    let range = format!("{}..HEAD", base.trim());
    assert_eq!(desk.env.git_in(&desk.dir, &["log", sessions, &range]), "me\nme\nme\nother\n");
}

#[test]
fn the_first_commit_of_all_may_be_empty() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "me"]).ok();
    env.git(&["switch", "-q", "--orphan", "fresh"]);
    env.git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    let log = env.git(&["log", "--format=%s %(trailers:key=Coord-Session,valueonly,separator=)"]);
    assert_eq!(log, "first me\n");
}

/// What was judged when it was made is made again without a claim; what is made by hand is not.
#[test]
fn where_a_rebase_stops_what_is_done_by_hand_is_judged() {
    Desk::both(|desk| {
        let git = |words: &[&str]| desk.passes(words);
        let coord = |words: &[&str]| desk.env.coord_in(&desk.dir, words);
        let base = desk.head();
        let base = base.trim();
        git(&["switch", "-qc", "theirs"]);
        std::fs::write(desk.dir.join("a"), "theirs\n").unwrap();
        git(&["commit", "-q", "--no-verify", "-am", "theirs"]);
        git(&["switch", "-qc", "mine", base]);
        desk.claim(&["a", "b", "exec"]);
        std::fs::write(desk.dir.join("a"), "mine\n").unwrap();
        desk.edit("b");
        git(&["commit", "-qam", "mine"]);
        desk.edit("exec");
        git(&["commit", "-qam", "clean"]);
        coord(&["release", "--all"]).ok();
        assert!(!desk.git(&["rebase", "theirs"]).status.success(), "there is a conflict");
        std::fs::write(desk.dir.join("a"), "both\n").unwrap();
        git(&["add", "a"]);
        let goes_on = || desk.git(&["-c", "core.editor=true", "rebase", "--continue"]);
        let refused = goes_on();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("claim a\n"), "b was made before: {said}");
        desk.claim(&["a"]);
        let went = goes_on();
        assert!(went.status.success(), "{}", String::from_utf8_lossy(&went.stderr));
        coord(&["release", "--all"]).ok();
        coord(&["check", "--range", "theirs..HEAD"]).ok();
        assert_eq!(desk.env.git_in(&desk.dir, &["log", "--format=%s", "theirs..HEAD"]), "clean\nmine\n");
    });
}

/// To take a commit apart, one makes several in its place.
#[test]
fn commits_in_the_midst_of_a_rebase_are_commits() {
    let desk = Desk::new(true);
    desk.claim(&["a", "b"]);
    let base = desk.head();
    desk.edit("a");
    desk.edit("b");
    desk.passes(&["commit", "-qam", "both"]);
    let todo = "sequence.editor=sed -i s/^pick/edit/";
    desk.passes(&["-c", todo, "rebase", "-i", base.trim()]);
    desk.passes(&["reset", "-q", "HEAD^"]);
    desk.passes(&["commit", "-qm", "one", "a"]);
    desk.passes(&["commit", "-qam", "two"]);
    desk.passes(&["rebase", "--continue"]);
    desk.env.coord_in(&desk.dir, &["release", "--all"]).ok();
    let range = format!("{}..HEAD", base.trim());
    assert_eq!(desk.env.coord_in(&desk.dir, &["check", "--range", &range]).ok()["commits"], 2);
}
