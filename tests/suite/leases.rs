//! Leases that run out, and what their old holders learn of it.

use std::time::Duration;

use serde_json::Value;

use crate::common::TestEnv;

/// Long enough for leases of one second to have run out.
fn let_run_out() {
    std::thread::sleep(Duration::from_millis(1100));
}

/// What a `lost` error says about its first loss.
fn loss(error: &Value) -> &Value {
    &error["details"]["lost"][0]
}

#[test]
fn a_claim_that_ran_out_is_free_and_its_holder_learns_who_took_it() {
    let env = TestEnv::new();
    env.sessions(&["old", "new"]);
    env.claim("old", &["src"], 1);
    let_run_out();
    env.coord_as("new", &["claim", "src/a.rs"]).ok();
    env.check("after a takeover");
    for words in [&["release", "src"][..], &["renew", "src"]] {
        let call = env.coord_as("old", words);
        let error = call.fails(3, "lost");
        let loss = loss(error);
        assert_eq!(loss["path"], "src", "{words:?} says what was lost: {error}");
        assert_eq!(loss["by"], "new", "{words:?} says who: {error}");
        assert!(loss["why"].as_str().unwrap().contains("ran out"), "{words:?} says why: {error}");
        assert!(loss["at"].as_str().unwrap().ends_with('Z'), "{words:?} says when: {error}");
        assert_eq!(error["details"]["holders"][0]["session"], "new", "{words:?} says who holds it now");
    }
    let held = env.coord_as("old", &["claim", "src"]);
    assert_eq!(held.fails(4, "held")["details"]["holders"][0]["held"], "src/a.rs");
    assert_eq!(env.claimed(), [("src/a.rs".to_owned(), "new".to_owned())], "the old holder changed nothing");
    env.coord_as("new", &["release", "--all"]).ok();
    env.coord_as("old", &["claim", "src"]).ok();
    env.coord_as("old", &["release", "src"]).ok();
}

#[test]
fn an_item_that_ran_out_goes_to_another_and_its_first_holder_cannot_finish_it() {
    let env = TestEnv::new();
    env.sessions(&["old", "new"]);
    env.import("{\"id\":\"t\",\"title\":\"t\",\"files\":[\"a\"]}\n").ok();
    assert_eq!(env.coord_as("old", &["next", "--ttl", "1s"]).items(), ["t"]);
    let_run_out();
    let taken = env.coord_as("new", &["next"]);
    assert_eq!(taken.items(), ["t"], "the item of the dead session is handed out again");
    assert_eq!(taken.json["data"]["items"][0]["attempt"], 2);
    for words in [&["done", "t"][..], &["drop", "t"], &["fail", "t", "--reason", "r"], &["renew", "t"]] {
        let call = env.coord_as("old", words);
        let error = call.fails(3, "lost");
        assert_eq!(loss(error)["by"], "new", "{words:?} says who has it: {error}");
        assert!(loss(error)["why"].as_str().unwrap().contains("ran out"), "{words:?} says why: {error}");
    }
    assert_eq!(env.coord_as("new", &["done", "t"]).json["data"]["items"][0]["state"], "done");
    env.coord_as("old", &["done", "t"]).fails(3, "lost");
    assert_eq!((env.session("new").done, env.session("old").done), (1, 0), "it was finished once, by one");
    env.check("after a takeover of an item");
}

/// A reader is enough to notice: nobody need write for a dead session's claims to vanish.
#[test]
fn what_ran_out_is_not_shown_any_more() {
    let env = TestEnv::new();
    env.sessions(&["gone", "here"]);
    env.import("{\"id\":\"t\",\"title\":\"t\",\"files\":[\"a\"]}\n").ok();
    env.coord_as("gone", &["next", "--ttl", "1s"]).ok();
    env.claim("gone", &["b"], 1);
    let_run_out();
    let claims = env.coord_as("here", &["claims"]);
    assert_eq!(claims.ok()["claims"], serde_json::json!([]));
    assert_eq!(env.coord(&["queue", "show", "t"]).ok()["item"]["state"], "pending");
    let lost = env
        .events()
        .into_iter()
        .find(|e| e.event == git_coord::model::EventKind::Expired)
        .expect("the log has the expiry");
    assert_eq!(lost.session.unwrap().as_str(), "gone");
}

