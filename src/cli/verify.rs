//! `verify`: checking an item and recording the result.

use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::model::op::RenewWhat;
use crate::model::session::{self, Verified};
use crate::model::{ItemId, Op, Outcome, SessionName, queue};
use crate::process;
use crate::store::{Store, StoreError};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, paint};
use crate::cli::trust;

/// How often the lease is looked at while the command runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Check an item that this session holds, and record the result
#[derive(Debug, Args)]
#[command(
    after_help = "The command runs at the top of the worktree, with GIT_COORD_ITEM set. It has passed when\n\
                        it exits with 0. The result counts until the item is given back or verified again."
)]
pub struct VerifyArgs {
    /// The item
    item: ItemId,
    /// Run this with 'sh -c' [default: what 'queue set --verify-command' says]
    #[arg(long, value_name = "CMD", conflicts_with = "words")]
    command: Option<String>,
    /// Or run this program
    #[arg(last = true, value_name = "CMD")]
    words: Vec<String>,
}

/// Runs `verify`.
pub fn verify(app: &App, args: &VerifyArgs) -> CliResult<Answer> {
    let store = app.store()?;
    let session = app.session()?;
    let record = app.alive(&store, &session)?;
    let lease = record.item_lease(&args.item).and_then(|lease| lease.item.as_ref());
    let command = match lease {
        // The refusal says who has it. Nothing needs to run for that.
        None => String::new(),
        Some(item) if args.command.is_none() && args.words.is_empty() => {
            let rules = store.read(|view| queue::get(view, &item.slot.queue))?.map(|q| q.rules);
            let command = rules.and_then(|rules| rules.verify_command).ok_or_else(|| {
                CliError::usage(format!("queue {} names no command that verifies", item.slot.queue))
                    .hint(format!("name one: git coord queue set {} --verify-command CMD", item.slot.queue))
            })?;
            trust::require(app, &store, &command, &format!("queue {}", item.slot.queue))?;
            command
        }
        Some(_) => args.command.clone().unwrap_or_else(|| shown(&args.words)),
    };
    let exit = match lease {
        None => None,
        Some(_) => run_held(app, args, &session, &command)?,
    };
    let ok = exit == Some(0);
    let verified = Verified { ok, at: crate::clock::now(), command: command.clone(), exit };
    let op = Op::Verify { session: session.clone(), item: args.item.clone(), verified, lease: None };
    let outcome = app.submit(&store, &op, None)?;
    store.touch_session(&session);
    if outcome != Outcome::Done {
        return Err(CliError::from_refusal(outcome));
    }
    if !ok {
        let how = exit.map_or_else(|| "was ended by a signal".to_owned(), |n| format!("exited with {n}"));
        return Err(CliError::refused(format!("{}: the verification failed: {command} {how}", args.item))
            .hint(format!("mend it and verify again, or: git coord fail {} --reason TEXT", args.item))
            .detail("rule", json!("verification-failed"))
            .detail("item", json!(args.item))
            .detail("command", json!(command))
            .detail("exit", json!(exit)));
    }
    let text = format!("{} {}: {command}", paint(GOOD, "verified"), args.item);
    Ok(Answer::new(json!({ "item": args.item, "ok": ok, "command": command, "exit": exit }), text))
}

fn shown(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Runs the command, and keeps the lease on the item meanwhile: it may take longer than that lasts.
fn run_held(app: &App, args: &VerifyArgs, session: &SessionName, command: &str) -> CliResult<Option<i32>> {
    let (common, options) = (&app.repo.common_dir, app.store_options());
    let (running, over) = channel::<()>();
    std::thread::scope(|scope| {
        // A lease that cannot be kept is lost, and that is told when the result is recorded.
        scope.spawn(move || Store::open(common, options).and_then(|s| hold(&s, session, &args.item, &over)));
        let exit = run(app, args, command);
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
fn run(app: &App, args: &VerifyArgs, command: &str) -> CliResult<Option<i32>> {
    let mut child = match args.words.split_first() {
        Some((program, rest)) => {
            let mut child = process::command(program);
            child.args(rest);
            child
        }
        None => {
            let mut child = process::command("sh");
            child.args(["-c", command]);
            child
        }
    };
    let status = child
        .current_dir(&app.repo.root)
        .env("GIT_COORD_ITEM", args.item.as_str())
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|e| {
            CliError::failed("io", format!("{command}: {e}")).hint("see that it is installed and on PATH")
        })?;
    Ok(status.code())
}
