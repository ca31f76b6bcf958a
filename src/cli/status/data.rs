//! The numbers of `status` for programs.

use serde_json::{Value, json};

use crate::model::ItemId;
use crate::model::metrics::{Group, Measure, share};
use crate::model::session::PathText;

use super::{Item, Session, Status, Worker};

/// The `data` of the document.
pub fn document(status: &Status) -> Value {
    let sessions = status.workers.iter().map(|w| &w.session).chain(&status.pools);
    let claims: usize = sessions.map(|s| paths_of(s).len()).sum();
    let names = |list: &[(Group, Measure)]| list.iter().map(|(g, m)| named(g, m, status)).collect::<Vec<_>>();
    json!({
        "sessions": status.workers.iter().map(|w| session(w, status)).collect::<Vec<_>>(),
        "queues": status.queues.iter().map(|(q, m)| {
            let mut object = measured(m, status);
            object["name"] = json!(q.name);
            object
        }).collect::<Vec<_>>(),
        "categories": names(&status.categories),
        "phases": names(&status.phases),
        "pools": status.pools.iter().map(|p| json!({
            "name": p.name, "clone": p.clone, "own": is_own(p, status),
            "items": items_of(p).map(|i| &i.id).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "claims": claims,
        "stale": status.stale.is_some(),
        "rate_per_hour": status.all.per_hour(status.now),
        "rate_since_start": status.all.since_start(status.now),
        "eta": status.all.eta(status.now).map(|t| t.to_string()),
        "tries": status.granted + status.refused,
        "refused": status.refused,
        "conflict_rate": share(status.refused, status.granted),
        "success_rate": status.success(),
    })
}

/// True for what this clone keeps ready, false for what others do.
pub fn is_own(pool: &Session, status: &Status) -> bool {
    status.clone.is_some() && pool.clone == status.clone
}

/// The items in a session's hands.
pub fn items_of<'s, 'a>(session: &'s Session<'a>) -> impl Iterator<Item = &'s Item<'a>> {
    session.leases.iter().filter_map(|l| l.item.as_ref())
}

/// The paths in a session's hands.
fn paths_of<'s, 'a>(session: &'s Session<'a>) -> Vec<&'s PathText<'a>> {
    let mut paths: Vec<_> = session.leases.iter().flat_map(|l| l.all_paths()).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn session(worker: &Worker, status: &Status) -> Value {
    let session = &worker.session;
    let current: Vec<&ItemId> = items_of(session).map(|i| &i.id).collect();
    let titles: Vec<_> = items_of(session).map(|i| &i.title).collect();
    let (rate, since_start) = status.session_rates(session);
    json!({
        "name": session.name, "state": worker.word(), "current": current, "titles": titles,
        "paths": paths_of(session), "done": session.done, "failed": session.failed,
        "attempts": session.stats.attempts, "tries": session.stats.granted + worker.refused,
        "refused": worker.refused, "conflict_rate": worker.conflicts(), "success_rate": worker.success(),
        "rate_per_hour": rate, "rate_since_start": since_start,
        "first_active": session.stats.first.map(|t| t.to_string()),
        "last_active": session.stats.last.map(|t| t.to_string()),
        "last_seen": worker.seen.map(|t| t.to_string()),
        "worktree": session.worktree, "branch": session.branch,
    })
}

fn measured(measure: &Measure, status: &Status) -> Value {
    let c = measure.counts;
    json!({
        "name": null, "total": c.total(), "pending": c.pending, "blocked": c.blocked,
        "claimed": c.claimed, "done": c.done, "failed": c.failed, "failed_attempts": measure.fails,
        "success_rate": measure.success(), "rate_per_hour": measure.per_hour(status.now),
        "rate_since_start": measure.since_start(status.now),
        "eta": measure.eta(status.now).map(|t| t.to_string()),
    })
}

fn named(group: &Group, measure: &Measure, status: &Status) -> Value {
    let mut object = measured(measure, status);
    if let Group::Name(name) = group {
        object["name"] = json!(name);
    }
    if *group == Group::Others {
        object["others"] = json!(true);
    }
    object
}
