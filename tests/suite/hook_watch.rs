//! Hooks that another tool has replaced, slots that another tool needs, and git's own conventions.

use std::path::PathBuf;

use crate::common::{TestEnv, script};

/// alice, who holds `a`, and bob in a linked worktree.
fn scene() -> (TestEnv, PathBuf) {
    let env = TestEnv::new();
    for file in ["a", "b"] {
        std::fs::write(env.root.join(file), "1\n").unwrap();
    }
    env.git(&["add", "."]);
    env.git(&["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "base"]);
    env.coord(&["session", "start", "alice"]).ok();
    env.coord(&["session", "start", "bob", "--worktree", "../bob"]).ok();
    env.coord(&["claim", "a"]).ok();
    let bob = env.temp().join("bob");
    (env, bob)
}

fn commit_is_refused(env: &TestEnv, dir: &std::path::Path) -> bool {
    std::fs::write(dir.join("a"), "bob\n").unwrap();
    !env.command("git", dir).args(["commit", "-qam", "held by alice"]).output().unwrap().status.success()
}

#[test]
fn a_replaced_hook_is_put_back_by_the_next_command() {
    for verb in [&["status"][..], &["claims"], &["session", "show"], &["next"], &["log"], &["check", "b"]] {
        let (env, bob) = scene();
        let hook = env.root.join(".git/hooks/pre-commit");
        script(&hook, "exit 0");
        let call = env.run(&bob).args(verb).call();
        assert!(
            call.stderr.contains("hooks were installed again: pre-commit (replaced by"),
            "{verb:?}: {}",
            call.stderr
        );
        assert!(commit_is_refused(&env, &bob), "{verb:?}");
        assert!(env.root.join(".git/hooks/pre-commit.coord-chained").exists(), "the other hook runs as well");
        let again = env.run(&bob).args(verb).call();
        assert!(!again.stderr.contains("hooks"), "said once: {}", again.stderr);
    }
}

#[test]
fn a_hook_that_is_gone_or_not_executable_comes_back() {
    use std::os::unix::fs::PermissionsExt;
    let (env, bob) = scene();
    let hook = env.root.join(".git/hooks/pre-commit");
    std::fs::remove_file(&hook).unwrap();
    env.coord_in(&bob, &["status"]).ok();
    assert!(commit_is_refused(&env, &bob));
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o644)).unwrap();
    env.coord_in(&bob, &["status"]).ok();
    assert!(commit_is_refused(&env, &bob));
}

#[test]
fn a_changed_hooks_path_is_noticed() {
    let (env, bob) = scene();
    // Ignored, as husky's is: hooks are installed there.
    std::fs::create_dir_all(env.root.join(".husky/_")).unwrap();
    std::fs::create_dir_all(bob.join(".husky/_")).unwrap();
    for root in [&env.root, &bob] {
        std::fs::write(root.join(".husky/_/.gitignore"), "*\n").unwrap();
    }
    env.git(&["config", "core.hooksPath", ".husky/_"]);
    let call = env.run(&bob).args(["status"]).call();
    assert!(call.stderr.contains("hooks were installed again"), "{}", call.stderr);
    assert!(commit_is_refused(&env, &bob));
    // Outside of the repository nothing may be installed: each command says so.
    env.git(&["config", "core.hooksPath", env.temp().join("shared").to_str().unwrap()]);
    for _ in 0..2 {
        let call = env.run(&bob).args(["status"]).call();
        assert!(call.stderr.contains("hooks do not run here, so commits are not checked"), "{}", call.stderr);
    }
}

#[test]
fn hooks_that_were_taken_out_on_purpose_stay_out() {
    let (env, bob) = scene();
    env.coord(&["hooks", "uninstall"]).ok();
    let call = env.run(&bob).args(["status"]).call();
    assert!(!call.stderr.contains("hooks"), "{}", call.stderr);
    assert!(!env.root.join(".git/hooks/pre-commit").exists());
    env.coord(&["hooks", "install"]).ok();
    std::fs::remove_file(env.root.join(".git/hooks/pre-commit")).unwrap();
    env.coord_in(&bob, &["status"]).ok();
    assert!(commit_is_refused(&env, &bob));
}

