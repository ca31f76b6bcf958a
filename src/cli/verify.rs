//! `verify`: checking an item or what this session has changed, and recording the result.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::gate::{hear, refusal, verdict_json, verdict_lines, watched, with_details};
use crate::cli::output::{Answer, GOOD, paint};
use crate::client::gates;
use crate::client::verify::{self, Check, Verification};
use crate::model::ItemId;
use crate::model::verdict::Verdict;

/// Check an item that this session holds, or what it has changed, and record the result
#[derive(Debug, Args)]
#[command(
    after_help = "With a command (of the item's queue, or named here) it runs at the top of the worktree, with\n\
                        GIT_COORD_ITEM set, and has passed when it exits with 0. Without one, the gates of\n\
                        coord.toml run that concern what has changed since the target branch. The result counts\n\
                        for exactly the tree that it saw, until the item is given back or verified again."
)]
pub struct VerifyArgs {
    /// The item [default: what this worktree has changed]
    item: Option<ItemId>,
    /// Ask this gate; may be given more than once
    #[arg(long = "gate", value_name = "G", conflicts_with_all = ["command", "words"])]
    gates: Vec<String>,
    /// Run gates also when they passed for this tree before
    #[arg(long)]
    fresh: bool,
    /// Run this with 'sh -c' [default: the queue's command, see 'queue set --verify-command']
    #[arg(long, value_name = "CMD", conflicts_with = "words", requires = "item")]
    command: Option<String>,
    /// Or run this program
    #[arg(last = true, value_name = "CMD", requires = "item")]
    words: Vec<String>,
}

/// Runs `verify`.
pub fn verify(app: &App, args: &VerifyArgs) -> CliResult<Answer> {
    let check = match (&args.command, &args.words[..]) {
        (Some(command), _) => Check::Shell(command.clone()),
        (None, []) => Check::OfQueue,
        (None, words) => Check::Program(words.to_vec()),
    };
    let client = app.client()?;
    let item = match &args.item {
        Some(item) if !matches!(check, Check::OfQueue) || has_command(&client, item, args)? => item,
        item => return by_gates(app, &client, args, item.as_ref()),
    };
    let found = verify::verify(&client, item, &check)?;
    if !found.ok {
        return Err(failed(&found));
    }
    let text = format!("{} {}: {}", paint(GOOD, "verified"), found.item, found.command);
    Ok(Answer::new(data(&found), text))
}

/// True when the item's queue has a command that verifies, and no gate is named; also when the target
/// has no gates, so that the error says what is missing.
fn has_command(client: &crate::client::Client, item: &ItemId, args: &VerifyArgs) -> CliResult<bool> {
    if !args.gates.is_empty() {
        return Ok(false);
    }
    if verify::has_command(client, item)? {
        return Ok(true);
    }
    Ok(gates::target(client).map_or(true, |target| target.gates.list.is_empty()))
}

fn data(found: &Verification) -> Value {
    json!({
        "item": found.item, "ok": found.ok, "command": found.command, "exit": found.exit, "tree": found.tree,
        "gates": [], "regressions": [], "known": [],
    })
}

fn failed(found: &Verification) -> CliError {
    let Verification { item, command, exit, .. } = found;
    let how = exit.map_or_else(|| "was ended by a signal".to_owned(), |n| format!("exited with {n}"));
    let error = CliError::refused(format!("{item}: the verification failed: {command} {how}"))
        .hint(format!("fix it and verify again, or: git coord fail {item} --reason TEXT"))
        .detail("rule", json!("verification-failed"));
    with_details(error, data(found))
}

/// What gates say.
fn by_gates(
    app: &App,
    client: &crate::client::Client,
    args: &VerifyArgs,
    item: Option<&ItemId>,
) -> CliResult<Answer> {
    let stop = crate::cli::run::listen()?;
    let mut hear = hear(app);
    let found = gates::verify(client, &args.gates, item, args.fresh, watched(&stop, &mut hear))?;
    let mut lines: Vec<String> =
        found.gates.iter().flat_map(|found| verdict_lines(&found.verdict, found.cached)).collect();
    if lines.is_empty() {
        lines.push("no gate concerns this change".to_owned());
    }
    let data = gates_json(&found);
    if found.ok {
        return Ok(Answer::new(data, lines));
    }
    let red: Vec<&Verdict> =
        found.gates.iter().map(|found| &found.verdict).filter(|verdict| !verdict.result.passes()).collect();
    Err(with_details(refusal(lines, &red), data))
}

fn gates_json(found: &gates::Verification) -> Value {
    let named = |pick: fn(&Verdict) -> &Vec<String>| {
        let of = |verdict: &Verdict| {
            pick(verdict).iter().map(|test| json!({ "gate": verdict.gate, "test": test })).collect::<Vec<_>>()
        };
        found.gates.iter().flat_map(|found| of(&found.verdict)).collect::<Value>()
    };
    json!({
        "tree": found.tree, "ok": found.ok, "item": found.item,
        "gates": found.gates.iter().map(verdict_json).collect::<Value>(),
        "regressions": named(|verdict| &verdict.regressions),
        "known": named(|verdict| &verdict.known),
    })
}
