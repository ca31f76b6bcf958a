//! Committing what a command has changed, through the hooks.
//!
//! A hook is a program of the user, which may take long or hang. So the commit is watched over as the
//! command is: it has a time limit, hears when the run is stopped, and the lease is kept meanwhile.

use std::path::Path;

use crate::git::Git;
use crate::model::outcome::Taken;

use super::attempt::Attempt;
use super::pristine::{self, Listed};
use super::slot_worktree::{SlotWorktree, WorktreeStatus, parse_status, status};
use super::supervised_git::listen;
use super::{RunnerError, SESSION, Workspace};
use crate::exec::End;
use crate::exec::logs::tidy;

/// What came of committing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Committed {
    /// There was nothing to commit.
    Nothing,
    /// The new commit.
    Made(String),
    /// A hook or git said no.
    Refused(String),
    /// What is there does not go on from where the command began on its slot's branch, for this reason.
    Astray(String),
    /// It was ended before it came to its own end.
    Ended(End),
}

impl Attempt<'_> {
    /// Commits everything that has changed, as the session; nothing where the spec says so.
    ///
    /// # Errors
    /// When git cannot be started, or does not know who commits.
    pub(super) fn commit(&self) -> Result<Committed, RunnerError> {
        let (Some(tree), Some(before)) = (&self.hold.desk.slot.tree, self.before.as_deref()) else {
            return Ok(Committed::Nothing);
        };
        if !tree.stands() {
            return Ok(Committed::Astray("the command removed its worktree".into()));
        }
        let standing = match self.step(&status(&tree.root), tree, Path::new("/dev/null"))? {
            Ok(text) => parse_status(&text),
            Err(committed) => return Ok(committed),
        };
        if let Some(why) = astray(tree, &standing, before)? {
            return Ok(Committed::Astray(why));
        }
        if standing.clean
            || !matches!(self.hold.desk.shared.spec.workspace, Workspace::Pool { commit: true, .. })
        {
            return Ok(Committed::Nothing);
        }
        let changed = match self.changed(tree)? {
            Ok(changed) => changed,
            Err(committed) => return Ok(committed),
        };
        if changed.is_empty() {
            return Ok(Committed::Nothing);
        }
        let message = self.hold.desk.store.run_dir().join(format!("{}.message", self.hold.desk.slot.session));
        let text = format!("{}\n", subject(self.hold.taken));
        std::fs::write(&message, text).map_err(RunnerError::io("write", &message))?;
        let paths = message.with_extension("paths");
        std::fs::write(&paths, &changed).map_err(RunnerError::io("write", &paths))?;
        let made = self.commit_all(tree, &paths, &message);
        for file in [&message, &paths] {
            let _ = std::fs::remove_file(file);
        }
        made
    }

    /// What the command has changed, as git reads paths with `--pathspec-file-nul`; without what is
    /// never clean in this repository.
    fn changed(&self, tree: &SlotWorktree<'_>) -> Result<Result<Vec<u8>, Committed>, RunnerError> {
        let nothing = Path::new("/dev/null");
        let status = match self.step(&pristine::status(&tree.root), tree, nothing)? {
            Ok(status) => status,
            Err(committed) => return Ok(Err(committed)),
        };
        let listed = Listed::of(&status);
        let contents = match listed.question() {
            None => Vec::new(),
            Some(question) => {
                let session = &self.hold.desk.slot.session;
                let file = self.hold.desk.store.run_dir().join(format!("{session}.objects"));
                std::fs::write(&file, question).map_err(RunnerError::io("write", &file))?;
                let answer = self.step(&pristine::contents(&tree.root), tree, &file)?;
                let _ = std::fs::remove_file(&file);
                match answer {
                    Ok(contents) => contents,
                    Err(committed) => return Ok(Err(committed)),
                }
            }
        };
        let changed = listed.changed(&tree.root, &contents);
        if changed.len() == listed.len() && !changed.is_empty() {
            return Ok(Ok(b":/\0".to_vec()));
        }
        Ok(Ok(changed.iter().flat_map(|path| [b":(top,literal)", *path, b"\0"].concat()).collect()))
    }

    fn commit_all(
        &self,
        tree: &SlotWorktree<'_>,
        paths: &Path,
        message: &Path,
    ) -> Result<Committed, RunnerError> {
        let git = || Git::new(&tree.root).for_user().env(SESSION, self.hold.desk.slot.session.as_str());
        let steps = [
            (git().args(["add", "-A", "--pathspec-from-file=-", "--pathspec-file-nul"]), paths),
            (git().args(["commit", "-q", "-F", "-"]), message),
        ];
        for (git, stdin) in steps {
            if let Err(committed) = self.step(&git, tree, stdin)? {
                return Ok(committed);
            }
        }
        Ok(Committed::Made(Git::new(&tree.root).args(["rev-parse", "HEAD"]).text()?))
    }

    /// Runs git for an item to its end. Returns what it printed, or what its failure means.
    fn step(
        &self,
        git: &Git,
        tree: &SlotWorktree<'_>,
        stdin: &Path,
    ) -> Result<Result<Vec<u8>, Committed>, RunnerError> {
        let said = listen(git, stdin, |order| self.watched(order))?;
        Ok(Err(match said.end {
            End::Exit(0) => return Ok(Ok(said.out)),
            End::Exit(_) => {
                knows_who(tree)?;
                Committed::Refused(refusal(&[said.err, said.out].concat()))
            }
            End::Signal(signal) => Committed::Refused(format!("git was killed by signal {signal}")),
            End::NotStarted(why) => Committed::Refused(why),
            end => Committed::Ended(end),
        }))
    }
}

/// Why what a command left behind is not on the slot's branch, on top of what was there: nobody would
/// merge it, or with it the commits of earlier items would be gone.
fn astray(
    tree: &SlotWorktree<'_>,
    standing: &WorktreeStatus,
    before: &str,
) -> Result<Option<String>, RunnerError> {
    if !tree.is_home(standing) {
        return Ok(Some(format!("the command left branch {}", tree.branch)));
    }
    let goes_on = standing.commit.as_ref().map(|commit| tree.leads_to(before, commit)).transpose()?;
    let why = || format!("the command took earlier commits off branch {}", tree.branch);
    Ok((goes_on != Some(true)).then(why))
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
fn knows_who(tree: &SlotWorktree<'_>) -> Result<(), RunnerError> {
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
