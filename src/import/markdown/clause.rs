//! What a task says that it waits for, in the words that people use.
//!
//! `(depends on T001)`, `[Depends: T005, T006]`, `**Depends on**: T003`, `— blocked by T003`, `Dependencies: 1.1, 2`.
//! Behind one of the words comes a list of ids, ranges and phases. Without any of these it is prose, and so is
//! `not` before the word.

use super::ids;

/// Words that say so, in lower case, the longer ones first where one begins like another.
const WORDS: [&str; 17] = [
    "depends on",
    "depend on",
    "depends upon",
    "depending on",
    "depends",
    "dependencies",
    "dependency",
    "deps",
    "blocked by",
    "blocked on",
    "requires",
    "needs",
    "waits for",
    "wait for",
    "prerequisites",
    "prerequisite",
    "after",
];

/// Words behind which a bare number is not the number of a task: `requires 2 reviewers`.
const LOOSE: [&str; 5] = ["requires", "needs", "after", "waits for", "wait for"];

/// What somebody says to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Clause {
    /// Ids, or ranges of them.
    pub(super) tasks: Vec<(String, Option<String>)>,
    /// What comes after `Phase`.
    pub(super) phases: Vec<String>,
    /// It says `nothing`.
    pub(super) nothing: bool,
}

impl Clause {
    fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.phases.is_empty() && !self.nothing
    }

    pub(super) fn add(&mut self, other: Clause) {
        self.tasks.extend(other.tasks);
        self.phases.extend(other.phases);
        self.nothing |= other.nothing;
    }
}

/// Takes what is in brackets out of a text, and reads the rest; with the text that is left.
pub(super) fn split(text: &str) -> (String, Option<Clause>) {
    let mut found = Clause::default();
    let mut left = text.trim().to_owned();
    let mut from = 0;
    while let Some((open, close)) = brackets(&left, from) {
        let inner = plain(&left[open + 1..close]);
        let clause = word(&inner).filter(|(at, ..)| *at == 0).and_then(|(_, word, rest)| list(word, rest));
        let Some(clause) = clause else {
            from = open + 1;
            continue;
        };
        found.add(clause);
        let before = left[..open].trim_end().trim_end_matches("**").trim_end();
        let after = left[close + 1..].trim_start().trim_start_matches("**").trim_start();
        let space = if before.is_empty() || after.is_empty() { "" } else { " " };
        left = format!("{before}{space}{after}");
        from = 0;
    }
    let plain = plain(&left);
    let mut rest = plain.as_str();
    while let Some((_, said, after)) = word(rest) {
        if let Some(clause) = list(said, after) {
            found.add(clause);
        }
        rest = after;
    }
    (left, (!found.is_empty()).then_some(found))
}

/// The first brackets at or behind a position.
fn brackets(text: &str, from: usize) -> Option<(usize, usize)> {
    let open = from + text.get(from..)?.find(['(', '['])?;
    let end = if text[open..].starts_with('(') { ')' } else { ']' };
    match text[open..].find(end) {
        Some(close) => Some((open, open + close)),
        None => brackets(text, open + 1),
    }
}

/// The text without emphasis.
fn plain(text: &str) -> String {
    text.replace(['*', '`'], "").trim().trim_matches('_').to_owned()
}

/// The first of the words in a text: where it is, the word, and what follows.
fn word(text: &str) -> Option<(usize, &'static str, &str)> {
    let lower = text.to_ascii_lowercase();
    let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-');
    let find = |word: &'static str| {
        lower.match_indices(word).map(move |(at, _)| (at, word)).find(|(at, word)| {
            let (before, after) = (&lower[..*at], &lower[at + word.len()..]);
            let negated = before
                .trim_end()
                .rsplit(' ')
                .next()
                .is_some_and(|w| w == "not" || w.ends_with("n't") || w == "longer");
            boundary(before.chars().next_back()) && boundary(after.chars().next()) && !negated
        })
    };
    let first = WORDS.into_iter().filter_map(find).min_by_key(|(at, word)| (*at, usize::MAX - word.len()))?;
    Some((first.0, first.1, &text[first.0 + first.1.len()..]))
}

