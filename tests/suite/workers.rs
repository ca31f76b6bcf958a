//! Workers that drain a queue while they are killed at random.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use git_coord::model::{item_index, queue};

use crate::common::{Call, Dice, TestEnv};

const WORKERS: u64 = 8;
const ITEMS: usize = 400;

/// Lets a command run, or kills it after a random time. `None`: it was killed.
fn fate(env: &TestEnv, dice: &mut Dice, session: &str, words: &[&str]) -> Option<Call> {
    let mut child = env.run(&env.root).session(session).args(words).spawn();
    if dice.below(4) == 0 {
        // From before its first instruction until after its last.
        std::thread::sleep(Duration::from_micros(dice.below(9000)));
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    if output.status.code().is_none() { None } else { Some(Call::of(output)) }
}

#[test]
fn killed_workers_lose_no_item_and_finish_none_twice() {
    let env = TestEnv::new();
    let names: Vec<String> = (0..WORKERS).map(|i| format!("w{i}")).collect();
    env.sessions(&names);
    let lines: String = (0..ITEMS)
        .map(|i| {
            let need = if i % 10 == 9 { format!(",\"needs\":[\"t{}\"]", i - 1) } else { String::new() };
            format!("{{\"id\":\"t{i}\",\"title\":\"t\",\"files\":[\"src/f{}\",\"own/{i}\"]{need}}}\n", i % 40)
        })
        .collect();
    env.import(&lines).ok();
    let acknowledged: Mutex<BTreeMap<String, Vec<String>>> = Mutex::default();
    std::thread::scope(|scope| {
        for (number, name) in names.iter().enumerate() {
            let (env, acknowledged) = (&env, &acknowledged);
            scope.spawn(move || work(env, name, &mut Dice(77 + 1000 * number as u64), acknowledged));
        }
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    env.check("after all work");
    let record = env.store().read(|view| queue::all(view)).unwrap().remove(0);
    assert_eq!(record.counts.done, ITEMS as u64, "every item is done: {:?}", record.counts);
    assert_eq!(record.counts.total(), ITEMS as u64);
    // The log shows that each item was done exactly once, by the session that got that answer.
    let mut finished: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in env.events().iter().filter(|e| e.event == git_coord::model::EventKind::Done) {
        let session = event.session.as_ref().unwrap().to_string();
        for item in event.data["items"].as_array().unwrap() {
            finished.entry(item.as_str().unwrap().to_owned()).or_default().push(session.clone());
        }
    }
    assert_eq!(finished.len(), ITEMS, "the log knows of every item");
    for (item, by) in &finished {
        assert_eq!(by.len(), 1, "{item} was finished by {by:?}");
    }
    for (item, by) in &acknowledged {
        assert!(by.iter().all(|s| *s == finished[item][0]), "{item} was acknowledged to {by:?}");
    }
    let index = env.store().read(|view| item_index::all(view)).unwrap();
    assert_eq!(index.len(), ITEMS, "no item was lost");
    // Killed writers leave objects half written; upkeep removes them.
    env.coord(&["upkeep"]).ok();
    env.fsck("after all work and upkeep");
    // The other examination, which shares no code with the one above.
    env.coord(&["doctor"]).ok();
}

/// Takes and finishes items until there are none. After a kill it goes on like a restarted
/// session would: it looks at what it holds, or forgets it all and lets the leases run out.
fn work(env: &TestEnv, name: &str, dice: &mut Dice, acknowledged: &Mutex<BTreeMap<String, Vec<String>>>) {
    loop {
        let count = (1 + dice.below(6)).to_string();
        let held = match fate(env, dice, name, &["next", "--count", &count, "--ttl", "1s"]) {
            Some(call) => {
                if call.items().is_empty() && call.json["data"]["empty_reason"] == "everything is finished" {
                    return;
                }
                call.items()
            }
            // Its answer is lost; the items may be ours.
            None if dice.below(2) == 0 => env.coord_as(name, &["queue", "list", "--mine"]).items(),
            None => {
                std::thread::sleep(Duration::from_millis(1100));
                continue;
            }
        };
        if held.is_empty() {
            std::thread::sleep(Duration::from_millis(20));
        }
        for item in held {
            // Killed: once more, as the contract promises.
            let call = loop {
                if let Some(call) = fate(env, dice, name, &["done", &item]) {
                    break call;
                }
            };
            match call.code {
                Some(0) => {
                    acknowledged.lock().unwrap().entry(item).or_default().push(name.to_owned());
                }
                _ => {
                    call.fails(3, "lost");
                }
            }
        }
    }
}
