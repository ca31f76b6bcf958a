//! Running git with a time limit, for everything that goes over a network.

use std::io::{Read as _, Seek as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

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
        let mut stdout = tempfile::tempfile().map_err(missing)?;
        let mut stderr = tempfile::tempfile().map_err(missing)?;
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(stdout.try_clone().map_err(missing)?).stderr(stderr.try_clone().map_err(missing)?);
        let mut child = command.spawn().map_err(missing)?;
        let status = match wait(&mut child, limit).map_err(missing)? {
            Some(status) => status.code(),
            None => {
                stop(&mut child);
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

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let end = Instant::now() + limit;
    let mut end_of = crate::process::EndOf::child(child);
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() >= end => return Ok(None),
            None => end_of.wait(end.saturating_duration_since(Instant::now())),
        }
    }
}

/// Asks a process to end, so that git removes its lock files; only one that does not listen is
/// killed.
fn stop(child: &mut Child) {
    let asked = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
    if !asked || !matches!(wait(child, GRACE), Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_git_that_does_not_come_to_an_end_is_stopped() {
        // `git hash-object --stdin-paths` would wait; an alias that sleeps is surer.
        let begin = Instant::now();
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
