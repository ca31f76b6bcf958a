//! How many pushes a remote gets from many machines, and how long an operation waits for its turn.
//!
//! A model, not the program: machines are queues of waiting operations, the remote is one number that
//! is compared and swapped, a push and a fetch take a time drawn at random, and the rules are
//! those of `store::remote` (one push at a time for each machine, which takes all operations that wait;
//! `coord.pushEvery`; after a lost race fetch, wait a little at random, push again). What the
//! operations are plays no part in it: a machine that loses a race applies them anew.
//!
//! ```sh
//! cargo run --profile dist --example pushes -- MACHINES SESSIONS THINK_SECONDS
//! ```

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs, reason = "an example")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Model time in milliseconds.
type Time = u64;

/// How long the model runs.
const LENGTH: Time = 2 * 3600 * 1000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n.max(1)
    }

    /// 0.3 to 1 s: a round trip to a large host.
    fn latency(&mut self) -> Time {
        300 + self.below(700)
    }
}

#[derive(Default, Clone)]
struct Machine {
    /// When each waiting operation came.
    waiting: Vec<Time>,
    /// The state that it knows.
    known: u64,
    /// When that was moved last.
    moved: Time,
    busy: bool,
    /// Pushes won since `since`, and how many have asked for a pause when it looked last.
    wins: u32,
    since: Time,
    seen: u64,
    /// Number of operations in the present push.
    taken: usize,
    tries: u32,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Event {
    /// A session of the machine has something to do.
    Act(usize),
    /// The machine looks whether it may push.
    Look(usize),
    /// The server has been asked whether anybody waits for a pause; this is how often so far.
    Asked(usize, u64),
    /// A pause for others goes on until this time, unless the state moves from this one.
    Pause(usize, Time, u64),
    /// The server says what its state is: with another one than is known, nothing is sent.
    Greeting(usize),
    /// The push is at the server.
    Push(usize),
    /// The answer is back: won or not.
    Answer(usize, bool),
    /// The fetch has brought this state.
    Fetched(usize, u64),
}

#[derive(Default)]
struct Result {
    /// Connections of `git push`, those that sent a pack, and those of them that were lost.
    greetings: u64,
    pushes: u64,
    lost: u64,
    waits: Vec<Time>,
}

struct Model {
    dice: Dice,
    all: Vec<Machine>,
    state: u64,
    /// How many have asked for a pause so far.
    asked: u64,
    events: BinaryHeap<Reverse<(Time, Event)>>,
    think: Time,
    every: Time,
    result: Result,
}

impl Model {
    fn add(&mut self, at: Time, event: Event) {
        self.events.push(Reverse((at, event)));
    }

    fn step(&mut self, now: Time, event: Event) {
        match event {
            Event::Act(i) => {
                self.all[i].waiting.push(now);
                self.add(now, Event::Look(i));
            }
            Event::Look(i) if self.all[i].busy || self.all[i].waiting.is_empty() => {}
            Event::Look(i) => self.look(now, i),
            Event::Asked(i, count) => {
                let (end, own) = (now + 3000, self.all[i].known);
                let new = std::mem::replace(&mut self.all[i].seen, count) != count;
                self.add(now, if new { Event::Pause(i, end, own) } else { Event::Greeting(i) });
            }
            Event::Pause(i, end, own) => {
                let on = now < end && self.state == own;
                let step = if on { self.dice.latency() } else { self.dice.latency() / 2 };
                self.add(now + step, if on { Event::Pause(i, end, own) } else { Event::Greeting(i) });
            }
            Event::Greeting(i) => {
                self.result.greetings += 1;
                let step = self.dice.latency() / 3;
                let same = self.all[i].known == self.state;
                self.add(
                    if same { now + step } else { now },
                    if same { Event::Push(i) } else { Event::Answer(i, false) },
                );
            }
            Event::Push(i) => self.push(now, i),
            Event::Answer(i, true) => self.won(now, i),
            Event::Answer(i, false) => self.lost(now, i),
            Event::Fetched(i, seen) => {
                self.all[i].known = seen;
                let longest = 10u64 << self.all[i].tries.min(3);
                let pause = if self.all[i].tries > 1 { self.dice.below(longest) } else { 0 };
                let step = self.dice.latency() / 2;
                self.add(now + pause + step, Event::Greeting(i));
            }
        }
    }

