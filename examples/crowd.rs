//! Many sessions at once, one process a call: the load of `benches/throughput.sh`.
//!
//! ```sh
//! crowd SESSIONS NEXT DONE
//! ```
//!
//! Each session runs NEXT again and again until it prints nothing; its first word is an item, with
//! which DONE is run. `{s}` is replaced by the session's number, `{id}` by the item. Prints: items,
//! seconds, items handed out twice, the median of a call in ms, the longest one in ms.

#![allow(clippy::print_stdout, reason = "an example speaks to its user")]

use std::collections::HashSet;
use std::error::Error;
use std::process::Stdio;
use std::time::{Duration, Instant};

use git_coord::process::command;

type Failure = Box<dyn Error + Send + Sync>;

/// What one session has done.
#[derive(Default)]
struct Work {
    items: Vec<String>,
    calls: Vec<Duration>,
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [sessions, next, done] = &words[..] else {
        return Err("usage: crowd SESSIONS NEXT DONE".into());
    };
    let sessions: usize = sessions.parse()?;
    let began = Instant::now();
    let all: Vec<Work> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..sessions).map(|n| scope.spawn(move || work(&n.to_string(), next, done))).collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect::<Result<_, _>>()
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let items: Vec<&String> = all.iter().flat_map(|w| &w.items).collect();
    let twice = items.len() - items.iter().collect::<HashSet<_>>().len();
    let mut calls: Vec<Duration> = all.iter().flat_map(|w| w.calls.clone()).collect();
    calls.sort();
    let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1e3);
    let (middle, last) = (ms(calls.get(calls.len() / 2)), ms(calls.last()));
    println!("{} {seconds:.2} {twice} {middle:.1} {last:.1}", items.len());
    Ok(())
}

fn work(session: &str, next: &str, done: &str) -> Result<Work, Failure> {
    let mut work = Work::default();
    loop {
        let said = call(&mut work, &next.replace("{s}", session))?;
        let Some(item) = said.split_whitespace().next() else { return Ok(work) };
        call(&mut work, &done.replace("{s}", session).replace("{id}", item))?;
        work.items.push(item.to_owned());
    }
}

/// Runs a command, which must succeed; returns what it prints.
fn call(work: &mut Work, line: &str) -> Result<String, Failure> {
    let words = shlex::split(line).ok_or("a command has an open quote")?;
    let (program, args) = words.split_first().ok_or("a command is empty")?;
    let began = Instant::now();
    let output = command(program).args(args).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    work.calls.push(began.elapsed());
    if !output.status.success() {
        return Err(format!("{line}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
