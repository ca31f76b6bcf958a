//! Who decides: this clone alone, or a remote that several clones share.
//!
//! The file `authority.json` of the store names the remote and this clone. It is read under the
//! kernel lock, so that an act that began before the arbiter moved is never carried out under
//! the old one. Without the file the store decides by itself.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::create::is_being_made;
use crate::store::{STORE_DIR, StoreError, side_files};

const FILE: &str = "arbiter.json";

/// The file of [`Brought`].
const BROUGHT: &str = "brought.json";

/// What this clone has brought in last. The state names that for each clone; when it names something
/// else, a copy of this folder goes by the same name.
#[derive(Debug, Serialize, Deserialize)]
struct Brought {
    clone: String,
    nonce: String,
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteArbiter {
    /// Name of the remote in the configuration of the user's repository.
    pub remote: String,
    /// This clone: drawn at random, and anew when the folder turns out to be a copy.
    pub clone: String,
    /// Where the file was written. A copied folder differs in at least one of these, and two
    /// clones under one name could take each other's pushes for their own.
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    host: String,
    path: PathBuf,
    inode: u64,
}

impl Place {
    fn of(store: &Path) -> Result<Self, StoreError> {
        let inode = fs::metadata(store.join(FILE)).map_err(StoreError::io("read", store))?.ino();
        Ok(Self::new(store, inode))
    }

    fn new(store: &Path, inode: u64) -> Self {
        // One that is still being made is renamed at the end, and is no copy then.
        let path = if is_being_made(store) { store.with_file_name(STORE_DIR) } else { store.to_owned() };
        Place { host: host_name(), path, inode }
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl RemoteArbiter {
    /// Reads the file; `None` when the store decides by itself. A copied folder gets a name of
    /// its own. The caller holds the kernel lock.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is damaged.
    pub(in crate::store) fn read(store: &Path) -> Result<Option<Self>, StoreError> {
        let Some(found) = Self::peek(store)? else { return Ok(None) };
        let here = Place::of(store)?;
        if found.place == here { Ok(Some(found)) } else { Self::write(store, &found.remote).map(Some) }
    }

    /// Reads the file without the lock; `None` also for a folder that is a copy of another clone's
    /// and has no name of its own yet.
    ///
    /// # Errors
    /// As [`RemoteArbiter::peek`].
    pub(in crate::store) fn here(store: &Path) -> Result<Option<Self>, StoreError> {
        let Some(found) = Self::peek(store)? else { return Ok(None) };
        let here = Place::of(store)?;
        Ok(Some(found).filter(|found| found.place == here))
    }

    /// Reads the file without the lock: for what is shown.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(in crate::store) fn peek(store: &Path) -> Result<Option<Self>, StoreError> {
        let path = store.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| crate::model::ViewError::damaged(FILE, e).into()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io("read the arbiter", &path)(e)),
        }
    }

    /// Makes a remote the arbiter, under a new name of this clone.
    pub(in crate::store) fn write(store: &Path, remote: &str) -> Result<Self, StoreError> {
        Self::put(store, remote, crate::store::random_hex(6))
    }

    /// Makes another remote with the same state the arbiter. Leases know the clone by its name,
    /// so it stays.
    pub(in crate::store) fn point_at(&self, store: &Path, remote: &str) -> Result<Self, StoreError> {
        Self::put(store, remote, self.clone.clone())
    }

    fn put(store: &Path, remote: &str, clone: String) -> Result<Self, StoreError> {
        let path = store.join(FILE);
        let failed = |e| StoreError::io("write the arbiter", &path)(e);
        let (mut file, temporary) = side_files::temporary(&path).map_err(failed)?;
        let inode = file.metadata().map_err(failed)?.ino();
        let arbiter = RemoteArbiter { remote: remote.to_owned(), clone, place: Place::new(store, inode) };
        let written = file.write_all(&crate::model::to_json(&arbiter)).and_then(|()| file.sync_all());
        side_files::commit(written, &temporary, &path).map_err(failed)?;
        Ok(arbiter)
    }

    /// Notes the nonce of the last state that this clone has brought in.
    pub(in crate::store) fn note_brought(&self, store: &Path, nonce: &str) -> Result<(), StoreError> {
        let brought = Brought { clone: self.clone.clone(), nonce: nonce.to_owned() };
        side_files::note("note what this clone has brought in", &store.join(BROUGHT), &brought)
    }

    /// True when the last state that came in under this clone's name, with this nonce, may be its own.
    /// Without a note, or with that of an earlier name, nothing is known.
    pub(in crate::store) fn has_brought(&self, store: &Path, nonce: &str) -> bool {
        let brought: Option<Brought> = side_files::read(&store.join(BROUGHT));
        brought.is_none_or(|brought| brought.clone != self.clone || brought.nonce == nonce)
    }

    /// Makes the store decide by itself.
    pub(in crate::store) fn remove(store: &Path) -> Result<(), StoreError> {
        side_files::remove("remove", &store.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_store_gets_a_name_of_its_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let (store, copy) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir(&store).expect("made");
        fs::create_dir(&copy).expect("made");
        assert_eq!(RemoteArbiter::read(&store).expect("read"), None);
        let first = RemoteArbiter::write(&store, "origin").expect("written");
        assert_eq!(RemoteArbiter::read(&store).expect("read"), Some(first.clone()));
        fs::copy(store.join(FILE), copy.join(FILE)).expect("copied");
        let second = RemoteArbiter::read(&copy).expect("read").expect("there");
        assert_eq!(second.remote, "origin");
        assert_ne!(second.clone, first.clone);
        assert_eq!(RemoteArbiter::read(&copy).expect("read"), Some(second));
    }
}
