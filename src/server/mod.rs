//! A bare repository to which sessions push: what may arrive there.
//!
//! Every act of git-coord arrives as one push of `refs/coord/state`. The hook lets it pass when the
//! new state can be read, belongs to the same store, has a higher generation, and comes straight
//! from the present one, or says that it replaces it (a history that was cut, a state that
//! was put back). So the chain of states is never broken, also by a `git push --force`. Whether
//! an operation is fair is not judged: the hook coordinates cooperating sessions, it is not access control.
//!
//! Commits that arrive on branches, or on any ref but tags and notes, are judged as before every push
//! (`guard::range`), by the state that is here: a change of what a session holds is refused, unless it was
//! made under that session's lease; so is one under a lease that was lost, or that had ended. The main
//! branch does not lose changes of what is held.
//!
//! The objects of a push may be in a folder of their own until it is accepted
//! (`GIT_OBJECT_DIRECTORY`); they are read from there and from the repository.

use std::path::{Path, PathBuf};

use gix::ObjectId;

use crate::git::changes::{self, ChangesError};
use crate::git::{Git, GitEnv, GitError};
use crate::guard::{self, Fault, Known};
use crate::model::header::{self, StateHeader};
use crate::model::outcome::Blocker;
use crate::model::{View, ViewError, clone, queue, read_json, session};
use crate::store::{STATE_REF, Store, StoreError, TempStore};

/// A bare repository.
#[derive(Debug)]
pub struct Bare {
    /// Its folder, absolute and free of symbolic links.
    pub dir: PathBuf,
    objects: PathBuf,
    sha256: bool,
    env: GitEnv,
}

/// Why a repository cannot be used, or nothing can be said about a push.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It is not a bare repository.
    #[error("{dir} is not a bare repository{}", if reason.is_empty() { String::new() } else { format!(": {reason}") })]
    NotBare {
        /// The folder.
        dir: PathBuf,
        /// What git says, if anything.
        reason: String,
    },
    /// The folder cannot be looked at.
    #[error("{dir}: {source}")]
    Io {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What git gave to the hook is not an object id.
    #[error("update: {value:?} is not an object id")]
    Id {
        /// The word.
        value: String,
    },
    /// git did not answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// It is not known what the commits change.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// The state that is here cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of judging one ref of a push.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// It may pass.
    Fine,
    /// The state may not become this one.
    State(Refusal),
    /// Commits were made without the claims for it.
    Commits(Vec<Fault>),
    /// The branch would lose changes of what these hold.
    TakenOff(Vec<Blocker>),
}

/// Why a state is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would be gone, and everything with it.
    #[error("it may not be deleted")]
    Deleted,
    /// It is none.
    #[error("what was pushed is not a readable state: {reason}")]
    Unreadable {
        /// Why not.
        reason: String,
    },
    /// It belongs to another store.
    #[error("it belongs to another store ({found}; here is {known})")]
    Foreign {
        /// The store that is here.
        known: String,
        /// The one that was pushed.
        found: String,
    },
    /// It is an older one, or pretends to be.
    #[error("its generation is {found}, and {known} is here already")]
    Backwards {
        /// The generation that is here.
        known: u64,
        /// The one that was pushed.
        found: u64,
    },
    /// It was not made from the one that is here.
    #[error("it does not come from the state that is here")]
    Astray,
}

impl Refusal {
    /// A word for programs.
    pub fn rule(&self) -> &'static str {
        match self {
            Refusal::Deleted => "state-deleted",
            Refusal::Unreadable { .. } => "state-unreadable",
            Refusal::Foreign { .. } => "state-foreign",
            Refusal::Backwards { .. } => "state-backwards",
            Refusal::Astray => "state-astray",
        }
    }
}

impl Bare {
    /// Looks at a folder; `env` is what git exports to a hook.
    ///
    /// # Errors
    /// When it is not a bare repository.
    pub fn open(dir: &Path, env: &GitEnv) -> Result<Self, ServerError> {
        let dir = dir.canonicalize().map_err(|source| ServerError::Io { dir: dir.to_owned(), source })?;
        let words = ["--is-bare-repository", "--show-object-format", "--path-format=absolute"];
        // The folder may be one inside of it. Named, because git does not look for one everywhere
        // (`safe.bareRepository`, folders of other owners).
        let mut asked = Git::new(&dir).arg("rev-parse").args(words);
        if let Some(top) = dir.ancestors().take_while(|d| !d.join(".git").exists()).find(|d| is_git_dir(d)) {
            asked = asked.env("GIT_DIR", top);
        }
        let asked = asked.args(["--git-dir", "--git-path", "objects"]).output()?;
        let text = String::from_utf8_lossy(&asked.stdout);
        let lines: Vec<&str> = text.lines().collect();
        let (Some(0), ["true", format, top, objects]) = (asked.status, &lines[..]) else {
            let reason = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
            return Err(ServerError::NotBare { dir, reason });
        };
        let (top, objects) = (PathBuf::from(top), PathBuf::from(objects));
        Ok(Bare { dir: top, objects, sha256: *format == "sha256", env: env.clone() })
    }

