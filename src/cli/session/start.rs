//! `session start`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::binding::Binding;
use crate::git::{GitEnv, HostRepo};
use crate::model::area::Areas;
use crate::model::op::StartSession;
use crate::model::session::{self, Session};
use crate::model::shard::Shard;
use crate::model::{Op, Outcome, QueueName, SessionName};
use crate::store::{Store, host_name, random_hex};

use super::one::session_json;
use super::worktree::{self, Home, Wanted};
use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, STRONG, Text, paint};
use crate::cli::queue::names::missing;

/// How long a start waits for a process that writes, before it goes by what is known.
const LOOK_WAIT: Duration = Duration::from_secs(2);

/// Start a session in this worktree, or in a new one
#[derive(Debug, Args)]
#[command(
    after_help = "Starting a session that is known resumes it. The worktree is bound to it: commands\n\
                        and hooks there act for it. Areas are patterns such as 'src/payments/**'."
)]
pub struct StartArgs {
    /// Its name: letters, digits, '.', '_', '-'
    name: SessionName,
    /// Offer it work from this queue only; may be given several times
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Files that are its own to edit and that its items must touch, from the top of the
    /// repository; may be given several times
    #[arg(long = "area", value_name = "PATTERN")]
    areas: Vec<String>,
    /// Offer it only its part of the items, by their files: 2/5 is the second of five, 1/1 is all
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Offer it others' work once there is none of its own; '=false' ends that
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    help_others: Option<bool>,
    /// Make a new worktree there and start the session in it
    #[arg(long, value_name = "DIR")]
    worktree: Option<PathBuf>,
    /// Branch of the new worktree, made if need be [default: the session's name]
    #[arg(long, value_name = "B", requires = "worktree")]
    branch: Option<String>,
}

/// Runs `session start`.
pub fn start(app: &App, args: &StartArgs) -> CliResult<Answer> {
    Areas::new(&args.areas).map_err(|e| CliError::usage(e.to_string()))?;
    let store = app.store()?;
    let mut notes = Vec::new();
    let home = match &args.worktree {
        Some(dir) => {
            let wanted = Wanted { place: worktree::place(app, dir), branch: args.branch.as_deref() };
            match worktree::present(app, &wanted)? {
                Some(found) => Home::found(found),
                None => {
                    check_not_at_work(&store, &args.name, &wanted.place)?;
                    worktree::make(app, &store, &wanted, args.name.as_str(), &mut notes)?
                }
            }
        }
        None => Home::found(app.repo.clone()),
    };
    let begun = begin(app, args, &store, &home.repo, &mut notes);
    let (session, token) = begun.map_err(|error| home.left_after(error, app, &store))?;
    let home = home.repo;
    let binding = Binding {
        session: args.name.clone(),
        token,
        worktree: home.root.to_string_lossy().into_owned(),
        by_agent: false,
    };
    binding.write(&home).map_err(|e| CliError::failed("io", e.to_string()))?;
    store.touch_session(&args.name);
    let on = session.branch.as_ref().map(|b| format!(" on {b}")).unwrap_or_default();
    let text = format!(
        "session {} is at work in {}{on}",
        paint(STRONG, &session.name),
        session.worktree.as_deref().unwrap_or("?")
    );
    notes.extend(session.without_shard());
    let mut answer = Answer::new(json!({ "session": session_json(&session, &store) }), text);
    // They may be made later.
    notes.extend(missing(&store, &session.queues)?);
    answer.notes = notes.into_iter().map(Text::from).collect();
    Ok(answer)
}

