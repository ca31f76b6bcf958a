//! The lines of a task list: headings, tasks, and what they say of each other.

use crate::import::place::Places;
use crate::model::{ItemId, RepoPath};

/// Level of the headings that are phases where none is called so.
const PHASE_LEVEL: usize = 2;

/// The words that begin a clause.
const CLAUSES: [&str; 6] = ["depends on", "depends:", "depend on", "needs", "requires", "after"];

/// A task of the list.
#[derive(Debug)]
pub(super) struct Task {
    pub line: u64,
    pub id: Option<ItemId>,
    pub done: bool,
    pub parallel: bool,
    /// Position in [`Document::phases`].
    pub phase: usize,
    pub group: Option<String>,
    pub title: String,
    pub files: Vec<RepoPath>,
    pub clause: Option<Clause>,
}

/// A phase.
#[derive(Debug, Default)]
pub(super) struct Phase {
    pub name: Option<String>,
    pub clause: Option<Clause>,
}

/// What somebody says to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Clause {
    /// Ids, or ranges of them.
    pub tasks: Vec<(String, Option<String>)>,
    /// What comes after `Phase`.
    pub phases: Vec<String>,
}

/// The whole list.
#[derive(Debug)]
pub(super) struct Document {
    pub tasks: Vec<Task>,
    pub phases: Vec<Phase>,
    /// Level of the headings that begin a phase.
    level: usize,
    named: bool,
    group: Option<String>,
    /// The fence of the code block that is open, or `-->` in a comment.
    until: Option<&'static str>,
}

impl Default for Document {
    fn default() -> Self {
        Document {
            tasks: Vec::new(),
            phases: vec![Phase::default()],
            level: PHASE_LEVEL,
            named: false,
            group: None,
            until: None,
        }
    }
}

impl Document {
    /// Takes the next line.
    pub(super) fn add(&mut self, number: u64, text: &str, places: &Places) {
        let trimmed = text.trim_start();
        if let Some(end) = self.until {
            if trimmed.contains(end) {
                self.until = None;
            }
            return;
        }
        let fence = ["```", "~~~"].into_iter().find(|fence| trimmed.starts_with(fence));
        if fence.is_some() || (trimmed.starts_with("<!--") && !trimmed.contains("-->")) {
            self.until = Some(fence.unwrap_or("-->"));
        } else if let Some((level, heading)) = heading(trimmed) {
            self.heading(level, heading);
        } else if let Some((done, rest)) = task(trimmed) {
            let task = self.task(number, done, rest, places);
            self.tasks.push(task);
        }
    }

    fn heading(&mut self, level: usize, text: &str) {
        let named = phase_number(text).is_some();
        if named {
            (self.level, self.named) = (level, true);
        } else if level > self.level {
            self.group = Some(text.to_owned());
            return;
        } else if level == 1 && !self.named {
            // The title of the document.
            return;
        }
        let (text, clause) = split_clause(text);
        self.group = None;
        self.phases.push(Phase { name: Some(text), clause });
    }

    fn task(&self, line: u64, done: bool, text: &str, places: &Places) -> Task {
        let (mut id, mut parallel, mut label) = (None, false, None);
        let mut rest = text.trim();
        loop {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if let Some(inner) = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
                match inner {
                    "P" | "p" => parallel = true,
                    _ => label = label.or(Some(inner.to_owned())),
                }
            } else if let Some(found) = task_id(word).filter(|_| id.is_none()) {
                id = Some(found);
            } else {
                break;
            }
            rest = after.trim_start();
        }
        let (title, clause) = split_clause(rest);
        let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Task {
            line,
            done,
            parallel,
            phase: self.phases.len() - 1,
            group: label.or_else(|| self.group.clone()),
            files: files(&title, places),
            title: if title.is_empty() {
                id.as_ref().map(ToString::to_string).unwrap_or_default()
            } else {
                title
            },
            id,
            clause,
        }
    }

    /// The phase whose heading says `Phase <name>`.
    pub(super) fn phase(&self, name: &str) -> Option<usize> {
        self.phases.iter().position(|p| p.name.as_deref().and_then(phase_number) == Some(name))
    }
}

/// Level and text of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let text = text.trim_end().trim_end_matches('#').trim();
    ((1..=6).contains(&level) && line[level..].starts_with(' ')).then_some((level, text))
}

/// Whether it is ticked, and the text of a task.
pub(super) fn task(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let entry = match line.strip_prefix(['-', '*', '+']) {
        Some(entry) => entry,
        None if digits.len() < line.len() => digits.strip_prefix(['.', ')'])?,
        None => return None,
    };
    let entry = entry.strip_prefix([' ', '\t'])?.trim_start();
    let (done, text) = match entry.strip_prefix("[ ]") {
        Some(text) => (false, text),
        None => (true, entry.strip_prefix("[x]").or(entry.strip_prefix("[X]"))?),
    };
    (text.starts_with([' ', '\t']) && !text.trim().is_empty()).then_some((done, text))
}

