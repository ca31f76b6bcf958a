//! The command line: one file for each verb, in the folder of its group, with its arguments and help; output, errors.

mod add;
mod agent_hook;
mod app;
mod args;
mod check;
mod claim;
mod claims;
mod command;
mod config;
mod demo;
mod doctor;
mod done;
mod drop;
mod edit;
mod env;
mod error;
pub mod exit;
mod fail;
mod finish;
mod gate;
mod generate;
mod git;
mod help;
mod hook;
mod hooks;
mod init;
mod item_style;
mod land;
mod launch;
mod log;
mod mail;
mod mcp;
mod message;
mod next;
mod note;
mod output;
mod plan;
mod progress;
mod progress_bar;
mod progress_lines;
mod prompt;
mod queue;
mod refresh;
mod release;
mod remote;
mod renew;
mod run;
mod sanitize;
mod server;
mod session;
mod setup;
mod status;
mod submit;
mod sync;
mod table;
mod tell;
mod text;
mod trust;
mod uninstall;
mod upkeep;
mod usage;
mod verify;
mod wave;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use app::App;
use command::{Cli, Command};
use env::Env;
use error::{CliError, CliResult};
use exit::ExitStatus;
use output::{Answer, Ui};

/// Runs a command and returns the exit status of the process.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(e) => return usage::report(&words, &e, &Cli::command()).into(),
    };
    if let Command::Hook(args) = &cli.command
        && let Some(words) = args.of_agent()
    {
        return agent_hook::run(&cli.global, words);
    }
    if matches!(cli.command, Command::Mcp(_)) {
        return mcp::run(&cli.global);
    }
    let ui = cli.global.ui();
    let reads_mail = !matches!(
        cli.command,
        Command::Hook(_)
            | Command::Upkeep(_)
            | Command::Sync(_)
            | Command::Run(_)
            | Command::Work(_)
            | Command::Prompt(_)
    );
    let used = OnceCell::new();
    match dispatch(cli, &used) {
        Ok(mut answer) => {
            if let Some(app) = used.get().filter(|_| reads_mail) {
                answer.mail = mail::take(app);
            }
            match ui.answer(answer) {
                Ok(()) => ExitStatus::Done.into(),
                Err(e) => {
                    let error = CliError::failed("io", format!("the answer cannot be written: {e}"));
                    // Standard output is what failed.
                    Ui { json: false, ..ui }.error(&error.hint(error::io_hint(&e)));
                    ExitStatus::Failed.into()
                }
            }
        }
        Err(error) => {
            ui.error(&error);
            error.exit.into()
        }
    }
}

/// Runs a command; `used` is what it works with, if it works on a repository.
fn dispatch(cli: Cli, used: &OnceCell<App>) -> CliResult<Answer> {
    let env = Env::read();
    if env.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let global = cli.global;
    let ui = global.ui();
    let app = || {
        let app = App::new(&global, env.clone())?;
        Ok::<_, CliError>(used.get_or_init(|| app).clone())
    };
    match cli.command {
        Command::Init(args) => init::init(&app()?, &args),
        Command::Session(command) => session::run(&app()?, &command),
        Command::Claim(args) => claim::claim(&app()?, &args),
        Command::Refresh(args) => refresh::refresh(&app()?, &args),
        Command::Release(args) => release::release(&app()?, &args),
        Command::Claims(args) => claims::claims(&app()?, &args),
        Command::Queue(command) => queue::run(&app()?, global.ui(), &command),
        Command::Add(args) => add::add(&app()?, &args),
        Command::Edit(args) => edit::edit(&app()?, &args),
        Command::Note(args) => note::note(&app()?, &args),
        Command::Tell(args) => tell::tell(&app()?, &args),
        Command::Next(args) => next::next(&app()?, &args),
        Command::Verify(args) => verify::verify(&app()?, &args),
        Command::Done(args) => done::done(&app()?, &args),
        Command::Fail(args) => fail::fail(&app()?, &args),
        Command::Drop(args) => drop::drop_items(&app()?, &args),
        Command::Run(args) => run::run(&app()?, ui, &args),
        Command::Work(args) => run::work(&app()?, ui, &args),
        Command::Land(args) => land::land(&app()?, &args),
        Command::Launch(args) => launch::launch(&app()?, &args),
        Command::Teardown(args) => launch::teardown(&app()?, &args),
        Command::Submit(args) => submit::submit(&app()?, &args),
        Command::Block(args) => submit::block(&app()?, &args),
        Command::Unblock(_) => submit::unblock(&app()?),
        Command::Wave(command) => wave::run(&app()?, &command),
        Command::Finish(args) => wave::finish(&app()?, &args),
        Command::Report(args) => wave::report(&app()?, &args),
        Command::Plan(command) => plan::run(&app()?, global.ui(), &command),
        Command::Landed(args) => land::landed(&app()?, &args),
        Command::Checkpoint(command) => land::checkpoint(&app()?, &command),
        Command::Rollback(args) => land::rollback(&app()?, &args),
        Command::Conflicts(args) => land::conflicts(&app()?, &args),
        Command::Renew(args) => renew::renew(&app()?, &args),
        Command::Check(args) => check::check(&app()?, &args),
        // Answered before anything else: its output is not an answer.
        Command::Mcp(_) => Ok(Answer::default()),
        Command::Setup(args) => setup::setup(&global, &args),
        Command::Progress(args) => progress::progress(&app()?, &args),
        Command::Status(args) => status::status(&app()?, &args, global.ui()),
        Command::Config(_) => config::config(&app()?),
        Command::Prompt(_) => prompt::prompt(app()),
        Command::Log(args) => log::log(&app()?, &args, global.session.as_deref()),
        Command::Sync(_) => sync::sync(&app()?),
        Command::Hooks(command) => hooks::run(&app()?, &command),
        Command::Hook(args) => match args.on_server() {
            Some(words) => server::update(&app::start_dir(&global), &env, words),
            None => hook::run(&app()?, &args),
        },
        Command::Gate(command) => gate::run(&app()?, &command),
        Command::Baseline(command) => gate::baseline(&app()?, &command),
        Command::Trust(command) => trust::run(&app()?, &command),
        Command::Remote(args) => remote::run(&app()?, &args),
        Command::Server(command) => server::run(&app::start_dir(&global), &env, &command),
        Command::Demo(args) => demo::run(global.ui(), &args),
        Command::DemoWorker(args) => demo::worker(args),
        Command::Doctor(args) => doctor::doctor(&app()?, &args),
        Command::Uninstall(args) => uninstall::uninstall(&app()?, &args),
        Command::Upkeep(_) => upkeep::upkeep(&app()?),
        Command::Git(args) => git::git(&app()?, &args),
        Command::Help(args) => help::help(&args, Cli::command()),
        Command::Completions(args) => generate::completions(&args, &Cli::command()),
        Command::Generate(args) => generate::generate(&args, &Cli::command()),
    }
}
