//! Groups, and items that cool down, are put right from the items themselves.

use serde_json::json;

use super::records::broken;
use super::{World, finish, import, item, op};
use crate::model::{ItemId, cooldown, dependencies, groups};

fn group() -> ItemId {
    ItemId::parse("group:B").unwrap()
}

/// Two members of a group, and an item that needs it.
fn with_group(world: &mut World) {
    let member = |id: &str| {
        let mut new = item(id, &[], &[], 3);
        new["item"]["group"] = json!("B");
        new
    };
    let outcome = world.apply(&import(&[member("G"), member("H"), item("W", &[], &["group:B"], 3)]));
    assert!(!outcome.is_refusal(), "{outcome:?}");
}

#[test]
fn groups_are_counted_and_named_anew() {
    let damage = |name: &str, codes: &[&str], key: String, bytes: Option<&[u8]>| {
        broken(name, codes, |w| {
            with_group(w);
            w.set(&key, bytes);
        });
    };
    let (counts, names) = (groups::key(&group()), groups::members_key(&group()));
    damage("wrong counters", &["sets"], counts.clone(), Some(br#"{"total":2,"open":7}"#));
    damage("no counters", &["sets"], counts, None);
    damage("another member", &["sets"], names.clone(), Some(b"G\nX\n"));
    damage("no members", &["sets"], names, None);
    damage("nobody waits", &["dependencies"], dependencies::key(&group()), None);
    let other = groups::key(&ItemId::parse("group:none").unwrap());
    damage("a group of nobody", &["sets"], other, Some(br#"{"total":1,"open":1}"#));
}

#[test]
fn what_cools_down_is_offered_again() {
    broken("no list", &["cooling"], |w| {
        let rule = json!({ "op": "set_queue", "name": "main", "max_attempts": null, "rules": [{ "cool_down": 600 }] });
        for act in [op(rule), finish("one", &["B"], json!({ "fail": { "reason": "no", "last": false } }))] {
            let outcome = w.apply(&act);
            assert!(!outcome.is_refusal(), "{outcome:?}");
        }
        w.set(cooldown::KEY, None);
    });
}
