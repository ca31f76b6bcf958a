//! Where a finding is: from what tools write (absolute paths, URIs) to paths in the repository.
//!
//! A path of another machine is mapped, in this order:
//! 1. by a prefix that the user names (`--strip`);
//! 2. by a prefix that a path before it has shown;
//! 3. by its longest suffix that is in the worktree. What precedes it is then the top of the other
//!    worktree, for all paths that follow, and a note says so.
//!
//! Folders that belong to a system or to a package manager are never such a prefix: a header in
//! `/usr/include` does not become a file of the same name here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::RepoPath;
use crate::model::path::decode;

/// Most bytes of a path; as Linux has it.
const PATH_MAX: usize = 4096;

/// Most components of a path. Each one is a folder, so a tree, of the store.
const DEPTH_MAX: usize = 255;

/// Folders whose real place is remembered.
const FOLDERS_MAX: usize = 100_000;

/// Most prefixes of other machines that one file may show.
const PREFIXES_MAX: usize = 16;

/// Folders of a system or of a package manager, each as a run of components.
const FOREIGN: [&str; 16] = [
    "usr/include",
    "usr/lib",
    "usr/lib64",
    "usr/share",
    "usr/local/include",
    "usr/local/lib",
    "nix/store",
    "site-packages",
    "dist-packages",
    "node_modules",
    ".cargo",
    "rustc",
    ".rustup",
    ".pyenv",
    "Program Files",
    "Program Files (x86)",
];

/// The name of a file as a tool writes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FileName {
    /// As the file system has it.
    Path(String),
    /// A URI reference, `%`-encoded.
    Uri(String),
    /// Mapped already.
    Found(RepoPath),
}

/// Why a name is not a path in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// It is the name of a file elsewhere.
    Outside(String),
    /// It is not a usable name.
    Bad(String),
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPlace::Outside(name) => write!(f, "{name}: outside the repository"),
            NoPlace::Bad(reason) => f.write_str(reason),
        }
    }
}

/// Maps what tools write to paths below the top of the worktree.
#[derive(Debug)]
pub(super) struct Places {
    top: PathBuf,
    /// The components of the top.
    root: Vec<String>,
    /// Where relative paths start, if the user said so.
    base: Option<RepoPath>,
    /// Prefixes that stand for the top, by the user.
    strip: Vec<Vec<String>>,
    /// Prefixes that stand for the top, as paths have shown.
    shown: RefCell<Vec<Vec<String>>>,
    /// Prefixes in `shown` that were reported.
    reported: Cell<usize>,
    /// Folders that were looked at, and where they really are.
    folders: RefCell<HashMap<String, Option<RepoPath>>>,
}

impl Places {
    pub(super) fn new(root: &Path, base: Option<&RepoPath>, strip: &[String]) -> Self {
        Places {
            top: root.to_owned(),
            root: components(&decode(root.as_os_str().as_encoded_bytes())).unwrap_or_default(),
            base: base.cloned(),
            strip: strip.iter().filter_map(|prefix| components(&slashes(prefix))).collect(),
            shown: RefCell::default(),
            reported: Cell::new(0),
            folders: RefCell::default(),
        }
    }

    /// True when the worktree has such a file or folder.
    pub(super) fn has(&self, path: &RepoPath) -> bool {
        self.top.join(path.to_native()).exists()
    }

    /// The top of the worktree.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// A prefix of another machine that stands for the top, once each.
    pub(super) fn new_prefix(&self) -> Option<String> {
        let shown = self.shown.borrow();
        let prefix = shown.get(self.reported.get())?;
        self.reported.set(self.reported.get() + 1);
        Some(format!("/{}", prefix.join("/")))
    }

    /// The path of a file as the file system has it: absolute, or relative to the base.
    ///
    /// # Errors
    /// When it is outside the repository or not a valid path in it.
    pub(super) fn path(&self, text: &str) -> Result<RepoPath, NoPlace> {
        self.mapped(text).map(|path| self.behind_links(path))
    }

