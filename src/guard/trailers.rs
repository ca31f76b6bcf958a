//! The trailers that tell under which leases a commit was made.

use std::path::Path;

use crate::git::changes::CommitChanges;
use crate::git::{Git, GitError};
use crate::model::session::Session;
use crate::model::{RepoPath, SessionName};

/// Trailer that names the session.
pub const SESSION: &str = "Coord-Session";
/// Trailer that names an item; one line each.
pub const ITEM: &str = "Coord-Item";
/// Trailer that names a lease; one line each.
pub const LEASE: &str = "Coord-Lease";

/// The trailers of a commit of these paths: the session, and the items and leases that cover them. `kept`: those
/// of the commit that it replaces, which stay if they are of the same session.
pub fn for_commit(
    session: &Session,
    paths: &[RepoPath],
    kept: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let mut leases = Vec::new();
    for lease in &session.leases {
        let covers = lease.all_paths().any(|held| paths.iter().any(|p| held.covers(p)));
        // An item without files is work all the same; nothing else could name it.
        let bare = lease.item.as_ref().is_some_and(|i| i.files.is_empty());
        if covers || bare {
            leases.push(lease);
        }
    }
    let kept = if are_of(&kept, &session.name) { kept } else { Vec::new() };
    let items = leases.iter().filter_map(|l| l.item.as_ref()).map(|i| (ITEM.to_owned(), i.id.to_string()));
    let leases = leases.iter().map(|l| (LEASE.to_owned(), l.id.to_string()));
    let mut trailers = vec![(SESSION.to_owned(), session.name.to_string())];
    for key in [ITEM, LEASE] {
        for trailer in kept.iter().cloned().chain(items.clone()).chain(leases.clone()) {
            if trailer.0 == key && !trailers.contains(&trailer) {
                trailers.push(trailer);
            }
        }
    }
    trailers
}

/// True for the trailers of a commit of this session.
pub fn are_of(trailers: &[(String, String)], session: &SessionName) -> bool {
    trailers.iter().any(|(key, value)| key == SESSION && value == session.as_str())
}

/// Our trailers of a commit.
pub fn of(commit: &CommitChanges) -> Vec<(String, String)> {
    let all = |key: &'static str, values: &[String]| -> Vec<(String, String)> {
        values.iter().map(|value| (key.to_owned(), value.clone())).collect()
    };
    let session: Vec<String> = commit.session.iter().cloned().collect();
    [all(SESSION, &session), all(ITEM, &commit.items), all(LEASE, &commit.leases)].concat()
}

/// Our trailers in a message.
pub fn in_message(message: &[u8]) -> Vec<(String, String)> {
    let ours = lines(message).filter(|(_, ours)| *ours).map(|(line, _)| String::from_utf8_lossy(line));
    let parts = ours.filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        let key = [SESSION, ITEM, LEASE].into_iter().find(|k| k.eq_ignore_ascii_case(key))?;
        Some((key.to_owned(), value.trim().to_owned()))
    });
    parts.collect()
}

/// True when a message has no text, so that git would refuse it as empty. `comment`: what begins
/// lines that git will take out.
pub fn is_blank(message: &str, comment: Option<&str>) -> bool {
    let goes = |line: &str| comment.is_some_and(|comment| line.starts_with(comment));
    message.lines().all(|l| l.trim().is_empty() || goes(l))
}

/// True when a message has our trailers.
pub fn has_any(message: &[u8]) -> bool {
    lines(message).any(|(_, ours)| ours)
}

/// The lines of a message, and whether each is a trailer of ours. The first one with text is the
/// subject, whatever it looks like.
fn lines(message: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut subject = false;
    message.split_inclusive(|b| *b == b'\n').map(move |line| {
        let below = subject;
        subject |= !line.trim_ascii().is_empty();
        (line, below && is_ours(line))
    })
}

fn is_ours(line: &[u8]) -> bool {
    [SESSION, ITEM, LEASE].iter().any(|name| {
        line.len() > name.len()
            && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            && line[name.len()] == b':'
    })
}

/// Puts the trailers into a message file, in place of those that it has: an amend or cherry-pick
/// brings the trailers of another commit along.
///
/// # Errors
/// When the file cannot be rewritten or git fails.
pub fn write(dir: &Path, file: &Path, trailers: &[(String, String)]) -> Result<(), GitError> {
    let io = |source| GitError::Missing { source };
    let before = std::fs::read(file).map_err(io)?;
    let kept: Vec<&[u8]> = lines(&before).filter(|(_, ours)| !ours).map(|(line, _)| line).collect();
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
        assert!(is_blank("\n# Please enter\n\n", Some("#")));
        assert!(!is_blank("Fix it\n# Please enter\n", Some("#")));
        assert!(!is_blank("# Fix it\n", None), "where git takes no comments out");
    }

    #[test]
    fn the_subject_is_no_trailer() {
        assert!(!has_any(b"\nCoord-Session: evil\n\ntext\n"));
        assert!(has_any(b"Coord-Session: evil\n\ncoord-lease: 3\n"));
    }
}