/// A stand-in for Git LFS, which logs how it is called and what it reads.
#[test]
fn what_lfs_needs_at_push_runs_although_its_hook_found_no_room() {
    let (env, bob) = scene();
    let (bin, log) = (env.temp().join("bin"), env.temp().join("lfs-log"));
    std::fs::create_dir_all(&bin).unwrap();
    script(
        &bin.join("git-lfs"),
        &format!("echo \"$*\" >>'{0}'; cat >>'{0}'; exit ${{LFS_STATUS-0}}", log.display()),
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    env.git(&["init", "-q", "--bare", "../hub.git"]);
    env.git(&["remote", "add", "origin", "../hub.git"]);
    let push = |status: &str| {
        let run = env.command("git", &bob).args(["push", "-f", "origin", "HEAD:x"]);
        run.env("PATH", &path).env("LFS_STATUS", status).output().unwrap().status.success()
    };
    assert!(push("0"));
    assert!(!log.exists(), "a repository without LFS is left alone");
    std::fs::create_dir_all(env.root.join(".git/lfs/objects")).unwrap();
    env.git_in(&bob, &["-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "x"]);
    assert!(push("0"));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(
        said.starts_with("pre-push origin ../hub.git\nHEAD ") && said.contains(" refs/heads/x "),
        "{said}"
    );
    env.git_in(&bob, &["-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "y"]);
    assert!(!push("2"), "what cannot be uploaded is not pushed");
    // Chained, it runs once.
    std::fs::remove_file(&log).unwrap();
    script(&env.root.join(".git/hooks/pre-push"), "git lfs pre-push \"$@\"");
    let path_of = |run: crate::common::run::Run| run.env("PATH", &path);
    path_of(env.run(&bob).args(["hooks", "install"])).call().ok();
    assert!(push("0"));
    assert_eq!(std::fs::read_to_string(&log).unwrap().matches("pre-push").count(), 1);
}

#[test]
fn a_broken_neighbour_is_passed_over() {
    let (env, bob) = scene();
    std::fs::write(bob.join(".git"), "gitdir: /nonexistent/x\n").unwrap();
    env.coord(&["init"]).ok();
    env.coord(&["session", "start", "carol", "--worktree", "../carol"]).ok();
    env.coord(&["hooks", "install"]).ok();
    env.coord(&["hooks", "uninstall"]).ok();
}

/// yadm, vcsh, bare repositories of dotfiles: nothing in the worktree leads to the git folder.
#[test]
fn a_worktree_that_only_the_environment_names() {
    let env = TestEnv::empty();
    let (dots, home) = (env.temp().join("dots.git"), env.temp().join("home2"));
    std::fs::create_dir_all(&home).unwrap();
    env.git_in(env.temp(), &["init", "-q", "--bare", "dots.git"]);
    std::fs::write(home.join(".vimrc"), "a\n").unwrap();
    let git = |words: &[&str]| {
        let named = [format!("--git-dir={}", dots.display()), format!("--work-tree={}", home.display())];
        env.command("git", &home).args(named).args(words).output().unwrap()
    };
    let ok = |words: &[&str]| {
        let out = git(words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    ok(&["add", ".vimrc"]);
    ok(&["commit", "-qm", "dots"]);
    let coord =
        |words: &[&str]| env.run(&home).args(words).env("GIT_DIR", &dots).env("GIT_WORK_TREE", &home).call();
    coord(&["init"]).ok();
    coord(&["session", "start", "me"]).ok();
    std::fs::write(home.join(".vimrc"), "b\n").unwrap();
    let refused = git(&["commit", "-qam", "unclaimed"]);
    assert!(!refused.status.success(), "{}", String::from_utf8_lossy(&refused.stderr));
    coord(&["claim", ".vimrc"]).ok();
    ok(&["commit", "-qam", "claimed"]);
    assert_eq!(coord(&["hooks", "status"]).ok()["active"], true);
}

#[test]
fn a_message_that_nobody_has_written_stays_none() {
    let (env, _) = scene();
    std::fs::write(env.temp().join("template"), "Ticket: \n\nWhy:\n").unwrap();
    let template = env.temp().join("template");
    let setting = format!("commit.template={}", template.display());
    let editor = "core.editor=true";
    let ways: [&[&str]; 4] = [
        &["-c", &setting, "-c", editor, "commit", "-a"],
        &["-c", editor, "commit", "-a", "-t", template.to_str().unwrap()],
        &["-c", editor, "commit", "-a", "--verbose"],
        &["-c", editor, "commit", "-a", "--cleanup=scissors"],
    ];
    std::fs::write(env.root.join("a"), "edited\n").unwrap();
    let before = env.git(&["rev-parse", "HEAD"]);
    for words in ways {
        let out = env.command("git", &env.root).args(words).output().unwrap();
        assert!(!out.status.success(), "{words:?} is aborted without git-coord");
        assert_eq!(env.git(&["rev-parse", "HEAD"]), before, "{words:?}");
    }
    // One that somebody has filled in is a message, with trailers.
    let editor = "core.editor=sed -i 1s/$/12/";
    env.git(&["-c", &setting, "-c", editor, "commit", "-q", "-a"]);
    let log = env.git(&["log", "-1", "--format=%s %(trailers:key=Coord-Session,valueonly)"]);
    assert_eq!(log.trim(), "Ticket: 12 alice");
}

/// `HEAD` is a file there as well as a revision.
#[test]
fn a_file_named_head_is_in_nobodys_way() {
    let (env, _) = scene();
    for file in ["HEAD", "main", "refs"] {
        std::fs::write(env.root.join(file), "x\n").unwrap();
    }
    env.git(&["add", "."]);
    env.coord(&["claim", "HEAD", "main", "refs"]).ok();
    env.git(&["commit", "-q", "-m", "names"]);
    env.git(&["commit", "-q", "--amend", "-m", "names again"]);
    let recorded = env.events().iter().filter(|e| e.event.as_str() == "commit").count();
    assert_eq!(recorded, 2);
    env.coord(&["check", "--range", "HEAD^!"]).ok();
}
