//! Bringing the branch of a session up to the newest versions of what it is about to change.

use schemars::JsonSchema;
use serde::Serialize;

use crate::fresh::{Branch, Granted, Merged, Refreshed};
use crate::git::tips;
use crate::model::unlanded::Missing;
use crate::model::unlanded_op::{Freshness, UnlandedOp};
use crate::model::{ItemId, Op, Outcome, RepoPath, SessionName};

use super::{Client, ClientError, ClientResult};

/// A version that a branch lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingInfo {
    /// The path that has it.
    pub path: RepoPath,
    /// The commit.
    pub commit: String,
    /// The session that has made it; `null` for a commit of the target.
    pub session: Option<SessionName>,
    /// The branch that has it.
    pub branch: Option<String>,
    /// The item that it was made for.
    pub item: Option<ItemId>,
}

impl From<Missing> for MissingInfo {
    fn from(missing: Missing) -> Self {
        let Missing { path, commit, session, branch, item } = missing;
        MissingInfo { path, commit, session, branch, item }
    }
}

/// What is to be brought up to date.
#[derive(Debug, Clone, Default)]
pub struct RefreshRequest {
    /// For these paths.
    pub paths: Vec<RepoPath>,
    /// For the files of these items, and for what they need.
    pub items: Vec<ItemId>,
    /// For everything.
    pub all: bool,
    /// Only say what would be merged.
    pub dry_run: bool,
}

impl Client {
    fn branch<'a>(&'a self, session: &'a SessionName) -> Branch<'a> {
        Branch { repo: &self.place.repo, store: &self.store, settings: &self.place.settings, session }
    }

    /// Unlanded commits of other sessions, to these paths, that a commit of the session builds on.
    ///
    /// # Errors
    /// From git and the store.
    pub fn contained(
        &self,
        session: &SessionName,
        commit: &str,
        paths: &[RepoPath],
    ) -> ClientResult<Vec<String>> {
        Ok(self.branch(session).contained(commit, paths)?)
    }

    /// Carries out an operation that grants paths, with the newest versions of them in the branch.
    ///
    /// # Errors
    /// As [`Client::submit`], and from git.
    pub fn submit_fresh(
        &self,
        session: &SessionName,
        paths: &[RepoPath],
        make: impl Fn(Option<Freshness>) -> Op,
        wait: Option<u64>,
    ) -> ClientResult<Granted> {
        self.branch(session).submit(paths, make, |op| self.attempt(op, wait))
    }
}

/// Merges into the branch of the session that acts what it lacks.
///
/// # Errors
/// [`ClientError::Refused`] when it cannot be merged here; nothing is changed then.
pub fn refresh(client: &Client, request: &RefreshRequest) -> ClientResult<Refreshed> {
    let session = client.session()?;
    let branch = client.branch(&session);
    let missing = match request.all {
        true => branch.lacking_anywhere()?,
        false => branch.lacking(&request.paths, &request.items)?,
    };
    let head = tips::head(&client.place.repo).map(|h| h.commit).unwrap_or_default();
    let unchanged = Refreshed { from: head.clone(), to: head, merged: Vec::new() };
    if missing.is_empty() {
        return Ok(unchanged);
    }
    if request.dry_run {
        let mut merged: Vec<Merged> = Vec::new();
        for one in missing {
            if !merged.iter().any(|m| m.commit == one.commit) {
                merged.push(Merged { commit: one.commit, session: one.session, branch: one.branch });
            }
        }
        return Ok(Refreshed { merged, ..unchanged });
    }
    match branch.refresh(&missing)? {
        Some(done) if done.merged.is_empty() => Ok(unchanged),
        Some(done) => Ok(done),
        None => Err(ClientError::refused(Outcome::Stale { missing })),
    }
}

/// Gives up on versions that will not land: of these paths, or all of a session.
///
/// # Errors
/// As [`Client::submit`].
pub fn give_up(client: &Client, session: &SessionName, paths: Option<Vec<RepoPath>>) -> ClientResult<()> {
    let op = Op::Unlanded(UnlandedOp::GiveUp { session: session.clone(), paths });
    client.submit(&op, None).map(|_| ())
}
