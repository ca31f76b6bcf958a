//! What is broken is named, and repaired without breaking anything else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod random;
mod records;
mod sets;
mod stores;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::model::header::{self, StateHeader};
use crate::model::{Context, MemView, Op, Outcome, Txn, apply};

/// An operation from its JSON form.
pub(super) fn op(value: Value) -> Op {
    serde_json::from_value(value).unwrap()
}

pub(super) fn start(name: &str) -> Op {
    op(json!({ "op": "start_session", "name": name, "token": name, "abandoned": false }))
}

pub(super) fn claim(name: &str, paths: &[&str], mode: &str) -> Op {
    op(json!({ "op": "claim", "session": name, "paths": paths, "mode": mode, "ttl": 600 }))
}

pub(super) fn next(name: &str, count: usize) -> Op {
    op(json!({ "op": "next", "session": name, "queues": [], "count": count, "ttl": 600 }))
}

pub(super) fn finish(name: &str, items: &[&str], how: Value) -> Op {
    op(json!({ "op": "finish", "session": name, "items": items, "how": how }))
}

pub(super) fn item(id: &str, files: &[&str], needs: &[&str], priority: u32) -> Value {
    json!({
        "item": {
            "id": id, "title": format!("do {id}"), "files": files, "needs": needs,
            "category": if files.is_empty() { "rest" } else { "code" }, "phase": format!("P{priority}"),
        },
        "queue": null, "priority": priority,
    })
}

pub(super) fn import(items: &[Value]) -> Op {
    op(json!({ "op": "import", "session": null, "items": items, "queue": "main" }))
}

/// A state in memory, on which time passes as the test says.
pub(super) struct World {
    pub view: MemView,
    pub now: Timestamp,
}

impl World {
    pub fn new() -> Self {
        let mut view = MemView::default();
        let mut txn = Txn::new(&view);
        txn.put_json(header::KEY, &StateHeader::new("s".into()));
        let (changes, _) = txn.finish();
        view.commit(changes);
        World { view, now: Timestamp::from_second(1_700_000_000).unwrap() }
    }

    pub fn apply(&mut self, op: &Op) -> Outcome {
        self.now += SignedDuration::from_secs(1);
        let mut txn = Txn::new(&self.view);
        let outcome = apply(&mut txn, op, &Context::local(self.now)).unwrap();
        let (changes, _) = txn.finish();
        self.view.commit(changes);
        outcome
    }

    /// Two sessions at work, with claims by hand and items of all states.
    pub fn at_work() -> Self {
        let mut world = World::new();
        let items = [
            item("A", &["src/a.c"], &[], 0),
            item("B", &["src/b.c"], &[], 0),
            item("C", &["src/c.c"], &["A", "D"], 1),
            item("D", &["src/d.c"], &[], 1),
            item("E", &["src/e.c"], &["unknown"], 1),
            item("F", &[], &[], 2),
        ];
        for op in [
            start("one"),
            start("two"),
            import(&items),
            claim("one", &["docs", "Makefile"], "exclusive"),
            claim("two", &["lib"], "shared"),
            claim("one", &["lib/x"], "shared"),
            next("one", 2),
            next("two", 1),
            finish("one", &["A"], json!("done")),
        ] {
            let outcome = world.apply(&op);
            assert!(!outcome.is_refusal(), "{outcome:?}");
        }
        world
    }

    /// Changes one record by hand.
    pub fn edit(&mut self, key: &str, change: impl FnOnce(&mut Value)) {
        let mut txn = Txn::new(&self.view);
        let mut record: Value = txn.json(key).unwrap().unwrap();
        change(&mut record);
        txn.put_json(key, &record);
        let (changes, _) = txn.finish();
        self.view.commit(changes);
    }

    /// Replaces or removes one record.
    pub fn set(&mut self, key: &str, bytes: Option<&[u8]>) {
        let mut txn = Txn::new(&self.view);
        match bytes {
            Some(bytes) => txn.put(key, bytes),
            None => txn.remove(key),
        }
        let (changes, _) = txn.finish();
        self.view.commit(changes);
    }
}
