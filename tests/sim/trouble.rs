//! What dies, sleeps and jumps.

use std::rc::Rc;

use git_coord::store::LeaseAges;
use git_coord::store::remote::Observations;

use super::clone::{Clock, Clone};
use super::dice::Dice;
use super::sessions::Doing;
use super::state::State;
use super::{Event, Sim};

impl Clone {
    /// A clone that has just joined.
    pub fn new(number: usize, tip: &Rc<State>, dice: &mut Dice) -> Self {
        let near = dice.between(20, 120);
        Clone {
            name: format!("clone{number}"),
            tip: tip.clone(),
            pending: None,
            room: Default::default(),
            ages: LeaseAges::default(),
            watch: Observations::default(),
            turn: None,
            request: 0,
            clock: Clock::new(dice),
            latency: if dice.chance(250) { near * 12 } else { near },
            down_until: 0,
            asleep_until: 0,
        }
    }
}

impl Sim {
    /// Something goes wrong somewhere.
    pub fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let clone = self.dice.below(self.clones.len() as u64) as usize;
        match self.dice.below(14) {
            0..=3 => self.kill_writer(clone, "killed"),
            4 | 5 => self.switch_off(clone),
            6 | 7 => {
                let long = if self.dice.chance(300) { 300_000 } else { 20_000 };
                let time = self.dice.below(long);
                let at = &mut self.clones[clone];
                if at.asleep_until <= self.now {
                    at.asleep_until = self.now + time;
                    at.clock.sleep(time);
                    self.note(|| format!("clone{clone} sleeps for {time} ms"));
                }
            }
            8 | 9 => {
                let by = self.clones[clone].clock.jump(&mut self.dice);
                self.note(|| format!("clone{clone}'s wall clock jumps by {by} ms"));
            }
            _ if !self.clones[clone].is_awake(self.now) => {}
            10..=12 => self.upkeep(clone),
            _ => self.join_anew(clone),
        }
        let delay = self.dice.between(1000, 30_000);
        self.schedule(delay, Event::Trouble);
    }

    /// True when the process dies at this very point.
    pub fn dies_here(&mut self, clone: usize, place: &str) -> bool {
        let dies = !self.calm && self.dice.chance(4);
        if dies {
            self.kill_writer(clone, place);
        }
        dies
    }

    /// The process with the lock dies.
    fn kill_writer(&mut self, clone: usize, place: &str) {
        let Some(turn) = self.clones[clone].turn.take() else { return };
        self.stats.deaths += 1;
        self.note(|| format!("clone{clone}: the process of operation {} dies: {place}", turn.act));
        if let Some(session) = turn.session {
            self.process_dies(session);
        }
        // The process that comes next finds what it has left, and that may be upkeep.
        if !self.calm && self.dice.chance(100) {
            self.upkeep(clone);
        }
        self.lock_is_free(clone);
    }

    /// The process of a session dies, and the session begins another one later.
    fn process_dies(&mut self, session: usize) {
        let at = &mut self.sessions[session];
        let clone = &mut self.clones[at.clone];
        for guest in clone.room.values_mut().filter(|g| g.owner == Some(session)) {
            guest.alive = false;
        }
        at.doing = Doing::Thinking;
        let delay = self.dice.between(100, 5000);
        self.wake(session, delay);
    }

    /// A machine goes off, and comes back after a while.
    fn switch_off(&mut self, clone: usize) {
        let long = if self.dice.chance(300) { 400_000 } else { 30_000 };
        let time = self.dice.below(long);
        self.stats.deaths += 1;
        self.note(|| format!("clone{clone} is off for {time} ms"));
        let at = &mut self.clones[clone];
        at.turn = None;
        at.down_until = self.now + time;
        at.asleep_until = at.asleep_until.max(at.down_until);
        // Steady clocks begin anew, so nothing that was noted by them counts.
        at.watch = Observations::default();
        at.ages = LeaseAges::default();
        for session in 0..self.sessions.len() {
            if self.sessions[session].clone == clone {
                self.process_dies(session);
            }
        }
    }
}
