//! The pool: worktrees that commands run in, each with a branch and a session of its own.
//!
//! They stand in git's own folder, `<shared git folder>/coord-pool/run-<n>`, where no search, no
//! linter and no `git clean` in the user's worktree comes across them, and they are kept from one
//! run to the next: checking a large repository out takes long, and so does a first build.
//!
//! A slot is its run's alone as long as that has the kernel's lock `coord/run/run-<n>.lock`. So
//! whoever gets the lock knows that no other run uses the worktree or the session, gives back what a
//! dead one held, and takes its commits for that off the branch, unless the item is done.

use std::path::{Path, PathBuf};

use crate::binding::Binding;
use crate::exec::POOL_DIR;
use crate::git::{GitEnv, HostRepo};
use crate::model::op::StartSession;
use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, Outcome, SessionName};
use crate::store::{Store, StoreLock, host_name, random_hex};

use super::inflight::InFlight;
use super::slot_worktree::SlotWorktree;
use super::supervised_git::{KeepAlive, SupervisedGit};
use super::worktree_setup::{self, elsewhere};
use super::{RunnerError, SlotReport};

/// What the names of the pool's branches begin with; the session's name follows. The second where the
/// repository has a branch `coord`: git cannot have branches below it then.
pub const BRANCHES: [&str; 2] = ["coord/", "coord-"];

/// More slots than anybody has.
const MOST: usize = 1000;

/// A place where one command at a time runs.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Its session.
    pub session: SessionName,
    /// The top folder of its worktree. One of the pool is made when the slot has its first item.
    pub root: PathBuf,
    /// Its worktree as one of the pool; `None`: the user's own, which is left as it is.
    pub(super) tree: Option<SlotWorktree<'a>>,
    /// That of its session; empty in the user's own worktree.
    token: String,
    _lock: StoreLock,
}

impl Slot<'_> {
    /// True while a session is the one that the slot works as. Somebody may have ended that, and
    /// have begun another of the same name.
    pub(super) fn is_own(&self, record: Option<&Session>) -> bool {
        let same = |r: &Session| self.tree.is_none() || r.token == self.token;
        record.is_some_and(|r| r.state == SessionState::Active && same(r))
    }

    /// Gives everything back. The worktree stays for the next run.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn close(self, store: &Store) -> Result<(), RunnerError> {
        if self.tree.is_none() {
            // Only after a failure is there anything in hand; the session itself goes on.
            return InFlight::of(store, &self.session).give_back(store, &self.session);
        }
        let record = store.read(|view| session::get(view, &self.session))?;
        if self.is_own(record.as_ref()) {
            store.submit(&Op::EndSession { name: self.session.clone() }, None)?;
        }
        // Whoever works in this folder by hand is not the session.
        if let Some(git_dir) = self.tree.as_ref().and_then(SlotWorktree::git_dir) {
            Binding::remove(&git_dir)?;
        }
        // Empty when the slot had no item.
        let _ = std::fs::remove_dir(&self.root);
        Ok(())
    }
}

/// The slot in the user's own worktree.
///
/// # Errors
/// When another process is at work as this session.
pub(super) fn here(repo: &HostRepo, store: &Store, name: &SessionName) -> Result<Slot<'static>, RunnerError> {
    let lock = store.run_lock(name)?.ok_or_else(|| RunnerError::Busy(name.clone()))?;
    let inflight = InFlight::of(store, name);
    inflight.fail(store, name)?;
    inflight.clear();
    Ok(Slot { session: name.clone(), root: repo.root.clone(), tree: None, token: String::new(), _lock: lock })
}

/// A slot that is left out, because this worktree has its branch.
pub(super) type LeftOut = (SessionName, PathBuf);

