//! `session start`, `list`, `show`, `end`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::binding::Binding;
use crate::git::{GitEnv, HostRepo};
use crate::model::area::Areas;
use crate::model::op::StartSession;
use crate::model::session::{self, Session, SessionState};
use crate::model::shard::Share;
use crate::model::{Op, Outcome, QueueName, SessionName};
use crate::store::{Store, host_name, random_hex};

use super::app::App;
use super::error::{CliError, CliResult};
use super::output::{Answer, FAINT, GOOD, STRONG, Text, paint};
use super::text;
use super::worktree::{self, Home, Wanted};

/// How long a start waits for a process that writes, before it goes by what is known.
const LOOK_WAIT: Duration = Duration::from_secs(2);

/// Start, list, show or end sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Start a session in this worktree, or in a new one
    Start(StartArgs),
    /// List all sessions
    List,
    /// Show a session and what it holds
    Show(NameArgs),
    /// End a session and give back everything it holds
    End(NameArgs),
}

/// See the command's help.
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
    share: Option<Share>,
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

/// See the command's help.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Which [default: the session of this worktree]
    name: Option<SessionName>,
}

/// Runs `session …`.
pub fn run(app: &App, command: &SessionCommand) -> CliResult<Answer> {
    match command {
        SessionCommand::Start(args) => start(app, args),
        SessionCommand::List => list(app),
        SessionCommand::Show(args) => show(app, args),
        SessionCommand::End(args) => end(app, args),
    }
}

/// A session in the form that `data.session` has.
pub fn session_json(session: &Session, store: &Store) -> Value {
    let leases: Vec<Value> = session
        .leases
        .iter()
        .map(|l| {
            json!({
                "lease": l.id, "mode": l.mode, "since": l.since.to_string(),
                "expires": l.expires().to_string(), "paths": l.paths,
                "item": l.item.as_ref().map(|i| &i.id),
            })
        })
        .collect();
    json!({
        "name": session.name, "state": session.state, "worktree": session.worktree,
        "branch": session.branch, "host": session.host, "queues": session.queues,
        "areas": session.areas, "share": session.share, "help_others": session.help_others,
        "started": session.started.to_string(),
        "ended": session.ended.map(|t| t.to_string()), "done": session.done, "failed": session.failed,
        "leases": leases, "last_seen": store.last_seen(&session.name).map(|t| t.to_string()),
    })
}

fn start(app: &App, args: &StartArgs) -> CliResult<Answer> {
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
    let binding =
        Binding { session: args.name.clone(), token, worktree: home.root.to_string_lossy().into_owned() };
    binding.write(&home).map_err(|e| CliError::failed("io", e.to_string()))?;
    store.touch_session(&args.name);
    let on = session.branch.as_ref().map(|b| format!(" on {b}")).unwrap_or_default();
    let text = format!(
        "session {} is at work in {}{on}",
        paint(STRONG, &session.name),
        session.worktree.as_deref().unwrap_or("?")
    );
    notes.extend(session.without_share());
    let mut answer = Answer::new(json!({ "session": session_json(&session, &store) }), text);
    // They may be made later.
    notes.extend(super::queue::missing(&store, &session.queues)?);
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
    super::hooks::install(app)?;
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
        share: args.share,
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

fn list(app: &App) -> CliResult<Answer> {
    let store = app.store()?;
    app.sweep(&store)?;
    let mut sessions = store.read(|view| session::all(view))?;
    // What a clone keeps ready is nobody's work.
    sessions.retain(|s| !s.pool);
    let width = sessions.iter().map(|s| s.name.as_str().len()).max().unwrap_or(0);
    let lines: Vec<String> = sessions.iter().map(|s| line(s, &store, width)).collect();
    let text = if lines.is_empty() { Text::from("no session has been started") } else { lines.into() };
    let data: Vec<Value> = sessions.iter().map(|s| session_json(s, &store)).collect();
    Ok(Answer::new(json!({ "sessions": data }), text))
}

fn line(session: &Session, store: &Store, width: usize) -> String {
    let state = match session.state {
        SessionState::Active => paint(GOOD, "active"),
        SessionState::Ended => paint(FAINT, "ended "),
    };
    // Of those of other clones it is not known here.
    let seen = store.last_seen(&session.name).map_or_else(|| "-".to_owned(), text::ago);
    let place = session.worktree.as_deref().unwrap_or("-");
    format!("{:width$}  {state}  {place}  {}", session.name.to_string(), paint(FAINT, format!("seen {seen}")))
}

fn show(app: &App, args: &NameArgs) -> CliResult<Answer> {
    let name = named(app, args)?;
    let store = app.store()?;
    app.sweep(&store)?;
    let session = store.read(|view| session::get(view, &name))?.ok_or_else(|| unknown(&name))?;
    let mut lines = vec![line(&session, &store, session.name.as_str().len())];
    if let Some(branch) = &session.branch {
        lines.push(format!("  branch   {branch}"));
    }
    if !session.queues.is_empty() {
        let names: Vec<&str> = session.queues.iter().map(QueueName::as_str).collect();
        lines.push(format!("  queues   {}", names.join(", ")));
    }
    if !session.areas.is_empty() {
        lines.push(format!("  areas    {}", session.areas.join(", ")));
    }
    if let Some(share) = session.share {
        let gone = session.without_share().map(|_| format!("none: the split is over {} now", share.of()));
        lines.push(format!("  share    {}", gone.unwrap_or_else(|| share.to_string())));
    }
    if session.help_others {
        lines.push("  helps    others, when it has no work of its own".to_owned());
    }
    lines.push(format!("  finished {} done, {} failed", session.done, session.failed));
    for lease in &session.leases {
        let what = match &lease.item {
            Some(item) => format!("item {}", item.id),
            None => lease.paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let left = paint(FAINT, format!("{} left", text::until(lease.expires())));
        lines.push(format!("  holds    {what} {left}"));
    }
    for loss in session.lost.iter().rev().take(5) {
        let what = loss.path.as_ref().map(ToString::to_string);
        let what = what.or_else(|| loss.item.as_ref().map(|i| format!("item {i}"))).unwrap_or_default();
        lines.push(format!("  lost     {what}: {}", loss.why));
    }
    Ok(Answer::new(json!({ "session": session_json(&session, &store) }), lines))
}

fn named(app: &App, args: &NameArgs) -> CliResult<SessionName> {
    args.name.clone().map_or_else(|| app.session(), Ok)
}

fn unknown(name: &SessionName) -> CliError {
    CliError::from_refusal(Outcome::Unknown { what: "session".into(), name: name.to_string() })
}

fn end(app: &App, args: &NameArgs) -> CliResult<Answer> {
    let name = named(app, args)?;
    let store = app.store()?;
    let outcome = app.submit(&store, &Op::EndSession { name: name.clone() }, None)?;
    let Outcome::Session { session, released, dropped } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    // A binding to a session that has ended would only confuse the next command.
    if let Ok(Some(binding)) = Binding::read(&app.repo)
        && binding.session == name
    {
        Binding::remove(&app.repo.git_dir).map_err(|e| CliError::failed("io", e.to_string()))?;
    }
    let text = format!(
        "session {name} has ended; given back: {}, {}",
        text::count(released.len(), "path"),
        text::count(dropped.len(), "item")
    );
    let data = json!({ "session": session_json(&session, &store), "released": released, "dropped": dropped });
    Ok(Answer::new(data, text))
}
