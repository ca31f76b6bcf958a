//! Pushing and fetching `refs/coord/state` with the `git` program.
//!
//! git runs on the store, but with the configuration of the user's repository: its remotes,
//! credentials, proxies and ssh settings apply, and none of its refs or hooks take part.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::git::{self, Git, GitOutput, RemoteGit};

use crate::store::arbiter::remote::error::NOT_CONFIGURED;
use crate::store::arbiter::remote::push_output::{self, Pushed};
use crate::store::{STATE_REF, Store, StoreError};

/// The file that tells of the last time when the remote could not be reached.
const DOWN: &str = "remote.down";

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

/// What stands in `FETCH_HEAD`.
///
/// Our own fetches write this file, and they run under the kernel lock. But when a git-coord is
/// killed its git lives on, and may add its line, of an older state, to that of the next: git
/// empties the file when it begins and adds the line when it ends.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    Tip(ObjectId),
    /// The answers of two fetches.
    Mixed,
    /// A branch or tag whose name ends like that of the state, which git takes when there is no
    /// state.
    Another,
    Nothing,
}

impl Head {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let first = lines.next().map(|line| (line, line.split_ascii_whitespace().next().unwrap_or_default()));
        match (first.map(|(line, id)| (line, ObjectId::from_hex(id.as_bytes()))), lines.next()) {
            (Some((line, Ok(tip))), None) if line.contains(&format!("\t'{STATE_REF}' of ")) => Head::Tip(tip),
            (Some((_, Ok(_))), None) => Head::Another,
            (Some(_), Some(_)) => Head::Mixed,
            _ => Head::Nothing,
        }
    }
}

/// The values of two refs, as far as they exist.
pub(super) type Listed = (Option<String>, Option<String>);

/// The way to one remote, for the time of one command.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    store: PathBuf,
    /// The git folder whose configuration names the remote.
    common: PathBuf,
    remote: String,
    end: Instant,
    offline: bool,
}

impl Transport {
    pub fn new(store: &Store, remote: &str, end: Instant) -> Self {
        let common = store.path().parent().unwrap_or(store.path());
        Self::between(store, common, remote, end)
    }

    /// The same for a store that is not in the repository which knows the remote.
    pub fn between(store: &Store, common: &Path, remote: &str, end: Instant) -> Self {
        let offline = store.options().offline;
        let (store, common) = (store.path().to_owned(), common.to_owned());
        Transport { store, common, remote: remote.to_owned(), end, offline }
    }

    /// The way of another store to the same remote.
    pub fn from(&self, store: &Store) -> Self {
        Transport { store: store.path().to_owned(), ..self.clone() }
    }

    /// The same way, with this much time from now on.
    pub fn lasting(&self, limit: Duration) -> Self {
        Transport { end: Instant::now() + limit, ..self.clone() }
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
        self.push_ref(STATE_REF, old, Some(new))
    }

    /// The same for any ref; `new` is `None` to delete it.
    pub fn push_ref(
        &self,
        name: &str,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
    ) -> Result<Pushed, StoreError> {
        self.push_refs(&["--porcelain", &lease(name, old)], &[spec(name, new)], name)
    }

    /// Pushes `new` to a ref that is `old`, and to one that does not exist, both or none.
    pub fn push_pair(
        &self,
        name: &str,
        old: ObjectId,
        new: ObjectId,
        beside: &str,
    ) -> Result<Pushed, StoreError> {
        let options = ["--porcelain", "--atomic", &lease(name, Some(old)), &lease(beside, None)];
        self.push_refs(&options, &[spec(name, Some(new)), spec(beside, Some(new))], name)
    }

