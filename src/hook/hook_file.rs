//! One hook in one folder: what is there, and the few ways in which it is changed.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::shim::{self, Tool};
use super::{Hook, HookError, io};

/// Begin of the names of files that are not finished; a killed process leaves them.
const UNFINISHED: &str = ".git-coord-hook-";

/// Most that is read of a hook: enough for any script, and no more of a compiled one.
const ENOUGH: u64 = 1 << 20;

/// A hook's place in a folder.
#[derive(Debug, Clone)]
pub(super) struct HookFile {
    pub(super) hook: Hook,
    pub(super) dir: PathBuf,
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// A shim of ours.
    Ours {
        version: u32,
        text: Vec<u8>,
    },
    /// Anybody else's hook.
    Foreign(Foreign),
}

/// A hook that is not ours.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) text: Vec<u8>,
    pub(super) tool: Tool,
    /// Whether git would run it: a file that is not executable, git ignores.
    pub(super) runs: bool,
    inode: (u64, u64),
    mode: u32,
    link: Option<PathBuf>,
}

impl Foreign {
    /// The very same file, under another name.
    pub(super) fn is_same_file(&self, other: &Foreign) -> bool {
        self.inode == other.inode
    }

    /// A file that is as good as the other.
    pub(super) fn is_equal(&self, other: &Foreign) -> bool {
        self.text == other.text && self.mode == other.mode && self.link == other.link
    }
}

impl HookFile {
    /// Where git looks.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(self.hook.name())
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.dir.join(format!("{}{end}", self.hook.name()))
    }

    /// Where the hook is kept that was here before.
    pub(super) fn earlier(&self) -> PathBuf {
        self.beside(".coord-chained")
    }

    /// Where pre-commit and prek move what they replace, and run it from.
    pub(super) fn legacy(&self) -> PathBuf {
        self.beside(".legacy")
    }

    /// Where lefthook moves what it replaces; nothing runs it there.
    pub(super) fn old(&self) -> PathBuf {
        self.beside(".old")
    }

    /// The first free name for a file that has to make room and is nobody's to delete.
    fn aside(&self) -> impl Iterator<Item = PathBuf> + '_ {
        (1..1000).map(|n| self.beside(&format!(".coord-saved-{n}")))
    }

    /// Moves a file to a free name, never over another.
    pub(super) fn put_aside(&self, from: &Path) -> Result<PathBuf, HookError> {
        for to in self.aside() {
            if link(from, &to)? {
                remove(from)?;
                return Ok(to);
            }
        }
        Err(HookError::Unsteady { path: from.to_owned() })
    }

    /// The text of the hook that the shim runs first, if there is one.
    pub(super) fn earlier_text(&self) -> Result<Option<Vec<u8>>, HookError> {
        Ok(match inspect(&self.earlier())? {
            Found::Nothing => None,
            Found::Ours { text, .. } | Found::Foreign(Foreign { text, .. }) => Some(text),
        })
    }
}

/// Looks at a path without following a link to decide whose it is.
pub(super) fn inspect(path: &Path) -> Result<Found, HookError> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(e) => return Err(io("look at", path)(e)),
    };
    let link = meta.is_symlink().then(|| fs::read_link(path)).transpose().map_err(io("read", path))?;
    if link.is_none() && !meta.is_file() {
        return Err(HookError::NotAFile { path: path.to_owned() });
    }
    // A link may lead nowhere; it is kept and put back all the same.
    let target = fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
    let mut text = Vec::new();
    if target.is_some() {
        let file = fs::File::open(path).map_err(io("read", path))?;
        file.take(ENOUGH).read_to_end(&mut text).map_err(io("read", path))?;
    }
    if let (None, Some(version)) = (&link, shim::version(&text)) {
        return Ok(Found::Ours { version, text });
    }
    Ok(Found::Foreign(Foreign {
        tool: shim::tool(&text),
        runs: target.is_some_and(|t| t.permissions().mode() & 0o111 != 0),
        inode: (meta.dev(), meta.ino()),
        mode: meta.mode(),
        text,
        link,
    }))
}

/// Gives a file a second name; `false` when that is taken or the file is gone. Links are not
/// followed. On a file system without hard links the file is moved instead, which is why callers
/// that want the first name gone must bear that it is.
pub(super) fn link(from: &Path, to: &Path) -> Result<bool, HookError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => Ok(false),
        // The lock is held: nobody of ours takes the name between the look and the move.
        Err(_) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to).map(|()| true).map_err(io("move", from))
        }
        Err(e) => Err(io("link", from)(e)),
    }
}

/// Writes an executable file next to where it belongs.
fn unfinished(dir: &Path, text: &[u8]) -> Result<tempfile::NamedTempFile, HookError> {
    let mut file =
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir).map_err(io("write in", dir))?;
    file.write_all(text).map_err(io("write in", dir))?;
    file.as_file().set_permissions(Permissions::from_mode(0o755)).map_err(io("write in", dir))?;
    // Else a power cut could leave an empty hook under the final name.
    file.as_file().sync_all().map_err(io("write in", dir))?;
    Ok(file)
}

/// Puts a shim at `path` in one step, over what is there.
pub(super) fn replace(path: &Path, dir: &Path, text: &[u8]) -> Result<(), HookError> {
    unfinished(dir, text)?.persist(path).map_err(|e| io("write", path)(e.error))?;
    Ok(())
}

/// Puts a shim at `path` in one step; `false` when there is something by now.
pub(super) fn create(path: &Path, dir: &Path, text: &[u8]) -> Result<bool, HookError> {
    match unfinished(dir, text)?.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(io("write", path)(e.error)),
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), HookError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Removes what killed processes did not finish. Only while holding the lock.
pub(super) fn sweep(dir: &Path) {
    let Ok(list) = fs::read_dir(dir) else { return };
    for entry in list.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
