//! Files beside the state: hints, counts, signs of life, notes of one clone. Most may be lost
//! without harm.

pub(in crate::store) mod conflict_count;
pub(in crate::store) mod hints;
pub(in crate::store) mod leftovers;
mod signs_of_life;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{StoreError, random_hex};

/// Reads a file of notes; `None` when there is none, or it cannot be used.
pub(in crate::store) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a file of notes, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub(in crate::store) fn note<T: Serialize>(
    what: &'static str,
    path: &Path,
    notes: &T,
) -> Result<(), StoreError> {
    write(path, &crate::model::to_json(notes)).map_err(StoreError::io(what, path))
}

/// Writes a file under another name and renames it: a reader sees the old content or the new.
///
/// # Errors
/// When it cannot be written.
pub(in crate::store) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut file, temporary) = temporary(path)?;
    commit(file.write_all(bytes), &temporary, path)
}

/// A new file that is to take the place of `path`. Its name is that of `path` and eight hex digits.
pub(in crate::store) fn temporary(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", random_hex(4)));
    let temporary = path.with_file_name(name);
    Ok((File::create_new(&temporary)?, temporary))
}

/// Puts a temporary file in the place of `path`, or removes it when writing it has failed.
pub(in crate::store) fn commit(written: io::Result<()>, temporary: &Path, path: &Path) -> io::Result<()> {
    written.and_then(|()| fs::rename(temporary, path)).inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

/// Removes a file that may be missing.
///
/// # Errors
/// When it is there and cannot be removed.
pub(in crate::store) fn remove(what: &'static str, path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io(what, path)(e)),
        _ => Ok(()),
    }
}
