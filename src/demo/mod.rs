//! The demonstration: the whole program at work in a temporary folder.
//!
//! `setup` builds a bare remote, a clone, sessions with worktrees and a full queue. `crew`
//! starts one real process for each session, which does what a user's script would (`worker`):
//! all through the command line of git and git-coord, all commits through the hooks. One of them
//! is killed in the middle of an item, one commits what it has not claimed, one claims what
//! another holds. At the end `observed` reads what happened from the repository, and `proof`
//! computes from it whether anything was lost or done twice.
//!
//! Nothing here prints: an observer hears of every [`Happening`].

mod checks;
mod clean_env;
mod findings;
mod observations;
mod setup;
#[cfg(test)]
mod tests;
mod worker;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use checks::Claim;
pub use clean_env::Surroundings;
pub use findings::embedded;
pub use worker::{Part, Report, work};

/// The line that one worker tries to commit without a claim.
const TRESPASS: &str = "# written without a claim";

/// What to demonstrate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoSpec {
    /// Number of sessions.
    pub sessions: usize,
    /// Number of items.
    pub items: usize,
}

/// A step of the preparation or of the end, with what it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A remote and its clone were made, with this number of files.
    Repository(usize),
    /// So many items were imported.
    Imported(usize),
    /// So many sessions were started, each in its worktree.
    Sessions(usize),
    /// So many branches were pushed.
    Pushed(usize),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A step of the preparation or of the end is done.
    Step(Step),
    /// The sessions begin to work.
    Begin(Vec<String>),
    /// A worker reports something.
    Report {
        /// The session.
        session: String,
        /// What.
        report: Report,
    },
    /// A worker was killed.
    Killed {
        /// The session.
        session: String,
        /// The item in its hands.
        item: String,
    },
    /// The killed worker's item was handed out again.
    CameBack {
        /// The item.
        item: String,
        /// The session that has it now.
        session: String,
        /// How long after.
        after: Duration,
    },
    /// A worker found nothing more to do.
    Finished {
        /// The session.
        session: String,
    },
}

/// Why the demonstration could not be held.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or program.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A command failed.
    #[error("`{words}` failed{}: {said}", status.map(|s| format!(" (exit {s})")).unwrap_or_default())]
    Command {
        /// The command.
        words: String,
        /// Its exit status.
        status: Option<i32>,
        /// What it said.
        said: String,
    },
    /// A command printed something unexpected.
    #[error("unexpected answer: {0}")]
    Answer(String),
    /// The setup could not be built.
    #[error("{0}")]
    Setup(String),
    /// A worker failed.
    #[error("the worker of {0} failed: {1}")]
    Worker(String, String),
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl DemoError {
    /// An I/O error for `map_err`.
    fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let (what, path) = (what.to_owned(), path.to_owned());
        move |source| DemoError::Io { what, path, source }
    }
}

/// What a session has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The session.
    pub name: String,
    /// Items that it finished, by the audit log.
    pub done: usize,
    /// Commits on its branch at the remote.
    pub commits: usize,
    /// Its commits that a hook refused.
    pub refused_commits: usize,
    /// Its claims that were refused.
    pub refused_claims: usize,
    /// True when its worker was killed.
    pub killed: bool,
}

/// The result.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// One entry a session.
    pub sessions: Vec<Shown>,
    /// Items in the queue.
    pub items: usize,
    /// Those that are done.
    pub done: usize,
    /// How long the work took, without building the setup.
    pub work: Duration,
    /// How long everything took.
    pub total: Duration,
    /// The proof.
    pub proof: Vec<Claim>,
}

/// Holds the demonstration in the folder `root`, which exists and is empty.
///
/// # Errors
/// When it cannot be held; a claim that does not hold is part of the summary.
pub fn run(
    root: &Path,
    spec: &DemoSpec,
    around: &Surroundings,
    stop: &AtomicBool,
    observer: &mut dyn FnMut(&Happening),
) -> Result<Summary, DemoError> {
    let started = Instant::now();
    let result = perform(root, spec, around, stop, observer, started);
    // A command that the same Ctrl-C has ended is not what failed.
    if stop.load(Ordering::SeqCst) { Err(DemoError::Interrupted) } else { result }
}

fn perform(
    root: &Path,
    spec: &DemoSpec,
    around: &Surroundings,
    stop: &AtomicBool,
    observer: &mut dyn FnMut(&Happening),
    started: Instant,
) -> Result<Summary, DemoError> {
    let setup = setup::Setup::build(root, spec, around, &mut |step| observer(&Happening::Step(step)))?;
    observer(&Happening::Begin(setup.sessions.clone()));
    let working = Instant::now();
    let story = workers::run(&setup, stop, observer)?;
    let work = working.elapsed();
    for session in &setup.sessions {
        setup.shell.git(&setup.tree(session), &["push", "-q", "origin", session])?.ok()?;
    }
    observer(&Happening::Step(Step::Pushed(setup.sessions.len())));
    let observed = observations::collect(&setup)?;
    let mut proof = checks::check(&observed, story.killed.as_ref().map(|(_, item)| item.as_str()));
    let (commits, claims) = (story.refused_commits.len(), story.refused_claims.len());
    let claim = format!("what must be refused was refused: commits {commits}, claims {claims}");
    proof.push(Claim { claim, against: story.wrong.clone() });
    let tally = observations::tally(&observed);
    let times = |list: &[String], name: &str| list.iter().filter(|s| *s == name).count();
    let shown = setup.sessions.iter().map(|name| {
        let (done, commits) = tally.get(name).copied().unwrap_or_default();
        Shown {
            name: name.clone(),
            done,
            commits,
            refused_commits: times(&story.refused_commits, name),
            refused_claims: times(&story.refused_claims, name),
            killed: story.killed.as_ref().is_some_and(|(killed, _)| killed == name),
        }
    });
    Ok(Summary {
        sessions: shown.collect(),
        items: observed.items.len(),
        done: observed.items.iter().filter(|i| i.state == "done").count(),
        work,
        total: started.elapsed(),
        proof,
    })
}
