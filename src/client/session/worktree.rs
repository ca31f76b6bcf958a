//! The worktree that a session is started in. What git would refuse is found before, with what is in
//! the way.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::binding::Binding;
use crate::client::{Client, ClientError, ClientResult, Fate};
use crate::git::{Git, GitEnv, GitError, HostRepo, Worktree};
use crate::model::SessionName;

/// Why no worktree was made.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// There is one, on another branch.
    #[error("the worktree {place} is there already, on {on} and not on {wanted}", place = place.display(), on = on_branch(on.as_deref()))]
    OtherBranch {
        /// The folder.
        place: PathBuf,
        /// The branch that is checked out there; `None`: none.
        on: Option<String>,
        /// The branch that was asked for.
        wanted: String,
    },
    /// git allows no branch of this name.
    #[error("git does not allow a branch named {0:?}")]
    BadBranchName(String),
    /// The folder cannot be looked at.
    #[error("a worktree cannot be made at {place}: {source}", place = place.display())]
    Unreadable {
        /// The folder.
        place: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something is in the folder.
    #[error("a worktree cannot be made at {place}: {what} is there", place = place.display(), what = if *repository { "another repository" } else { "something else" })]
    Occupied {
        /// The folder.
        place: PathBuf,
        /// True for another repository.
        repository: bool,
    },
    /// git knows a worktree there, and its folder is gone.
    #[error("a worktree cannot be made at {place}: git knows one there, and its folder is gone", place = place.display())]
    Gone {
        /// The folder.
        place: PathBuf,
        /// True when git would forget it; else it is locked.
        prunable: bool,
    },
    /// The branch is checked out in a worktree whose folder is gone.
    #[error("branch {branch} is checked out in {place}, and that folder is gone", place = place.display())]
    BranchGone {
        /// The branch.
        branch: String,
        /// The folder.
        place: PathBuf,
        /// True when git would forget it; else it is locked.
        prunable: bool,
    },
    /// The branch is checked out elsewhere.
    #[error("branch {branch} is checked out in {place}{whose}", place = place.display(), whose = whose(session.as_ref()))]
    CheckedOut {
        /// The branch.
        branch: String,
        /// Where.
        place: PathBuf,
        /// The session that is at work there.
        session: Option<SessionName>,
    },
    /// There is nothing to begin a branch at.
    #[error("branch {0} cannot be made: this repository has no commit yet")]
    NoCommit(String),
    /// The name of another branch is in the way.
    #[error("branch {branch} cannot be made beside the branch {other}")]
    Beside {
        /// The branch.
        branch: String,
        /// The other.
        other: String,
    },
    /// The repository's own hook failed in the new worktree.
    #[error("a worktree was not made at {place}: git's hook post-checkout failed there (exit {status}){said}", place = place.display())]
    HookFailed {
        /// The folder.
        place: PathBuf,
        /// The exit status of git.
        status: i32,
        /// What was printed, after a colon; or nothing.
        said: String,
    },
}

fn on_branch(branch: Option<&str>) -> String {
    branch.map_or_else(|| "no branch".to_owned(), |branch| format!("branch {branch}"))
}

fn whose(session: Option<&SessionName>) -> String {
    session.map(|name| format!(", where session {name} is at work")).unwrap_or_default()
}

/// A worktree that was made for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MadeWorktree {
    /// Its top folder.
    pub path: PathBuf,
    /// Its branch.
    pub branch: String,
    /// True when the branch was made, too.
    pub new_branch: bool,
    /// The worktree in which it lies and that does not ignore it: git shows it there as untracked.
    pub inside: Option<PathBuf>,
    /// The commit at which the branch was made.
    #[serde(skip)]
    #[schemars(skip)]
    start: Option<String>,
}

/// What is asked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The folder.
    pub place: PathBuf,
    /// The branch, if one is named.
    pub branch: Option<&'a str>,
}

/// The worktree that a session is started in.
#[derive(Debug)]
pub struct Home {
    /// It as a place to work in.
    pub repo: HostRepo,
    /// Set when this call has made it.
    pub made: Option<MadeWorktree>,
}

impl Home {
    /// One that was there before.
    pub fn found(repo: HostRepo) -> Self {
        Home { repo, made: None }
    }

