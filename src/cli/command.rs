//! The program's words: all commands. The only file of the command line that names every verb.

use clap::{Parser, Subcommand};

use crate::cli::args::Global;
use crate::cli::{
    add, check, claim, claims, config, demo, doctor, done, drop, edit, fail, gate, generate, git, help, hook,
    hooks, init, land, launch, log, mcp, next, note, plan, progress, prompt, queue, refresh, release, remote,
    renew, run, server, session, setup, status, submit, sync, tell, trust, uninstall, upkeep, verify, wave,
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

/// The commands, in the order in which they are needed. The help of each is on its arguments, beside its code.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(init::InitArgs),
    #[command(subcommand)]
    Session(session::SessionCommand),
    Claim(claim::ClaimArgs),
    Release(release::ReleaseArgs),
    Refresh(refresh::RefreshArgs),
    Claims(claims::ClaimsArgs),
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    Add(add::AddArgs),
    Edit(edit::EditArgs),
    Note(note::NoteArgs),
    Next(next::NextArgs),
    Verify(verify::VerifyArgs),
    Done(done::DoneArgs),
    Fail(fail::FailArgs),
    Drop(drop::DropArgs),
    Run(run::RunArgs),
    Work(run::WorkArgs),
    Land(land::LandArgs),
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    Landed(land::LandedArgs),
    Conflicts(land::ConflictsArgs),
    #[command(subcommand)]
    Checkpoint(land::CheckpointCommand),
    Rollback(land::RollbackArgs),
    Launch(launch::LaunchArgs),
    Teardown(launch::TeardownArgs),
    Submit(submit::SubmitArgs),
    Block(submit::BlockArgs),
    Unblock(submit::UnblockArgs),
    #[command(subcommand)]
    Wave(wave::WaveCommand),
    Finish(wave::FinishArgs),
    Report(wave::ReportArgs),
    Renew(renew::RenewArgs),
    Check(check::CheckArgs),
    Progress(progress::ProgressArgs),
    Tell(tell::TellArgs),
    Status(status::StatusArgs),
    Log(log::LogArgs),
    Config(config::ConfigArgs),
    Prompt(prompt::PromptArgs),
    Sync(sync::SyncArgs),
    Remote(remote::RemoteArgs),
    #[command(subcommand)]
    Server(server::ServerCommand),
    #[command(subcommand)]
    Gate(gate::GateCommand),
    #[command(subcommand)]
    Baseline(gate::BaselineCommand),
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    #[command(subcommand)]
    Hooks(hooks::HooksCommand),
    #[command(hide = true)]
    Hook(hook::HookArgs),
    Setup(setup::SetupArgs),
    #[command(hide = true)]
    Mcp(mcp::McpArgs),
    Demo(demo::DemoArgs),
    #[command(hide = true)]
    DemoWorker(demo::WorkerArgs),
    Doctor(doctor::DoctorArgs),
    Uninstall(uninstall::UninstallArgs),
    #[command(hide = true)]
    Upkeep(upkeep::UpkeepArgs),
    Git(git::GitArgs),
    Help(help::HelpArgs),
    Completions(generate::CompletionsArgs),
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
}
