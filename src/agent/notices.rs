//! What a session should know and has not asked for: messages, what it has lost, files that are free again.

use crate::model::claim::Mode;
use crate::model::{RepoPath, blockers_of};

use super::desk::{Desk, Failure};
use super::objection::shown;

/// Most lines at a time.
const MOST: usize = 6;

/// The lines that the session has not been shown yet; they count as shown from now on.
///
/// # Errors
/// When the state cannot be read, or the list of agents cannot be written.
pub fn take(desk: &Desk) -> Result<Vec<String>, Failure> {
    let session = &desk.session;
    let (shown_until, wanted) = desk.roster(|roster| {
        let shown_until = roster.shown_until.replace(desk.now);
        (shown_until, roster.wanted.keys().cloned().collect::<Vec<_>>())
    })?;
    let since = shown_until.unwrap_or(session.started);
    let mut lines = Vec::new();
    for loss in session.lost.iter().filter(|loss| loss.at > since) {
        let what = match (&loss.path, &loss.item) {
            (Some(path), _) => shown(path),
            (None, Some(item)) => format!("item {item}"),
            (None, None) => continue,
        };
        lines.push(format!("You no longer hold {what}: {}.", loss.why));
    }
    for message in session.inbox.iter().filter(|message| message.at > since) {
        let from = message.from.as_ref().map_or_else(|| "Message".to_owned(), |from| format!("{from} says"));
        lines.push(format!("{from}: {}", message.text));
    }
    lines.extend(free_again(desk, &wanted)?);
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("And {more} more: git coord session show"));
    }
    Ok(lines)
}

/// Files that were refused to the session and that nobody holds now.
fn free_again(desk: &Desk, wanted: &[RepoPath]) -> Result<Vec<String>, Failure> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let name = &desk.session.name;
    let free = desk.store.read(|view| {
        let mut free = Vec::new();
        for path in wanted {
            if blockers_of(view, path, name, Mode::Exclusive)?.is_empty() {
                free.push(path.clone());
            }
        }
        Ok(free)
    })?;
    if !free.is_empty() {
        desk.roster(|roster| roster.wanted.retain(|path, _| !free.contains(path)))?;
    }
    Ok(free.iter().map(|path| format!("{} is free now: you may edit it.", shown(path))).collect())
}
