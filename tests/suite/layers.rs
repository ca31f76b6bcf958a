//! Which folder imports which, as a table; and circles of files.
//!
//! The imports are found in the text: `use` declarations and paths that begin with `crate::`, `super::` or
//! `self::`. A name that a module re-exports counts as one of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::house::sources;

/// What each part may import. A part that is not named here imports nothing; an arrow that is not used
/// any longer has to go. The macro of `crash` may be used everywhere but in `model`.
const ALLOWED: &[(&str, &[&str])] = &[
    // Small things.
    ("binding", &["git", "model"]),
    ("settings", &["duration", "trust"]),
    // The state machine and plans: pure.
    ("model", &[]),
    ("plan", &["duration", "model"]),
    // git and the state in it.
    ("git", &["model", "process"]),
    ("trust", &["model"]),
    ("store", &["clock", "git", "model", "trust"]),
    // One capability each.
    ("fresh", &["git", "model", "settings", "store"]),
    ("notes", &["git", "model"]),
    ("hook", &["git", "process"]),
    ("guard", &["git", "model", "store"]),
    ("import", &["duration", "model", "store"]),
    ("exec", &["git", "process"]),
    ("gate", &["clock", "exec", "git", "model", "plan", "store", "trust"]),
    (
        "client",
        &[
            "binding", "clock", "exec", "fresh", "gate", "git", "hook", "model", "notes", "process",
            "settings", "store", "trust",
        ],
    ),
    (
        "runner",
        &[
            "binding", "clock", "exec", "fresh", "git", "hook", "model", "process", "settings", "store",
            "trust",
        ],
    ),
    ("agent", &["binding", "clock", "git", "hook", "model", "process", "settings", "store"]),
    ("land", &["clock", "git", "model", "notes", "store"]),
    ("planning", &["client", "clock", "exec", "git", "land", "model", "plan", "process", "store"]),
    ("server", &["git", "guard", "model", "store"]),
    ("doctor", &["binding", "clock", "git", "hook", "model", "store"]),
    ("uninstall", &["binding", "doctor", "git", "hook", "land", "model", "notes", "runner", "store"]),
    ("demo", &["process"]),
    // Faces.
    (
        "cli",
        &[
            "agent",
            "client",
            "clock",
            "demo",
            "doctor",
            "duration",
            "exec",
            "fresh",
            "gate",
            "git",
            "guard",
            "hook",
            "import",
            "land",
            "model",
            "notes",
            "plan",
            "planning",
            "process",
            "runner",
            "server",
            "settings",
            "store",
            "trust",
            "uninstall",
        ],
    ),
];

/// A circle of more files than this cannot be held in the head.
const CIRCLE: usize = 5;

/// The program's files by module path, what they import, and what they re-export.
struct Graph {
    files: BTreeMap<Vec<String>, PathBuf>,
    texts: BTreeMap<Vec<String>, String>,
    exports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
}

impl Graph {
    fn read() -> Self {
        let (mut files, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for (path, text) in sources() {
            if matches!(path.to_str(), Some("lib.rs" | "main.rs")) {
                continue;
            }
            let mut module: Vec<String> =
                path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if module.last().is_some_and(|last| last == "mod") {
                module.pop();
            }
            files.insert(module.clone(), path);
            texts.insert(module, code(&text));
        }
        let mut graph = Graph { files, texts, exports: BTreeMap::new() };
        graph.exports = graph.texts.iter().map(|(m, text)| (m.clone(), graph.exports_of(m, text))).collect();
        graph
    }

    /// Names that `pub use` makes available in a module, with the full paths of what they are.
    fn exports_of(&self, module: &[String], text: &str) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for (public, tree) in uses(text) {
            for (path, name) in leaves(&tree) {
                if public && let Some(full) = self.absolute(module, &path) {
                    found.insert(name, full);
                }
            }
        }
        found
    }

