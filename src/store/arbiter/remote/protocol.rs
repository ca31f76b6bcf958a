//! The decisions of the push protocol, without git, clock or file.
//!
//! [`PushProtocol`] is told what has happened and says what to do next; the store carries that out
//! (`advance.rs`, `settle.rs`), and so does the simulator in `tests/sim`, on a network
//! that loses, delays and repeats what is sent.
//!
//! What must hold: who is told *won* finds the act in the history, once; who is told that nothing
//! was changed will never find it there. So *lost* is said only when the expected value is gone
//! from the ref for ever: then no copy of the push, however late, can be applied any more.

use crate::model::header::StateHeader;
use crate::model::{Txn, ViewError, clone, header};

use crate::store::arbiter::remote::push_output::Pushed;

/// How often a server may refuse although nobody has moved the ref: its own lock file may have
/// been in the way.
const MAX_REFUSALS: u32 = 6;

/// How a fetched state relates to a push that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushFate {
    /// The push is part of it.
    Applied,
    /// It is not, and the value that it expected is gone.
    Moved,
    /// The ref still has the value that the push expected: it may yet be applied.
    Unchanged,
}

/// Judges a fetched state. `brought` is the nonce that it names for this clone: that of the last
/// commit that this clone has brought in, which tells also after others have gone on and the
/// history was cut.
///
/// # Errors
/// Those of `brought`.
pub fn push_fate<Id: PartialEq, E>(
    sent: (&Id, &Id, &str),
    tip: &Id,
    brought: impl FnOnce() -> Result<Option<String>, E>,
) -> Result<PushFate, E> {
    let (old, new, nonce) = sent;
    if tip == new || brought()?.is_some_and(|found| found == nonce) {
        return Ok(PushFate::Applied);
    }
    Ok(if tip == old { PushFate::Unchanged } else { PushFate::Moved })
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Fetch the state, and judge it with [`push_fate`].
    Ask,
    /// Wait a little, then push the same commit again.
    Again,
    /// Push an empty act onto the fetched state, so that the push before can no longer win.
    Fence,
    /// Wait a little, then ask; when the time is over, say [`PushProtocol::give_up`].
    Wait,
    /// It is over.
    End(PushResult),
}

/// What a push came to in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushResult {
    /// It is part of the remote's history.
    Won,
    /// It is not, and never will be.
    Lost,
    /// Nothing was sent.
    Unreachable(String),
    /// The server does not take it.
    Refused(String),
    /// The remote has no state any more.
    Vanished,
    /// Nobody knows.
    Unknown(String),
}

impl PushResult {
    /// True when the note of the push may be forgotten at once. `is_tip`: the commit is the newest known
    /// state. Otherwise whether the answers in the write queue came true may not be seen from the
    /// history any more, so the note stays until they are handed over: the next turn does both. A
    /// state that has vanished may be put back, and may then hold the act.
    pub fn may_forget(&self, is_tip: bool) -> bool {
        match self {
            PushResult::Won => is_tip,
            PushResult::Unknown(_) | PushResult::Vanished => false,
            PushResult::Lost | PushResult::Unreachable(_) | PushResult::Refused(_) => true,
        }
    }

    /// What an act is told that could not begin, because a push before it is not settled: nothing
    /// was changed, unless the act may be part of that very push.
    pub fn for_next_act(self, is_part_of_it: bool) -> Self {
        match self {
            PushResult::Unknown(reason) if !is_part_of_it => PushResult::Unreachable(reason),
            PushResult::Unreachable(reason) if is_part_of_it => PushResult::Unknown(reason),
            other => other,
        }
    }
}

/// One push, from the first try to the verdict.
#[derive(Debug)]
pub struct PushProtocol {
    /// Why the outcome is in doubt; `None` while nothing was sent.
    doubt: Option<Doubt>,
    refusals: u32,
}

#[derive(Debug)]
enum Doubt {
    /// The server said no. Somebody else was faster, or a copy of this push: curl repeats a request
    /// when a connection that was kept open turns out to be dead.
    Refused(String),
    /// No answer came.
    Unanswered(String),
}

impl PushProtocol {
    /// A push that is about to be sent.
    pub fn begin() -> Self {
        PushProtocol { doubt: None, refusals: 0 }
    }

    /// A push that a process before this one has left. The first thing to do is [`NextStep::Ask`].
    pub fn left_behind() -> Self {
        PushProtocol {
            doubt: Some(Doubt::Unanswered("the process that sent it has died".into())),
            refusals: 0,
        }
    }

    /// The push was answered, or not.
    pub fn pushed(&mut self, pushed: Pushed) -> NextStep {
        match pushed {
            Pushed::Won => NextStep::End(PushResult::Won),
            Pushed::Unreachable(reason) if self.doubt.is_none() => {
                NextStep::End(PushResult::Unreachable(reason))
            }
            // A try before this one is still in doubt.
            Pushed::Unreachable(reason) => self.silent(reason),
            Pushed::Rejected(reason) => {
                self.doubt = Some(Doubt::Refused(reason));
                NextStep::Ask
            }
            Pushed::Unknown(reason) => {
                self.doubt = Some(Doubt::Unanswered(reason));
                NextStep::Ask
            }
        }
    }

