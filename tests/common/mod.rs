//! What all integration tests share: repositories of their own, and the check of the state.

pub mod agents;
pub mod clones;
mod counters;
pub mod faults;
pub mod http;
pub mod invariants;
pub mod run;
pub mod ssh;
pub mod team;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use git_coord::model::claim::Mode;
use git_coord::model::op::{ClaimPaths, StartSession};
use git_coord::model::{Op, Outcome, RepoPath, SessionName, claim, header, session};
use git_coord::store::{Store, StoreOptions};

pub use run::{Call, Run};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_git-coord");

/// A repository in a temporary folder, untouched by the configuration of the user that runs the tests.
pub struct TestEnv {
    temp: tempfile::TempDir,
    /// Top of the main worktree.
    pub root: PathBuf,
}

impl TestEnv {
    /// A repository with one commit, set up for coordination, in memory where that is possible.
    pub fn new() -> Self {
        Self::initialised(Self::empty_in(&memory()))
    }

    /// The same on the disk: for tests of what differs there.
    pub fn on_disk() -> Self {
        Self::initialised(Self::empty())
    }

    fn initialised(env: Self) -> Self {
        env.with_commit(&[]);
        env.coord(&["init"]).ok();
        env
    }

    /// A repository with one commit and no store. `None` when this git knows no such kind.
    pub fn plain(init: &[&str]) -> Option<Self> {
        let env = Self::empty();
        env.with_commit(init).then_some(env)
    }

    /// Makes the repository; false when this git knows no such kind.
    pub fn with_commit(&self, init: &[&str]) -> bool {
        let make = self.command("git", self.temp()).args(["init", "-q", "-b", "main"]).args(init);
        let out = make.args([&self.root]).output().unwrap();
        if !out.status.success() {
            eprintln!("skipped: no repository {init:?}: {}", String::from_utf8_lossy(&out.stderr));
            return false;
        }
        std::fs::write(self.root.join("README"), "hello\n").unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", "first"]);
        true
    }

    /// A folder that is not a repository.
    pub fn empty() -> Self {
        Self::empty_in(&std::env::temp_dir())
    }

    fn empty_in(place: &Path) -> Self {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("coord test ");
        let temp = builder.tempdir_in(place).or_else(|_| builder.tempdir()).unwrap();
        let root = temp.path().canonicalize().unwrap().join("main");
        std::fs::create_dir(&root).unwrap();
        TestEnv { temp, root }
    }

    /// The folder around the repository.
    pub fn temp(&self) -> &Path {
        self.root.parent().unwrap()
    }

    /// A program in the fixed environment.
    pub fn command(&self, program: impl AsRef<OsStr>, dir: &Path) -> Run {
        Run::new(Command::new(program), self.temp.path(), dir)
    }

