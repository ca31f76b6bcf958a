//! Changes that a session has made to the files of its items and not committed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use jiff::Timestamp;

use crate::git::{HostRepo, changes};
use crate::model::session::Session;
use crate::model::{ItemId, RepoPath};

use super::{Client, ClientResult};

impl Client {
    /// Files of these items that have changes which are not committed, in the worktree that the session is
    /// bound to. Files that nobody has touched since the lease was granted are not asked about.
    ///
    /// # Errors
    /// When git fails.
    pub(super) fn uncommitted_of(&self, record: &Session, items: &[ItemId]) -> ClientResult<Vec<RepoPath>> {
        let repo = &self.place.repo;
        if record.worktree.as_deref().map(std::path::Path::new) != Some(&repo.root) {
            return Ok(Vec::new());
        }
        let mut touched = Vec::new();
        for lease in items.iter().filter_map(|id| record.item_lease(id)) {
            let files = lease.all_paths().filter(|path| is_touched(repo, path, lease.since));
            touched.extend(files.cloned());
        }
        if touched.is_empty() {
            return Ok(touched);
        }
        Ok(changes::uncommitted(repo, &touched)?)
    }
}

/// True when the file, or the folder that it was or would be in, has changed since then. The time of the
/// inode counts: no program can set it back.
fn is_touched(repo: &HostRepo, path: &RepoPath, since: Timestamp) -> bool {
    let place = repo.root.join(path.to_native());
    let changed = |about: Metadata| about.is_dir() || about.ctime() + 1 >= since.as_second();
    match place.symlink_metadata() {
        Ok(about) => changed(about),
        Err(_) => {
            let nearest = place.ancestors().skip(1).find_map(|folder| folder.symlink_metadata().ok());
            nearest.is_some_and(|about| about.ctime() + 1 >= since.as_second())
        }
    }
}
