//! The trailers that tell under which leases a commit was made.

use crate::git::changes::CommitChanges;
use crate::model::session::Session;
use crate::model::{RepoPath, SessionName};

/// Trailer that names the session.
pub const SESSION: &str = "Coord-Session";
/// Trailer that names an item; one line each.
pub const ITEM: &str = "Coord-Item";
/// Trailer that names a lease; one line each.
pub const LEASE: &str = "Coord-Lease";

/// The trailers of a commit of these paths by a session: the sessions whose changes it has, and the items
/// and leases that cover them. `kept`: those of the commits that it replaces, whose changes it has as well.
/// The session itself comes last of the sessions: it makes the commit.
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
    let items = leases.iter().filter_map(|l| l.item.as_ref()).map(|i| (ITEM.to_owned(), i.id.to_string()));
    let leases = leases.iter().map(|l| (LEASE.to_owned(), l.id.to_string()));
    joined(kept.into_iter().chain(items).chain(leases), Some(&session.name))
}

/// Trailers in the order in which they are written, each once; `last` is the session that makes the commit.
pub fn joined(
    trailers: impl Iterator<Item = (String, String)>,
    last: Option<&SessionName>,
) -> Vec<(String, String)> {
    let own = last.map(|name| (SESSION.to_owned(), name.to_string()));
    let mut all: Vec<(String, String)> = trailers.filter(|t| Some(t) != own.as_ref()).collect();
    all.extend(own);
    let mut list = Vec::new();
    for key in [SESSION, ITEM, LEASE] {
        for trailer in all.iter().filter(|(k, _)| k == key) {
            if !list.contains(trailer) {
                list.push(trailer.clone());
            }
        }
    }
    list
}

/// True for the trailers of a commit that has changes of this session.
pub fn are_of(trailers: &[(String, String)], session: &SessionName) -> bool {
    trailers.iter().any(|(key, value)| key == SESSION && value == session.as_str())
}

/// Our trailers of a commit.
pub fn of(commit: &CommitChanges) -> Vec<(String, String)> {
    let all = |key: &'static str, values: &[String]| -> Vec<(String, String)> {
        values.iter().map(|value| (key.to_owned(), value.clone())).collect()
    };
    [all(SESSION, &commit.sessions), all(ITEM, &commit.items), all(LEASE, &commit.leases)].concat()
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

/// The lines of a message that say something: without blank ones, and without comments and what git cuts
/// off. git refuses a message that has none. `comment`: what begins lines that git will take out.
pub fn text_of<'m>(message: &'m [u8], comment: Option<&str>) -> Vec<&'m [u8]> {
    let all: Vec<&[u8]> = message.split_inclusive(|b| *b == b'\n').collect();
    let end = end_of_text(&all, comment);
    let lines = all[..end].iter().filter(|line| !is_blank_line(line) && !is_comment(line, comment));
    lines.map(|line| line.trim_ascii_end()).collect()
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

/// A message with these trailers in place of those that it has: an amend or cherry-pick brings the
/// trailers of another commit along. `comment`: what begins lines that git will take out.
///
/// They go where `git interpret-trailers` puts them: at the end of the last paragraph if that is one of
/// trailers, else below it, in front of comments at the end and of what git cuts off with them. Starting
/// that program took as long as all else of the hook.
pub fn with(message: &[u8], trailers: &[(String, String)], comment: Option<&str>) -> Vec<u8> {
    let kept: Vec<&[u8]> = lines(message).filter(|(_, ours)| !ours).map(|(line, _)| line).collect();
    let end = end_of_text(&kept, comment);
    let mut out = kept[..end].concat();
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    if !ends_with_trailers(&kept[..end], comment) {
        out.push(b'\n');
    }
    for (key, value) in trailers {
        out.extend_from_slice(format!("{key}: {value}\n").as_bytes());
    }
    out.extend(kept[end..].concat());
    out
}