/// What comes after the word `Phase` in a heading: `2` of `Phase 2: Core`.
fn phase_number(heading: &str) -> Option<&str> {
    let rest = heading.get(..5).filter(|w| w.eq_ignore_ascii_case("phase")).map(|_| &heading[5..])?;
    let number = rest.strip_prefix(' ')?.split(|c: char| !c.is_alphanumeric() && c != '.').next()?;
    Some(number.trim_end_matches('.')).filter(|n| !n.is_empty())
}

/// `T001`, `**T001**`, `WS-2:`: letters, then digits.
fn task_id(word: &str) -> Option<ItemId> {
    let word = word.trim_matches('*').trim_end_matches([':', '.']).trim_matches('*');
    split_id(word).and_then(|_| ItemId::parse(word).ok())
}

/// Letters, number and what may follow that (`T012a`).
fn split_id(word: &str) -> Option<(&str, u64, &str)> {
    let number = word.find(|c: char| c.is_ascii_digit())?;
    let (letters, rest) = word.split_at(number);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let plain = letters.strip_suffix('-').unwrap_or(letters);
    let fits = (1..=8).contains(&plain.len()) && plain.bytes().all(|b| b.is_ascii_uppercase());
    let tail = &rest[end..];
    let tail_fits = tail.len() <= 1 && tail.bytes().all(|b| b.is_ascii_lowercase());
    (fits && tail_fits).then_some(())?;
    Some((letters, rest[..end].parse().ok()?, tail))
}

/// True for an id between two others.
pub(super) fn in_range(id: Option<&ItemId>, first: &str, last: &str) -> bool {
    let parts = |id| split_id(id).map(|(letters, number, _)| (letters, number));
    match (id.and_then(|id| parts(id.as_str())), parts(first), parts(last)) {
        (Some((of, n)), Some((a, from)), Some((b, to))) => of == a && of == b && (from..=to).contains(&n),
        _ => false,
    }
}

/// Takes `(depends on …)` out of a text, if it names tasks, phases or nothing.
fn split_clause(text: &str) -> (String, Option<Clause>) {
    for (open, _) in text.match_indices('(') {
        let Some(close) = text[open..].find(')').map(|at| open + at) else { break };
        let inner = text[open + 1..close].trim();
        let said = CLAUSES.iter().find_map(|word| {
            inner.get(..word.len()).filter(|w| w.eq_ignore_ascii_case(word)).map(|_| &inner[word.len()..])
        });
        if let Some(clause) = said.and_then(clause) {
            let (before, after) = (text[..open].trim_end(), text[close + 1..].trim());
            let space = if before.is_empty() || after.is_empty() { "" } else { " " };
            return (format!("{before}{space}{after}"), Some(clause));
        }
    }
    (text.trim().to_owned(), None)
}

/// What a clause names; `None` when it is prose.
fn clause(text: &str) -> Option<Clause> {
    let mut clause = Clause::default();
    let spaced = text.replace([',', ';', '&', '+', ':'], " ").replace(['–', '—'], "-");
    let mut words = spaced.split_whitespace().peekable();
    let mut nothing = false;
    while let Some(word) = words.next() {
        let word = word.trim_matches(['*', '`', '.']);
        if word.eq_ignore_ascii_case("phase") {
            clause.phases.extend(words.next().map(|n| n.trim_matches('.').to_owned()));
        } else if matches!(word.to_ascii_lowercase().as_str(), "nothing" | "none") {
            nothing = true;
        } else if split_id(word).is_some() {
            clause.tasks.push((word.to_owned(), None));
        } else if let Some((first, last)) = range(word) {
            clause.tasks.push((first, Some(last)));
        }
    }
    (nothing || clause != Clause::default()).then_some(clause)
}

/// `T003-T005`, `T003..T005` or `T003-005`.
fn range(word: &str) -> Option<(String, String)> {
    let dots = word.split_once("..");
    let dashes = word.match_indices('-').map(|(at, _)| (&word[..at], &word[at + 1..]));
    dots.into_iter().chain(dashes).find_map(|(first, last)| {
        let (letters, ..) = split_id(first)?;
        let digits = last.starts_with(|c: char| c.is_ascii_digit());
        let last = if digits { format!("{letters}{last}") } else { last.to_owned() };
        split_id(&last)?;
        Some((first.to_owned(), last))
    })
}

/// The paths in a text.
fn files(text: &str, places: &Places) -> Vec<RepoPath> {
    let mut found: Vec<RepoPath> = Vec::new();
    for (index, part) in text.split('`').enumerate() {
        let quoted = index % 2 == 1;
        let words: Vec<&str> = if quoted { vec![part] } else { part.split_whitespace().collect() };
        for word in words {
            let around = |c: char| "()[],;:\"'*".contains(c);
            let word = word.trim_start_matches(around).trim_end_matches(|c| around(c) || c == '.');
            let path = match path(word, quoted) {
                Some(word) => places.file(word).ok(),
                None if quoted => existing(part, places),
                None => None,
            };
            found.extend(path.filter(|p| !found.contains(p)));
        }
    }
    found
}

