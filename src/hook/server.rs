//! The hook of a bare repository to which sessions push.
//!
//! It is `update`, not `pre-receive`: git asks it for each ref, so that a branch which is refused
//! does not take others of the same push with it, and the answer stands beside its ref. What
//! `pre-receive` could do besides, keeping the objects of a refused push out, costs nothing here:
//! nothing refers to them, and git's own `gc` removes them.

use std::path::{Path, PathBuf};

use super::install::put;
use super::slot::{self, Found, Slot};
use super::uninstall::take_out;
use super::{Change, Hook, HookError, Removed, Turn, io, place, shim};

/// What stands where git looks for the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHook {
    /// Where that is.
    pub path: PathBuf,
    /// The version of our shim; `None` when there is none.
    pub version: Option<u32>,
    /// True when another hook stands there, which calls us by itself.
    pub by_hand: bool,
    /// True when git would run the file.
    pub runs: bool,
    /// Where the hook is kept that was there before.
    pub chained: Option<PathBuf>,
}

fn place_of(bare: &Path) -> Result<Slot, HookError> {
    let dir = place::hooks_dir_of_bare(bare)?;
    let dir = dir.canonicalize().unwrap_or(dir);
    if !dir.starts_with(bare) {
        return Err(HookError::ServerOutside { dir, bare: bare.to_owned() });
    }
    Ok(Slot { hook: Hook::Update, dir })
}

/// Installs the hook in a bare repository; one that is there goes on running first. `binary` is
/// called when `git-coord` is not on `PATH`.
///
/// # Errors
/// When `core.hooksPath` leads out of the repository, or a file cannot be written.
pub fn install_server(bare: &Path, binary: &Path) -> Result<(PathBuf, Change), HookError> {
    let _turn = Turn::wait(bare)?;
    let slot = place_of(bare)?;
    std::fs::create_dir_all(&slot.dir).map_err(io("make", &slot.dir))?;
    slot::sweep(&slot.dir);
    let (change, _) = put(&slot, binary)?;
    Ok((slot.path(), change))
}

/// Takes the hook out and puts back what was there. `None` when there is nothing of ours.
///
/// # Errors
/// When a file cannot be moved.
pub fn uninstall_server(bare: &Path) -> Result<Option<Removed>, HookError> {
    let _turn = Turn::wait(bare)?;
    let slot = place_of(bare)?;
    let removed = take_out(&slot)?;
    slot::sweep(&slot.dir);
    Ok(removed)
}

/// Looks at the hook.
///
/// # Errors
/// When git does not answer or a file cannot be read.
pub fn server_status(bare: &Path) -> Result<ServerHook, HookError> {
    use std::os::unix::fs::PermissionsExt;
    let slot = place_of(bare)?;
    let path = slot.path();
    let runs = std::fs::metadata(&path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
    let (version, by_hand) = match slot::inspect(&path)? {
        Found::Nothing => (None, false),
        Found::Ours { version, .. } => (Some(version), false),
        Found::Foreign(found) => (None, shim::calls_us(&found.text, Hook::Update)),
    };
    let chained = Some(slot.earlier()).filter(|p| p.symlink_metadata().is_ok());
    Ok(ServerHook { path, version, by_hand, runs, chained })
}