    /// A path from the top of the crate; `None` when it is of another crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            // A child module, or another crate.
            first => {
                let child = [&base[..], &[first.to_owned()]].concat();
                if !self.files.contains_key(&child) {
                    return None;
                }
                return Some([&base[..], rest].concat());
            }
        }
        rest = &rest[1..];
        while rest.first().is_some_and(|word| word == "super") {
            base.pop();
            rest = &rest[1..];
        }
        Some([&base[..], rest].concat())
    }

    /// The file in which the thing at a full path is.
    fn file_of(&self, full: &[String]) -> Option<Vec<String>> {
        let mut at = full.to_vec();
        for _ in 0..8 {
            let known =
                (0..=at.len()).rev().map(|n| at[..n].to_vec()).find(|m| self.files.contains_key(m))?;
            let Some(name) = at.get(known.len()) else { return Some(known) };
            match self.exports.get(&known).and_then(|exports| exports.get(name)) {
                Some(target) => at = [&target[..], &at[known.len() + 1..]].concat(),
                None => return Some(known),
            }
        }
        None
    }

    /// What a file imports.
    fn imports(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let text = &self.texts[module];
        let mut paths: Vec<Vec<String>> =
            uses(text).iter().flat_map(|(_, tree)| leaves(tree)).map(|(path, _)| path).collect();
        paths.extend(inline_paths(text));
        let full = paths.iter().filter_map(|path| self.absolute(module, path));
        full.filter_map(|full| self.file_of(&full)).filter(|file| file != module).collect()
    }
}

/// A text without comments and the contents of strings.
fn code(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        // Strings that span lines are indented text; no path begins with `crate::` there.
        let mut quoted = false;
        out.extend(line.chars().filter(|c| {
            quoted ^= *c == '"';
            !quoted
        }));
        out.push('\n');
    }
    out
}

/// The `use` declarations of a text: whether each is public, and its tree.
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let before = rest[..at].lines().last().unwrap_or_default();
        let begins = rest[..at].ends_with(char::is_whitespace) || at == 0;
        let after = &rest[at + 4..];
        let Some(end) = after.find(';') else { break };
        if begins && (before.trim().is_empty() || before.trim_start().starts_with("pub")) {
            let tree: String = after[..end].split_whitespace().collect::<Vec<_>>().join(" ");
            found.push((before.trim_start().starts_with("pub"), tree));
        }
        rest = &after[end..];
    }
    found
}

/// The paths of a use tree, each with the name that it gets.
fn leaves(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let words = |text: &str| -> Vec<String> {
        text.split("::").map(|w| w.trim().to_owned()).filter(|w| !w.is_empty()).collect()
    };
    let Some(open) = tree.find('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = words(path);
        let last = path.last().cloned().unwrap_or_default();
        return vec![(path, if name.is_empty() { last } else { name.trim().to_owned() })];
    };
    let base = words(&tree[..open]);
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let mut found = Vec::new();
    for (mut path, name) in parts.iter().filter(|p| !p.trim().is_empty()).flat_map(|part| leaves(part)) {
        if path == ["self"] {
            found.push((base.clone(), base.last().cloned().unwrap_or_default()));
            continue;
        }
        path.splice(0..0, base.iter().cloned());
        found.push((path, name));
    }
    found
}

/// Paths in expressions and types.
fn inline_paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            let path: String =
                text[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
            found.push(path.split("::").filter(|w| !w.is_empty()).map(str::to_owned).collect());
        }
    }
    found
}

/// The arrows between parts.
fn arrows(graph: &Graph) -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let mut found: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for (module, path) in &graph.files {
        for target in graph.imports(module) {
            let (Some(from), Some(to)) = (module.first(), target.first()) else { continue };
            if from != to {
                found.entry(from.clone()).or_default().entry(to.clone()).or_insert_with(|| path.clone());
            }
        }
    }
    found
}