/// Starts the session in the state. Returns it, and the token that binds its worktree to it.
fn begin(
    app: &App,
    args: &StartArgs,
    store: &Store,
    home: &HostRepo,
    notes: &mut Vec<String>,
) -> CliResult<(Box<Session>, String)> {
    // A new worktree may look for its hooks in a folder of its own (core.hooksPath), and tools
    // such as npm install replace hooks: every start sees to them.
    crate::cli::hooks::install(app)?;
    let raw = Binding::read(home).ok().flatten();
    if let Some(before) = raw.as_ref().filter(|b| b.session != args.name) {
        notes.push(format!(
            "this worktree was bound to {0}, which goes on under: --session {0}",
            before.session
        ));
    }
    let token = match raw {
        Some(binding) if binding.session == args.name => binding.token,
        _ => random_hex(16),
    };
    let known = store.read(|view| session::get(view, &args.name))?;
    let clone = store.arbiter()?.map(|a| a.clone);
    let op = Op::StartSession(StartSession {
        name: args.name.clone(),
        token: token.clone(),
        worktree: Some(home.root.to_string_lossy().into_owned()),
        branch: worktree::current_branch(home)?,
        host: Some(host_name()),
        queues: (!args.queues.is_empty()).then(|| args.queues.clone()),
        areas: (!args.areas.is_empty()).then(|| args.areas.clone()),
        shard: args.shard,
        help_others: args.help_others,
        abandoned: known.as_ref().is_some_and(|k| is_free(k, &home.root, clone.as_deref())),
    });
    let outcome = match app.submit(store, &op, None) {
        Err(e) if e.code == "held" => {
            // Where it is at work may have been learnt just now.
            let known = store.read(|view| session::get(view, &args.name))?;
            return Err(match known {
                Some(known) => at_work(e, &known, clone.as_deref()),
                None => e,
            });
        }
        other => other?,
    };
    match outcome {
        Outcome::Session { session, .. } => Ok((session, token)),
        other => Err(CliError::from_refusal(other)),
    }
}

/// The error of a session that is bound elsewhere.
fn at_work(held: CliError, known: &Session, clone: Option<&str>) -> CliError {
    let name = &known.name;
    let other = is_of_another_clone(known, clone);
    let host = known.host.as_deref().unwrap_or("another machine");
    let whose = if other { format!(" of another clone, on {host}") } else { String::new() };
    let place = known.worktree.as_deref().unwrap_or("a worktree");
    CliError { message: format!("session {name} is at work in {place}{whose}").into(), ..held }
        .hint(format!("take another name, or end it first: git coord session end {name}"))
}

/// Refuses to make a worktree for a session that could not be started there.
fn check_not_at_work(store: &Store, name: &SessionName, place: &Path) -> CliResult<()> {
    // Another clone may have started or ended it meanwhile. Without the remote there is no start.
    store.refresh_if_older(Duration::ZERO, LOOK_WAIT)?;
    let clone = store.arbiter()?.map(|a| a.clone);
    let known = store.read(|view| session::get(view, name))?;
    match known.filter(|k| k.is_bound() && !is_free(k, place, clone.as_deref())) {
        Some(known) => Err(at_work(CliError::from_refusal(known.held_elsewhere()), &known, clone.as_deref())),
        None => Ok(()),
    }
}

/// True when a known session may be started at `home` although it is bound elsewhere: its
/// worktree is gone, or is bound to another session by now.
fn is_free(known: &Session, home: &Path, clone: Option<&str>) -> bool {
    if is_of_another_clone(known, clone) {
        // Its worktree is there, where nothing can be seen from here.
        return false;
    }
    let Some(place) = known.worktree.as_ref().map(Path::new) else { return true };
    if place == home {
        return true;
    }
    match HostRepo::discover(place, &GitEnv::default()) {
        Ok(other) if other.root == place => match Binding::read(&other) {
            Ok(Some(binding)) => binding.session != known.name,
            _ => true,
        },
        _ => true,
    }
}

fn is_of_another_clone(known: &Session, clone: Option<&str>) -> bool {
    match (known.clone.as_deref(), clone) {
        // It was started before a remote decided. What is on this machine can be looked at.
        (None, Some(_)) => known.host.as_deref() != Some(&host_name()),
        (theirs, ours) => theirs != ours,
    }
}
