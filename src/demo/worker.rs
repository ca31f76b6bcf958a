//! A worker: what a user's script would do, through the command line of git and git-coord.
//!
//! Take an item, edit its file, commit through the hooks, finish the item; again. Some workers
//! have a part to play besides: one holds on to its item until it is killed, others try what they
//! must not do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clean_env::{Said, Shell};
use super::{DemoError, findings};

/// Length of an ordinary lease. Only a machine that stands still lets it run out.
const TTL: &str = "60s";

/// Length of the lease of the worker that is going to be killed: so long its item stays away.
const SHORT_TTL: &str = "3s";

/// What a worker is to do besides its work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// After this number of items, take one more and hold on to it.
    pub hold_after: Option<usize>,
    /// Edit this file, which is not its own, and try to commit.
    pub trespass: Option<String>,
    /// Try to claim this file, which another session holds.
    pub grab: Option<String>,
    /// Do these only after this number of items, unless there is nothing else to do.
    pub patience: usize,
    /// Take up what the session held when its last worker died.
    pub resume: bool,
}

/// What a worker reports, one JSON line each. It serves the display; the proof does not use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Report {
    /// It has taken an item.
    Took {
        /// The item.
        item: String,
        /// What it says.
        title: String,
        /// Its file.
        file: String,
        /// Which attempt this is, counted from 1.
        attempt: u64,
    },
    /// It has edited the file of this item and goes on for ever.
    Holds {
        /// The item.
        item: String,
        /// Its file.
        file: String,
    },
    /// It has committed and finished an item.
    Done {
        /// The item.
        item: String,
    },
    /// The item was no longer its own; the edit was thrown away.
    Lost {
        /// The item.
        item: String,
        /// What the command said.
        why: String,
    },
    /// A hook refused its commit of a file that it had not claimed.
    CommitRefused {
        /// The file.
        file: String,
        /// What the hook said.
        said: String,
    },
    /// It was refused a claim.
    ClaimRefused {
        /// The file.
        file: String,
        /// Exit status.
        status: i32,
        /// Who holds it, according to the refusal.
        holder: String,
        /// What the command said.
        said: String,
    },
    /// Something happened that must not.
    Wrong {
        /// What.
        what: String,
    },
}

/// An item, as `git coord next --json` hands it out.
#[derive(Debug, Deserialize)]
struct Job {
    id: String,
    title: String,
    rule: Option<String>,
    files: Vec<String>,
    line: u64,
    #[serde(default)]
    attempt: u64,
}

/// A worker in its worktree.
struct Worker<'a> {
    tree: PathBuf,
    shell: Shell,
    part: Part,
    tell: &'a mut dyn FnMut(&Report) -> Result<(), DemoError>,
    done: usize,
}

/// Works until there is nothing left. `tell` hears what happens; when it fails, nobody is left to
/// listen and the worker ends.
///
/// # Errors
/// When a command fails that must not.
pub fn work(
    tree: &Path,
    part: Part,
    tell: &mut dyn FnMut(&Report) -> Result<(), DemoError>,
) -> Result<(), DemoError> {
    let mut worker = Worker { tree: tree.to_owned(), shell: Shell::inherited(), part, tell, done: 0 };
    if worker.part.resume {
        worker.git(&["reset", "-q", "--hard"])?.ok()?;
        let held = worker.coord(&["queue", "list", "--mine"])?.data()?;
        for job in jobs(held)? {
            worker.item(&job)?;
        }
    }
    loop {
        if worker.done >= worker.part.patience {
            worker.play()?;
        }
        let hold = worker.part.hold_after == Some(worker.done);
        let ttl = if hold { SHORT_TTL } else { TTL };
        let taken = worker.coord(&["next", "--ttl", ttl, "--wait", "1s"])?.data()?;
        match jobs(taken)?.into_iter().next() {
            Some(job) if hold => return worker.hold(&job),
            Some(job) => worker.item(&job)?,
            None => {
                worker.play()?;
                if worker.is_over()? {
                    return Ok(());
                }
            }
        }
    }
}

fn jobs(mut data: Value) -> Result<Vec<Job>, DemoError> {
    serde_json::from_value(data["items"].take()).map_err(|e| DemoError::Answer(format!("items: {e}")))
}

