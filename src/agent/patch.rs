//! The paths that a patch writes: the form of `apply_patch`, and unified diffs.

use super::tools::{Target, Write};

/// All paths of a patch, on both sides of a move, in order and each once.
pub fn writes(text: &str) -> Vec<Write> {
    let mut list = Vec::new();
    // A patch may have been written on another system: the line end does not belong to the path.
    let lines: Vec<&str> = text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    match lines.iter().any(|line| header(line).is_some()) {
        true => lines.iter().filter_map(|line| header(line)).for_each(|write| push(&mut list, write)),
        false => unified(&lines).into_iter().for_each(|write| push(&mut list, write)),
    }
    list
}

fn push(list: &mut Vec<Write>, write: Write) {
    if !list.iter().any(|known| known.path == write.path) {
        list.push(write);
    }
}

/// A header of `apply_patch`. Lines of content begin with a space, `+`, `-` or `@@`, so that a header
/// in the middle of a text is not one.
fn header(line: &str) -> Option<Write> {
    let rest = line.strip_prefix("*** ")?;
    let forms = [
        ("Update File:", Target::Content),
        ("Add File:", Target::Content),
        ("Delete File:", Target::Entry),
        ("Move to:", Target::Entry),
        ("Rename to:", Target::Entry),
    ];
    let (word, target) = forms.into_iter().find(|(word, _)| rest.starts_with(word))?;
    let path = rest[word.len()..].trim();
    (!path.is_empty()).then(|| Write::new(path, target))
}

/// The paths of a unified diff, as `diff -u` and git write it.
fn unified(lines: &[&str]) -> Vec<Write> {
    let mut list = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        if let Some((old, new)) = hunk(line) {
            at += body(&lines[at..], old, new);
        } else if let Some(path) = line.strip_prefix("--- ").filter(|_| is_pair(lines, at)) {
            list.extend(side(path, "a/"));
        } else if let Some(path) = line.strip_prefix("+++ ") {
            list.extend(side(path, "b/"));
        } else if let Some(path) =
            ["rename from ", "rename to ", "copy to "].iter().find_map(|p| line.strip_prefix(p))
        {
            list.push(Write::new(unquoted(path), Target::Entry));
        }
    }
    list
}

fn is_pair(lines: &[&str], at: usize) -> bool {
    lines.get(at).is_some_and(|line| line.starts_with("+++ "))
}

/// The numbers of old and new lines in `@@ -1,2 +3,4 @@`.
fn hunk(line: &str) -> Option<(usize, usize)> {
    let mut words = line.strip_prefix("@@ ")?.split(' ');
    let mut count = |sign: char| {
        let range = words.next()?.strip_prefix(sign)?;
        match range.split_once(',') {
            Some((_, count)) => count.parse().ok(),
            None => Some(1),
        }
    };
    Some((count('-')?, count('+')?))
}

/// How many lines a hunk takes up. Its content may look like a header.
fn body(lines: &[&str], mut old: usize, mut new: usize) -> usize {
    let mut taken = 0;
    for line in lines {
        if old == 0 && new == 0 {
            break;
        }
        match line.as_bytes().first() {
            Some(b'-') => old = old.saturating_sub(1),
            Some(b'+') => new = new.saturating_sub(1),
            Some(b'\\') => {}
            _ => (old, new) = (old.saturating_sub(1), new.saturating_sub(1)),
        }
        taken += 1;
    }
    taken
}

/// One side of a file's header: the name ends at a tab, before the time.
fn side(text: &str, prefix: &str) -> Option<Write> {
    let name = unquoted(text.split('\t').next().unwrap_or(text).trim_end());
    if name == "/dev/null" || name.is_empty() {
        return None;
    }
    let name = name.strip_prefix(prefix).map_or_else(|| name.clone(), str::to_owned);
    Some(Write::new(name, Target::Content))
}

/// A name as git quotes it when it has unusual characters (git-config(1), core.quotePath).
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(first @ b'0'..=b'3') => {
                let mut value = first - b'0';
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|b| (b'0'..=b'7').contains(b)) else { break };
                    value = value.wrapping_mul(8).wrapping_add(digit - b'0');
                }
                bytes.push(value);
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        writes(text).iter().map(|w| w.path.display().to_string()).collect()
    }

    #[test]
    fn both_sides_of_a_move_and_no_content() {
        let patch = "*** Begin Patch\r\n*** Update File: a b.rs\r\n*** Move to: c/d.rs\r\n@@\r\n *** Add File: no\r\n\
                     -x\r\n+*** Delete File: no\r\n*** Add File: ü.md\r\n+t\r\n*** End Patch\r\n";
        assert_eq!(paths(patch), ["a b.rs", "c/d.rs", "ü.md"]);
    }

    #[test]
    fn unified_diffs_with_content_that_looks_like_a_header() {
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/no\n+++ b/no\n same\n\
                    --- /dev/null\n+++ b/new.rs\t2026-01-01\n@@ -0,0 +1 @@\n+t\n\
                    diff --git a/o b/n\nrename from o\nrename to n\n\
                    --- \"a/\\303\\274\"\n+++ /dev/null\n@@ -1 +0,0 @@\n-t\n";
        assert_eq!(paths(diff), ["x", "new.rs", "o", "n", "ü"]);
    }
}
