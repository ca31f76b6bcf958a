//! Names of queues that do not exist.

use crate::model::queue;
use crate::model::{Outcome, QueueName};
use crate::store::Store;

use crate::cli::error::{CliError, CliResult};

/// Refuses the name of a queue that does not exist.
pub fn require_queue(store: &Store, name: Option<&QueueName>) -> CliResult<()> {
    let Some(name) = name else { return Ok(()) };
    match store.read(|view| queue::get(view, name))? {
        Some(_) => Ok(()),
        None => {
            Err(CliError::from_refusal(Outcome::Unknown { what: "queue".into(), name: name.to_string() }))
        }
    }
}

/// Queues that are named when one does not exist.
const NAMED: usize = 10;

/// What there is to say of these queues: which of them do not exist, and which do. `None` when
/// all of them exist.
pub fn missing(store: &Store, wanted: &[QueueName]) -> CliResult<Option<String>> {
    let known: Vec<QueueName> = store.read(|view| queue::all(view))?.into_iter().map(|q| q.name).collect();
    let missing: Vec<&QueueName> = wanted.iter().filter(|name| !known.contains(name)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let names = |list: &[&QueueName]| {
        let more = if list.len() > NAMED { ", …" } else { "" };
        let first: Vec<&str> = list.iter().take(NAMED).map(|name| name.as_str()).collect();
        first.join(", ") + more
    };
    let there = match &known.iter().collect::<Vec<_>>()[..] {
        [] => "there is none yet".to_owned(),
        known => format!("there are: {}", names(known)),
    };
    Ok(Some(format!("no queue is called {}; {there}", names(&missing))))
}
