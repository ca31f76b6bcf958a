//! Nothing is left.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{footprint, remove};
use crate::binding::Binding;
use crate::git::testrepo::TestRepo;
use crate::hook;
use crate::model::SessionName;
use crate::store::{self, StoreOptions};

/// Every file and folder below a git folder, with mode and content. Not compared are objects,
/// which nothing refers to and which git removes itself.
fn listing(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    fn walk(top: &Path, dir: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(top).unwrap().to_owned();
            if below.starts_with("objects") || below.ends_with("index") {
                continue;
            }
            let data = std::fs::symlink_metadata(&path).unwrap();
            if data.is_dir() {
                found.insert(below, (data.permissions().mode(), Vec::new()));
                walk(top, &path, found);
            } else {
                found.insert(below, (data.permissions().mode(), std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(dir, dir, &mut found);
    found
}

fn bind(git_dir: &Path, at: &Path) {
    let binding = Binding {
        session: SessionName::parse("one").unwrap(),
        token: "t".into(),
        worktree: at.to_string_lossy().into_owned(),
        by_agent: false,
    };
    std::fs::write(Binding::path_in(git_dir), serde_json::to_vec(&binding).unwrap()).unwrap();
}

/// Sets everything up that git-coord ever writes.
fn set_up(repo: &TestRepo) {
    let host = repo.host();
    let sha256 = repo.line(&["rev-parse", "--show-object-format"]) == "sha256";
    store::create(&host.common_dir, sha256, StoreOptions::default()).unwrap();
    hook::install(&host, Path::new("/bin/true")).unwrap();
    repo.git(&["config", "coord.ttl", "30m"]);
    repo.git(&["config", "--add", "coord.protect", "main"]);
    bind(&host.git_dir, &host.root);
    for dir in crate::doctor::git_dirs(&host.common_dir) {
        bind(&dir, &host.root);
    }
    let tree = repo.line(&["rev-parse", "HEAD^{tree}"]);
    for name in ["one", "two", "three"] {
        repo.git(&["update-ref", &format!("refs/notes/coord/{name}"), &tree]);
    }
    std::fs::create_dir(host.common_dir.join("coord.new-1234")).unwrap();
    std::fs::create_dir(host.common_dir.join("coord.removed-1234")).unwrap();
}

fn leaves_no_trace(repo: &TestRepo) {
    repo.write("a", "1");
    repo.commit("first");
    repo.git(&["worktree", "add", "-q", "../linked"]);
    repo.git(&["worktree", "add", "-q", "../gone"]);
    std::fs::remove_dir_all(repo.root.parent().unwrap().join("gone")).unwrap();
    let hook = repo.root.join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o750)).unwrap();
    let before = listing(&repo.root.join(".git"));
    set_up(repo);
    assert_ne!(listing(&repo.root.join(".git")), before);
    let found = footprint(&repo.host()).unwrap();
    assert_eq!((found.notes.len(), found.leftovers.len(), found.bindings.len()), (3, 2, 3));
    assert!(found.settings && found.store.is_some() && found.hooks.len() == hook::Hook::ALL.len());

    remove(&repo.host()).unwrap();
    let after = listing(&repo.root.join(".git"));
    let left: Vec<_> = after.iter().filter(|(path, what)| before.get(*path) != Some(what)).collect();
    assert!(left.is_empty(), "left or changed: {left:#?}");
    let gone: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert!(gone.is_empty(), "gone: {gone:#?}");
    assert!(footprint(&repo.host()).unwrap().is_empty());
    assert!(remove(&repo.host()).unwrap().is_empty(), "again is harmless");
}

#[test]
fn a_repository_is_as_it_was_before() {
    leaves_no_trace(&TestRepo::new());
}

#[test]
fn also_with_longer_ids() {
    if let Some(repo) = TestRepo::with(&["--object-format=sha256"]) {
        leaves_no_trace(&repo);
    }
}

#[test]
fn refs_in_tables_go_too() {
    let Some(repo) = TestRepo::with(&["--ref-format=reftable"]) else { return };
    repo.write("a", "1");
    repo.commit("first");
    set_up(&repo);
    remove(&repo.host()).unwrap();
    assert_eq!(repo.line(&["for-each-ref", "refs/notes/"]), "");
    assert!(footprint(&repo.host()).unwrap().is_empty());
}

#[test]
fn a_removal_that_was_cut_off_is_continued() {
    let repo = TestRepo::new();
    repo.commit("first");
    set_up(&repo);
    let common = repo.root.join(".git");
    std::fs::rename(common.join("coord"), common.join("coord.removed-77")).unwrap();
    assert!(!footprint(&repo.host()).unwrap().is_empty());
    remove(&repo.host()).unwrap();
    assert!(footprint(&repo.host()).unwrap().is_empty());
    assert!(!common.join("coord.removed-77").exists());
}

#[test]
fn a_store_that_cannot_be_read_can_be_removed() {
    let repo = TestRepo::new();
    repo.commit("first");
    set_up(&repo);
    std::fs::remove_dir_all(repo.root.join(".git/coord/objects")).unwrap();
    assert!(footprint(&repo.host()).unwrap().store.is_some());
    remove(&repo.host()).unwrap();
    assert!(!repo.root.join(".git/coord").exists());
}

#[test]
fn where_nothing_is_nothing_is_removed() {
    let repo = TestRepo::new();
    repo.commit("first");
    let before = listing(&repo.root.join(".git"));
    assert!(footprint(&repo.host()).unwrap().is_empty());
    assert!(remove(&repo.host()).unwrap().is_empty());
    assert_eq!(listing(&repo.root.join(".git")), before);
}
