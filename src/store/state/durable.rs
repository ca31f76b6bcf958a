//! `coord.durable`: states that survive a power cut.
//!
//! Without it, an acknowledged act survives the death of any process; with it, also that of the
//! machine: objects and ref are synced to the disk, once for each group of operations. gix does
//! not sync, so it is done here.

use std::fs::File;
use std::path::Path;

use gix::ObjectId;

use crate::store::{STATE_REF, Store, StoreError};

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(StoreError::io("sync to the disk", path))
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

/// Syncs a posted operation and its folder, if the store is durable: whoever posted it was told that
/// it is done.
pub(in crate::store) fn sync_posted(store: &Store, file: &Path) -> Result<(), StoreError> {
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
