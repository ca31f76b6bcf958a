//! The user's repository: where it is, and which worktree of it we are in.

use std::path::{Path, PathBuf};

use crate::model::path::{composed, folded};
use crate::model::{PathError, RepoPath};

use super::cmd::{Git, GitError};

/// The repository and worktree that a command works on.
#[derive(Debug, Clone)]
pub struct HostRepo {
    /// Top folder of this worktree, absolute and free of symbolic links.
    pub root: PathBuf,
    /// git folder of this worktree (`.git`, or `.git/worktrees/<name>`).
    pub git_dir: PathBuf,
    /// git folder that all worktrees of the clone share.
    pub common_dir: PathBuf,
    /// Where the command was started, relative to `root`.
    pub prefix: RepoPath,
    /// True when nothing in `root` leads to the git folder: only the environment says that they belong
    /// together (`git --git-dir=… --work-tree=…`), and git has to be given both.
    pub named: bool,
    /// `core.ignoreCase`: a path is the one on the disk that differs in case only.
    pub ignore_case: bool,
    /// `core.precomposeUnicode`: git has all paths in composed form.
    pub precompose: bool,
}

/// What git exported to a hook: it decides before any discovery.
#[derive(Debug, Clone, Default)]
pub struct GitEnv {
    /// `GIT_DIR`.
    pub git_dir: Option<PathBuf>,
    /// `GIT_WORK_TREE`.
    pub work_tree: Option<PathBuf>,
    /// `GIT_COMMON_DIR`.
    pub common_dir: Option<PathBuf>,
    /// `GIT_INDEX_FILE`: the index of the commit in progress.
    pub index_file: Option<PathBuf>,
    /// `GIT_OBJECT_DIRECTORY`: where the objects of a push stand until it is accepted.
    pub object_dir: Option<PathBuf>,
    /// `GIT_ALTERNATE_OBJECT_DIRECTORIES`, as it is.
    pub alternates: Option<std::ffi::OsString>,
}

/// Why there is no repository to work on.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// No repository at or above the folder.
    #[error("{dir}: not in a git repository")]
    None {
        /// Where the search began.
        dir: PathBuf,
    },
    /// A bare repository has no files to coordinate.
    #[error("{dir}: this is a bare repository, which has no worktree to coordinate")]
    Bare {
        /// The bare repository.
        dir: PathBuf,
    },
    /// Another user owns it, and git does not trust it.
    #[error("{dir}: git does not trust this repository: {reason}")]
    Untrusted {
        /// The repository.
        dir: PathBuf,
        /// What git says.
        reason: String,
    },
    /// The folder cannot be looked at.
    #[error("{path}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The current folder is inside git's own folder.
    #[error(transparent)]
    Path(#[from] PathError),
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> RepoError + '_ {
    move |source| RepoError::Io { path: path.to_owned(), source }
}

impl HostRepo {
    /// Finds the repository that `dir` is in, as git would.
    ///
    /// # Errors
    /// When there is none, it is bare, or git would refuse it as another user's.
    pub fn discover(dir: &Path, env: &GitEnv) -> Result<Self, RepoError> {
        let dir = dir.canonicalize().map_err(io(dir))?;
        let (root, git_dir) = match &env.git_dir {
            Some(git_dir) => {
                let git_dir = dir.join(git_dir);
                let root = match &env.work_tree {
                    Some(tree) => dir.join(tree),
                    // git: without GIT_WORK_TREE or core.worktree, the current folder is the top.
                    // A hook runs there; anybody else who sets GIT_DIR alone means a worktree too.
                    None => top_of(&dir, &git_dir)?,
                };
                (root, git_dir)
            }
            None => search(&dir)?,
        };
        let git_dir = git_dir.canonicalize().map_err(io(&git_dir))?;
        let root = root.canonicalize().map_err(io(&root))?;
        let common_dir = match &env.common_dir {
            Some(common) => dir.join(common),
            None => common_dir(&git_dir)?,
        };
        let common_dir = common_dir.canonicalize().map_err(io(&common_dir))?;
        let prefix = match dir.strip_prefix(&root) {
            Ok(below) => {
                use std::os::unix::ffi::OsStrExt;
                RepoPath::from_bytes(below.as_os_str().as_bytes())?
            }
            Err(_) => RepoPath::root(),
        };
        let named = env.git_dir.is_some() && !leads_to(&root, &git_dir);
        let (ignore_case, precompose) = names(&common_dir);
        Ok(HostRepo { root, git_dir, common_dir, prefix, named, ignore_case, precompose })
    }

    /// True where names that differ in case or Unicode form may be one file.
    pub fn folds_names(&self) -> bool {
        self.ignore_case || self.precompose
    }

    /// True when its objects are named by SHA-256.
    ///
    /// # Errors
    /// When git fails.
    pub fn is_sha256(&self) -> Result<bool, GitError> {
        Ok(self.git().args(["rev-parse", "--show-object-format"]).text()? == "sha256")
    }

