//! The setup: a bare remote, a clone of it, sessions with their worktrees, a full queue.

use std::path::{Path, PathBuf};

use super::clean_env::{Shell, Surroundings, make_dir, write};
use super::findings::{self, Finding};
use super::{DemoError, DemoSpec, Step};

/// Names of the sessions; further ones are numbered.
const NAMES: &[&str] = &["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];

/// Everything that is in the temporary folder.
#[derive(Debug)]
pub struct Setup {
    /// The temporary folder.
    pub root: PathBuf,
    /// The bare remote.
    pub origin: PathBuf,
    /// The clone that the worktrees belong to.
    pub repo: PathBuf,
    /// The names of the sessions; each has a worktree and a branch of the same name.
    pub sessions: Vec<String>,
    /// What there is to fix.
    pub findings: Vec<Finding>,
    /// The commit that all branches start from.
    pub base: String,
    /// The refs of the clone before any session was started.
    pub refs: Vec<String>,
    /// The environment of all commands.
    pub shell: Shell,
}

impl Setup {
    /// Builds everything below `root`. `tell` hears of each step.
    ///
    /// # Errors
    /// When a step fails.
    pub fn build(
        root: &Path,
        spec: &DemoSpec,
        around: &Surroundings,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Self, DemoError> {
        let findings = findings::take(spec.items).map_err(|e| DemoError::Setup(e.to_string()))?;
        let shell = Shell::clean(around, &program(root)?, &make_dir(&root.join("home"))?)?;
        let mut setup = Setup {
            root: root.to_owned(),
            origin: root.join("origin.git"),
            repo: root.join("repo"),
            sessions: (0..spec.sessions).map(name).collect(),
            findings,
            base: String::new(),
            refs: Vec::new(),
            shell,
        };
        let files = setup.repository()?;
        tell(Step::Repository(files));
        setup.queue()?;
        tell(Step::Imported(setup.findings.len()));
        for session in &setup.sessions {
            let tree = setup.tree(session);
            let tree = tree.to_string_lossy();
            setup.coord(&["session", "start", session, "--worktree", &tree])?.data()?;
        }
        tell(Step::Sessions(setup.sessions.len()));
        Ok(setup)
    }

    /// The worktree of a session.
    pub fn tree(&self, session: &str) -> PathBuf {
        self.root.join("trees").join(session)
    }

    /// Runs git in the clone.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub fn git(&self, words: &[&str]) -> Result<String, DemoError> {
        self.shell.git(&self.repo, words)?.ok()
    }

    /// Runs `git coord` in the clone.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn coord(&self, words: &[&str]) -> Result<super::clean_env::Said, DemoError> {
        self.shell.coord(&self.repo, words)
    }

    /// The refs of the clone, one `commit name` each.
    ///
    /// # Errors
    /// When git fails.
    pub fn list_refs(&self) -> Result<Vec<String>, DemoError> {
        let text = self.git(&["for-each-ref", "--format=%(objectname) %(refname)"])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Makes remote and clone, and returns the number of files.
    fn repository(&mut self) -> Result<usize, DemoError> {
        let shell = &self.shell;
        shell.git(&self.root, &["init", "-q", "--bare", "-b", "main", "origin.git"])?.ok()?;
        shell.git(&self.root, &["clone", "-q", "origin.git", "repo"])?.ok()?;
        let files = findings::files(&self.findings, false);
        for (name, text) in &files {
            write(&self.repo.join(name), text)?;
        }
        write(&self.repo.join("README.md"), "A part of Django, with what ruff found in it.\n")?;
        self.git(&["checkout", "-q", "-B", "main"])?;
        self.git(&["add", "-A"])?;
        self.git(&["commit", "-q", "-m", "Start with files that need fixes"])?;
        self.git(&["push", "-q", "-u", "origin", "main"])?;
        self.base = self.git(&["rev-parse", "HEAD"])?.trim().to_owned();
        self.refs = self.list_refs()?;
        Ok(files.len() + 1)
    }

    /// Sets up git-coord and fills the queue.
    fn queue(&self) -> Result<(), DemoError> {
        self.coord(&["init"])?.data()?;
        let file = self.root.join("findings.sarif");
        write(&file, findings::sarif(&self.findings))?;
        let data = self.coord(&["queue", "import", &file.to_string_lossy()])?.data()?;
        if data["added"].as_u64() == Some(self.findings.len() as u64) {
            return Ok(());
        }
        Err(DemoError::Setup(format!(
            "of {} findings the import took {}",
            self.findings.len(),
            data["added"]
        )))
    }
}

fn name(n: usize) -> String {
    NAMES.get(n).map_or_else(|| format!("session-{:02}", n + 1), |name| (*name).to_owned())
}

/// A folder in which the running program is called `git-coord`.
fn program(root: &Path) -> Result<PathBuf, DemoError> {
    let bin = make_dir(&root.join("bin"))?;
    let link = bin.join("git-coord");
    let own = crate::process::own_program().map_err(DemoError::io("find", &link))?;
    std::os::unix::fs::symlink(own, &link).map_err(DemoError::io("make", &link))?;
    Ok(bin)
}
