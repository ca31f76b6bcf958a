use super::*;
use crate::model::base::MemView;

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).expect("valid")
}

fn holder(name: &str, mode: Mode) -> Holder {
    Holder {
        session: SessionName::parse(name).expect("valid"),
        mode,
        since: Timestamp::UNIX_EPOCH,
        grants: vec![Grant { lease: 1, item: None, mode }],
        reason: None,
    }
}

fn paths(claims: &[Claim]) -> Vec<String> {
    let mut list: Vec<_> = claims.iter().map(|c| c.path.to_string()).collect();
    list.sort();
    list
}

#[test]
fn records_above_at_and_below_are_found_in_any_order_of_claiming() {
    let order = ["src", "src/a/b.rs", ".", "src/a", "other"];
    for turn in 0..order.len() {
        let base = MemView::default();
        let mut txn = Txn::new(&base);
        for i in 0..order.len() {
            let p = path(order[(i + turn) % order.len()]);
            grant(&mut txn, &p, holder("s", Mode::Shared)).expect("memory");
        }
        let found = |p: &str| paths(&overlapping(&txn, &path(p)).expect("memory"));
        assert_eq!(found("src/a"), [".", "src", "src/a", "src/a/b.rs"]);
        assert_eq!(found("src/x"), [".", "src"]);
        assert_eq!(found("."), [".", "other", "src", "src/a", "src/a/b.rs"]);
        assert_eq!(paths(&all(&txn).expect("memory")).len(), 5);
        for p in order {
            ungrant(&mut txn, &path(p), &SessionName::parse("s").expect("valid"), |_| true).expect("memory");
            assert!(get(&txn, &path(p)).expect("memory").is_none());
        }
        assert!(all(&txn).expect("memory").is_empty());
    }
}

#[test]
fn names_that_git_examines_are_written_differently_and_stay_distinct() {
    let odd = [".git", ".gitmodules", ".GITmodules", "git~1", "%", "%25", "a\\b", "a%5Cb", ".g\u{200c}it"];
    let written: std::collections::BTreeSet<_> = odd.iter().map(|c| escape(c)).collect();
    assert_eq!(written.len(), odd.len());
    assert!(written.iter().all(|w| w.starts_with('%') || w == "a%5Cb"), "{written:?}");
    for plain in ["src", ".hidden", "Cargo.lock", "-dash", "ä b", "x.lock"] {
        assert_eq!(escape(plain), plain);
    }
}

#[test]
fn where_names_are_folded_one_file_has_one_holder() {
    let base = MemView::default();
    let mut txn = Txn::new(&base);
    for p in ["src/Main.rs", "Docs", "caf\u{e9}/x"] {
        grant(&mut txn, &path(p), holder("s", Mode::Exclusive)).expect("memory");
    }
    let found = |txn: &Txn<'_>, p: &str| paths(&overlapping(txn, &path(p)).expect("memory"));
    assert!(found(&txn, "src/main.rs").is_empty(), "two files elsewhere");
    fold_names(&mut txn).expect("memory");
    assert_eq!(found(&txn, "src/main.rs"), ["src/Main.rs"]);
    assert_eq!(found(&txn, "SRC"), ["src/Main.rs"], "what is below");
    assert_eq!(found(&txn, "docs/a"), ["Docs"], "what is above");
    assert_eq!(found(&txn, "cafe\u{301}/X"), ["caf\u{e9}/x"]);
    assert_eq!(paths(&all(&txn).expect("memory")).len(), 3);
    assert!(found(&txn, "src/other.rs").is_empty());
}

#[test]
fn shared_claims_hinder_only_writers() {
    let claim = Claim { holders: vec![holder("r", Mode::Shared)], ..Claim::of(path("a")) };
    let other = SessionName::parse("o").expect("valid");
    assert_eq!(claim.conflicts(&other, Mode::Shared).count(), 0);
    assert_eq!(claim.conflicts(&other, Mode::Exclusive).count(), 1);
}