    /// The error of a session that was not started there. What this call has made goes again, or the
    /// error names it.
    pub fn left_after(&self, error: ClientError, client: &Client) -> ClientError {
        let Some(made) = &self.made else { return error };
        // The session may be at work there.
        if error.is_in_doubt() {
            return made.named_in(error, Fate::Kept);
        }
        let undone = client.store.worktree_lock().map_err(ClientError::from).and_then(|_alone| {
            // Another start may have found it and taken it.
            if matches!(Binding::read(&self.repo), Ok(Some(_))) { Ok(()) } else { made.undo(client) }
        });
        match undone {
            Ok(()) => error,
            Err(why) => made.named_in(error, Fate::Stuck(why.to_string())),
        }
    }
}

impl MadeWorktree {
    /// Removes it. A branch that has moved on stays. The caller keeps others from the list of
    /// worktrees.
    fn undo(&self, client: &Client) -> ClientResult<()> {
        let repo = &client.place.repo;
        if self.path.join(".git").exists() {
            repo.git().args(["worktree", "remove", "--force", "--"]).arg(&self.path).run()?;
        }
        let name = format!("refs/heads/{}", self.branch);
        let now = repo.git().args(["rev-parse", "--verify", "-q", &name]).optional()?;
        if self.start.is_some() && now == self.start {
            repo.git().args(["branch", "-q", "-D", "--", &self.branch]).run()?;
        }
        Ok(())
    }

    fn named_in(&self, error: ClientError, fate: Fate) -> ClientError {
        let (place, branch) = (self.path.clone(), self.branch.clone());
        ClientError::Left { error: Box::new(error), place, branch, fate }
    }
}

/// The branch that is checked out.
///
/// # Errors
/// When git fails.
pub fn current_branch(repo: &HostRepo) -> ClientResult<Option<String>> {
    Ok(repo.git().args(["symbolic-ref", "-q", "--short", "HEAD"]).optional()?)
}

/// The worktree of this repository that is there, for example from a start that was cut off.
///
/// # Errors
/// When what is there cannot be looked at, or is on another branch than is wanted.
pub fn present(repo: &HostRepo, wanted: &Wanted<'_>) -> ClientResult<Option<HostRepo>> {
    let place = &wanted.place;
    if !place.join(".git").exists() {
        return Ok(None);
    }
    let found = HostRepo::discover(place, &GitEnv::default())?;
    if found.common_dir != repo.common_dir || found.root != *place {
        return Ok(None);
    }
    let Some(branch) = wanted.branch else { return Ok(Some(found)) };
    let on = current_branch(&found)?;
    if on.as_deref() == Some(branch) {
        return Ok(Some(found));
    }
    let wanted = branch.to_owned();
    Err(WorktreeError::OtherBranch { place: place.clone(), on, wanted }.into())
}

/// Makes a worktree on a branch, which is made, too, if there is none; `name` is that of the
/// session. One that another start has made meanwhile will do.
///
/// # Errors
/// When the folder or the branch cannot be had, or git fails. Then nothing is left behind.
pub fn make(client: &Client, wanted: &Wanted<'_>, name: &str) -> ClientResult<Home> {
    let repo = &client.place.repo;
    let (place, branch) = (wanted.place.as_path(), wanted.branch.unwrap_or(name));
    check_name(repo, branch)?;
    // `git worktree add` twice at once can fail over git's own files (index.lock, config.lock).
    let _alone = client.store.worktree_lock()?;
    if let Some(found) = present(repo, wanted)? {
        return Ok(Home::found(found));
    }
    let trees = repo.worktrees()?;
    check_folder(place, &trees)?;
    let exists = has(repo, &format!("refs/heads/{branch}"))?;
    if exists {
        check_free(branch, &trees)?;
    } else {
        check_new(repo, branch)?;
    }
    let git = Git::new(&repo.root).args(["worktree", "add", "-q"]);
    let git = match exists {
        true => git.arg("--").arg(place).arg(branch),
        false => git.args(["-b", branch, "--"]).arg(place),
    };
    let start = (!exists).then(|| repo.git().args(["rev-parse", "HEAD"]).text()).transpose()?;
    let mut made = MadeWorktree {
        path: place.to_owned(),
        branch: branch.to_owned(),
        new_branch: !exists,
        inside: None,
        start,
    };
    if let Err(error) = git.run() {
        let error = not_added(error, place);
        return Err(match made.undo(client) {
            Ok(()) => error,
            Err(why) => made.named_in(error, Fate::Stuck(why.to_string())),
        });
    }
    let home = HostRepo::discover(place, &GitEnv::default())?;
    made.path = home.root.clone();
    made.inside = seen_by_another(&home, &trees)?;
    Ok(Home { repo: home, made: Some(made) })
}

