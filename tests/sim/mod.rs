//! A deterministic simulator of several clones with one remote.
//!
//! It runs the real [`apply`](git_coord::model::apply), the real decisions of the push protocol
//! ([`git_coord::store::remote::protocol`]), of a writer and its batch ([`git_coord::store::batch`]), of
//! back-off and of cutting the history, and the real watch over other clones' leases. What is
//! simulated is the world around them: a remote that compares and swaps one register, a network
//! that loses, delays, repeats and reorders, processes and machines that die between any two
//! steps and keep only what the real ones keep on disk, and clocks that are days off, jump and
//! run at different speeds. Time is simulated, and everything follows from the seed.
//!
//! - [`dice`]: random numbers;
//! - [`state`]: immutable states with ids of their content;
//! - [`clone`]: what a clone keeps, and its clocks;
//! - [`net`]: the remote and the way to it;
//! - [`turn`]: a process that holds the lock of its clone;
//! - [`apply`]: how it applies what waits;
//! - [`prefetch`]: handing out what a clone keeps ready;
//! - [`trouble`]: what dies, sleeps and jumps;
//! - [`upkeep`]: cutting the history, and joining anew;
//! - [`sessions`]: what sessions want, and what they make of the answers;
//! - [`judge`]: what must hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test; the fields are named for what they are"
)]

mod apply;
mod clone;
mod dice;
mod judge;
mod net;
mod prefetch;
mod sessions;
mod state;
mod trouble;
mod turn;
mod upkeep;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use clone::{Clone, Ms};
use dice::Dice;
pub use judge::Invariant;
use judge::Judge;
use net::{Reply, Request};
use sessions::Session;
use state::State;
use turn::Later;

/// A world to be simulated.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    pub seed: u64,
    pub clones: usize,
    /// In each clone.
    pub sessions: usize,
    /// Items that each clone keeps ready for sessions that ask for the same.
    pub pool: usize,
    /// A mistake that is built in, to see that it is found.
    pub mistake: Option<Mistake>,
    /// All records are checked after this number of states; what has changed, after each.
    pub check_every: u64,
}

impl Config {
    /// A world of two to six clones with one to four sessions each.
    pub fn new(seed: u64) -> Self {
        let (clones, sessions) = (2 + seed % 5, 1 + seed / 5 % 4);
        Config {
            seed,
            clones: clones as usize,
            sessions: sessions as usize,
            pool: (seed % 3 * 3) as usize,
            mistake: None,
            check_every: 50,
        }
    }
}

/// Mistakes that the simulator must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// No nonce: two clones can make the same state, and each takes it for its own.
    NoNonce,
    /// After a lost race the old object is pushed onto the new state.
    BlindRetry,
    /// Renewals are written without comparing.
    RenewWithoutCompare,
    /// A push without an answer counts as lost when the remote does not show it.
    NoFence,
    /// A push without an answer counts as lost.
    NoReadBack,
    /// A rejected push counts as lost, even when a copy of it was applied.
    RejectedIsLost,
    /// Leases of other clones are judged by one's own wall clock.
    ForeignWallClock,
    /// Nobody keeps track of when the first lease runs out.
    NoSweepTime,
    /// Whether a dead writer's answers came true is read from the last states alone.
    ShortMemory,
    /// Prefetched items that were handed out and not yet pushed are not looked at.
    PoolTwice,
    /// Upkeep does not find out first what became of the push before it.
    CutUnsettled,
    /// Upkeep forgets clones that may still have to find that out.
    ForgetsClones,
    /// A cut does not say what it has cut off.
    AnonymousCut,
    /// A cut does not carry on the events of what it cuts off.
    CutDropsEvents,
    /// An operation that has its answer is applied once more.
    AppliesAnswered,
    /// Answers are handed over before the state has moved.
    AnswersEarly,
    /// A process that gives up leaves its operation in the queue.
    GivesUpSilently,
    /// Processes that have lost most races wait longest, without a bound.
    UnboundedBackoff,
}