    /// The remote has shown its state.
    pub fn found(&mut self, fate: PushFate) -> NextStep {
        match (fate, &self.doubt) {
            (PushFate::Applied, _) => NextStep::End(PushResult::Won),
            (PushFate::Moved, _) => NextStep::End(PushResult::Lost),
            (PushFate::Unchanged, Some(Doubt::Refused(reason))) => {
                self.refusals += 1;
                if self.refusals >= MAX_REFUSALS || is_final(reason) {
                    return NextStep::End(PushResult::Refused(reason.clone()));
                }
                // The very same commit: a copy of it that is still on its way does no harm.
                NextStep::Again
            }
            (PushFate::Unchanged, _) => NextStep::Fence,
        }
    }

    /// The remote has no state.
    pub fn absent(&mut self) -> NextStep {
        NextStep::End(PushResult::Vanished)
    }

    /// The remote did not say what its state is.
    pub fn silent(&mut self, reason: String) -> NextStep {
        self.doubt = Some(Doubt::Unanswered(reason));
        NextStep::Wait
    }

    /// The fence was answered, or not.
    pub fn fenced(&mut self, pushed: Pushed) -> NextStep {
        match pushed {
            Pushed::Won => NextStep::End(PushResult::Lost),
            Pushed::Rejected(reason) | Pushed::Unreachable(reason) | Pushed::Unknown(reason) => {
                self.silent(reason)
            }
        }
    }

    /// There is no time left.
    pub fn give_up(self) -> PushResult {
        match self.doubt {
            Some(Doubt::Refused(reason) | Doubt::Unanswered(reason)) => PushResult::Unknown(reason),
            None => PushResult::Unreachable("no answer in time".to_owned()),
        }
    }
}

/// What servers say when the ref was in somebody's way for a moment.
const PASSING: &[&str] = &[
    "lock",
    "failed to update ref",
    "atomic transaction failed",
    "already exists",
    "incorrect old value",
    "unable to",
    "timed out",
    "timeout",
];

/// True for a refusal that is not about the value of the ref: a hook, a rule of the server, a hidden ref.
/// The same push would be refused again.
fn is_final(reason: &str) -> bool {
    let words = reason.to_lowercase();
    words.starts_with("[remote rejected]") && !PASSING.iter().any(|passing| words.contains(passing))
}

/// How a fetched state relates to the known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// It can have come from it.
    Follows,
    /// It belongs to another store.
    Foreign,
    /// It is older, or of another history.
    Backwards,
}

/// Judges whether a fetched state, another than the known one, can have come from it.
/// `comes_from` looks that up in its history.
///
/// # Errors
/// Those of `comes_from`.
pub fn succession<E>(
    known: &StateHeader,
    found: &StateHeader,
    comes_from: impl FnOnce() -> Result<bool, E>,
) -> Result<Succession, E> {
    if known.store != found.store {
        return Ok(Succession::Foreign);
    }
    // Every state has a higher generation than the one before.
    let follows = found.generation > known.generation && comes_from()?;
    Ok(if follows { Succession::Follows } else { Succession::Backwards })
}

