//! Pushing and fetching `refs/coord/state` with the `git` program.
//!
//! git runs on the store, but with the configuration of the user's repository: its remotes,
//! credentials, proxies and ssh settings apply, and none of its refs or hooks take part.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::git::{Git, GitOutput};

use super::super::{STATE_REF, Store, StoreError};
use super::report::{self, Pushed};

/// What came of asking the remote for the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fetched {
    /// Its state, with all objects here now.
    Tip(ObjectId),
    /// The remote answers and has no such ref.
    Absent,
    /// No answer. The words are git's.
    Unreachable(String),
}

/// The values of two refs, as far as they exist.
pub(super) type Listed = (Option<String>, Option<String>);

/// The way to one remote, for the time of one command.
pub(super) struct Link {
    store: PathBuf,
    remote: String,
    end: Instant,
    offline: bool,
}

impl Link {
    pub fn new(store: &Store, remote: &str, end: Instant) -> Self {
        let options = store.options();
        Link { store: store.path().to_owned(), remote: remote.to_owned(), end, offline: options.offline }
    }

    /// The name of the remote.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// True when there is no time left.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Pushes `new`, if the ref there is still `old` (`None`: does not exist).
    pub fn push(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Pushed, StoreError> {
        if let Some(reason) = self.excuse() {
            return Ok(Pushed::Unreachable(reason));
        }
        let expected = old.map(|id| id.to_string()).unwrap_or_default();
        let git = self
            .git()
            .args(["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"])
            .args(["--recurse-submodules=no", "--no-force-if-includes"])
            .arg(format!("--force-with-lease={STATE_REF}:{expected}"))
            .arg(&self.remote)
            .arg(format!("{new}:{STATE_REF}"));
        let output = self.run(git)?;
        let (stdout, stderr) = texts(&output);
        Ok(match report::read(STATE_REF, &stdout, &stderr) {
            Pushed::Unknown(reason) if output.status.is_none() => {
                Pushed::Unknown(format!("no answer in time ({reason})"))
            }
            other => other,
        })
    }

    /// Fetches the state.
    pub fn fetch(&self) -> Result<Fetched, StoreError> {
        loop {
            if let Some(reason) = self.excuse() {
                return Ok(Fetched::Unreachable(reason));
            }
            let output = self.run(self.fetching())?;
            let (_, stderr) = texts(&output);
            if output.status == Some(0) {
                return Ok(match self.fetch_head() {
                    Some(tip) => Fetched::Tip(tip),
                    None => Fetched::Unreachable("git fetch left no FETCH_HEAD".into()),
                });
            }
            // git's words for a ref that is not there vary; asking for the list does not.
            if output.status.is_some() {
                match self.lists_state()? {
                    Some(false) => return Ok(Fetched::Absent),
                    // Another clone has just brought it in.
                    Some(true) if stderr.contains("remote ref") => continue,
                    _ => {}
                }
            }
            let late = if output.status.is_none() { "no answer in time: " } else { "" };
            return Ok(Fetched::Unreachable(format!("{late}{}", report::last_words(&stderr))));
        }
    }

    fn fetching(&self) -> Git {
        self.git()
            .args(["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-prune", "--refmap="])
            .args(["--no-recurse-submodules", "--no-show-forced-updates", "--no-filter"])
            .args(["--write-fetch-head", "--no-write-commit-graph"])
            .arg(&self.remote)
            .arg(STATE_REF)
    }

    /// The values of the state and of another ref on the remote; `None` without an answer.
    pub fn list(&self, other: &str) -> Result<Option<Listed>, StoreError> {
        if self.excuse().is_some() {
            return Ok(None);
        }
        let git = self.git().args(["ls-remote", "--quiet"]).arg(&self.remote).args([STATE_REF, other]);
        let output = self.run(git)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |name: &str| {
            let line = text.lines().find(|l| l.split('\t').nth(1) == Some(name))?;
            line.split('\t').next().map(str::to_owned)
        };
        Ok((output.status == Some(0)).then(|| (value(STATE_REF), value(other))))
    }

    /// Sets a ref that nobody compares. Whether it worked does not matter.
    pub fn push_freely(&self, name: &str, new: ObjectId) -> Result<(), StoreError> {
        let git = self.git().args(["push", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"]);
        self.run(git.arg(&self.remote).arg(format!("+{new}:{name}"))).map(|_| ())
    }

    /// Whether the remote has a state; `None` without an answer.
    fn lists_state(&self) -> Result<Option<bool>, StoreError> {
        let output = self.run(self.git().args(["ls-remote", "--quiet"]).arg(&self.remote).arg(STATE_REF))?;
        let found = String::from_utf8_lossy(&output.stdout).contains(STATE_REF);
        Ok((output.status == Some(0)).then_some(found))
    }

    /// Only our own fetches write this file, and they run under the kernel lock.
    fn fetch_head(&self) -> Option<ObjectId> {
        let text = std::fs::read_to_string(self.store.join("FETCH_HEAD")).ok()?;
        ObjectId::from_hex(text.split_ascii_whitespace().next()?.as_bytes()).ok()
    }

    fn excuse(&self) -> Option<String> {
        if self.offline {
            Some("--offline was given".to_owned())
        } else if self.is_over() {
            Some("no answer in time".to_owned())
        } else {
            None
        }
    }

    fn run(&self, git: Git) -> Result<GitOutput, StoreError> {
        let left = self.end.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        Ok(git.output_within(left)?)
    }

    /// git on the store, with the user's remotes.
    fn git(&self) -> Git {
        let common = self.store.parent().unwrap_or(&self.store);
        let mut include = std::ffi::OsString::from("include.path=");
        include.push(common.join("config"));
        let remote = &self.remote;
        // A remote with a relative path is meant from the main worktree's top folder.
        let top = if common.ends_with(".git") { common.parent().unwrap_or(common) } else { common };
        Git::new(top)
            .arg(Path::new("--git-dir"))
            .arg(&self.store)
            .arg("-c")
            .arg(include)
            .args(["-c", "core.hooksPath=/dev/null", "-c", "push.pushOption="])
            // Of the store nothing is mirrored, filtered or lazily fetched, whatever the user's own
            // refs are.
            .args(["-c", &format!("remote.{remote}.mirror=false")])
            .args(["-c", &format!("remote.{remote}.promisor=false")])
    }
}

fn texts(output: &GitOutput) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
