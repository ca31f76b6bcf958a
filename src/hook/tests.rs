#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::*;
use crate::git::testrepo::TestRepo;

mod recover;
mod tools;

/// A repository, and a stand-in for git-coord and writes down how it is called.
struct Scene {
    repo: TestRepo,
    /// Lines `<who> <words>`, in the order in which things ran.
    log: PathBuf,
    binary: PathBuf,
    /// `PATH` with git and the shell's tools, and no git-coord.
    path: OsString,
}

impl Scene {
    fn new() -> Self {
        let repo = TestRepo::new();
        let temp = repo.temp.path().canonicalize().unwrap();
        let log = temp.join("log");
        let binary = temp.join("it's here, $HOME").join("git-coord");
        fs::create_dir_all(binary.parent().unwrap()).unwrap();
        let scene = Scene { path: bare_path(&temp.join("bin")), repo, log, binary };
        script(&scene.binary, &scene.logging("coord", "shift; [ \"$hook\" = pre-push ] && cat >>\"$log\""));
        repo_with_commit(&scene.repo);
        scene
    }

    /// A hook that logs its name and words, then goes on with `more`.
    fn logging(&self, who: &str, more: &str) -> String {
        let log = self.log.display();
        format!("#!/bin/sh\nlog='{log}'\necho \"{who} $*\" >>\"$log\"\nhook=$2\n{more}\ntrue\n")
    }

    fn hooks(&self) -> PathBuf {
        self.repo.root.join(".git/hooks")
    }

    fn install(&self) -> BTreeMap<&'static str, Change> {
        let list = install(&self.repo.host(), &self.binary).unwrap();
        list.into_iter()
            .filter(|i| i.worktrees[0] == self.repo.root)
            .map(|i| (i.hook.name(), i.change))
            .collect()
    }

    fn uninstall(&self) -> Vec<Removed> {
        uninstall(&self.repo.host()).unwrap()
    }

    fn state(&self, dir: &Path, hook: Hook) -> HookStatus {
        status(&self.repo.host_at(dir)).unwrap().into_iter().find(|s| s.hook == hook).unwrap()
    }

    fn git(&self, dir: &Path, args: &[&str]) -> Output {
        self.repo.command(dir).env("PATH", &self.path).args(args).output().unwrap()
    }

    /// Commits without changes, and returns what ran for `pre-commit`.
    fn commit(&self, dir: &Path) -> (bool, Vec<String>) {
        let _ = fs::remove_file(&self.log);
        let out = self.git(dir, &["commit", "-q", "--allow-empty", "-m", "x"]);
        (
            out.status.success(),
            self.logged().into_iter().filter(|l| !l.contains("commit-msg") && !l.contains("post-")).collect(),
        )
    }

    fn logged(&self) -> Vec<String> {
        fs::read_to_string(&self.log).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn linked(&self, name: &str) -> PathBuf {
        let path = self.repo.temp.path().canonicalize().unwrap().join(name);
        self.repo.git(&["worktree", "add", "-q", path.to_str().unwrap()]);
        path
    }
}

fn repo_with_commit(repo: &TestRepo) {
    repo.write("a", "1");
    repo.commit("base");
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder with links to the programs that git and hooks need, and to nothing else.
fn bare_path(dir: &Path) -> OsString {
    fs::create_dir_all(dir).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for name in ["git", "sh", "bash", "env", "cat", "basename", "dirname", "rm", "mv"] {
        if let Some(found) = std::env::split_paths(&path).map(|d| d.join(name)).find(|p| p.exists()) {
            symlink(found, dir.join(name)).unwrap();
        }
    }
    dir.as_os_str().to_owned()
}

/// Every file of a folder: name, mode, inode and content.
fn snapshot(dir: &Path) -> BTreeMap<String, (u32, u64, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap());
    let one = |e: fs::DirEntry| {
        let meta = fs::symlink_metadata(e.path()).unwrap();
        let text = if meta.is_symlink() {
            fs::read_link(e.path()).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(e.path()).unwrap_or_default()
        };
        (e.file_name().into_string().unwrap(), (meta.mode(), meta.ino(), text))
    };
    entries.map(one).collect()
}