    /// True when git knows a remote of this name.
    ///
    /// # Errors
    /// When git fails.
    pub fn has_remote(&self, name: &str) -> Result<bool, GitError> {
        let url = self.git().args(["config", "--get"]).arg(format!("remote.{name}.url"));
        Ok(url.optional()?.is_some())
    }

    /// A git command in this worktree.
    pub fn git(&self) -> Git {
        let git = Git::new(&self.root);
        if self.named { git.env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", &self.root) } else { git }
    }

    /// Turns a path from the command line into one of the repository. It need not exist, but
    /// where a parent folder does, symbolic links in it are followed, as git does.
    ///
    /// # Errors
    /// When it is outside the worktree or inside git's folder.
    pub fn repo_path(&self, arg: &Path) -> Result<RepoPath, PathError> {
        self.as_spelled(self.below_links(self.path_of(arg)?)?)
    }

    /// The same file as git has it: composed, and in the case that it has on the disk.
    fn as_spelled(&self, path: RepoPath) -> Result<RepoPath, PathError> {
        if !self.ignore_case && !self.precompose {
            return Ok(path);
        }
        let mut dir = self.root.clone();
        let mut spelled = RepoPath::root();
        for component in path.components() {
            let mut name = if self.precompose { composed(component) } else { component.to_owned() };
            if self.ignore_case
                && let Some(found) = in_folder(&dir, &name)
            {
                name = found;
            }
            dir.push(&name);
            spelled = spelled.join(&name);
        }
        Ok(spelled)
    }

    /// The same file without symbolic links on the way: git has no files below one, so a claim of such a
    /// path would protect nothing.
    fn below_links(&self, path: RepoPath) -> Result<RepoPath, PathError> {
        let native = path.to_native();
        let is_link = |folder: &Path| {
            !folder.as_os_str().is_empty()
                && self.root.join(folder).symlink_metadata().is_ok_and(|m| m.is_symlink())
        };
        let Some(link) = native.ancestors().skip(1).find(|folder| is_link(folder)) else { return Ok(path) };
        let outside = || PathError::Outside { path: path.as_str().to_owned() };
        let real = resolve_existing(&self.root.join(link));
        let rest = native.strip_prefix(link).map_err(|_| outside())?;
        let below = real.strip_prefix(&self.root).map_err(|_| outside())?.join(rest);
        RepoPath::from_bytes(std::os::unix::ffi::OsStrExt::as_bytes(below.as_os_str()))
    }

    fn path_of(&self, arg: &Path) -> Result<RepoPath, PathError> {
        use std::os::unix::ffi::OsStrExt;
        if !arg.is_absolute() {
            let below = RepoPath::from_bytes(arg.as_os_str().as_bytes());
            // `../x` from a subfolder is inside the repository: resolve against the prefix.
            if self.prefix.is_root() {
                return below;
            }
            let joined = [self.prefix.to_bytes().as_slice(), arg.as_os_str().as_bytes()].join(&b'/');
            return RepoPath::from_bytes(&joined);
        }
        let outside = || PathError::Outside { path: arg.to_string_lossy().into_owned() };
        let below = match arg.strip_prefix(&self.root) {
            Ok(below) => below.to_owned(),
            Err(_) => {
                let real = resolve_existing(arg);
                real.strip_prefix(&self.root).map_err(|_| outside())?.to_owned()
            }
        };
        RepoPath::from_bytes(below.as_os_str().as_bytes())
    }

    /// The worktrees of this clone, as git lists them; the main one first.
    ///
    /// # Errors
    /// When git fails.
    pub fn worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let out = self.git().args(["worktree", "list", "--porcelain", "-z"]).run()?;
        Ok(parse_worktrees(&out))
    }
}

/// One entry of `git worktree list --porcelain`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worktree {
    /// Its top folder.
    pub path: PathBuf,
    /// The branch that is checked out, without `refs/heads/`.
    pub branch: Option<String>,
    /// True for the bare repository itself.
    pub bare: bool,
    /// True when its folder is gone.
    pub prunable: bool,
    /// Why git may not remove it, if somebody has said so; the reason may be empty.
    pub locked: Option<String>,
}

fn parse_worktrees(out: &[u8]) -> Vec<Worktree> {
    use std::os::unix::ffi::OsStrExt;
    let mut list: Vec<Worktree> = Vec::new();
    for line in out.split(|b| *b == 0) {
        if let Some(path) = line.strip_prefix(b"worktree ") {
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
            list.push(Worktree { path, ..Worktree::default() });
        } else if let Some(last) = list.last_mut() {
            if let Some(branch) = line.strip_prefix(b"branch refs/heads/") {
                last.branch = Some(String::from_utf8_lossy(branch).into_owned());
            } else if line == b"bare" {
                last.bare = true;
            } else if line == b"prunable" || line.starts_with(b"prunable ") {
                last.prunable = true;
            } else if let Some(reason) = line.strip_prefix(b"locked") {
                last.locked = Some(String::from_utf8_lossy(reason.trim_ascii()).into_owned());
            }
        }
    }
    list
}

