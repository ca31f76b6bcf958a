//! Whether the records of a state agree with each other, and making them agree.
//!
//! Pure, like the state machine: it reads a [`View`] and edits a [`Txn`].
//!
//! Who is believed when two records disagree:
//! 1. the content of items, and that an item is done or given up: work that is finished is not
//!    handed out again;
//! 2. leases in the records of sessions;
//! 3. all else, which can be derived from these: states of items in somebody's hands, claims,
//!    counters, markers of free items, the index of ids, dependencies, the head's times.
//!
//! Two leases that exclude each other: the one granted first stays; who loses the other one is
//! told so, as with any lost lease.
//!
//! A record that cannot be read, or is not what its format says, is [`DAMAGED`]: nothing here can
//! make up its content. If it can be derived, it is removed and derived anew; if not, an older
//! state may still have it, which is the business of the store's part.

mod census;
mod claims;
mod cooling;
mod head;
mod index;
mod leases;
mod queues;
mod sets;

use jiff::Timestamp;

use crate::model::{Txn, View, ViewError};

use super::Finding;
use census::Census;

/// Code of records that cannot be read or understood.
pub const DAMAGED: &str = "record-damaged";

/// Looks at every record.
pub fn check(view: &dyn View) -> Vec<Finding> {
    let mut census = Census::take(view);
    let mut findings = std::mem::take(&mut census.findings);
    let plan = leases::Plan::new(view, &census);
    findings.extend(plan.findings());
    // Claims are compared with what the leases will be, so that one fault is told once.
    if census.sessions_whole {
        findings.extend(claims::Plan::new(view, plan.claims()).findings());
    }
    findings.extend(queues::findings(view, &census));
    findings.extend(index::findings(view, &census));
    findings.extend(cooling::findings(view, &census));
    findings.extend(head::findings(view, &census));
    findings
}

/// Mends what [`check`] finds, as far as it can be derived from sound records.
///
/// # Errors
/// When a record that is needed cannot be read; the transaction is then of no use.
pub fn mend(txn: &mut Txn<'_>, now: Timestamp) -> Result<(), ViewError> {
    census::drop_derived(txn);
    let census = Census::take(txn);
    let plan = leases::Plan::new(txn, &census);
    let wanted = plan.claims().to_vec();
    plan.mend(txn, now)?;
    claims::Plan::new(txn, &wanted).mend(txn)?;
    let census = Census::take(txn);
    index::mend(txn, &census)?;
    // Last, because all of the above moves items from state to state.
    let census = Census::take(txn);
    queues::mend(txn, &census, now);
    cooling::mend(txn, &census);
    head::mend(txn, &census, now)
}
