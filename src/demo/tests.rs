//! Tests of the proof: a true story passes, and each kind of lie is found.

use super::checks::{Claim, check};
use super::findings;
use super::observations::{Commit, Edit, Entry, Item, Merged, Observations, parse_log, parse_patch, tally};

fn edit(file: &str, line: u64) -> Edit {
    Edit { file: file.into(), line, text: findings::line_text("rule", true) }
}

fn entry(event: &str, session: &str, items: &[&str], leases: &[u64]) -> Entry {
    Entry {
        event: event.into(),
        session: session.into(),
        items: items.iter().map(|i| (*i).to_owned()).collect(),
        leases: leases.to_vec(),
        ..Entry::default()
    }
}

fn committed(session: &str, commit: &str) -> Entry {
    Entry { commit: commit.into(), ..entry("commit", session, &[], &[]) }
}

fn commit(id: &str, session: &str, item: &str, lease: u64, edits: Vec<Edit>) -> Commit {
    Commit {
        id: id.into(),
        branch: session.into(),
        session: session.into(),
        items: vec![item.into()],
        leases: vec![lease],
        edits,
        other: Vec::new(),
    }
}

/// Two sessions, two items in one file; the first one ran out in alice's hands.
fn honest() -> Observations {
    let wanted = vec![edit("a.py", 6), edit("a.py", 11)];
    let item =
        |id: &str, line| Item { id: id.into(), state: "done".into(), files: vec!["a.py".into()], line };
    Observations {
        sessions: vec!["alice".into(), "bob".into()],
        wanted: wanted.clone(),
        items: vec![item("i1", 6), item("i2", 11)],
        log: vec![
            entry("session start", "alice", &[], &[]),
            entry("next", "alice", &["i1"], &[5]),
            entry("expired", "alice", &["i1"], &[5]),
            entry("next", "bob", &["i1"], &[6]),
            committed("bob", "c1"),
            entry("done", "bob", &["i1"], &[]),
            entry("next", "bob", &["i2"], &[7]),
            committed("bob", "c2"),
            entry("done", "bob", &["i2"], &[]),
        ],
        commits: vec![
            commit("c1", "bob", "i1", 6, vec![wanted[0].clone()]),
            commit("c2", "bob", "i2", 7, vec![wanted[1].clone()]),
        ],
        merged: Merged::Clean(wanted, Vec::new()),
        trespasses: Vec::new(),
        doctor: Some(Vec::new()),
        refs_before: vec!["11 refs/heads/main".into()],
        refs_after: vec![
            "11 refs/heads/main".into(),
            "22 refs/heads/bob".into(),
            "33 refs/notes/coord/bob".into(),
        ],
    }
}

/// The claims that a changed story does not fulfil, shortened to their distinguishing word.
fn broken(change: impl FnOnce(&mut Observations)) -> Vec<String> {
    let mut observed = honest();
    change(&mut observed);
    let failed = check(&observed, Some("i1")).into_iter().filter(|c| !c.holds());
    failed.map(|c: Claim| c.against.join("; ")).collect()
}

#[test]
fn a_true_story_is_proved() {
    assert_eq!(broken(|_| {}), Vec::<String>::new());
    assert_eq!(tally(&honest()).get("bob"), Some(&(2, 2)));
}

#[test]
fn an_item_finished_twice_is_found() {
    let found = broken(|e| e.log.push(entry("done", "alice", &["i2"], &[])));
    assert_eq!(found, ["item i2 is done, finished 2 times"]);
}

#[test]
fn a_lost_item_is_found() {
    let found = broken(|e| e.items[1].state = "claimed".into());
    assert_eq!(found, ["item i2 is claimed, finished 1 times"]);
    let found = broken(|e| drop(e.items.pop()));
    assert!(found[0].starts_with("the queue has 1 items for 2 findings"), "{found:?}");
}

#[test]
fn an_item_that_did_not_come_back_is_found() {
    let found = broken(|e| e.log[2].event = "renew".into());
    assert!(found.iter().any(|f| f == "the log says of item i1: next, renew, next, done"), "{found:?}");
}

#[test]
fn a_session_alone_takes_its_item_up_again() {
    let alone = |change: fn(&mut Observations)| {
        broken(|e| {
            e.sessions = vec!["bob".into()];
            e.log.drain(..3);
            change(e);
        })
    };
    assert_eq!(alone(|_| {}), Vec::<String>::new());
    assert!(!alone(|e| drop(e.log.remove(2))).is_empty());
}

#[test]
fn a_line_fixed_on_two_branches_is_found() {
    let found = broken(|e| {
        e.log.insert(2, committed("alice", "c0"));
        e.commits.push(commit("c0", "alice", "i1", 5, vec![edit("a.py", 6)]));
    });
    assert_eq!(found, ["a.py:6 was fixed by c1 on bob and c0 on alice"]);
}

