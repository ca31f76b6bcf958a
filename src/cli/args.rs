//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::output::Ui;
use super::text::parse_duration;
use super::{
    check, claims, demo, doctor, generate, help, hook, hooks, init, items, log, next, queue, remote, run,
    server, session, status, uninstall, verify,
};

/// Coordinate many coding sessions on one repository
#[derive(Debug, Parser)]
#[command(
    name = "git-coord",
    bin_name = "git coord",
    version,
    disable_help_subcommand = true,
    after_help = "A session claims what it edits; git hooks refuse commits of anything else.\n\
                  Begin with: git coord init, git coord session start NAME, git coord next"
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Heading of the flags of every command, so that they stand apart from a command's own.
const COMMON: &str = "Common options";

/// Flags that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Print one JSON document
    #[arg(long, global = true, help_heading = COMMON)]
    pub json: bool,
    /// Act as this session
    #[arg(long, global = true, help_heading = COMMON, value_name = "NAME")]
    pub session: Option<String>,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, help_heading = COMMON, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Do not ask the remote; finish and give back what is held, to be sent later
    #[arg(long, global = true, help_heading = COMMON)]
    pub offline: bool,
    /// Print the answer only
    #[arg(long, short, global = true, help_heading = COMMON)]
    pub quiet: bool,
}

impl Global {
    /// The output that these flags ask for.
    pub fn ui(&self) -> Ui {
        Ui { json: self.json, quiet: self.quiet }
    }
}

/// The commands, in the order in which one comes to need them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up this repository and the hooks of all its worktrees
    Init(init::InitArgs),
    /// Start, list, show or end sessions
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Claim files or folders before editing them
    Claim(claims::ClaimArgs),
    /// Give claimed paths back
    Release(claims::ReleaseArgs),
    /// Show who holds what
    Claims(claims::ClaimsArgs),
    /// Import and look at items of work
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Take the next items, each with its files
    Next(next::NextArgs),
    /// Check an item that this session holds, and record the result
    Verify(verify::VerifyArgs),
    /// Finish items
    Done(items::DoneArgs),
    /// Give items back after a failed attempt
    Fail(items::FailArgs),
    /// Give items back untouched
    Drop(items::DropArgs),
    /// Run the commands that items carry, several at once
    Run(run::RunArgs),
    /// Run one command for every item
    Work(run::WorkArgs),
    /// Renew leases
    Renew(items::RenewArgs),
    /// Check that changes are covered by this session's claims
    Check(check::CheckArgs),
    /// Record progress as a note on the current commit
    Progress(log::ProgressArgs),
    /// Show sessions, queues, rate and estimated end
    Status(status::StatusArgs),
    /// Show the audit log, newest first
    Log(log::LogArgs),
    /// Exchange state and notes with the remote, both ways
    Sync,
    /// Show the remote that arbitrates, or try out what one can do
    Remote(remote::RemoteArgs),
    /// Guard a bare repository that you own with a hook
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Install, remove or look at the git hooks
    #[command(subcommand)]
    Hooks(hooks::HooksCommand),
    /// Do the work of a git hook (called by the hooks)
    #[command(hide = true)]
    Hook(hook::HookArgs),
    /// See all of it at work in a temporary folder
    Demo(demo::DemoArgs),
    /// Work for the demonstration (started by it)
    #[command(hide = true)]
    DemoWorker(demo::WorkerArgs),
    /// Look for damage in store, hooks and leases, and mend it
    Doctor(doctor::DoctorArgs),
    /// Take everything of git-coord out of this repository
    Uninstall(uninstall::UninstallArgs),
    /// Run upkeep of the store (starts by itself when needed)
    #[command(hide = true)]
    Upkeep,
    /// Run git on the store
    Git(init::GitArgs),
    /// Explain a command
    Help(help::HelpArgs),
    /// Print a completion script for a shell
    Completions(generate::CompletionsArgs),
    /// Write man pages or the reference (for packagers, and for docs/cli.md)
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
}

/// Parses `--limit`. 0 might be taken for all or for nothing, so it is neither.
///
/// # Errors
/// When it is no number that can be a limit.
pub fn parse_limit(word: &str) -> Result<u64, String> {
    word.parse().ok().filter(|n| *n > 0).ok_or_else(|| "write a number from 1".into())
}

/// `--ttl`, for commands that grant leases.
#[derive(Debug, Clone, Args)]
pub struct Ttl {
    /// Length of the lease: 90s, 30m, 2h, 1d
    #[arg(long = "ttl", value_name = "D", value_parser = parse_duration)]
    pub ttl: Option<u64>,
}
