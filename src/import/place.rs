//! Where a finding is: from what tools write (absolute paths, URIs) to paths in the repository.

use std::path::Path;

use crate::model::RepoPath;

/// Maps what tools write to paths below the top of the worktree.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The components of the top.
    root: Vec<Vec<u8>>,
}

impl Places {
    pub(super) fn new(root: &Path) -> Self {
        let text = root.as_os_str().as_encoded_bytes();
        Places { root: components(text).unwrap_or_default().iter().map(|c| c.to_vec()).collect() }
    }

    /// The path of a file as the file system has it: absolute, or relative to the top.
    ///
    /// # Errors
    /// When it is outside the repository or no valid path in it, with the reason.
    pub(super) fn path(&self, text: &str) -> Result<RepoPath, String> {
        if !text.starts_with('/') {
            return RepoPath::parse(text).map_err(|e| e.to_string());
        }
        self.absolute(text.as_bytes())
    }

    /// The same for what must be a file: as one of an item, the top would lock the whole repository.
    ///
    /// # Errors
    /// As for [`Places::path`].
    pub(super) fn file(&self, text: &str) -> Result<RepoPath, String> {
        let path = self.path(text)?;
        if path.is_root() { Err("names no file".into()) } else { Ok(path) }
    }

    /// The path of a URI reference: a `file:` URI, or a path relative to the top, `%`-encoded.
    ///
    /// # Errors
    /// As for [`Places::path`], and when the URI has another scheme than `file`.
    pub(super) fn uri(&self, uri: &str) -> Result<RepoPath, String> {
        let bytes = match scheme(uri) {
            Some(scheme) if scheme.eq_ignore_ascii_case("file") => {
                let rest = &uri[scheme.len() + 1..];
                match rest.strip_prefix("//") {
                    // What stands before the path is a host, and on files it is empty or this one.
                    Some(rest) => decode(&rest[rest.find('/').unwrap_or(rest.len())..]),
                    None => decode(rest),
                }
            }
            Some(_) => return Err(format!("{uri}: not the URI of a file")),
            None => decode(uri),
        };
        if bytes.starts_with(b"/") {
            self.absolute(&bytes)
        } else {
            RepoPath::from_bytes(&bytes).map_err(|e| e.to_string())
        }
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

fn decode(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places::new(Path::new("/home/me/repo"))
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
    fn native_paths_are_not_decoded() {
        assert_eq!(path("a%20b").as_deref(), Ok("a%20b"));
        assert_eq!(path("/home/me/repo/x:y").as_deref(), Ok("x:y"));
        assert!(path("/elsewhere/x").is_err());
        assert_eq!(Places::new(Path::new("/")).path("/a/b").map(|p| p.to_string()).as_deref(), Ok("a/b"));
    }
}
