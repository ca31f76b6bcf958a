//! Many merges in one `git merge-tree --stdin`, with their objects in a folder that goes afterwards.

use std::path::Path;

use crate::git::Git;
use crate::land::LandError;
use crate::land::merge::{Merged, body};
use crate::land::workshop::Workshop;

/// Objects that nobody keeps.
#[derive(Debug)]
pub struct Quarantine {
    folder: tempfile::TempDir,
}

impl Quarantine {
    /// A folder in memory where there is one: a prediction writes thousands of small files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self, LandError> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("coord-merge-");
        let folder = builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir());
        Ok(Quarantine { folder: folder.map_err(LandError::io(Path::new("a temporary folder")))? })
    }

    /// A git command on the workshop that sees these objects, too.
    pub fn git(&self, workshop: &Workshop) -> Git {
        self.env(workshop).into_iter().fold(workshop.git(), |git, (key, value)| git.env(key, value))
    }

    /// Variables by which git writes its objects here and finds all others.
    pub fn env(&self, workshop: &Workshop) -> [(&'static str, std::ffi::OsString); 2] {
        let objects = workshop.path().join("objects");
        let quoted = format!("\"{}\"", objects.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""));
        [
            ("GIT_OBJECT_DIRECTORY", self.folder.path().as_os_str().to_owned()),
            // A list separated by colons; in quotes, a path may have one.
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted.into()),
        ]
    }
}

/// Merges each pair of commits. `None`: git cannot merge the two (no common history, an object that is
/// not here).
///
/// # Errors
/// When git cannot be started or prints what cannot be read.
pub fn merge(
    workshop: &Workshop,
    quarantine: &Quarantine,
    pairs: &[(String, String)],
) -> Result<Vec<Option<Merged>>, LandError> {
    let mut results: Vec<Option<Merged>> = Vec::with_capacity(pairs.len());
    while results.len() < pairs.len() {
        let rest = &pairs[results.len()..];
        let input: String = rest.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
        let mut git = workshop.merging();
        for (key, value) in quarantine.env(workshop) {
            git = git.env(key, value);
        }
        let output = git.args(["merge-tree", "--write-tree", "-z", "--stdin"]).stdin(input).output()?;
        let before = results.len();
        let mut words = output.stdout.split(|b| *b == 0);
        for _ in rest {
            let Some(merged) = answer(&mut words) else { break };
            results.push(Some(merged));
        }
        if results.len() < pairs.len() {
            // git ends at the first pair that it cannot merge.
            let is_stuck = before == results.len() && output.status == Some(0);
            if is_stuck {
                return Err(LandError::unreadable(&pairs[before].1, &output.stderr));
            }
            results.push(None);
        }
    }
    Ok(results)
}

/// One answer: `1` or `0`, then as without `--stdin`, then an empty word.
fn answer<'o>(words: &mut impl Iterator<Item = &'o [u8]>) -> Option<Merged> {
    let clean = match words.next()? {
        b"1" => true,
        b"0" => false,
        _ => return None,
    };
    let merged = body(words, clean)?;
    if clean {
        words.next().filter(|word| word.is_empty())?;
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_each_other() {
        let out = b"1\0aa\0\x000\0bb\x00100644 d0 1\tf\0\x001\0f\0CONFLICT (contents)\0text\n\0\x001\0cc\0\0";
        let mut words = out.split(|b| *b == 0);
        let list: Vec<Merged> = std::iter::from_fn(|| answer(&mut words)).collect();
        let seen: Vec<(&str, bool)> = list.iter().map(|m| (m.tree.as_str(), m.clean)).collect();
        assert_eq!(seen, [("aa", true), ("bb", false), ("cc", true)]);
        assert_eq!(list[1].conflicts["f"], "contents");
    }
}
