//! A store for the time of one command: a state that lies somewhere else, read as if it were here.
//!
//! Its folder is temporary. Objects come from other folders, as alternates, or are fetched into
//! it; nothing outside it is written. So the state of a server, or of a remote that this clone
//! has not joined, is read by the same code as any other, and cannot be mixed up with it.

use std::fs;
use std::path::{Path, PathBuf};

use gix::ObjectId;

use crate::store::{HEAD, STATE_REF, STORE_DIR, Store, StoreError, StoreOptions, config};

/// A temporary store.
#[derive(Debug)]
pub struct TempStore {
    folder: tempfile::TempDir,
}

impl TempStore {
    /// An empty one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(sha256: bool) -> Result<Self, StoreError> {
        let place = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("git-coord-").tempdir_in(&place);
        let folder = folder.map_err(StoreError::io("make a temporary folder in", &place))?;
        let scratch = TempStore { folder };
        for dir in ["objects/info", "objects/pack", "refs/coord"] {
            let dir = scratch.path().join(dir);
            fs::create_dir_all(&dir).map_err(StoreError::io("make a temporary store", &dir))?;
        }
        scratch.write("config", &config(sha256))?;
        scratch.write("HEAD", HEAD)?;
        Ok(scratch)
    }

    /// Lets it see the objects in these folders.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn see(&self, folders: &[PathBuf]) -> Result<(), StoreError> {
        let mut text = Vec::new();
        for folder in folders {
            use std::os::unix::ffi::OsStrExt;
            text.extend_from_slice(folder.as_os_str().as_bytes());
            text.push(b'\n');
        }
        let path = self.path().join("objects/info/alternates");
        fs::write(&path, text).map_err(StoreError::io("make a temporary store", &path))
    }

    /// The store with `tip` as its state.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn at(&self, tip: ObjectId) -> Result<Store, StoreError> {
        self.write(STATE_REF, &format!("{tip}\n"))?;
        self.store(StoreOptions::default())
    }

    /// The store as it is.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn store(&self, options: StoreOptions) -> Result<Store, StoreError> {
        Store::open(self.folder.path(), options)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(STORE_DIR)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let path: &Path = &self.path().join(name);
        fs::write(path, text).map_err(StoreError::io("make a temporary store", path))
    }
}
