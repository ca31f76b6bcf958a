//! Files of the worktree by the end of their path: what a test's class or a stack trace says of its file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::model::RepoPath;

/// Files and folders that are looked at. A worktree with more has no suffix looked up.
const ENTRIES_MAX: usize = 500_000;

/// Folders whose files nobody works on.
const PASSED_OVER: [&str; 6] = [".git", "node_modules", "target", ".venv", "venv", "__pycache__"];

/// All files of a worktree by their names.
#[derive(Debug, Default)]
pub(super) struct Tree {
    by_name: HashMap<String, Vec<String>>,
}

impl Tree {
    /// Looks at the worktree with this top.
    pub(super) fn read(top: &Path) -> Self {
        let mut tree = Tree::default();
        let (mut folders, mut seen) = (vec![(top.to_owned(), String::new())], 0);
        while let Some((folder, prefix)) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                seen += 1;
                if seen > ENTRIES_MAX {
                    return Tree::default();
                }
                let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
                    continue;
                };
                let path = format!("{prefix}{name}");
                if kind.is_dir() && !PASSED_OVER.contains(&name.as_str()) {
                    folders.push((entry.path(), format!("{path}/")));
                } else if kind.is_file() {
                    tree.by_name.entry(name).or_default().push(path);
                }
            }
        }
        tree
    }

    /// The only file whose path ends with this one.
    pub(super) fn ending(&self, path: &str) -> Option<RepoPath> {
        let name = path.rsplit('/').next()?;
        let fits = |whole: &&String| {
            whole.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let mut found = self.by_name.get(name)?.iter().filter(fits);
        let first = found.next()?;
        if found.next().is_some() { None } else { RepoPath::parse(first).ok() }
    }

    /// The file of this name in the folder that ends most like a package: `cart_test.go` of
    /// `example.org/shop/cart` is `cart/cart_test.go`.
    pub(super) fn below(&self, package: &str, name: &str) -> Option<RepoPath> {
        let parts: Vec<&str> = package.split('/').collect();
        let mut folders = (0..=parts.len()).map(|cut| parts[cut..].join("/"));
        let exact = folders.find_map(|folder| {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let name = path.rsplit('/').next()?;
            self.by_name.get(name)?.contains(&path).then_some(path)
        });
        exact.and_then(|path| RepoPath::parse(&path).ok()).or_else(|| self.ending(name))
    }
}

/// The places that a text names, `path/to/file.ext:12`, in their order: the path and the line.
pub(super) fn places_in(text: &str) -> impl Iterator<Item = (&str, Option<u64>)> {
    let separators = |c: char| c.is_whitespace() || "()[]{}<>\"'`,;|".contains(c);
    text.split(separators).filter_map(|word| {
        let word = word.strip_prefix("file://").unwrap_or(word).trim_end_matches([':', '.']);
        let (path, rest) = word.match_indices(':').find_map(|(at, _)| {
            let rest = &word[at + 1..];
            rest.starts_with(|c: char| c.is_ascii_digit()).then(|| (&word[..at], rest))
        })?;
        let name = path.rsplit(['/', '\\']).next()?;
        let ending = name.rsplit_once('.')?.1;
        let fits =
            !ending.is_empty() && ending.len() <= 8 && ending.bytes().all(|b| b.is_ascii_alphanumeric());
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        fits.then(|| (path, digits.parse().ok().filter(|n| *n > 0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_end_of_its_path() {
        let top = tempfile::tempdir().expect("a folder");
        for file in
            ["src/test/java/org/shop/CartTest.java", "cart/cart_test.go", "a/x.js", "b/x.js", "target/y.js"]
        {
            let path = top.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        let tree = Tree::read(top.path());
        let ending = |path: &str| tree.ending(path).map(String::from);
        assert_eq!(ending("org/shop/CartTest.java").as_deref(), Some("src/test/java/org/shop/CartTest.java"));
        assert_eq!(ending("x.js"), None, "two of that name");
        assert_eq!(ending("y.js"), None, "built");
        assert_eq!(ending("opping/CartTest.java"), None);
        let below = |package: &str, name: &str| tree.below(package, name).map(String::from);
        assert_eq!(below("example.org/shop/cart", "cart_test.go").as_deref(), Some("cart/cart_test.go"));
        assert_eq!(below("example.org/b", "x.js").as_deref(), Some("b/x.js"));
    }

    #[test]
    fn places_are_found_in_traces() {
        let text = "Error at /repo/src/sum.test.js:1:58\n    at f (file:///repo/a b.ts:2:3)\n  tests/test_cart.py:12: AssertionError\n10:30 http://x.org:80 v1.2:3";
        let found: Vec<_> = places_in(text).collect();
        let expected =
            [("/repo/src/sum.test.js", Some(1)), ("b.ts", Some(2)), ("tests/test_cart.py", Some(12))];
        assert_eq!(found[..3], expected);
    }
}
