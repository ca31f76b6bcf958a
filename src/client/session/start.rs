//! Starting or resuming a session, in this worktree or in a new one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::binding::Binding;
use crate::client::queues::MissingQueues;
use crate::client::{Client, ClientError, ClientResult};
use crate::git::{GitEnv, HostRepo, resolve_existing};
use crate::hook;
use crate::model::area::Areas;
use crate::model::op::StartSession;
use crate::model::session::{self, Session, SessionState};
use crate::model::shard::Shard;
use crate::model::{Op, Outcome, QueueName, SessionName};
use crate::store::{host_name, random_hex};

use super::worktree::{self, Home, MadeWorktree, Wanted};
use super::{SessionInfo, current_branch};

/// How long a start waits for the remote, before it goes by the last known state.
const LOOK_WAIT: Duration = Duration::from_secs(2);

/// A session to be started or resumed. `None`: as it was before.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Its name.
    pub name: SessionName,
    /// Queues that it is offered work from.
    pub queues: Option<Vec<QueueName>>,
    /// Patterns of the files that are its own to edit.
    pub areas: Option<Vec<String>>,
    /// Its part of the items.
    pub shard: Option<Shard>,
    /// Whether it takes other sessions' items once its own have run out.
    pub help_others: Option<bool>,
    /// A worktree to make for it; `None`: this one.
    pub worktree: Option<NewWorktree>,
    /// Take the worktree over from the session that it is bound to.
    pub rebind: bool,
}

/// A worktree that a session is to be started in.
#[derive(Debug, Clone)]
pub struct NewWorktree {
    /// The folder, relative to the current one.
    pub dir: PathBuf,
    /// Its branch; `None`: one named like the session.
    pub branch: Option<String>,
}

/// A session that was started.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Started {
    /// It.
    pub session: SessionInfo,
    /// True when it was at work before.
    pub resumed: bool,
    /// The worktree, when this call has made it.
    pub made: Option<MadeWorktree>,
    /// The session from which the worktree was taken over.
    pub was_bound_to: Option<SessionName>,
    /// That its shard of a split is gone, in words.
    pub without_shard: Option<String>,
    /// Queues of the session that do not exist yet.
    pub missing_queues: Vec<QueueName>,
    /// The same with those that exist.
    #[serde(skip)]
    #[schemars(skip)]
    pub missing: MissingQueues,
}

/// Starts or resumes a session. What this call has made is removed again when it fails, or
/// [`ClientError::Left`] names it.
///
/// # Errors
/// When the session is at work elsewhere, the worktree is another session's or cannot be made, or
/// from the store.
pub fn start(client: &Client, request: &StartRequest) -> ClientResult<Started> {
    Areas::new(request.areas.as_deref().unwrap_or_default())?;
    let home = home(client, request)?;
    let begun = begin(client, request, &home.repo);
    let begun = begun.map_err(|error| home.left_after(error, client))?;
    let worktree = home.repo.root.to_string_lossy().into_owned();
    Binding { session: request.name.clone(), token: begun.token, worktree, by_agent: false }
        .write(&home.repo)?;
    client.store.touch_session(&request.name);
    let missing = MissingQueues::among(&client.store, &begun.session.queues)?;
    Ok(Started {
        session: SessionInfo::of(&begun.session, &client.store),
        resumed: begun.resumed,
        made: home.made,
        was_bound_to: begun.was_bound_to,
        without_shard: begun.session.without_shard(),
        missing_queues: missing.missing.clone(),
        missing,
    })
}

/// Where the session is to be at work.
fn home(client: &Client, request: &StartRequest) -> ClientResult<Home> {
    let repo = &client.place.repo;
    let Some(new) = &request.worktree else { return Ok(Home::found(repo.clone())) };
    let place = resolve_existing(&repo.root.join(repo.prefix.to_native()).join(&new.dir));
    let wanted = Wanted { place, branch: new.branch.as_deref() };
    if let Some(found) = worktree::present(repo, &wanted)? {
        return Ok(Home::found(found));
    }
    check_not_at_work(client, &request.name, &wanted.place)?;
    worktree::make(client, &wanted, request.name.as_str())
}

/// A session that the state has started.
struct Begun {
    session: Box<Session>,
    token: String,
    resumed: bool,
    was_bound_to: Option<SessionName>,
}

