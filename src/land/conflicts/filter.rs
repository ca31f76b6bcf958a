//! Which pairs of branches cannot conflict, by the paths that they change: most pairs need no merge.
//!
//! Only said of two branches with one and the same merge base. Three conditions, each with the conflict
//! that would be missed without it: a common path; a path below a path of the other (a file against a
//! folder); a file that is added in a folder from which the other has removed files (if the other has
//! renamed that folder, git moves the new file along, or calls it a conflict).

use std::collections::BTreeSet;

/// What a branch changes against its base. Paths are git's bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Added files.
    pub added: BTreeSet<Vec<u8>>,
    /// Removed files; a renamed one is removed and added.
    pub removed: BTreeSet<Vec<u8>>,
    /// Files with other content or mode.
    pub changed: BTreeSet<Vec<u8>>,
}

impl Touched {
    /// All paths.
    pub fn paths(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.added.iter().chain(&self.removed).chain(&self.changed)
    }

    /// True when a merge of the two cannot conflict.
    pub fn is_apart_from(&self, other: &Touched) -> bool {
        let (own, theirs) = (all(self), all(other));
        own.is_disjoint(&theirs)
            && !is_below(&own, &theirs)
            && !is_below(&theirs, &own)
            && folders(&self.added).is_disjoint(&folders(&other.removed))
            && folders(&other.added).is_disjoint(&folders(&self.removed))
    }
}

fn all(touched: &Touched) -> BTreeSet<&[u8]> {
    touched.paths().map(Vec::as_slice).collect()
}

/// True when one of `paths` is below one of `others`.
fn is_below(paths: &BTreeSet<&[u8]>, others: &BTreeSet<&[u8]>) -> bool {
    paths.iter().any(|path| above(path).any(|folder| others.contains(folder)))
}

/// The folders in which these files are, at all levels.
fn folders(paths: &BTreeSet<Vec<u8>>) -> BTreeSet<&[u8]> {
    paths.iter().flat_map(|path| above(path)).collect()
}

/// The folders above a path, without the top.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<Vec<u8>> {
        paths.iter().map(|p| p.as_bytes().to_vec()).collect()
    }

    fn touched(added: &[&str], removed: &[&str], changed: &[&str]) -> Touched {
        Touched { added: set(added), removed: set(removed), changed: set(changed) }
    }

    #[test]
    fn other_files_of_one_folder_are_apart() {
        assert!(touched(&["d/new"], &[], &["d/a"]).is_apart_from(&touched(&[], &[], &["d/b"])));
        assert!(!touched(&[], &[], &["d/a"]).is_apart_from(&touched(&[], &["d/a"], &[])));
    }

    #[test]
    fn a_file_against_a_folder_is_not_apart() {
        let (file, folder) = (touched(&["x"], &[], &[]), touched(&["x/y"], &[], &[]));
        assert!(!file.is_apart_from(&folder) && !folder.is_apart_from(&file));
        assert!(touched(&["x.y"], &[], &[]).is_apart_from(&folder));
    }

    #[test]
    fn a_new_file_in_a_folder_that_the_other_has_renamed_is_not_apart() {
        let renamed = touched(&["e/s/1"], &["d/s/1"], &[]);
        let new = touched(&["d/new"], &[], &[]);
        assert!(!renamed.is_apart_from(&new) && !new.is_apart_from(&renamed));
        assert!(touched(&["new"], &[], &[]).is_apart_from(&renamed), "the top cannot be renamed");
    }
}