/// The word as a path, if it looks like one.
fn path(word: &str, quoted: bool) -> Option<&str> {
    let of_a_path = |c: char| c.is_alphanumeric() || "/._-@+".contains(c);
    let word = without_line(word);
    let (slash, ending) = looks(word);
    let fits = if quoted { slash || ending } else { slash && ending };
    (fits && word.chars().all(of_a_path) && !word.starts_with(['/', '-', '@']))
        .then(|| word.trim_end_matches('/'))
}

/// A quoted text as a path, whatever characters it has, if it looks like one and is there: `a b.txt`, and
/// no `a::b()`.
fn existing(quoted: &str, places: &Places) -> Option<RepoPath> {
    let text = without_line(quoted.trim());
    let (slash, ending) = looks(text);
    (slash || ending).then(|| places.file(text).ok()).flatten().filter(|path| places.has(path))
}

fn without_line(word: &str) -> &str {
    match word.rsplit_once(':') {
        Some((path, line)) if !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) => path,
        _ => word,
    }
}

/// Whether a text has a slash, and whether its last part has an ending.
fn looks(text: &str) -> (bool, bool) {
    let name = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let ending = |end: &str| end.starts_with(|c: char| c.is_ascii_alphabetic());
    (text.contains('/'), name.rsplit_once('.').is_some_and(|(_, end)| ending(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_told_from_prose() {
        let of = |text: &str| split_clause(text).1;
        let tasks = |list: &[(&str, Option<&str>)]| {
            let tasks = list.iter().map(|(a, b)| ((*a).to_owned(), b.map(str::to_owned))).collect();
            Some(Clause { tasks, phases: Vec::new() })
        };
        assert_eq!(of("x (depends on T001, T003-T005) y"), tasks(&[("T001", None), ("T003", Some("T005"))]));
        assert_eq!(of("x (Depends on T1 and WS-2)"), tasks(&[("T1", None), ("WS-2", None)]));
        assert_eq!(of("x (needs T003–T005)"), tasks(&[("T003", Some("T005"))]));
        assert_eq!(of("x (a) (depends: T3..T5)"), tasks(&[("T3", Some("T5"))]));
        assert_eq!(of("x (depends on nothing)"), tasks(&[]));
        let phases = Clause { tasks: Vec::new(), phases: vec!["2".into(), "3".into()] };
        assert_eq!(of("x (depends on Phase 2, Phase 3)"), Some(phases));
        for prose in ["x (depends on the config)", "x (T001)", "depends on T001", "x (needed for T001)"] {
            assert_eq!(of(prose), None, "{prose}");
        }
        assert_eq!(split_clause("do (depends on T1) it").0, "do it");
    }

    #[test]
    fn paths_are_told_from_other_words() {
        let of = |text: &str| {
            let places = Places::new(std::path::Path::new("/repo"), None);
            files(text, &places).into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(of("in `src/a.rs:12`, `tests/` and `Makefile.am`"), ["src/a.rs", "tests", "Makefile.am"]);
        assert_eq!(of("in src/models/user.py, (docs/a.md)."), ["src/models/user.py", "docs/a.md"]);
        let none: [&str; 0] = [];
        assert_eq!(
            of("and/or `cargo test` `1.2.3` https://x.org/a.b `a::b()` `../x.rs` `/etc/x.d` file.py"),
            none
        );
    }

    #[test]
    fn a_quoted_file_that_is_there_may_have_any_name() {
        let top = tempfile::tempdir().expect("a folder");
        let names = ["src/a b.txt", "app/(shop)/[id].tsx", "[slug].tsx", "a b"];
        for name in names {
            let path = top.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        let places = Places::new(top.path(), None);
        let text =
            "in `src/a b.txt:7`, `app/(shop)/[id].tsx`, `[slug].tsx`; `src/c d.txt`, src/a b.txt and `a b`";
        let found: Vec<String> = files(text, &places).into_iter().map(String::from).collect();
        assert_eq!(found, names[..3]);
    }

    #[test]
    fn ids_and_boxes() {
        let id = |word: &str| task_id(word).map(String::from);
        assert_eq!(id("**T001**"), Some("T001".into()));
        assert_eq!(id("WS-2:"), Some("WS-2".into()));
        assert_eq!(id("T012a"), Some("T012a".into()));
        for none in ["TXXX", "Add", "2", "v2", "x86", "A1B2"] {
            assert_eq!(id(none), None, "{none}");
        }
        assert_eq!(task("  * [X] a"), Some((true, " a")));
        assert_eq!(task("12. [ ] a"), Some((false, " a")));
        for none in ["- [ ]", "- a", "[ ] a", "-[ ] a", "- [](x) a", "- [ ](x)", "- [-] a"] {
            assert_eq!(task(none), None, "{none}");
        }
    }
}
