//! Changing many items at once.

use git_coord::model::{ItemState, QueueName, queue};
use serde_json::json;

use super::rules::{import, next, with_sessions};
use crate::common::{TestEnv, claim_op};

fn counts(env: &TestEnv, name: &str) -> queue::Counts {
    let name = QueueName::parse(name).unwrap();
    env.store().read(|view| queue::get(view, &name)).unwrap().unwrap().counts
}

#[test]
fn many_items_change_in_one_operation() {
    let env = with_sessions();
    import(&env, 300);
    env.import("{\"id\":\"w\",\"title\":\"waits\",\"needs\":[\"i0001\"],\"queue\":\"other\"}\n").ok();
    next(&env, "ann", &["--item", "i0003"]);
    let words = ["queue", "update", "--where", "category=style", "--queue", "late", "--priority", "7"];
    let dry = env.coord(&[&words[..], &["--dry-run"]].concat());
    assert_eq!(dry.ok()["changed"], 148, "150 less the rare one and the one that is held");
    assert_eq!(dry.ok()["first"].as_array().unwrap().len(), 10);
    assert_eq!(counts(&env, "main").total(), 300, "a dry run changes nothing");
    let call = env.coord(&words);
    assert_eq!((&call.ok()["changed"], &call.ok()["skipped_first"]), (&json!(148), &json!(["i0003"])));
    env.check("after moving items");
    assert_eq!((counts(&env, "main").total(), counts(&env, "late").total()), (152, 148));
    assert_eq!(env.coord(&words).ok()["changed"], 0, "once is enough");
    // Ids and needs lead to the new place.
    next(&env, "bob", &["--item", "i0001"]);
    assert_eq!(env.coord_as("bob", &["done", "i0001"]).ok()["unblocked"], json!(["w"]));
    let list = env.coord(&["queue", "list", "--queue", "late", "--limit", "1000"]).items();
    assert_eq!(list.len(), 148);
    env.coord(&["doctor"]).ok();
}

#[test]
fn a_limit_counts_what_changes_and_nothing_else() {
    let env = with_sessions();
    import(&env, 12);
    assert_eq!(next(&env, "ann", &["--count", "3"]).len(), 3);
    env.coord_as("ann", &["fail", "i0002", "--final", "--reason", "r"]).ok();
    let update = |words: &[&str]| {
        let call = env.coord(&[&["queue", "update", "--where", "queue=main"], words].concat());
        env.check(&format!("after {words:?}"));
        let number = |key: &str| call.ok()[key].as_u64().unwrap();
        (number("changed"), number("skipped"), number("matched"))
    };
    // i0000 and i0001 are held and come first; to put back is of no concern to what is free or held.
    assert_eq!(update(&["--requeue", "--limit", "1", "--dry-run"]), (1, 0, 1));
    assert_eq!(update(&["--requeue", "--limit", "1"]), (1, 0, 1), "i0002");
    assert_eq!(update(&["--requeue"]), (0, 0, 0));
    assert_eq!(update(&["--priority", "9", "--limit", "2"]), (2, 2, 4));
    assert_eq!(update(&["--priority", "9", "--limit", "2"]), (2, 2, 4), "the next ones");
    assert_eq!(update(&["--priority", "9"]), (6, 2, 8));
    assert_eq!(update(&["--cancel"]), (10, 2, 12));
}

#[test]
fn items_are_given_up_and_put_back_by_condition() {
    let env = with_sessions();
    import(&env, 10);
    let update = |words: &[&str]| {
        let call = env.coord(&[&["queue", "update"], words].concat());
        env.check(&format!("after {words:?}"));
        call.ok()["changed"].as_u64().unwrap()
    };
    assert_eq!(update(&["--where", "file=src/1/**", "--cancel"]), 3);
    let shown = env.coord(&["queue", "show", "i0001"]);
    assert_eq!(
        (&shown.ok()["item"]["state"], &shown.ok()["item"]["why"]),
        (&json!("failed"), &json!("cancelled"))
    );
    assert_eq!(update(&["--where", "state=failed", "--requeue", "--limit", "2", "--category", "again"]), 2);
    assert_eq!(counts(&env, "main").failed, 1);
    assert_eq!(next(&env, "ann", &["--category", "again", "--count", "9"]), ["i0001", "i0005"]);
    assert_eq!(update(&["--where", "title~ITEM", "--where", "category!=again", "--priority", "0"]), 8);
    env.coord(&["queue", "update", "--where", "colour=red", "--cancel"]).fails(2, "usage");
    env.coord(&["queue", "update", "--where", "id=x"]).fails(2, "usage");
    let left = env.coord(&["queue", "list", "--state", ItemState::Failed.word()]).items();
    assert_eq!(left, ["i0009"]);
    env.coord(&["doctor"]).ok();
}

