//! The hook of a bare repository to which sessions push.
//!
//! It is `update`, not `pre-receive`: git asks it for each ref, so that a branch which is refused
//! does not take others of the same push with it, and the answer is shown beside its ref. What
//! `pre-receive` could do besides, keeping the objects of a refused push out, costs nothing here:
//! nothing refers to them, and git's own `gc` removes them.

use std::path::{Path, PathBuf};

use super::hook_file::{self, Found, HookFile};
use super::install::install_one;
use super::uninstall::uninstall_one;
use super::{Change, Hook, HookError, InstallLock, Removed, hooks_dir, io, shim};

/// What stands where git looks for the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHook {
    /// Where that is.
    pub path: PathBuf,
    /// The version of our shim; `None` when there is none.
    pub version: Option<u32>,
    /// True when another hook is there, which calls us by itself.
    pub by_hand: bool,
    /// True when git would run the file.
    pub runs: bool,
    /// Where the hook is kept that was there before.
    pub chained: Option<PathBuf>,
}

fn update_hook(bare: &Path) -> Result<HookFile, HookError> {
    let dir = hooks_dir::of_bare(bare)?;
    let dir = dir.canonicalize().unwrap_or(dir);
    if !dir.starts_with(bare) {
        return Err(HookError::ServerOutside { dir, bare: bare.to_owned() });
    }
    Ok(HookFile { hook: Hook::Update, dir })
}

/// Installs the hook in a bare repository; one that is there goes on running first. `binary` is
/// called when `git-coord` is not on `PATH`.
///
/// # Errors
/// When `core.hooksPath` leads out of the repository, or a file cannot be written.
pub fn install_server(bare: &Path, binary: &Path) -> Result<(PathBuf, Change), HookError> {
    let _lock = InstallLock::wait(bare)?;
    let file = update_hook(bare)?;
    std::fs::create_dir_all(&file.dir).map_err(io("make", &file.dir))?;
    hook_file::sweep(&file.dir);
    let (change, _) = install_one(&file, binary)?;
    Ok((file.path(), change))
}

/// Takes the hook out and puts back what was there. `None` when there is nothing of ours.
///
/// # Errors
/// When a file cannot be moved.
pub fn uninstall_server(bare: &Path) -> Result<Option<Removed>, HookError> {
    let _lock = InstallLock::wait(bare)?;
    let file = update_hook(bare)?;
    let removed = uninstall_one(&file)?;
    hook_file::sweep(&file.dir);
    Ok(removed)
}

/// Looks at the hook.
///
/// # Errors
/// When git does not answer or a file cannot be read.
pub fn server_status(bare: &Path) -> Result<ServerHook, HookError> {
    use std::os::unix::fs::PermissionsExt;
    let file = update_hook(bare)?;
    let path = file.path();
    let runs = std::fs::metadata(&path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
    let (version, by_hand) = match hook_file::inspect(&path)? {
        Found::Nothing => (None, false),
        Found::Ours { version, .. } => (Some(version), false),
        Found::Foreign(found) => (None, shim::calls_us(&found.text, Hook::Update)),
    };
    let chained = Some(file.earlier()).filter(|p| p.symlink_metadata().is_ok());
    Ok(ServerHook { path, version, by_hand, runs, chained })
}