    /// Runs git in the main worktree; it must succeed. Returns what it prints.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    /// Runs git in `dir`; it must succeed.
    pub fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let out = self.command("git", dir).args(args).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "git {args:?} in {}: {text}{stderr}", dir.display());
        text
    }

    /// `git coord --json …` in the main worktree, run to its end.
    pub fn coord<S: AsRef<OsStr>>(&self, args: &[S]) -> Call {
        self.run(&self.root).args(args).call()
    }

    /// `git coord --json …` as a session.
    pub fn coord_as<S: AsRef<OsStr>>(&self, session: &str, args: &[S]) -> Call {
        self.run(&self.root).session(session).args(args).call()
    }

    /// `git coord --json …` in `dir`, run to its end.
    pub fn coord_in<S: AsRef<OsStr>>(&self, dir: &Path, args: &[S]) -> Call {
        self.run(dir).args(args).call()
    }

    /// The program with `--json`, to be completed and started.
    pub fn run(&self, dir: &Path) -> Run {
        self.command(PROGRAM, dir).args(["--json"])
    }

    /// The git folder that all worktrees share.
    pub fn common_dir(&self) -> PathBuf {
        self.root.join(".git")
    }

    /// The store's folder.
    pub fn store_dir(&self) -> PathBuf {
        self.common_dir().join("coord")
    }

    /// The store, opened in this process.
    pub fn store(&self) -> Store {
        Store::open(&self.common_dir(), StoreOptions::default()).unwrap()
    }

    /// Makes sessions known, without a worktree of their own.
    pub fn sessions<S: AsRef<str>>(&self, names: &[S]) {
        self.sessions_in(&self.root, names);
    }

    /// The same for a repository at or above `dir`.
    pub fn sessions_in<S: AsRef<str>>(&self, dir: &Path, names: &[S]) {
        let common = self.git_in(dir, &["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        let store = Store::open(Path::new(common.trim_end()), StoreOptions::default()).unwrap();
        for session in names {
            let token = format!("token-{}", session.as_ref());
            let start = StartSession { token, ..StartSession::new(name(session.as_ref())) };
            store.submit(&Op::StartSession(start), None).unwrap();
        }
    }

    /// Claims paths in this process.
    pub fn claim(&self, session: &str, paths: &[&str], ttl: u64) -> Outcome {
        self.store().submit(&claim_op(session, paths, ttl), None).unwrap()
    }

    /// Imports lines of JSON into the queues that they name.
    pub fn import(&self, lines: &str) -> Call {
        self.run(&self.root).args(["queue", "import", "--format", "jsonl", "-"]).stdin(lines).call()
    }

    /// Everything that is claimed: (path, session), in order.
    pub fn claimed(&self) -> Vec<(String, String)> {
        let records = self.store().read(|view| claim::all(view)).unwrap();
        let pairs = records
            .iter()
            .flat_map(|c| c.holders.iter().map(|h| (c.path.to_string(), h.session.to_string())));
        let mut list: Vec<_> = pairs.collect();
        list.sort();
        list
    }

    /// The number of operations so far that changed something.
    pub fn generation(&self) -> u64 {
        self.store().read(|view| header::read(view)).unwrap().generation
    }

    /// The record of a session.
    pub fn session(&self, session: &str) -> session::Session {
        self.store().read(|view| session::get(view, &name(session))).unwrap().expect("session is known")
    }

    /// Checks every invariant of the state.
    #[track_caller]
    pub fn check(&self, when: &str) {
        let problems = self.store().read(|view| invariants::problems(view)).unwrap();
        assert!(problems.is_empty(), "{when}: the state breaks its invariants:\n{}", problems.join("\n"));
    }

    /// Checks that git finds nothing wrong with the store.
    #[track_caller]
    pub fn fsck(&self, when: &str) {
        let out =
            self.command("git", &self.store_dir()).args(["--git-dir=.", "fsck", "--strict", "--no-dangling"]);
        let out = out.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        let complaints: Vec<&str> = text.lines().filter(|l| !l.starts_with("notice:")).collect();
        assert!(out.status.success() && complaints.is_empty(), "{when}: git fsck of the store says: {text}");
    }

    /// The events of the log, oldest first.
    pub fn events(&self) -> Vec<git_coord::model::event::Event> {
        let mut list = Vec::new();
        self.store()
            .log(|event| {
                list.push(event);
                true
            })
            .unwrap();
        list.reverse();
        list
    }
}

/// The store as it was at one moment, to be put back as often as needed.
pub struct Snapshot {
    copy: tempfile::TempDir,
}

impl Snapshot {
    /// Copies the store and the binding of the main worktree.
    pub fn take(env: &TestEnv) -> Self {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(&env.store_dir(), &copy.path().join("coord"));
        Snapshot { copy }
    }

    /// Puts it back in place of whatever is there now.
    pub fn restore(&self, env: &TestEnv) {
        std::fs::remove_dir_all(env.store_dir()).unwrap();
        copy_tree(&self.copy.path().join("coord"), &env.store_dir());
        let _ = std::fs::remove_file(env.common_dir().join("coord-session"));
    }
}

/// Copies a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A file system in memory: the tests write very much, and what they test does not depend on the
/// disk. `COORD_TEST_DIR` names another place.
fn memory() -> PathBuf {
    match std::env::var_os("COORD_TEST_DIR") {
        Some(place) => place.into(),
        None => "/dev/shm".into(),
    }
}

/// Writes a program of `sh`, such as a hook, at its place.
pub fn script(path: &Path, lines: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits for something that must come about, however slow the machine is.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A session's name.
pub fn name(text: &str) -> SessionName {
    SessionName::parse(text).unwrap()
}

/// A path of the repository.
pub fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

/// The operation of claiming paths for oneself.
pub fn claim_op(session: &str, paths: &[&str], ttl: u64) -> Op {
    Op::Claim(ClaimPaths {
        session: name(session),
        paths: paths.iter().map(|p| path(p)).collect(),
        mode: Mode::Exclusive,
        ttl,
        reason: None,
        fresh: None,
    })
}

/// Random numbers that a seed determines (xorshift): a failing run can be repeated.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}
