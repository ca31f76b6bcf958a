//! One record at a time is made wrong.

use serde_json::{Value, json};

use super::{World, claim, finish, import, item, next};
use crate::doctor::records::{DAMAGED, check, mend};
use crate::model::claim::Mode;
use crate::model::session;
use crate::model::{RepoPath, SessionName, Txn, View, claim as claims};

/// Damages a state, and asserts that exactly these faults are found, and repaired without a trace.
pub(super) fn broken(name: &str, codes: &[&str], damage: impl FnOnce(&mut World)) -> World {
    let mut world = World::at_work();
    assert_eq!(check(&world.view), [], "before: {name}");
    damage(&mut world);
    let found = check(&world.view);
    let mut reported: Vec<&str> = found.iter().map(|f| f.code).collect();
    reported.sort_unstable();
    reported.dedup();
    assert_eq!(reported, codes, "{name}: {found:#?}");
    assert!(found.iter().all(|f| f.repairable), "{name}: {found:#?}");
    let mut txn = Txn::new(&world.view);
    mend(&mut txn, world.now).unwrap();
    assert_eq!(check(&txn), [], "after: {name}");
    let (changes, _) = txn.finish();
    world.view.commit(changes);
    // The state machine goes on with it.
    for who in ["one", "two"] {
        let outcome = world.apply(&next(who, 9));
        assert!(!outcome.is_refusal(), "{name}: {outcome:?}");
    }
    assert_eq!(check(&world.view), [], "work goes on: {name}");
    world
}

const QUEUE: &str = "queues/main/queue.json";
const ONE: &str = "sessions/one.json";

fn states(priority: u32) -> String {
    format!("queues/main/states/0000/{priority:02}.json")
}

fn record(world: &World, name: &str) -> session::Session {
    session::get(&world.view, &SessionName::parse(name).unwrap()).unwrap().unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

#[test]
fn names_that_no_record_has_are_removed() {
    broken("odd queue", &["record-name"], |w| w.set("queues/q q/queue.json", Some(b"x")));
    broken("odd session", &["record-name"], |w| w.set("sessions/a b.json", Some(b"{}")));
    broken("git's own", &["record-name"], |w| w.set("clones/.GIT/x", Some(b"x")));
}

#[test]
fn counters_follow_the_contents() {
    broken("counts", &["counters"], |w| w.edit(QUEUE, |q| q["counts"]["done"] = json!(7)));
    broken("queue record gone", &["queue-record"], |w| w.set(QUEUE, None));
    let stats = |w: &mut World, change: fn(&mut Value)| w.edit(QUEUE, |q| change(&mut q["stats"]));
    broken("category", &["counters"], |w| stats(w, |s| s["categories"]["list"][0]["n"][3] = json!(7)));
    broken("name gone", &["counters"], |w| stats(w, |s| s["phases"]["list"][0]["name"] = json!("P9")));
    broken("failed attempts", &["counters"], |w| stats(w, |s| s["fails"] = json!(3)));
    broken("never counted", &["counters"], |w| stats(w, |s| *s = json!(null)));
    broken("counted elsewhere", &["lease-item"], |w| {
        w.edit(ONE, |s| item_lease(s)["item"]["kind"] = json!({ "category": "rest" }));
    });
}

#[test]
fn a_queue_of_an_older_version_is_worked_on_and_counted_at_the_next_import() {
    let mut world = World::at_work();
    let old = |q: &mut Value| q.as_object_mut().unwrap().remove("stats");
    world.edit(QUEUE, |q| drop(old(q)));
    world.edit(ONE, |s| {
        let held = item_lease(s)["item"].as_object_mut().unwrap();
        held.remove("kind");
        held.remove("title");
        s.as_object_mut().unwrap().remove("stats");
    });
    assert!(!world.apply(&finish("one", &["B"], json!("done"))).is_refusal());
    let found = check(&world.view);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), ["counters"], "{found:#?}");
    world.apply(&import(&[item("G", &[], &[], 2)]));
    assert_eq!(check(&world.view), [], "the import has counted");
}

#[test]
fn new_items_go_where_they_fit() {
    broken("next segment exists", &["segments"], |w| w.edit(QUEUE, |q| q["next_segment"] = json!(1)));
    broken("tail of another priority", &["segments"], |w| w.edit(QUEUE, |q| q["tails"]["0"] = json!(2)));
    broken("tail that is not there", &["segments"], |w| w.edit(QUEUE, |q| q["tails"]["9"] = json!(7)));
}

#[test]
fn marks_tell_where_items_are_free() {
    broken("mark missing", &["open-marker"], |w| w.set("queues/main/open/2/0000/02", None));
    broken("mark too many", &["open-marker"], |w| w.set("queues/main/open/0/0000/00", Some(b"\n")));
    broken("mark under a wrong priority", &["open-marker"], |w| {
        w.set("queues/main/open/7/0000/02", Some(b"\n"));
    });
}