impl Mistake {
    pub const ALL: [Mistake; 18] = [
        Mistake::NoNonce,
        Mistake::BlindRetry,
        Mistake::RenewWithoutCompare,
        Mistake::NoFence,
        Mistake::NoReadBack,
        Mistake::RejectedIsLost,
        Mistake::ForeignWallClock,
        Mistake::NoSweepTime,
        Mistake::ShortMemory,
        Mistake::PoolTwice,
        Mistake::CutUnsettled,
        Mistake::ForgetsClones,
        Mistake::AnonymousCut,
        Mistake::CutDropsEvents,
        Mistake::AppliesAnswered,
        Mistake::AnswersEarly,
        Mistake::GivesUpSilently,
        Mistake::UnboundedBackoff,
    ];
}

/// What has happened, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    pub steps: u64,
    /// States that became the remote's.
    pub states: u64,
    pub granted: u64,
    pub refused: u64,
    pub unchanged: u64,
    pub unknown: u64,
    /// Prefetched items that were handed out.
    pub ready: u64,
    pub lost_races: u64,
    /// Operations that were refused and went on waiting.
    pub patient: u64,
    pub fences: u64,
    pub deaths: u64,
    pub expired: u64,
    /// Histories that were cut.
    pub cuts: u64,
    /// Clones that were made anew.
    pub joined: u64,
    /// Seconds of simulated time.
    pub seconds: u64,
}

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.states += other.states;
        self.granted += other.granted;
        self.refused += other.refused;
        self.unchanged += other.unchanged;
        self.unknown += other.unknown;
        self.ready += other.ready;
        self.lost_races += other.lost_races;
        self.patient += other.patient;
        self.fences += other.fences;
        self.deaths += other.deaths;
        self.expired += other.expired;
        self.cuts += other.cuts;
        self.joined += other.joined;
        self.seconds += other.seconds;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states, {} granted, {} refused, {} unchanged, {} unknown, {} prefetched, {} lost races, {} fences, \
             {} deaths, {} leases expired, {} cuts, {} clones made anew, {} h simulated",
            self.states,
            self.granted,
            self.refused,
            self.unchanged,
            self.unknown,
            self.ready,
            self.lost_races,
            self.fences,
            self.deaths,
            self.expired,
            self.cuts,
            self.joined,
            self.seconds / 3600
        )
    }
}

/// A violation, with what led to it.
#[derive(Debug)]
pub struct Failure {
    pub invariant: Invariant,
    pub seed: u64,
    pub step: u64,
    pub what: String,
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {}, step {}: {:?}: {}", self.seed, self.step, self.invariant, self.what)
    }
}

/// Something that will happen.
enum Event {
    /// A session's process looks around; only the last such event of a session counts.
    Wake { session: usize, token: u64 },
    /// A process with the lock goes on.
    Later { clone: usize, turn: u64, then: Later },
    /// A request reaches the remote.
    Arrives(Request),
    /// An answer reaches a clone.
    Reply { clone: usize, request: u64, reply: Reply },
    /// Something dies, sleeps or jumps.
    Trouble,
}

/// How many lines of what has happened are kept.
const TRACE: usize = 60;

/// The world.
struct Sim {
    config: Config,
    dice: Dice,
    now: Ms,
    events: BTreeMap<(Ms, u64), Event>,
    /// Numbers for whatever needs one: events, operations, turns, requests, places in the write queue.
    last: u64,
    clones: Vec<Clone>,
    sessions: Vec<Session>,
    remote: std::rc::Rc<State>,
    judge: Judge,
    stats: Stats,
    trace: VecDeque<String>,
    /// At the end nothing goes wrong, so that all clones can agree.
    calm: bool,
}

