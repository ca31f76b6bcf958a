//! The kernel lock: one writer at a time.
//!
//! It saves work and orders the writers; what makes a change correct is the compare-and-swap of
//! the ref. The kernel releases the lock when its process dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// Held while the state is being changed.
#[derive(Debug)]
#[must_use]
pub struct StoreLock {
    _file: File,
}

/// True when a lock that is held keeps others out, as it does not on some network file systems.
///
/// # Errors
/// When the lock file cannot be opened.
pub(crate) fn excludes(path: &Path) -> Result<bool, StoreError> {
    let first = try_lock(path)?;
    // Locks belong to the opened file: a second opening within this process is another owner.
    Ok(first.is_none() || try_lock(path)?.is_none())
}

/// How long a process waits for a lock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes a lock if it is free.
///
/// # Errors
/// When the lock file cannot be opened.
pub(in crate::store) fn try_lock(path: &Path) -> Result<Option<StoreLock>, StoreError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(StoreError::io("open the lock", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(StoreLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => {
            Err(StoreError::Io { what: "take the lock", path: path.to_owned(), source })
        }
    }
}

/// Takes a lock, waiting for whoever holds it.
///
/// # Errors
/// When the lock file cannot be opened, or its holder does not come to an end.
pub(in crate::store) fn lock(path: &Path) -> Result<StoreLock, StoreError> {
    lock_within(path, PATIENCE)?.ok_or_else(|| StoreError::Busy { path: path.to_owned(), waited: PATIENCE })
}

/// Takes a lock; `None` when its holder does not come to an end within `patience`.
///
/// # Errors
/// When the lock file cannot be opened.
pub(in crate::store) fn lock_within(
    path: &Path,
    patience: Duration,
) -> Result<Option<StoreLock>, StoreError> {
    let started = Instant::now();
    loop {
        if let Some(guard) = try_lock(path)? {
            return Ok(Some(guard));
        }
        if started.elapsed() > patience {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