    fn look(&mut self, now: Time, i: usize) {
        let machine = &mut self.all[i];
        let due = if machine.moved == 0 { 0 } else { machine.moved + self.every };
        machine.busy = true;
        let (at, latency) = (now.max(due), self.dice.latency());
        if machine.wins >= 8 {
            machine.wins = 0;
            self.add(at + latency, Event::Asked(i, self.asked));
        } else {
            self.add(at + latency / 2, Event::Greeting(i));
        }
    }

    fn push(&mut self, now: Time, i: usize) {
        let machine = &mut self.all[i];
        // What has come meanwhile goes along, as long as the push has not begun.
        machine.taken = machine.waiting.len();
        self.result.pushes += 1;
        let won = machine.known == self.state;
        if won {
            self.state += 1;
            machine.known = self.state;
        } else {
            self.result.lost += 1;
        }
        let step = self.dice.latency() / 3;
        self.add(now + step, Event::Answer(i, won));
    }

    fn won(&mut self, now: Time, i: usize) {
        let machine = &mut self.all[i];
        (machine.moved, machine.tries, machine.busy) = (now, 0, false);
        if now - machine.since > 10_000 {
            (machine.wins, machine.since) = (0, now);
        }
        machine.wins += 1;
        for came in machine.waiting.drain(..machine.taken).collect::<Vec<_>>() {
            self.result.waits.push(now - came);
            // Its session works on it, and comes again.
            let at = now + self.dice.below(self.think * 2);
            self.add(at, Event::Act(i));
        }
        self.add(now, Event::Look(i));
    }

    fn lost(&mut self, now: Time, i: usize) {
        let mut whole = self.dice.latency();
        self.all[i].tries += 1;
        if self.all[i].tries.is_multiple_of(3) {
            self.asked += 1;
            self.all[i].seen = self.asked;
            self.result.pushes += 1;
            whole += self.dice.latency();
        }
        self.add(now + whole, Event::Fetched(i, self.state));
    }
}

fn simulate(machines: usize, sessions: u64, think: Time, every: Time) -> Result {
    let mut model = Model {
        dice: Dice(0x9e37_79b9_7f4a_7c15),
        all: vec![Machine::default(); machines],
        state: 0,
        asked: 0,
        events: BinaryHeap::new(),
        think,
        every,
        result: Result::default(),
    };
    for machine in 0..machines {
        for _ in 0..sessions {
            let at = model.dice.below(think * 2);
            model.add(at, Event::Act(machine));
        }
    }
    while let Some(Reverse((now, event))) = model.events.pop() {
        if now > LENGTH {
            break;
        }
        model.step(now, event);
    }
    model.result.waits.sort_unstable();
    model.result
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().expect("a number")).collect();
    let [machines, sessions, think] = numbers[..] else {
        println!("usage: pushes MACHINES SESSIONS THINK_SECONDS");
        return;
    };
    println!("{machines} machines, {sessions} sessions each, an operation of each about every {think} s");
    println!("pushEvery  greetings/min  pushes/min  lost %   ops/min  wait s: median    99 %   worst");
    for every in [0, 5, 30, 60, 120, 300, 600] {
        let machines = usize::try_from(machines).unwrap_or(1);
        let r = simulate(machines, sessions, think * 1000, every * 1000);
        let minutes = (LENGTH / 60_000) as f64;
        let at = |part: f64| {
            let place = ((r.waits.len() as f64 - 1.0) * part) as usize;
            r.waits.get(place).map_or(f64::NAN, |ms| *ms as f64 / 1000.0)
        };
        println!(
            "{every:>7} s {:>14.1} {:>11.1} {:>7.0} {:>9.0} {:>15.1} {:>7.1} {:>7.1}",
            r.greetings as f64 / minutes,
            r.pushes as f64 / minutes,
            100.0 * r.lost as f64 / r.pushes as f64,
            r.waits.len() as f64 / minutes,
            at(0.5),
            at(0.99),
            at(1.0),
        );
    }
}
