//! `coord.durable`: states that survive a power cut.
//!
//! Without it, an acknowledged act survives the death of any process; with it, also that of the
//! machine: objects and ref are synced to the disk, once for each group of operations. gix does
//! not sync, so it is done here.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use gix::ObjectId;

use crate::store::{STATE_REF, Store, StoreError};

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(StoreError::io("sync to the disk", path))
}

/// The file that names the highest generation that was about to become the state.
const MARK: &str = "high-water";

/// Raises the high-water mark, if the store is durable, before the state moves. A power cut may bring
/// back an older state, which is whole, so that nothing else shows it; numbers of leases must not be
/// given twice then.
pub(in crate::store) fn raise_mark(store: &Store, generation: u64) -> Result<(), StoreError> {
    if !store.options.durable {
        return Ok(());
    }
    let path = store.path.join(MARK);
    // In its place: the text has the same length each time, and is one sector's affair.
    let options = File::options().write(true).create(true).truncate(false).open(&path);
    options
        .and_then(|mut file| file.write_all(format!("{generation:020}\n").as_bytes()).and(file.sync_data()))
        .map_err(StoreError::io("raise the high-water mark", &path))
}

/// The high-water mark; 0 when there is none, or it cannot be used.
pub(in crate::store) fn mark(store: &Store) -> u64 {
    if !store.options.durable {
        return 0;
    }
    let text = fs::read_to_string(store.path.join(MARK)).unwrap_or_default();
    text.trim_end().parse().unwrap_or(0)
}

/// Syncs objects and their folders, if the store is durable.
pub(in crate::store) fn sync_objects(store: &Store, ids: &[ObjectId]) -> Result<(), StoreError> {
    if !store.options.durable {
        return Ok(());
    }
    let mut dirs = std::collections::BTreeSet::new();
    for id in ids {
        let hex = id.to_string();
        let dir = store.path.join("objects").join(&hex[..2]);
        let file = dir.join(&hex[2..]);
        // An object that was known already may stand in a pack, which upkeep has synced.
        if file.exists() {
            sync(&file)?;
            dirs.insert(dir);
        }
    }
    dirs.insert(store.path.join("objects"));
    dirs.iter().try_for_each(|dir| sync(dir))
}

/// Syncs the ref and its folder, if the store is durable.
pub(in crate::store) fn sync_ref(store: &Store) -> Result<(), StoreError> {
    if !store.options.durable {
        return Ok(());
    }
    let path = store.path.join(STATE_REF);
    sync(&path)?;
    path.parent().map_or(Ok(()), sync)
}

/// Syncs a deferred operation and its folder, if the store is durable: its session was told that it
/// is done.
pub(in crate::store) fn sync_deferred(store: &Store, file: &Path) -> Result<(), StoreError> {
    if !store.options.durable {
        return Ok(());
    }
    // One that is gone by now stands in the state.
    match sync(file) {
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
        other => other?,
    }
    file.parent().map_or(Ok(()), sync)
}
