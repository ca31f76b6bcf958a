//! Changes that are not folded into the tree yet.
//!
//! Written out as git objects, one claim is about ten small files, each in another of 256 folders:
//! on a busy disk that takes longer than everything else together. So a change goes into the
//! *message* of its commit, as a line `delta {…}` with the new content of every key that differs
//! from the commit's tree. The tree stays that of the state before, and the change is one object.
//! When the line would grow beyond [`LIMIT`], the changes are folded: written as blobs and trees.
//! Whatever happens to a state, its tree and its delta are under one commit id.

use std::collections::BTreeMap;

use crate::model::Changes;
use crate::model::view::Blob;

/// Most bytes of keys and contents that a message holds. Some dozen changes fit; every later one
/// has to read and write them all.
const LIMIT: usize = 16 * 1024;

/// Most levels of a key: a path has at most 256 components.
const MOST_LEVELS: usize = 300;

/// True for a key that no writer of ours makes, and that would be walked level by level.
pub(in crate::store) fn is_too_deep(key: &str) -> bool {
    key.split('/').nth(MOST_LEVELS).is_some()
}

/// How the line begins.
const MARK: &str = "delta ";

/// The line of a message, or `None` when the changes have to be folded: they are too many, or
/// contain something that is no text.
pub(in crate::store) fn line(changes: &Changes) -> Option<String> {
    let size: usize = changes.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, |b| b.len())).sum();
    if size > LIMIT {
        return None;
    }
    let mut texts: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (key, value) in changes {
        let text = match value {
            Some(bytes) => Some(std::str::from_utf8(bytes).ok()?),
            None => None,
        };
        texts.insert(key, text);
    }
    serde_json::to_string(&texts).ok().map(|json| format!("{MARK}{json}\n"))
}

/// Reads the changes from a message; none when it has no such line.
///
/// # Errors
/// When the line is there and cannot be read.
pub(in crate::store) fn parse(message: &[u8]) -> Result<Changes, String> {
    // The last line: what events and headlines say comes before it.
    let body = message.strip_suffix(b"\n").unwrap_or(message);
    let last = body.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let Some(json) = last.strip_prefix(MARK.as_bytes()) else { return Ok(Changes::new()) };
    let texts: BTreeMap<String, Option<String>> =
        serde_json::from_slice(json).map_err(|e| format!("its delta cannot be read: {e}"))?;
    // Anybody who can push can write this line; what changes are made of is walked level by level.
    if let Some(deep) = texts.keys().find(|key| is_too_deep(key)) {
        return Err(format!("its delta has a key with too many levels: {}…", deep.get(..60).unwrap_or("?")));
    }
    Ok(texts.into_iter().map(|(key, text)| (key, text.map(|t| Blob::from(t.into_bytes())))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(size: usize) -> Changes {
        let text = "ä\n\"x\" ".repeat(size);
        [("a/b".to_owned(), Some(Blob::from(text.into_bytes()))), ("gone".to_owned(), None)].into()
    }

    #[test]
    fn a_delta_survives_its_message() {
        let changes = changes(3);
        let message = format!("headline\n\n{{\"event\":\"x\"}}\n{}", line(&changes).expect("it fits"));
        assert_eq!(parse(message.as_bytes()), Ok(changes));
        assert_eq!(parse(b"headline\n\n{}\n"), Ok(Changes::new()));
        assert!(parse(b"x\n\ndelta {broken\n").is_err());
        let deep = format!("x\n\ndelta {{\"{}x\":\"\"}}\n", "a/".repeat(20_000));
        assert!(parse(deep.as_bytes()).is_err_and(|e| e.contains("too many levels")));
    }

    #[test]
    fn what_is_large_or_no_text_is_folded() {
        assert!(line(&changes(LIMIT)).is_none());
        let binary: Changes = [("k".to_owned(), Some(Blob::from(vec![0xff, 0xfe])))].into();
        assert!(line(&binary).is_none());
    }
}
