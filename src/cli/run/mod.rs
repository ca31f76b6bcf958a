//! `run` and `work`: items worked off with commands.

mod screen;
mod summary;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::Args;

use crate::exec::ExecError;
use crate::exec::Stop;
use crate::model::QueueName;
use crate::model::shard::Shard;
use crate::runner::{self, Job, RunSpec, RunnerError, Workspace};

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::error::{CliError, CliResult, io_hint};
use crate::cli::exit::ExitStatus;
use crate::cli::output::{Answer, Ui};
use crate::cli::text::parse_duration;
use screen::Screen;

/// How many commands `run` starts at once when nobody says.
const JOBS: u16 = 4;

/// Run the commands that items carry, several at once
#[derive(Debug, Args)]
#[command(after_help = "The command of an item is its field 'run'. Each runs in a worktree of the pool\n\
                        (.git/coord-pool/run-N, on branch coord/run-N), as session run-N. When it succeeds,\n\
                        its changes are committed through the hooks; when it fails, they are thrown away\n\
                        and the item is tried again, up to its queue's limit. A slot goes on where its\n\
                        branch stands, or at the base again once that has all its commits.\n\
                        Ctrl-C ends the commands and gives everything back; again: at once.")]
pub struct RunArgs {
    /// Run this many commands at once
    #[arg(short, long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Run one at a time in this worktree, as its session; commit and throw away nothing
    #[arg(long, conflicts_with_all = ["jobs", "base", "no_commit"])]
    in_place: bool,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    which: Which,
}

/// Run one command for every item
#[derive(Debug, Args)]
#[command(after_help = "Without -j it works in this worktree, as its session: the command commits what it\n\
                        wants to keep. With -j it works in the pool, as git coord run does; see there.\n\
                        The command reads the item as JSON. Its environment has GIT_COORD_ITEM, _TITLE,\n\
                        _FILES (one a line), _QUEUE, _ATTEMPT, _LEASE, _SESSION and _ITEM_JSON (a file).\n\
                        Exit status 0: the item is done. Any other: it failed and is tried again.")]
