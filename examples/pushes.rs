//! How many pushes a remote gets from many machines, and how long an act waits for its turn.
//!
//! A model, not the program: machines are queues of waiting acts, the remote is one number that
//! is compared and swapped, a push and a fetch take a time drawn at random, and the rules are
//! those of `store::remote` (one push at a time for each machine, which takes all acts that wait;
//! `coord.pushEvery`; after a lost race fetch, wait a little at random, push again). What the acts
//! are plays no part in it: whoever loses a race applies them anew.
//!
//! ```sh
//! cargo run --release --example pushes -- MACHINES SESSIONS THINK_SECONDS
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
    /// When each act that waits has come.
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
    /// Number of acts in the present push.
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

fn simulate(machines: usize, sessions: u64, think: Time, every: Time) -> Result {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut all = vec![Machine::default(); machines];
    let (mut state, mut asked) = (0, 0);
    let mut result = Result::default();
    let mut events = BinaryHeap::new();
    for machine in 0..machines {
        for _ in 0..sessions {
            events.push(Reverse((dice.below(think * 2), Event::Act(machine))));
        }
    }
    while let Some(Reverse((now, event))) = events.pop() {
        if now > LENGTH {
            break;
        }
        let mut add = |at: Time, event: Event| events.push(Reverse((at, event)));
        match event {
            Event::Act(i) => {
                all[i].waiting.push(now);
                add(now, Event::Look(i));
            }
            Event::Look(i) if all[i].busy || all[i].waiting.is_empty() => {}
            Event::Look(i) => {
                let due = if all[i].moved == 0 { 0 } else { all[i].moved + every };
                all[i].busy = true;
                let at = now.max(due);
                if all[i].wins >= 8 {
                    all[i].wins = 0;
                    add(at + dice.latency(), Event::Asked(i, asked));
                } else {
                    add(at + dice.latency() / 2, Event::Greeting(i));
                }
            }
            Event::Asked(i, count) => {
                let (end, own) = (now + 3000, all[i].known);
                let new = std::mem::replace(&mut all[i].seen, count) != count;
                add(now, if new { Event::Pause(i, end, own) } else { Event::Greeting(i) });
            }
            Event::Pause(i, end, own) if now < end && state == own => {
                add(now + dice.latency(), Event::Pause(i, end, own));
            }
            Event::Pause(i, ..) => add(now + dice.latency() / 2, Event::Greeting(i)),
            Event::Greeting(i) => {
                result.greetings += 1;
                if all[i].known == state {
                    add(now + dice.latency() / 3, Event::Push(i));
                } else {
                    add(now, Event::Answer(i, false));
                }
            }
            Event::Push(i) => {
                // What has come meanwhile goes along, as long as the push has not begun.
                all[i].taken = all[i].waiting.len();
                result.pushes += 1;
                let won = all[i].known == state;
                if won {
                    state += 1;
                    all[i].known = state;
                } else {
                    result.lost += 1;
                }
                add(now + dice.latency() / 3, Event::Answer(i, won));
            }
            Event::Answer(i, true) => {
                let machine = &mut all[i];
                (machine.moved, machine.tries, machine.busy) = (now, 0, false);
                if now - machine.since > 10_000 {
                    (machine.wins, machine.since) = (0, now);
                }
                machine.wins += 1;
                for came in machine.waiting.drain(..machine.taken).collect::<Vec<_>>() {
                    result.waits.push(now - came);
                    // Its session works on it, and comes again.
                    add(now + dice.below(think * 2), Event::Act(i));
                }
                add(now, Event::Look(i));
            }
            Event::Answer(i, false) => {
                all[i].tries += 1;
                let mut whole = dice.latency();
                if all[i].tries % 3 == 0 {
                    asked += 1;
                    all[i].seen = asked;
                    result.pushes += 1;
                    whole += dice.latency();
                }
                add(now + whole, Event::Fetched(i, state));
            }
            Event::Fetched(i, seen) => {
                all[i].known = seen;
                let longest = 10u64 << all[i].tries.min(3);
                let pause = if all[i].tries > 1 { dice.below(longest) } else { 0 };
                add(now + pause + dice.latency() / 2, Event::Greeting(i));
            }
        }
    }
    result.waits.sort_unstable();
    result
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().expect("a number")).collect();
    let [machines, sessions, think] = numbers[..] else {
        println!("usage: pushes MACHINES SESSIONS THINK_SECONDS");
        return;
    };
    println!("{machines} machines, {sessions} sessions each, an act of each about every {think} s");
    println!("pushEvery  greetings/min  pushes/min  lost %  acts/min  wait s: median    99 %   worst");
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
