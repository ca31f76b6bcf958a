//! Applying a batch: every operation that waits, in one transaction. Pure; the simulator in
//! `tests/sim` runs the same code.
//!
//! - [`apply_batch`] applies the operations in their order;
//! - [`Cycle`] says which step comes next, from applying to handing the answers over;
//! - [`Prepared`] decides what becomes of an answer that a dead writer has left.

use std::ops::Range;

use jiff::Timestamp;

use crate::model::{Context, EventKind, Op, Outcome, Txn, ViewError, apply};

/// One operation that waits for a writer.
#[derive(Debug, Clone)]
pub struct QueuedOp {
    /// Its place: ids are in order of arrival.
    pub id: String,
    /// The operation.
    pub op: Op,
    /// Who waits for the answer.
    pub origin: Origin,
}

/// Who waits for the answer to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A process. `patient`: it waits until the operation is granted.
    Process {
        /// True when being refused for now is not an answer.
        patient: bool,
    },
    /// Nobody: it was accepted before the remote could be asked.
    Deferred {
        /// When it was accepted.
        accepted: Timestamp,
    },
    /// Nobody: it reports what was granted from the prefetched items.
    Granted {
        /// When it was granted.
        accepted: Timestamp,
    },
}

impl Origin {
    /// When the operation was accepted, if nobody waits for its answer.
    pub fn accepted(self) -> Option<Timestamp> {
        match self {
            Origin::Process { .. } => None,
            Origin::Deferred { accepted } | Origin::Granted { accepted } => Some(accepted),
        }
    }

    fn is_patient(self) -> bool {
        self == Origin::Process { patient: true }
    }

    /// What was granted goes before what was done with it, and both before everything that others
    /// take back because its time is over, whatever the clock said when they arrived.
    fn rank(self) -> u8 {
        match self {
            Origin::Granted { .. } => 0,
            Origin::Deferred { .. } => 1,
            Origin::Process { .. } => 2,
        }
    }
}

/// An operation that was applied.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What it came to.
    pub outcome: Outcome,
    /// Its events in the transaction.
    pub events: Range<usize>,
}

/// What a batch came to.
#[derive(Debug)]
pub struct Batch {
    /// The answers to operations that waited, by id. Patient ones that are refused have none yet.
    pub answers: Vec<(String, Applied)>,
    /// The answer to the writer's own operation.
    pub own: Applied,
}

impl Batch {
    /// True when an operation was refused because of what others hold.
    pub fn meets_others(&self) -> bool {
        self.answers.iter().map(|(_, a)| a).chain([&self.own]).any(|a| a.outcome.may_change())
    }
}

/// Applies the operations in order of arrival, and `own` among them at `place` (`None`: last).
/// Patient ones that are refused are tried again whenever a later one has changed something.
///
/// # Errors
/// When the state cannot be read for the writer's own operation, or for one whose process does not
/// wait for the answer.
pub fn apply_batch(
    txn: &mut Txn<'_>,
    waiting: &[QueuedOp],
    own: &Op,
    place: Option<&str>,
    context: &Context,
) -> Result<Batch, ViewError> {
    let mut waiting: Vec<&QueuedOp> = waiting.iter().collect();
    waiting.sort_by_key(|queued| queued.origin.rank());
    let mut round = Round { txn, own, place, context, answers: Vec::new(), own_answer: None };
    loop {
        let point = round.txn.savepoint();
        waiting = round.apply_all(waiting)?;
        let own_waits = round.own_answer.as_ref().is_some_and(|a| a.outcome.may_change());
        if !round.txn.changed_since(point) || (waiting.is_empty() && !own_waits) {
            break;
        }
    }
    let Round { txn, answers, own_answer, .. } = round;
    let own = match own_answer {
        Some(applied) => applied,
        None => applied(txn, own, context)?,
    };
    Ok(Batch { answers, own })
}

/// One pass through the operations.
struct Round<'a, 't, 'v> {
    txn: &'a mut Txn<'v>,
    own: &'t Op,
    place: Option<&'t str>,
    context: &'t Context,
    answers: Vec<(String, Applied)>,
    own_answer: Option<Applied>,
}

