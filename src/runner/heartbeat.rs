//! Keeping the lease on the item in hand, also while the remote does not answer.
//!
//! Nobody else is given the item before the lease has run out. So a remote that is away for a
//! while costs no work: the renewal and the end of the attempt are tried again until then.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock;
use crate::model::op::RenewWhat;
use crate::model::session::Lease;
use crate::model::{Op, Outcome};
use crate::store::{Store, StoreError};

use super::RunnerError;
use super::hold::{Hold, retry_after};
use super::ownership::why_lost;

/// How often a worker looks whether its item is still its own.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When it looks for the first time, before it knows how long the lease is.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// Looks after the lease on one item as long as its command runs.
///
/// A renewal may wait half a minute for a remote that does not answer, and whoever looks has to end
/// the command in time all the same. So it has a thread of its own. Few commands ever need one: it
/// starts when the first half of the lease has passed.
#[derive(Debug)]
pub(super) struct Heartbeat<'a> {
    hold: Hold<'a>,
    looked: Instant,
    pause: Duration,
    renewal: Option<JoinHandle<Result<Outcome, StoreError>>>,
}

impl Drop for Heartbeat<'_> {
    fn drop(&mut self) {
        // The end of the attempt is an act at the same remote: it would have to wait for this one.
        let _ = self.renewal.take().map(JoinHandle::join);
    }
}

impl<'a> Heartbeat<'a> {
    pub(super) fn new(hold: Hold<'a>) -> Self {
        Heartbeat { hold, looked: Instant::now(), pause: FIRST_LOOK, renewal: None }
    }

    /// Renews the lease when it is due; returns why it is lost, if it is.
    pub(super) fn look(&mut self) -> Result<Option<String>, RunnerError> {
        if self.looked.elapsed() < self.pause {
            return Ok(None);
        }
        self.looked = Instant::now();
        self.keep()
    }

    /// Renews the lease when it is due; tells when it is lost.
    fn keep(&mut self) -> Result<Option<String>, RunnerError> {
        let Hold { desk, .. } = self.hold;
        desk.store.touch_session(&desk.slot.session);
        let (record, lease) = self.hold.held()?;
        let Some(lease) = lease else { return self.hold.why_not_ours(record.as_ref()) };
        self.pause = LOOK_EVERY.min(Duration::from_secs(lease.ttl) / 4);
        match self.renewal.take() {
            Some(renewal) if renewal.is_finished() => self.renewed(renewal, &lease),
            Some(renewal) => {
                self.renewal = Some(renewal);
                Ok(None)
            }
            None => {
                self.renewal = lease.is_due(clock::now()).then(|| self.renew());
                Ok(None)
            }
        }
    }

    fn renew(&self) -> JoinHandle<Result<Outcome, StoreError>> {
        let Hold { desk, taken } = self.hold;
        let context = desk.shared.context;
        let (shared, options) = (context.repo.common_dir.clone(), context.options);
        let what = RenewWhat::These { paths: Vec::new(), items: vec![taken.item.id.clone()] };
        let op = Op::Renew { session: desk.slot.session.clone(), what, ttl: None };
        std::thread::spawn(move || Store::open(&shared, options)?.submit(&op, None))
    }

    /// What came of a renewal.
    fn renewed(
        &mut self,
        renewal: JoinHandle<Result<Outcome, StoreError>>,
        lease: &Lease,
    ) -> Result<Option<String>, RunnerError> {
        let outcome = renewal.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.hold.desk.upkeep();
        match outcome.map_err(RunnerError::from) {
            Ok(Outcome::Renewed { .. }) => Ok(None),
            Ok(outcome) => Ok(Some(why_lost(&outcome))),
            Err(error) if error.may_pass() && self.hold.still_holds()?.is_some() => {
                self.pause = retry_after(lease);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
