//! The compare-and-swap of `refs/coord/state`.
//!
//! The protocol is git's own for loose refs (refs/files-backend.c): the file `state.lock`,
//! created exclusively, keeps every other git out; under it the value is compared, and the lock
//! file with the new value takes the ref's place. So `git update-ref` on the store and this code
//! exclude each other. The store has no reflogs, no symbolic refs to this one, and never packs
//! refs, which leaves nothing else of git's protocol to do.
//!
//! One step differs, for speed: the two files *change places* (`renameat2(RENAME_EXCHANGE)`), and
//! the lock file, which then holds the old value, is put aside. To readers it is the same atomic
//! change. But a rename that *replaces* a file makes ext4 write the new file's data to the disk
//! at once (`auto_da_alloc`), which takes 0.4 to 3 ms where the exchange takes 0.04 ms. Where the
//! file system cannot exchange, it is renamed.
//!
//! Nor is a lock file created and removed each time: ext4 gives an inode that was freed within the
//! last minute to nobody, and looks at each of them for every new file, so that a thousand acts a
//! minute cost a millisecond each. The lock file of one act waits as `ref.spare` for the next,
//! which renames it (`RENAME_NOREPLACE`, as exclusive as a creation).
//!
//! A death between these steps leaves the old or the new value, and a lock file without an owner,
//! which the next writer recognises. A reader may have opened the ref and be overtaken by two
//! acts, so that it reads from a spare in use; [`Store::tip`] notices.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gix::ObjectId;

use crate::crash_point;

use crate::store::{STATE_REF, Store, StoreError};

/// A lock file of the ref that is older than this has no living owner: git holds it for the time
/// of one rename, and git-coord's own writers exclude each other by the kernel lock.
const STALE_AFTER: Duration = Duration::from_secs(2);

/// The file that becomes the ref's lock, in the folder of the store.
const SPARE: &str = "ref.spare";

/// What came of the attempt to move the ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Swap {
    /// The ref was as expected and is moved.
    Won,
    /// Somebody else has moved it.
    Lost,
}

/// Moves the ref from `old` (`None`: it must not exist) to `new`. The caller holds the kernel
/// lock, or nobody else knows the store yet.
pub(in crate::store) fn swap(
    store: &Store,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Swap, StoreError> {
    let path = store.path.join(STATE_REF);
    let lock = RefLock::take(&store.path, &path)?;
    crash_point!("ref locked");
    if store.tip()? != old {
        return Ok(Swap::Lost);
    }
    lock.commit(&path, new)?;
    Ok(Swap::Won)
}

/// The file `state.lock`. Dropping it gives up.
struct RefLock {
    path: PathBuf,
    spare: PathBuf,
    file: File,
    /// True when the name of the lock file is no longer ours.
    given_up: bool,
}

impl Drop for RefLock {
    fn drop(&mut self) {
        if !self.given_up && fs::rename(&self.path, &self.spare).is_err() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl RefLock {
    /// Takes the lock; waits for a git that holds it, and clears one that nobody holds.
    fn take(store: &Path, reference: &Path) -> Result<Self, StoreError> {
        let path = reference.with_extension("lock");
        let spare = store.join(SPARE);
        let mut file = OpenOptions::new();
        file.write(true);
        loop {
            // Fails like an exclusive creation when there is a lock, and when there is no spare.
            let opened = match rename_new(&spare, &path) {
                Ok(()) => file.open(&path),
                Err(_) => file.create_new(true).open(&path),
            };
            match opened {
                Ok(file) => return Ok(RefLock { path, spare, file, given_up: false }),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => wait_or_clear(&path)?,
                Err(e) => return Err(StoreError::io("lock refs/coord/state", &path)(e)),
            }
        }
    }

    /// Makes `new` the value of the ref.
    fn commit(mut self, reference: &Path, new: ObjectId) -> Result<(), StoreError> {
        let failed = |e| StoreError::io("move refs/coord/state", reference)(e);
        let value = format!("{new}\n");
        self.file.write_all(value.as_bytes()).map_err(failed)?;
        // A spare holds an older value, of the same length unless somebody has written to it.
        self.file.set_len(value.len() as u64).map_err(failed)?;
        crash_point!("ref lock written");
        if exchange(&self.path, reference).is_err() {
            fs::rename(&self.path, reference).map_err(failed)?;
            // What may stand under the lock's name from now on is another git's.
            self.given_up = true;
        }
        crash_point!("ref moved");
        // Dropping the lock puts aside what stands under its name after an exchange: the old value.
        Ok(())
    }
}

/// Renames a file unless the new name is taken.
#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Reads the file of the ref. The file that was open when the reading began may have become a
/// spare and be written to for a later act; what is read counts only if it is still the ref's.
pub(in crate::store) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::MetadataExt;
    loop {
        let mut file = File::open(path)?;
        let mut bytes = Vec::with_capacity(80);
        std::io::Read::read_to_end(&mut file, &mut bytes)?;
        if file.metadata()?.ino() == fs::metadata(path)?.ino() {
            return Ok(bytes);
        }
    }
}

/// Waits for the owner of a lock file, or removes the file when its owner must be dead.
///
/// The owner can only be a git that somebody runs on the store by hand, because the caller holds
/// the kernel lock. Renamed first and looked at again: the file that is removed is the one that
/// was judged.
fn wait_or_clear(path: &Path) -> Result<(), StoreError> {
    let written = |p: &Path| fs::metadata(p).and_then(|m| m.modified()).ok();
    let Some(before) = written(path) else { return Ok(()) };
    if age(before) < STALE_AFTER {
        std::thread::sleep(Duration::from_millis(20));
        return Ok(());
    }
    let aside = path.with_extension(format!("stale-{}", crate::store::random_hex(4)));
    match fs::rename(path, &aside) {
        Ok(()) if written(&aside) == Some(before) => {
            fs::remove_file(&aside).map_err(StoreError::io("remove a stale lock", &aside))
        }
        Ok(()) => {
            // Taken in the same instant by somebody alive: give it back.
            let _ = fs::hard_link(&aside, path);
            let _ = fs::remove_file(&aside);
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StoreError::io("remove a stale lock", path)(e)),
    }
}

/// Time since a file was written; none when its time lies in the future.
fn age(written: SystemTime) -> Duration {
    written.elapsed().unwrap_or_default()
}
