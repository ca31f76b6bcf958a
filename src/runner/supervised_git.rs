//! What git does in the worktree of a slot, watched over as a command is.
//!
//! Whatever looks at files or writes them may run filters (`.gitattributes`), which are programs of
//! the user as hooks are, and may take long or hang. So such a git has a time limit, dies with the
//! run, and hears of it when the run is stopped. Terminals do not reach it: a Ctrl-C is for the run.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::git::{Git, GitError};

use super::RunnerError;
use crate::exec::{CommandSpec, End, GRACE, Guardian, Stop, supervise};

/// Time for everything in a worktree that is there.
const LIMIT: Duration = Duration::from_secs(600);

/// Time for making a worktree: all files are written, and may have to be fetched.
const LIMIT_NEW: Duration = Duration::from_secs(3600);

/// So much of what git complains of is read.
const COMPLAINTS: u64 = 64 * 1024;

/// Called again and again while git works, to keep a lease alive; a reason means that the lease is lost.
pub(super) type KeepAlive<'k> = &'k mut dyn FnMut() -> Result<Option<String>, RunnerError>;

/// How git ended and what it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) end: End,
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
}

/// Runs git to its end as `watch` has it, with a file to read from.
///
/// # Errors
/// Those of `watch`, and when there is no place for what git says.
pub(super) fn listen(
    git: &Git,
    stdin: &Path,
    watch: impl FnOnce(CommandSpec<'_>) -> Result<End, RunnerError>,
) -> Result<Said, RunnerError> {
    let command = git.command();
    let dir = command.get_current_dir().unwrap_or(Path::new("."));
    let io = || RunnerError::io("read what git says in", dir);
    let words: Vec<OsString> =
        [command.get_program()].into_iter().chain(command.get_args()).map(OsString::from).collect();
    let env: Vec<(OsString, OsString)> =
        command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    let (mut out, mut err) = (scratch().map_err(io())?, scratch().map_err(io())?);
    let log = out.try_clone().map_err(io())?;
    let complaints = Some(err.try_clone().map_err(io())?);
    let end = watch(CommandSpec { words: &words, dir, env: &env, stdin, log, complaints })?;
    Ok(Said {
        end,
        out: read(&mut out, u64::MAX).map_err(io())?,
        err: read(&mut err, COMPLAINTS).map_err(io())?,
    })
}

/// A file without a name, to which is only ever added.
fn scratch() -> std::io::Result<File> {
    Ok(tempfile::Builder::new().append(true).tempfile()?.into_file())
}

fn read(file: &mut File, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Who watches over what git does for the run itself.
#[derive(Debug, Clone)]
pub(super) struct SupervisedGit<'a> {
    guardian: &'a Guardian,
    stop: &'a Stop,
    limit: Duration,
    /// When it was first heard that the run is stopped.
    heard: OnceLock<Instant>,
}

impl<'a> SupervisedGit<'a> {
    pub(super) fn new(guardian: &'a Guardian, stop: &'a Stop) -> Self {
        SupervisedGit { guardian, stop, limit: LIMIT, heard: OnceLock::new() }
    }

    /// Runs git and returns what it prints.
    ///
    /// # Errors
    /// When git fails or does not end in time, and [`RunnerError::Halted`] when the run is stopped: what
    /// a run that is stopped has to tidy up in a slot may take a moment, and no longer.
    pub(super) fn run(&self, git: &Git) -> Result<Vec<u8>, RunnerError> {
        self.run_within(self.limit, git, &mut || Ok(None))
    }

    /// The same for a git that makes a worktree, which takes its time.
    ///
    /// # Errors
    /// See [`SupervisedGit::run`], and those of `keep`.
    pub(super) fn make(&self, git: &Git, keep: KeepAlive<'_>) -> Result<Vec<u8>, RunnerError> {
        self.run_within(LIMIT_NEW, git, keep)
    }

    fn run_within(&self, limit: Duration, git: &Git, keep: KeepAlive<'_>) -> Result<Vec<u8>, RunnerError> {
        let stop = || match self.stop.level() {
            0 => 0,
            // From the first of them: the commands had time of their own to end.
            1 => u8::from(self.heard.get_or_init(Instant::now).elapsed() >= GRACE),
            more => more,
        };
        let watch = |spec: CommandSpec<'_>| supervise(spec, Some(limit), self.guardian, stop, keep);
        let said = listen(git, Path::new("/dev/null"), watch)?;
        let (command, dir) = (git.words(), git.dir().to_owned());
        let status = match said.end {
            End::Exit(0) => return Ok(said.out),
            End::Exit(status) => Some(status),
            End::Stopped => return Err(RunnerError::Halted),
            End::TimeLimit => {
                return Err(RunnerError::Slow { command, dir, seconds: limit.as_secs() });
            }
            End::Signal(_) | End::Lost(_) | End::NotStarted(_) => None,
        };
        let stderr = String::from_utf8_lossy(&said.err).trim().to_owned();
        Err(GitError::Failed { command, dir, status, stderr }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a git that never ends.
    fn endless(chores: &SupervisedGit<'_>) -> RunnerError {
        let git = Git::new(Path::new("/")).args(["-c", "alias.s=!exec sleep 1000", "s"]);
        chores.run(&git).unwrap_err()
    }

    #[test]
    fn a_git_that_hangs_is_ended() {
        let (guardian, stop) = (Guardian::start().unwrap(), Stop::default());
        let chores = SupervisedGit::new(&guardian, &stop);
        let hasty = SupervisedGit { limit: Duration::from_millis(300), ..chores.clone() };
        let error = endless(&hasty).to_string();
        assert!(error.contains("sleep 1000 s` in / did not come to an end in 0s"), "{error}");
        stop.ask();
        let began = Instant::now();
        assert!(matches!(endless(&chores), RunnerError::Halted));
        assert!(began.elapsed() >= GRACE, "tidying up may take a moment");
        let began = Instant::now();
        assert!(matches!(endless(&chores), RunnerError::Halted));
        assert!(began.elapsed() < GRACE, "and no more than that for all of it");
        let chores = SupervisedGit::new(&guardian, &stop);
        assert_eq!(stop.ask(), 2);
        let began = Instant::now();
        assert!(matches!(endless(&chores), RunnerError::Halted));
        assert!(began.elapsed() < GRACE, "the second Ctrl-C does not wait");
    }

    #[test]
    fn output_and_complaints_are_told_apart() {
        let (guardian, stop) = (Guardian::start().unwrap(), Stop::default());
        let chores = SupervisedGit::new(&guardian, &stop);
        let git = |script: &str| {
            Git::new(Path::new("/")).args(["-c", &format!("alias.s=!echo out; echo err >&2; {script}"), "s"])
        };
        assert_eq!(chores.run(&git("true")).unwrap(), b"out\n");
        let error = chores.run(&git("exit 3")).unwrap_err().to_string();
        assert!(error.ends_with("failed in / (exit 3): err"), "{error}");
    }
}
