//! Taking shims out and putting back what was there.
//!
//! Where a hook is kept from before, it is renamed over the shim: one step, so that git finds
//! either the one or the other. A process killed at any point leaves hooks that work; removing
//! again does the rest.

use std::fs;
use std::path::{Path, PathBuf};

use crate::git::HostRepo;

use super::hook_file::{self, Found, HookFile};
use super::hooks_dir;
use super::{Hook, HookError, InstallLock, io, watch};

/// One hook that was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Which.
    pub hook: Hook,
    /// Where it stood.
    pub path: PathBuf,
    /// True when the hook from before is back in its place.
    pub restored: bool,
    /// A hook from before that cannot go back, because another tool has put a newer one there.
    pub left: Option<PathBuf>,
}

/// Removes all shims of the clone, also from where `core.hooksPath` pointed to earlier as far as
/// that can be known, and restores what was there, byte for byte and with its mode.
///
/// # Errors
/// When git does not answer or a file cannot be moved. What was removed until then stays so;
/// repeating continues.
pub fn uninstall(repo: &HostRepo) -> Result<Vec<Removed>, HookError> {
    let _lock = InstallLock::wait(&repo.common_dir)?;
    watch::forget(repo);
    let mut dirs = vec![repo.common_dir.join("hooks")];
    for root in hooks_dir::worktrees(repo)? {
        dirs.push(root.join(".husky/_"));
        // A neighbour that git cannot use has no hooks of its own that could be found.
        dirs.extend(hooks_dir::of_worktree(repo, &root).ok());
    }
    dirs.sort();
    dirs.dedup();
    let mut list = Vec::new();
    for dir in dirs.iter().filter(|d| d.is_dir()) {
        for hook in Hook::ALL {
            list.extend(uninstall_one(&HookFile { hook, dir: dir.clone() })?);
        }
        hook_file::sweep(dir);
        if !dir.starts_with(&repo.common_dir) {
            hooks_dir::unmake(dir);
        }
    }
    Ok(list)
}

pub(super) fn uninstall_one(file: &HookFile) -> Result<Option<Removed>, HookError> {
    let (path, earlier) = (file.path(), file.earlier());
    // A folder where a hook belongs is none of ours, nor in our way here.
    let Ok(found) = hook_file::inspect(&path) else { return Ok(None) };
    let removed = |restored, left| Some(Removed { hook: file.hook, path: path.clone(), restored, left });
    let mut any = false;
    if matches!(hook_file::inspect(&file.old()), Ok(Found::Ours { .. })) {
        hook_file::remove(&file.old())?;
        any = true;
    }
    let before = hook_file::inspect(&earlier)?;
    let is_kept = !matches!(before, Found::Nothing);
    // pre-commit or prek in front of us: what was behind our shim goes where the shim was.
    if matches!(hook_file::inspect(&file.legacy()), Ok(Found::Ours { .. })) {
        if is_kept && matches!(found, Found::Foreign(_)) {
            rename(&earlier, &file.legacy())?;
            return Ok(removed(true, None));
        }
        hook_file::remove(&file.legacy())?;
        any = true;
    }
    Ok(match (found, before) {
        (Found::Ours { .. }, Found::Nothing) => {
            hook_file::remove(&path)?;
            removed(false, None)
        }
        (Found::Ours { .. }, _) => {
            rename(&earlier, &path)?;
            removed(true, None)
        }
        // The shim was deleted by hand, or the process that installed it died in between.
        (Found::Nothing, Found::Ours { .. } | Found::Foreign(_)) => {
            if hook_file::link(&earlier, &path)? {
                hook_file::remove(&earlier)?;
            }
            removed(true, None)
        }
        // Renaming one name of a file over another of the same file does nothing (rename(2)).
        (Found::Foreign(now), Found::Foreign(old)) if now.is_same_file(&old) || now.is_equal(&old) => {
            hook_file::remove(&earlier)?;
            removed(true, None)
        }
        (Found::Foreign(_), Found::Foreign(_) | Found::Ours { .. }) => removed(false, Some(earlier)),
        (_, Found::Nothing) if any => removed(false, None),
        (_, Found::Nothing) => None,
    })
}

fn rename(from: &Path, to: &Path) -> Result<(), HookError> {
    fs::rename(from, to).map_err(io("move", from))
}
