//! Files that processes have left which died in the middle of something.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::files::{file_name, files_in};

/// How the names of such files begin; eight hex digits follow.
const BEGINNINGS: [&str; 8] = [
    "stale-lock-",
    "arbiter.json.",
    "brought.json.",
    "config.",
    "fairness.json.",
    "leases.json.",
    "prefetch.json.",
    "refs/coord/state.stale-",
];

/// Those in a store that are older than `age`. Each exists for the time of one write, or one look.
pub(crate) fn leftovers(store: &Path, age: Duration) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for beginning in BEGINNINGS {
        let (dir, beginning) = beginning.rsplit_once('/').unwrap_or(("", beginning));
        found.extend(files_in(&store.join(dir)).into_iter().filter(|path| {
            let name = file_name(path);
            let drawn = name.strip_prefix(beginning).unwrap_or_default();
            drawn.len() == 8 && drawn.bytes().all(|b| b.is_ascii_hexdigit()) && is_older(path, age)
        }));
    }
    found
}

fn is_older(path: &Path, age: Duration) -> bool {
    let written = fs::symlink_metadata(path).and_then(|m| m.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|passed| passed >= age))
}
