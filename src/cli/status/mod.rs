//! `status`: everything at a glance, from counters.

mod data;
mod page;
mod view;
mod watch;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::model::metrics::{self, Group, Measure, by_name, share};
use crate::model::queue::{self, Queue};
use crate::model::session::{self, LeasedItem, PathText, Records, SessionState};

use crate::store::{Store, StoreError};

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Text, Ui};
use crate::cli::text;
use crate::client::Client;

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

/// Show sessions, queues, rate and estimated end
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show sessions that have ended, too; '--by session' always does
    #[arg(long)]
    all: bool,
    /// Show one table with more numbers; without it, sessions and what says most about the work
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Refresh every D; q quits
    #[arg(
        long,
        value_name = "D",
        num_args = 0..=1,
        default_missing_value = "2s",
        value_parser = text::parse_duration
    )]
    watch: Option<u64>,
}

/// Status only shows paths.
type Session<'a> = session::Session<PathText<'a>>;
type Item<'a> = LeasedItem<PathText<'a>>;

/// What the numbers are taken from.
struct Known {
    /// When the remote was last asked, if it cannot be reached now.
    stale: Option<Option<jiff::Timestamp>>,
    sessions: Records,
    queues: Vec<Queue>,
}

impl Known {
    fn read(client: &Client) -> CliResult<Self> {
        let reached = client.sweep()?;
        let store = &client.store;
        let stale = (!reached).then(|| store.last_exchange());
        let (sessions, queues) = store.read(|view| Ok((session::records(view)?, queue::all(view)?)))?;
        Ok(Known { stale, sessions, queues })
    }
}

/// A session with the numbers that are not in its record.
struct Worker<'a> {
    session: Session<'a>,
    refused: u64,
    seen: Option<jiff::Timestamp>,
}

impl Worker<'_> {
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

/// All that status shows.
struct Status<'a> {
    now: jiff::Timestamp,
    /// As in [`Known`].
    stale: Option<Option<jiff::Timestamp>>,
    workers: Vec<Worker<'a>>,
    /// What clones keep ready.
    pools: Vec<Session<'a>>,
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

impl<'a> Status<'a> {
    fn of(known: &'a Known, store: &Store) -> CliResult<Self> {
        let now = crate::clock::now();
        let sessions: Vec<Session<'a>> = known.sessions.sessions().map_err(StoreError::from)?;
        let (pools, sessions): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|s| s.prefetch);
        let workers: Vec<Worker> = sessions
            .into_iter()
            .map(|session| Worker {
                refused: store.conflict_count(&session.name),
                seen: store.last_seen(&session.name),
                session,
            })
            .collect();
        let categories = by_name(&known.queues, |s| &s.categories, now);
        let phases = by_name(&known.queues, |s| &s.phases, now);
        let queues: Vec<(Queue, Measure)> =
            known.queues.iter().map(|q| (q.clone(), Measure::of_queue(q, now))).collect();
        let mut all = Measure::default();
        queues.iter().for_each(|(_, measure)| all.add(measure));
        let granted = workers.iter().map(|w| w.session.stats.granted).sum();
        let refused = workers.iter().map(|w| w.refused).sum();
        let clone = store.arbiter()?.map(|a| a.clone);
        let stale = known.stale;
        Ok(Status { now, stale, workers, pools, clone, queues, categories, phases, all, granted, refused })
    }

    /// Attempts that ended well. Sessions count them in every version of the store.
    fn success(&self) -> Option<f64> {
        let sum = |n: fn(&Session<'a>) -> u64| self.workers.iter().map(|w| n(&w.session)).sum();
        share(sum(|s| s.done), sum(|s| s.failed))
    }

    fn session_rates(&self, session: &Session<'_>) -> (Option<f64>, Option<f64>) {
        let since_start = metrics::session_since_start(session, self.now);
        (metrics::session_per_hour(session, self.now), since_start)
    }
}

/// Runs `status`.
pub fn status(app: &App, args: &StatusArgs, ui: Ui) -> CliResult<Answer> {
    let quiet = args.watch.map(|_| app.quietly());
    let look = |width: usize, room: Option<usize>| -> CliResult<Answer> {
        let app = quiet.as_ref().unwrap_or(app);
        let client = app.client()?;
        let known = Known::read(&client)?;
        let status = Status::of(&known, &client.store)?;
        // Only what is shown is made: a session may hold thousands of paths.
        Ok(if ui.json {
            Answer::new(data::document(&status), "")
        } else {
            Answer::new(Value::Null, Text::block(&view::text(&status, args, width, room)))
        })
    };
    match args.watch {
        Some(seconds) => watch::watch(ui, seconds, app.env.no_color, look),
        None => look(text::terminal_width(&std::io::stdout()), None),
    }
}
