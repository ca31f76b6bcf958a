//! The approvals of a clone, in a file to which lines are only ever added.
//!
//! A line is `<64 hexadecimal digits> made` or `… allowed`. Lines that cannot be read are passed over:
//! a half-written one approves nothing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::CommandHash;

/// How a command came to be approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// An operation of this clone brought it into the state.
    Made,
    /// It was shown to somebody here, who accepted it.
    Allowed,
}

impl Approval {
    fn word(self) -> &'static str {
        match self {
            Approval::Made => "made",
            Approval::Allowed => "allowed",
        }
    }
}

/// The approvals of a clone.
#[derive(Debug)]
pub struct Approvals {
    file: PathBuf,
    read: Mutex<Known>,
}

/// What has been read of the file.
#[derive(Debug, Default)]
struct Known {
    length: u64,
    commands: HashMap<CommandHash, Approval>,
}

impl Approvals {
    /// Those of the store in this folder.
    pub fn of(store: &Path) -> Self {
        Approvals { file: store.join("trust").join("approved"), read: Mutex::default() }
    }

    /// Where they are kept.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How a command was approved, if it was.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn get(&self, hash: CommandHash) -> std::io::Result<Option<Approval>> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(approval) = known.commands.get(&hash) {
            return Ok(Some(*approval));
        }
        // Another process may have added it since.
        self.read_on(&mut known)?;
        Ok(known.commands.get(&hash).copied())
    }

    /// Reads what was added.
    fn read_on(&self, known: &mut Known) -> std::io::Result<()> {
        let mut file = match File::open(&self.file) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let mut text = String::new();
        file.seek(SeekFrom::Start(known.length))?;
        file.read_to_string(&mut text)?;
        for line in text.split_inclusive('\n') {
            // The last line may be half written: it is read again the next time.
            let Some(whole) = line.strip_suffix('\n') else { break };
            known.length += line.len() as u64;
            let Some((hash, word)) = whole.split_once(' ') else { continue };
            let approval = match word {
                "made" => Approval::Made,
                "allowed" => Approval::Allowed,
                _ => continue,
            };
            if let Some(hash) = CommandHash::parse(hash) {
                let entry = known.commands.entry(hash).or_insert(approval);
                if approval == Approval::Made {
                    *entry = approval;
                }
            }
        }
        Ok(())
    }

    /// Approves commands.
    ///
    /// # Errors
    /// When the file cannot be written; then none of them, or all, are approved.
    pub fn add(
        &self,
        hashes: impl IntoIterator<Item = CommandHash>,
        approval: Approval,
    ) -> std::io::Result<()> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_on(&mut known)?;
        let mut lines = String::new();
        for hash in hashes {
            let there = known.commands.get(&hash);
            if there.is_none() || (approval == Approval::Made && there != Some(&Approval::Made)) {
                known.commands.insert(hash, approval);
                lines.push_str(&format!("{hash} {}\n", approval.word()));
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::options().create(true).append(true).read(true).open(&self.file)?;
        if !ends_with_a_line(&mut file)? {
            // A process died while it wrote: what it left must not swallow our first line.
            lines.insert(0, '\n');
        }
        file.write_all(lines.as_bytes())
    }
}

fn ends_with_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_approve_and_others_see_what_is_added() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, theirs) = (Approvals::of(folder.path()), Approvals::of(folder.path()));
        let [one, two] = ["make test", "make test "].map(CommandHash::of);
        assert_eq!(mine.get(one).unwrap(), None);
        theirs.add([one], Approval::Allowed).unwrap();
        assert_eq!((mine.get(one).unwrap(), mine.get(two).unwrap()), (Some(Approval::Allowed), None));
        // Half a line, as a full disk leaves it.
        let mut file = File::options().append(true).open(mine.file()).unwrap();
        write!(file, "{two} mad").unwrap();
        assert_eq!(mine.get(two).unwrap(), None);
        theirs.add([two], Approval::Made).unwrap();
        assert_eq!(Approvals::of(folder.path()).get(two).unwrap(), Some(Approval::Made));
        // Made here counts for more than allowed.
        theirs.add([one], Approval::Made).unwrap();
        theirs.add([one], Approval::Allowed).unwrap();
        assert_eq!(Approvals::of(folder.path()).get(one).unwrap(), Some(Approval::Made));
    }

    #[test]
    fn a_hash_is_that_of_sha256sum() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(CommandHash::of("abc").to_string(), text);
        assert_eq!(CommandHash::parse(text), Some(CommandHash::of("abc")));
        assert_eq!(CommandHash::parse(&text.replace('b', "é")), None);
    }
}