pub struct WorkArgs {
    /// Run this many commands at once, in worktrees of the pool
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    which: Which,
    /// The command, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What concerns the worktrees of the pool.
#[derive(Debug, Args)]
struct PoolArgs {
    /// Let fresh worktrees of the pool start from this commit [default: HEAD]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Throw away what a command leaves uncommitted, instead of committing it
    #[arg(long)]
    no_commit: bool,
}

/// Which items, and how long.
#[derive(Debug, Args)]
struct Which {
    /// Take from this queue only; may be given several times [default: all queues]
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Take only shard K of N, the same items everywhere: for jobs in CI
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Stop after this many commands
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Stop when this many items have failed for good
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_failed: Option<u64>,
    /// End a command after this long, unless its item has a timeout of its own
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    timeout: Option<u64>,
    /// When there is nothing to take, wait this long for others to finish or for new items
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    wait: Option<u64>,
    #[command(flatten)]
    ttl: Ttl,
}

/// Runs `run`.
pub fn run(app: &App, ui: Ui, args: &RunArgs) -> CliResult<Answer> {
    let workspace =
        if args.in_place { Workspace::Here(app.place.session()?) } else { pool(args.jobs, &args.pool) };
    carry_out(app, ui, spec(app, &args.which, Job::Own, workspace))
}

/// Runs `work`.
pub fn work(app: &App, ui: Ui, args: &WorkArgs) -> CliResult<Answer> {
    let workspace = match args.jobs {
        Some(jobs) => pool(jobs, &args.pool),
        None if args.pool.base.is_some() || args.pool.no_commit => {
            return Err(CliError::usage("--base and --no-commit are for the pool")
                .hint("add -j N, or leave them out: in this worktree nothing is committed for you"));
        }
        None => Workspace::Here(app.place.session()?),
    };
    require_program(app, args.command.first())?;
    carry_out(app, ui, spec(app, &args.which, Job::Same(args.command.clone()), workspace))
}

fn pool(jobs: u16, args: &PoolArgs) -> Workspace {
    Workspace::Pool { slots: usize::from(jobs), base: args.base.clone(), commit: !args.no_commit }
}

fn spec(app: &App, which: &Which, job: Job, workspace: Workspace) -> RunSpec {
    RunSpec {
        job,
        workspace,
        queues: which.queues.clone(),
        shard: which.shard,
        ttl: which.ttl.ttl.unwrap_or(app.place.settings.ttl),
        exact_ttl: which.ttl.ttl.is_some(),
        time_limit: which.timeout,
        max: which.max,
        max_failed: which.max_failed,
        wait: which.wait,
    }
}

/// A misspelt program would fail every item of the backlog within minutes.
fn require_program(app: &App, program: Option<&OsString>) -> CliResult<()> {
    let Some(program) = program.map(Path::new) else { return Ok(()) };
    // A name with a slash is looked for from the top of the worktree, where commands run.
    let found = if program.components().count() > 1 {
        app.place.repo.root.join(program).is_file()
    } else {
        std::env::split_paths(&crate::cli::env::surroundings().path).any(|dir| dir.join(program).is_file())
    };
    if found {
        return Ok(());
    }
    Err(CliError::usage(format!("{}: there is no such program", program.display()))
        .hint("commands run at the top of the worktree; for shell words write: -- sh -c 'WORDS'"))
}

fn carry_out(app: &App, ui: Ui, spec: RunSpec) -> CliResult<Answer> {
    let program = crate::process::own_program()
        .map_err(|e| CliError::failed("io", format!("cannot tell where git-coord is installed: {e}")))?;
    let stop = listen()?;
    let context = runner::RunContext {
        repo: &app.place.repo,
        options: app.place.store_options(),
        program: &program,
        trust: app.place.settings.trust,
        settings: &app.place.settings,
    };
    let mut screen = Screen::new(ui);
    let result = runner::run(context, &spec, &stop, &mut |event| screen.show(event));
    screen.finish();
    summary::answer(app, &spec, &result?)
}

/// Listens for Ctrl-C and its like. The first asks for an end, the second for one at once; the
/// third does not wait for anything: the guardian kills the commands, the leases run out. What one
/// keypress sends by several ways counts once.
pub(super) fn listen() -> CliResult<Arc<Stop>> {
    let stop = Arc::new(Stop::default());
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if set.ask() > 2 {
            std::process::exit(i32::from(ExitStatus::Interrupted.code()));
        }
    })
    .map_err(|e| CliError::failed("io", format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(stop)
}

impl From<RunnerError> for CliError {
    fn from(error: RunnerError) -> Self {
        let message = error.to_string();
        match error {
            RunnerError::Store(e) => e.into(),
            RunnerError::Git(e) => e.into(),
            RunnerError::Repo(e) => e.into(),
            RunnerError::Hook(e) => e.into(),
            RunnerError::Fresh(_) => CliError::failed("git", message).hint("run: git coord doctor"),
            RunnerError::Refused(outcome) => CliError::from_refusal(*outcome),
            RunnerError::Exec(ExecError::Io { source, .. }) => {
                CliError::failed("io", message).hint(io_hint(&source))
            }
            RunnerError::Binding(_) => CliError::failed("io", message).hint("run: git coord doctor"),
            RunnerError::Busy(_) => {
                CliError::failed("busy", message).hint("wait for it, or work in the pool as well: add -j N")
            }
            RunnerError::Identity(_) => CliError::failed("git", message)
                .hint("tell it: git config user.name NAME, git config user.email ADDRESS"),
            RunnerError::Ended(_) => {
                CliError::refused(message).hint("what is left goes on with: git coord run")
            }
            RunnerError::Slow { .. } => CliError::failed("git", message)
                .hint("a filter of .gitattributes or core.fsmonitor may hang: run that git there by hand"),
            RunnerError::Halted => CliError::interrupted(message),
            RunnerError::Base(_) => {
                CliError::failed("git", message).hint("make a first commit, or name one with --base REV")
            }
        }
    }
}