    /// The path as git has it: a file in a folder that is a symbolic link has another one, under which others
    /// may hold it.
    fn behind_links(&self, path: RepoPath) -> RepoPath {
        let Some((folder, name)) = path.as_str().rsplit_once('/') else { return path };
        let mut folders = self.folders.borrow_mut();
        if folders.len() >= FOLDERS_MAX {
            folders.clear();
        }
        let real = folders.entry(folder.to_owned()).or_insert_with(|| {
            let native = RepoPath::parse(folder).ok()?.to_native();
            let real = self.top.join(&native).canonicalize().ok()?;
            let below = real.strip_prefix(&self.top).ok().filter(|below| *below != native)?;
            RepoPath::from_bytes(below.as_os_str().as_encoded_bytes()).ok()
        });
        real.as_ref().map_or(path.clone(), |real| real.join(name))
    }

    fn mapped(&self, text: &str) -> Result<RepoPath, NoPlace> {
        let bad = |what: String| Err(NoPlace::Bad(what));
        if text.len() > PATH_MAX {
            return bad(format!("a path is longer than {PATH_MAX} bytes"));
        }
        if text.bytes().filter(|b| matches!(b, b'/' | b'\\')).count() >= DEPTH_MAX {
            return bad(format!("a path has more than {DEPTH_MAX} components"));
        }
        let text = &self.portable(text);
        for prefix in &self.strip {
            if let Some(rest) = below(prefix, text) {
                return parse(&rest, text);
            }
        }
        if is_absolute(text) { self.absolute(text) } else { self.relative(text) }
    }

    /// The text with `/` between the components. `\` may be part of a name, so a name that is in the worktree
    /// stays as it is.
    fn portable(&self, text: &str) -> String {
        if !text.contains('\\') || RepoPath::parse(text).is_ok_and(|path| self.has(&path)) {
            return text.to_owned();
        }
        slashes(text)
    }

    /// The same for what must be a file: as one of an item, the top would lock the whole repository.
    ///
    /// # Errors
    /// As for [`Places::path`].
    pub(super) fn file(&self, text: &str) -> Result<RepoPath, NoPlace> {
        let path = self.path(text)?;
        if path.is_root() { Err(NoPlace::Bad("it does not name a file".into())) } else { Ok(path) }
    }

    /// The file that a tool names.
    ///
    /// # Errors
    /// As for [`Places::path`].
    pub(super) fn named(&self, name: &FileName) -> Result<RepoPath, NoPlace> {
        match name {
            FileName::Path(text) => self.file(text),
            FileName::Uri(uri) => self.uri(uri),
            FileName::Found(path) => Ok(path.clone()),
        }
    }

    /// A file of a tool that ran in `folder` or in one above it, as build tools do with the members of a
    /// workspace: it is in the nearest of these that has it.
    ///
    /// # Errors
    /// As for [`Places::file`].
    pub(super) fn file_of(&self, folder: Option<&RepoPath>, text: &str) -> Result<RepoPath, NoPlace> {
        let found = folder.filter(|_| self.base.is_none() && !is_absolute(text)).and_then(|folder| {
            let parts: Vec<&str> = folder.components().collect();
            let above = (1..=parts.len()).rev().map(|n| parts[..n].join("/"));
            let mut paths = above.filter_map(|folder| RepoPath::parse(&format!("{folder}/{text}")).ok());
            paths.find(|path| self.has(path))
        });
        found.map_or_else(|| self.file(text), Ok)
    }

    /// The path of a URI reference: a `file:` URI, or a path relative to the base, `%`-encoded.
    ///
    /// # Errors
    /// As for [`Places::path`], and when the URI has another scheme than `file`.
    pub(super) fn uri(&self, uri: &str) -> Result<RepoPath, NoPlace> {
        let bytes = match scheme(uri) {
            Some(scheme) if scheme.eq_ignore_ascii_case("file") => {
                let rest = &uri[scheme.len() + 1..];
                match rest.strip_prefix("//") {
                    // What precedes the path is a host, which is empty or this one for files.
                    Some(rest) => unescaped(&rest[rest.find('/').unwrap_or(rest.len())..]),
                    None => unescaped(rest),
                }
            }
            Some(_) => return Err(NoPlace::Bad(format!("{uri}: not the URI of a file"))),
            None => unescaped(uri),
        };
        let text = decode(&bytes);
        // `file:///C:/x`: the slash belongs to the URI.
        let drive = text.strip_prefix('/').filter(|rest| has_drive(rest));
        self.path(drive.unwrap_or(&text))
    }

