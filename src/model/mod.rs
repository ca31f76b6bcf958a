//! The state machine: paths, claims, items, leases, sessions, and the operations on them.
//!
//! ```text
//! query (read models) ── apply (rules)
//!           └── ops (operations, outcomes) ── records (layout) ── base (views, names)
//! ```
//!
//! Nothing here touches git, a clock, a file or the environment. The state is a tree of records
//! ([`View`]); [`apply()`] carries out an operation ([`Op`]) in a transaction ([`Txn`]) and returns
//! its [`Outcome`]. `docs/format.md` describes the records.
//!
//! Other folders use what is re-exported here; the inner folders are a matter of this one.

mod apply;
mod base;
mod ops;
mod query;
mod records;

pub use apply::{
    Intake, Scope, apply, apply_import, follow_report, grant_prefetched, plan_changes, preview_update,
    project,
};
pub(crate) use base::path;
pub use base::{
    Changes, Context, EventKind, EventWord, Identity, ItemId, Layered, MemView, NameError, PathError,
    QueueName, RepoPath, RuleId, Savepoint, SessionName, Txn, View, ViewError, event, read_json, to_json,
    view,
};
pub use ops::{
    Op, Outcome, choice, condition, filter, import_survey, op, outcome, plan as plan_op, reimport,
    unlanded as unlanded_op, update, verdict as verdict_op,
};
pub use query::{item_json, metrics, split, why};
pub use records::conflict::{blockers_of, expiry};
pub use records::fence::Fence;
pub(crate) use records::severity;
pub use records::{
    Item, ItemState, NewItem, area, claim, clone, cooldown, counters, dependencies, groups, header,
    item_index, landing, need_syntax, plan, prefetch, queue, rules, segment, session, shard, unlanded,
    verdict,
};