    /// git here, which sees the objects of a push that is not accepted yet.
    fn git(&self) -> Git {
        let mut git = Git::new(&self.dir).env("GIT_DIR", &self.dir);
        if let Some(objects) = &self.env.object_dir {
            git = git.env("GIT_OBJECT_DIRECTORY", self.dir.join(objects));
        }
        if let Some(alternates) = &self.env.alternates {
            git = git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternates);
        }
        git
    }

    /// The value of the state's ref.
    ///
    /// # Errors
    /// When git does not answer.
    pub fn state(&self) -> Result<Option<ObjectId>, ServerError> {
        let id = self.git().args(["rev-parse", "--verify", "--quiet", STATE_REF]).optional()?;
        Ok(id.and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()))
    }

    /// The head of the state; `None` without a state.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Option<StateHeader>, ServerError> {
        let Some(tip) = self.state()? else { return Ok(None) };
        let (_scratch, store) = self.store_at(tip)?;
        Ok(Some(store.read(|view| header::read(view))?))
    }

    fn store_at(&self, tip: ObjectId) -> Result<(TempStore, Store), ServerError> {
        let mut folders: Vec<PathBuf> = self.env.object_dir.iter().map(|d| self.dir.join(d)).collect();
        folders.push(self.objects.clone());
        let scratch = TempStore::new(self.sha256)?;
        scratch.see(&folders)?;
        let store = scratch.at(tip)?;
        Ok((scratch, store))
    }

    /// Judges what a push makes of one ref. The words are those that git gives to an `update`
    /// hook; an id of zeros means "none".
    ///
    /// # Errors
    /// When nothing can be said.
    pub fn judge(&self, name: &str, old: &str, new: &str) -> Result<Decision, ServerError> {
        let (old, new) = (parse(old)?, parse(new)?);
        if name == STATE_REF {
            let Some(new) = new else { return Ok(Decision::State(Refusal::Deleted)) };
            return Ok(self.judge_state(old, new)?.map_or(Decision::Fine, Decision::State));
        }
        match new {
            Some(new) if changes::is_judged(name) => self.judge_branch(name, old, new),
            _ => Ok(Decision::Fine),
        }
    }

    fn judge_state(&self, old: Option<ObjectId>, new: ObjectId) -> Result<Option<Refusal>, ServerError> {
        let (_scratch, store) = self.store_at(new)?;
        let pushed = match readable(&store, new) {
            Ok(head) => head,
            Err(reason) => return Ok(Some(Refusal::Unreadable { reason })),
        };
        let Some(old) = old else { return Ok(None) };
        // One that is damaged here may be replaced by any that names it.
        if let Ok(here) = head_at(&store, old) {
            if here.store != pushed.store {
                return Ok(Some(Refusal::Foreign { known: here.store, found: pushed.store }));
            }
            if pushed.generation <= here.generation {
                let (known, found) = (here.generation, pushed.generation);
                return Ok(Some(Refusal::Backwards { known, found }));
            }
        }
        let comes = store.sound_commit(new).is_ok_and(|c| c.parent == Some(old));
        let stands_for = store.replaced_by(new)? == Some(old);
        Ok((!comes && !stands_for).then_some(Refusal::Astray))
    }

    fn judge_branch(
        &self,
        name: &str,
        old: Option<ObjectId>,
        new: ObjectId,
    ) -> Result<Decision, ServerError> {
        let Some(tip) = self.state()? else { return Ok(Decision::Fine) };
        let old = old.map(|id| id.to_string());
        let arrival = changes::in_arrival(&|| self.git(), name, old.as_deref(), &new.to_string())?;
        if arrival.is_empty() {
            return Ok(Decision::Fine);
        }
        let (_temp, store) = self.store_at(tip)?;
        // Something else than a state holds no claims.
        store.read(|view| header::read(view))?;
        let known = Known::in_bare(|| self.git());
        let faults = guard::check_commits(&store, &arrival.commits, None, &known)?;
        if !faults.is_empty() {
            return Ok(Decision::Commits(faults));
        }
        let lost = guard::check_taken_off(&store, &arrival.taken_off, None)?;
        let holders: Vec<Blocker> = lost.into_iter().flat_map(|(_, holders)| holders).collect();
        Ok(if holders.is_empty() { Decision::Fine } else { Decision::TakenOff(holders) })
    }
}

/// True for what git takes for a repository's folder.
fn is_git_dir(dir: &Path) -> bool {
    dir.join("HEAD").is_file() && dir.join("objects").is_dir() && dir.join("refs").is_dir()
}

/// Reads an id; zeros are `None`.
fn parse(value: &str) -> Result<Option<ObjectId>, ServerError> {
    let id = ObjectId::from_hex(value.as_bytes()).map_err(|_| ServerError::Id { value: value.to_owned() })?;
    Ok((!id.is_null()).then_some(id))
}

fn head_at(store: &Store, tip: ObjectId) -> Result<StateHeader, String> {
    let commit = store.sound_commit(tip)?;
    header::read(&store.view_tree(commit.tree, &commit.delta)).map_err(|e| e.to_string())
}

/// Reads what a state always has, and what this one has changed. Not everything: a push must not
/// take longer because the backlog is long.
fn readable(store: &Store, tip: ObjectId) -> Result<StateHeader, String> {
    let commit = store.sound_commit(tip)?;
    let view = store.view_tree(commit.tree, &commit.delta);
    let head = header::read(&view).map_err(|e| e.to_string())?;
    // A newer format has records that only a newer program can judge.
    if head.format <= header::FORMAT {
        records(&view).map_err(|e| e.to_string())?;
        for key in commit.delta.iter().filter(|(_, text)| text.is_some()).map(|(key, _)| key) {
            if key.ends_with(".json") || key.starts_with("claims/") {
                read_json::<serde_json::Value>(&view, key).map_err(|e| e.to_string())?;
            }
        }
    }
    Ok(head)
}

fn records(view: &dyn View) -> Result<(), ViewError> {
    session::all(view)?;
    queue::all(view)?;
    clone::all(view).map(|_| ())
}
