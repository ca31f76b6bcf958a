//! `queue set`: the rules of a queue.

use clap::Args;
use serde_json::{Value, json};

use crate::model::queue::{self, Queue};
use crate::model::rules::Rule;
use crate::model::{Op, Outcome, QueueName};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, STRONG, paint};
use crate::cli::text;

/// Set the rules of a queue, or show them
#[derive(Debug, Args)]
#[command(after_help = "Without options, the rules are shown. 'off' takes a rule away again.")]
pub struct SetArgs {
    /// Its name; created if missing
    queue: QueueName,
    /// Give an item up after N failed attempts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_attempts: Option<u32>,
    /// After a failure, do not offer an item again before this time has passed
    #[arg(long, value_name = "D|off", value_parser = parse_time)]
    cool_down: Option<Setting<u64>>,
    /// Refuse to finish an item without a verification that passed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    verify: Option<bool>,
    /// The command with which 'git coord verify' checks an item
    #[arg(long, value_name = "CMD|off", value_parser = parse_text)]
    verify_command: Option<Setting<String>>,
    /// Length of the lease on an item, unless 'next' names one
    #[arg(long, value_name = "D|off", value_parser = parse_time)]
    ttl: Option<Setting<u64>>,
    /// Let a session hold at most N of the items at once
    #[arg(long, value_name = "N|off", value_parser = parse_number)]
    max_held: Option<Setting<u32>>,
}

/// A value, or none from now on.
#[derive(Debug, Clone)]
struct Setting<T>(Option<T>);

fn parse<T>(word: &str, value: impl Fn(&str) -> Result<T, String>) -> Result<Setting<T>, String> {
    if word == "off" { Ok(Setting(None)) } else { value(word).map(|v| Setting(Some(v))) }
}

fn parse_time(word: &str) -> Result<Setting<u64>, String> {
    parse(word, text::parse_duration)
}

fn parse_text(word: &str) -> Result<Setting<String>, String> {
    parse(word, text::parse_line)
}

fn parse_number(word: &str) -> Result<Setting<u32>, String> {
    let number = |w: &str| w.parse().ok().filter(|n| (1..=10_000).contains(n));
    parse(word, |w| number(w).ok_or_else(|| "write a number from 1 to 10000, or off".into()))
}

/// Runs `queue set`.
pub fn set(app: &App, args: &SetArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let rules: Vec<Rule> = [
        args.cool_down.clone().map(|s| Rule::CoolDown(s.0)),
        args.verify.map(Rule::Verify),
        args.verify_command.clone().map(|s| Rule::VerifyCommand(s.0)),
        args.ttl.clone().map(|s| Rule::Ttl(s.0)),
        args.max_held.clone().map(|s| Rule::MaxHeld(s.0)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if args.max_attempts.is_some() || !rules.is_empty() {
        let op = Op::SetQueue { name: args.queue.clone(), max_attempts: args.max_attempts, rules };
        client.submit(&op, None)?;
    }
    let Some(queue) = store.read(|view| queue::get(view, &args.queue))? else {
        return Err(CliError::from_refusal(Outcome::Unknown {
            what: "queue".into(),
            name: args.queue.to_string(),
        }));
    };
    Ok(Answer::new(rules_json(&queue), rules_text(&queue)))
}

fn rules_json(queue: &Queue) -> Value {
    let rules = &queue.rules;
    json!({
        "queue": queue.name, "max_attempts": queue.max_attempts, "cool_down": rules.cool_down,
        "verify": rules.verify, "verify_command": rules.verify_command, "ttl": rules.ttl,
        "max_held": rules.max_held,
    })
}

fn rules_text(queue: &Queue) -> Vec<String> {
    let rules = &queue.rules;
    let time = |seconds: u64| text::length(i64::try_from(seconds).unwrap_or(i64::MAX));
    let or = |value: Option<String>, none: &str| value.unwrap_or_else(|| none.to_owned());
    let lines = [
        ("attempts", format!("given up after {}", text::count(queue.max_attempts as usize, "failure"))),
        ("cool-down", or(rules.cool_down.map(|d| format!("{} after a failure", time(d))), "none")),
        ("verification", if rules.verify { "required" } else { "not required" }.to_owned()),
        ("command", or(rules.verify_command.clone(), "named with each verification")),
        ("lease", or(rules.ttl.map(time), "as coord.ttl says")),
        ("at once", or(rules.max_held.map(|n| format!("{n} for each session")), "any number")),
    ];
    let rows = lines.iter().map(|(name, value)| format!("  {name:12}  {value}"));
    [paint(STRONG, &queue.name)].into_iter().chain(rows).collect()
}
