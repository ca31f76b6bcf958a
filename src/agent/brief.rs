//! What an agent is shown when its session begins and ends: few words, each of use for its next step.

use std::collections::BTreeMap;

use crate::model::session::Session;
use crate::model::{RepoPath, claim};
use crate::settings::EditMode;

use super::after;
use super::desk::{Desk, Failure};
use super::objection::{length, shown};
use super::{notices, roster};

/// Most things that a line names.
const SHOWN: usize = 4;

/// The words at the beginning of a session, at most a dozen lines.
///
/// # Errors
/// When the state cannot be read.
pub fn begin(desk: &Desk) -> Result<String, Failure> {
    let session = &desk.session;
    let branch = session.branch.as_ref().map(|b| format!(", branch {b}")).unwrap_or_default();
    let mut lines = vec![format!(
        "git coord: several sessions work on this repository. You are session {}, in {}{branch}.",
        session.name,
        desk.repo.root.display()
    )];
    lines.push(match desk.settings.on_edit.mode {
        EditMode::Claim => {
            "A file that you edit is claimed for you; one that another session holds is refused.".to_owned()
        }
        _ => "Claim files before you edit them: git coord claim PATH. What another session holds is refused."
            .to_owned(),
    });
    lines.extend(held(desk));
    lines.extend(others(desk)?);
    let roster = roster::read(&desk.store, &session.name);
    let beside: Vec<String> =
        roster.others(&desk.key, desk.now).map(|(_, agent)| agent.program.clone()).collect();
    if !beside.is_empty() {
        lines.push(format!(
            "Another agent ({}) is at work in this worktree: to be apart from it, use a worktree of your own: git coord \
             session start NAME --worktree DIR",
            beside.join(", ")
        ));
    }
    lines.extend(notices::take(desk)?);
    lines.push(
        "Work from the queue: git coord next, then git coord done ITEM. Who holds what: git coord claims."
            .to_owned(),
    );
    Ok(lines.join("\n"))
}

/// What the session holds.
fn held(desk: &Desk) -> Option<String> {
    let left = |at: jiff::Timestamp| length(at.duration_since(desk.now).as_secs());
    let mut parts = Vec::new();
    for lease in &desk.session.leases {
        match &lease.item {
            Some(item) => parts.push(format!("item {} ({} left)", item.id, left(lease.expires()))),
            None => parts.extend(lease.paths.iter().map(shown)),
        }
    }
    (!parts.is_empty()).then(|| format!("You hold {}.", some(parts)))
}

/// What others hold, the sessions with the most first.
fn others(desk: &Desk) -> Result<Option<String>, Failure> {
    let records = desk.store.read(|view| claim::all(view))?;
    let mut by: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
    for record in &records {
        for holder in record.holders.iter().filter(|h| h.session != desk.session.name) {
            by.entry(holder.session.to_string()).or_default().push(record.path.clone());
        }
    }
    let part = |(name, paths): (String, Vec<RepoPath>)| match paths.as_slice() {
        [one] => format!("{name} {}", shown(one)),
        [first, rest @ ..] => format!("{name} {} and {} more", shown(first), rest.len()),
        [] => name,
    };
    let parts: Vec<String> = by.into_iter().map(part).collect();
    Ok((!parts.is_empty()).then(|| format!("Others hold: {}.", some(parts))))
}

fn some(mut parts: Vec<String>) -> String {
    let more = parts.len().saturating_sub(SHOWN);
    parts.truncate(SHOWN);
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    parts.join(", ")
}

/// The word at the end of a turn or session, when there is something that others wait for.
///
/// # Errors
/// When git fails.
pub fn end(desk: &Desk) -> Result<Option<String>, Failure> {
    let session = &desk.session;
    let paths: Vec<RepoPath> = session.leases.iter().flat_map(|l| l.all_paths().cloned()).collect();
    if paths.is_empty() && session.leases.is_empty() {
        return Ok(None);
    }
    let dirty = if paths.is_empty() { Vec::new() } else { after::changed(&desk.repo, &paths)? };
    let items = items(session);
    if dirty.is_empty() && items.is_empty() {
        return Ok(None);
    }
    let mut parts = Vec::new();
    if !items.is_empty() {
        parts.push(format!("holds {} (git coord done ITEM, or git coord drop ITEM)", some(items)));
    }
    if !dirty.is_empty() {
        parts.push(format!("has uncommitted changes in {}", some(dirty.iter().map(shown).collect())));
    }
    Ok(Some(format!("git coord: session {} {}", session.name, parts.join(" and "))))
}

fn items(session: &Session) -> Vec<String> {
    session.leases.iter().filter_map(|lease| Some(format!("item {}", lease.item.as_ref()?.id))).collect()
}