/// Takes so many slots of the pool. `base` is where new ones start, and those whose commits are all
/// in it. Also returns those that it came across and could not use.
///
/// # Errors
/// When git or the store fails; the slots that were taken are given back.
pub(super) fn open<'a>(
    repo: &HostRepo,
    store: &Store,
    chores: &SupervisedGit<'a>,
    count: usize,
    base: Option<&str>,
) -> Result<(Vec<Slot<'a>>, Vec<LeftOut>), RunnerError> {
    let wanted = format!("{}^{{commit}}", base.unwrap_or("HEAD"));
    let base = repo.git().args(["rev-parse", "--verify", "-q", "--end-of-options", &wanted]).optional()?;
    let base = base.ok_or_else(|| RunnerError::Base(wanted.trim_end_matches("^{commit}").to_owned()))?;
    let branches = branches(repo)?;
    let list = repo.worktrees()?;
    let (mut slots, mut left_out) = (Vec::new(), Vec::new());
    for number in 1..=MOST {
        if slots.len() == count {
            break;
        }
        let Ok(name) = SessionName::parse(&format!("run-{number}")) else { continue };
        let tree = SlotWorktree {
            root: repo.common_dir.join(POOL_DIR).join(name.as_str()),
            home: repo.root.clone(),
            common_dir: repo.common_dir.clone(),
            branch: format!("{branches}{name}"),
            base: base.clone(),
            chores: chores.clone(),
        };
        if let Some(path) = elsewhere(&list, &tree) {
            left_out.push((name, path.to_owned()));
            continue;
        }
        match slot(repo, store, name, tree) {
            Ok(slot) => slots.extend(slot),
            Err(e) => {
                for slot in slots {
                    // The first failure is the one to tell of.
                    let _ = slot.close(store);
                }
                return Err(e);
            }
        }
    }
    Ok((slots, left_out))
}

/// The one of [`BRANCHES`] that git can have here.
fn branches(repo: &HostRepo) -> Result<&'static str, RunnerError> {
    let [below, beside] = BRANCHES;
    let name = format!("refs/heads/{}", below.trim_end_matches('/'));
    let taken = repo.git().args(["rev-parse", "--verify", "-q", &name]).optional()?.is_some();
    Ok(if taken { beside } else { below })
}

/// Takes the slot with this name; `None` when it is another's.
fn slot<'a>(
    repo: &HostRepo,
    store: &Store,
    name: SessionName,
    tree: SlotWorktree<'a>,
) -> Result<Option<Slot<'a>>, RunnerError> {
    let Some(lock) = store.run_lock(&name)? else { return Ok(None) };
    let known = store.read(|view| session::get(view, &name))?;
    let clone = store.arbiter()?.map(|a| a.clone);
    // Ours is of a run that was killed, because the lock was free. Otherwise a session of the user
    // or of another clone has that name.
    if let Some(known) = known.filter(|s| s.state == SessionState::Active)
        && !(is_ours(&known, &tree.root, clone.as_deref()) && end_dead(store, &known)?)
    {
        return Ok(None);
    }
    let home = match worktree_setup::find(repo, &tree.root) {
        None if InFlight::of(store, &name).exists() => {
            Some(worktree_setup::make(repo, store, &tree, &tree.base, &mut || Ok(None))?)
        }
        found => found,
    };
    // Its session is one without a worktree until then, and not one whose worktree is gone.
    std::fs::create_dir_all(&tree.root).map_err(RunnerError::io("make the folder", &tree.root))?;
    let Some(token) = start(store, &name, home.as_ref(), &tree)? else { return Ok(None) };
    let settled = home.map_or(Ok(()), |_| settle(store, &name, &tree));
    let slot = Slot { session: name, root: tree.root.clone(), tree: Some(tree), token, _lock: lock };
    if let Err(error) = settled {
        // The first failure is the one to tell of.
        let _ = slot.close(store);
        return Err(error);
    }
    Ok(Some(slot))
}

/// Brings the worktree to where the first item is to find it.
fn settle(store: &Store, name: &SessionName, tree: &SlotWorktree<'_>) -> Result<(), RunnerError> {
    InFlight::of(store, name).settle(store, name, tree)?;
    tree.catch_up(tree.clean()?).map(drop)
}

/// Makes the worktree of a slot that has none: for its first item, or because a command has removed
/// it. A branch that is gone as well begins at `base`. `keep` is called again and again meanwhile.
/// Returns whether it was made.
///
/// # Errors
/// When git or the disk fails.
pub(super) fn make_worktree(
    repo: &HostRepo,
    store: &Store,
    slot: &Slot<'_>,
    base: &str,
    keep: KeepAlive<'_>,
) -> Result<bool, RunnerError> {
    let Some(tree) = slot.tree.as_ref().filter(|tree| !tree.stands()) else { return Ok(false) };
    let home = worktree_setup::make(repo, store, tree, base, keep)?;
    bind(&slot.session, &slot.token, &home)?;
    Ok(true)
}

