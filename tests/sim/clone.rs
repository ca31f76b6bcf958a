//! One clone: what it keeps on its disk, what only its processes know, and its clocks.

use std::collections::BTreeMap;
use std::rc::Rc;

use git_coord::model::Op;
use git_coord::model::Outcome;
use git_coord::store::LeaseAges;
use git_coord::store::backoff::Doubling;
use git_coord::store::batch::Cycle;
use git_coord::store::remote::Observations;
use git_coord::store::remote::protocol::PushProtocol;
use jiff::Timestamp;

use super::dice::Dice;
use super::state::{Act, Id, State};

/// Simulated time in milliseconds.
pub type Ms = u64;

const HOUR: i64 = 3_600_000;

/// A clone. Everything but `turn` and `request` is on its disk.
pub struct Clone {
    pub name: String,
    /// `refs/coord/state`.
    pub tip: Rc<State>,
    /// `push.pending`.
    pub pending: Option<Sent>,
    /// The write queue, in order of arrival.
    pub room: BTreeMap<u64, Guest>,
    /// `prefetch.json`; gone when the machine starts anew.
    pub ages: LeaseAges,
    /// `watch.json`; gone when the machine starts anew.
    pub watch: Observations,
    /// The process that holds the kernel lock.
    pub turn: Option<Turn>,
    /// The request whose answer that process waits for.
    pub request: u64,
    pub clock: Clock,
    /// Time to the server and back, halved.
    pub latency: Ms,
    /// It is switched off or asleep until then.
    pub down_until: Ms,
    pub asleep_until: Ms,
}

/// A push that was sent, or is about to be.
#[derive(Clone)]
pub struct Sent {
    pub old: Id,
    pub new: Rc<State>,
    /// True when it takes prefetched items away from the clone.
    pub evicts: bool,
}

/// The clocks of a clone.
pub struct Clock {
    /// Speed in millionths: 1,000,000 is right.
    rate: u64,
    /// Wall clock less steady clock.
    offset: i64,
    /// Time that the steady clock has missed, because it stands still while the machine sleeps.
    missed: Ms,
    stands_still: bool,
    /// How often the wall clock was set forward.
    pub forward: u32,
    /// How often it was set back by so little that leases seem younger than they are.
    pub back: u32,
}

impl Clock {
    /// A clock that is days off and a little too fast or slow.
    pub fn new(dice: &mut Dice) -> Self {
        let offset = dice.between(0, 240) as i64 * HOUR - 120 * HOUR;
        // Two of them differ by less than one in a hundred.
        let rate = dice.between(995_100, 1_004_900);
        Clock { rate, offset, missed: 0, stands_still: dice.chance(300), forward: 0, back: 0 }
    }

    /// The clock that leases of other clones are watched by.
    pub fn steady(&self, now: Ms) -> Ms {
        1_000_000 + self.elapsed(now).saturating_sub(self.missed)
    }

    /// Time as a process of this clone measures it; counts while the machine sleeps.
    pub fn elapsed(&self, now: Ms) -> Ms {
        now * self.rate / 1_000_000
    }

    pub fn wall(&self, now: Ms) -> Timestamp {
        let at = 1_750_000_000_000 + self.elapsed(now) as i64 + self.offset;
        Timestamp::from_millisecond(at).expect("a time of this century")
    }

    /// Sets the wall clock: by an hour to days, or by as much as leases last, forward or back.
    pub fn jump(&mut self, dice: &mut Dice) -> i64 {
        let far = dice.chance(500);
        let by = if far { dice.between(1, 72) as i64 * HOUR } else { dice.between(10, 300) as i64 * 1000 };
        let by = if dice.chance(500) { by } else { -by };
        self.offset += by;
        self.forward += u32::from(by > 0);
        self.back += u32::from(by < 0 && !far);
        by
    }

    /// Time that passes while the machine sleeps.
    pub fn sleep(&mut self, time: Ms) {
        if self.stands_still {
            self.missed += time * self.rate / 1_000_000;
        }
    }
}

/// The files of one operation in the write queue.
pub struct Guest {
    pub act: Act,
    pub op: Rc<Op>,
    /// The session whose process waits; `None`: deferred.
    pub owner: Option<usize>,
    /// True while that process lives.
    pub alive: bool,
    /// True when being refused is not an answer.
    pub patient: bool,
    /// When it entered, by the clone's wall clock.
    pub since: Timestamp,
    pub pre: Option<Answer>,
    pub out: Option<Answer>,
}

/// What an operation came to.
#[derive(Clone)]
pub struct Answer {
    pub outcome: Outcome,
    /// The state that makes it true; `None` when nothing is changed.
    pub state: Option<Rc<State>>,
    /// True when the operation itself has changed something.
    pub changed: bool,
    /// When it was applied, by the clone's own clocks, and how often the wall clock had been set by then.
    pub at: Ms,
    pub wall: Timestamp,
    pub forward: u32,
    pub back: u32,
}

/// What a process reports to its session.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Report {
    Answer(Answer),
    /// Nothing was changed.
    Unchanged(String),
    /// Nobody knows: repeat the command.
    Unknown(String),
}

/// A process with the kernel lock.
pub struct Turn {
    pub number: u64,
    /// Whose process it is; upkeep has no session.
    pub session: Option<usize>,
    pub act: Act,
    pub op: Rc<Op>,
    /// Its place in the write queue, if it waited there.
    pub ticket: Option<u64>,
    pub end: Ms,
    pub tries: u32,
    /// Until when being refused is not an answer.
    pub until: Option<Ms>,
    pub cycle: Cycle,
    pub pauses: Doubling,
    pub exchange: PushProtocol,
    pub phase: Phase,
    pub sent: Option<Sent>,
    /// Fence that was pushed last.
    pub fence: Option<Rc<State>>,
    /// True when the last answer to the push was no.
    pub rejected: bool,
    pub own: Option<Answer>,
    /// Guests that are answered by this commit.
    pub guests: Vec<u64>,
}

/// What a turn is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Finding out what became of an earlier push.
    Settling,
    /// Looking at the remote before an operation is refused.
    Refreshing,
    /// Pushing.
    Pushing,
}