/// `core.ignoreCase` and `core.precomposeUnicode`, which `git init` writes where the file system is like that.
fn names(common_dir: &Path) -> (bool, bool) {
    let Ok(text) = std::fs::read(common_dir.join("config")) else { return (false, false) };
    let lower = text.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|w| w == word);
    // Hardly any repository elsewhere has either; parsing the file would cost more than the command.
    if !has(b"ignorecase") && !has(b"precomposeunicode") {
        return (false, false);
    }
    let metadata = gix::config::file::Metadata::from(gix::config::Source::Local);
    let Ok(file) = gix::config::File::from_bytes_no_includes(&text, metadata, Default::default()) else {
        return (false, false);
    };
    let is_set = |key: &str| matches!(file.boolean(key), Ok(Some(true)));
    (is_set("core.ignoreCase"), is_set("core.precomposeUnicode"))
}

/// The entry of a folder with this name, or else one that differs from it in case only.
fn in_folder(dir: &Path, name: &str) -> Option<String> {
    let names: Vec<String> =
        std::fs::read_dir(dir).ok()?.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    let same = |found: &&String| folded(found) == folded(name);
    names.iter().find(|found| *found == name).or_else(|| names.iter().find(same)).cloned()
}

/// True when git, started in a worktree, finds this git folder.
fn leads_to(root: &Path, git_dir: &Path) -> bool {
    let found =
        gix::discover::upwards(root).map(|(path, _)| path.into_repository_and_work_tree_directories());
    found.is_ok_and(|(found, _)| found.canonicalize().is_ok_and(|found| found == git_dir))
}

/// Walks up from `dir` to the repository; the pair of worktree top and git folder.
fn search(dir: &Path) -> Result<(PathBuf, PathBuf), RepoError> {
    let none = || RepoError::None { dir: dir.to_owned() };
    let (path, trust) = gix::discover::upwards(dir).map_err(|_| none())?;
    let (git_dir, work_dir) = path.into_repository_and_work_tree_directories();
    if trust == gix::sec::Trust::Reduced {
        // Only git knows whether `safe.directory` allows it.
        if let Err(GitError::Failed { stderr, .. }) = Git::new(dir).args(["rev-parse", "--git-dir"]).run() {
            return Err(RepoError::Untrusted { dir: git_dir, reason: stderr });
        }
    }
    match work_dir {
        Some(root) => Ok((root, git_dir)),
        None => Err(RepoError::Bare { dir: git_dir }),
    }
}

/// The top of the worktree that `git_dir` belongs to, when only `GIT_DIR` is known.
fn top_of(dir: &Path, git_dir: &Path) -> Result<PathBuf, RepoError> {
    let linked = git_dir.join("gitdir");
    if let Ok(text) = std::fs::read_to_string(&linked) {
        let dot_git = git_dir.join(text.trim_end());
        if let Some(root) = dot_git.parent() {
            return Ok(root.to_owned());
        }
    }
    match git_dir.file_name() {
        Some(name) if name == ".git" => Ok(git_dir.parent().unwrap_or(dir).to_owned()),
        // A submodule's or separate git folder: the current folder, or the one above it that
        // points back.
        _ => match search(dir) {
            Ok((root, _)) => Ok(root),
            Err(RepoError::Bare { dir }) => Err(RepoError::Bare { dir }),
            Err(_) => Ok(dir.to_owned()),
        },
    }
}

/// What `commondir` in a linked worktree's git folder names (gitrepository-layout(5)).
fn common_dir(git_dir: &Path) -> Result<PathBuf, RepoError> {
    let file = git_dir.join("commondir");
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(git_dir.join(text.trim_end())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(git_dir.to_owned()),
        Err(source) => Err(RepoError::Io { path: file, source }),
    }
}

/// Resolves symbolic links in the part of `path` that exists.
pub fn resolve_existing(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut head = path;
    loop {
        if let Ok(real) = head.canonicalize() {
            let mut out = real;
            out.extend(rest.iter().rev());
            return out;
        }
        match (head.parent(), head.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name.to_owned());
                head = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worktree_listing_is_parsed() {
        let out = b"worktree /r\0HEAD 12\0branch refs/heads/main\0\0worktree /w x\0HEAD 12\0detached\0prunable gone\0\0";
        let list = parse_worktrees(out);
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].branch.as_deref(), Some("main"));
        assert_eq!(list[1].path, PathBuf::from("/w x"));
        assert!(list[1].prunable && list[1].branch.is_none());
    }
}