fn bind(session: &SessionName, token: &str, home: &HostRepo) -> Result<(), RunnerError> {
    let worktree = home.root.to_string_lossy().into_owned();
    Ok(Binding { session: session.clone(), token: token.to_owned(), worktree, by_agent: false }
        .write(home)?)
}

/// True when a session is the one of the slot in this folder, and not a user's or another
/// clone's of the same name. A copy of the whole repository has the binding as well; only `clone`,
/// this clone's name, tells it from the original.
fn is_ours(known: &Session, root: &Path, clone: Option<&str>) -> bool {
    if known.clone.as_deref().zip(clone).is_some_and(|(theirs, ours)| theirs != ours) {
        return false;
    }
    let bound = HostRepo::discover(root, &GitEnv::default())
        .ok()
        .filter(|home| home.root == root)
        .and_then(|home| Binding::read_in(&home.git_dir).ok().flatten());
    match bound {
        Some(binding) => binding.session == known.name && binding.token == known.token,
        // The folder was removed by hand.
        None => {
            known.worktree.as_ref().is_some_and(|w| Path::new(w) == root)
                && known.host.as_deref() == Some(&host_name())
        }
    }
}

/// Ends the session of a run that was killed; false when it is another clone's by now. Resuming it
/// by its own token first asks the arbiter whether it is still ours: what this clone knows may be
/// old, and a session is ended by its name alone.
fn end_dead(store: &Store, known: &Session) -> Result<bool, RunnerError> {
    let resume = StartSession { token: known.token.clone(), ..StartSession::new(known.name.clone()) };
    match store.submit(&Op::StartSession(resume), None)? {
        Outcome::Session { .. } => {}
        Outcome::Held { .. } => return Ok(false),
        other => return Err(RunnerError::Refused(Box::new(other))),
    }
    InFlight::of(store, &known.name).fail(store, &known.name)?;
    store.submit(&Op::EndSession { name: known.name.clone() }, None)?;
    Ok(true)
}

/// Starts the slot's session and binds the worktree to it, if there is one, so that the hooks know
/// whose it is.
/// Returns the session's token; `None` when another clone has a session of that name.
fn start(
    store: &Store,
    name: &SessionName,
    home: Option<&HostRepo>,
    tree: &SlotWorktree<'_>,
) -> Result<Option<String>, RunnerError> {
    let token = random_hex(16);
    // First the binding: by its token the next run knows the session of one that was killed.
    home.map_or(Ok(()), |home| bind(name, &token, home))?;
    let op = Op::StartSession(StartSession {
        token: token.clone(),
        worktree: Some(tree.root.to_string_lossy().into_owned()),
        branch: Some(tree.branch.clone()),
        host: Some(host_name()),
        folds_names: home.is_some_and(HostRepo::folds_names),
        ..StartSession::new(name.clone())
    });
    match store.submit(&op, None)? {
        Outcome::Session { .. } => {}
        Outcome::Held { .. } => {
            home.map_or(Ok(false), |home| Binding::remove(&home.git_dir))?;
            return Ok(None);
        }
        other => return Err(RunnerError::Refused(Box::new(other))),
    }
    store.touch_session(name);
    Ok(Some(token))
}

/// What a slot has to show.
///
/// # Errors
/// When git fails.
pub(super) fn show(slot: &Slot<'_>) -> Result<SlotReport, RunnerError> {
    let (commits, behind, aside) = match &slot.tree {
        // A run that was stopped at once may leave it to the next one to make the branch again.
        Some(tree) if tree.tip()?.is_some() => (tree.ahead()?, tree.behind()?, tree.aside()?),
        _ => (0, 0, Vec::new()),
    };
    Ok(SlotReport {
        session: slot.session.clone(),
        worktree: slot.root.clone(),
        branch: slot.tree.as_ref().map(|t| t.branch.clone()),
        commits,
        behind,
        aside,
    })
}