#[test]
fn installed_hooks_run_in_every_worktree_and_twice_is_once() {
    let scene = Scene::new();
    let before = snapshot(&scene.hooks());
    assert_eq!(scene.state(&scene.repo.root, Hook::PreCommit).state, State::Missing);
    let changes = scene.install();
    assert_eq!(changes.len(), Hook::ALL.len());
    assert!(changes.values().all(|c| *c == Change::Created), "{changes:?}");
    let once = snapshot(&scene.hooks());
    assert!(scene.install().values().all(|c| *c == Change::Unchanged));
    assert_eq!(snapshot(&scene.hooks()), once, "not even rewritten");
    let linked = scene.linked("linked");
    for dir in [&scene.repo.root, &linked] {
        for hook in Hook::ALL {
            let status = scene.state(dir, hook);
            assert!(status.proven && status.is_active(), "{status:?}");
        }
        assert_eq!(scene.commit(dir), (true, vec!["coord hook pre-commit".to_owned()]));
    }
    assert!(
        scene.logged().iter().any(|l| l.starts_with("coord hook prepare-commit-msg ")),
        "{:?}",
        scene.logged()
    );
    assert_eq!(scene.uninstall().len(), Hook::ALL.len());
    assert_eq!(snapshot(&scene.hooks()), before);
    assert!(scene.uninstall().is_empty());
}

#[test]
fn the_hook_from_before_runs_first_and_comes_back_unchanged() {
    let scene = Scene::new();
    let hooks = scene.hooks();
    script(&hooks.join("pre-commit"), &scene.logging("earlier", ""));
    fs::set_permissions(hooks.join("pre-commit"), fs::Permissions::from_mode(0o710)).unwrap();
    // A relative link works only from the folder that it was made for.
    script(&scene.repo.root.join(".git/shared/post-commit"), &scene.logging("linked", ""));
    symlink("../shared/post-commit", hooks.join("post-commit")).unwrap();
    symlink("nowhere", hooks.join("pre-merge-commit")).unwrap();
    fs::write(hooks.join("prepare-commit-msg"), scene.logging("not-executable", "")).unwrap();
    let before = snapshot(&hooks);

    let changes = scene.install();
    assert_eq!(changes["pre-commit"], Change::Chained(Tool::Unknown));
    assert_eq!(changes["pre-push"], Change::Created);
    assert!(scene.install().values().all(|c| *c == Change::Unchanged));
    let (ok, ran) = scene.commit(&scene.repo.root);
    assert!(ok);
    assert_eq!(ran, ["earlier ", "coord hook pre-commit", "linked "]);
    assert!(!scene.logged().iter().any(|l| l.starts_with("not-executable")), "git would not have run it");
    let status = scene.state(&scene.repo.root, Hook::PreCommit);
    assert_eq!((status.state, status.proven, status.chained), (State::Active, true, Some(Tool::Unknown)));
    assert_eq!(scene.state(&scene.repo.root, Hook::PrepareCommitMsg).chained, None);

    assert!(scene.uninstall().iter().filter(|r| r.restored).count() == 4);
    assert_eq!(snapshot(&hooks), before, "the same files: inode, mode, content");
}

#[test]
fn a_failing_hook_from_before_refuses_and_a_failing_record_does_not_get_lost() {
    let scene = Scene::new();
    script(&scene.hooks().join("pre-commit"), &scene.logging("earlier", "exit 7"));
    script(&scene.hooks().join("post-commit"), &scene.logging("after", "exit 3"));
    scene.install();
    assert_eq!(scene.commit(&scene.repo.root), (false, vec!["earlier ".to_owned()]));
    let _ = fs::remove_file(&scene.log);
    let mut direct = scene.repo.command(&scene.repo.root);
    assert_eq!(direct.args(["hook", "run", "post-commit"]).output().unwrap().status.code(), Some(3));
    assert_eq!(scene.logged(), ["after ", "coord hook post-commit"]);
}

