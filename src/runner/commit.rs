//! Committing what a command has changed, through the hooks.
//!
//! A hook is a program of the user, which may take long or hang. So the commit is watched over as the
//! command is: it has a time limit, hears when the run is stopped, and the lease is kept meanwhile.

use std::ffi::OsString;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use crate::git::Git;
use crate::model::outcome::Taken;

use super::logs::tidy;
use super::supervise::{End, Order};
use super::tree::Tree;
use super::worker::Worker;
use super::{Place, RunnerError, SESSION};

/// What came of committing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Committed {
    /// There was nothing to commit.
    Nothing,
    /// The new commit.
    Made(String),
    /// A hook or git said no.
    Refused(String),
    /// The worktree is not on this branch, its slot's, any more.
    Left(String),
    /// It was ended before it came to its own end.
    Ended(End),
}

impl Worker<'_> {
    /// Commits everything that has changed, as the session; nothing where the plan says so.
    ///
    /// # Errors
    /// When git cannot be started, or does not know who commits.
    pub(super) fn commit(&self, taken: &Taken) -> Result<Committed, RunnerError> {
        let Some(tree) = &self.slot.tree else { return Ok(Committed::Nothing) };
        let standing = tree.look()?;
        if !tree.is_home(&standing) {
            // Also what a command has committed itself must be on the branch.
            return Ok(Committed::Left(tree.branch.clone()));
        }
        if standing.clean || !matches!(self.common.plan.place, Place::Pool { commit: true, .. }) {
            return Ok(Committed::Nothing);
        }
        let message = self.store.run_dir().join(format!("{}.message", self.slot.session));
        let text = format!("{}\n", subject(taken));
        std::fs::write(&message, text).map_err(RunnerError::io("write", &message))?;
        let made = self.commit_all(taken, tree, &message);
        let _ = std::fs::remove_file(&message);
        made
    }

    fn commit_all(&self, taken: &Taken, tree: &Tree, message: &Path) -> Result<Committed, RunnerError> {
        let git = || Git::new(&tree.root).for_user().env(SESSION, self.slot.session.as_str());
        let nothing = PathBuf::from("/dev/null");
        let steps = [
            (git().args(["add", "-A"]), nothing.as_path()),
            (git().args(["commit", "-q", "-F", "-"]), message),
        ];
        for (git, stdin) in steps {
            let (end, said) = self.git(taken, &git, tree, stdin)?;
            match end {
                End::Exit(0) => {}
                End::Exit(_) => {
                    knows_who(tree)?;
                    return Ok(Committed::Refused(refusal(&said)));
                }
                End::Signal(signal) => {
                    return Ok(Committed::Refused(format!("git was killed by signal {signal}")));
                }
                End::NotStarted(why) => return Ok(Committed::Refused(why)),
                end => return Ok(Committed::Ended(end)),
            }
        }
        Ok(Committed::Made(tree.look()?.commit))
    }

    /// Runs git for an item to its end; returns what it said as well.
    fn git(
        &self,
        taken: &Taken,
        git: &Git,
        tree: &Tree,
        stdin: &Path,
    ) -> Result<(End, Vec<u8>), RunnerError> {
        let io = || RunnerError::io("read what git says in", &tree.root);
        let mut said = tempfile::tempfile().map_err(io())?;
        let command = git.command();
        let words: Vec<OsString> =
            [command.get_program()].into_iter().chain(command.get_args()).map(OsString::from).collect();
        let env: Vec<(OsString, OsString)> =
            command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        let log = said.try_clone().map_err(io())?;
        let end = self.watched(taken, Order { words: &words, dir: &tree.root, env: &env, stdin, log })?;
        let mut text = Vec::new();
        said.rewind().and_then(|()| said.read_to_end(&mut text)).map_err(io())?;
        Ok((end, text))
    }
}

/// The title of an item as the subject of its commit. One that git could take for a comment, by any
/// of the signs among which it chooses itself (`core.commentChar=auto`), comes behind the id.
fn subject(taken: &Taken) -> String {
    let Taken { item, .. } = taken;
    if item.title.starts_with(['#', ';', '@', '!', '$', '%', '^', '&', '|', ':']) {
        format!("Item {}: {}", item.id, item.title)
    } else {
        item.title.clone()
    }
}

/// Tells when git refuses because it does not know who commits: that is no fault of the item.
fn knows_who(tree: &Tree) -> Result<(), RunnerError> {
    for who in ["GIT_COMMITTER_IDENT", "GIT_AUTHOR_IDENT"] {
        let asked = Git::new(&tree.root).for_user().args(["var", who]).output()?;
        if asked.status != Some(0) {
            let said = String::from_utf8_lossy(&asked.stderr).into_owned();
            let last = said.lines().rev().map(tidy).find(|l| !l.is_empty()).unwrap_or_default();
            return Err(RunnerError::Identity(last));
        }
    }
    Ok(())
}

/// What a hook or git said, as one line: without the name of the program and the next step,
/// which is for whoever commits by hand.
fn refusal(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines = text.lines().map(tidy).take_while(|line| !line.starts_with("hint:"));
    let words: Vec<String> =
        lines.flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let line = words.join(" ");
    tidy(line.strip_prefix("git coord: ").unwrap_or(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_one_line() {
        let said = b"git coord: 1 changed path not claimed by this session:\n             src/http.rs  held by alice\n     hint: take these files out\n";
        assert_eq!(refusal(said), "1 changed path not claimed by this session: src/http.rs held by alice");
    }
}
