//! This process's own place in the write queue.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::PathBuf;

use crate::model::Outcome;
use crate::store::StoreError;

use super::write_queue::{Answer, WriteQueue, parse, read_if_there, rename_if_there};

/// An operation of this process that waits in the queue.
#[derive(Debug)]
#[must_use]
pub(in crate::store) struct Waiter {
    pub id: String,
    /// True when being refused for now is not an answer.
    pub patient: bool,
    queue: WriteQueue,
    /// True when no writer will carry the operation out, or its answer has been read.
    settled: Cell<bool>,
    /// Keeps the lock that shows that this process lives.
    _file: File,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // What a writer has taken stays: without its answer, the next writer would do it again.
        if self.settled.get() || self.withdraw().unwrap_or(false) {
            for ending in ["withdrawn", "taken", "pre", "out"] {
                let _ = fs::remove_file(self.queue.file(&self.id, ending));
            }
        }
    }
}

impl Waiter {
    pub(super) fn new(id: String, patient: bool, queue: WriteQueue, file: File) -> Self {
        Waiter { id, patient, queue, settled: Cell::new(false), _file: file }
    }

    /// The file of the operation, which was written when it began to wait.
    pub fn path(&self) -> PathBuf {
        self.queue.file(&self.id, "op")
    }

    /// True when a writer has taken the operation and its outcome is not known yet.
    pub fn is_taken(&self) -> bool {
        ["taken", "pre"].iter().any(|ending| self.queue.file(&self.id, ending).exists())
    }

    /// Takes the operation out of the queue, so that no other process ever carries it out. False
    /// when one has taken it: nobody can say then what became of it, before there is an answer.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn withdraw(&self) -> Result<bool, StoreError> {
        let withdrawn = self.queue.file(&self.id, "withdrawn");
        let was_there = rename_if_there("withdraw an operation", &self.path(), &withdrawn)?;
        self.settled.set(self.settled.get() || was_there || withdrawn.exists());
        Ok(self.settled.get())
    }

    /// Lets a withdrawn operation wait again.
    ///
    /// # Errors
    /// When its file cannot be renamed.
    pub fn rejoin(&self) -> Result<(), StoreError> {
        let withdrawn = self.queue.file(&self.id, "withdrawn");
        if rename_if_there("rejoin the write queue", &withdrawn, &self.path())? {
            self.settled.set(false);
        }
        Ok(())
    }

    /// The answer, once there is one.
    ///
    /// # Errors
    /// When it cannot be read. The operation may have been done.
    pub fn answer(&self) -> Result<Option<Outcome>, StoreError> {
        let path = self.queue.file(&self.id, "out");
        let answer = read_if_there("read an answer", &path)?.and_then(|bytes| parse::<Answer>(&bytes));
        self.settled.set(self.settled.get() || answer.is_some());
        Ok(answer.map(|a| a.outcome))
    }
}