    fn relative(&self, text: &str) -> Result<RepoPath, NoPlace> {
        let base = self.base.as_ref().filter(|base| !base.is_root());
        let parsed = match base {
            Some(base) => parse(&format!("{}/{text}", base.as_str()), text),
            None => parse(text, text),
        };
        match parsed {
            // A build folder is often below the top: `../src/a.c`.
            Err(NoPlace::Outside(_)) => {
                let inner = text.split('/').skip_while(|part| matches!(*part, ".." | "." | ""));
                let inner = RepoPath::parse(&inner.collect::<Vec<_>>().join("/")).ok();
                inner.filter(|path| !path.is_root() && self.has(path)).map_or(parsed, Ok)
            }
            parsed => parsed,
        }
    }

    fn absolute(&self, text: &str) -> Result<RepoPath, NoPlace> {
        let outside = || NoPlace::Outside(text.to_owned());
        let parts = components(text).ok_or_else(outside)?;
        if let Some(rest) = parts.strip_prefix(self.root.as_slice()) {
            return parse(&rest.join("/"), text);
        }
        let shown =
            self.shown.borrow().iter().find_map(|p| parts.strip_prefix(p.as_slice()).map(<[_]>::to_vec));
        if let Some(rest) = shown.filter(|rest| !rest.is_empty()) {
            return if is_foreign(&rest) && !self.has_parts(&rest) {
                Err(outside())
            } else {
                parse(&rest.join("/"), text)
            };
        }
        let cut = (1..parts.len()).find(|cut| self.has_parts(&parts[*cut..])).ok_or_else(outside)?;
        if is_foreign(&parts[..cut]) {
            return Err(outside());
        }
        let mut shown = self.shown.borrow_mut();
        if shown.len() < PREFIXES_MAX {
            shown.push(parts[..cut].to_vec());
        }
        parse(&parts[cut..].join("/"), text)
    }

    fn has_parts(&self, parts: &[String]) -> bool {
        RepoPath::parse(&parts.join("/")).is_ok_and(|path| self.has(&path))
    }
}

fn parse(path: &str, whole: &str) -> Result<RepoPath, NoPlace> {
    use crate::model::PathError;
    RepoPath::parse(path).map_err(|error| match error {
        PathError::Outside { .. } => NoPlace::Outside(whole.to_owned()),
        other => NoPlace::Bad(other.to_string()),
    })
}

fn slashes(text: &str) -> String {
    text.replace('\\', "/")
}

fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic())
}

pub(super) fn is_absolute(text: &str) -> bool {
    text.starts_with('/') || has_drive(text)
}

/// What of a path is below a prefix.
fn below(prefix: &[String], path: &str) -> Option<String> {
    let parts = components(path)?;
    let same = |(a, b): (&String, &String)| a == b || (a.ends_with(':') && a.eq_ignore_ascii_case(b));
    let fits = parts.len() > prefix.len() && prefix.iter().zip(&parts).all(same);
    fits.then(|| parts[prefix.len()..].join("/"))
}

/// True when a folder of a system or of a package manager is part of it.
fn is_foreign(parts: &[String]) -> bool {
    is_foreign_path(&parts.join("/"))
}

/// The same for a path.
pub(super) fn is_foreign_path(path: &str) -> bool {
    let text = format!("/{path}/");
    FOREIGN.iter().any(|folder| text.contains(&format!("/{folder}/")))
}

/// The components of a path; `None` when `..` leads above its start.
fn components(path: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}

/// The scheme of a URI. One letter is not a scheme, but the drive of a Windows path.
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
mod tests;
