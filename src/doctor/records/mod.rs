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

mod claims;
mod cooldown;
mod groups;
mod head;
mod index;
mod leases;
mod names;
mod queues;
mod scan;

use jiff::Timestamp;

use crate::model::{Txn, View, ViewError};

use super::Finding;
use scan::Scan;

/// Code of records that cannot be read or understood.
pub const DAMAGED: &str = "record-damaged";

/// Looks at every record.
pub fn check(view: &dyn View) -> Vec<Finding> {
    let mut scan = Scan::take(view);
    let mut findings = std::mem::take(&mut scan.findings);
    findings.extend(names::findings(view));
    let plan = leases::Plan::new(view, &scan);
    findings.extend(plan.findings());
    // Claims are compared with what the leases will be, so that one fault is told once.
    if scan.sessions_whole {
        findings.extend(claims::Plan::new(view, plan.claims()).findings());
    }
    findings.extend(queues::findings(view, &scan));
    findings.extend(index::findings(view, &scan));
    findings.extend(cooldown::findings(view, &scan));
    findings.extend(head::findings(view, &scan));
    findings
}

/// Mends what [`check`] finds, as far as it can be derived from sound records.
///
/// # Errors
/// When a record that is needed cannot be read; the transaction is then of no use.
pub fn mend(txn: &mut Txn<'_>, now: Timestamp) -> Result<(), ViewError> {
    names::mend(txn);
    scan::drop_derived(txn);
    let scan = Scan::take(txn);
    let plan = leases::Plan::new(txn, &scan);
    let wanted = plan.claims().to_vec();
    plan.mend(txn, now)?;
    claims::Plan::new(txn, &wanted).mend(txn)?;
    let scan = Scan::take(txn);
    index::mend(txn, &scan)?;
    // Last, because all of the above moves items from state to state.
    let scan = Scan::take(txn);
    queues::mend(txn, &scan, now);
    cooldown::mend(txn, &scan);
    head::mend(txn, &scan, now)
}
