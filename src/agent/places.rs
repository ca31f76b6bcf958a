//! Where paths are: in which worktree, under which name there. The path decides, not the folder that the
//! agent is at work in.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use crate::git::{GitEnv, HostRepo, resolve_existing};
use crate::model::RepoPath;

use super::tools::{Target, Write};

/// The paths of one worktree.
#[derive(Debug)]
pub struct Place {
    /// The worktree.
    pub repo: HostRepo,
    /// The paths in it, each once.
    pub paths: Vec<RepoPath>,
}

/// Sorts paths by the worktrees that they are in. What is in none, or inside git's own folder, is left out,
/// and so is the top of a worktree: no call is certain to write all of it.
pub fn of(writes: &[Write], here: &Path) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut known: HashMap<PathBuf, Option<HostRepo>> = HashMap::new();
    for write in writes {
        let real = real(&here.join(&write.path), write.target);
        let Some(folder) = real.parent().and_then(|parent| parent.ancestors().find(|dir| dir.is_dir()))
        else {
            continue;
        };
        let repo = known.entry(folder.to_owned()).or_insert_with(|| find(folder));
        let Some(repo) = repo.as_ref().filter(|repo| !real.starts_with(&repo.git_dir)) else { continue };
        let Ok(below) = real.strip_prefix(&repo.root) else { continue };
        let Ok(path) = RepoPath::from_bytes(below.as_os_str().as_bytes()) else { continue };
        if path.is_root() {
            continue;
        }
        match places.iter_mut().find(|place| place.repo.root == repo.root) {
            Some(place) if place.paths.contains(&path) => {}
            Some(place) => place.paths.push(path),
            None => places.push(Place { repo: repo.clone(), paths: vec![path] }),
        }
    }
    places
}

/// The worktree that a folder is in, if there is one.
pub fn find(folder: &Path) -> Option<HostRepo> {
    HostRepo::discover(folder, &GitEnv::default()).ok()
}

/// The file that is written: without `..`, and behind symbolic links, as far as they exist.
fn real(path: &Path, target: Target) -> PathBuf {
    let path = without_dots(path);
    match (target, path.parent(), path.file_name()) {
        (Target::Entry, Some(parent), Some(name)) => resolve_existing(parent).join(name),
        _ => resolve_existing(&path),
    }
}

/// `a/../b` is beside what `a` leads to, if it is a link.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if let Ok(real) = clean.canonicalize() {
                    clean = real;
                }
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}
