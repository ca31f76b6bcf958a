//! Where git looks for hooks, and whether we may put any there.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::git::{Git, GitError, HostRepo};

use super::hook_file::{self, Found, HookFile};
use super::{Hook, HookError, io, shim};

/// What `.gitignore` says in a folder that we made inside a worktree: like husky's, and marked.
const IGNORE_ALL: &str = "# made by git-coord, with the hooks beside it\n*\n";

/// A folder where git looks for the hooks of at least one worktree.
#[derive(Debug)]
pub(super) struct HooksDir {
    pub(super) dir: PathBuf,
    /// The worktrees whose hooks these are.
    pub(super) worktrees: Vec<PathBuf>,
    /// False when the user calls us from hooks that are not ours to touch.
    pub(super) ours: bool,
    /// True when the folder is inside a worktree and still to be made.
    fresh: bool,
}

/// The worktrees of the clone whose folders exist.
pub(super) fn worktrees(repo: &HostRepo) -> Result<Vec<PathBuf>, GitError> {
    let mut list: Vec<PathBuf> = Vec::new();
    for tree in repo.worktrees()? {
        // A folder that is gone, or on a disk that is not there now, has no hooks.
        if tree.bare || tree.prunable {
            continue;
        }
        if let Ok(path) = tree.path.canonicalize() {
            list.push(path);
        }
    }
    // git lists the main worktree of a submodule or of `--separate-git-dir` by its git folder.
    list.retain(|path| *path != repo.common_dir);
    if !list.contains(&repo.root) {
        list.push(repo.root.clone());
    }
    Ok(list)
}

/// The same as [`of`]. The present worktree may be one that only the environment of git names.
pub(super) fn of_worktree(repo: &HostRepo, root: &Path) -> Result<PathBuf, GitError> {
    if *root == repo.root { ask(repo.git()) } else { of(root) }
}

/// The folder where git looks for hooks in a worktree: `core.hooksPath` from whatever file it is
/// set in (system to worktree), `~/` and relative paths resolved by git itself.
fn of(worktree: &Path) -> Result<PathBuf, GitError> {
    ask(Git::new(worktree))
}

/// The same for a bare repository, which is named: git does not look for one everywhere.
pub(super) fn of_bare(bare: &Path) -> Result<PathBuf, GitError> {
    ask(Git::new(bare).env("GIT_DIR", bare))
}

fn ask(git: Git) -> Result<PathBuf, GitError> {
    let out = git.args(["rev-parse", "--path-format=absolute", "--git-path", "hooks"]).run()?;
    let path = out.strip_suffix(b"\n").unwrap_or(&out);
    Ok(PathBuf::from(OsStr::from_bytes(path)))
}

/// Every place of the clone, having made sure that we may use each.
pub(super) fn all(repo: &HostRepo) -> Result<Vec<HooksDir>, HookError> {
    let roots = worktrees(repo)?;
    let mut dirs: Vec<HooksDir> = Vec::new();
    for root in &roots {
        let dir = match of_worktree(repo, root) {
            Ok(dir) => dir,
            // A neighbour that git cannot use runs no hooks; it must not keep everybody else from theirs.
            Err(_) if *root != repo.root => continue,
            Err(e) => return Err(e.into()),
        };
        if let Some(known) = dirs.iter_mut().find(|d| d.dir == dir) {
            known.worktrees.push(root.clone());
            continue;
        }
        let (ours, fresh) = check(repo, &roots, root, &dir)?;
        dirs.push(HooksDir { dir, worktrees: vec![root.clone()], ours, fresh });
    }
    Ok(dirs)
}

/// Whether a folder is ours to install in, and whether it has yet to be made inside a worktree.
fn check(repo: &HostRepo, roots: &[PathBuf], worktree: &Path, dir: &Path) -> Result<(bool, bool), HookError> {
    if dir.starts_with(&repo.common_dir) {
        return Ok((true, false));
    }
    let common = repo.common_dir.clone();
    // Worktrees can lie inside each other: the innermost has the say.
    let inside = roots.iter().filter(|r| dir.starts_with(r)).max_by_key(|r| r.as_os_str().len());
    let Some(root) = inside else {
        if calls_us(dir)? {
            return Ok((false, false));
        }
        return Err(HookError::Outside { dir: dir.to_owned(), worktree: worktree.to_owned(), common });
    };
    let tracked = is_tracked(root, dir)?;
    let fresh = is_fresh(dir);
    if !tracked && (fresh || is_ignored(root, dir)?) {
        return Ok((true, fresh));
    }
    if calls_us(dir)? {
        return Ok((false, false));
    }
    Err(HookError::InProject { dir: dir.to_owned(), worktree: root.clone(), common, tracked })
}

fn is_tracked(root: &Path, dir: &Path) -> Result<bool, GitError> {
    let below = dir.strip_prefix(root).unwrap_or(Path::new(""));
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    let out = Git::new(root).args(["--literal-pathspecs", "ls-files", "-z", "--"]).arg(below).run()?;
    Ok(!out.is_empty())
}

fn is_ignored(root: &Path, dir: &Path) -> Result<bool, GitError> {
    let any = dir.join(Hook::PreCommit.name());
    Ok(Git::new(root).args(["check-ignore", "-q", "--"]).arg(any).optional()?.is_some())
}

/// True when the user's own pre-commit calls us: the one hook without which nothing is checked.
fn calls_us(dir: &Path) -> Result<bool, HookError> {
    let file = HookFile { hook: Hook::PreCommit, dir: dir.to_owned() };
    // `core.hooksPath=/dev/null` and the like: a way to say "no hooks".
    let found = hook_file::inspect(&file.path())?;
    Ok(matches!(found, Found::Foreign(f) if f.runs && shim::calls_us(&f.text, Hook::PreCommit)))
}

impl HooksDir {
    /// Makes the folder. Inside a worktree it gets a `.gitignore` first, so that not even for a
    /// moment does `git status` (or `git add -A` of another session) see what is in it.
    pub(super) fn make(&self) -> Result<(), HookError> {
        fs::create_dir_all(&self.dir).map_err(io("make", &self.dir))?;
        if !self.fresh {
            return Ok(());
        }
        let ignore = self.dir.join(".gitignore");
        fs::write(&ignore, IGNORE_ALL).map_err(io("write", &ignore))
    }
}

/// True for a folder that does not exist, and for what a process leaves that was killed while it
/// made one: no files, or only the begin of our `.gitignore`.
fn is_fresh(dir: &Path) -> bool {
    let Ok(list) = fs::read_dir(dir) else { return !dir.exists() };
    list.flatten().all(|entry| {
        entry.file_name() == ".gitignore"
            && fs::read(entry.path())
                .is_ok_and(|t| t.len() < IGNORE_ALL.len() && IGNORE_ALL.as_bytes().starts_with(&t))
    })
}

/// Removes a folder that [`HooksDir::make`] made inside a worktree, if nothing else is in it.
pub(super) fn unmake(dir: &Path) {
    let ignore = dir.join(".gitignore");
    if !fs::read(&ignore).is_ok_and(|text| text == IGNORE_ALL.as_bytes()) {
        return;
    }
    let alone = fs::read_dir(dir).is_ok_and(|list| list.count() == 1);
    if alone && fs::remove_file(&ignore).is_ok() && fs::remove_dir(dir).is_ok() {
        // `.husky` above `.husky/_`; stays when there is anything in it.
        let _ = dir.parent().map(fs::remove_dir);
    }
}
