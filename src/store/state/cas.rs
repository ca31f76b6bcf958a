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
//! which the next writer recognises (`ref_lock.rs`). A reader may have opened the ref and be overtaken by two
//! acts, so that it reads from a spare in use; [`Store::tip`] notices.

use std::fs::{self, File};
use std::path::Path;

use gix::ObjectId;

use crate::crash_point;
use crate::store::commit::locked::LockedStore;
use crate::store::{STATE_REF, StoreError};

use super::ref_lock::RefLock;

/// What came of the attempt to move the ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Swap {
    /// The ref was as expected and is moved.
    Won,
    /// Somebody else has moved it.
    Lost,
}

/// Moves the ref from `old` (`None`: it must not exist) to `new`.
pub(in crate::store) fn swap(
    store: &LockedStore<'_>,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Swap, StoreError> {
    let path = store.path.join(STATE_REF);
    let lock = RefLock::take(&store.path, &path)?;
    crash_point!("ref locked");
    if store.tip()? != old {
        return Ok(Swap::Lost);
    }
    Ok(if lock.commit(&path, new, store.options.durable)? { Swap::Won } else { Swap::Lost })
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