#[test]
fn a_cancelled_item_that_waits_goes_on_waiting_when_it_is_put_back() {
    let env = with_sessions();
    env.import("{\"id\":\"a\",\"title\":\"a\"}\n{\"id\":\"b\",\"title\":\"b\",\"needs\":[\"a\"]}\n").ok();
    for what in ["--cancel", "--requeue"] {
        env.coord(&["queue", "update", "--where", "id=b", what]).ok();
        env.check(what);
    }
    assert_eq!(env.coord(&["queue", "list", "--state", "blocked"]).items(), ["b"]);
    env.coord(&["queue", "update", "--where", "id=b", "--cancel"]).ok();
    next(&env, "ann", &[]);
    env.coord_as("ann", &["done", "a"]).ok();
    env.coord(&["queue", "update", "--where", "id=b", "--requeue"]).ok();
    assert_eq!(next(&env, "ann", &[]), ["b"], "what it needs was done meanwhile");
    // A claim by hand is not an item, and stays what it is.
    env.store().submit(&claim_op("bob", &["x"], 100), None).unwrap();
    env.check("in the end");
}

#[test]
fn conditions_mean_what_the_rules_of_an_import_mean() {
    let env = TestEnv::new();
    let item = |n: usize, severity: &str, category: &str, rule: &str| {
        let item = json!({"id": format!("i{n}"), "title": "t", "severity": severity, "category": category, "rule": rule});
        format!("{item}\n")
    };
    let items = [
        item(0, "CRITICAL", "docs", "D1"),
        item(1, "error", "docstrings", "D2"),
        item(2, "odd", "types", "T[1]"),
    ];
    env.import(&items.concat()).ok();
    let matched = |condition: &str| {
        let call = env.coord(&["queue", "update", "--where", condition, "--priority", "9", "--dry-run"]);
        call.ok()["changed"].as_u64().unwrap()
    };
    for (condition, n) in [
        ("severity=critical", 2),
        ("severity=Error", 2),
        ("severity!=CRITICAL", 1),
        ("severity=ODD", 1),
        ("category=doc*", 2),
        ("category!=doc*", 1),
        ("category=docs", 1),
        ("rule=D?", 2),
        ("rule=T[1]", 1),
        (" severity = critical", 2),
    ] {
        assert_eq!(matched(condition), n, "{condition}");
    }
    for condition in ["queue=nope", "queue!=nope"] {
        let call = env.coord(&["queue", "update", "--where", condition, "--cancel"]);
        assert_eq!(call.fails(1, "unknown-queue")["details"]["queue"], "nope");
    }
    env.coord(&["queue", "update", "--where", "category=doc[", "--cancel"]).fails(2, "usage");
    env.coord(&["queue", "update", "--where", "id=i0", "--category", ""]).fails(2, "usage");
}

#[test]
fn a_name_that_no_item_has_is_reported_with_the_existing_ones() {
    let env = with_sessions();
    import(&env, 5);
    let said = |condition: &str| {
        let words = ["queue", "update", "--where", condition, "--priority", "9", "--dry-run"];
        let out = env.command(crate::common::PROGRAM, &env.root).args(words).output().unwrap();
        assert!(out.status.success());
        String::from_utf8(out.stderr).unwrap()
    };
    let note = "no item has category tpyes; there are: types, style, rare\n";
    assert_eq!(said("category=tpyes"), note);
    assert_eq!(said("category!=tpyes"), note, "it would change everything");
    assert_eq!(said("phase=x"), "no item has a phase\n");
    assert_eq!([said("category=t*"), said("category~TPY"), said("rule=x")], ["", "", ""]);
}
