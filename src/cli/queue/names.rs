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
