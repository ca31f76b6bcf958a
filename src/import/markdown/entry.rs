//! One line: an entry of a list, with its box.

use super::document::State;
use super::ids::{self, Candidate};

/// What a box says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Open,
    Done,
    /// `[-]`: given up, or in progress; the list decides.
    Dash,
    /// Another mark, which is read as to do.
    Other(char),
}

/// A list entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'l> {
    /// Columns before its marker.
    pub(super) indent: usize,
    /// Its box; `None`: it has none.
    pub(super) state: Option<Mark>,
    /// A `*` behind the box.
    pub(super) optional: bool,
    /// What follows.
    pub(super) text: &'l str,
}

/// The entry on a line.
pub(super) fn parse(line: &str) -> Option<Entry<'_>> {
    let rest = line.trim_start();
    let indent = line[..line.len() - rest.len()].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let entry = match rest.strip_prefix(['-', '*', '+']) {
        Some(entry) => entry,
        None if digits.len() < rest.len() => digits.strip_prefix(['.', ')'])?,
        None => return None,
    };
    let entry = entry.strip_prefix([' ', '\t'])?.trim_start();
    let Some((mark, text)) = mark(entry) else {
        return (!entry.is_empty()).then_some(Entry { indent, state: None, optional: false, text: entry });
    };
    let (optional, text) = match text.strip_prefix('*').filter(|text| text.starts_with([' ', '\t'])) {
        Some(text) => (true, text),
        None => (false, text),
    };
    (text.starts_with([' ', '\t']) && !text.trim().is_empty()).then(|| Entry {
        indent,
        state: Some(mark),
        optional,
        text: text.trim(),
    })
}

/// The box that begins a text, and what follows.
fn mark(text: &str) -> Option<(Mark, &str)> {
    let inner = text.strip_prefix('[')?;
    let mark = inner.chars().next()?;
    let rest = inner[mark.len_utf8()..].strip_prefix(']')?;
    let mark = match mark {
        ' ' => Mark::Open,
        'x' | 'X' | '✓' | '✔' => Mark::Done,
        '-' => Mark::Dash,
        '~' | '/' | '>' | '!' | '?' | '*' | 'o' | '.' => Mark::Other(mark),
        _ => return None,
    };
    Some((mark, rest))
}

impl<'l> Entry<'l> {
    /// An entry without a box that begins with an id: the id, or the first and last of a range, and the text.
    pub(super) fn loose(&self) -> Option<(&'l str, Option<&'l str>, &'l str)> {
        if self.state.is_some() {
            return None;
        }
        let text = self.text.trim_start_matches(['✅', '☑', '⏳', '⬜', '~', ' ']);
        let (word, rest) = text.split_once(char::is_whitespace)?;
        let bare = word.trim_matches('*');
        let marked = word.ends_with(':')
            || bare.ends_with(':')
            || word.starts_with("**")
            || rest.starts_with(['-', '–', '—', ':']);
        let id = bare.trim_end_matches(':').trim_matches('*');
        let rest = rest.trim_start_matches(['-', '–', '—', ':', ' ']);
        if !marked || rest.is_empty() {
            return None;
        }
        match ids::range(id) {
            Some((first, last)) => Some((first, Some(last), rest)),
            None => ids::is_lettered(id).then_some((id, None, rest)),
        }
    }

    /// True when an entry without a box says in words that it is done.
    pub(super) fn is_ticked(&self) -> bool {
        let text = self.text.trim();
        text.starts_with(['✅', '☑']) || text.ends_with('✅') || text.starts_with("~~")
    }
}

/// What precedes the words of a task.
#[derive(Debug, Default)]
pub(super) struct Start<'l> {
    /// What may be its id.
    pub(super) id: Option<Candidate<'l>>,
    /// `[P]`
    pub(super) parallel: bool,
    /// The first of the other labels.
    pub(super) label: Option<&'l str>,
    /// The text behind it.
    pub(super) rest: &'l str,
}

/// Takes id and labels from the begin of a text.
pub(super) fn start(text: &str) -> Start<'_> {
    let mut start = Start { rest: text.trim(), ..Start::default() };
    loop {
        let (word, after) = start.rest.split_once(char::is_whitespace).unwrap_or((start.rest, ""));
        let bare = word.trim_matches('*');
        if let Some(inner) = bare.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
            match inner {
                "P" | "p" => start.parallel = true,
                _ if inner.is_empty() || inner.contains(['(', '`']) => return start,
                _ => start.label = start.label.or(Some(inner)),
            }
        } else if start.id.is_none()
            && let Some(found) = ids::candidate(word)
        {
            start.id = Some(found);
        } else {
            return start;
        }
        start.rest = after.trim_start();
    }
}

impl Mark {
    /// The state of a task, in a list with numbers or without.
    pub(super) fn state(self, numbered: bool) -> State {
        match self {
            Mark::Done => State::Done,
            Mark::Dash if !numbered => State::GivenUp,
            Mark::Open | Mark::Dash | Mark::Other(_) => State::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_all_kinds() {
        let of = |line| parse(line).map(|e| (e.indent, e.state, e.optional, e.text));
        assert_eq!(of("  * [X] a"), Some((2, Some(Mark::Done), false, "a")));
        assert_eq!(of("12. [ ] a"), Some((0, Some(Mark::Open), false, "a")));
        assert_eq!(of("- [ ]* 2.2 b"), Some((0, Some(Mark::Open), true, "2.2 b")));
        assert_eq!(of("- [-] a"), Some((0, Some(Mark::Dash), false, "a")));
        assert_eq!(of("- [~] a"), Some((0, Some(Mark::Other('~')), false, "a")));
        for boxless in ["- a", "- [](x) a", "- [a] b"] {
            assert_eq!(of(boxless).map(|e| e.1), Some(None), "{boxless}");
        }
        for none in ["- [ ]", "[ ] a", "-[ ] a", "- [ ](x)", "text"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn entries_without_boxes_that_begin_with_an_id() {
        let of = |line| parse(line).and_then(|e| e.loose());
        assert_eq!(of("- T006: Card (depends on T002)"), Some(("T006", None, "Card (depends on T002)")));
        assert_eq!(of("- T003-T005: the rest"), Some(("T003", Some("T005"), "the rest")));
        assert_eq!(of("* **T006** — Card"), Some(("T006", None, "Card")));
        for none in ["- T006 is done", "- a: b", "- [ ] T006: x", "- S3: x"] {
            assert_eq!(of(none).filter(|(id, ..)| *id != "S3"), None, "{none}");
        }
    }
}
