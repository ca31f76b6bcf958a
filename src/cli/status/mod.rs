//! `status`: everything at a glance, from counters.

mod data;
mod view;
mod watch;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::model::figures::{self, Group, Measure, by_name, share};
use crate::model::queue::{self, Queue};
use crate::model::session::{self, Session, SessionState};

use super::app::App;
use super::error::CliResult;
use super::output::{Answer, Ui};
use super::text;

/// By what to show numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Sessions: done, failed, tries, conflicts, rates
    Session,
    /// Queues
    Queue,
    /// Categories of the items
    Category,
    /// Phases of the items
    Phase,
}

/// See the command's help.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show sessions that have ended, too
    #[arg(long)]
    all: bool,
    /// Show one table with more numbers; without it, sessions and what tells most of the work
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Show it again and again, every so often; q leaves
    #[arg(
        long,
        value_name = "D",
        num_args = 0..=1,
        default_missing_value = "2s",
        value_parser = text::parse_duration
    )]
    watch: Option<u64>,
}

/// A session with the numbers that are not in its record.
struct Worker {
    session: Session,
    refused: u64,
    seen: Option<jiff::Timestamp>,
}

impl Worker {
    fn conflicts(&self) -> Option<f64> {
        share(self.refused, self.session.stats.granted)
    }

    fn success(&self) -> Option<f64> {
        share(self.session.done, self.session.failed)
    }

    fn word(&self) -> &'static str {
        match self.session.state {
            SessionState::Ended => "ended",
            SessionState::Active if self.session.leases.is_empty() => "idle",
            SessionState::Active => "working",
        }
    }
}

/// All that status tells.
struct Status {
    now: jiff::Timestamp,
    /// When the remote was last asked, if it cannot be reached now.
    stale: Option<Option<jiff::Timestamp>>,
    workers: Vec<Worker>,
    /// What clones keep ready.
    pools: Vec<Session>,
    /// This clone, when a remote decides.
    clone: Option<String>,
    queues: Vec<(Queue, Measure)>,
    categories: Vec<(Group, Measure)>,
    phases: Vec<(Group, Measure)>,
    all: Measure,
    /// Claims and calls for items that were granted, and that others were in the way of.
    granted: u64,
    refused: u64,
}

impl Status {
    fn read(app: &App) -> CliResult<Self> {
        let store = app.store()?;
        let reached = app.sweep(&store)?;
        let stale = (!reached).then(|| store.last_exchange());
        let (sessions, queues) = store.read(|view| Ok((session::all(view)?, queue::all(view)?)))?;
        let now = crate::clock::now();
        let (pools, sessions): (Vec<Session>, Vec<Session>) = sessions.into_iter().partition(|s| s.pool);
        let workers: Vec<Worker> = sessions
            .into_iter()
            .map(|session| Worker {
                refused: store.refused(&session.name),
                seen: store.last_seen(&session.name),
                session,
            })
            .collect();
        let categories = by_name(&queues, |s| &s.categories, now);
        let phases = by_name(&queues, |s| &s.phases, now);
        let queues: Vec<(Queue, Measure)> =
            queues.into_iter().map(|q| (q.clone(), Measure::of_queue(&q, now))).collect();
        let mut all = Measure::default();
        queues.iter().for_each(|(_, measure)| all.add(measure));
        let granted = workers.iter().map(|w| w.session.stats.granted).sum();
        let refused = workers.iter().map(|w| w.refused).sum();
        let clone = store.authority()?.map(|a| a.clone);
        Ok(Status { now, stale, workers, pools, clone, queues, categories, phases, all, granted, refused })
    }

    /// Attempts that ended well. Sessions count them in every version of the store.
    fn success(&self) -> Option<f64> {
        let sum = |n: fn(&Session) -> u64| self.workers.iter().map(|w| n(&w.session)).sum();
        share(sum(|s| s.done), sum(|s| s.failed))
    }

    fn session_rates(&self, session: &Session) -> (Option<f64>, Option<f64>) {
        let since_start = figures::session_since_start(session, self.now);
        (figures::session_per_hour(session, self.now), since_start)
    }
}

/// Runs `status`.
pub fn status(app: &App, args: &StatusArgs, ui: Ui) -> CliResult<Answer> {
    let quiet = args.watch.map(|_| app.quietly());
    let look = |width: usize| -> CliResult<Answer> {
        let status = Status::read(quiet.as_ref().unwrap_or(app))?;
        // Only what is shown is made: a session may hold thousands of paths.
        Ok(if ui.json {
            Answer::new(data::document(&status), "")
        } else {
            Answer::new(Value::Null, view::text(&status, args, width))
        })
    };
    match args.watch {
        Some(seconds) => watch::watch(ui, seconds, app.env.no_color, look),
        None => look(text::terminal_width(&std::io::stdout())),
    }
}