impl Round<'_, '_, '_> {
    /// Applies all of them once; returns the patient ones that go on waiting.
    fn apply_all<'q>(&mut self, waiting: Vec<&'q QueuedOp>) -> Result<Vec<&'q QueuedOp>, ViewError> {
        let mut still = Vec::new();
        let mut own_waits = self.own_answer.as_ref().is_none_or(|a| a.outcome.may_change());
        for queued in waiting {
            let is_later = |own: &str| queued.origin.accepted().is_none() && own < queued.id.as_str();
            if own_waits && self.place.is_some_and(is_later) {
                self.own_answer = Some(applied(self.txn, self.own, self.context)?);
                own_waits = false;
            }
            if self.apply_one(queued)? {
                still.push(queued);
            }
        }
        if own_waits {
            self.own_answer = Some(applied(self.txn, self.own, self.context)?);
        }
        Ok(still)
    }

    /// Applies one; true when it goes on waiting.
    fn apply_one(&mut self, queued: &QueuedOp) -> Result<bool, ViewError> {
        let before = self.txn.savepoint();
        let accepted = queued.origin.accepted();
        let then = accepted.map(|at| Context { accepted: Some(at), ..self.context.clone() });
        match applied(self.txn, &queued.op, then.as_ref().unwrap_or(self.context)) {
            Ok(applied) if queued.origin.is_patient() && applied.outcome.may_change() => return Ok(true),
            Ok(applied) => {
                if accepted.is_some() && applied.outcome.is_refusal() {
                    record_refusal(self.txn, &queued.op, &applied.outcome, self.context)?;
                }
                self.answers.push((queued.id.clone(), applied));
            }
            // Its own process will meet the same damage and report it.
            Err(_) if accepted.is_none() => self.txn.rollback(before),
            Err(e) => return Err(e),
        }
        Ok(false)
    }
}

fn applied(txn: &mut Txn<'_>, op: &Op, context: &Context) -> Result<Applied, ViewError> {
    let first = txn.events().len();
    let outcome = apply(txn, op, context)?;
    Ok(Applied { outcome, events: first..txn.events().len() })
}

/// What was accepted while the remote could not be asked, and is refused now, is recorded in the
/// log: nobody waits for the answer.
fn record_refusal(txn: &mut Txn<'_>, op: &Op, outcome: &Outcome, context: &Context) -> Result<(), ViewError> {
    let mut data = serde_json::Map::new();
    data.insert("op".into(), serde_json::to_value(op).unwrap_or_default());
    data.insert("outcome".into(), serde_json::to_value(outcome).unwrap_or_default());
    let session = op.session().cloned();
    apply(txn, &Op::Record { session, event: EventKind::Refused.into(), data }, context)?;
    Ok(())
}

/// What a writer does next with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Apply the batch to the newest known state.
    Apply,
    /// Ask the arbiter for a newer state: what stands in the way may be gone there.
    Refresh,
    /// Write the answers down; `commit`: together with the commit that makes them true.
    Prepare {
        /// True when anything is changed.
        commit: bool,
    },
    /// Make that commit the state.
    Move,
    /// Hand the answers over.
    Publish,
}

/// The order of a writer's steps. A death between any two of them leaves what [`Prepared`] can
/// judge, because the answers are written down before the state moves and handed over after.
#[derive(Debug)]
pub struct Cycle {
    may_refresh: bool,
    commits: bool,
}

impl Cycle {
    /// `may_refresh`: the arbiter can know more than this store, and was not asked yet.
    pub fn new(may_refresh: bool) -> Self {
        Cycle { may_refresh, commits: false }
    }

    /// The batch was applied, and `changes` something or not. Without a change, whoever was refused
    /// is refused by the newest state that there is.
    pub fn applied(&mut self, changes: bool) -> Step {
        self.commits = changes;
        if !changes && std::mem::take(&mut self.may_refresh) {
            return Step::Refresh;
        }
        Step::Prepare { commit: changes }
    }

    /// The arbiter was asked, and has `news` or not.
    pub fn refreshed(&mut self, news: bool) -> Step {
        self.may_refresh = false;
        if news { Step::Apply } else { Step::Prepare { commit: self.commits } }
    }

    /// The answers are written down.
    pub fn prepared(&self) -> Step {
        if self.commits { Step::Move } else { Step::Publish }
    }

    /// The commit has become the state, or somebody else was first. A lost race shows the newest
    /// state, so the arbiter need not be asked again.
    pub fn moved(&mut self, won: bool) -> Step {
        if won {
            return Step::Publish;
        }
        self.may_refresh = false;
        Step::Apply
    }
}

/// An answer that a writer has prepared before it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared<Id> {
    /// It is true when this commit is in the history.
    With(Id),
    /// It changed nothing, so it is true in any case.
    Alone,
    /// It was cut off while it was written, which is before the state moved.
    Half,
}

impl<Id> Prepared<Id> {
    /// True when the answer is to be handed over, false when the operation is to be applied again.
    pub fn came_true<E>(self, is_in_history: impl FnOnce(Id) -> Result<bool, E>) -> Result<bool, E> {
        match self {
            Prepared::With(commit) => is_in_history(commit),
            Prepared::Alone => Ok(true),
            Prepared::Half => Ok(false),
        }
    }
}
