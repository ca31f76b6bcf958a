//! Files and folders of a store, read without trust.

use std::path::{Path, PathBuf};

/// What is in a folder; nothing when it cannot be read.
pub(crate) fn files_in(dir: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> =
        std::fs::read_dir(dir).map(|d| d.flatten().map(|e| e.path()).collect()).unwrap_or_default();
    list.sort();
    list
}

/// The last component of a path as text.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
