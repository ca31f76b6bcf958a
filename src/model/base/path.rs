//! Paths as coordination sees them: relative to the repository's root, `/` between components.

use std::fmt;

use serde::{Deserialize, Serialize};

/// First code point of the private-use range that stands for the raw bytes `0x80..=0xff`.
///
/// git paths are bytes, JSON strings are Unicode. A byte that is no valid UTF-8 is shown as one
/// character of U+EF80..U+EFFF, so that every path has exactly one text form and the other way
/// round. Characters of that range that really occur in a path are taken apart into bytes too,
/// which keeps the mapping one-to-one.
const RAW_BYTE_BASE: u32 = 0xEF00;

/// A file or folder below the root of a repository, or the root itself (the empty path).
///
/// Normalised: no leading or trailing slash, no empty, `.` or `..` component, nothing inside
/// `.git`. The order is that of the bytes, so a folder stands directly before what is below it
/// only among names without characters smaller than `/`; use [`RepoPath::covers`], not sorting,
/// to tell what overlaps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

/// Why a text is not a path inside the repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `..` leads above the root.
    #[error("{path}: outside the repository")]
    Outside {
        /// The path as given.
        path: String,
    },
    /// A component is `.git`: git's own files are nobody's to claim.
    #[error("{path}: inside git's own folder")]
    InsideGitDir {
        /// The path as given.
        path: String,
    },
    /// More components or bytes than git and file systems take.
    #[error(
        "{path}…: a path has at most {} components and {} bytes",
        RepoPath::MOST_COMPONENTS,
        RepoPath::MOST_BYTES
    )]
    TooLong {
        /// How the path begins.
        path: String,
    },
    /// A NUL byte, which no file name can hold.
    #[error("{path}: a path cannot contain a NUL byte")]
    Nul {
        /// The path as given, without the NUL.
        path: String,
    },
}

impl RepoPath {
    /// The root of the repository, which covers every path.
    pub fn root() -> Self {
        RepoPath(String::new())
    }

    /// Most components of a path. A claim is a chain of folders as deep as its path, and git takes
    /// trees of 2,048 levels at most (`core.maxTreeDepth`).
    pub const MOST_COMPONENTS: usize = 256;

    /// Most bytes of a path: what the kernel takes (`PATH_MAX`).
    pub const MOST_BYTES: usize = 4096;

    /// Parses a text form, resolving `.` and `..` and dropping doubled and trailing slashes.
    ///
    /// # Errors
    /// When `..` leaves the repository, a component is `.git`, or the path is too long.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::normalise(text)?.within_limits()
    }

    fn within_limits(self) -> Result<Self, PathError> {
        if self.0.len() > Self::MOST_BYTES || self.components().count() > Self::MOST_COMPONENTS {
            return Err(PathError::TooLong { path: self.0.chars().take(60).collect() });
        }
        Ok(self)
    }

    fn normalise(text: &str) -> Result<Self, PathError> {
        if is_normal(text) {
            return Ok(RepoPath(text.to_owned()));
        }
        if text.contains('\0') {
            return Err(PathError::Nul { path: text.replace('\0', "") });
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return Err(PathError::Outside { path: text.to_owned() });
                    }
                }
                _ if part.eq_ignore_ascii_case(".git") => {
                    return Err(PathError::InsideGitDir { path: text.to_owned() });
                }
                _ => parts.push(part),
            }
        }
        Ok(RepoPath(parts.join("/")))
    }

    /// Parses the bytes that git uses for a path (index and tree entries).
    ///
    /// # Errors
    /// As for [`RepoPath::parse`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PathError> {
        Self::parse(&decode(bytes))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes that git and the file system use for this path.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.0)
    }

    /// The path as a native one, to be joined to the root of a worktree.
    pub fn to_native(&self) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStringExt;
        std::ffi::OsString::from_vec(self.to_bytes()).into()
    }

    /// True for the root of the repository.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, outermost first; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|c| !c.is_empty())
    }

    /// True when a claim of `self` covers `other`: the same path, or one below it.
    pub fn covers(&self, other: &RepoPath) -> bool {
        self.is_root()
            || self.0 == other.0
            || (other.0.starts_with(&self.0) && other.0.as_bytes().get(self.0.len()) == Some(&b'/'))
    }

    /// True when claims of both paths would overlap.
    pub fn overlaps(&self, other: &RepoPath) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// This path with one more component, which is taken as it is.
    pub fn join(&self, component: &str) -> RepoPath {
        if self.is_root() {
            RepoPath(component.to_owned())
        } else {
            RepoPath(format!("{}/{component}", self.0))
        }
    }
}

