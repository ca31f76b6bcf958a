//! The pool: worktrees that commands run in, each with a branch and a session of its own.
//!
//! They stand in git's own folder, `<common git folder>/coord-pool/run-<n>`, where no search, no
//! linter and no `git clean` in the user's worktree comes across them, and they are kept from one
//! run to the next: checking a large repository out takes long, and so does a first build.
//!
//! A slot is its run's alone as long as that has the kernel's lock `coord/run/run-<n>.lock`. So
//! whoever gets the lock knows that no other run uses the worktree or the session, gives back what a
//! dead one held, and takes its commits for that off the branch, unless the item is done.

use std::path::{Path, PathBuf};

use crate::binding::Binding;
use crate::git::{Git, GitEnv, HostRepo};
use crate::model::op::StartSession;
use crate::model::session::{self, Session, SessionState};
use crate::model::{Op, Outcome, SessionName};
use crate::store::{Store, StoreLock, host_name, random_hex};

use super::chores::Chores;
use super::hand::Hand;
use super::tree::{Tree, ahead};
use super::{RunnerError, Shown};

/// Folder of the pool in the common git folder.
pub const POOL_DIR: &str = "coord-pool";

/// What the names of the pool's branches begin with; the session's name follows.
pub const BRANCHES: &str = "coord/";

/// More slots than anybody has.
const MOST: usize = 1000;

/// A place where one command at a time runs.
#[derive(Debug)]
pub struct Slot<'a> {
    /// Its session.
    pub session: SessionName,
    /// Its worktree.
    pub repo: HostRepo,
    /// Its worktree as one of the pool; `None`: the user's own, which is left as it is.
    pub(super) tree: Option<Tree<'a>>,
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
            return Hand::of(store, &self.session).give_back(store, &self.session);
        }
        let record = store.read(|view| session::get(view, &self.session))?;
        if self.is_own(record.as_ref()) {
            store.submit(&Op::EndSession { name: self.session.clone() }, None)?;
        }
        // Whoever works in this folder by hand is not the session.
        Binding::remove(&self.repo.git_dir)?;
        Ok(())
    }
}

/// The slot in the user's own worktree.
///
/// # Errors
/// When another process is at work as this session.
pub(super) fn here(repo: &HostRepo, store: &Store, name: &SessionName) -> Result<Slot<'static>, RunnerError> {
    let lock = store.run_lock(name)?.ok_or_else(|| RunnerError::Busy(name.clone()))?;
    Hand::of(store, name).give_back(store, name)?;
    Ok(Slot { session: name.clone(), repo: repo.clone(), tree: None, token: String::new(), _lock: lock })
}

/// Takes so many slots of the pool, and makes those that are missing. `base` is where new ones
/// start, and those whose commits are all in it.
///
/// # Errors
/// When git or the store fails; the slots that were taken are given back.
pub(super) fn open<'a>(
    repo: &HostRepo,
    store: &Store,
    chores: Chores<'a>,
    count: usize,
    base: Option<&str>,
) -> Result<Vec<Slot<'a>>, RunnerError> {
    let wanted = format!("{}^{{commit}}", base.unwrap_or("HEAD"));
    let base = repo.git().args(["rev-parse", "--verify", "-q", "--end-of-options", &wanted]).optional()?;
    let base = base.ok_or_else(|| RunnerError::Base(wanted.trim_end_matches("^{commit}").to_owned()))?;
    let mut slots = Vec::new();
    for number in 1..=MOST {
        if slots.len() == count {
            break;
        }
        match slot(repo, store, chores, number, &base) {
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
    Ok(slots)
}

/// Takes the slot with this number; `None` when it is another's.
fn slot<'a>(
    repo: &HostRepo,
    store: &Store,
    chores: Chores<'a>,
    number: usize,
    base: &str,
) -> Result<Option<Slot<'a>>, RunnerError> {
    let Ok(name) = SessionName::parse(&format!("run-{number}")) else { return Ok(None) };
    let Some(lock) = store.run_lock(&name)? else { return Ok(None) };
    let root = repo.common_dir.join(POOL_DIR).join(name.as_str());
    let known = store.read(|view| session::get(view, &name))?;
    let clone = store.authority()?.map(|a| a.clone);
    // Ours is of a run that was killed, because the lock was free. Otherwise a session of the user
    // or of another clone has that name.
    if let Some(known) = known.filter(|s| s.state == SessionState::Active)
        && !(is_ours(&known, &root, clone.as_deref()) && end_dead(store, &known)?)
    {
        return Ok(None);
    }
    let branch = format!("{BRANCHES}{name}");
    let mut tree = Tree { root, git_dir: PathBuf::new(), branch, base: base.to_owned(), chores };
    let home = worktree(repo, store, &tree, &name, base)?;
    tree.git_dir.clone_from(&home.git_dir);
    let Some(token) = start(store, &name, &home, &tree)? else { return Ok(None) };
    let settled = settle(store, &name, &tree);
    let slot = Slot { session: name, repo: home, tree: Some(tree), token, _lock: lock };
    if let Err(error) = settled {
        // The first failure is the one to tell of.
        let _ = slot.close(store);
        return Err(error);
    }
    Ok(Some(slot))
}

