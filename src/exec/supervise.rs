//! Running one command to its end, whatever that takes.
//!
//! Order of steps, and what a death of the run after each leaves:
//! 1. A gate is started (`sh`, in a process group of its own), which waits for a line on its
//!    standard input: it ends when the pipe closes, and nothing of the command has run.
//! 2. The guardian gets the group, and kills it from now on when the run dies.
//! 3. The line is written; the gate becomes the command (`exec`: same process, same group).
//! 4. The command's end is noticed without reaping it. As long as it is not reaped, its group's
//!    number cannot be given to anybody else, so that killing what is left of the group is safe.
//! 5. The group is killed, taken out of the guardian's care, the command reaped.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};

use crate::process::EndOf;

use super::log_cap::LogCap;
use super::{ExecError, Guardian};

/// The gate. `$1` is the file that the command reads. 125 cannot be taken for the command's own
/// status: nobody is left to look at it.
const GATE: &str = "IFS= read -r go || exit 125; input=$1; shift; exec \"$@\" <\"$input\"";

/// Time that a command has between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(5);

/// Longest pause between two looks at a command.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// A command and what it is given.
#[derive(Debug)]
pub struct CommandSpec<'a> {
    /// Program and words.
    pub words: &'a [OsString],
    /// Where it runs.
    pub dir: &'a Path,
    /// Variables for it.
    pub env: &'a [(OsString, OsString)],
    /// What it reads.
    pub stdin: &'a Path,
    /// Where it prints.
    pub log: File,
    /// Where it complains, if that is another file.
    pub complaints: Option<File>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exit(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// Its time was over.
    TimeLimit,
    /// The run was stopped.
    Stopped,
    /// Its item no longer belongs to its session.
    Lost(String),
    /// It has not begun: no process can be given such words or variables.
    NotStarted(String),
}

/// Runs a command. `keep` is called again and again meanwhile; when it returns a reason, the
/// command is stopped: the item was lost. `stop` says how urgently it is to end.
///
/// # Errors
/// When it cannot be started, or from `keep`; the command is dead then.
pub fn supervise<E: From<ExecError>>(
    spec: CommandSpec<'_>,
    limit: Option<Duration>,
    guardian: &Guardian,
    stop: impl Fn() -> u8,
    keep: impl FnMut() -> Result<Option<String>, E>,
) -> Result<End, E> {
    let watched = spec.complaints.as_ref().unwrap_or(&spec.log);
    let mut cap = LogCap::of(watched).map_err(ExecError::io("write the log of what runs in", spec.dir))?;
    let mut child = match start(spec) {
        Ok(child) => child,
        // That is so on every machine and with every try: the item's fault, and not the system's.
        Err(error) if matches!(error.kind(), ErrorKind::ArgumentListTooLong | ErrorKind::InvalidInput) => {
            return Ok(End::NotStarted(error.to_string()));
        }
        Err(error) => return Err(ExecError::io("start", Path::new("sh"))(error).into()),
    };
    let group = Pid::from_child(&child);
    guardian.add(group);
    // A gate that was killed shows it by its status.
    let _ = child.stdin.take().map(|mut gate| gate.write_all(b"go\n"));
    let result = watch(group, EndOf::child(&child), &mut cap, limit, stop, keep);
    // What it has left behind, too. Nobody is left to be killed: fine.
    let _ = kill_process_group(group, Signal::KILL);
    guardian.remove(group);
    let reaped = child.wait();
    let (why, status) = result?;
    reaped.map_err(ExecError::io("wait for", Path::new("sh")))?;
    Ok(match (why, status.exit_status(), status.terminating_signal()) {
        (Some(why), _, _) => why,
        (None, Some(code), _) => End::Exit(code),
        (None, None, signal) => End::Signal(signal.unwrap_or(0)),
    })
}

fn start(spec: CommandSpec<'_>) -> std::io::Result<Child> {
    let stderr = spec.complaints.map_or_else(|| spec.log.try_clone(), Ok)?;
    let mut command = crate::process::command("sh");
    command
        .args([OsStr::new("-c"), OsStr::new(GATE), OsStr::new("git-coord"), spec.stdin.as_os_str()])
        .args(spec.words);
    for name in crate::git::redirecting() {
        command.env_remove(name);
    }
    command
        .current_dir(spec.dir)
        .envs(spec.env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::piped())
        .stdout(spec.log)
        .stderr(stderr)
        // Ctrl-C in the terminal is for the run, which then ends its commands in order.
        .process_group(0)
        .spawn()
}

/// Waits for the end of the command, and brings it about when it must be. Returns why it was
/// ended, if it was, and its status. It is not reaped.
fn watch<E: From<ExecError>>(
    group: Pid,
    mut end: EndOf,
    cap: &mut LogCap,
    limit: Option<Duration>,
    stop: impl Fn() -> u8,
    mut keep: impl FnMut() -> Result<Option<String>, E>,
) -> Result<(Option<End>, WaitIdStatus), E> {
    let started = Instant::now();
    let mut ended: Option<(End, Instant)> = None;
    loop {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(group), options)
            .map_err(|e| ExecError::io("wait for", Path::new("sh"))(e.into()))?;
        if let Some(status) = status {
            return Ok((ended.map(|(why, _)| why), status));
        }
        // Also while it is being ended: it may print on.
        cap.look();
        match &ended {
            Some((_, at)) if at.elapsed() < GRACE && stop() < 2 => {}
            Some(_) => {
                let _ = kill_process_group(group, Signal::KILL);
            }
            None => {
                let why = if stop() > 0 {
                    Some(End::Stopped)
                } else if limit.is_some_and(|limit| started.elapsed() >= limit) {
                    Some(End::TimeLimit)
                } else {
                    keep()?.map(End::Lost)
                };
                if let Some(why) = why {
                    let _ = kill_process_group(group, Signal::TERM);
                    // A group that was stopped (SIGSTOP) would never hear of it.
                    let _ = kill_process_group(group, Signal::CONT);
                    ended = Some((why, Instant::now()));
                }
            }
        }
        end.wait(LOOK_EVERY);
    }
}
