//! The guardian: a small process that outlives the run just long enough to kill its commands.
//!
//! A run that is killed (`kill -9`, out of memory) cannot tidy up, and commands that went on
//! would edit files whose leases run out. The guardian reads a pipe whose other end the run alone
//! has; the kernel closes it however the run dies. Each line is the list of all process groups
//! that are alive, so the last one counts.
//!
//! No command can slip through: it starts behind a gate (`supervise`), which opens only
//! after its group was written to the pipe.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::Pid;

use super::ExecError;

/// Signals of the terminal are not meant for it.
const SCRIPT: &str = "trap '' HUP INT TERM
while IFS= read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- \"-$group\"; done";

/// A process that kills the groups under its care when this process dies.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    pipe: Mutex<(Option<ChildStdin>, BTreeSet<i32>)>,
}

impl Guardian {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start() -> Result<Self, ExecError> {
        let mut child = crate::process::command("sh")
            .args(["-c", SCRIPT, "git-coord-guardian"])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(ExecError::io("start", std::path::Path::new("sh")))?;
        let pipe = Mutex::new((child.stdin.take(), BTreeSet::new()));
        Ok(Guardian { child, pipe })
    }

    /// Puts a process group under its care.
    pub fn add(&self, group: Pid) {
        self.tell(|groups| groups.insert(group.as_raw_pid()));
    }

    /// Takes a group out of its care. Its leader must not have been reaped yet: the number could
    /// be another group's by then.
    pub fn remove(&self, group: Pid) {
        self.tell(|groups| groups.remove(&group.as_raw_pid()));
    }

    fn tell(&self, change: impl FnOnce(&mut BTreeSet<i32>) -> bool) {
        let mut guard = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let (pipe, groups) = &mut *guard;
        change(groups);
        let list: Vec<String> = groups.iter().map(ToString::to_string).collect();
        if let Some(pipe) = pipe {
            // Somebody has killed it: the run goes on without.
            let _ = pipe.write_all(format!("{}\n", list.join(" ")).as_bytes());
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let mut guard = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0 = None;
        let _ = self.child.wait();
    }
}
