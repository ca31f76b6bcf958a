//! Where a finding is: from what tools write (absolute paths, URIs) to paths in the repository.

use std::path::{Path, PathBuf};

use crate::model::RepoPath;
use crate::model::path::decode;

/// Maps what tools write to paths below the top of the worktree.
#[derive(Debug, Clone)]
pub(super) struct Places {
    top: PathBuf,
    /// The components of the top.
    root: Vec<Vec<u8>>,
    /// Where relative paths start, if that was said.
    base: Option<RepoPath>,
}

impl Places {
    pub(super) fn new(root: &Path, base: Option<&RepoPath>) -> Self {
        let text = root.as_os_str().as_encoded_bytes();
        Places {
            top: root.to_owned(),
            root: components(text).unwrap_or_default().iter().map(|c| c.to_vec()).collect(),
            base: base.cloned(),
        }
    }

    /// The path of a file as the file system has it: absolute, or relative to the base.
    ///
    /// # Errors
    /// When it is outside the repository or no valid path in it, with the reason.
    pub(super) fn path(&self, text: &str) -> Result<RepoPath, String> {
        if text.starts_with('/') {
            return self.absolute(text.as_bytes());
        }
        match self.base.as_ref().filter(|base| !base.is_root()) {
            Some(base) => RepoPath::parse(&format!("{}/{text}", base.as_str())),
            None => RepoPath::parse(text),
        }
        .map_err(|e| e.to_string())
    }

    /// True when the worktree has such a file or folder.
    pub(super) fn has(&self, path: &RepoPath) -> bool {
        self.top.join(path.to_native()).exists()
    }

    /// A file of a tool that ran in `folder` or in one above it, as build tools do with the members of a
    /// workspace: it is in the nearest of these that has it.
    ///
    /// # Errors
    /// As for [`Places::file`].
    pub(super) fn file_of(&self, folder: Option<&RepoPath>, text: &str) -> Result<RepoPath, String> {
        let found = folder.filter(|_| self.base.is_none() && !text.starts_with('/')).and_then(|folder| {
            let parts: Vec<&str> = folder.components().collect();
            let above = (1..=parts.len()).rev().map(|n| parts[..n].join("/"));
            let mut paths = above.filter_map(|folder| RepoPath::parse(&format!("{folder}/{text}")).ok());
            paths.find(|path| self.has(path))
        });
        found.map_or_else(|| self.file(text), Ok)
    }

    /// The same for what must be a file: as one of an item, the top would lock the whole repository.
    ///
    /// # Errors
    /// As for [`Places::path`].
    pub(super) fn file(&self, text: &str) -> Result<RepoPath, String> {
        let path = self.path(text)?;
        if path.is_root() { Err("names no file".into()) } else { Ok(path) }
    }

    /// The path of a URI reference: a `file:` URI, or a path relative to the base, `%`-encoded.
    ///
    /// # Errors
    /// As for [`Places::path`], and when the URI has another scheme than `file`.
    pub(super) fn uri(&self, uri: &str) -> Result<RepoPath, String> {
        let bytes = match scheme(uri) {
            Some(scheme) if scheme.eq_ignore_ascii_case("file") => {
                let rest = &uri[scheme.len() + 1..];
                match rest.strip_prefix("//") {
                    // What stands before the path is a host, and on files it is empty or this one.
                    Some(rest) => unescaped(&rest[rest.find('/').unwrap_or(rest.len())..]),
                    None => unescaped(rest),
                }
            }
            Some(_) => return Err(format!("{uri}: not the URI of a file")),
            None => unescaped(uri),
        };
        if bytes.starts_with(b"/") { self.absolute(&bytes) } else { self.path(&decode(&bytes)) }
    }