#[test]
fn a_late_command_of_the_holder_keeps_what_nobody_has_taken() {
    let env = TestEnv::new();
    env.sessions(&["late"]);
    env.import("{\"id\":\"t\",\"title\":\"t\",\"files\":[\"a\"]}\n").ok();
    env.coord_as("late", &["next", "--ttl", "1s"]).ok();
    env.claim("late", &["b", "c"], 1);
    let_run_out();
    assert_eq!(env.coord_as("late", &["claims", "--mine"]).ok()["claims"].as_array().unwrap().len(), 3);
    let_run_out();
    env.coord_as("late", &["release", "b"]).ok();
    let_run_out();
    env.coord_as("late", &["renew", "c", "--ttl", "1h"]).ok();
    env.coord_as("late", &["done", "t"]).ok();
    env.check("after late commands");
    assert_eq!(env.claimed(), [("c".to_owned(), "late".to_owned())]);
}

#[test]
fn any_command_renews_what_is_past_half_of_its_time() {
    let env = TestEnv::new();
    env.sessions(&["a"]);
    env.claim("a", &["long"], 3600);
    env.claim("a", &["short"], 2);
    let renewals = |path: &str| {
        let session = env.session("a");
        session.leases.iter().find(|l| l.paths.iter().any(|p| p.as_str() == path)).unwrap().renewals
    };
    std::thread::sleep(Duration::from_millis(1050));
    env.coord_as("a", &["claim", "other"]).ok();
    assert_eq!((renewals("long"), renewals("short")), (0, 1), "renewed is what is past half, not all");
    std::thread::sleep(Duration::from_millis(1050));
    env.coord_as("a", &["claims", "--mine"]).ok();
    assert_eq!((renewals("long"), renewals("short")), (0, 2), "commands that only read renew as well");
}

#[test]
fn claiming_again_renews_and_is_one_claim() {
    let env = TestEnv::new();
    env.sessions(&["a"]);
    let first = env.coord_as("a", &["claim", "x", "--ttl", "60s"]);
    let again = env.coord_as("a", &["claim", "x", "--ttl", "2h"]);
    let lease = |c: &crate::common::Call| c.ok()["claims"][0]["lease"].clone();
    assert_eq!(lease(&first), lease(&again), "the same lease");
    let end = |c: &crate::common::Call| c.ok()["claims"][0]["expires"].as_str().unwrap().to_owned();
    assert!(end(&again) > end(&first), "with a later end");
    env.check("after claiming twice");
    env.coord_as("a", &["release", "x"]).ok();
    assert!(env.claimed().is_empty(), "one release ends it");
    env.coord_as("a", &["release", "x"]).fails(3, "lost");
}

#[test]
fn readers_share_and_writers_wait() {
    let env = TestEnv::new();
    env.sessions(&["r1", "r2", "w"]);
    env.coord_as("r1", &["claim", "--shared", "docs"]).ok();
    env.coord_as("r2", &["claim", "--shared", "docs/a.md"]).ok();
    env.coord_as("w", &["claim", "docs/a.md"]).fails(4, "held");
    env.check("with two readers");
    env.coord_as("r1", &["claim", "docs"]).fails(4, "held");
    env.coord_as("r2", &["release", "docs/a.md"]).ok();
    env.coord_as("r1", &["claim", "docs"]).ok();
    env.coord_as("r2", &["claim", "--shared", "docs/a.md"]).fails(4, "held");
    env.check("after a reader has become a writer");
}