/// The error of a `git worktree add` that failed. Where the worktree is there all the same, git had
/// come to its end, and only the hook that it runs then has failed.
fn not_added(error: GitError, place: &Path) -> ClientError {
    let GitError::Failed { status: Some(status), stderr, .. } = &error else { return error.into() };
    if !place.join(".git").exists() {
        return error.into();
    }
    let said = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
    WorktreeError::HookFailed { place: place.to_owned(), status: *status, said }.into()
}

fn has(repo: &HostRepo, rev: &str) -> ClientResult<bool> {
    Ok(repo.git().args(["rev-parse", "--verify", "-q", rev]).optional()?.is_some())
}

fn check_name(repo: &HostRepo, branch: &str) -> ClientResult<()> {
    let full = format!("refs/heads/{branch}");
    let well_formed = repo.git().args(["check-ref-format", &full]).optional()?.is_some();
    // Well formed, and yet git takes them for something else.
    if well_formed && branch != "HEAD" && !branch.starts_with('-') {
        return Ok(());
    }
    Err(WorktreeError::BadBranchName(branch.to_owned()).into())
}

fn check_folder(place: &Path, trees: &[Worktree]) -> Result<(), WorktreeError> {
    let is_empty = match std::fs::read_dir(place) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(source) => return Err(WorktreeError::Unreadable { place: place.to_owned(), source }),
    };
    if !is_empty {
        let repository = place.join(".git").exists();
        return Err(WorktreeError::Occupied { place: place.to_owned(), repository });
    }
    match trees.iter().find(|tree| tree.path == place) {
        Some(tree) => Err(WorktreeError::Gone { place: place.to_owned(), prunable: tree.prunable }),
        None => Ok(()),
    }
}

/// A branch can be checked out in one worktree only.
fn check_free(branch: &str, trees: &[Worktree]) -> Result<(), WorktreeError> {
    let Some(tree) = trees.iter().find(|tree| tree.branch.as_deref() == Some(branch)) else { return Ok(()) };
    let (branch, place) = (branch.to_owned(), tree.path.clone());
    let Ok(repo) = HostRepo::discover(&tree.path, &GitEnv::default()) else {
        return Err(WorktreeError::BranchGone { branch, place, prunable: tree.prunable });
    };
    let session = Binding::read(&repo).ok().flatten().map(|binding| binding.session);
    Err(WorktreeError::CheckedOut { branch, place, session })
}

/// A branch that is to be made: from the present commit, and not where the name of another is a
/// folder.
fn check_new(repo: &HostRepo, branch: &str) -> ClientResult<()> {
    if !has(repo, "HEAD")? {
        return Err(WorktreeError::NoCommit(branch.to_owned()).into());
    }
    let above = branch.match_indices('/').map(|(end, _)| format!("refs/heads/{}", &branch[..end]));
    let patterns: Vec<String> = above.chain([format!("refs/heads/{branch}/")]).collect();
    let list = repo.git().args(["for-each-ref", "--format=%(refname)"]).args(&patterns).text()?;
    // A name without a slash at its end is also found as the folder that it may be.
    let in_the_way =
        |name: &&str| patterns.iter().any(|p| p == name || (p.ends_with('/') && name.starts_with(p)));
    match list.lines().find(in_the_way) {
        Some(other) => {
            let other = other.strip_prefix("refs/heads/").unwrap_or(other).to_owned();
            Err(WorktreeError::Beside { branch: branch.to_owned(), other }.into())
        }
        None => Ok(()),
    }
}

/// The worktree around this one, if git takes this one for something to be added there.
fn seen_by_another(home: &HostRepo, trees: &[Worktree]) -> ClientResult<Option<PathBuf>> {
    let Some(outer) = trees
        .iter()
        .filter(|t| !t.bare && home.root.starts_with(&t.path))
        .max_by_key(|t| t.path.as_os_str().len())
    else {
        return Ok(None);
    };
    let below = home.root.strip_prefix(&outer.path).unwrap_or(&home.root);
    // Its end with a slash: a folder, whatever patterns want.
    let ignored = Git::new(&outer.path).args(["check-ignore", "-q", "--"]).arg(below.join("")).optional()?;
    if ignored.is_some() || below.starts_with(".git") {
        return Ok(None);
    }
    Ok(Some(outer.path.clone()))
}