#[test]
fn both_hooks_read_what_git_says() {
    let scene = Scene::new();
    script(&scene.hooks().join("pre-push"), &scene.logging("earlier", "cat >>\"$log\""));
    scene.install();
    // Not started as a program: a test that forks in another thread may hold the file, which was
    // written a moment ago, open for writing, and then nobody may start it ("Text file busy").
    let mut child = Command::new("sh")
        .arg(scene.hooks().join("pre-push"))
        .current_dir(&scene.repo.root)
        .env("PATH", &scene.path)
        .args(["origin", "a url"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds.
    let lines: Vec<String> =
        (0..3000).map(|n| format!("refs/heads/b{n} {} `x` $HOME \\n", "1".repeat(40))).collect();
    child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let mut expected = vec!["earlier origin a url".to_owned()];
    expected.extend(lines.clone());
    expected.push("coord hook pre-push origin a url".to_owned());
    expected.extend(lines);
    assert_eq!(scene.logged(), expected);
}

#[test]
fn a_missing_program_is_named_with_the_way_on() {
    let scene = Scene::new();
    scene.install();
    fs::remove_file(&scene.binary).unwrap();
    let out = scene.git(&scene.repo.root, &["commit", "-q", "--allow-empty", "-m", "x"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success());
    let hook = scene.hooks().join("pre-commit");
    assert!(said.contains(&format!("rm -f '{}'", hook.display())), "{said}");
    assert!(said.contains(scene.binary.to_str().unwrap()) && !said.contains("no-verify"), "{said}");
    // The way on, taken: other hooks are not in the way.
    fs::remove_file(&hook).unwrap();
    let out = scene.git(&scene.repo.root, &["commit", "-q", "--allow-empty", "-m", "x"]);
    assert!(out.status.success());
    // On PATH it is found without being installed again.
    scene.install();
    script(&scene.repo.temp.path().join("bin/git-coord"), &scene.logging("on-path", ""));
    assert_eq!(scene.commit(&scene.repo.root), (true, vec!["on-path hook pre-commit".to_owned()]));
}

#[test]
fn a_probe_runs_nothing_and_lets_nothing_pass() {
    let scene = Scene::new();
    script(&scene.hooks().join("pre-commit"), &scene.logging("earlier", ""));
    assert_eq!(scene.state(&scene.repo.root, Hook::PreCommit).state, State::Foreign(Tool::Unknown));
    scene.install();
    assert!(scene.state(&scene.repo.root, Hook::PreCommit).proven);
    assert!(scene.logged().is_empty(), "{:?}", scene.logged());
    let mut commit = scene.repo.command(&scene.repo.root);
    commit.env("GIT_COORD_HOOK_PROBE", "1").args(["commit", "-q", "--allow-empty", "-m", "x"]);
    assert!(!commit.output().unwrap().status.success(), "the variable does not get around the check");
    fs::set_permissions(scene.hooks().join("pre-commit"), fs::Permissions::from_mode(0o644)).unwrap();
    let status = scene.state(&scene.repo.root, Hook::PreCommit);
    assert!(matches!(status.state, State::NotRun { .. }), "{status:?}");
    assert_eq!(scene.install()["pre-commit"], Change::Updated);
    assert!(scene.state(&scene.repo.root, Hook::PreCommit).is_active());
}

#[test]
fn a_folder_made_inside_a_worktree_goes_with_the_hooks() {
    let scene = Scene::new();
    let root = scene.repo.root.clone();
    let linked = scene.linked("linked");
    scene.repo.git(&["config", "extensions.worktreeConfig", "true"]);
    scene.repo.git_in(&linked, ["config", "--worktree", "core.hooksPath", ".made/hooks"]);
    // Killed while the folder was being made.
    fs::create_dir_all(linked.join(".made/hooks")).unwrap();
    fs::write(linked.join(".made/hooks/.gitignore"), "# made by").unwrap();
    scene.install();
    for dir in [&root, &linked] {
        assert_eq!(scene.commit(dir), (true, vec!["coord hook pre-commit".to_owned()]));
        assert_eq!(String::from_utf8_lossy(&scene.git(dir, &["status", "--porcelain"]).stdout), "");
    }
    assert!(linked.join(".made/hooks/pre-commit").exists() && scene.hooks().join("pre-commit").exists());
    scene.uninstall();
    assert!(!linked.join(".made").exists());
}

#[test]
fn hooks_that_are_not_ours_to_touch_are_refused_whole() {
    let scene = Scene::new();
    let root = scene.repo.root.clone();
    let linked = scene.linked("linked");
    let before = snapshot(&scene.hooks());
    scene.repo.git(&["config", "extensions.worktreeConfig", "true"]);
    let shared = scene.repo.temp.path().canonicalize().unwrap().join("shared hooks");
    fs::create_dir(&shared).unwrap();
    scene.repo.git_in(&linked, ["config", "--worktree", "core.hooksPath", shared.to_str().unwrap()]);
    let error = install(&scene.repo.host(), &scene.binary).unwrap_err();
    assert!(matches!(&error, HookError::Outside { worktree, .. } if *worktree == linked), "{error}");
    assert_eq!(error.to_string().matches("\n  - ").count(), 3, "three ways on: {error}");
    assert_eq!(snapshot(&scene.hooks()), before, "nor in the worktree where it would be fine");
    // The way on that keeps the shared hooks.
    script(&shared.join("pre-commit"), "#!/bin/sh\n# git coord hook pre-commit\nexit 0\n");
    assert!(install(&scene.repo.host(), &scene.binary).is_err(), "a comment calls nobody");
    script(&shared.join("pre-commit"), "#!/bin/sh\nexec git coord hook pre-commit \"$@\"\n");
    let list = install(&scene.repo.host(), &scene.binary).unwrap();
    let there: Vec<_> =
        list.iter().filter(|i| i.path.starts_with(&shared)).map(|i| (i.hook, &i.change)).collect();
    assert_eq!(there[0], (Hook::PreCommit, &Change::Manual));
    assert_eq!(there[1], (Hook::PreMergeCommit, &Change::NotCalled));
    assert_eq!(scene.state(&linked, Hook::PreCommit).state, State::Manual);
    scene.uninstall();
    assert_eq!(snapshot(&shared).len(), 1);

    scene.repo.git_in(&linked, ["config", "--worktree", "--unset", "core.hooksPath"]);
    scene.repo.git(&["config", "core.hooksPath", ".githooks"]);
    script(&root.join(".githooks/pre-commit"), "#!/bin/sh\n");
    let error = install(&scene.repo.host(), &scene.binary).unwrap_err();
    assert!(matches!(error, HookError::InProject { tracked: false, .. }), "{error}");
    scene.repo.commit("hooks of the project");
    let error = install(&scene.repo.host(), &scene.binary).unwrap_err();
    assert!(matches!(error, HookError::InProject { tracked: true, .. }), "{error}");
    scene.repo.git(&["config", "core.hooksPath", "/dev/null"]);
    assert!(matches!(install(&scene.repo.host(), &scene.binary), Err(HookError::Outside { .. })));
    assert_eq!(scene.state(&root, Hook::PreCommit).state, State::Missing);
    scene.repo.git(&["config", "--unset", "core.hooksPath"]);
    fs::create_dir(scene.hooks().join("pre-push")).unwrap();
    assert!(matches!(install(&scene.repo.host(), &scene.binary), Err(HookError::NotAFile { .. })));
}

#[test]
fn a_hook_that_comes_back_to_us_does_not_go_round_for_ever() {
    let scene = Scene::new();
    script(
        &scene.hooks().join("pre-commit"),
        &scene.logging("earlier", "\"$(dirname \"$log\")/main/.git/hooks/pre-commit\""),
    );
    scene.install();
    let (ok, ran) = scene.commit(&scene.repo.root);
    assert!(ok);
    assert_eq!(ran, ["earlier ", "coord hook pre-commit", "coord hook pre-commit"]);
}

#[test]
fn hooks_are_told_apart_by_their_text() {
    use super::shim::{calls_us, render, tool, version};
    let shim = render(Hook::PrePush, Path::new("/x/git-coord"), None).unwrap();
    assert_eq!((version(&shim), tool(&shim)), (Some(VERSION), Tool::Unknown));
    assert!(
        String::from_utf8_lossy(&shim).lines().all(|l| !l.contains('@') || l.contains("$@")),
        "all filled in"
    );
    assert_eq!(
        tool(b"#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n"),
        Tool::PreCommit
    );
    assert_eq!(tool(b"#!/bin/sh\n# File generated by prek: https://github.com/j178/prek\n"), Tool::Prek);
    assert_eq!(tool(b"#!/bin/sh\nif [ \"$LEFTHOOK\" = \"0\" ]; then\n"), Tool::Lefthook);
    assert!(calls_us(b"#!/bin/sh\nx && git-coord hook pre-commit \"$@\"\n", Hook::PreCommit));
    assert!(!calls_us(b"#!/bin/sh\ngit coord hook pre-commit-x\n", Hook::PreCommit));
    for (first, expected) in [
        ("#!/bin/sh", "via=sh"),
        ("#!/usr/bin/env -S bash -e", "via='bash -e'"),
        ("#!/bin/zsh", "via=''"),
        ("#!/usr/bin/python3", "via=''"),
    ] {
        let text =
            render(Hook::PreCommit, Path::new("x"), Some(format!("{first}\necho $0\n").as_bytes())).unwrap();
        let text = String::from_utf8(text).unwrap();
        let via = text.lines().find(|l| l.starts_with("via=")).unwrap();
        let expected = expected.replace("via=sh", "via='/bin/sh'");
        assert_eq!(via, expected, "{first}");
    }
}
