//! Five sessions, each with the queue of one severity, work off a backlog of findings.

use std::collections::{BTreeMap, BTreeSet};

use git_coord::model::op::{Finish, StartSession, TakeNext};
use git_coord::model::{ItemId, Op, Outcome, QueueName, queue};
use git_coord::store::{Store, StoreOptions};
use serde_json::json;

use crate::common::{Dice, TestEnv, name};

const SEVERITIES: [&str; 5] = ["BLOCKER", "CRITICAL", "MAJOR", "MINOR", "INFO"];
const CATEGORIES: [&str; 6] =
    ["async-await", "deprecated-api", "complexity", "type-errors", "security", "style"];

/// Unevenly spread over the five, as findings are. `examples/backlog.rs` takes 200,000.
const FINDINGS: usize = 1_000;

fn severity(number: usize) -> &'static str {
    SEVERITIES[match number % 100 {
        0 => 0,
        1..10 => 1,
        10..50 => 2,
        50..80 => 3,
        _ => 4,
    }]
}

#[test]
fn five_sessions_by_severity_finish_every_finding_once() {
    let env = TestEnv::new();
    for severity in SEVERITIES {
        let session = name(&severity.to_lowercase());
        let queues = Some(vec![QueueName::parse(&severity.to_lowercase()).unwrap()]);
        let start = StartSession { queues, token: severity.into(), ..StartSession::new(session) };
        env.store().submit(&Op::StartSession(start), None).unwrap();
    }
    let lines: String = (0..FINDINGS)
        .map(|n| {
            let finding = json!({
                "id": format!("F{n:06}"), "title": format!("finding {n}"), "severity": severity(n),
                "category": CATEGORIES[n % 7 % 6], "files": [format!("src/d{}/f{}.ts", n % 31, n % 977)],
            });
            format!("{finding}\n")
        })
        .collect();
    let import = ["queue", "import", "--partition", "severity", "-"];
    env.run(&env.root).args(import).stdin(lines.clone()).call().ok();
    let finished: BTreeMap<String, Vec<String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = SEVERITIES
            .iter()
            .enumerate()
            .map(|(n, severity)| {
                let env = &env;
                scope.spawn(move || (severity.to_lowercase(), work(env, severity, n as u64 + 1)))
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    env.check("after all work");
    let mut seen: BTreeSet<&String> = BTreeSet::new();
    for (session, items) in &finished {
        for item in items {
            assert!(seen.insert(item), "{item} was handed out and finished twice");
            let number: usize = item[1..].parse().unwrap();
            assert_eq!(severity(number).to_lowercase(), *session, "{item} is none of {session}'s");
        }
        assert_eq!(env.session(session).done, items.len() as u64, "{session} counts what it did");
    }
    assert_eq!(seen.len(), FINDINGS, "every finding was finished");
    let call = env.coord(&["status"]);
    let status = call.ok();
    let queues: Vec<String> = SEVERITIES.iter().map(|s| s.to_lowercase()).collect();
    let categories: Vec<String> = CATEGORIES.iter().map(ToString::to_string).collect();
    for (key, names) in [("queues", queues), ("categories", categories)] {
        for name in &names {
            let so = (0..FINDINGS)
                .filter(|n| severity(*n).to_lowercase() == *name || CATEGORIES[n % 7 % 6] == name)
                .count();
            let row = status[key].as_array().unwrap().iter().find(|r| r["name"] == *name);
            let row = row.unwrap_or_else(|| panic!("{key} has no {name}: {status}"));
            assert_eq!([&row["total"], &row["done"]], [so, so], "{key} {name}");
            assert_eq!(row["success_rate"], 1.0);
        }
    }
    assert_eq!(status["success_rate"], 1.0);
    // Imported once more, nothing of it is new.
    let again = env.run(&env.root).args(import).stdin(lines).call();
    assert_eq!((&again.ok()["added"], &again.ok()["known"]), (&json!(0), &json!(FINDINGS)));
    let queues = env.store().read(|view| queue::all(view)).unwrap();
    assert!(queues.iter().all(|q| q.counts.total() == q.counts.done));
    env.coord(&["doctor"]).ok();
}

/// A session's work until there is nothing left for it; returns what it has finished.
fn work(env: &TestEnv, severity: &str, seed: u64) -> Vec<String> {
    let store = Store::open(&env.common_dir(), StoreOptions::default()).unwrap();
    let session = name(&severity.to_lowercase());
    let mut dice = Dice(7919 * seed);
    let mut finished = Vec::new();
    loop {
        let count = if dice.below(10) == 0 { 3 } else { 1 };
        let next = TakeNext {
            session: session.clone(),
            queues: vec![],
            count,
            ttl: 600,
            filter: Default::default(),
            choice: Default::default(),
        };
        let Outcome::Taken { items, reason, .. } = store.submit(&Op::Next(next), None).unwrap() else {
            panic!("{session} is offered work")
        };
        if items.is_empty() {
            // Files of the others' items may be in the way for a while.
            let held = format!("{reason:?}").contains("Waiting");
            if held {
                std::thread::yield_now()
            } else {
                return finished;
            }
            continue;
        }
        assert!(
            items.iter().all(|i| i.queue.as_str() == severity.to_lowercase()),
            "{session} has taken {items:?}"
        );
        let ids: Vec<ItemId> = items.into_iter().map(|t| t.item.id).collect();
        finished.extend(ids.iter().map(ToString::to_string));
        let done = Op::Finish { session: session.clone(), items: ids, how: Finish::Done, lease: None };
        let outcome = store.submit(&done, None).unwrap();
        assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
        if store.wants_upkeep() {
            store.upkeep().unwrap();
        }
    }
}
