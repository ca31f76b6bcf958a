//! The workshop: a bare repository of our own, `<common git folder>/coord-merge`, in which branches are
//! merged.
//!
//! It borrows the objects of the user's repository (`objects/info/alternates`) and has its own
//! configuration, refs and attributes, so a merge touches no worktree, index, hook or object of the
//! user's. What a landing keeps is transferred by the push that moves the branch.
//!
//! A squash or rebase leaves a commit that stands for a branch without being its descendant. In the
//! workshop, and only there, such a commit has the branch as a further parent (`refs/replace`), so that
//! merge bases and "is it in?" come out right: without it, the next branch that has the squashed
//! commits conflicts with its own lines.
//!
//! git 2.39 lacks `--attr-source` (2.41) and `merge-tree --merge-base` (2.40): the target's attributes
//! are then written into `info/attributes`, and a merge with an explicit base is one of three commits made
//! for it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::git::{self, Git, GitError, HostRepo};
use crate::model::landing::Squashed;
use crate::store::random_hex;

use super::LandError;

/// Name of the workshop's folder in the common git folder.
pub const WORKSHOP_DIR: &str = "coord-merge";

/// Since when `git --attr-source` exists. The release notes name neither 2.41 nor 2.42.
const ATTR_SOURCE: (u32, u32) = (2, 42);

/// Since when `git merge-tree` takes `--merge-base` (RelNotes/2.40.0).
const MERGE_BASE: (u32, u32) = (2, 40);

/// Settings of the user's repository that change the result of a merge.
const OF_MERGES: &str =
    r"^(merge\.(renames|renamelimit|directoryrenames|renormalize)|diff\.(renames|renamelimit))$";

/// The repository in which branches are merged.
#[derive(Debug, Clone)]
pub struct Workshop {
    path: PathBuf,
    host: HostRepo,
    version: (u32, u32),
    settings: Vec<String>,
    attributes: Option<String>,
}

impl Workshop {
    /// Opens the workshop of a repository; it is made when there is none.
    ///
    /// # Errors
    /// When it cannot be made, or git fails.
    pub fn open(host: &HostRepo) -> Result<Self, LandError> {
        let path = host.common_dir.join(WORKSHOP_DIR);
        if !path.join("HEAD").exists() {
            make(host, &path)?;
        }
        let listed = host.git().args(["config", "--local", "-z", "--get-regexp", OF_MERGES]).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let pairs = listed.split('\0').filter_map(|pair| pair.split_once('\n'));
        let settings = pairs.map(|(key, value)| format!("{key}={value}")).collect();
        Ok(Workshop { path, host: host.clone(), version: git::version()?, settings, attributes: None })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user's repository.
    pub fn host(&self) -> &HostRepo {
        &self.host
    }

    /// The version of git.
    pub(super) fn version(&self) -> (u32, u32) {
        self.version
    }

    /// The user's settings that change the result of a merge, as `key=value`.
    pub(super) fn settings(&self) -> &[String] {
        &self.settings
    }

    /// True when merges can be given their merge base.
    pub(super) fn takes_merge_base(&self) -> bool {
        self.version >= MERGE_BASE
    }

    /// A git command on the workshop.
    pub fn git(&self) -> Git {
        let mut git = Git::new(&self.path).arg("--git-dir=.");
        for setting in ["core.useReplaceRefs=true", "core.hooksPath=/dev/null"] {
            git = git.args(["-c", setting]);
        }
        for setting in &self.settings {
            git = git.args(["-c", setting]);
        }
        let shallow = self.host.common_dir.join("shallow");
        if shallow.exists() {
            git = git.env("GIT_SHALLOW_FILE", shallow);
        }
        // A prediction must not fetch: what is not here is reported as unknown.
        git.env("GIT_NO_LAZY_FETCH", "1")
    }

    /// The same for a merge: it reads the attributes of the commit that [`Workshop::use_attributes_of`]
    /// has named.
    pub fn merging(&self) -> Git {
        let git = self.git();
        match &self.attributes {
            Some(commit) if self.version >= ATTR_SOURCE => git.arg(format!("--attr-source={commit}")),
            _ => git,
        }
    }

    /// A git command that reaches the remotes of the user's repository: its configuration, with the
    /// workshop's objects and refs.
    pub fn networking(&self) -> Git {
        let common = &self.host.common_dir;
        let mut include = std::ffi::OsString::from("include.path=");
        include.push(common.join("config"));
        // A remote with a relative path is meant from the main worktree's top folder.
        let top = if common.ends_with(".git") { common.parent().unwrap_or(common) } else { common };
        Git::new(top).arg("--git-dir").arg(&self.path).arg("-c").arg(include)
    }

    /// A git command on the user's repository that writes its objects into the workshop.
    pub fn host_git(&self) -> Git {
        self.host.git().env("GIT_OBJECT_DIRECTORY", self.path.join("objects")).env("GIT_NO_LAZY_FETCH", "1")
    }

    /// Merges read the attributes of this commit from now on, and `rules` before them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn use_attributes_of(&mut self, commit: &str, rules: &str) -> Result<(), LandError> {
        let mut text = String::new();
        if self.version < ATTR_SOURCE {
            let file = format!("{commit}:.gitattributes");
            let found = self.git().args(["cat-file", "blob", &file]).output()?;
            text.push_str(&String::from_utf8_lossy(&found.stdout));
            text.push('\n');
        }
        text.push_str(rules);
        let file = self.path.join("info/attributes");
        if fs::read_to_string(&file).unwrap_or_default() != text {
            write_whole(&file, &text)?;
        }
        self.attributes = Some(commit.to_owned());
        Ok(())
    }