fn is_blank_line(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

fn is_comment(line: &[u8], comment: Option<&str>) -> bool {
    comment.is_some_and(|comment| line.starts_with(comment.as_bytes()))
}

/// What git writes above the part that it cuts off (`commit --verbose`, `--cleanup=scissors`).
const SCISSORS: &[u8] = b" ------------------------ >8 ------------------------";

/// The number of lines before the comments, blank lines and cut-off part at the end.
fn end_of_text(lines: &[&[u8]], comment: Option<&str>) -> usize {
    let cut = comment.and_then(|comment| {
        lines.iter().position(|line| {
            line.strip_prefix(comment.as_bytes()).is_some_and(|rest| rest.starts_with(SCISSORS))
        })
    });
    let mut end = cut.unwrap_or(lines.len());
    while end > 0 && (is_blank_line(lines[end - 1]) || is_comment(lines[end - 1], comment)) {
        end -= 1;
    }
    end
}

/// True when the last paragraph is one of trailers, as git sees it (trailer.c): not the subject; all lines
/// are trailers, or one of them is git's own and a quarter are.
fn ends_with_trailers(lines: &[&[u8]], comment: Option<&str>) -> bool {
    let begin = lines.iter().rposition(|line| is_blank_line(line)).map_or(0, |at| at + 1);
    if lines[..begin].iter().all(|line| is_blank_line(line) || is_comment(line, comment)) {
        return false;
    }
    let (mut trailers, mut others, mut gits) = (0, 0, false);
    let mut after_trailer = false;
    for line in lines[begin..].iter().filter(|line| !is_comment(line, comment)) {
        let own = line.starts_with(b"Signed-off-by: ") || line.starts_with(b"(cherry picked from commit ");
        gits |= own;
        if own || is_trailer(line) || (after_trailer && line.starts_with(b" ")) {
            trailers += 1;
            after_trailer = true;
        } else {
            others += 1;
            after_trailer = false;
        }
    }
    trailers > 0 && (others == 0 || (gits && trailers * 3 >= others))
}

/// `Token: value`, the token of letters, digits and dashes.
fn is_trailer(line: &[u8]) -> bool {
    let token = line.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    token > 0 && line[token..].trim_ascii_start().first() == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_comments_is_blank() {
        let is_blank = |text: &str, comment| text_of(text.as_bytes(), comment).is_empty();
        assert!(is_blank("\n# Please enter\n\n", Some("#")));
        assert!(!is_blank("Fix it\n# Please enter\n", Some("#")));
        assert!(!is_blank("# Fix it\n", None), "where git takes no comments out");
        let verbose = "\n# ------------------------ >8 ------------------------\n# more\ndiff --git a b\n";
        assert!(is_blank(verbose, Some("#")), "the diff of commit --verbose is cut off");
    }

    /// Against `git interpret-trailers`, which did it before.
    #[test]
    fn trailers_go_where_git_puts_them() {
        let trailers = [("Coord-Session".to_owned(), "s".to_owned()), ("Coord-Lease".into(), "3".into())];
        for message in [
            "subject\n",
            "subject",
            "subject\n\nbody\nmore\n",
            "subject\n\nSigned-off-by: a <b>\n",
            "subject\n\nbody\n\nSigned-off-by: a <b>\nnot one\n",
            "subject\n\nKey: value\n continued\n\n\n",
            "fix: subject\n",
            "subject\n\nlook: here is\na sentence\n",
            "subject\n\nbody\n(cherry picked from commit 12)\n",
            "subject\n\n# Please enter\n# more\n",
            "\n# Please enter\nsubject\n\nA: b\n# comment\n",
            "subject\n\nbody\n# ------------------------ >8 ------------------------\n# cut\ndiff\nA: b\n",
            "subject\n\nCoord-Session: old\nCoord-Lease: 2\n",
        ] {
            let kept: Vec<u8> = lines(message.as_bytes())
                .filter(|(_, ours)| !ours)
                .flat_map(|(line, _)| line)
                .copied()
                .collect();
            let dir = std::env::temp_dir();
            let mut git = crate::git::Git::new(&dir).args([
                "interpret-trailers",
                "--no-divider",
                "--if-exists=add",
                "--where=end",
            ]);
            for (key, value) in &trailers {
                git = git.arg(format!("--trailer={key}: {value}"));
            }
            let expected = git.stdin(kept).run().expect("git works");
            let ours = with(message.as_bytes(), &trailers, Some("#"));
            assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&expected), "for {message:?}");
        }
    }

    #[test]
    fn the_subject_is_not_a_trailer() {
        assert!(!has_any(b"\nCoord-Session: evil\n\ntext\n"));
        assert!(has_any(b"Coord-Session: evil\n\ncoord-lease: 3\n"));
    }
}