impl Worker<'_> {
    fn git(&self, words: &[&str]) -> Result<Said, DemoError> {
        self.shell.git(&self.tree, words)
    }

    fn coord(&self, words: &[&str]) -> Result<Said, DemoError> {
        self.shell.coord(&self.tree, words)
    }

    /// Reports that an item was taken, and edits its file. Returns the file.
    fn begin<'j>(&mut self, job: &'j Job) -> Result<&'j str, DemoError> {
        let file = job.files.first().ok_or_else(|| DemoError::Answer(format!("{} has no file", job.id)))?;
        let (item, title) = (job.id.clone(), job.title.clone());
        (self.tell)(&Report::Took { item, title, file: file.clone(), attempt: job.attempt })?;
        let path = self.tree.join(file);
        let before = std::fs::read_to_string(&path).map_err(DemoError::io("read", &path))?;
        match findings::fix(&before, job.line) {
            Some(after) => super::clean_env::write(&path, after)?,
            None => {
                let what = format!("{file}:{} was fixed before", job.line);
                (self.tell)(&Report::Wrong { what })?;
            }
        }
        Ok(file)
    }

    /// Does one item.
    fn item(&mut self, job: &Job) -> Result<(), DemoError> {
        let file = self.begin(job)?;
        self.git(&["add", "--", file])?.ok()?;
        let message = format!("Fix {} in {file}", job.rule.as_deref().unwrap_or("it"));
        let commit = self.git(&["commit", "-q", "-m", &message])?;
        if commit.status != Some(0) {
            return self.give_up(job, &commit.stderr, "HEAD");
        }
        let done = self.coord(&["done", &job.id])?;
        match done.status {
            Some(0) => {
                self.done += 1;
                (self.tell)(&Report::Done { item: job.id.clone() })
            }
            // Lost: somebody else has it now and will fix it, so this commit must go.
            Some(3) => self.give_up(job, &done.stdout, "HEAD~1"),
            _ => Err(done.failure()),
        }
    }

    fn give_up(&mut self, job: &Job, why: &str, back_to: &str) -> Result<(), DemoError> {
        self.git(&["reset", "-q", "--hard", back_to])?.ok()?;
        // Where the item is still ours, it goes back at once; where it is lost, this says so.
        self.coord(&["drop", &job.id])?;
        (self.tell)(&Report::Lost { item: job.id.clone(), why: why.trim().to_owned() })
    }

    /// Takes long over an item: edits, does not commit, renews the lease, until it is killed.
    fn hold(&mut self, job: &Job) -> Result<(), DemoError> {
        let file = self.begin(job)?.to_owned();
        let item = job.id.clone();
        loop {
            (self.tell)(&Report::Holds { item: item.clone(), file: file.clone() })?;
            std::thread::sleep(Duration::from_millis(400));
            self.coord(&["renew", &item])?.data()?;
        }
    }

    /// Tries once what must be refused.
    fn play(&mut self) -> Result<(), DemoError> {
        if let Some(file) = self.part.trespass.take() {
            let report = self.trespass(&file)?;
            (self.tell)(&report)?;
        }
        if let Some(file) = self.part.grab.take() {
            let report = self.grab(file)?;
            (self.tell)(&report)?;
        }
        Ok(())
    }

    fn trespass(&self, file: &str) -> Result<Report, DemoError> {
        let path = self.tree.join(file);
        let before = std::fs::read_to_string(&path).map_err(DemoError::io("read", &path))?;
        super::clean_env::write(&path, before + super::TRESPASS + "\n")?;
        self.git(&["add", "--", file])?.ok()?;
        let head = self.git(&["rev-parse", "HEAD"])?.ok()?;
        let commit = self.git(&["commit", "-q", "-m", "Edit what is not claimed"])?;
        let passed = commit.status == Some(0) || self.git(&["rev-parse", "HEAD"])?.ok()? != head;
        self.git(&["reset", "-q", "--hard", head.trim()])?.ok()?;
        Ok(if passed {
            Report::Wrong { what: format!("a commit of {file} passed, which the session had not claimed") }
        } else {
            Report::CommitRefused { file: file.to_owned(), said: commit.stderr.trim().to_owned() }
        })
    }

    fn grab(&self, file: String) -> Result<Report, DemoError> {
        let claim = self.coord(&["claim", &file])?;
        let Some(status) = claim.status.filter(|s| *s != 0) else {
            let what = format!("a claim of {file} was granted, which another session held");
            return Ok(Report::Wrong { what });
        };
        let answer = claim.json().unwrap_or_default();
        let word = |pointer| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let holder = word("/error/details/holders/0/session");
        Ok(Report::ClaimRefused { file, status, holder, said: word("/error/message") })
    }

    /// True when every item is finished.
    fn is_over(&self) -> Result<bool, DemoError> {
        for state in ["pending", "claimed", "blocked"] {
            let listed = self.coord(&["queue", "list", "--state", state, "--limit", "1"])?.data()?;
            if !jobs(listed)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Part {
    /// This part as words of `git coord demo-worker`.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![format!("--patience={}", self.patience)];
        let named = [
            ("hold-after", self.hold_after.map(|n| n.to_string())),
            ("trespass", self.trespass.clone()),
            ("grab", self.grab.clone()),
        ];
        words.extend(named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?))));
        if self.resume {
            words.push("--resume".into());
        }
        words
    }
}