    /// Gives squashed commits the branches that they stand for as parents. Those whose objects are not
    /// here are left out.
    ///
    /// # Errors
    /// When git fails.
    pub fn know_squashed(&self, list: &[Squashed]) -> Result<(), LandError> {
        for Squashed { commit, tip } in list {
            if self.path.join("refs/replace").join(commit).exists() || commit == tip {
                continue;
            }
            let spec = format!("{commit}^@");
            let parents = self.git().args(["rev-parse", &spec]).output()?;
            if parents.status != Some(0) || self.commit(tip)?.is_none() {
                continue;
            }
            let text = String::from_utf8_lossy(&parents.stdout).into_owned();
            self.git().args(["replace", "--graft", commit]).args(text.lines()).arg(tip).run()?;
        }
        Ok(())
    }

    /// The commit that `word` names here; `None` when there is none.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit(&self, word: &str) -> Result<Option<String>, GitError> {
        self.git()
            .args(["rev-parse", "--verify", "-q", "--end-of-options", &format!("{word}^{{commit}}")])
            .optional()
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// When git fails.
    pub fn tree(&self, commit: &str) -> Result<String, GitError> {
        self.git().args(["rev-parse", "--verify", &format!("{commit}^{{tree}}")]).text()
    }

    /// True when `commit` is in the history of `of`, or stands for something in it.
    ///
    /// # Errors
    /// When git fails.
    pub fn contains(&self, of: &str, commit: &str) -> Result<bool, LandError> {
        let output = self.git().args(["merge-base", "--is-ancestor", commit, of]).output()?;
        match output.status {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(LandError::unreadable(commit, &output.stderr)),
        }
    }
}

/// Makes the workshop; two processes that do this at once get the same one.
fn make(host: &HostRepo, path: &Path) -> Result<(), LandError> {
    let new = path.with_file_name(format!("{WORKSHOP_DIR}.new-{}", random_hex(4)));
    let format = host.git().args(["rev-parse", "--show-object-format"]).text()?;
    let init = Git::new(&host.common_dir).env("GIT_DEFAULT_REF_FORMAT", "files");
    let init =
        init.args(["init", "--quiet", "--bare", "--template="]).arg(format!("--object-format={format}"));
    init.arg(&new).run()?;
    let filled = fill(&new);
    let moved = filled.and_then(|()| match fs::rename(&new, path) {
        Err(_) if path.join("HEAD").exists() => Ok(()),
        other => other.map_err(LandError::io(path)),
    });
    // Gone when it was renamed; else another process was faster, or it failed.
    let _ = fs::remove_dir_all(&new);
    moved
}

fn fill(new: &Path) -> Result<(), LandError> {
    let info = new.join("objects/info");
    fs::create_dir_all(&info).map_err(LandError::io(&info))?;
    let alternates = info.join("alternates");
    // Relative to the folder of the objects: a repository may be moved.
    fs::write(&alternates, "../../objects\n").map_err(LandError::io(&alternates))?;
    let config = new.join("config");
    let mut text = fs::read_to_string(&config).map_err(LandError::io(&config))?;
    text.push_str("[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[core]\n\tlogAllRefUpdates = false\n");
    fs::write(&config, text).map_err(LandError::io(&config))?;
    let info = new.join("info");
    fs::create_dir_all(&info).map_err(LandError::io(&info))
}

/// Writes a file so that a reader sees it whole or not at all.
fn write_whole(path: &Path, text: &str) -> Result<(), LandError> {
    let new = path.with_extension(random_hex(4));
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(LandError::io(path))
}
