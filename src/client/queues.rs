//! Names of queues that do not exist.

use std::fmt;

use crate::model::{QueueName, queue};
use crate::store::Store;

use super::ClientResult;

/// Queues that are named in a sentence.
const NAMED: usize = 10;

/// Queues that were named and do not exist: a slip, or they will be made later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingQueues {
    /// They; none when all exist.
    pub missing: Vec<QueueName>,
    /// Queues that exist.
    pub known: Vec<QueueName>,
}

impl MissingQueues {
    /// Which of these do not exist.
    ///
    /// # Errors
    /// From the store.
    pub fn among(store: &Store, wanted: &[QueueName]) -> ClientResult<Self> {
        if wanted.is_empty() {
            return Ok(MissingQueues::default());
        }
        let known: Vec<QueueName> =
            store.read(|view| queue::all(view))?.into_iter().map(|q| q.name).collect();
        let missing = wanted.iter().filter(|name| !known.contains(name)).cloned().collect();
        Ok(MissingQueues { missing, known })
    }

    /// `None` when all exist.
    pub fn if_any(self) -> Option<Self> {
        (!self.missing.is_empty()).then_some(self)
    }
}

impl fmt::Display for MissingQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |list: &[QueueName]| {
            let more = if list.len() > NAMED { ", …" } else { "" };
            let first: Vec<&str> = list.iter().take(NAMED).map(QueueName::as_str).collect();
            first.join(", ") + more
        };
        write!(f, "no queue is called {}; ", names(&self.missing))?;
        match &self.known[..] {
            [] => f.write_str("there is none yet"),
            known => write!(f, "there are: {}", names(known)),
        }
    }
}
