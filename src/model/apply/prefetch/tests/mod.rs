//! What a pool holds, whom it gives it to, and how it comes back.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{apply, grant_prefetched, preview_update, project};
use super::*;
use crate::model::base::{ItemId, MemView, QueueName, RepoPath, SessionName};
use crate::model::ops::Op;
use crate::model::ops::choice::Choice;
use crate::model::ops::op::{ClaimPaths, Finish, PrefetchGrant, PrefetchedItem, StartSession, TakeNext};
use crate::model::ops::update::{Change, Update};
use crate::model::records::claim::Mode;
use crate::model::records::header::{KEY, StateHeader};
use crate::model::records::segment::ItemMeta;
use crate::model::records::{ItemState, item_index};

mod handing;
mod keeping;

const NOON: i64 = 1_700_000_000;
const TTL: u64 = 600;

/// A state that several clones shard.
struct World {
    state: MemView,
    now: i64,
    pool: usize,
}

fn name(text: &str) -> SessionName {
    SessionName::parse(text).expect("valid")
}

fn id(text: &str) -> ItemId {
    ItemId::parse(text).expect("valid")
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).expect("valid")
}

fn wanted(session: &str, count: usize) -> TakeNext {
    TakeNext {
        session: name(session),
        queues: Vec::new(),
        count,
        ttl: TTL,
        filter: Default::default(),
        choice: Default::default(),
    }
}

/// `n` items, each on a file of its own.
fn items(n: usize) -> Vec<Value> {
    (0..n).map(|i| json!({ "id": format!("i{i:02}"), "title": "t", "files": [format!("f/{i}")] })).collect()
}

impl World {
    /// Sessions `a0` and `a1` of clone `aa` and `b0` of clone `bb`; clones keep four items ready.
    fn new(items: Vec<Value>) -> Self {
        let mut state = MemView::default();
        let mut txn = Txn::new(&state);
        txn.put_json(KEY, &StateHeader::new("store".into()));
        let changes = txn.finish().0;
        state.commit(changes);
        let mut world = World { state, now: NOON, pool: 4 };
        for session in ["a0", "a1", "b0"] {
            world.run(session, &Op::StartSession(StartSession::new(name(session))));
        }
        let new = |item: Value| {
            let queue = item.get("queue").cloned().unwrap_or(Value::Null);
            let priority = item.get("priority").cloned().unwrap_or(json!(2));
            serde_json::from_value(json!({ "item": item, "queue": queue, "priority": priority }))
        };
        let items = items.into_iter().map(|item| new(item).expect("an item")).collect();
        let queue = QueueName::parse("main").expect("valid");
        world.run("a0", &Op::Import { session: None, items, queue });
        world
    }

    /// What an act of a session's clone knows.
    fn context(&self, session: &str) -> Context {
        let clone = session[..1].repeat(2);
        let now = Timestamp::from_second(self.now).expect("valid");
        Context { clone: Some(clone), prefetch: self.pool, ..Context::local(now) }
    }

    /// Carries out an operation in the clone of a session.
    fn try_run(&mut self, session: &str, op: &Op) -> Outcome {
        let context = self.context(session);
        let mut txn = Txn::new(&self.state);
        let outcome = apply(&mut txn, op, &context).expect("memory can be read");
        let changes = txn.finish().0;
        self.state.commit(changes);
        self.no_file_twice();
        outcome
    }

    fn run(&mut self, session: &str, op: &Op) -> Outcome {
        let outcome = self.try_run(session, op);
        assert!(!outcome.is_refusal(), "{op:?}: {outcome:?}");
        outcome
    }

    /// `next`, by way of the remote.
    fn next(&mut self, session: &str, count: usize) -> Vec<String> {
        ids_of(&self.run(session, &Op::Next(wanted(session, count))))
    }

    /// What the pool of the session's clone has for it, all leases being young; and the note of it.
    fn ready(&self, next: &TakeNext) -> Option<PrefetchGrant> {
        let context = self.context(next.session.as_str());
        let mut txn = Txn::new(&self.state);
        let taken = grant_prefetched(&mut txn, next, &context, &|_| true).expect("memory can be read");
        let items: Vec<_> =
            taken.iter().map(|t| PrefetchedItem { id: t.item.id.clone(), lease: t.lease }).collect();
        let pool = prefetch::name_of(context.clone.as_deref()?)?;
        (!items.is_empty()).then(|| PrefetchGrant { pool, next: next.clone(), items, at: context.now })
    }

    fn hand_out(&self, session: &str, count: usize) -> PrefetchGrant {
        self.ready(&wanted(session, count)).expect("there is something ready")
    }

    fn session(&self, session: &str) -> Session {
        sessions::get(&self.state, &name(session)).expect("readable").expect("known")
    }

    /// The items of a clone's pool.
    fn pool(&self, clone: &str) -> Vec<String> {
        let pool = prefetch::of(&self.state, clone).expect("readable");
        pool.map(|p| held(&p)).unwrap_or_default()
    }

    fn standing(&self, item: &str) -> (ItemState, ItemMeta) {
        let slot = item_index::find(&self.state, &id(item)).expect("readable").expect("known");
        let (state, meta, _) = queue::placement(&self.state, &slot).expect("readable");
        (state, meta)
    }

    /// No two items in anybody's hands touch the same file, and counters equal contents.
    fn no_file_twice(&self) {
        let all = sessions::all(&self.state).expect("readable");
        let mut seen: Vec<(&SessionName, &RepoPath)> = Vec::new();
        for (session, path) in all
            .iter()
            .flat_map(|s| s.leases.iter().map(move |l| (s, l)))
            .flat_map(|(session, lease)| lease.all_paths().map(move |path| (session, path)))
        {
            let clash =
                seen.iter().find(|(by, p)| p.overlaps(path) && (*by != &session.name || session.prefetch));
            assert!(clash.is_none(), "{} holds {path}, and {clash:?}", session.name);
            seen.push((&session.name, path));
        }
        for queue in queue::all(&self.state).expect("readable") {
            let held = all.iter().flat_map(|s| &s.leases).filter_map(|l| l.item.as_ref());
            let held = held.filter(|i| i.slot.queue == queue.name).count();
            assert_eq!(queue.counts.claimed, held as u64);
        }
    }
}

fn held(session: &Session) -> Vec<String> {
    session.leases.iter().filter_map(|l| l.item.as_ref()).map(|i| i.id.to_string()).collect()
}

fn ids_of(outcome: &Outcome) -> Vec<String> {
    let Outcome::Taken { items, .. } = outcome else { panic!("{outcome:?}") };
    items.iter().map(|t| t.item.id.to_string()).collect()
}

fn given(out: &PrefetchGrant) -> Vec<&str> {
    out.items.iter().map(|h| h.id.as_str()).collect()
}
