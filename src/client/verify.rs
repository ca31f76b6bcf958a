//! Checking an item with a command, and recording the result.

use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::op::RenewWhat;
use crate::model::session::{self, Verified};
use crate::model::{ItemId, Op, Outcome, SessionName, queue};
use crate::process;
use crate::store::{Store, StoreError};

use super::gates::current_tree;
use super::{Client, ClientError, ClientResult};

/// How often the lease is looked at while the command runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What checks an item.
#[derive(Debug, Clone, Default)]
pub enum Check {
    /// The command of its queue.
    #[default]
    OfQueue,
    /// This, with `sh -c`.
    Shell(String),
    /// This program with its arguments.
    Program(Vec<String>),
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verification {
    /// The item.
    pub item: ItemId,
    /// True when the command succeeded.
    pub ok: bool,
    /// The command.
    pub command: String,
    /// Its exit status; `None` when a signal ended it.
    pub exit: Option<i32>,
    /// The tree that it saw, with uncommitted changes of tracked files.
    pub tree: Option<String>,
}

/// Runs a command at the top of the worktree while the session that acts holds the item, and records
/// the result. What the command prints goes to this process's standard error.
///
/// # Errors
/// [`ClientError::Refused`] when the session does not hold the item; when the command cannot be started.
pub fn verify(client: &Client, word: &ItemId, check: &Check) -> ClientResult<Verification> {
    let session = client.session()?;
    let record = client.alive(&session)?;
    let item = &client.held_item_id(Some(&record), word)?;
    let lease = record.item_lease(item).and_then(|lease| lease.item.as_ref());
    let tree = Some(current_tree(client)?.0);
    // For an item that is not held nothing needs to run: the refusal says who has it.
    let (command, exit) = match lease {
        None => (String::new(), None),
        Some(leased) => {
            let check = match check {
                Check::OfQueue => {
                    let queue = &leased.slot.queue;
                    let command = command_of(client, queue)?;
                    client.require_trusted(&command, &format!("queue {queue}"))?;
                    Check::Shell(command)
                }
                other => other.clone(),
            };
            (words(&check), run_held(client, &session, item, &check)?)
        }
    };
    let ok = exit == Some(0);
    let verified =
        Verified { ok, at: crate::clock::now(), command: command.clone(), exit, tree: tree.clone() };
    let op = Op::Verify { session: session.clone(), item: item.clone(), verified, lease: None };
    let outcome = client.submit(&op, None)?;
    client.store.touch_session(&session);
    match outcome {
        Outcome::Done => Ok(Verification { item: item.clone(), ok, command, exit, tree }),
        other => Err(ClientError::refused(other)),
    }
}

/// True when the queue of an item that the session holds has a command that verifies.
///
/// # Errors
/// When there is no session, or the state cannot be read.
pub fn has_command(client: &Client, item: &ItemId) -> ClientResult<bool> {
    let record = client.alive(&client.session()?)?;
    let leased = record.item_lease(item).and_then(|lease| lease.item.as_ref());
    let Some(leased) = leased else { return Ok(true) };
    let queue = client.store.read(|view| queue::get(view, &leased.slot.queue))?;
    Ok(queue.is_some_and(|queue| queue.rules.verify_command.is_some()))
}

fn command_of(client: &Client, name: &crate::model::QueueName) -> ClientResult<String> {
    let rules = client.store.read(|view| queue::get(view, name))?.map(|queue| queue.rules);
    rules.and_then(|rules| rules.verify_command).ok_or_else(|| ClientError::NoVerifyCommand(name.clone()))
}

/// The command as one would type it.
fn words(check: &Check) -> String {
    match check {
        Check::OfQueue => String::new(),
        Check::Shell(command) => command.clone(),
        Check::Program(words) => {
            shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
        }
    }
}

/// Runs the command and keeps the lease on the item meanwhile: the command may outlast it.
fn run_held(
    client: &Client,
    session: &SessionName,
    item: &ItemId,
    check: &Check,
) -> ClientResult<Option<i32>> {
    let (common, options) = (&client.place.repo.common_dir, client.store_options());
    let (running, over) = channel::<()>();
    std::thread::scope(|scope| {
        // A lease that cannot be kept is lost; recording the result finds that.
        scope.spawn(move || Store::open(common, options).and_then(|s| hold(&s, session, item, &over)));
        let exit = run(client, item, check);
        drop(running);
        exit
    })
}

/// Renews the lease whenever half of its time has passed, until `over` is closed or it is lost.
fn hold(store: &Store, name: &SessionName, item: &ItemId, over: &Receiver<()>) -> Result<(), StoreError> {
    let mut pause = Duration::ZERO;
    while over.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        store.touch_session(name);
        let record = store.read(|view| session::get(view, name))?;
        let Some(lease) = record.as_ref().and_then(|r| r.item_lease(item)) else { return Ok(()) };
        pause = LOOK_EVERY.min(Duration::from_secs(lease.ttl) / 4);
        if lease.is_due(crate::clock::now()) {
            let what = RenewWhat::These { paths: Vec::new(), items: vec![item.clone()] };
            // A remote that does not answer now may do so the next time.
            let _ = store.submit(&Op::Renew { session: name.clone(), what, ttl: None }, None);
        }
    }
    Ok(())
}

/// Runs the command; what it prints goes to stderr, because stdout is for the answer.
fn run(client: &Client, item: &ItemId, check: &Check) -> ClientResult<Option<i32>> {
    let command = words(check);
    let mut child = match check {
        Check::Program(words) => {
            let mut child = process::command(words.first().map(String::as_str).unwrap_or_default());
            child.args(words.iter().skip(1));
            child
        }
        _ => {
            let mut child = process::command("sh");
            child.args(["-c", &command]);
            child
        }
    };
    let status = child
        .current_dir(&client.place.repo.root)
        .env("GIT_COORD_ITEM", item.as_str())
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|source| ClientError::NotStarted { command, source })?;
    Ok(status.code())
}
