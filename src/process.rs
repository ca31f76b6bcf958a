//! Starting programs other than git: git-coord itself, and the user's commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command of any program.
#[allow(clippy::disallowed_methods, reason = "this is the one place besides the git runner")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// The file of the running program.
///
/// # Errors
/// When the system does not tell.
pub fn own_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// Starts the running program once more, in the background, and forgets it. It belongs to no
/// terminal; when it cannot be started, nothing happens: only work that can wait is done so.
pub fn detach_self(args: &[&str], dir: &Path) {
    use std::os::unix::process::CommandExt;
    let Ok(program) = own_program() else { return };
    let _ = command(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Its own group: Ctrl-C in the terminal is not meant for it.
        .process_group(0)
        .spawn();
}
