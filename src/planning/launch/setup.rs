//! The set-up command of a new worktree: what makes it ready to build (`.env`, packages, submodules).

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::client::Client;
use crate::exec::logs::Logs;
use crate::exec::{CommandSpec, End, ExecError, Guardian, supervise};
use crate::planning::PlanError;

/// Longest time that it may take.
const LIMIT: Duration = Duration::from_secs(3600);

/// A set-up command and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetUp {
    /// The command.
    pub command: String,
    /// True when it has done its work; `null`: it has not run.
    pub ok: Option<bool>,
    /// How it ended, in words.
    pub end: Option<String>,
    /// Its log.
    pub log: Option<PathBuf>,
}

impl SetUp {
    /// One that has not run.
    pub(super) fn planned(command: String) -> Self {
        SetUp { command, ok: None, end: None, log: None }
    }
}

/// Runs the command in a worktree. One that fails leaves the worktree as it is: it can be repeated there.
///
/// # Errors
/// When the command is not approved on this clone, or cannot be started.
pub(super) fn run(client: &Client, command: &str, id: &str, dir: &Path) -> Result<SetUp, PlanError> {
    client.require_trusted(command, &format!("the set-up of workstream {id}"))?;
    let logs = Logs::open(client.store.path().join("run-logs"))?;
    let (path, log) = logs.create(&format!("setup-{id}"), 1)?;
    let guardian = Guardian::start()?;
    let words = ["sh", "-c", command].map(Into::into);
    let spec =
        CommandSpec { words: &words, dir, env: &[], stdin: Path::new("/dev/null"), log, complaints: None };
    let end = supervise::<ExecError>(spec, Some(LIMIT), &guardian, || 0, || Ok(None))?;
    let said = match &end {
        End::Exit(0) => "done".to_owned(),
        End::Exit(code) => format!("exit status {code}"),
        End::Signal(signal) => format!("ended by signal {signal}"),
        End::TimeLimit => format!("took longer than {}s", LIMIT.as_secs()),
        End::Stopped => "stopped".to_owned(),
        End::Lost(why) | End::NotStarted(why) => why.clone(),
    };
    Ok(SetUp { command: command.to_owned(), ok: Some(end == End::Exit(0)), end: Some(said), log: Some(path) })
}
