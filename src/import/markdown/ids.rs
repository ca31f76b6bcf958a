//! Ids of tasks, and words that only look like one.
//!
//! An id is letters and a number (`T001`, `WS-2`, `T012a`), with more parts behind it (`T001.1`, `M5-T030`,
//! `T029_new`), or a number with dots (`1.`, `1.1`). A first word such as `S3`, `P1` or `SHA256` has the same form. So
//! the list decides: ids of one list have something in common and do not repeat.

use std::collections::{HashMap, HashSet};

/// What may be the id of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate<'l> {
    /// The id.
    pub(super) id: &'l str,
    /// The word as it was written.
    pub(super) word: &'l str,
    /// It is marked as an id, by a colon or in bold.
    pub(super) marked: bool,
}

/// The word as an id.
pub(super) fn candidate(word: &str) -> Option<Candidate<'_>> {
    let bare = word.trim_matches('*').trim_end_matches(':').trim_matches('*');
    let marked = word.ends_with(':') || word.starts_with("**");
    let trimmed = bare.trim_end_matches('.');
    let number = is_number(trimmed) && (bare.ends_with('.') || trimmed.contains('.'));
    (number || is_lettered(trimmed)).then_some(Candidate { id: trimmed, word, marked })
}

/// `1`, `1.1`, `2.3.1`
pub(super) fn is_number(word: &str) -> bool {
    let part = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    word.split('.').all(part) && word.split('.').count() <= 5
}

/// Letters and a number, and what may follow them.
pub(super) fn is_lettered(word: &str) -> bool {
    let mut parts = word.split(['-', '_', '.']);
    let first = parts.next().unwrap_or_default();
    let letters = first.bytes().take_while(u8::is_ascii_uppercase).count();
    let begins = (1..=8).contains(&letters) && is_tail(&first[letters..]);
    let fits = |part: &str| {
        let letters = part.bytes().take_while(u8::is_ascii_alphabetic).count();
        letters <= 8 && is_tail(&part[letters..]) && !part.is_empty()
    };
    begins && word.bytes().any(|b| b.is_ascii_digit()) && word.len() <= 40 && parts.all(fits)
}

/// A number, or none, with at most one small letter behind it.
fn is_tail(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    rest.is_empty() || (digits > 0 && rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_lowercase()))
}

/// What precedes the last number, and that number.
pub(super) fn split(id: &str) -> Option<(&str, u64)> {
    let end = id.trim_end_matches(|c: char| c.is_ascii_lowercase()).len();
    let digits = id[..end].bytes().rev().take_while(u8::is_ascii_digit).count();
    Some((&id[..end - digits], id[end - digits..end].parse().ok()?))
}

/// `T003-T005`, `T003..T005`, `T003–T005` or `T003-005`: the first and the last; of the short form `005`.
pub(super) fn range(word: &str) -> Option<(&str, &str)> {
    let dots = word.split_once("..");
    let dashes =
        word.match_indices(['-', '–', '—']).map(|(at, dash)| (&word[..at], &word[at + dash.len()..]));
    dots.into_iter().chain(dashes).find(|(first, last)| {
        let one = split(first).filter(|_| is_lettered(first));
        let other = split(last).filter(|(prefix, _)| prefix.is_empty() || is_lettered(last));
        match (one, other) {
            (Some((a, from)), Some((b, to))) => (a == b || (b.is_empty() && a.len() == 1)) && from < to,
            _ => false,
        }
    })
}

/// The ids from the first to the last of a range, at most as many as anybody lists.
pub(super) fn expand(first: &str, last: &str) -> Vec<String> {
    const MAX: u64 = 1000;
    let (Some((prefix, from)), Some((_, to))) = (split(first), split(last)) else { return Vec::new() };
    let width = first.len() - prefix.len();
    (from..=to.min(from.saturating_add(MAX))).map(|n| format!("{prefix}{n:0width$}")).collect()
}

