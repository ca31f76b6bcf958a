//! Reading and writing configuration of others: whole or not at all, through links, with the mode kept, and with
//! what was there before kept aside.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{SetupError, Surroundings};

/// What was in place of a file before this program changed it.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    /// The file.
    path: PathBuf,
    /// SHA-256 of the content that was written.
    written: String,
    /// True when there was a file; its content is in the file beside this one.
    existed: bool,
    /// Folders that were made for it, the innermost first.
    folders: Vec<PathBuf>,
}

/// Reads a file; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, SetupError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SetupError::Io { path: path.to_owned(), source }),
    }
}

/// Writes a file. `base`: what is there without entries of ours, to be put back one day; `mode`: that of a new
/// file.
pub fn write(
    around: &Surroundings,
    path: &Path,
    content: &[u8],
    base: Option<&[u8]>,
    mode: u32,
) -> Result<(), SetupError> {
    let io = |source| SetupError::Io { path: path.to_owned(), source };
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let parent = real.parent().unwrap_or(Path::new("/")).to_owned();
    let folders = missing_folders(&parent);
    let before = read(&real)?;
    fs::create_dir_all(&parent).map_err(io)?;
    let mode =
        before.as_ref().and_then(|_| fs::metadata(&real).ok()).map_or(mode, |meta| meta.permissions().mode());
    keep(around, &real, (before.as_deref(), base), folders, content).map_err(io)?;
    replace(&real, content, mode).map_err(io)
}

/// The folders that have to be made for this one, the innermost first.
fn missing_folders(dir: &Path) -> Vec<PathBuf> {
    dir.ancestors().take_while(|dir| !dir.exists()).map(Path::to_owned).collect()
}

fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(content)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode & 0o7777))?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Takes the entries out of a file: puts back what was there before when nobody has changed it since, else
/// writes `without`; `None` when nothing would be left.
pub fn restore(around: &Surroundings, path: &Path, without: Option<&[u8]>) -> Result<(), SetupError> {
    let io = |source| SetupError::Io { path: path.to_owned(), source };
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let now = read(&real)?.unwrap_or_default();
    let (note, copy) = kept_at(around, &real);
    let before: Option<Before> = fs::read(&note).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let unchanged = before.as_ref().is_some_and(|before| before.written == digest(&now));
    let content = match &before {
        Some(before) if unchanged && before.existed => Some(fs::read(&copy).map_err(io)?),
        Some(_) if unchanged => None,
        _ => without.map(<[u8]>::to_vec),
    };
    match content {
        Some(content) => {
            let mode = fs::metadata(&real).map_err(io)?.permissions().mode();
            replace(&real, &content, mode).map_err(io)?;
        }
        None => fs::remove_file(&real).map_err(io)?,
    }
    let _ = fs::remove_file(&note);
    let _ = fs::remove_file(&copy);
    let own = note.ancestors().skip(1).take(2).map(Path::to_owned);
    let made = before.into_iter().flat_map(|before| before.folders);
    // Only those that are empty go; for the others, the next file of ours in them has to answer.
    let left: Vec<PathBuf> =
        own.chain(made).filter(|dir| dir.exists() && fs::remove_dir(dir).is_err()).collect();
    hand_on(&note, left).map_err(io)
}

/// Leaves the removal of folders to another file of ours.
fn hand_on(note: &Path, folders: Vec<PathBuf>) -> io::Result<()> {
    let notes = note.parent().and_then(|dir| fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    for other in notes.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json"))
    {
        let Ok(mut record) = serde_json::from_slice::<Before>(&fs::read(&other)?) else { continue };
        record.folders.extend(folders);
        return replace(&other, &serde_json::to_vec(&record)?, 0o600);
    }
    Ok(())
}

/// Keeps what was there before the first change, and the digest of what is there after the last one.
fn keep(
    around: &Surroundings,
    path: &Path,
    (before, base): (Option<&[u8]>, Option<&[u8]>),
    mut folders: Vec<PathBuf>,
    content: &[u8],
) -> io::Result<()> {
    let (note, copy) = kept_at(around, path);
    let known: Option<Before> = fs::read(&note).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // Changed by somebody since: what they have made of it is what was there before.
    let known = known.filter(|known| before.is_some_and(|before| known.written == digest(before)));
    let dir = note.parent().unwrap_or(Path::new("/"));
    folders.extend(missing_folders(dir));
    fs::create_dir_all(dir)?;
    let mut record = known.unwrap_or(Before {
        path: path.to_owned(),
        written: String::new(),
        existed: base.is_some(),
        folders,
    });
    if record.written.is_empty()
        && let Some(base) = base
    {
        replace(&copy, base, 0o600)?;
    }
    record.written = digest(content);
    replace(&note, &serde_json::to_vec(&record)?, 0o600)
}

fn kept_at(around: &Surroundings, path: &Path) -> (PathBuf, PathBuf) {
    let name = digest(path.as_os_str().as_encoded_bytes());
    let dir = around.state_home.join("git-coord/setup");
    (dir.join(format!("{}.json", &name[..16])), dir.join(format!("{}.before", &name[..16])))
}

/// SHA-256 in hex digits.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
