//! `setup`: git-coord's entries in the configuration of agent programs.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::agent::setup::{self, Program, Report, SetupError, State, Surroundings};
use crate::git::{GitEnv, HostRepo};

use crate::cli::app::start_dir;
use crate::cli::args::Global;
use crate::cli::env::{self, Homes};
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, Text, WARN, paint};

/// Let an agent program ask git-coord before it edits
#[derive(Debug, Args)]
#[command(
    after_help = "Writes the user's own configuration of the program, so that it counts in every worktree; with\n\
                        --project that of this repository, and a short text in AGENTS.md. Everything else in these\n\
                        files stays as it is. In a repository without git-coord the hook does nothing.\n\
                        Without AGENT: shows the programs that are found here."
)]
pub struct SetupArgs {
    /// claude, codex, gemini, qwen, cursor, copilot, opencode, …
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,
    /// Write the configuration of this repository
    #[arg(long)]
    project: bool,
    /// Say whether the entries are as they should be: exit status 5 if not
    #[arg(long, conflicts_with = "remove")]
    check: bool,
    /// Remove the entries
    #[arg(long)]
    remove: bool,
}

impl From<SetupError> for CliError {
    fn from(error: SetupError) -> Self {
        let message = error.to_string();
        match error {
            SetupError::Io { .. } => {
                CliError::failed("io", message).hint("check that the file can be written")
            }
            SetupError::Form { .. } => {
                CliError::failed("bad-input", message).hint("fix the file, then repeat the command")
            }
            SetupError::Foreign { .. } => CliError::failed("bad-input", message)
                .hint("move that file away, or call `git-coord hook agent` from it"),
        }
    }
}

/// Runs `setup`.
pub fn setup(global: &Global, args: &SetupArgs) -> CliResult<Answer> {
    let around = surroundings(global, args)?;
    let programs = chosen(args, &around)?;
    if args.agents.is_empty() || args.check {
        return check(&around, &programs, args.check);
    }
    if args.remove {
        let mut reports = Vec::new();
        for program in programs {
            reports.push((program, setup::remove(&around, program)?));
        }
        return Ok(answer(&reports, &[]));
    }
    // All are looked at before any is changed.
    for program in &programs {
        setup::check(&around, program)?;
    }
    let mut reports = Vec::new();
    let mut failed = Vec::new();
    for program in programs {
        reports.push((program, setup::write(&around, program)?));
        failed.extend(setup::prove(&around, program)?.map(|why| (program, why)));
    }
    if let Some((program, why)) = failed.first() {
        return Err(CliError::failed(
            "proof",
            format!("{} is set up, but the hook does not work: {why}", program.title),
        )
        .hint("see: git coord doctor; then: git coord setup --check")
        .detail("agents", json(&reports)));
    }
    let mut answer = answer(&reports, &[]);
    for (program, _) in &reports {
        for need in program.needs {
            answer = answer.note(format!("{}: {need}", program.title));
        }
        if program.name == "codex" && around.store.is_none() && around.project.is_none() {
            answer = answer.note(
                "Codex: its sandbox keeps commands from writing claims: repeat this in each repository that has git-coord",
            );
        }
    }
    Ok(answer)
}

fn surroundings(global: &Global, args: &SetupArgs) -> CliResult<Surroundings> {
    let Homes { home, config, state, codex, claude, path } = env::homes();
    let home = home.ok_or_else(|| {
        CliError::failed("io", "the environment does not name your home folder")
            .hint("set HOME, then repeat the command")
    })?;
    let repo = HostRepo::discover(&start_dir(global), &GitEnv::default());
    let store = repo.as_ref().ok().map(|repo| repo.common_dir.join(crate::store::STORE_DIR));
    Ok(Surroundings {
        config_home: config.unwrap_or_else(|| home.join(".config")),
        state_home: state.unwrap_or_else(|| home.join(".local/state")),
        codex_home: codex,
        claude_home: claude,
        home,
        program: stable_program(path.as_deref())?,
        project: if args.project { Some(repo?.root) } else { None },
        store: store.filter(|store| store.is_dir()),
    })
}

/// The program by the path under which a shell finds it: a new version is there, too. Some agent programs
/// want a hook approved again when its words change.
fn stable_program(path: Option<&std::ffi::OsStr>) -> CliResult<PathBuf> {
    let own = crate::process::own_program()
        .map_err(|e| CliError::failed("io", format!("this program cannot be found: {e}")))?;
    let real = |path: &Path| path.canonicalize().ok();
    let found = path.into_iter().flat_map(std::env::split_paths).map(|dir| dir.join("git-coord"));
    let same = |file: &PathBuf| file.is_absolute() && real(file).is_some() && real(file) == real(&own);
    Ok(found.into_iter().find(same).unwrap_or(own))
}

fn chosen(args: &SetupArgs, around: &Surroundings) -> CliResult<Vec<&'static Program>> {
    if args.agents.is_empty() {
        let there = |program: &&Program| around.home.join(program.trace).exists();
        return Ok(setup::all().iter().filter(there).collect());
    }
    let mut list: Vec<&'static Program> = Vec::new();
    for name in &args.agents {
        let Some(program) = setup::find(&name.to_ascii_lowercase()) else {
            let known: Vec<&str> = setup::all().iter().map(|program| program.name).collect();
            return Err(CliError::usage(format!("git-coord does not know the agent program {name}"))
                .hint(format!("one of: {}", known.join(", "))));
        };
        if !list.iter().any(|known| known.name == program.name) {
            list.push(program);
        }
    }
    Ok(list)
}

fn check(around: &Surroundings, programs: &[&'static Program], strict: bool) -> CliResult<Answer> {
    let mut reports = Vec::new();
    for program in programs {
        reports.push((*program, setup::check(around, program)?));
    }
    let bad: Vec<&(&Program, Report)> = reports.iter().filter(|(_, r)| r.state != State::Current).collect();
    if !strict || bad.is_empty() {
        return Ok(answer(&reports, &["no agent program was found in your home folder"]));
    }
    let lines: Vec<String> = bad.iter().map(|(p, r)| format!("{}: {}", p.title, r.state.word())).collect();
    let names: Vec<&str> = bad.iter().map(|(program, _)| program.name).collect();
    let project = if around.project.is_some() { " --project" } else { "" };
    Err(CliError::refused(lines)
        .hint(format!("git coord setup {}{project}", names.join(" ")))
        .detail("rule", json!("setup"))
        .detail("agents", json(&reports)))
}

fn json(reports: &[(&Program, Report)]) -> Value {
    let one = |(program, report): &(&Program, Report)| {
        json!({
            "name": program.name, "state": report.state.word(), "files": report.files, "changed": report.changed,
            "needs": program.needs,
        })
    };
    Value::Array(reports.iter().map(one).collect())
}

fn answer(reports: &[(&Program, Report)], none: &[&str]) -> Answer {
    let mut lines = Vec::new();
    for (program, report) in reports {
        let style = if report.state == State::Current { GOOD } else { WARN };
        lines.push(format!("{}  {}", paint(style, format!("{:7}", report.state.word())), program.title));
        for file in &report.files {
            let what = if report.changed.contains(file) { "  changed" } else { "" };
            lines.push(format!("         {}{}", paint(FAINT, file.display()), paint(GOOD, what)));
        }
    }
    let text = if lines.is_empty() { Text::from(none.join("")) } else { lines.into() };
    Answer::new(json!({ "agents": json(reports) }), text)
}
