//! Transports that misbehave: what can happen to a request, chosen by seeded dice.

use std::sync::Mutex;

use super::Dice;

/// What happens to one request to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is answered.
    Well,
    /// The connection is refused.
    Refuse,
    /// The connection breaks before the server gets the commands.
    HangUp,
    /// The server does what it is asked; the answer gets lost.
    Lost,
    /// The connection breaks, and the server gets the request a while later.
    Late,
    /// The server gets the request twice; the answer is that to the second.
    Twice,
    /// The same, but at once: nobody can tell which comes first.
    Doubled,
    /// It takes long.
    Slow,
    /// It waits until the test lets it go on, before anything is said.
    Gate,
    /// The same, after the request was sent and before the server gets it.
    Held,
}

impl Fault {
    /// How the script of the ssh-like transport calls it.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Well => "well",
            Fault::Refuse => "refuse",
            Fault::HangUp => "hang-up",
            Fault::Lost => "lost",
            Fault::Late => "late",
            Fault::Twice => "twice",
            Fault::Doubled => "doubled",
            Fault::Slow => "slow",
            Fault::Gate => "gate",
            Fault::Held => "held",
        }
    }
}

/// Every fault that needs no help to come to an end.
pub const ALL: [Fault; 7] =
    [Fault::Refuse, Fault::HangUp, Fault::Lost, Fault::Late, Fault::Twice, Fault::Doubled, Fault::Slow];

/// Mostly well, and now and then each of the faults.
pub fn mixed() -> Vec<Fault> {
    let mut list = ALL.to_vec();
    list.resize(20, Fault::Well);
    list
}

/// A way from a clone to the server.
pub trait Transport: Sync {
    /// From now on one of these happens to each request.
    fn set(&self, faults: &[Fault]);
    /// This happens to the next push alone.
    fn once(&self, fault: Fault);
    /// True when a request is held at the gate.
    fn is_reached(&self) -> bool;
    /// Lets what waits at the gate, and whatever comes, go on.
    fn open(&self);
    /// Number of requests that have arrived late.
    fn late(&self) -> usize;
}

/// The faults among which the dice choose.
pub struct Plan {
    faults: Mutex<(Vec<Fault>, Dice)>,
    once: Mutex<Option<Fault>>,
}

impl Plan {
    /// Nothing goes wrong, to begin with.
    pub fn new(seed: u64) -> Self {
        Plan { faults: Mutex::new((vec![Fault::Well], Dice(seed))), once: Mutex::new(None) }
    }

    /// From now on one of these happens.
    pub fn set(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().0 = faults.to_vec();
    }

    /// This happens to the next push alone.
    pub fn once(&self, fault: Fault) {
        *self.once.lock().unwrap() = Some(fault);
    }

    /// What happens now, to a request that asks for the advertisement of a push (`begins`), is a
    /// push, or is another.
    pub fn next(&self, begins: bool, pushes: bool) -> Fault {
        let mut once = self.once.lock().unwrap();
        let at_once = matches!(*once, Some(Fault::Refuse | Fault::Gate));
        if let Some(fault) = once.take_if(|_| if at_once { begins } else { pushes }) {
            return fault;
        }
        let (faults, dice) = &mut *self.faults.lock().unwrap();
        faults[dice.below(faults.len() as u64) as usize]
    }
}
