//! Telling whether the owner of a file is dead, and removing what it left.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::store::{StoreError, StoreLock, random_hex};

/// A lock file of a ref that is older than this has no living owner (see the store's own rule).
pub const LOCK_AGE: Duration = Duration::from_secs(2);

/// A temporary file that is older than this has no living owner: each exists for one write.
pub const LEFTOVER_AGE: Duration = Duration::from_secs(10);

/// An answer in the write queue that nobody has fetched for so long, although its process is
/// gone from this machine.
pub const ANSWER_AGE: Duration = Duration::from_secs(60);

/// When a file was last written.
pub fn written(path: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(path).and_then(|m| m.modified()).ok()
}

/// How long ago a file was written; none when it is gone, zero when its time is in the future.
pub fn age(path: &Path) -> Option<Duration> {
    Some(written(path)?.elapsed().unwrap_or_default())
}

/// True when a file is older than that.
pub fn is_older(path: &Path, than: Duration) -> bool {
    age(path).is_some_and(|age| age >= than)
}

/// Waits until a lock file is old enough to be judged; true when it is still the same one.
pub fn outlives_its_owner(path: &Path) -> bool {
    let Some(before) = written(path) else { return false };
    let young = LOCK_AGE.saturating_sub(before.elapsed().unwrap_or_default());
    if !young.is_zero() {
        std::thread::sleep(young);
    }
    written(path) == Some(before)
}

/// True when no process of this number lives here.
pub fn is_gone(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return true };
    rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
}

/// Removes a file that was judged dead. Renamed first and looked at again, so that what is
/// removed is what was judged: without that, a file that a living process has just put there
/// under the same name would go.
///
/// # Errors
/// When it cannot be moved or removed.
pub fn remove(path: &Path, store: &Path, _guard: &StoreLock) -> Result<(), StoreError> {
    let Some(judged) = written(path) else { return Ok(()) };
    let aside = store.join(format!("stale-lock-{}", random_hex(4)));
    std::fs::rename(path, &aside).map_err(StoreError::io("move a stale file", path))?;
    if written(&aside) != Some(judged) {
        // Written in the same instant by somebody alive: give it back, unless there is another.
        let _ = std::fs::hard_link(&aside, path);
    }
    std::fs::remove_file(&aside).map_err(StoreError::io("remove a stale file", &aside))
}

/// Moves a damaged file to the folder `damaged`, where it can be looked at later.
///
/// # Errors
/// When it cannot be moved.
pub fn put_aside(path: &Path, store: &Path, _guard: &StoreLock) -> Result<(), StoreError> {
    let folder = store.join("damaged");
    std::fs::create_dir_all(&folder).map_err(StoreError::io("make", &folder))?;
    let parent = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut to = folder.join(format!("{parent}-{name}"));
    if to.exists() {
        to = folder.join(format!("{parent}-{name}-{}", random_hex(4)));
    }
    std::fs::rename(path, &to).map_err(StoreError::io("put a damaged file aside", path))
}
