//! The outbox: operations whose answer nobody waits for, so that their process need not live.
//!
//! With a remote, what only records (a commit, progress) and what was granted from the prefetched
//! items goes out this way with the next push. They are stored in the write queue; the end of
//! their id says what they are.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::model::Op;
use crate::store::StoreError;

use super::batch::Origin;
use super::write_queue::{Entry, WriteQueue, parse, read_if_there};

/// How the ids of operations end that change only the log.
const RECORD: &str = "-record";

/// How the ids of those end that change more.
const CHANGE: &str = "-change";

/// How the ids of those end that report what was granted from the prefetched items.
const GRANT: &str = "-grant";

/// True for a file of a deferred operation, which needs no living process.
pub(crate) fn is_deferred(file: &Path) -> bool {
    file.file_stem().is_some_and(|id| is_deferred_id(&id.to_string_lossy()))
}

fn is_deferred_id(id: &str) -> bool {
    [RECORD, CHANGE, GRANT].iter().any(|ending| id.ends_with(ending))
}

/// Where a deferred operation comes from; `None` for one whose process waits. Its id begins with
/// the time when it was accepted.
pub(super) fn origin(id: &str) -> Option<Origin> {
    let nanos = id.split('-').next().filter(|_| is_deferred_id(id))?;
    let accepted = nanos.parse().ok().and_then(|n| Timestamp::from_nanosecond(n).ok()).unwrap_or_default();
    Some(if id.ends_with(GRANT) { Origin::Granted { accepted } } else { Origin::Deferred { accepted } })
}

/// The outbox of a store.
#[derive(Debug)]
pub(in crate::store) struct Outbox {
    queue: WriteQueue,
}

impl Outbox {
    pub fn new(store: &Path) -> Self {
        Outbox { queue: WriteQueue::new(store) }
    }

    /// Leaves an operation for the next writer; returns its file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn defer(&self, op: &Op) -> Result<PathBuf, StoreError> {
        self.put(op, if op.only_records() { RECORD } else { CHANGE })
    }

    /// Notes what was granted from the prefetched items; returns the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn grant(&self, op: &Op) -> Result<PathBuf, StoreError> {
        self.put(op, GRANT)
    }

    fn put(&self, op: &Op, ending: &str) -> Result<PathBuf, StoreError> {
        self.queue.put(op, false, ending).map(|(id, _)| self.queue.file(&id, "op"))
    }

    /// Number of operations that were not carried out yet.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn count(&self) -> Result<usize, StoreError> {
        Ok(self.ids()?.len())
    }

    /// True when items were granted that the remote does not know of yet.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn has_grants(&self) -> Result<bool, StoreError> {
        Ok(self.ids()?.iter().any(|id| id.ends_with(GRANT)))
    }

    /// What was accepted without the remote and will change the state when it goes out: first what
    /// was granted, then what was finished or given back, each oldest first.
    ///
    /// # Errors
    /// When one of them cannot be read: what was granted would seem to be free.
    pub fn accepted(&self) -> Result<Vec<Op>, StoreError> {
        let mut ids = self.ids()?;
        ids.retain(|id| !id.ends_with(RECORD));
        ids.sort_by_key(|id| !id.ends_with(GRANT));
        let mut list = Vec::with_capacity(ids.len());
        for id in ids {
            // One that is gone by now is part of the state.
            if let Some(bytes) = self.read(&id)? {
                list.extend(parse::<Entry>(&bytes).map(|entry| entry.op));
            }
        }
        Ok(list)
    }

    fn read(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let what = "read what was accepted";
        // A writer may take it, or put it back, between two looks.
        for ending in ["op", "taken", "op"] {
            if let Some(bytes) = read_if_there(what, &self.queue.file(id, ending))? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn ids(&self) -> Result<Vec<String>, StoreError> {
        let mut ids = self.queue.ids(&["op", "taken"])?;
        ids.retain(|id| is_deferred_id(id));
        Ok(ids)
    }
}
