//! The house rules that can be counted.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file of the program, without its tests.
pub fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if entry.file_name() != "tests" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") && entry.file_name() != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&root).unwrap().to_owned(), without_tests(&text)));
            }
        }
    }
    files.sort();
    files
}

/// A file's text without the test modules at its end.
fn without_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let inline = lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if line == "#[cfg(test)]" && inline {
            // rustfmt puts the end of a module at the top level into the first column.
            for line in lines.by_ref() {
                if line == "}" {
                    break;
                }
            }
        } else {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn the_model_is_pure() {
    // What would make the result of an operation depend on where and when it is applied.
    let impure = [
        "std::fs",
        "std::env",
        "std::process",
        "std::net",
        "std::io",
        "std::thread",
        "std::time",
        "std::os",
        "Timestamp::now",
        "Zoned::now",
        "SystemTime",
        "Instant",
        "crate::clock",
        "crate::git",
        "crate::process",
        "HashMap<",
        "RandomState",
        "rustix::",
        "gix::",
        "tempfile::",
    ];
    let allowed: &[(&str, &str)] = &[
        // Looked up, never walked through: the order of a hash map is in no result.
        ("HashMap<", "model"),
        // Opaque bytes of file names, no system call.
        ("std::os", "model/base/path.rs"),
    ];
    let mut found = Vec::new();
    for (path, text) in sources() {
        if !path.starts_with("model") {
            continue;
        }
        for word in impure {
            let fine = allowed.iter().any(|(w, place)| w == &word && path.starts_with(place));
            if text.contains(word) && !fine {
                found.push(format!("{} has {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
