//! `queue split`: an even split of the files over several sessions.

use clap::Args;
use serde_json::{Value, json};

use crate::model::op::Assign;
use crate::model::shard::Shard;
use crate::model::split::{self, Part};
use crate::model::{ItemId, Op, Outcome, QueueName, SessionName, queue};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, STRONG, paint};
use crate::cli::text;

/// Split the items evenly over sessions, so that no two share a file
#[derive(Debug, Args)]
#[command(after_help = "Which shard an item belongs to follows from its first file: items on one file\n\
                        are in one shard, and items that are imported later fall into place by\n\
                        themselves.\n\
                        With --into, the queues and areas that the sessions had before are replaced.\n\
                        Sessions beyond N, of an earlier split with this PREFIX, lose their shard:\n\
                        they keep what they hold until it is done, and take nothing else unless they help\n\
                        others.")]
pub struct SplitArgs {
    /// Over how many sessions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    sessions: u32,
    /// Count the items of this queue only; may be given several times
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Give the shards to the sessions PREFIX-1, PREFIX-2, …, created if missing
    #[arg(long, value_name = "PREFIX")]
    into: Option<String>,
}

/// Runs `queue split`.
pub fn split(app: &App, args: &SplitArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    for name in &args.queues {
        if store.read(|view| queue::get(view, name))?.is_none() {
            let name = name.to_string();
            return Err(CliError::from_refusal(Outcome::Unknown { what: "queue".into(), name }));
        }
    }
    let names = names(args)?;
    let mut queues: Vec<QueueName> = Vec::new();
    for name in &args.queues {
        if !queues.contains(name) {
            queues.push(name.clone());
        }
    }
    let parts = store.read(|view| split::parts(view, &args.queues, args.sessions))?;
    // Of an earlier split nothing stays: the shards are of exactly what was asked for.
    let assign = |(name, shard): (&SessionName, Shard)| Assign {
        session: name.clone(),
        queues: queues.clone(),
        areas: Vec::new(),
        shard: Some(shard),
    };
    let sessions: Vec<Assign> = names.iter().zip(Shard::all(args.sessions)).map(assign).collect();
    let Some(prefix) = args.into.clone() else { return Ok(answer(args, &names, &parts, &[])) };
    match client.submit(&Op::Split { prefix, sessions }, None)? {
        Outcome::Split { retired } => Ok(answer(args, &names, &parts, &retired)),
        refused => Err(CliError::from_refusal(refused)),
    }
}

fn names(args: &SplitArgs) -> CliResult<Vec<SessionName>> {
    let Some(prefix) = &args.into else { return Ok(Vec::new()) };
    let parse = |n| SessionName::parse(&format!("{prefix}-{n}"));
    let names: Result<_, _> = (1..=args.sessions).map(parse).collect();
    names.map_err(|e| CliError::usage(format!("--into {prefix:?}: {e}")))
}

/// A session whose shard is gone, and the items that it holds.
type Retired = (SessionName, Vec<ItemId>);

fn answer(args: &SplitArgs, names: &[SessionName], parts: &[Part], retired: &[Retired]) -> Answer {
    let shards: Vec<Shard> = Shard::all(args.sessions).collect();
    let total: u64 = parts.iter().map(|p| p.items).sum();
    let most = parts.iter().map(|p| p.items).max().unwrap_or(0);
    let balance = if total == 0 { 1.0 } else { most as f64 * parts.len() as f64 / total as f64 };
    let rows: Vec<Value> = (shards.iter().zip(parts).enumerate())
        .map(|(n, (shard, part))| {
            json!({
                "shard": shard, "session": names.get(n), "items": part.items, "files": part.files,
            })
        })
        .collect();
    let wide = names.iter().map(|n| n.as_str().len()).max().unwrap_or(0).max(7);
    let mut lines =
        vec![paint(FAINT, format!("{:9}  {:wide$}  {:>8}  {:>8}", "SHARE", "SESSION", "ITEMS", "FILES"))];
    for (n, (shard, part)) in shards.iter().zip(parts).enumerate() {
        let name = names.get(n).map_or("-", |name| name.as_str());
        let row = format!("{:9}  {name:wide$}  {:>8}  {:>8}", shard.to_string(), part.items, part.files);
        lines.push(row);
    }
    lines.push(format!("The largest shard has {} times the mean.", paint(STRONG, format!("{balance:.2}"))));
    lines.extend(retired.iter().map(retired_line));
    let gone: Vec<Value> =
        retired.iter().map(|(name, held)| json!({ "session": name, "holds": held })).collect();
    let data = json!({ "shards": rows, "items": total, "balance": balance, "retired": gone });
    let queues: String = args.queues.iter().map(|q| format!(" --queue {q}")).collect();
    let hint = match names.first() {
        Some(name) if names.len() > 1 => {
            format!("each begins in its worktree, the first with: git coord session start {name}")
        }
        Some(name) => format!("it begins in its worktree with: git coord session start {name}"),
        None => format!(
            "each begins with its own: git coord session start NAME{queues} --shard 1/{}",
            args.sessions
        ),
    };
    Answer::new(data, lines).note(hint)
}

fn retired_line((name, held): &Retired) -> String {
    let name = paint(STRONG, name);
    match held.len() {
        0 => format!("{name} no longer has a shard."),
        n => format!("{name} no longer has a shard; it keeps {} until done.", text::count(n, "item")),
    }
}
