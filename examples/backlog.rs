//! Five sessions, each with the queue of one severity, work off a backlog of findings.
//!
//! ```sh
//! cargo run --profile dist --example backlog -- 200000
//! ```
//!
//! A thread a session, through the library, with upkeep whenever the program would start it, in a
//! temporary store. Prints how fast each tenth went, and at the end whether each finding was
//! finished once, by the session whose queue it is in, and the counters are right.

#![allow(clippy::print_stdout, reason = "an example speaks to its user")]

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use git_coord::model::op::{Finish, StartSession, TakeNext};
use git_coord::model::{Item, ItemId, NewItem, Op, Outcome, QueueName, SessionName, queue};
use git_coord::store::{Store, StoreOptions, create};

type Failure = Box<dyn Error + Send + Sync>;

const SEVERITIES: [&str; 5] = ["blocker", "critical", "major", "minor", "info"];

/// One in a hundred is a blocker, and so on.
fn severity(number: usize) -> &'static str {
    SEVERITIES[match number % 100 {
        0 => 0,
        1..10 => 1,
        10..50 => 2,
        50..80 => 3,
        _ => 4,
    }]
}

fn main() -> Result<(), Failure> {
    let findings: usize = std::env::args().nth(1).map_or(Ok(200_000), |n| n.parse())?;
    let dir = tempfile::tempdir()?;
    let store = create(dir.path(), false, StoreOptions::default())?;
    for name in SEVERITIES {
        let queues = Some(vec![QueueName::parse(name)?]);
        let start = StartSession { queues, ..StartSession::new(SessionName::parse(name)?) };
        store.submit(&Op::StartSession(start), None)?;
    }
    let began = Instant::now();
    let items: Vec<NewItem> = (0..findings).map(finding).collect::<Result<_, _>>()?;
    store.submit(&Op::Import { session: None, items, queue: QueueName::parse("main")? }, None)?;
    store.upkeep()?;
    println!("{findings} findings imported in {:.1} s", began.elapsed().as_secs_f64());
    println!("{:>9} {:>9} {:>9}", "finished", "seconds", "items/s");
    let (finished, began) = (AtomicUsize::new(0), Instant::now());
    let tell = |before: usize, now: usize| {
        let tenth = (findings / 10).max(1);
        if before / tenth != now / tenth {
            let seconds = began.elapsed().as_secs_f64();
            println!("{now:>9} {seconds:>9.1} {:>9.0}", now as f64 / seconds);
        }
    };
    std::thread::scope(|scope| -> Result<(), Failure> {
        let workers: Vec<_> = SEVERITIES
            .iter()
            .map(|name| {
                let (dir, finished, tell) = (dir.path(), &finished, &tell);
                scope.spawn(move || {
                    work(dir, name, |n| {
                        tell(finished.fetch_add(n, Ordering::SeqCst), finished.load(Ordering::SeqCst))
                    })
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| w.join().unwrap_or_else(|_| Err("a worker panicked".into())))
    })?;
    store.upkeep()?;
    prove(&store, findings)
}

fn finding(number: usize) -> Result<NewItem, Failure> {
    let item = serde_json::json!({
        "id": format!("F{number:06}"), "title": format!("Remove the unused variable number {number}"),
        "severity": severity(number), "category": format!("rule-{}", number % 7 % 6),
        "files": [format!("src/d{}/f{}.ts", number % 31, number % 9973)],
    });
    let item: Item = serde_json::from_value(item)?;
    let priority = u32::try_from(SEVERITIES.iter().position(|s| *s == severity(number)).unwrap_or(0))?;
    Ok(NewItem { item, queue: Some(QueueName::parse(severity(number))?), priority })
}

/// A session's work: one item after the other, until there is nothing left for it.
fn work(dir: &Path, name: &str, progress: impl Fn(usize)) -> Result<(), Failure> {
    let store = Store::open(dir, StoreOptions::default())?;
    let session = SessionName::parse(name)?;
    loop {
        let next = TakeNext {
            session: session.clone(),
            queues: vec![],
            count: 1,
            ttl: 600,
            filter: Default::default(),
            choice: Default::default(),
        };
        let Outcome::Taken { items, reason, .. } = store.submit(&Op::Next(next), None)? else {
            return Err("no work is offered".into());
        };
        if items.is_empty() {
            // Another session may hold the files of the last ones for a moment.
            if format!("{reason:?}").contains("Waiting") {
                std::thread::yield_now();
                continue;
            }
            return Ok(());
        }
        if let Some(other) = items.iter().find(|t| t.queue.as_str() != name) {
            return Err(format!("{name} was given {} of {}", other.item.id, other.queue).into());
        }
        let ids: Vec<ItemId> = items.into_iter().map(|t| t.item.id).collect();
        let count = ids.len();
        let done = Op::Finish { session: session.clone(), items: ids, how: Finish::Done, lease: None };
        if !matches!(store.submit(&done, None)?, Outcome::Finished { .. }) {
            return Err("finishing was refused".into());
        }
        progress(count);
        if store.wants_upkeep() {
            store.upkeep()?;
        }
    }
}

/// Counts in the log and in the counters.
fn prove(store: &Store, findings: usize) -> Result<(), Failure> {
    let mut by: HashMap<String, String> = HashMap::new();
    let mut twice = 0;
    store.log(|event| {
        let items = event.data.get("items").and_then(serde_json::Value::as_array);
        for item in items.filter(|_| event.event == git_coord::model::EventKind::Done).into_iter().flatten() {
            let item = item.as_str().unwrap_or_default().to_owned();
            let session = event.session.as_ref().map(ToString::to_string).unwrap_or_default();
            twice += usize::from(by.insert(item, session).is_some());
        }
        true
    })?;
    let number = |id: &str| id.get(1..).and_then(|n| n.parse().ok()).map(severity);
    let strange = by.iter().filter(|(id, session)| number(id) != Some(session.as_str())).count();
    let queues = store.read(|view| queue::all(view))?;
    let counted: u64 = queues.iter().map(|q| q.counts.done).sum();
    let named: u64 = queues
        .iter()
        .flat_map(|q| q.stats.iter().flat_map(|s| &s.categories.list))
        .map(|n| n.tally.counts.done)
        .sum();
    let done = by.len();
    println!(
        "{done} finished, {twice} twice, {strange} by another session; counted: {counted}, by category {named}"
    );
    let right =
        (done, twice, strange) == (findings, 0, 0) && [counted, named].iter().all(|n| *n == findings as u64);
    if right { Ok(()) } else { Err("that is not right".into()) }
}