/// The list that follows a word; `None` when there is none: it is prose.
fn list(said: &str, text: &str) -> Option<Clause> {
    let mut clause = Clause::default();
    let spaced = text
        .trim_start_matches([':', '=', ' ', '-'])
        .replace([',', ';', '&', '+', ':', '(', ')', '[', ']'], " ")
        .replace(['–', '—'], "-");
    let mut words = spaced.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let word = word.trim_matches(['*', '`', '.', '_', '#']);
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "and" | "or" | "task" | "tasks" | "on" | "all" | "of" | "" => {}
            "phase" | "phases" => {
                clause.phases.extend(words.next().map(|n| n.trim_matches(['.', ',']).to_owned()))
            }
            "nothing" | "none" | "n/a" => clause.nothing = true,
            _ if ids::is_lettered(word) && ids::range(word).is_none() => {
                clause.tasks.push((word.to_owned(), None))
            }
            _ if ids::is_number(word) && (word.contains('.') || !LOOSE.contains(&said)) => {
                clause.tasks.push((word.to_owned(), None));
            }
            _ => match ids::range(word) {
                Some((first, last)) => clause.tasks.push((first.to_owned(), Some(last.to_owned()))),
                None => break,
            },
        }
    }
    (!clause.is_empty()).then_some(clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Clause> {
        split(text).1
    }

    fn tasks(list: &[(&str, Option<&str>)]) -> Option<Clause> {
        let tasks = list.iter().map(|(a, b)| ((*a).to_owned(), b.map(str::to_owned))).collect();
        Some(Clause { tasks, ..Clause::default() })
    }

    #[test]
    fn every_form_is_read() {
        let one = tasks(&[("T003", None)]);
        for text in [
            "x (depends on T003)",
            "x — depends on T003",
            "x [Depends: T003]",
            "x **[Depends: T003]**",
            "x (blocked by T003)",
            "x **Depends on**: T003",
            "_Depends: T003_",
            "x, blocked by `T003`.",
            "Dependencies: T003",
            "x (needs T003)",
            "x after T003 passes",
            "- Depends on: #T003",
        ] {
            assert_eq!(of(text), one, "{text}");
        }
        assert_eq!(of("x (depends on T001, T003-T005) y"), tasks(&[("T001", None), ("T003", Some("T005"))]));
        assert_eq!(of("x (Depends on T1 and WS-2)"), tasks(&[("T1", None), ("WS-2", None)]));
        assert_eq!(of("x (needs T003–T005)"), tasks(&[("T003", Some("T005"))]));
        assert_eq!(of("x (a) (depends: T3..T5)"), tasks(&[("T3", Some("T5"))]));
        assert_eq!(of("x (depends on 1.1, 2)"), tasks(&[("1.1", None), ("2", None)]));
        assert_eq!(of("x (depends on M5-T030, T001.1)"), tasks(&[("M5-T030", None), ("T001.1", None)]));
        let phases = Clause { phases: vec!["2".into(), "3".into()], ..Clause::default() };
        assert_eq!(of("x (depends on Phase 2, Phase 3)"), Some(phases));
        assert_eq!(of("x (depends on nothing)"), Some(Clause { nothing: true, ..Clause::default() }));
    }

    #[test]
    fn prose_is_not() {
        for prose in [
            "x (depends on the config)",
            "x (T001)",
            "x (needed for T001)",
            "does not depend on T001",
            "no longer depends on T001",
            "independents T001",
            "requires 2 reviewers",
            "after 3 retries",
        ] {
            assert_eq!(of(prose), None, "{prose}");
        }
    }

    #[test]
    fn brackets_are_taken_out_of_the_title() {
        assert_eq!(split("do (depends on T1) it").0, "do it");
        assert_eq!(split("do it **[Depends: T1]**").0, "do it");
        assert_eq!(split("do (this) it").0, "do (this) it");
    }
}
