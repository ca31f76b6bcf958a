//! What the commands print: one file for each attempt.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ExecError;

/// So many logs are kept, the newest.
const KEPT: usize = 1000;

/// So much of the end of a log is looked at for its last line.
const TAIL: u64 = 4096;

/// Longest line that is quoted as the reason of a failure.
const QUOTED: usize = 200;

/// A folder of logs.
#[derive(Debug)]
pub struct Logs {
    dir: PathBuf,
}

impl Logs {
    /// Opens a folder, and makes it where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: PathBuf) -> Result<Self, ExecError> {
        fs::create_dir_all(&dir).map_err(ExecError::io("make the folder", &dir))?;
        Ok(Logs { dir })
    }

    /// The log of an attempt, empty. An attempt that was given back untouched has the same number
    /// as the next, which replaces its log.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self, id: &str, attempt: u32) -> Result<(PathBuf, File), ExecError> {
        let path = self.dir.join(format!("{}.{attempt}.log", file_name(id)));
        // Emptied, not replaced: somebody may look on.
        File::create(&path).map_err(ExecError::io("write the log", &path))?;
        let file = Self::append(&path)?;
        Ok((path, file))
    }

    /// Opens a log to add to it. So do all who write to it: a command's own `> /dev/stderr` empties it,
    /// and nobody is to go on in the middle of nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(path: &Path) -> Result<File, ExecError> {
        File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(ExecError::io("write the log", path))
    }

    /// Removes all but the newest. What cannot be removed now can be so the next time.
    pub fn prune(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut list: Vec<_> =
            entries.filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path()))).collect();
        list.sort();
        for (_, path) in list.iter().rev().skip(KEPT) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The id where it can be a file's name; otherwise as much of it as can, and a hash.
fn file_name(id: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.len() <= 100 && id.chars().all(fine) {
        return id.to_owned();
    }
    let short: String = id.chars().take(60).map(|c| if fine(c) { c } else { '_' }).collect();
    let digest = Sha256::digest(id.as_bytes());
    let hash: String = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
    format!("{short}-{hash}")
}

/// The last line of a log that says something, without colours and not too long.
pub fn last_line(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().map(tidy).find(|line| !line.is_empty())
}

/// `what`, and the last line of the log as the reason.
pub fn said(log: &Path, what: String) -> String {
    match last_line(log) {
        Some(line) => format!("{what}: {line}"),
        None => what,
    }
}

/// A line for a message: no colours, no control characters, not too long.
pub fn tidy(line: &str) -> String {
    // What stands before a carriage return was overwritten.
    let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
    let plain = anstream::adapter::strip_str(line).to_string();
    let plain: String = plain.chars().filter(|c| !c.is_control()).collect();
    let plain = plain.trim();
    if plain.chars().count() <= QUOTED {
        return plain.to_owned();
    }
    plain.chars().take(QUOTED - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_makes_a_file_name_of_its_own() {
        assert_eq!(file_name("T001"), "T001");
        let odd = ["a/b", "a_b", "a:b", "../../etc/passwd", "ä", &"x".repeat(200), &"/".repeat(200)];
        let names: std::collections::BTreeSet<String> = odd.iter().map(|o| file_name(o)).collect();
        assert_eq!(names.len(), odd.len(), "no two ids share a log: {names:?}");
        assert!(names.iter().all(|n| n.len() < 100 && !n.contains('/')), "{names:?}");
    }

    #[test]
    fn the_last_line_is_the_last_that_says_something() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let last = |text: &[u8]| {
            std::fs::write(file.path(), text).unwrap();
            last_line(file.path())
        };
        assert_eq!(last(b""), None);
        assert_eq!(last(b"one\ntwo\n\n  \n").as_deref(), Some("two"));
        assert_eq!(last(b"\x1b[31merror: no\x1b[0m\n").as_deref(), Some("error: no"));
        assert_eq!(last(b"10%\r20%\r100% done\n").as_deref(), Some("100% done"));
        assert_eq!(last(b"\xff\xfe bytes").as_deref(), Some("\u{fffd}\u{fffd} bytes"));
        let long = last(&[b'x'; 9000]).unwrap();
        assert_eq!(long.chars().count(), QUOTED, "{long}");
    }
}
