//! Commits that are already made.

use super::super::*;
use super::TestRepo;

#[test]
fn ranges_carry_trailers_and_refuse_options() {
    let repo = TestRepo::new();
    repo.git(&["config", "log.showRoot", "false"]);
    repo.git(&["config", "log.showSignature", "true"]);
    repo.write("a", "1");
    repo.commit("one");
    repo.write("b", "1");
    repo.commit(
        "two: gr\u{fc}\u{df}e\n\nbody\n\nCoord-Session: s1\nCoord-Item: i1\nCoord-Item: i2\nCoord-Lease: 7/3",
    );
    repo.commit("empty");
    let log = in_range(&repo.host(), "HEAD").unwrap();
    assert_eq!(
        log.iter().map(|c| c.subject.as_str()).collect::<Vec<_>>(),
        ["empty", "two: gr\u{fc}\u{df}e", "one"]
    );
    assert_eq!(log[1].session(), Some("s1"));
    assert_eq!(
        (&log[1].items[..], &log[1].leases[..]),
        (&["i1".to_owned(), "i2".into()][..], &["7/3".to_owned()][..])
    );
    assert_eq!(log[2].paths, [RepoPath::parse("a").unwrap()], "the first commit too");
    assert_eq!(log[2].session(), None);
    assert!(in_range(&repo.host(), "HEAD..HEAD").unwrap().is_empty());
    assert!(matches!(in_range(&repo.host(), "--output=x"), Err(ChangesError::Range { .. })));
    assert!(matches!(in_range(&repo.host(), "no-such"), Err(ChangesError::Git(_))));
}

#[test]
fn a_push_is_checked_for_what_the_remote_does_not_have() {
    let repo = TestRepo::new();
    let bare = repo.temp.path().join("bare");
    repo.git(&["init", "-q", "--bare", bare.to_str().unwrap()]);
    repo.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    let one = repo.commit("one");
    repo.git(&["push", "-q", "origin", "main"]);
    let two = repo.commit("two");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    let three = repo.commit("three");
    let zero = "0".repeat(40);
    let unknown = "1".repeat(40);
    let text = format!(
        "refs/heads/main {two} refs/heads/main {unknown}\nHEAD {three} refs/heads/topic {zero}\n\
         (delete) {zero} refs/heads/old {one}\nrefs/tags/t {two} refs/tags/t {zero}\n"
    );
    let pushed = parse_push(&text).unwrap();
    assert_eq!(pushed.len(), 4, "{pushed:?}");
    assert_eq!((&pushed[1].remote_id, &pushed[2].local_id), (&None, &None));
    let ids = |remote: &str, pushed: &[Pushed]| -> Vec<String> {
        let arrival = in_push(&repo.host(), remote, pushed, |_| false).unwrap();
        arrival.commits.into_iter().map(|c| c.id).collect()
    };
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    let both = sorted(vec![three.clone(), two.clone()]);
    assert_eq!(sorted(ids("origin", &pushed)), both);
    assert_eq!(sorted(ids("file:///elsewhere", &pushed)), both);
    let over = Pushed { remote_id: Some(two.clone()), ..pushed[1].clone() };
    assert_eq!(ids("origin", &[over]), [three]);
    assert!(in_push(&repo.host(), "origin", &[], |_| false).unwrap().is_empty());
    assert!(matches!(parse_push("a b c"), Err(ChangesError::PushLine { .. })));
}