    fn absolute(&self, path: &[u8]) -> Result<RepoPath, String> {
        let outside = || format!("{}: outside the repository", String::from_utf8_lossy(path));
        let parts = components(path).ok_or_else(outside)?;
        let below = parts.len().checked_sub(self.root.len()).ok_or_else(outside)?;
        let (head, tail) = parts.split_at(parts.len() - below);
        if head.iter().zip(&self.root).any(|(a, b)| a != b) {
            return Err(outside());
        }
        RepoPath::from_bytes(&tail.join(&b'/')).map_err(|e| e.to_string())
    }
}

/// The components of an absolute path; `None` when `..` leads above `/`.
fn components(path: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts)
}

/// The scheme of a URI. One letter is none, but the drive of a Windows path.
pub(super) fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let valid = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    valid.then_some(scheme)
}

fn unescaped(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places::new(Path::new("/home/me/repo"), None)
    }

    fn uri(text: &str) -> Result<String, String> {
        places().uri(text).map(|p| p.to_string())
    }

    fn path(text: &str) -> Result<String, String> {
        places().path(text).map(|p| p.to_string())
    }

    #[test]
    fn uris_of_files_in_the_repository() {
        for form in [
            "file:///home/me/repo/src/a%20b.py",
            "file://localhost/home/me/repo/src/a%20b.py",
            "file:/home/me/repo/src/a%20b.py",
            "FILE:///home/me/../me/repo//src/./a%20b.py",
            "/home/me/repo/src/a%20b.py",
            "src/a%20b.py",
            "./src/a%20b.py",
        ] {
            assert_eq!(uri(form).as_deref(), Ok("src/a b.py"), "{form}");
        }
        assert_eq!(uri("file:///home/me/repo").as_deref(), Ok("."));
        assert_eq!(uri(r"src\a.cs").as_deref(), Ok(r"src\a.cs"), "left as it is");
    }

    #[test]
    fn a_byte_that_is_no_utf_8_has_the_same_name_as_in_git() {
        let expected = RepoPath::from_bytes(b"caf\xe9.txt").expect("valid").to_string();
        assert_eq!(uri("caf%E9.txt"), Ok(expected.clone()));
        assert_eq!(uri("file:///home/me/repo/caf%E9.txt"), Ok(expected));
    }

    #[test]
    fn what_is_outside_says_so() {
        for form in ["file:///home/me/repo2/a", "file:///home/me", "/etc/passwd", "file:///home/me/repo/../x"]
        {
            let reason = uri(form).expect_err(form);
            assert!(reason.ends_with(": outside the repository"), "{reason}");
        }
        assert!(uri("../a").is_err());
        assert_eq!(uri("https://x.org/a"), Err("https://x.org/a: not the URI of a file".into()));
        assert_eq!(uri("file:///home/me/repo/.git/x"), Err(".git/x: inside git's own folder".into()));
        assert!(uri("a%00b").is_err());
    }

    #[test]
    fn relative_paths_start_from_the_base() {
        let base = RepoPath::parse("web app").expect("valid");
        let places = Places::new(Path::new("/home/me/repo"), Some(&base));
        let text = |path: Result<RepoPath, String>| path.map(|p| p.to_string());
        assert_eq!(text(places.path("src/a.ts")).as_deref(), Ok("web app/src/a.ts"));
        assert_eq!(text(places.path("../lib/a.ts")).as_deref(), Ok("lib/a.ts"));
        assert_eq!(
            text(places.uri("src/caf%E9")),
            text(RepoPath::from_bytes(b"web app/src/caf\xe9").map_err(|e| e.to_string()))
        );
        assert_eq!(text(places.path("/home/me/repo/a")).as_deref(), Ok("a"));
        assert!(places.path("../../a").is_err());
    }

    #[test]
    fn native_paths_are_not_decoded() {
        assert_eq!(path("a%20b").as_deref(), Ok("a%20b"));
        assert_eq!(path("/home/me/repo/x:y").as_deref(), Ok("x:y"));
        assert!(path("/elsewhere/x").is_err());
        assert_eq!(
            Places::new(Path::new("/"), None).path("/a/b").map(|p| p.to_string()).as_deref(),
            Ok("a/b")
        );
    }
}