/// Marks a change as a state of its own: fresh nonce, higher generation, and which clone has
/// brought it in (its name and record, whose nonce is filled in).
///
/// # Errors
/// When the head cannot be read.
pub fn stamp(
    txn: &mut Txn<'_>,
    nonce: String,
    by: Option<(&str, clone::CloneRecord)>,
) -> Result<(), ViewError> {
    // A damaged state that is being mended may have no head.
    let before = header::read(txn.base()).map_or(0, |head| head.generation);
    let mut head = header::read(txn)?;
    head.generation = head.generation.max(before + 1);
    head.nonce = nonce;
    txn.put_json(header::KEY, &head);
    if let Some((name, record)) = by {
        let generation = Some(head.generation);
        clone::put(txn, name, &clone::CloneRecord { nonce: head.nonce, generation, ..record });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(words: &str) -> Pushed {
        Pushed::Rejected(words.to_owned())
    }

    #[test]
    fn a_refused_push_may_have_been_applied_by_a_copy_of_it() {
        let mut exchange = PushProtocol::begin();
        assert_eq!(exchange.pushed(no("stale info")), NextStep::Ask);
        assert_eq!(exchange.found(PushFate::Applied), NextStep::End(PushResult::Won));
        assert_eq!(exchange.found(PushFate::Moved), NextStep::End(PushResult::Lost));
    }

    #[test]
    fn a_server_that_refuses_for_its_own_reasons_gets_the_same_commit_some_times() {
        let mut exchange = PushProtocol::begin();
        for _ in 1..MAX_REFUSALS {
            assert_eq!(exchange.pushed(no("cannot lock ref")), NextStep::Ask);
            assert_eq!(exchange.found(PushFate::Unchanged), NextStep::Again);
        }
        assert_eq!(exchange.pushed(no("cannot lock ref")), NextStep::Ask);
        assert_eq!(
            exchange.found(PushFate::Unchanged),
            NextStep::End(PushResult::Refused("cannot lock ref".to_owned()))
        );
    }

    #[test]
    fn a_refusal_by_a_rule_of_the_server_is_final_at_once() {
        for words in [
            "[remote rejected] (pre-receive hook declined): no pushes on Fridays",
            "[remote rejected] (deny updating a hidden ref)",
            "[remote rejected] (GH013: Repository rule violations found)",
        ] {
            let mut exchange = PushProtocol::begin();
            assert_eq!(exchange.pushed(no(words)), NextStep::Ask, "a copy of it may have been taken");
            let end = NextStep::End(PushResult::Refused(words.to_owned()));
            assert_eq!(exchange.found(PushFate::Unchanged), end);
        }
        for words in [
            "[remote rejected] (cannot lock ref 'refs/coord/state': is at 1 but expected 2)",
            "[remote rejected] (failed to update ref)",
            "[remote rejected] (reference already exists)",
            "[rejected] (stale info)",
        ] {
            assert!(!is_final(words), "{words}");
        }
    }

    #[test]
    fn without_an_answer_nothing_is_lost_before_the_fence() {
        let mut exchange = PushProtocol::begin();
        assert_eq!(exchange.pushed(Pushed::Unknown("cut".into())), NextStep::Ask);
        assert_eq!(exchange.silent("cut".into()), NextStep::Wait);
        assert_eq!(exchange.found(PushFate::Unchanged), NextStep::Fence);
        for answer in [no("lock"), Pushed::Unknown("cut".into()), Pushed::Unreachable("down".into())] {
            assert_eq!(exchange.fenced(answer), NextStep::Wait);
        }
        assert_eq!(exchange.fenced(Pushed::Won), NextStep::End(PushResult::Lost));
        assert!(!exchange.give_up().may_forget(true));
        // The same for a push of a dead process.
        assert_eq!(PushProtocol::left_behind().found(PushFate::Unchanged), NextStep::Fence);
    }

    #[test]
    fn only_a_first_try_that_was_not_sent_has_changed_nothing() {
        let down = || Pushed::Unreachable("down".into());
        assert_eq!(
            PushProtocol::begin().pushed(down()),
            NextStep::End(PushResult::Unreachable("down".into()))
        );
        let mut exchange = PushProtocol::begin();
        exchange.pushed(no("cannot lock ref"));
        assert_eq!(exchange.pushed(down()), NextStep::Wait);
        assert_eq!(exchange.give_up(), PushResult::Unknown("down".into()));
    }

    #[test]
    fn a_push_is_not_forgotten_before_its_answers_can_be_handed_over() {
        assert!(PushResult::Won.may_forget(true) && !PushResult::Won.may_forget(false));
        assert!(PushResult::Lost.may_forget(false) && !PushResult::Vanished.may_forget(false));
    }

    #[test]
    fn the_next_act_is_told_only_of_itself() {
        let unknown = || PushResult::Unknown("cut".into());
        assert_eq!(unknown().for_next_act(false), PushResult::Unreachable("cut".into()));
        assert_eq!(unknown().for_next_act(true), unknown());
        assert_eq!(PushResult::Unreachable("cut".into()).for_next_act(true), unknown());
    }

    #[test]
    fn the_nonce_tells_after_others_have_gone_on() {
        let judge = |tip: u32, nonce: &str| {
            push_fate((&1, &2, "n"), &tip, || Ok::<_, ViewError>(Some(nonce.to_owned())))
                .expect("nothing is read")
        };
        assert_eq!(judge(2, "other"), PushFate::Applied);
        assert_eq!(judge(9, "n"), PushFate::Applied);
        assert_eq!(judge(9, "other"), PushFate::Moved);
        assert_eq!(judge(1, "other"), PushFate::Unchanged);
    }

    #[test]
    fn a_state_follows_only_with_a_higher_generation_of_the_same_store() {
        let head = |store: &str, generation| StateHeader { generation, ..StateHeader::new(store.to_owned()) };
        let judge = |found: &StateHeader, comes_from: bool| {
            succession(&head("s", 5), found, || Ok::<_, ViewError>(comes_from)).expect("nothing is read")
        };
        assert_eq!(judge(&head("s", 6), true), Succession::Follows);
        assert_eq!(judge(&head("s", 6), false), Succession::Backwards);
        assert_eq!(judge(&head("s", 5), true), Succession::Backwards);
        assert_eq!(judge(&head("t", 6), true), Succession::Foreign);
    }
}