#[test]
fn every_import_between_folders_is_in_the_table() {
    let found = arrows(&Graph::read());
    let mut faults = Vec::new();
    for (from, targets) in &found {
        let allowed = ALLOWED.iter().find(|(part, _)| part == from).map_or(&[][..], |(_, list)| list);
        for (to, path) in targets {
            if !allowed.contains(&to.as_str()) {
                faults.push(format!("{from} must not import {to} ({})", path.display()));
            }
        }
    }
    for (from, targets) in ALLOWED {
        for to in *targets {
            if !found.get(*from).is_some_and(|found| found.contains_key(*to)) {
                faults.push(format!("{from} imports {to} no longer: take it out of the table"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_folder_imports_one_that_imports_it() {
    let order: Vec<&str> = ALLOWED.iter().map(|(part, _)| *part).collect();
    let reaches = |from: &str| -> BTreeSet<&str> {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(part) = left.pop() {
            let next = ALLOWED.iter().find(|(p, _)| *p == part).map_or(&[][..], |(_, list)| list);
            for to in next {
                if seen.insert(*to) {
                    left.push((*to).to_owned());
                }
            }
        }
        seen
    };
    for part in order {
        assert!(!reaches(part).contains(part), "{part} imports itself in a circle");
    }
}

#[test]
fn no_circle_of_imports_has_more_than_five_files() {
    let graph = Graph::read();
    let names: Vec<&Vec<String>> = graph.files.keys().collect();
    let number = |module: &Vec<String>| names.binary_search(&module).unwrap();
    // Between a `mod.rs` and what is in its folder there are arrows both ways by nature.
    let family = |a: &[String], b: &[String]| {
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        long.starts_with(short)
    };
    let edges: Vec<Vec<usize>> = names
        .iter()
        .map(|module| graph.imports(module).iter().filter(|to| !family(module, to)).map(&number).collect())
        .collect();
    let mut large: Vec<String> = Vec::new();
    for circle in circles(&edges).iter().filter(|circle| circle.len() > CIRCLE) {
        let files: Vec<String> =
            circle.iter().map(|n| graph.files[names[*n]].display().to_string()).collect();
        large.push(format!("{} files: {}", files.len(), files.join(", ")));
    }
    assert!(large.is_empty(), "{}", large.join("\n"));
}

/// Groups of files that reach each other: those that are in each other's reach.
fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let reach: Vec<BTreeSet<usize>> = (0..edges.len())
        .map(|from| {
            let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
            while let Some(n) = left.pop() {
                for to in &edges[n] {
                    if seen.insert(*to) {
                        left.push(*to);
                    }
                }
            }
            seen
        })
        .collect();
    let mut found: Vec<Vec<usize>> = Vec::new();
    for from in 0..edges.len() {
        let circle: Vec<usize> =
            reach[from].iter().copied().filter(|to| *to >= from && reach[*to].contains(&from)).collect();
        let is_new = !found.iter().any(|known| known.contains(&from));
        if circle.len() > 1 && is_new && reach[from].contains(&from) {
            found.push(circle);
        }
    }
    found
}

#[test]
fn the_search_for_imports_finds_what_there_is() {
    let tree = "crate::a::{self, b as c, d::{e, F}}";
    let paths: Vec<String> =
        leaves(tree).iter().map(|(path, name)| format!("{}={name}", path.join("."))).collect();
    assert_eq!(paths, ["crate.a=a", "crate.a.b=c", "crate.a.d.e=e", "crate.a.d.F=F"]);
    assert_eq!(uses("pub use x::y;\n    use z;\n").len(), 2);
    assert_eq!(
        inline_paths("f(crate::p::q(), super::r)"),
        [["crate", "p", "q"].map(str::to_owned).to_vec(), vec!["super".to_owned(), "r".to_owned()]]
    );
    assert_eq!(circles(&[vec![1], vec![2], vec![0], vec![0]]), [[0, 1, 2]]);
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs").exists());
}
