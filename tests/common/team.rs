//! Sessions in worktrees of their own that take items, commit and finish them.

use std::path::PathBuf;

use super::clones::Hub;
use super::{Call, TestEnv};

/// Lines of each file at the beginning: edits of different lines merge cleanly.
const LINES: usize = 9;

/// A repository with files `a`, `b`, `c`, `d` and sessions in worktrees beside it.
pub struct Team {
    /// The repository.
    pub env: TestEnv,
}

impl Team {
    /// Starts these sessions.
    pub fn new(sessions: &[&str]) -> Self {
        Self::in_env(TestEnv::new(), sessions)
    }

    /// The same in a repository that is set up.
    pub fn in_env(env: TestEnv, sessions: &[&str]) -> Self {
        let team = Team { env };
        // Conflicts are made on purpose here: branches that take over each other's versions have none.
        team.env.git(&["config", "coord.freshBase", "off"]);
        team.write_files();
        sessions.iter().for_each(|session| team.start(session));
        team
    }

    fn write_files(&self) {
        let Team { env } = self;
        let text: String = (1..=LINES).map(|n| format!("line {n}\n")).collect();
        for file in ["a", "b", "c", "d"] {
            std::fs::write(env.root.join(file), &text).unwrap();
        }
        env.git(&["add", "."]);
        env.git(&["commit", "-q", "--no-verify", "-m", "files"]);
    }

    /// Two clones of one remote, which decides, each with one session.
    pub fn apart(one: &str, other: &str) -> (Self, Self, Hub) {
        let mut hub = Hub::new(2);
        let (second, first) = (hub.clones.pop().unwrap(), hub.clones.pop().unwrap());
        let first = Team { env: first };
        first.write_files();
        first.env.git(&["push", "-q", "--no-verify", "origin", "main"]);
        second.git(&["pull", "-q"]);
        let second = Team { env: second };
        first.start(one);
        second.start(other);
        (first, second, hub)
    }

    /// Starts a session in a worktree and on a branch of its name.
    pub fn start(&self, session: &str) {
        let dir = self.dir(session);
        let words = ["session", "start", session, "--worktree", dir.to_str().unwrap()];
        self.env.coord(&words).ok();
    }

    /// The worktree of a session.
    pub fn dir(&self, session: &str) -> PathBuf {
        self.env.temp().join(session)
    }

    /// Runs git in the worktree of a session.
    pub fn git(&self, session: &str, args: &[&str]) -> String {
        self.env.git_in(&self.dir(session), args)
    }

    /// Runs git-coord in the worktree of a session.
    pub fn coord(&self, session: &str, args: &[&str]) -> Call {
        self.env.coord_in(&self.dir(session), args)
    }

    /// Changes one line of a file in a session's worktree.
    pub fn edit(&self, session: &str, file: &str, line: usize, to: &str) {
        let path = self.dir(session).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().enumerate().map(|(n, old)| if n + 1 == line { to } else { old });
        std::fs::write(&path, lines.map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    }

    /// A session takes an item of its own, changes a line of a file, commits, and finishes it unless
    /// `open`.
    pub fn work(&self, session: &str, item: &str, file: &str, line: usize) {
        self.begin(session, item, file, line);
        self.coord(session, &["done", item]).ok();
    }

    /// The same without finishing it.
    pub fn begin(&self, session: &str, item: &str, file: &str, line: usize) {
        let text = format!("{{\"id\":\"{item}\",\"title\":\"Change {file}\",\"files\":[\"{file}\"]}}\n");
        self.env.import(&text).ok();
        self.coord(session, &["next", "--item", item]).ok();
        self.edit(session, file, line, &format!("{item} by {session}"));
        self.git(session, &["commit", "-qam", &format!("{item}: change {file}")]);
    }

    /// The commit of a branch.
    pub fn tip(&self, branch: &str) -> String {
        self.env.git(&["rev-parse", branch]).trim().to_owned()
    }

    /// A file as a commit has it.
    pub fn file(&self, commit: &str, file: &str) -> String {
        self.env.git(&["show", &format!("{commit}:{file}")])
    }

    /// Lands, in the main worktree.
    pub fn land(&self, args: &[&str]) -> Call {
        self.env.coord(&[&["land"], args].concat())
    }

    /// What of the user's repository a landing or prediction must not change: number of loose objects
    /// and packs, all refs but notes, and the index and files of the main worktree.
    pub fn fingerprint(&self) -> String {
        let refs = self.env.git(&["for-each-ref"]);
        let refs: String = refs.lines().filter(|line| !line.contains("refs/notes/")).collect();
        let objects = self.env.git(&["count-objects", "-v"]);
        let index = self.env.git(&["ls-files", "-s"]);
        format!("{refs}\n{objects}\n{index}\n{}", self.env.git(&["status", "--porcelain"]))
    }
}
