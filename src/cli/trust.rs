//! `trust`: which commands of other people run on this clone.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::store::Store;
use crate::trust::{Approval, Commands, Found, Policy, SHORT, Trust};

use crate::cli::app::App;
use crate::cli::error::untrusted::shown;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, STRONG, Text, WARN, paint};
use crate::cli::text::count;
use crate::client::ClientError;
use crate::client::gates;

/// Say which commands of others may run here
#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    List(ListArgs),
    Allow(AllowArgs),
}

/// Show the commands of the shared state, and which may run here
#[derive(Debug, Args)]
#[command(
    after_help = "An item's 'run' and a queue's verify command that came from another clone run here only\n\
                        when they are approved on this clone. What was made here is approved. What is approved\n\
                        is the text: a command that is changed asks again.\n\
                        git config coord.trust: ask (default); all (everything runs); off (only what was made here)."
)]
pub struct ListArgs {}

/// Approve commands on this clone
#[derive(Debug, Args)]
pub struct AllowArgs {
    /// The first 16 or more digits of the command's hash, as git coord trust list shows them
    #[arg(value_name = "HASH", required_unless_present = "all")]
    hashes: Vec<String>,
    /// Approve every command of the list
    #[arg(long, conflicts_with = "hashes")]
    all: bool,
}

/// Runs `trust`.
pub fn run(app: &App, command: &TrustCommand) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    match command {
        TrustCommand::List(_) => list(app, store),
        TrustCommand::Allow(args) => allow(app, store, args),
    }
}

/// All commands that this clone may be asked to run: of the state, and of the gates of the target branch.
fn commands(app: &App, store: &Store) -> CliResult<Vec<Found>> {
    let mut commands = store.read(|view| {
        let mut commands = Commands::default();
        commands.add_state(view)?;
        Ok(commands)
    })?;
    // Without a target, or with a coord.toml that is wrong, no gate runs.
    if let Ok(target) = gates::target(&app.client()?) {
        for (command, from) in target.gates.commands() {
            commands.add(&command, || from);
        }
    }
    Ok(commands.into_list())
}

fn list(app: &App, store: &Store) -> CliResult<Answer> {
    let trust = Trust::new(store.path(), app.place.settings.trust);
    let mut rows = Vec::new();
    for found in commands(app, store)? {
        rows.push((allows(&trust, &found.command)?, found));
    }
    // What waits for a decision is read last, and so stands next to the prompt.
    rows.sort_by_key(|(allowed, _)| !allowed);
    let data: Value = rows.iter().map(|(allowed, found)| row_json(found, *allowed)).collect();
    let lines: Vec<String> = rows.iter().flat_map(|(allowed, found)| row(found, *allowed)).collect();
    let text = if lines.is_empty() { Text::from("no commands") } else { lines.into() };
    let answer =
        Answer::new(json!({ "commands": data, "policy": policy_word(app.place.settings.trust) }), text);
    let asked = rows.iter().filter(|(allowed, _)| !allowed).count();
    Ok(match (asked, app.place.settings.trust) {
        (0, _) => answer,
        (n, Policy::Off) => {
            answer.note(format!("{} may not run here: coord.trust is off", count(n, "command")))
        }
        (n, _) => answer.note(format!(
            "{} may not run here yet; approve them with: git coord trust allow HASH",
            count(n, "command")
        )),
    })
}

fn policy_word(policy: Policy) -> &'static str {
    match policy {
        Policy::Ask => "ask",
        Policy::All => "all",
        Policy::Off => "off",
    }
}

fn row_json(found: &Found, allowed: bool) -> Value {
    json!({
        "hash": found.hash.to_string(), "command": found.command, "from": found.from,
        "more": found.more, "allowed": allowed,
    })
}

fn row(found: &Found, allowed: bool) -> Vec<String> {
    let state = if allowed { paint(GOOD, "runs") } else { paint(WARN, "asks") };
    let more = if found.more > 0 { format!(" and {} more", found.more) } else { String::new() };
    let from = paint(FAINT, format!("{}{more}", found.from));
    let mut lines = vec![format!("{} {state}  {from}", paint(STRONG, found.hash.short()))];
    lines.extend(shown(&found.command, usize::MAX));
    lines
}

fn allow(app: &App, store: &Store, args: &AllowArgs) -> CliResult<Answer> {
    if app.place.settings.trust == Policy::Off {
        return Err(CliError::refused("coord.trust is off: only what was made on this clone runs here")
            .hint("to be able to approve commands: git config coord.trust ask")
            .detail("rule", json!("untrusted")));
    }
    let known = commands(app, store)?;
    let mut chosen: Vec<&Found> = if args.all { known.iter().collect() } else { Vec::new() };
    for text in &args.hashes {
        chosen.push(named(&known, text)?);
    }
    store.approve(chosen.iter().map(|found| found.hash), Approval::Allowed)?;
    let data: Value = chosen.iter().map(|found| row_json(found, true)).collect();
    let lines: Vec<String> = chosen.iter().flat_map(|found| row(found, true)).collect();
    let text = if lines.is_empty() { Text::from("no commands") } else { lines.into() };
    Ok(Answer::new(json!({ "commands": data }), text))
}

/// The one command whose hash begins so.
fn named<'f>(known: &'f [Found], text: &str) -> CliResult<&'f Found> {
    let text = text.to_ascii_lowercase();
    if text.len() < SHORT || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(CliError::usage(format!("{text:?} is not {SHORT} to 64 digits of a hash"))
            .hint("copy them from: git coord trust list"));
    }
    let mut found = known.iter().filter(|f| f.hash.to_string().starts_with(&text));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(CliError::failed("unknown", format!("the shared state has no command {text}"))
            .hint("it may have been changed; look again: git coord trust list")),
        (Some(_), Some(_)) => Err(CliError::usage(format!("{text} begins the hashes of several commands"))
            .hint("give all 64 digits: git coord trust list --json")),
    }
}

/// True when a command may run here.
fn allows(trust: &Trust, command: &str) -> CliResult<bool> {
    Ok(trust
        .allows(command)
        .map_err(|source| ClientError::Trust { file: trust.file().to_owned(), source })?)
}
