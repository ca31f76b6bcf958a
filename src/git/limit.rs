//! Running git with a time limit, for everything that goes over a network.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::cmd::{Git, GitError, GitOutput};

/// How long a git that was asked to end may take to remove its lock files.
const GRACE: Duration = Duration::from_secs(3);

impl Git {
    /// Runs it for at most `limit`; after that it is asked to end, and what it has printed is
    /// returned without a status.
    ///
    /// Output goes to files without a name: an ssh master process that stays in the background
    /// keeps the standard error open, and waiting for the end of a pipe would last as long.
    ///
    /// # Errors
    /// When git could not be started.
    pub fn output_within(self, limit: Duration) -> Result<GitOutput, GitError> {
        let missing = |source| GitError::Missing { source };
        let mut stdout = nameless_file().map_err(missing)?;
        let mut stderr = nameless_file().map_err(missing)?;
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(stdout.try_clone().map_err(missing)?).stderr(stderr.try_clone().map_err(missing)?);
        let mut child = command.spawn().map_err(missing)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (tell, end) = channel();
        std::thread::spawn(move || tell.send(child.wait()));
        let status = match end.recv_timeout(limit) {
            Ok(status) => status.map_err(missing)?.code(),
            Err(_) => {
                stop(pid, &end);
                None
            }
        };
        let mut output = GitOutput { status, stdout: Vec::new(), stderr: Vec::new() };
        for (file, to) in [(&mut stdout, &mut output.stdout), (&mut stderr, &mut output.stderr)] {
            file.rewind().and_then(|()| file.read_to_end(to)).map_err(missing)?;
        }
        Ok(output)
    }
}

/// A file without a name: in memory where there is such a thing, because making one on a disk
/// takes ext4 half a millisecond.
fn nameless_file() -> std::io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Ok(file) = rustix::fs::memfd_create("git", rustix::fs::MemfdFlags::CLOEXEC) {
        return Ok(file.into());
    }
    tempfile::tempfile()
}

/// Asks a process to end, so that git removes its lock files; only one that does not listen is
/// killed. `end` tells when it has ended.
fn stop(pid: Option<Pid>, end: &Receiver<std::io::Result<ExitStatus>>) {
    let send = |signal| pid.is_some_and(|pid| kill_process(pid, signal).is_ok());
    if send(Signal::TERM) && end.recv_timeout(GRACE).is_ok() {
        return;
    }
    if send(Signal::KILL) {
        let _ = end.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_git_that_does_not_come_to_an_end_is_stopped() {
        // `git hash-object --stdin-paths` would wait; an alias that sleeps is surer.
        let begin = std::time::Instant::now();
        let git = Git::new(Path::new("/")).args(["-c", "alias.s=!echo begun; exec sleep 30", "s"]);
        let output = git.output_within(Duration::from_millis(300)).expect("git runs");
        assert_eq!(output.status, None);
        assert_eq!(output.stdout, b"begun\n");
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn output_and_status_arrive() {
        let output = Git::new(Path::new("/")).arg("no-such-command").output_within(Duration::from_secs(20));
        let output = output.expect("git runs");
        assert_eq!(output.status, Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-command"));
    }
}
