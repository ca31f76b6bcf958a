//! Real repositories for tests, untouched by the configuration of the user that runs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::print_stderr)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{GitEnv, HostRepo};

/// A repository in a temporary folder of its own.
pub(crate) struct TestRepo {
    /// Keeps the folder until the test ends.
    pub(crate) temp: tempfile::TempDir,
    /// Top of the main worktree.
    pub(crate) root: PathBuf,
}

impl TestRepo {
    pub(crate) fn new() -> Self {
        Self::with(&[]).unwrap()
    }

    /// With further words for `git init`; `None` when this git does not know them.
    pub(crate) fn with(init: &[&str]) -> Option<Self> {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap().join("main");
        std::fs::create_dir(&root).unwrap();
        let repo = TestRepo { temp, root };
        let mut words = vec!["init", "-q", "-b", "main"];
        words.extend(init);
        let out = repo.command(&repo.root).args(words).output().unwrap();
        if !out.status.success() {
            eprintln!("skipped: this git has no {init:?}: {}", String::from_utf8_lossy(&out.stderr));
            return None;
        }
        Some(repo)
    }

    pub(crate) fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(dir)
            .env("HOME", self.temp.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org");
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs git in `dir` and returns what came of it.
    pub(crate) fn try_git_in<S: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Output {
        self.command(dir).args(args).output().unwrap()
    }

    /// Runs git in `dir`; it must succeed.
    pub(crate) fn git_in<S: AsRef<OsStr>>(&self, dir: &Path, args: impl IntoIterator<Item = S>) -> Vec<u8> {
        let out = self.try_git_in(dir, args);
        let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "git failed: {stdout}{stderr}");
        out.stdout
    }

    /// Runs git in the main worktree; it must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> Vec<u8> {
        self.git_in(&self.root, args)
    }

    /// First line of what git prints.
    pub(crate) fn line(&self, args: &[&str]) -> String {
        String::from_utf8(self.git(args)).unwrap().lines().next().unwrap_or_default().to_owned()
    }

    /// Writes a file of the main worktree, with the folders above it.
    pub(crate) fn write(&self, path: impl AsRef<[u8]>, text: &str) {
        let path = self.root.join(OsStr::from_bytes(path.as_ref()));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits everything in the main worktree; returns the id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.line(&["rev-parse", "HEAD"])
    }

    pub(crate) fn host(&self) -> HostRepo {
        self.host_at(&self.root)
    }

    pub(crate) fn host_at(&self, dir: &Path) -> HostRepo {
        HostRepo::discover(dir, &GitEnv::default()).unwrap()
    }
}
