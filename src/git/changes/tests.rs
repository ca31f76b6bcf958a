#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::testrepo::TestRepo;
use super::*;

mod log;

/// What git itself answers, as sorted text forms.
fn by_git(repo: &TestRepo, dir: &Path, index: Option<&Path>) -> Vec<String> {
    let mut command = repo.command(dir);
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let head = if repo.try_git_in(dir, ["rev-parse", "-q", "--verify", "HEAD"]).status.success() {
        "HEAD".to_owned()
    } else {
        String::from_utf8(repo.git_in(dir, ["hash-object", "-t", "tree", "/dev/null"]))
            .unwrap()
            .trim()
            .to_owned()
    };
    command.args([
        "diff-index",
        "--cached",
        "--no-renames",
        "--ita-invisible-in-index",
        "--name-only",
        "-z",
        &head,
    ]);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let paths = out.stdout.split(|b| *b == 0).filter(|p| !p.is_empty());
    let mut paths: Vec<_> = paths.map(|p| RepoPath::from_bytes(p).unwrap().to_string()).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn names(changes: &Changes) -> Vec<String> {
    let mut names: Vec<_> = changes.paths.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

/// The answer, which must be git's own and must have been found in this process.
fn checked(repo: &TestRepo) -> Vec<String> {
    let changes = staged(&repo.host(), None).unwrap();
    assert!(!changes.asked_git, "gix could not answer");
    assert_eq!(names(&changes), by_git(repo, &repo.root, None));
    names(&changes)
}

fn odd_paths() -> Vec<Vec<u8>> {
    let mut deep = b"d/".repeat(60);
    deep.extend_from_slice(b"file");
    let mut list: Vec<Vec<u8>> = [
        "with space",
        " leading",
        "trailing ",
        "quo\"te",
        "it's",
        "tab\there",
        "new\nline",
        "\nfirst",
        "grüße/日本",
        "-dash",
        "--",
        ".dot",
        "x.lock/y",
        "a.b",
        "a/b",
        "a0",
        "back\\slash",
        "*",
        ":(glob)x",
        "semi;colon",
        "$HOME",
    ]
    .iter()
    .map(|p| p.as_bytes().to_vec())
    .collect();
    list.push(b"latin\xe9".to_vec());
    list.push(deep);
    list
}

#[test]
fn odd_paths_are_reported_as_they_are() {
    let repo = TestRepo::new();
    for path in odd_paths() {
        repo.write(&path, "1");
    }
    repo.git(&["add", "-A"]);
    assert_eq!(checked(&repo).len(), odd_paths().len(), "on a branch without commits");
    let id = repo.commit("odd\n\nCoord-Session: s");
    assert_eq!(checked(&repo), Vec::<String>::new());
    for path in odd_paths() {
        repo.write(&path, "2");
    }
    repo.git(&["add", "-A"]);
    assert_eq!(checked(&repo).len(), odd_paths().len());

    let log = in_range(&repo.host(), &id).unwrap();
    let mut expected: Vec<_> = odd_paths().iter().map(|p| RepoPath::from_bytes(p).unwrap()).collect();
    expected.sort();
    assert_eq!(log[0].paths, expected);
}

#[test]
fn every_kind_of_change_counts() {
    let repo = TestRepo::new();
    for path in ["keep", "gone", "old", "mode", "kind", "dir/a", "dir/b", "file"] {
        repo.write(path, &format!("text of {path} that is long enough to be found again\n"));
    }
    repo.commit("base");
    std::fs::remove_file(repo.root.join("gone")).unwrap();
    std::fs::rename(repo.root.join("old"), repo.root.join("new")).unwrap();
    std::fs::set_permissions(repo.root.join("mode"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::remove_file(repo.root.join("kind")).unwrap();
    symlink("keep", repo.root.join("kind")).unwrap();
    // A folder becomes a file, and a file a folder.
    std::fs::remove_dir_all(repo.root.join("dir")).unwrap();
    repo.write("dir", "");
    std::fs::remove_file(repo.root.join("file")).unwrap();
    repo.write("file/x", "");
    repo.git(&["add", "-A"]);
    let expected = ["dir", "dir/a", "dir/b", "file", "file/x", "gone", "kind", "mode", "new", "old"];
    assert_eq!(checked(&repo), expected);
}

#[test]
fn announced_files_and_hidden_submodules() {
    let repo = TestRepo::new();
    let inner = TestRepo::new();
    let first = inner.commit("one");
    let second = inner.commit("two");
    repo.write("a", "1");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{first},sub")]);
    repo.git(&["commit", "-qm", "base"]);
    repo.git(&["update-index", "--cacheinfo", &format!("160000,{second},sub")]);
    repo.write("announced", "");
    repo.git(&["add", "-N", "announced"]);
    assert_eq!(checked(&repo), ["sub"]);
    // Configuration that hides a submodule from diffs must not hide it from us.
    repo.git(&["config", "diff.ignoreSubmodules", "all"]);
    let host = repo.host();
    assert_eq!(names(&staged(&host, None).unwrap()), ["sub"]);
    assert_eq!(with_git(&host, &host.git_dir.join("index"), &[HEAD.to_owned()]).unwrap(), [b"sub".to_vec()]);
}

/// A pre-commit hook that keeps the index it was given, under the name it had.
fn dump_index(repo: &TestRepo, dir: &Path, args: &[&str]) -> (Vec<String>, String) {
    let hook = repo.root.join(".git/hooks/pre-commit");
    let copy = repo.temp.path().join("seen-index");
    let name = repo.temp.path().join("seen-name");
    let script = format!(
        "#!/bin/sh\ncp \"$GIT_INDEX_FILE\" '{}'\nprintf %s \"$GIT_INDEX_FILE\" >'{}'\nexit 1\n",
        copy.display(),
        name.display()
    );
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(!repo.try_git_in(dir, args).status.success(), "the hook refuses");
    std::fs::remove_file(hook).unwrap();
    let changes = staged(&repo.host_at(dir), Some(&copy)).unwrap();
    assert!(!changes.asked_git);
    let top = repo.host_at(dir).root;
    assert_eq!(names(&changes), by_git(repo, &top, Some(&copy)));
    (names(&changes), std::fs::read_to_string(name).unwrap())
}

#[test]
fn the_index_that_git_names_is_the_one_that_counts() {
    let repo = TestRepo::new();
    for path in ["a", "b", "sub/c"] {
        repo.write(path, "1");
    }
    repo.commit("base");
    let linked = repo.temp.path().canonicalize().unwrap().join("linked");
    repo.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    for top in [repo.root.clone(), linked] {
        for path in ["a", "b", "sub/c"] {
            std::fs::write(top.join(path), "2").unwrap();
        }
        repo.git_in(&top, ["add", "b"]);
        let (plain, name) = dump_index(&repo, &top, &["commit", "-m", "x"]);
        assert_eq!(plain, ["b"]);
        assert!(name.ends_with("index"), "{name}");
        let (all, name) = dump_index(&repo, &top, &["commit", "-am", "x"]);
        assert_eq!(all, ["a", "b", "sub/c"]);
        assert!(name.ends_with("index.lock"), "{name}");
        let (only, name) = dump_index(&repo, &top.join("sub"), &["commit", "-m", "x", "--", "c"]);
        assert_eq!(only, ["sub/c"]);
        assert!(name.contains("next-index-"), "{name}");
        let (amend, _) = dump_index(&repo, &top, &["commit", "--amend", "-m", "x"]);
        assert_eq!(amend, ["b"], "what the amended commit had is not edited again");
    }
}

/// main and `side` both changed; `both` in a way that conflicts if `conflict`.
fn two_sides(conflict: bool) -> TestRepo {
    let repo = TestRepo::new();
    for path in ["both", "ours", "theirs", "gone"] {
        repo.write(path, "1\n");
    }
    repo.commit("base");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("theirs", "side\n");
    std::fs::remove_file(repo.root.join("gone")).unwrap();
    repo.write("new", "side\n");
    if conflict {
        repo.write("both", "side\n");
    }
    repo.commit("side\n\nCoord-Session: side");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("ours", "main\n");
    if conflict {
        repo.write("both", "main\n");
    }
    repo.commit("main");
    repo
}

#[test]
fn a_merge_changes_only_what_merging_does_not_give() {
    let repo = two_sides(false);
    repo.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    let changes = staged(&repo.host(), None).unwrap();
    assert!(changes.merge && changes.paths.is_empty(), "{changes:?}");
    repo.write("slipped-in", "");
    repo.write("theirs", "neither\n");
    repo.git(&["add", "-A"]);
    let changes = staged(&repo.host(), None).unwrap();
    assert_eq!(names(&changes), ["slipped-in", "theirs"]);
    let bases = [HEAD.to_owned(), repo.line(&["rev-parse", "side"])];
    let asked = with_git(&repo.host(), &repo.root.join(".git/index"), &bases);
    assert_eq!(asked.unwrap(), [b"slipped-in".to_vec(), b"theirs".to_vec()], "git says the same");
    repo.git(&["commit", "-qm", "merge"]);
    let log = in_range(&repo.host(), "HEAD^!").unwrap();
    assert_eq!(log[0].parents.len(), 2);
    assert_eq!(log[0].paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["slipped-in", "theirs"]);
}

#[test]
fn a_conflict_counts_however_it_is_resolved() {
    let repo = two_sides(true);
    assert!(!repo.try_git_in(&repo.root, ["merge", "-q", "side"]).status.success());
    assert_eq!(names(&staged(&repo.host(), None).unwrap()), ["both"], "unresolved");
    repo.write("both", "both sides\n");
    repo.git(&["add", "both"]);
    assert_eq!(names(&staged(&repo.host(), None).unwrap()), ["both"], "resolved by hand");
    repo.git(&["checkout", "side", "--", "both"]);
    assert_eq!(names(&staged(&repo.host(), None).unwrap()), ["both"], "the other side's change is undone");
}

#[test]
fn an_unresolved_entry_counts_even_when_it_is_what_head_has() {
    let repo = TestRepo::new();
    repo.write("a", "1");
    repo.commit("base");
    let blob = repo.line(&["rev-parse", "HEAD:a"]);
    repo.git(&["update-index", "--force-remove", "a"]);
    let info = repo.temp.path().join("info");
    std::fs::write(&info, format!("100644 {blob} 2\ta\n")).unwrap();
    let mut update = repo.command(&repo.root);
    update.args(["update-index", "--index-info"]).stdin(std::fs::File::open(info).unwrap());
    assert!(update.output().unwrap().status.success());
    assert_eq!(checked(&repo), ["a"]);
}

#[test]
fn before_merge_head_exists_the_parents_can_be_given() {
    let repo = two_sides(false);
    let hook = repo.root.join(".git/hooks/pre-merge-commit");
    let seen = repo.temp.path().join("seen");
    std::fs::write(&hook, format!("#!/bin/sh\nls .git/MERGE_HEAD; env >'{}'; exit 1\n", seen.display()))
        .unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Stopped by the hook, the merge is as `pre-merge-commit` saw it, but for MERGE_HEAD.
    assert!(!repo.try_git_in(&repo.root, ["merge", "-q", "side"]).status.success());
    let side = repo.line(&["rev-parse", "side"]);
    assert!(std::fs::read_to_string(seen).unwrap().contains(&format!("GITHEAD_{side}=")));
    let _ = std::fs::remove_file(repo.root.join(".git/MERGE_HEAD"));
    assert_eq!(names(&staged(&repo.host(), None).unwrap()), ["gone", "new", "theirs"]);
    let changes = staged_with_parents(&repo.host(), None, &[side]).unwrap();
    assert!(changes.merge && changes.paths.is_empty(), "{changes:?}");
}

#[test]
fn a_cherry_pick_is_an_ordinary_commit() {
    let repo = two_sides(false);
    repo.git(&["cherry-pick", "--no-commit", "side"]);
    assert_eq!(checked(&repo), ["gone", "new", "theirs"]);
}

#[test]
fn other_formats_of_repository_and_index() {
    for init in [
        &["--object-format=sha256"][..],
        &["--ref-format=reftable"],
        &["--ref-format=reftable", "--object-format=sha256"],
    ] {
        let Some(repo) = TestRepo::with(init) else { continue };
        repo.write("a", "1");
        repo.git(&["add", "a"]);
        assert_eq!(checked(&repo), ["a"], "{init:?}, no commit yet");
        repo.commit("one");
        repo.write("b/c", "1");
        repo.git(&["add", "-A"]);
        assert_eq!(checked(&repo), ["b/c"], "{init:?}");
        assert_eq!(in_range(&repo.host(), "HEAD").unwrap().len(), 1);
    }
    let repo = TestRepo::new();
    for path in ["a/b", "a/c", "d/e", "f"] {
        repo.write(path, "1");
    }
    repo.commit("base");
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["checkout", "-q", "--detach"]);
    repo.write("a/c", "2");
    repo.git(&["add", "-A"]);
    assert_eq!(checked(&repo), ["a/c"], "packed refs, detached");
    repo.git(&["update-index", "--index-version=4", "--untracked-cache", "--force-untracked-cache"]);
    repo.git(&["config", "index.skipHash", "true"]);
    repo.write("f", "2");
    repo.git(&["add", "-A"]);
    assert_eq!(checked(&repo), ["a/c", "f"], "version 4, untracked cache, no checksum");
    repo.git(&["update-index", "--split-index"]);
    repo.write("d/e", "2");
    repo.git(&["add", "-A"]);
    let split = staged(&repo.host(), None).unwrap();
    assert_eq!((names(&split), split.asked_git), (by_git(&repo, &repo.root, None), true));
    repo.git(&["update-index", "--no-split-index"]);
    repo.git(&["reset", "-q", "--hard"]);
    repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "a"]);
    repo.write("a/b", "3");
    repo.git(&["add", "a/b"]);
    assert_eq!(names(&staged(&repo.host(), None).unwrap()), ["a/b"]);
}

#[test]
fn borrowed_objects_are_found() {
    let repo = TestRepo::new();
    repo.write("a/b", "1");
    repo.commit("base");
    let clone = repo.temp.path().join("clone");
    repo.git(&["clone", "-q", "--shared", ".", clone.to_str().unwrap()]);
    std::fs::write(clone.join("a/b"), "2").unwrap();
    repo.git_in(&clone, ["add", "-A"]);
    let changes = staged(&repo.host_at(&clone), None).unwrap();
    assert_eq!((names(&changes), changes.asked_git), (vec!["a/b".to_owned()], false));
}

fn tree() -> impl Strategy<Value = Vec<(String, u8)>> {
    // Few names, so that files and folders of one name meet, and those that sort around `/`.
    let name = prop::sample::select(vec!["a", "a-", "a.b", "a0", "b"]);
    let path = prop::collection::vec(name, 1..4).prop_map(|p| p.join("/"));
    prop::collection::vec((path, 0u8..4), 0..14)
}

/// Puts a random tree into the index; a path that collides with one before is left out.
fn put(repo: &TestRepo, blobs: &[String], files: &[(String, u8)]) {
    for (path, kind) in files {
        let mode = ["100644", "100755", "120000", "100644"][usize::from(*kind)];
        let info = format!("{mode},{},{path}", blobs[usize::from(*kind)]);
        let _ =
            repo.try_git_in(&repo.root, ["update-index", "--add", "--replace", "--cacheinfo", info.as_str()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_trees_compare_as_git_compares_them(before in tree(), after in tree(), keep in any::<bool>()) {
        let repo = TestRepo::new();
        let blobs: Vec<String> = (0..4)
            .map(|n| {
                let file: PathBuf = repo.temp.path().join("blob");
                std::fs::write(&file, n.to_string()).unwrap();
                repo.line(&["hash-object", "-w", file.to_str().unwrap()])
            })
            .collect();
        put(&repo, &blobs, &before);
        repo.git(&["commit", "-q", "--allow-empty", "-m", "before"]);
        if !keep {
            repo.git(&["read-tree", "--empty"]);
        }
        put(&repo, &blobs, &after);
        checked(&repo);
    }
}