    /// The answer is that of the ref `name`.
    fn push_refs(&self, options: &[&str], refs: &[String], name: &str) -> Result<Pushed, StoreError> {
        if let Some(reason) = self.excuse() {
            return Ok(Pushed::Unreachable(reason));
        }
        let git = self.exchange().push(options, refs);
        let output = self.run(git)?;
        let (stdout, stderr) = texts(&output);
        Ok(match push_output::read(name, &stdout, &stderr) {
            Pushed::Unreachable(reason) => {
                let reason = self.why(reason)?;
                self.note_down(&reason);
                Pushed::Unreachable(reason)
            }
            // Of several push URLs another has not answered, and it may be the one that decides; or
            // git did not come to its end.
            Pushed::Won if output.status != Some(0) => Pushed::Unknown(push_output::last_words(&stderr)),
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
            let output = self.run(self.fetching(&[]))?;
            let (_, stderr) = texts(&output);
            if output.status == Some(0) {
                match self.fetch_head() {
                    Head::Tip(tip) => return Ok(Fetched::Tip(tip)),
                    Head::Mixed => continue,
                    Head::Another => {}
                    Head::Nothing => {
                        return Ok(Fetched::Unreachable("git fetch left no FETCH_HEAD".into()));
                    }
                }
            }
            // git's words for a ref that is not there vary; asking for the list does not.
            if output.status.is_some() {
                match self.lists_state()? {
                    Some(false) => return Ok(Fetched::Absent),
                    // Another clone has just brought it in.
                    Some(true) if output.status == Some(0) || stderr.contains("remote ref") => continue,
                    _ => {}
                }
            }
            let late = if output.status.is_none() { "no answer in time: " } else { "" };
            let words = push_output::damage(&stderr).unwrap_or_else(|| push_output::last_words(&stderr));
            let reason = self.why(format!("{late}{words}"))?;
            self.note_down(&reason);
            return Ok(Fetched::Unreachable(reason));
        }
    }

    /// Fetches the newest commit of the state alone; true when it is `tip`.
    pub fn fetch_newest(&self, tip: ObjectId) -> Result<bool, StoreError> {
        let output = self.run(self.fetching(&["--depth=1"]))?;
        Ok(output.status == Some(0) && self.fetch_head() == Head::Tip(tip))
    }

    fn fetching(&self, options: &[&str]) -> Git {
        let options = [&["--write-fetch-head"], options].concat();
        self.exchange().fetch(&options, &[STATE_REF.to_owned()])
    }

    /// Why git got no answer from the remote that decides: it takes a name that it does not know for
    /// a path. Of other remotes, which are asked from elsewhere, git's own words are told.
    fn why(&self, reason: String) -> Result<String, StoreError> {
        if self.store.parent() != Some(&self.common) {
            return Ok(reason);
        }
        let url = self.git().args(["config", "--get", &format!("remote.{}.url", self.remote)]);
        Ok(if url.optional()?.is_some() { reason } else { NOT_CONFIGURED.to_owned() })
    }

    /// Why the remote cannot be the arbiter: pushes go to another place than fetches come from. `None`
    /// when that is not so.
    pub fn is_written_elsewhere(&self) -> Result<Option<String>, StoreError> {
        if git::is_address(&self.remote) {
            return Ok(None);
        }
        let urls = |options: &[&str]| -> Result<Vec<String>, StoreError> {
            // `git remote` knows only what the repository itself has configured.
            let git = Git::new(&self.common).args(["--git-dir=.", "remote", "get-url"]);
            let git = git.args(options).arg("--").arg(&self.remote);
            let output = git.output()?;
            Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
        };
        let (read, written) = (urls(&[])?, urls(&["--push", "--all"])?);
        Ok(match read.first() {
            Some(url) if !written.contains(url) => Some(format!(
                "it is read at {url} and written at {}; name one place for both: git remote add coord URL",
                written.join(", ")
            )),
            _ => None,
        })
    }

    /// Notes that the remote could not be reached, for the acts that wait in line behind this one:
    /// each would have to find out for itself, one after the other.
    fn note_down(&self, reason: &str) {
        // Without the note they do find out.
        let _ = std::fs::write(self.store.join(DOWN), format!("{}\n{reason}", self.remote));
    }

    /// Why `remote` could not be reached by an act that began later than `file` was written; `None`,
    /// too, when it was reached since.
    pub fn down_since(store: &Path, remote: &str, file: &Path) -> Option<String> {
        let written = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let note = store.join(DOWN);
        let at = written(&note)?;
        // git empties this file when it begins to fetch. The ref is moved by whatever was pushed.
        let fetched =
            Some(store.join("FETCH_HEAD")).filter(|p| std::fs::metadata(p).is_ok_and(|m| m.len() > 0));
        let reached = fetched.into_iter().chain([store.join(STATE_REF)]).filter_map(|p| written(&p)).max();
        if at <= written(file)? || reached.is_some_and(|reached| reached > at) {
            return None;
        }
        let text = std::fs::read_to_string(&note).ok()?;
        let (of, reason) = text.split_once('\n')?;
        (of == remote).then(|| reason.to_owned())
    }

    /// The values of the state and of another ref on the remote; `None` without an answer.
    pub fn list(&self, other: &str) -> Result<Option<Listed>, StoreError> {
        if self.excuse().is_some() {
            return Ok(None);
        }
        let output = self.run(self.exchange().list(&[STATE_REF, other]))?;
        let refs = git::listed(&output.stdout);
        let value = |name: &str| refs.iter().find(|(n, _)| n == name).map(|(_, id)| id.clone());
        Ok((output.status == Some(0)).then(|| (value(STATE_REF), value(other))))
    }

    /// What git says when it is asked for a list and gives none.
    pub fn why_silent(&self) -> Result<String, StoreError> {
        if let Some(reason) = self.excuse() {
            return Ok(reason);
        }
        let output = self.run(self.exchange().list(&[STATE_REF]))?;
        Ok(push_output::last_words(&texts(&output).1))
    }

    /// Sets a ref that nobody compares. Whether it worked does not matter.
    pub fn push_freely(&self, name: &str, new: ObjectId) -> Result<(), StoreError> {
        self.run(self.exchange().push(&["--quiet"], &[format!("+{new}:{name}")])).map(|_| ())
    }

    /// Whether the remote has a state; `None` without an answer.
    fn lists_state(&self) -> Result<Option<bool>, StoreError> {
        let output = self.run(self.exchange().list(&[STATE_REF]))?;
        let found = git::listed(&output.stdout).iter().any(|(name, _)| name == STATE_REF);
        Ok((output.status == Some(0)).then_some(found))
    }

    fn fetch_head(&self) -> Head {
        Head::read(&std::fs::read_to_string(self.store.join("FETCH_HEAD")).unwrap_or_default())
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

    /// git on the store, with the user's configuration.
    fn git(&self) -> Git {
        let common = self.common.as_path();
        let mut include = std::ffi::OsString::from("include.path=");
        include.push(common.join("config"));
        // A remote with a relative path is meant from the main worktree's top folder.
        let top = if common.ends_with(".git") { common.parent().unwrap_or(common) } else { common };
        Git::new(top).arg("--git-dir").arg(&self.store).arg("-c").arg(include)
    }

    /// The way to the remote, which the user's configuration knows.
    fn exchange(&self) -> RemoteGit {
        let remote = &self.remote;
        let mut git = self.git();
        if !git::is_address(remote) {
            // Nothing of the store is fetched lazily, whatever the user's own objects are.
            git = git.arg("-c").arg(format!("remote.{remote}.promisor=false"));
        }
        RemoteGit::new(git, remote)
    }
}

/// The option by which a push compares a ref.
fn lease(name: &str, old: Option<ObjectId>) -> String {
    format!("--force-with-lease={name}:{}", old.map(|id| id.to_string()).unwrap_or_default())
}

/// What a ref is to become.
fn spec(name: &str, new: Option<ObjectId>) -> String {
    format!("{}:{name}", new.map(|id| id.to_string()).unwrap_or_default())
}

fn texts(output: &GitOutput) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_answers_in_fetch_head_are_believed_neither() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let one = format!("{a}\t\t'refs/coord/state' of /srv/hub\n");
        let other = format!("{b}\t\t'refs/coord/state' of /srv/hub\n");
        let tip = ObjectId::from_hex(a.as_bytes()).expect("an id");
        assert_eq!(Head::read(&one), Head::Tip(tip));
        assert_eq!(Head::read(&(other + &one)), Head::Mixed);
        assert_eq!(Head::read(""), Head::Nothing);
        assert_eq!(Head::read("half"), Head::Nothing);
        let branch = format!("{a}\t\tbranch 'refs/coord/state' of /srv/hub\n");
        assert_eq!(Head::read(&branch), Head::Another);
    }
}
