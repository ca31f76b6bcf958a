//! Claiming files and folders, giving them back, and who holds what.

use std::path::PathBuf;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::claim::{self, Holder, Mode};
use crate::model::op::ClaimPaths;
use crate::model::outcome::{Blocker, Held};
use crate::model::{ItemId, Op, Outcome, RepoPath, SessionName, View, ViewError, expiry};

use super::paths::{self, Named};
use super::refresh::MissingInfo;
use super::{Client, ClientError, ClientResult};
use crate::fresh::{Granted, Refreshed};

/// Paths to be claimed, all or none.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Which, as they were written.
    pub paths: Vec<PathBuf>,
    /// Exclusive, or shared with other readers.
    pub mode: Mode,
    /// Seconds until the lease expires; `None`: as `coord.ttl` says.
    pub ttl: Option<u64>,
    /// Seconds to wait in line while others hold them.
    pub wait: Option<u64>,
    /// What for.
    pub reason: Option<String>,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ClaimInfo {
    /// The path.
    pub path: RepoPath,
    /// Who holds it.
    pub session: SessionName,
    /// `exclusive` or `shared`.
    pub mode: Mode,
    /// Number of the lease.
    pub lease: u64,
    /// Since when.
    pub since: Timestamp,
    /// When it expires, unless it is renewed.
    pub expires: Option<Timestamp>,
    /// The item that brought it.
    pub item: Option<ItemId>,
    /// What for.
    pub reason: Option<String>,
}

impl From<Held> for ClaimInfo {
    fn from(held: Held) -> Self {
        let Held { path, session, mode, lease, since, expires, item, reason } = held;
        ClaimInfo { path, session, mode, lease, since, expires, item, reason }
    }
}

/// A claim in the way.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HolderInfo {
    /// The path that was asked for.
    pub path: RepoPath,
    /// The claim in the way: the same path, or one above or below it.
    pub held: RepoPath,
    /// Who holds that.
    pub session: SessionName,
    /// When it expires, unless it is renewed.
    pub expires: Option<Timestamp>,
    /// What for.
    pub reason: Option<String>,
}

impl From<Blocker> for HolderInfo {
    fn from(blocker: Blocker) -> Self {
        let Blocker { path, held, session, expires, reason } = blocker;
        HolderInfo { path, held, session, expires, reason }
    }
}

/// Claims: those that were granted, or those that there are.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Claims {
    /// One for each path and session.
    pub claims: Vec<ClaimInfo>,
    /// What was merged into the session's branch before. Absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Refreshed>,
    /// What the branch lacks although the claims were granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<MissingInfo>,
    /// Paths that were claimed and where nothing is yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<RepoPath>,
    /// Paths that were taken from the top of the repository, although the current folder is another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_top: Vec<RepoPath>,
}

/// Paths that were given back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Released {
    /// Which.
    pub released: Vec<RepoPath>,
}

/// Claims paths for the session that acts.
///
/// # Errors
/// [`ClientError::Refused`] when somebody holds one of them; then none is claimed.
pub fn claim(client: &Client, request: &ClaimRequest) -> ClientResult<Claims> {
    let repo = &client.place.repo;
    let mut named = Vec::new();
    for written in &request.paths {
        paths::refuse_pattern(repo, written)?;
        named.push(paths::named(repo, written)?);
    }
    let of = |wanted: fn(&Named) -> bool| -> Vec<RepoPath> {
        named.iter().filter(|named| wanted(named)).map(|named| named.path.clone()).collect()
    };
    let session = client.session()?;
    let wanted = of(|_| true);
    let make = |fresh| {
        Op::Claim(ClaimPaths {
            session: session.clone(),
            paths: wanted.clone(),
            mode: request.mode,
            ttl: request.ttl.unwrap_or(client.place.settings.ttl),
            reason: request.reason.clone(),
            fresh,
        })
    };
    // A reader needs no particular version.
    let granted = match request.mode {
        Mode::Shared => Granted::plain(client.submit(&make(None), request.wait)?),
        Mode::Exclusive => client.submit_fresh(&session, &wanted, make, request.wait)?,
    };
    client.store.touch_session(&session);
    let (refreshed, lacking) = (granted.refreshed, granted.lacking.into_iter().map(Into::into).collect());
    match granted.outcome {
        Outcome::Claimed { claims } => Ok(Claims {
            claims: claims.into_iter().map(Into::into).collect(),
            refreshed,
            lacking,
            absent: of(|named| !named.exists),
            from_top: of(|named| named.from_top),
        }),
        other => Err(ClientError::refused(other)),
    }
}

/// Gives paths of the session that acts back; `None`: all that it has claimed by path.
///
/// # Errors
/// [`ClientError::Refused`] when it does not hold one of them any longer; then nothing is changed.
pub fn release(client: &Client, paths: Option<Vec<RepoPath>>) -> ClientResult<Released> {
    let session = client.session()?;
    let outcome = client.submit(&Op::Release { session: session.clone(), paths }, None)?;
    client.store.touch_session(&session);
    match outcome {
        Outcome::Released { paths } => Ok(Released { released: paths }),
        other => Err(ClientError::refused(other)),
    }
}

/// Claims that overlap these paths, all when there are none; of one session, or of everybody.
///
/// # Errors
/// From the store.
pub fn list(client: &Client, paths: &[RepoPath], of: Option<&SessionName>) -> ClientResult<Claims> {
    client.sweep()?;
    if let Some(session) = of {
        client.alive(session)?;
    }
    let mut claims = client.store.read(|view| overlapping(view, paths))?;
    if let Some(session) = of {
        claims.retain(|claim| claim.session == *session);
    }
    claims.sort_by(|a, b| (&a.path, &a.session).cmp(&(&b.path, &b.session)));
    Ok(Claims { claims, refreshed: None, lacking: Vec::new(), absent: Vec::new(), from_top: Vec::new() })
}

fn overlapping(view: &dyn View, paths: &[RepoPath]) -> Result<Vec<ClaimInfo>, ViewError> {
    let mut records: Vec<claim::Claim> = Vec::new();
    if paths.is_empty() {
        records = claim::all(view)?;
    }
    for path in paths {
        for record in claim::overlapping(view, path)? {
            if !records.contains(&record) {
                records.push(record);
            }
        }
    }
    let mut list = Vec::new();
    for record in &records {
        for holder in &record.holders {
            list.push(info(view, record, holder)?);
        }
    }
    Ok(list)
}

fn info(view: &dyn View, record: &claim::Claim, holder: &Holder) -> Result<ClaimInfo, ViewError> {
    // A claim by hand says more than an item that touches the same file.
    let grant = holder.grants.iter().find(|g| g.item.is_none()).or(holder.grants.first());
    Ok(ClaimInfo {
        path: record.path.clone(),
        session: holder.session.clone(),
        mode: holder.mode,
        lease: grant.map_or(0, |g| g.lease),
        since: holder.since,
        expires: expiry(view, holder)?,
        item: grant.and_then(|g| g.item.clone()),
        reason: holder.reason.clone(),
    })
}