/// Which of the candidates of a list are ids.
pub(super) fn accepted(candidates: &[Option<Candidate<'_>>]) -> HashSet<String> {
    let all: Vec<&Candidate<'_>> = candidates.iter().flatten().collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for candidate in &all {
        *counts.entry(candidate.id).or_default() += 1;
    }
    let mut families: HashMap<&str, (usize, usize)> = HashMap::new();
    for (id, count) in &counts {
        let family = families.entry(family(id)).or_default();
        family.0 += 1;
        family.1 += usize::from(*count > 1);
    }
    let largest = families.values().map(|(size, _)| *size).max().unwrap_or_default();
    let fits = |candidate: &&&Candidate<'_>| {
        let Some((size, repeated)) = families.get(family(candidate.id)) else { return false };
        if is_number(candidate.id) {
            return size * 2 >= candidates.len() && repeated * 2 < *size;
        }
        let alone = *size == 1 && !candidate.marked;
        let number = candidate.id.bytes().filter(u8::is_ascii_digit).count();
        // One by itself beside others, or with a single digit, is a word, unless it is `T1`.
        let word = alone && (largest > 1 || (number < 2 && !candidate.id.starts_with('T')));
        !word && (repeated * 2 < *size || candidate.marked)
    };
    all.iter().filter(fits).map(|candidate| candidate.id.to_owned()).collect()
}

/// What ids of one list have in common.
fn family(id: &str) -> &str {
    if is_number(id) {
        return "";
    }
    let letters = id.bytes().take_while(u8::is_ascii_uppercase).count();
    &id[..letters]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_people_write() {
        for id in
            ["T001", "WS-2", "T012a", "T001.1", "T02.2.3", "M5-T030", "T029_new", "FE-001", "US1-T3", "TD1"]
        {
            assert!(is_lettered(id), "{id}");
        }
        for word in ["TXXX", "Add", "2", "v2", "x86", "A1B2", "README.md", "Python3.12", "T1/x", "I/O"] {
            assert!(!is_lettered(word), "{word}");
        }
        let id = |word| candidate(word).map(|c| (c.id, c.marked));
        assert_eq!(id("**T001**"), Some(("T001", true)));
        assert_eq!(id("**T001:**"), Some(("T001", true)));
        assert_eq!(id("WS-2:"), Some(("WS-2", true)));
        assert_eq!(id("1."), Some(("1", false)));
        assert_eq!(id("2.1"), Some(("2.1", false)));
        assert_eq!(id("3"), None, "three of something");
    }

    #[test]
    fn ranges_have_one_prefix() {
        assert_eq!(range("T003-T005"), Some(("T003", "T005")));
        assert_eq!(range("T003..T005"), Some(("T003", "T005")));
        assert_eq!(range("T003–T005"), Some(("T003", "T005")));
        assert_eq!(range("T003-005"), Some(("T003", "005")));
        assert_eq!(range("WS-2-WS-4"), Some(("WS-2", "WS-4")));
        for none in ["WS-2", "M5-T030", "T005-T003", "a-b", "T1"] {
            assert_eq!(range(none), None, "{none}");
        }
        assert_eq!(expand("T009", "T011"), ["T009", "T010", "T011"]);
    }

    #[test]
    fn words_that_look_like_ids() {
        let of = |words: &[&'static str]| {
            let candidates: Vec<_> = words.iter().map(|word| candidate(word)).collect();
            let mut found: Vec<String> = accepted(&candidates).into_iter().collect();
            found.sort();
            found
        };
        let none: [&str; 0] = [];
        assert_eq!(of(&["S3", "S3", "P1", "P1"]), none);
        assert_eq!(of(&["P1", "P1", "P2", "Fix"]), none);
        assert_eq!(of(&["T1", "T2", "S3"]), ["T1", "T2"]);
        assert_eq!(of(&["T1"]), ["T1"]);
        assert_eq!(of(&["S3", "Add"]), none);
        assert_eq!(of(&["1.", "1.1", "2."]), ["1", "1.1", "2"]);
        assert_eq!(of(&["1.2", "Fix", "Add", "Write"]), none);
        assert_eq!(of(&["T001", "T002", "T003", "T003", "T004"]), ["T001", "T002", "T003", "T004"]);
    }
}
