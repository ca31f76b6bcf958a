//! `server`: the hook of a bare repository, and what it does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::guard::Fault;
use crate::hook::{self, Change, ServerHook};
use crate::server::{Bare, Decision, Refusal, ServerError};

use crate::cli::check::{range_refusal, taken_off_refusal};
use crate::cli::env::Env;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, GOOD, WARN, paint};

/// Guard a bare repository that you own against pushes that break the state.
#[derive(Debug, Subcommand)]
pub enum ServerCommand {
    /// Install the update hook; one that is there goes on running first
    Install(Place),
    /// Take the hook out and put back what was there
    Uninstall(Place),
    /// Show the hook and the state that the repository has
    Status(Place),
}

/// Which repository.
#[derive(Debug, Args)]
pub struct Place {
    /// The bare repository
    #[arg(id = "place", value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::NotBare { .. } => CliError::failed("not-bare", error.to_string())
                .hint("name the repository to which sessions push, on the machine where it lies"),
            ServerError::Io { .. } => CliError::failed("io", error.to_string()),
            ServerError::Id { .. } => CliError::usage(error.to_string()),
            ServerError::Git(e) => e.into(),
            ServerError::Changes(e) => e.into(),
            ServerError::Store(e) => {
                let error = CliError::from(e);
                let message = error.message.after("the state of this repository cannot be read: ");
                CliError { message, ..error }.hint("in a clone: git coord doctor --remote")
            }
        }
    }
}

/// Runs `server …`. `start` is where the command was started.
pub fn run(start: &Path, env: &Env, command: &ServerCommand) -> CliResult<Answer> {
    match command {
        ServerCommand::Install(place) => install(&open(start, env, place)?),
        ServerCommand::Uninstall(place) => uninstall(&open(start, env, place)?),
        ServerCommand::Status(place) => status(&open(start, env, place)?),
    }
}

fn open(start: &Path, env: &Env, place: &Place) -> CliResult<Bare> {
    Ok(Bare::open(&start.join(&place.dir), &env.git)?)
}

fn install(bare: &Bare) -> CliResult<Answer> {
    let program = crate::process::own_program()
        .map_err(|e| CliError::failed("io", format!("cannot tell where git-coord is installed: {e}")))?;
    let (path, change) = hook::install_server(&bare.dir, &program)?;
    let (word, text) = match &change {
        Change::Unchanged | Change::Manual => ("unchanged", "is there already".to_owned()),
        Change::Updated => ("updated", "is up to date now".to_owned()),
        Change::Chained(tool) => ("chained", format!("is installed; {tool} goes on running first")),
        Change::Created | Change::BehindTool(_) | Change::NotCalled => ("created", "is installed".to_owned()),
    };
    let data = json!({ "path": path, "change": word });
    Ok(Answer::new(data, format!("{} the update hook {text}: {}", paint(GOOD, "✓"), path.display())))
}

fn uninstall(bare: &Bare) -> CliResult<Answer> {
    let Some(removed) = hook::uninstall_server(&bare.dir)? else {
        return Ok(Answer::new(json!({ "path": null, "restored": false }), "no hook to remove"));
    };
    let back = if removed.restored { ", the hook from before is back" } else { "" };
    let data = json!({ "path": removed.path, "restored": removed.restored, "left": removed.left });
    Ok(Answer::new(data, format!("removed {}{back}", removed.path.display())))
}

fn state_of(hook: &ServerHook) -> (&'static str, String) {
    match (hook.version.is_some(), hook.by_hand, hook.runs) {
        (true, _, true) => ("active", paint(GOOD, "installed")),
        (false, true, true) => ("by-hand", paint(GOOD, "called by your own hook")),
        (true, _, false) | (_, true, false) => ("not-run", paint(BAD, "not executable: git ignores it")),
        (false, false, _) if hook.path.exists() => ("foreign", paint(WARN, "another hook, without ours")),
        (false, false, _) => ("missing", paint(WARN, "missing: pushes are not judged")),
    }
}

fn status(bare: &Bare) -> CliResult<Answer> {
    let hook = hook::server_status(&bare.dir)?;
    let (word, shown) = state_of(&hook);
    let head = bare.head();
    let (state, line) = match &head {
        Ok(Some(head)) => (
            json!({ "store": head.store, "generation": head.generation }),
            format!("generation {} of store {}", head.generation, &head.store[..head.store.len().min(12)]),
        ),
        Ok(None) => (Value::Null, "none: nobody shares a state here yet".to_owned()),
        Err(e) => (json!({ "error": e.to_string() }), paint(BAD, format!("cannot be read: {e}"))),
    };
    let mut lines = vec![format!("hook   {shown}"), format!("       {}", hook.path.display())];
    if let Some(chained) = &hook.chained {
        lines.push(format!("       runs first: {}", chained.display()));
    }
    lines.push(format!("state  {line}"));
    let data = json!({
        "hook": { "path": hook.path, "state": word, "version": hook.version, "chained": hook.chained },
        "state": state,
    });
    Ok(Answer::new(data, lines))
}

/// Runs `hook server-update REF OLD NEW`. What it says on stderr, the pusher reads.
pub fn update(start: &Path, env: &Env, words: &[OsString]) -> CliResult<Answer> {
    let words: Vec<_> = words.iter().map(|w| w.to_string_lossy()).collect();
    let [name, old, new] = &words[..] else {
        return Err(CliError::usage("server-update needs a ref, its old and its new value"));
    };
    let dir = env.git.git_dir.as_ref().map_or_else(|| start.to_owned(), |dir| start.join(dir));
    match Bare::open(&dir, &env.git)?.judge(name, old, new)? {
        Decision::Fine => Ok(Answer::default()),
        Decision::State(refusal) => Err(state_refusal(name, &refusal)),
        Decision::Commits(faults) => Err(commits_refusal(name, &faults)),
        Decision::TakenOff(holders) => {
            Err(taken_off_refusal(name.strip_prefix("refs/heads/").unwrap_or(name), &holders))
        }
    }
}

fn state_refusal(name: &str, refusal: &Refusal) -> CliError {
    let hint = match refusal {
        Refusal::Deleted => {
            "sessions would lose what they hold; the server's administrator can: git update-ref -d refs/coord/state"
        }
        Refusal::Foreign { .. } => {
            "another team's state? The server's administrator can clear it: git update-ref -d refs/coord/state"
        }
        Refusal::Unreadable { .. } | Refusal::Backwards { .. } | Refusal::Astray => {
            "never push this ref by hand; in a clone: git coord sync, and git coord doctor --remote"
        }
    };
    CliError::refused(format!("{name} is guarded here: {refusal}"))
        .hint(hint)
        .detail("rule", json!(refusal.rule()))
}

fn commits_refusal(name: &str, faults: &[Fault]) -> CliError {
    let refusal = range_refusal(faults);
    let branch = name.strip_prefix("refs/heads/").unwrap_or(name);
    let message = refusal.message.after(&format!("{branch} was not changed: "));
    let outsiders = faults.iter().all(|f| f.session.is_none());
    let refusal = CliError { message, ..refusal };
    if outsiders {
        return refusal.hint("sessions are at work on these files; push when they have given them back");
    }
    refusal
}