#[test]
fn the_index_names_every_item_and_no_other() {
    let key = |w: &World| w.view.iter().find(|(k, _)| k.starts_with("ids/")).unwrap().0.to_owned();
    broken("shard gone", &["item-index"], |w| w.set(&key(w), None));
    broken("shard garbage", &["item-index"], |w| w.set(&key(w), Some(b"\xff\0nonsense")));
    broken("unknown item", &["item-index"], |w| w.set("ids/ff.tsv", Some(b"Z\tmain\t0\t9\n")));
}

#[test]
fn who_waits_is_on_the_list_of_what_it_waits_for() {
    let key = |w: &World| w.view.iter().find(|(k, _)| k.starts_with("deps/")).unwrap().0.to_owned();
    broken("list gone", &["dependencies"], |w| w.set(&key(w), None));
    broken("list garbage", &["dependencies"], |w| w.set(&key(w), Some(b"{{")));
    broken("list of nobody", &["dependencies"], |w| w.set("deps/00/Q.json", Some(b"[\"C\"]")));
    broken("note counts wrongly", &["dependencies"], |w| {
        w.edit(&states(1), |s| s["notes"]["0"]["needs"] = json!(5))
    });
}

#[test]
fn claims_follow_from_leases() {
    broken("claim gone", &["claim"], |w| w.set("claims/docs", None));
    broken("claim of nobody", &["claim"], |w| {
        let text = w.view.blob("claims/docs").unwrap().unwrap();
        w.set("claims/other", Some(&String::from_utf8_lossy(&text).replace("docs", "other").into_bytes()));
    });
    broken("claim at a wrong key", &["claim-place"], |w| {
        let bytes = w.view.blob("claims/docs").unwrap().unwrap();
        w.set("claims/misplaced", Some(&bytes));
    });
    broken("doubled holder", &["claim"], |w| {
        w.edit("claims/docs", |c| {
            let mut other = c["holders"][0].clone();
            other["session"] = json!("two");
            c["holders"].as_array_mut().unwrap().push(other);
        });
    });
    broken("weaker than its lease", &["claim"], |w| {
        w.edit("claims/docs", |c| c["holders"][0]["mode"] = json!("shared"));
    });
    broken("wrong lease", &["claim"], |w| {
        w.edit("claims/docs", |c| c["holders"][0]["grants"][0]["lease"] = json!(999));
    });
    broken("garbage", &["claim", DAMAGED], |w| w.set("claims/docs", Some(b"")));
}

#[test]
fn of_two_overlapping_leases_the_earlier_stays_and_the_other_session_is_told() {
    let world = broken("overlap", &["claim-overlap"], |w| {
        let lease = |id: u64, path: &str| {
            json!({ "id": id, "since": "2023-11-14T22:13:20Z", "renewed": "2023-11-14T22:13:30Z",
                    "ttl": 600, "paths": [path] })
        };
        w.edit("head.json", |h| h["generation"] = json!(50));
        w.edit("sessions/two.json", |s| {
            s["leases"].as_array_mut().unwrap().push(lease(40, "docs/deep/file"))
        });
    });
    let two = record(&world, "two");
    assert!(two.path_lease(&path("docs/deep/file")).is_none());
    assert!(two.path_loss(&path("docs/deep/file")).unwrap().why.contains("held by one"));
    assert!(record(&world, "one").path_lease(&path("docs")).is_some());
}

#[test]
fn items_are_in_the_hands_of_the_session_that_has_the_lease() {
    let world = broken("claimed by nobody", &["claim", "item-lease"], |w| {
        w.edit("sessions/two.json", |s| s["leases"].as_array_mut().unwrap().retain(|l| l["item"].is_null()));
    });
    // Free again, so one of the sessions has taken it.
    assert!(
        world
            .view
            .iter()
            .any(|(k, v)| k.starts_with("sessions/") && String::from_utf8_lossy(v).contains("\"D\""))
    );
    broken("said to be free", &["counters", "lease-item", "open-marker"], |w| {
        w.edit(&states(0), |s| s["states"] = json!("dp"));
    });
    broken("said to be with another", &["lease-item"], |w| {
        w.edit(&states(0), |s| s["notes"]["1"]["by"] = json!("two"));
    });
    broken("files are not the item's", &["lease-item"], |w| {
        w.edit(ONE, |s| item_lease(s)["item"]["files"] = json!(["elsewhere.c"]));
    });
    broken("slot is not the item's", &["lease-item"], |w| {
        w.edit(ONE, |s| item_lease(s)["item"]["slot"]["index"] = json!(9));
    });
    let world = broken("an item that is not there", &["claim", "item-lease", "lease-item"], |w| {
        w.edit(ONE, |s| item_lease(s)["item"]["id"] = json!("Z"));
    });
    assert!(record(&world, "one").lost.iter().any(|l| l.item.as_ref().is_some_and(|i| i.as_str() == "Z")));
}

