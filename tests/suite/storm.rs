//! Many sessions in several clones, over several transports, while transports break and
//! processes die: claims exclude each other at every moment, each item is done exactly once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::clones::Hub;
use crate::common::faults::{self, Fault, Transport};
use crate::common::http::Http;
use crate::common::ssh::Ssh;
use crate::common::{Call, Dice, TestEnv, path};

const PATHS: [&str; 6] = ["src", "src/a", "src/a/x", "src/b", "docs", "docs/one"];

/// What all sessions together know to be so.
#[derive(Default)]
struct Ledger {
    /// Which session holds which of the paths, by the answers it got.
    held: Mutex<BTreeMap<String, String>>,
    /// Which session was credited with finishing an item.
    done: Mutex<BTreeMap<String, String>>,
    acts: AtomicUsize,
    races: AtomicUsize,
    killed: AtomicUsize,
    unchanged: AtomicUsize,
    unknown: AtomicUsize,
}

fn one_more(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One session that works as the contract says.
struct Worker<'w> {
    clone: &'w TestEnv,
    ledger: &'w Ledger,
    name: String,
    dice: Dice,
}

impl Worker<'_> {
    /// Runs a command once; now and then it is killed.
    fn once(&mut self, words: &[&str]) -> Call {
        let run = self.clone.run(&self.clone.root).session(&self.name).args(words);
        let begin = Instant::now();
        let mut child = run.spawn();
        if self.dice.below(15) == 0 {
            std::thread::sleep(Duration::from_millis(self.dice.below(250)));
            child.kill().unwrap();
        }
        let call = Call::wait(child);
        if begin.elapsed() > Duration::from_secs(10) {
            eprintln!("{} {words:?} took {:?}: {:?} {}", self.name, begin.elapsed(), call.code, call.json);
        }
        match call.code {
            Some(6) if call.json["error"]["details"]["outcome"] == "unknown" => {
                one_more(&self.ledger.unknown);
            }
            Some(6) => one_more(&self.ledger.unchanged),
            Some(_) => one_more(&self.ledger.acts),
            None => one_more(&self.ledger.killed),
        }
        call
    }

    /// Repeats a command until it has an answer.
    fn act(&mut self, words: &[&str]) -> Call {
        for _ in 0..100 {
            let call = self.once(words);
            if call.code.is_some_and(|code| code != 6) {
                return call;
            }
        }
        panic!("{}: {words:?} has no answer after 100 tries", self.name);
    }

    /// Takes some items. `next` gives new ones each time, so after a lost answer it is not
    /// repeated: what the session holds is looked up.
    fn take(&mut self) -> Vec<String> {
        let count = (1 + self.dice.below(4)).to_string();
        let call = self.once(&["next", "--count", &count]);
        let items = if call.code == Some(0) { call.items() } else { Vec::new() };
        // A command that was killed while it waited for its turn may have been carried out by the
        // one that had it: then the queue seems empty, and the session has what is missing.
        if items.is_empty() { self.act(&["queue", "list", "--mine"]).items() } else { items }
    }

    fn finish(&mut self, item: &str) {
        self.act(&["done", item]).ok();
        let other = self.ledger.done.lock().unwrap().insert(item.to_owned(), self.name.clone());
        assert!(other.is_none_or(|other| other == self.name), "two have finished {item}");
    }

    /// Claims two paths; while it has them, nobody else may be granted an overlapping one.
    fn race(&mut self) {
        let wanted = [PATHS[self.dice.below(6) as usize], PATHS[self.dice.below(6) as usize]];
        let call = self.act(&["claim", wanted[0], wanted[1]]);
        one_more(&self.ledger.races);
        if call.code != Some(0) {
            call.fails(4, "held");
            return;
        }
        {
            let mut held = self.ledger.held.lock().unwrap();
            for (other, who) in held.iter().filter(|(_, who)| **who != self.name) {
                let meets = wanted.iter().any(|w| path(w).overlaps(&path(other)));
                assert!(!meets, "{} was given {wanted:?}, {who} has {other}", self.name);
            }
            held.extend(wanted.map(|w| (w.to_owned(), self.name.clone())));
        }
        std::thread::sleep(Duration::from_millis(self.dice.below(30)));
        self.ledger.held.lock().unwrap().retain(|_, who| *who != self.name);
        let given_back = self.act(&["release", wanted[0], wanted[1]]);
        if given_back.code != Some(0) {
            // The first try was killed after it was done.
            given_back.fails(3, "lost");
        }
    }

    fn work(mut self, items: usize) {
        while self.ledger.done.lock().unwrap().len() < items {
            for item in self.take() {
                self.finish(&item);
            }
            if self.dice.below(3) == 0 {
                self.race();
            }
        }
        // What came too late to be noticed.
        for item in self.act(&["queue", "list", "--mine"]).items() {
            self.finish(&item);
        }
    }
}

