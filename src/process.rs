//! Starting programs other than git: git-coord itself, and the user's commands; and waiting for the end
//! of any.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// How soon a process is looked at again where the system cannot tell when it ends, and how late.
const LOOK: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(40));

/// The end of a process that has been started.
#[derive(Debug)]
pub struct EndOf {
    handle: Option<OwnedFd>,
    pause: Duration,
}

impl EndOf {
    /// Of this one, which must not have been waited for.
    #[cfg(target_os = "linux")]
    pub fn child(child: &Child) -> Self {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        // It becomes readable when the process ends (Linux 5.3 and newer).
        EndOf { handle: pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok(), pause: LOOK.0 }
    }

    /// Of this one, which must not have been waited for.
    #[cfg(not(target_os = "linux"))]
    pub fn child(_child: &Child) -> Self {
        EndOf { handle: None, pause: LOOK.0 }
    }

    /// Waits until the process may have ended, at most so long: it is for the caller to look.
    pub fn wait(&mut self, most: Duration) {
        let (Some(handle), Ok(most)) = (&self.handle, most.try_into()) else {
            std::thread::sleep(most.min(self.pause));
            self.pause = (self.pause * 3 / 2).min(LOOK.1);
            return;
        };
        let mut ends = [PollFd::new(handle, PollFlags::IN)];
        // A signal to this process ends the wait early; then the caller looks and comes back.
        let _ = poll(&mut ends, Some(&most));
    }
}

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