fn begin(client: &Client, request: &StartRequest, home: &HostRepo) -> ClientResult<Begun> {
    let (store, name) = (&client.store, &request.name);
    let bound = Binding::read(home).ok().flatten();
    let was_bound_to = bound.as_ref().filter(|b| b.session != *name).map(|b| b.session.clone());
    let known = store.read(|view| session::get(view, name))?;
    let clone = client.clone_name()?;
    // One that is at work elsewhere is refused for that.
    let elsewhere = known.as_ref().is_some_and(|k| k.is_bound() && !is_free(k, &home.root, clone.as_deref()));
    if let Some(before) = bound.as_ref().filter(|b| b.session != *name && !elsewhere) {
        check_may_rebind(client, request, home, before)?;
    }
    // A new worktree may look for its hooks in a folder of its own (core.hooksPath), and tools
    // such as npm install replace hooks: every start sees to them.
    let program = crate::process::own_program().map_err(ClientError::OwnProgram)?;
    hook::install(&client.place.repo, &program)?;
    let token = match bound {
        Some(binding) if binding.session == *name => binding.token,
        _ => random_hex(16),
    };
    let resumed = known.as_ref().is_some_and(|k| k.state == SessionState::Active && k.is_bound());
    let op = Op::StartSession(StartSession {
        name: name.clone(),
        token: token.clone(),
        worktree: Some(home.root.to_string_lossy().into_owned()),
        branch: current_branch(home)?,
        host: Some(host_name()),
        folds_names: home.folds_names(),
        queues: request.queues.clone(),
        areas: request.areas.clone(),
        shard: request.shard,
        help_others: request.help_others,
        abandoned: known.as_ref().is_some_and(|k| is_free(k, &home.root, clone.as_deref())),
    });
    match client.submit(&op, None) {
        Ok(Outcome::Session { session, .. }) => Ok(Begun { session, token, resumed, was_bound_to }),
        Ok(other) => Err(ClientError::refused(other)),
        Err(ClientError::Refused(outcome)) if matches!(*outcome, Outcome::Held { .. }) => {
            // Where it is at work may have been learnt just now.
            let known = store.read(|view| session::get(view, name))?;
            if let Some(token) = token_of_twin(home, name, known.as_ref()) {
                let session = known.map(Box::new).ok_or(ClientError::Refused(outcome))?;
                return Ok(Begun { session, token, resumed: true, was_bound_to });
            }
            Err(match known {
                Some(known) => at_work(&known, clone.as_deref()),
                None => ClientError::Refused(outcome),
            })
        }
        Err(error) => Err(error),
    }
}

/// Another process has started the same session here a moment ago: the token that it binds the worktree with.
fn token_of_twin(home: &HostRepo, name: &SessionName, known: Option<&Session>) -> Option<String> {
    let here = |k: &&Session| k.worktree.as_deref().is_some_and(|w| Path::new(w) == home.root);
    let known = known.filter(here)?;
    // It writes the binding right after its operation.
    for _ in 0..100 {
        if let Ok(Some(binding)) = Binding::read(home)
            && binding.session == *name
            && binding.token == known.token
        {
            return Some(binding.token);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Two sessions in one worktree would commit each other's edits: the hooks act for the bound one only.
fn check_may_rebind(
    client: &Client,
    request: &StartRequest,
    home: &HostRepo,
    before: &Binding,
) -> ClientResult<()> {
    // An agent program binds a worktree without being asked; a person or script that starts a session means it.
    if request.rebind || before.by_agent {
        return Ok(());
    }
    let record = client.store.read(|view| session::get(view, &before.session))?;
    // One that has ended, or has moved to another worktree, holds nothing here.
    let lives = record.is_some_and(|r| r.state == SessionState::Active && r.token == before.token);
    if !lives {
        return Ok(());
    }
    Err(ClientError::BoundTo {
        root: home.root.clone(),
        bound: before.session.clone(),
        wanted: request.name.clone(),
    })
}

/// The error of a session that is bound elsewhere.
fn at_work(known: &Session, clone: Option<&str>) -> ClientError {
    let blockers = match Outcome::bound_elsewhere(known) {
        Outcome::Held { blockers } => blockers,
        _ => Vec::new(),
    };
    let other = is_of_another_clone(known, clone);
    let host = || known.host.clone().unwrap_or_else(|| "another machine".to_owned());
    ClientError::AtWork {
        session: known.name.clone(),
        place: known.worktree.clone().unwrap_or_else(|| "a worktree".to_owned()),
        other_host: other.then(host),
        blockers,
    }
}

/// Refuses to make a worktree for a session that could not be started there.
fn check_not_at_work(client: &Client, name: &SessionName, place: &Path) -> ClientResult<()> {
    // Another clone may have started or ended it meanwhile. Without the remote there is no start.
    client.store.refresh_if_older(Duration::ZERO, LOOK_WAIT)?;
    let clone = client.clone_name()?;
    let known = client.store.read(|view| session::get(view, name))?;
    match known.filter(|k| k.is_bound() && !is_free(k, place, clone.as_deref())) {
        Some(known) => Err(at_work(&known, clone.as_deref())),
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