/// Clones over a folder, ssh, HTTP and HTTP with kept connections.
fn connect(hub: &Hub) -> Vec<Box<dyn Transport>> {
    let ssh = Ssh::connect(&hub.clones[1], &hub.bare, 7);
    let (http, kept) = (Http::serve(&hub.bare, false, 8), Http::serve(&hub.bare, true, 9));
    http.connect(&hub.clones[2]);
    kept.connect(&hub.clones[3]);
    vec![Box::new(ssh), Box::new(http), Box::new(kept)]
}

fn storm(items: usize, replay: usize) {
    let hub = Hub::new(4);
    let ways = connect(&hub);
    let lines: String = (0..items)
        .map(|i| format!("{{\"id\":\"T{i}\",\"title\":\"t\",\"files\":[\"f{}\"]}}\n", i % 97))
        .collect();
    hub.clones[0].import(&lines).ok();
    let ledger = Ledger::default();
    let begin = Instant::now();
    let names = |i: usize| (0..3).map(|s| format!("s{i}{s}")).collect::<Vec<_>>();
    hub.clones.iter().enumerate().for_each(|(i, clone)| clone.sessions(&names(i)));
    ways.iter().for_each(|way| way.set(&faults::mixed()));
    std::thread::scope(|scope| {
        for (i, clone) in hub.clones.iter().enumerate() {
            for (s, name) in names(i).into_iter().enumerate() {
                let dice = Dice(0x5eed + 31 * (i * 3 + s) as u64);
                let worker = Worker { clone, ledger: &ledger, name, dice };
                scope.spawn(move || worker.work(items));
            }
        }
    });
    ways.iter().for_each(|way| way.set(&[Fault::Well]));
    // What is still on its way arrives, and finds itself overtaken.
    std::thread::sleep(Duration::from_secs(2));
    hub.check("after the storm");
    let done = ledger.done.lock().unwrap();
    assert_eq!(done.len(), items);
    let finished = hub.clones[0].events();
    let mut finished: Vec<String> = finished
        .iter()
        .filter(|e| e.event == git_coord::model::EventKind::Done)
        .flat_map(|e| e.data["items"].as_array().cloned().unwrap_or_else(|| vec![e.data["item"].clone()]))
        .map(|item| item.as_str().unwrap_or_default().to_owned())
        .collect();
    finished.sort();
    let mut all: Vec<String> = (0..items).map(|i| format!("T{i}")).collect();
    all.sort();
    assert_eq!(finished, all, "the log has each item once");
    let credited: u64 = (0..4).flat_map(names).map(|name| hub.clones[1].session(&name).done).sum();
    assert_eq!(credited as usize, items);
    let seen = hub.replay(replay, "in the storm");
    assert!(seen > 0);
    eprintln!(
        "{} operations ({items} items, {} races) in {:?}; {} commands killed, {} unchanged, {} unknown, {} late; {seen} states checked",
        ledger.acts.load(Ordering::Relaxed),
        ledger.races.load(Ordering::Relaxed),
        begin.elapsed(),
        ledger.killed.load(Ordering::Relaxed),
        ledger.unchanged.load(Ordering::Relaxed),
        ledger.unknown.load(Ordering::Relaxed),
        ways.iter().map(|way| way.late()).sum::<usize>(),
    );
}

/// benches/faults.sh makes it a long one: `COORD_FAULT_ITEMS` says how many.
#[test]
fn a_storm_of_faults_loses_nothing_and_doubles_nothing() {
    match std::env::var("COORD_FAULT_ITEMS") {
        Ok(items) => storm(items.parse().unwrap(), 50),
        Err(_) => storm(250, 5),
    }
}