/// Simulates `steps` steps, and then lets all clones come together.
pub fn run(config: Config, steps: u64) -> Result<Stats, Box<Failure>> {
    let mut sim = Sim::new(config);
    while sim.stats.steps < steps {
        sim.step()?;
    }
    sim.come_together()?;
    sim.stats.seconds = sim.now / 1000;
    Ok(sim.stats)
}

impl Sim {
    fn new(config: Config) -> Self {
        let mut dice = Dice::new(config.seed);
        let first = State::first();
        let clones = (0..config.clones).map(|n| Clone::new(n, &first, &mut dice)).collect();
        let names = 0..config.clones * config.sessions;
        let sessions = names.map(|n| Session::new(n, n / config.sessions)).collect();
        let mut sim = Sim {
            config,
            dice,
            now: 0,
            events: BTreeMap::new(),
            last: 0,
            clones,
            sessions,
            judge: Judge::new(&first),
            remote: first,
            stats: Stats::default(),
            trace: VecDeque::new(),
            calm: false,
        };
        for session in 0..sim.sessions.len() {
            let delay = sim.dice.below(3000);
            sim.wake(session, delay);
        }
        sim.schedule(1000, Event::Trouble);
        sim
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn schedule(&mut self, delay: Ms, event: Event) {
        let number = self.number();
        self.events.insert((self.now + delay, number), event);
    }

    /// Records what happens, so that a failure can be traced to its cause.
    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() == TRACE {
            self.trace.pop_front();
        }
        let line = format!("{:>9} {}", self.now, line());
        self.trace.push_back(line);
    }

    fn step(&mut self) -> Result<(), Box<Failure>> {
        if let Some(((at, _), event)) = self.events.pop_first() {
            self.now = at;
            self.stats.steps += 1;
            self.happen(event);
        }
        self.verdict()
    }

    fn verdict(&mut self) -> Result<(), Box<Failure>> {
        let Some((invariant, what)) = self.judge.broken.take() else { return Ok(()) };
        let trace = std::mem::take(&mut self.trace).into();
        Err(Box::new(Failure { invariant, seed: self.config.seed, step: self.stats.steps, what, trace }))
    }

    fn happen(&mut self, event: Event) {
        // A machine that sleeps or is off does nothing now; what the network brings is lost when
        // it is off, and waits when it sleeps.
        if let Some(clone) = self.clone_of(&event) {
            let until = self.clones[clone].asleep_until;
            if until > self.now {
                let delay = until - self.now;
                return self.schedule(delay, event);
            }
        }
        match event {
            Event::Wake { session, token } => self.look_around(session, token),
            Event::Later { clone, turn, then } => self.go_on(clone, turn, then),
            Event::Arrives(request) => self.arrive(request),
            Event::Reply { clone, request, reply } => self.answered(clone, request, reply),
            Event::Trouble => self.trouble(),
        }
    }

    fn clone_of(&self, event: &Event) -> Option<usize> {
        match event {
            Event::Wake { session, .. } => Some(self.sessions[*session].clone),
            Event::Later { clone, .. } | Event::Reply { clone, .. } => Some(*clone),
            Event::Arrives(_) | Event::Trouble => None,
        }
    }

    /// Everything that is on its way arrives; then the clones ask the remote, until they agree:
    /// leases that run out meanwhile are taken back, which the others have to fetch.
    fn come_together(&mut self) -> Result<(), Box<Failure>> {
        self.calm = true;
        self.note(|| "calm".to_owned());
        for _ in 0..30 {
            while !self.events.is_empty() {
                self.step()?;
            }
            let tip = self.remote.id;
            let settled = |c: &Clone| c.tip.id == tip && c.pending.is_none() && c.room.is_empty();
            if self.clones.iter().all(settled) {
                break;
            }
            for clone in 0..self.clones.len() {
                self.sync(clone);
            }
        }
        self.judge.check_end(&self.remote, &self.clones);
        self.verdict()
    }
}