/// Brings the worktree to where the first item is to find it.
fn settle(store: &Store, name: &SessionName, tree: &Tree<'_>) -> Result<(), RunnerError> {
    Hand::of(store, name).settle(store, name, tree)?;
    let commit = tree.clean()?;
    if commit != tree.base && tree.leads_to(&commit, &tree.base)? {
        tree.go_back(&tree.base)?;
    }
    Ok(())
}

/// Makes the worktree of a slot again when a command has removed it. A branch that is gone as well
/// begins at this commit.
///
/// # Errors
/// When git or the disk fails.
pub(super) fn stand(repo: &HostRepo, store: &Store, slot: &Slot<'_>, base: &str) -> Result<(), RunnerError> {
    let Some(tree) = slot.tree.as_ref().filter(|tree| !tree.stands()) else { return Ok(()) };
    let home = worktree(repo, store, tree, &slot.session, base)?;
    bind(&slot.session, &slot.token, &home)
}

fn bind(session: &SessionName, token: &str, home: &HostRepo) -> Result<(), RunnerError> {
    let worktree = home.root.to_string_lossy().into_owned();
    Ok(Binding { session: session.clone(), token: token.to_owned(), worktree }.write(home)?)
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
    store.submit(&Op::EndSession { name: known.name.clone() }, None)?;
    Ok(true)
}

/// Makes the worktree, or finds the one that is there.
fn worktree(
    repo: &HostRepo,
    store: &Store,
    tree: &Tree<'_>,
    name: &SessionName,
    base: &str,
) -> Result<HostRepo, RunnerError> {
    let (root, branch) = (&tree.root, &tree.branch);
    if let Ok(found) = HostRepo::discover(root, &GitEnv::default())
        && found.root == *root
        && found.common_dir == repo.common_dir
    {
        return Ok(found);
    }
    // `git worktree add` twice at once can fail over git's own files (index.lock, config.lock).
    let _alone = store.worktree_lock()?;
    if root.exists() {
        // Left by a run that was killed while git made it.
        std::fs::remove_dir_all(root).map_err(RunnerError::io("remove", root))?;
    }
    if repo.worktrees()?.iter().any(|w| w.path == *root) {
        repo.git().args(["worktree", "remove", "--force", "--"]).arg(root).run()?;
    }
    let full = format!("refs/heads/{}", branch);
    let known = repo.git().args(["rev-parse", "--verify", "-q", &full]).optional()?.is_some();
    // The name of the session keeps the hooks from greeting the newcomer.
    let git = Git::new(&repo.root).env(super::SESSION, name.as_str()).args(["worktree", "add", "-q"]);
    let git = if known {
        git.arg("--").arg(root).arg(branch)
    } else {
        git.args(["--no-track", "-b", branch, "--"]).arg(root).arg(base)
    };
    tree.chores.patient().run(&git)?;
    Ok(HostRepo::discover(root, &GitEnv::default())?)
}

/// Starts the slot's session and binds the worktree to it, so that the hooks know whose it is.
/// Returns the session's token; `None` when another clone has a session of that name.
fn start(
    store: &Store,
    name: &SessionName,
    home: &HostRepo,
    tree: &Tree<'_>,
) -> Result<Option<String>, RunnerError> {
    let token = random_hex(16);
    // First the binding: by its token the next run knows the session of one that was killed.
    bind(name, &token, home)?;
    let op = Op::StartSession(StartSession {
        token: token.clone(),
        worktree: Some(home.root.to_string_lossy().into_owned()),
        branch: Some(tree.branch.clone()),
        host: Some(host_name()),
        ..StartSession::new(name.clone())
    });
    match store.submit(&op, None)? {
        Outcome::Session { .. } => {}
        Outcome::Held { .. } => {
            Binding::remove(&home.git_dir)?;
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
pub(super) fn show(slot: &Slot<'_>) -> Result<Shown, RunnerError> {
    let (commits, aside) = match &slot.tree {
        // A run that was stopped at once may leave it to the next one to make the branch again.
        Some(tree) if tree.tip()?.is_some() => {
            (ahead(&tree.root, &tree.base, &tree.branch)?, tree.aside(&tree.base)?)
        }
        _ => (0, Vec::new()),
    };
    Ok(Shown {
        session: slot.session.clone(),
        worktree: slot.repo.root.clone(),
        branch: slot.tree.as_ref().map(|t| t.branch.clone()),
        commits,
        aside,
    })
}
