//! The trailers that tell under which leases a commit was made.

use std::path::Path;

use crate::git::{Git, GitError};
use crate::model::RepoPath;
use crate::model::session::Session;

/// Trailer that names the session.
pub const SESSION: &str = "Coord-Session";
/// Trailer that names an item; one line each.
pub const ITEM: &str = "Coord-Item";
/// Trailer that names a lease; one line each.
pub const LEASE: &str = "Coord-Lease";

/// The trailers of a commit of these paths: the session, and the items and leases that cover them.
pub fn for_commit(session: &Session, paths: &[RepoPath]) -> Vec<(&'static str, String)> {
    let mut trailers = vec![(SESSION, session.name.to_string())];
    let mut leases = Vec::new();
    for lease in &session.leases {
        let covers = lease.all_paths().any(|held| paths.iter().any(|p| held.covers(p)));
        // An item without files is work all the same; nothing else could name it.
        let bare = lease.item.as_ref().is_some_and(|i| i.files.is_empty());
        if covers || bare {
            leases.push(lease);
        }
    }
    trailers.extend(leases.iter().filter_map(|l| l.item.as_ref()).map(|i| (ITEM, i.id.to_string())));
    trailers.extend(leases.iter().map(|l| (LEASE, l.id.to_string())));
    trailers
}

/// True when a message has no text yet beyond comments, so that git would refuse it as empty.
pub fn is_blank(message: &str, comment: &str) -> bool {
    message.lines().all(|l| l.trim().is_empty() || l.starts_with(comment))
}

/// Puts the trailers into a message file, in place of those that it has: an amend or cherry-pick
/// brings the trailers of another commit along.
///
/// # Errors
/// When the file cannot be rewritten or git fails.
pub fn write(dir: &Path, file: &Path, trailers: &[(&str, String)]) -> Result<(), GitError> {
    let io = |source| GitError::Missing { source };
    let before = std::fs::read(file).map_err(io)?;
    let ours = |line: &[u8]| {
        [SESSION, ITEM, LEASE].iter().any(|name| {
            line.len() > name.len()
                && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
                && line[name.len()] == b':'
        })
    };
    let kept: Vec<&[u8]> = before.split_inclusive(|b| *b == b'\n').filter(|l| !ours(l)).collect();
    let mut command =
        Git::new(dir).args(["interpret-trailers", "--no-divider", "--if-exists=add", "--where=end"]);
    for (name, value) in trailers {
        command = command.arg(format!("--trailer={name}: {value}"));
    }
    let after = command.stdin(kept.concat()).run()?;
    std::fs::write(file, after).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_comments_is_blank() {
        assert!(is_blank("\n# Please enter\n\n", "#"));
        assert!(!is_blank("Fix it\n# Please enter\n", "#"));
    }
}
