//! Whatever sessions do, a state that the state machine has made is well.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::{World, claim, finish, import, item, next, op, start};
use crate::doctor::records::{check, mend};
use crate::model::{Op, Txn};

const WHO: [&str; 3] = ["one", "two", "three"];
const PATHS: [&str; 7] = ["src", "src/a", "src/a/b", "src/b", "lib", ".", "lib/%"];
const IDS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// A change of one item, by its id.
fn update(id: &str, change: serde_json::Value) -> Op {
    let condition = json!({ "field": "id", "not": false, "part": false, "value": id });
    let mut all =
        json!({ "priority": null, "queue": null, "category": null, "cancel": false, "requeue": false });
    all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    op(json!({ "op": "update", "session": null, "conditions": [condition], "change": all, "limit": null }))
}

fn operation() -> impl Strategy<Value = (Op, i64)> {
    let who = prop::sample::select(WHO.to_vec());
    let path = prop::sample::select(PATHS.to_vec());
    let id = prop::sample::select(IDS.to_vec());
    let how = prop::sample::select(vec![
        json!("done"),
        json!("drop"),
        json!({ "fail": { "reason": "no", "last": false } }),
        json!({ "fail": { "reason": "no", "last": true } }),
    ]);
    let mode = prop::sample::select(vec!["exclusive", "shared"]);
    let need = prop_oneof![4 => id.clone(), 1 => Just("group:g")];
    let new = (id.clone(), prop::option::of(path.clone()), prop::option::of(need), 0u32..2).prop_map(
        |(id, file, need, priority)| {
            let needs: Vec<&str> = need.into_iter().filter(|n| *n != id).collect();
            let mut new = item(id, &file.into_iter().collect::<Vec<_>>(), &needs, priority);
            if id < "D" {
                new["item"]["group"] = json!("g");
            }
            new
        },
    );
    let change = prop::sample::select(vec![
        json!({ "priority": 1 }),
        json!({ "queue": "other" }),
        json!({ "cancel": true }),
        json!({ "requeue": true }),
    ]);
    let one = prop_oneof![
        who.clone().prop_map(start),
        (who.clone(), prop::collection::vec(path.clone(), 1..3), mode).prop_map(|(w, p, m)| claim(w, &p, m)),
        (who.clone(), 1usize..3).prop_map(|(w, n)| next(w, n)),
        (id.clone(), change).prop_map(|(id, change)| update(id, change)),
        Just(op(
            json!({ "op": "set_queue", "name": "main", "max_attempts": null, "rules": [{ "cool_down": 3 }] })
        )),
        (who.clone(), id, how).prop_map(|(w, i, h)| finish(w, &[i], h)),
        prop::collection::vec(new, 1..4).prop_map(|items| import(&items)),
        who.clone().prop_map(|w| op(json!({ "op": "release", "session": w, "paths": null }))),
        (who.clone(), path).prop_map(|(w, p)| op(json!({ "op": "release", "session": w, "paths": [p] }))),
        who.clone().prop_map(|w| op(json!({ "op": "renew", "session": w, "what": "all", "ttl": 60 }))),
        who.prop_map(|w| op(json!({ "op": "end_session", "name": w }))),
    ];
    (one, prop_oneof![4 => Just(0i64), 1 => 100i64..700])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_found_in_what_the_state_machine_makes(ops in prop::collection::vec(operation(), 1..40)) {
        let mut world = World::new();
        for who in WHO {
            world.apply(&start(who));
        }
        for (op, wait) in ops {
            world.now += SignedDuration::from_secs(wait);
            world.apply(&op);
            let found = check(&world.view);
            prop_assert!(found.is_empty(), "after {op:?}: {found:#?}");
        }
        let mut txn = Txn::new(&world.view);
        mend(&mut txn, world.now).unwrap();
        prop_assert!(txn.is_empty());
    }
}
