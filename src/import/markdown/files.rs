//! The paths in the text of a task.

use crate::import::place::Places;
use crate::model::RepoPath;

/// The paths in a text.
pub(super) fn files(text: &str, places: &Places) -> Vec<RepoPath> {
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
/// not `a::b()`.
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
    fn paths_differ_from_other_words() {
        let of = |text: &str| {
            let places = Places::new(std::path::Path::new("/repo"), None, &[]);
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
        let places = Places::new(top.path(), None, &[]);
        let text =
            "in `src/a b.txt:7`, `app/(shop)/[id].tsx`, `[slug].tsx`; `src/c d.txt`, src/a b.txt and `a b`";
        let found: Vec<String> = files(text, &places).into_iter().map(String::from).collect();
        assert_eq!(found, names[..3]);
    }
}
