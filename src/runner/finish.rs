//! The end of an attempt: verified where the queue asks for it, and the item's place in the queue.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, json};

use crate::git::Git;
use crate::model::op::Finish;
use crate::model::session::Verified;
use crate::model::{ItemState, Op, Outcome, RuleId, queue};

use super::attempt::Attempt;
use super::commit::Committed;
use super::ownership::why_lost;
use super::passed_over::asked;
use super::{AttemptResult, RunnerError};
use crate::exec::End;
use crate::exec::logs::{Logs, said};

/// How an attempt is to be finished, or that there is nothing left to finish.
pub(super) enum Judged {
    Finish(Finish, Option<String>),
    Lost(String),
}

impl Attempt<'_> {
    /// What the end of the command means for the item. Commits what has changed since `before`.
    pub(super) fn judge(&self, end: &End) -> Result<Judged, RunnerError> {
        let fail = |reason: String| Judged::Finish(Finish::Fail { reason, last: false }, None);
        let said = |what: String| said(&self.log, what);
        // The heartbeat looks now and then, and a hook would see what the session holds now.
        if matches!(end, End::Exit(0))
            && let Some(why) = self.hold.lost_meanwhile()?
        {
            return Ok(Judged::Lost(why));
        }
        Ok(match end {
            End::Exit(0) => match self.commit()? {
                Committed::Nothing => Judged::Finish(Finish::Done, None),
                Committed::Made(commit) => Judged::Finish(Finish::Done, Some(commit)),
                Committed::Astray(why) => fail(why),
                Committed::Ended(End::Lost(why)) => Judged::Lost(why),
                Committed::Ended(End::TimeLimit) => {
                    fail(format!("its changes were not committed: {}", self.time_limit()))
                }
                Committed::Ended(_) => Judged::Finish(Finish::Drop, None),
                // The same Ctrl-C has ended git.
                Committed::Refused(_) if self.hold.desk.shared.scheduler.is_stopped() => {
                    Judged::Finish(Finish::Drop, None)
                }
                Committed::Refused(why) => fail(format!("its changes were not committed: {why}")),
            },
            End::Exit(code) => fail(said(format!("exit status {code}"))),
            End::Signal(signal) => fail(said(format!("killed by signal {signal}"))),
            End::TimeLimit => fail(self.time_limit()),
            End::NotStarted(why) => fail(format!("it could not be started: {why}")),
            End::Stopped => Judged::Finish(Finish::Drop, None),
            End::Lost(why) => Judged::Lost(why.clone()),
        })
    }

    /// What is said of a command whose time was over.
    fn time_limit(&self) -> String {
        let seconds =
            self.hold.taken.item.timeout.or(self.hold.desk.shared.spec.time_limit).unwrap_or_default();
        format!("time limit of {seconds}s")
    }

    /// Writes to the audit log how the command ended and where its output is.
    pub(super) fn record(&self, end: &End, took: Duration) -> Result<(), RunnerError> {
        let mut data = Map::new();
        data.insert("items".into(), json!([self.hold.taken.item.id]));
        data.insert("leases".into(), json!([self.hold.taken.lease]));
        let text = match end {
            End::Exit(code) => {
                data.insert("status".into(), json!(code));
                format!("exit status {code}")
            }
            End::Signal(signal) => format!("signal {signal}"),
            End::NotStarted(_) => "not started".to_owned(),
            _ => "time limit".to_owned(),
        };
        let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
        data.insert("seconds".into(), json!(seconds));
        data.insert("text".into(), json!(format!("{text} after {seconds:.1}s")));
        data.insert("log".into(), json!(self.log.to_string_lossy()));
        let session = Some(self.hold.desk.slot.session.clone());
        // Nobody's leave is needed for it: with a remote it goes along with the next push.
        self.hold.desk.store.defer(&Op::Record {
            session,
            event: crate::model::EventKind::Ran.into(),
            data,
        })?;
        Ok(())
    }

    /// Gives the item its place in the queue, after a verification if its queue asks for one.
    /// Returns what came of the attempt, and why unless the item is done.
    ///
    /// # Errors
    /// When the store cannot be read or written, or refuses for a reason that is no result.
    pub(super) fn finish(&self, how: Finish) -> Result<(AttemptResult, Option<String>), RunnerError> {
        let mut how = how;
        let mut outcome = self.submit_finish(&how)?;
        if let Outcome::Refused { rule, message, .. } = &outcome
            && *rule == RuleId::VerificationRequired
        {
            how = match self.verify(message)? {
                Judged::Finish(how, _) => how,
                Judged::Lost(why) => return Ok((AttemptResult::Lost, Some(why))),
            };
            outcome = self.submit_finish(&how)?;
        }
        let result = match (outcome, &how) {
            (Outcome::Finished { .. }, Finish::Done) => AttemptResult::Done,
            (Outcome::Finished { .. }, Finish::Drop) => AttemptResult::Dropped,
            (Outcome::Finished { items, .. }, Finish::Fail { .. }) => match items.first() {
                Some((_, ItemState::Failed)) => AttemptResult::Failed,
                _ => AttemptResult::Retry,
            },
            (Outcome::Lost { .. }, _) => return self.ended_by_itself(),
            // The session was ended meanwhile, which gave the item back.
            (Outcome::Refused { rule: RuleId::SessionEnded, .. }, _) => AttemptResult::Lost,
            (other, _) => return Err(RunnerError::Refused(Box::new(other))),
        };
        let reason = match (result, how) {
            (AttemptResult::Done, _) => None,
            (_, Finish::Fail { reason, .. }) => Some(reason),
            (AttemptResult::Lost, _) => Some("the item was not its session's when it ended".to_owned()),
            _ => None,
        };
        Ok((result, reason))
    }

    /// What the command made of its own item: it may have finished it, or given it back as failed.
    fn ended_by_itself(&self) -> Result<(AttemptResult, Option<String>), RunnerError> {
        let lost = "the item was not its session's when it ended";
        Ok(match self.hold.left_by_us()? {
            // What it did until then counts.
            Some(left) if left.state == ItemState::Done => (AttemptResult::Done, None),
            Some(left) if left.attempts == self.hold.taken.attempt => {
                let given_up = left.state == ItemState::Failed;
                (if given_up { AttemptResult::Failed } else { AttemptResult::Retry }, left.why)
            }
            Some(_) => (AttemptResult::Lost, Some("the command gave its item back".to_owned())),
            None => (AttemptResult::Lost, Some(lost.to_owned())),
        })
    }

    /// The tree that is checked out, after the commit.
    fn tree(&self) -> Result<Option<String>, RunnerError> {
        let root = &self.hold.desk.slot.root;
        Ok(Git::new(root).args(["rev-parse", "--verify", "-q", "HEAD^{tree}"]).optional()?)
    }

    fn submit_finish(&self, how: &Finish) -> Result<Outcome, RunnerError> {
        let (session, items) = (self.hold.desk.slot.session.clone(), vec![self.hold.taken.item.id.clone()]);
        self.hold.submit_held(&Op::Finish {
            session,
            items,
            how: how.clone(),
            lease: Some(self.hold.taken.lease),
        })
    }

    /// Runs the queue's command that verifies, as `git coord verify` does, and records what came of
    /// it. What it prints is added to the log. `refused` is why the item needs it.
    fn verify(&self, refused: &str) -> Result<Judged, RunnerError> {
        let fail = |reason: String| Judged::Finish(Finish::Fail { reason, last: false }, None);
        let rules = self
            .hold
            .desk
            .store
            .read(|view| queue::get(view, &self.hold.taken.queue))?
            .map(|queue| queue.rules);
        let Some(command) = rules.and_then(|rules| rules.verify_command) else {
            let own = format!("{}: ", self.hold.taken.item.id);
            return Ok(fail(refused.strip_prefix(&own).unwrap_or(refused).to_owned()));
        };
        // Somebody may have changed the rule since the item was taken.
        let from = format!("queue {}", self.hold.taken.queue);
        if let Some(untrusted) = asked(self.hold.desk.shared.trust, &command, &from)? {
            return Ok(fail(format!(
                "the command that verifies is not approved here: {}",
                untrusted.hash.short()
            )));
        }
        let words: Vec<OsString> = vec!["sh".into(), "-c".into(), command.clone().into()];
        let before = length(&self.log);
        let end = self.supervised(&words, false, Logs::append(&self.log)?)?;
        // Not the last line of the item's own command. The log may be shorter than before: it was cut.
        let said = |what: String| if length(&self.log) != before { said(&self.log, what) } else { what };
        let (exit, how) = match end {
            End::Exit(code) => (Some(code), said(format!("exit status {code}"))),
            End::Signal(signal) => (None, said(format!("killed by signal {signal}"))),
            End::TimeLimit => (None, self.time_limit()),
            End::NotStarted(why) => (None, format!("it could not be started: {why}")),
            End::Stopped => return Ok(Judged::Finish(Finish::Drop, None)),
            End::Lost(why) => return Ok(Judged::Lost(why)),
        };
        let ok = exit == Some(0);
        let verified = Verified { ok, at: crate::clock::now(), command, exit, tree: self.tree()? };
        let (session, item) = (self.hold.desk.slot.session.clone(), self.hold.taken.item.id.clone());
        match self.hold.submit_held(&Op::Verify {
            session,
            item,
            verified,
            lease: Some(self.hold.taken.lease),
        })? {
            Outcome::Done if ok => Ok(Judged::Finish(Finish::Done, None)),
            Outcome::Done => Ok(fail(format!("the verification failed: {how}"))),
            outcome => Ok(Judged::Lost(why_lost(&outcome))),
        }
    }
}

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |file| file.len())
}