#[test]
fn a_line_that_nobody_fixed_is_found() {
    let found = broken(|e| {
        e.commits[1].edits.clear();
        e.merged = Merged::Clean(vec![edit("a.py", 6)], Vec::new());
    });
    assert_eq!(found, ["a.py:11 was fixed by nobody", "a.py:11 is not as it should be"]);
}

#[test]
fn an_edit_of_an_unclaimed_file_is_found() {
    let found = broken(|e| e.commits[1].edits.push(edit("b.py", 1)));
    assert_eq!(
        found,
        ["c2 changes b.py:1, which was not to be fixed", "c2 edits b.py, which bob did not hold then"]
    );
}

#[test]
fn a_commit_under_a_lease_of_another_session_is_found() {
    let found = broken(|e| e.commits[1].leases = vec![5]);
    assert_eq!(
        found,
        ["c2 edits a.py, which bob did not hold then; c2 names item i2, which bob did not hold then"]
    );
}

#[test]
fn a_commit_after_its_lease_has_ended_is_found() {
    let found = broken(|e| {
        let late = e.log.remove(7);
        e.log.push(late);
    });
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("c2 edits a.py, which bob did not hold then"), "{found:?}");
}

#[test]
fn a_commit_that_went_past_the_hooks_is_found() {
    let found = broken(|e| {
        e.log.remove(7);
        e.commits[1].session = String::new();
        e.commits[1].leases.clear();
    });
    assert_eq!(found, ["c2 on bob names session \"\"; c2 is not in the log"]);
}

#[test]
fn two_sessions_on_one_file_at_a_time_are_found() {
    let found = broken(|e| {
        let ran_out = e.log.remove(2);
        e.log.insert(4, ran_out);
    });
    assert!(found.iter().any(|f| f == "a.py was given to bob while alice held it"), "{found:?}");
    let found = broken(|e| {
        let claim = Entry { paths: vec!["a.py/below".into()], lease: 9, ..entry("claim", "alice", &[], &[]) };
        e.log.insert(4, claim);
    });
    // It is never released, so the next item in that file is one too many as well.
    assert_eq!(
        found,
        ["a.py/below was given to alice while bob held it; a.py was given to bob while alice held it"]
    );
}

#[test]
fn a_moved_or_foreign_ref_is_found() {
    let found = broken(|e| {
        e.refs_after[0] = "12 refs/heads/main".into();
        e.refs_after.push("44 refs/heads/bobby".into());
    });
    assert_eq!(
        found,
        ["11 refs/heads/main was moved or removed; 12 refs/heads/main is new; 44 refs/heads/bobby is new"]
    );
}

#[test]
fn what_was_refused_and_stands_in_a_commit_is_found() {
    assert_eq!(broken(|e| e.trespasses.push("c9".into())), ["c9"]);
    assert_eq!(
        broken(|e| e.merged = Merged::Conflict("bob".into())),
        ["bob conflicts with the branches before it"]
    );
    assert_eq!(broken(|e| e.doctor = Some(vec!["a stray lock".into()])), ["a stray lock"]);
}

#[test]
fn patches_are_read_line_by_line() {
    let patch = "\ndiff --git a/a b/x.py b/a b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n\
                 @@ -6 +6 @@ def f():\n-old\n+new\n@@ -9,0 +10,2 @@\n+one\n+two\n\
                 diff --git a/n b/n\nnew file mode 100644\n@@ -0,0 +1 @@\n+x\n";
    let (edits, other) = parse_patch(patch);
    assert_eq!(edits, [Edit { file: "a".into(), line: 6, text: "new".into() }]);
    assert_eq!(other, ["a: -9,0 +10,2", "n: new file mode 100644", "n: -0,0 +1"]);
}

#[test]
fn a_log_is_read_with_its_trailers() {
    let text = "\u{1}abc\tbob\ti1,i2\t5,6\n\ndiff --git a/a b/a\n@@ -1 +1 @@\n-x\n+y\n\u{1}def\t\t\t\n";
    let commits = parse_log(text, "bob");
    assert_eq!(commits.len(), 2);
    assert_eq!((commits[0].items.len(), &commits[0].leases), (2, &vec![5, 6]));
    assert_eq!(commits[0].edits.len(), 1);
    assert!(commits[1].session.is_empty() && commits[1].edits.is_empty());
}

#[test]
fn every_finding_has_a_line_of_its_own_and_its_fix_is_what_the_proof_wants() {
    let all = findings::embedded().unwrap();
    assert!(all >= 100);
    let found = findings::take(2 * all + 1).unwrap();
    let mut files = findings::files(&found, false);
    for finding in &found {
        let text = files.get_mut(&finding.file).unwrap();
        *text = findings::fix(text, finding.line).unwrap();
        assert_eq!(findings::fix(text, finding.line), None);
    }
    assert_eq!(files, findings::files(&found, true));
}