#[test]
fn what_is_done_is_not_handed_out_again() {
    let world = broken("done, but leased", &["claim", "counters", "lease-item", "sets"], |w| {
        w.edit(&states(0), |s| s["states"] = json!("dd"));
    });
    assert!(record(&world, "one").lost.iter().any(|l| l.why.contains("is done already")));
    let letters = world.view.blob(&states(0)).unwrap().unwrap();
    assert!(String::from_utf8_lossy(&letters).contains("\"dd\""));
}

#[test]
fn one_item_is_in_one_pair_of_hands() {
    let world = broken("leased twice", &["item-twice"], |w| {
        let mut copy = Value::Null;
        w.edit(ONE, |s| copy = item_lease(s).clone());
        copy["id"] = json!(49);
        w.edit("head.json", |h| h["generation"] = json!(50));
        w.edit("sessions/two.json", |s| s["leases"].as_array_mut().unwrap().push(copy));
    });
    assert!(record(&world, "two").lost.iter().any(|l| l.why.contains("held by one")));
}

#[test]
fn leases_are_sound_in_themselves() {
    broken("empty lease", &["lease-empty"], |w| {
        w.edit(ONE, |s| {
            let lease = json!({ "id": 2, "since": "2023-11-14T22:13:20Z", "renewed": "2023-11-14T22:53:20Z", "ttl": 9 });
            s["leases"].as_array_mut().unwrap().push(lease);
        });
    });
    let mut world = World::at_work();
    world.edit(ONE, |s| s["state"] = json!("ended"));
    assert!(check(&world.view).iter().any(|f| f.code == "lease-ended"));
    let mut txn = Txn::new(&world.view);
    mend(&mut txn, world.now).unwrap();
    assert_eq!(check(&txn), []);
    assert!(session::get(&txn, &SessionName::parse("one").unwrap()).unwrap().unwrap().leases.is_empty());
}

#[test]
fn numbers_and_times_of_the_head_leave_no_lease_out() {
    broken("generation behind", &["generation"], |w| w.edit("head.json", |h| h["generation"] = json!(2)));
    broken("looks too late", &["sweep-at"], |w| {
        w.edit("head.json", |h| h["sweep_at"] = json!("2099-01-01T00:00:00Z"))
    });
    broken("never looks", &["sweep-at"], |w| w.edit("head.json", |h| h["sweep_at"] = Value::Null));
}

#[test]
fn the_log_has_as_many_events_as_are_counted() {
    let lost = broken("lines missing", &["log"], |w| w.edit("head.json", |h| h["logged"] = json!(3)));
    let text = lost.view.blob("log/0000/00.jsonl").unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&text).lines().count(), 3);
    broken("a file too many", &["log"], |w| w.set("log/0000/07.jsonl", Some(b"{}\n")));
    let mut world = World::at_work();
    world.edit("head.json", |h| h["logged"] = json!(1));
    world.set("log/0000/00.jsonl", Some(b"{}\n{}\n"));
    assert!(check(&world.view).iter().any(|f| f.code == "log"));
}

#[test]
fn what_nothing_can_be_derived_from_is_left_to_older_states() {
    let items = "queues/main/items/0000/01.jsonl";
    for (name, key, bytes) in [
        ("head", "head.json", Some(b"".as_slice())),
        ("no head", "head.json", None),
        ("session", ONE, Some(b"{".as_slice())),
        ("items gone", items, None),
        ("items cut", items, Some(b"{\"id\":\"C\",\"title\":\"x\"}\n".as_slice())),
        ("states", "queues/main/states/0000/01.json", Some(b"[]".as_slice())),
        ("states gone", "queues/main/states/0000/01.json", None),
        ("queue", QUEUE, Some(b"\xff".as_slice())),
    ] {
        let mut world = World::at_work();
        world.set(key, bytes);
        let found = check(&world.view);
        assert!(found.iter().any(|f| f.code == DAMAGED && !f.repairable), "{name}: {found:#?}");
        // It must not make things worse, nor fail.
        let mut txn = Txn::new(&world.view);
        mend(&mut txn, world.now).unwrap();
        assert!(check(&txn).iter().all(|f| found.iter().any(|g| g.place == f.place)), "{name}");
    }
}

#[test]
fn mending_what_is_well_changes_nothing() {
    let mut world = World::at_work();
    world.apply(&claim("two", &["lib/y"], "shared"));
    let mut txn = Txn::new(&world.view);
    mend(&mut txn, world.now).unwrap();
    assert!(txn.is_empty());
    let held = claims::get(&world.view, &path("lib")).unwrap().unwrap();
    assert_eq!(held.holders[0].mode, Mode::Shared);
}

fn item_lease(session: &mut Value) -> &mut Value {
    let leases = session["leases"].as_array_mut().unwrap();
    leases.iter_mut().find(|l| !l["item"].is_null()).unwrap()
}