/// True when parsing would return the text as it is. Nearly every path that is read comes from a
/// record that this program wrote; taking it apart was half of the time that a record with
/// thousands of paths took. One look at each byte, for the same reason.
fn is_normal(text: &str) -> bool {
    let normal = |part: &[u8]| match part {
        [] | [b'.'] | [b'.', b'.'] => false,
        [b'.', rest @ ..] => !rest.eq_ignore_ascii_case(b"git"),
        _ => true,
    };
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            0 => return false,
            b'/' if !normal(&bytes[start..at]) => return false,
            b'/' => start = at + 1,
            _ => {}
        }
    }
    normal(&bytes[start..])
}

/// The text form of bytes that may be, or contain, a path: what is no UTF-8 keeps its value, so that a path
/// in it is found again.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_raw_byte(c) {
                let mut buf = [0; 4];
                out.extend(c.encode_utf8(&mut buf).bytes().filter_map(raw_byte));
            } else {
                out.push(c);
            }
        }
        out.extend(chunk.invalid().iter().copied().filter_map(raw_byte));
    }
    out
}

/// Such a text for people: a byte that is no UTF-8 is shown as one that cannot be shown.
pub(crate) fn readable(text: &str) -> String {
    text.chars().map(|c| if is_raw_byte(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn raw_byte(byte: u8) -> Option<char> {
    char::from_u32(RAW_BYTE_BASE + u32::from(byte))
}

fn is_raw_byte(c: char) -> bool {
    (RAW_BYTE_BASE + 0x80..=RAW_BYTE_BASE + 0xff).contains(&(c as u32))
}

fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut buf = [0; 4];
    for c in text.chars() {
        if is_raw_byte(c) {
            out.push((c as u32 - RAW_BYTE_BASE) as u8);
        } else {
            out.extend_from_slice(c.encode_utf8(&mut buf).as_bytes());
        }
    }
    out
}

impl fmt::Display for RepoPath {
    /// The text form; `.` for the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> String {
        if path.is_root() { ".".to_owned() } else { path.0 }
    }
}

impl TryFrom<String> for RepoPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        if is_normal(&text) { RepoPath(text).within_limits() } else { Self::parse(&text) }
    }
}

/// A name as file systems compare it that do not tell case and Unicode forms apart (APFS, NTFS, ext4 with
/// `casefold`).
pub(crate) fn folded(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfd().flat_map(char::to_lowercase).nfc().collect()
}

/// A name in the form that git gives to names where `core.precomposeUnicode` is set (NFC).
pub(crate) fn composed(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    if name.is_ascii() { name.to_owned() } else { name.nfc().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normalises_and_refuses() {
        let path = |t: &str| RepoPath::parse(t).map(|p| p.to_string());
        assert_eq!(path("./a//b/"), Ok("a/b".into()));
        assert_eq!(path("a/../b"), Ok("b".into()));
        assert_eq!(path(""), Ok(".".into()));
        assert_eq!(path("-dash"), Ok("-dash".into()));
        assert!(matches!(path("../x"), Err(PathError::Outside { .. })));
        assert!(matches!(path("a/.git/config"), Err(PathError::InsideGitDir { .. })));
    }

    #[test]
    fn a_folder_covers_what_is_below_it_and_no_sibling() {
        let p = |t: &str| RepoPath::parse(t).expect("valid");
        assert!(p("src").covers(&p("src/a.rs")));
        assert!(p("").covers(&p("src")));
        assert!(!p("src").covers(&p("src2/a.rs")));
        assert!(!p("src/a.rs").covers(&p("src")));
        assert!(p("src/a.rs").overlaps(&p("src")));
    }

    proptest! {
        #[test]
        fn a_path_that_was_parsed_is_parsed_to_itself(text in "[./a-cgitGIT\0]{0,16}") {
            if let Ok(path) = RepoPath::parse(&text) {
                prop_assert!(is_normal(&path.0) || path.is_root());
                prop_assert_eq!(is_normal(&text), text == path.0 && !path.is_root());
                prop_assert_eq!(RepoPath::try_from(text), Ok(path));
            } else {
                prop_assert!(!is_normal(&text));
            }
        }

        #[test]
        fn bytes_survive_the_text_form(bytes in proptest::collection::vec(1u8..=255, 0..40)) {
            prop_assert_eq!(encode(&decode(&bytes)), bytes);
        }
    }
}
