//! `gate` and `baseline`: commands that have to pass, and what they came to on which tree.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, Text, WARN, paint};
use crate::cli::text::{self, count};
use crate::client::gates::{self, Watched};
use crate::gate::{Found, GateError};
use crate::model::RuleId;
use crate::model::plan::{Gate, When};
use crate::model::verdict::{AllowedTest, Baseline, GateResult, Verdict};

/// Tests that are named for people.
const SHOWN: usize = 10;

/// Commands that have to pass
#[derive(Debug, Subcommand)]
pub enum GateCommand {
    List(ListArgs),
    Run(RunArgs),
    Log(LogArgs),
    Allow(AllowArgs),
}

/// Show the gates of coord.toml, as the target branch has it
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Ask one gate about a commit, in a worktree of the pool
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The gate
    gate: String,
    /// About this commit [default: HEAD]
    #[arg(long, value_name = "REV")]
    on: Option<String>,
    /// Run it also when it passed for this tree before
    #[arg(long)]
    fresh: bool,
}

/// Show what a gate came to, newest first
#[derive(Debug, Args)]
pub struct LogArgs {
    /// The gate
    gate: String,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// Let a test of a gate fail until a day
#[derive(Debug, Args)]
pub struct AllowArgs {
    /// The gate
    gate: String,
    /// The test, as verdicts name it
    test: String,
    /// The last day, such as 2026-12-24
    #[arg(long, value_name = "DAY")]
    until: jiff::civil::Date,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What branches are compared with
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    Record(RecordArgs),
    Show(ShowArgs),
}

/// Run all gates at the tip of a branch and record what they came to
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The branch [default: the target]
    #[arg(long, value_name = "B")]
    branch: Option<String>,
}

/// Show what was recorded
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The branch [default: the target]
    #[arg(long, value_name = "B")]
    branch: Option<String>,
}

/// Runs `gate`.
pub fn run(app: &App, command: &GateCommand) -> CliResult<Answer> {
    match command {
        GateCommand::List(_) => list(app),
        GateCommand::Run(args) => run_one(app, args),
        GateCommand::Log(args) => log(app, args),
        GateCommand::Allow(args) => allow(app, args),
    }
}

/// Runs `baseline`.
pub fn baseline(app: &App, command: &BaselineCommand) -> CliResult<Answer> {
    let client = app.client()?;
    let found = match command {
        BaselineCommand::Show(args) => gates::baseline(&client, args.branch.as_deref())?,
        BaselineCommand::Record(args) => {
            let stop = crate::cli::run::listen()?;
            gates::record_baseline(&client, args.branch.as_deref(), watched(&stop, &mut hear(app)))?
        }
    };
    Ok(baseline_answer(&found))
}

fn baseline_answer(found: &Baseline) -> Answer {
    let gate = |v: &Verdict| {
        json!({
            "gate": v.gate, "result": v.result, "passed": v.tests.passed, "failed": v.tests.failed,
            "skipped": v.tests.skipped, "failing": v.failing,
        })
    };
    let list: Value = found.gates.iter().map(gate).collect();
    let mut lines = vec![format!("{} at {}", paint(STRONG, &found.branch), short(&found.commit))];
    lines.extend(found.gates.iter().flat_map(|v| verdict_lines(v, false)));
    let data = json!({
        "branch": found.branch, "commit": found.commit, "tree": found.tree, "at": found.at.to_string(), "gates": list,
    });
    Answer::new(data, lines)
}

/// Says on stderr which gate runs.
pub(super) fn hear(app: &App) -> impl FnMut(&str) + use<> {
    let ui = app.ui();
    move |gate: &str| ui.narrate(format!("git coord: gate {gate} …"))
}

/// How gates are watched over from here.
pub(super) fn watched<'a>(stop: &'a crate::exec::Stop, hear: &'a mut dyn FnMut(&str)) -> Watched<'a> {
    Watched { stop, variable: crate::cli::env::variable, hear }
}

fn list(app: &App) -> CliResult<Answer> {
    let target = gates::target(&app.client()?)?;
    let list = &target.gates.list;
    let data: Value = list.iter().map(gate_json).collect();
    let text = if list.is_empty() {
        Text::from(format!("coord.toml of {} has no gates", target.branch))
    } else {
        list.iter().map(gate_line).collect::<Vec<_>>().into()
    };
    Ok(Answer::new(json!({ "gates": data, "branch": target.branch, "commit": target.commit }), text))
}

fn words(gate: &Gate) -> Vec<&'static str> {
    let word = |when: &When| match when {
        When::Item => "item",
        When::Before => "before",
        When::After => "after",
        When::Land => "land",
    };
    gate.when.iter().map(word).collect()
}

fn gate_json(gate: &Gate) -> Value {
    json!({
        "name": gate.name.value, "run": gate.run, "time": gate.time, "when": words(gate), "paths": gate.paths,
        "results": gate.results, "manual": gate.manual,
    })
}

fn gate_line(gate: &Gate) -> String {
    let when = words(gate).join(", ");
    let when = if when.is_empty() { String::new() } else { format!("  {}", paint(FAINT, when)) };
    let run = gate.run.as_deref().or(gate.manual.as_deref()).unwrap_or_default();
    format!("{}  {run}{when}", paint(STRONG, &gate.name.value))
}

fn run_one(app: &App, args: &RunArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let stop = crate::cli::run::listen()?;
    let mut hear = hear(app);
    let found = gates::run(&client, &args.gate, args.on.as_deref(), args.fresh, watched(&stop, &mut hear))?;
    let lines = verdict_lines(&found.verdict, found.cached);
    if found.verdict.result.passes() {
        return Ok(Answer::new(verdict_json(&found), lines));
    }
    let error = refusal(lines, &[&found.verdict]);
    Err(with_details(error, verdict_json(&found)))
}

/// The error of verdicts that do not pass.
pub(super) fn refusal(lines: Vec<String>, red: &[&Verdict]) -> CliError {
    let first = red.first();
    let rule = first.and_then(|v| v.rule).unwrap_or(RuleId::GateFailed);
    let log = first.map(|v| v.log.clone()).unwrap_or_default();
    CliError::refused(lines).hint(format!("its output: {log}")).detail("rule", json!(rule))
}

/// Adds the answer that a success would have had.
pub(super) fn with_details(mut error: CliError, data: Value) -> CliError {
    if let Value::Object(map) = data {
        error.details.extend(map);
    }
    error
}

fn log(app: &App, args: &LogArgs) -> CliResult<Answer> {
    let list = gates::history(&app.client()?, &args.gate, args.limit)?;
    let data: Value =
        list.iter().map(|v| verdict_json(&Found { verdict: v.clone(), cached: true })).collect();
    let lines: Vec<String> = list
        .iter()
        .map(|v| format!("{}  {}  {}", result(v.result), short(&v.tree), paint(FAINT, text::ago(v.at))))
        .collect();
    let text = if lines.is_empty() { Text::from("no verdicts") } else { lines.into() };
    Ok(Answer::new(json!({ "verdicts": data }), text))
}

fn allow(app: &App, args: &AllowArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let end = args.until.tomorrow().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    let until: Timestamp =
        end.map_err(|e| CliError::usage(format!("--until {}: {e}", args.until)))?.timestamp();
    let by = client.session_if_any()?;
    let (gate, test, reason) = (args.gate.clone(), args.test.clone(), args.reason.clone());
    gates::allow(&client, AllowedTest { gate, test, until, reason, by })?;
    let text = format!("{} may fail in gate {} until {}", args.test, args.gate, args.until);
    Ok(Answer::new(json!({ "gate": args.gate, "test": args.test, "until": until.to_string() }), text))
}

/// A verdict as `cli.md` has it.
pub(super) fn verdict_json(found: &Found) -> Value {
    let v = &found.verdict;
    json!({
        "gate": v.gate, "tree": v.tree, "key": v.key, "result": v.result, "rule": v.rule, "why": v.why,
        "attempts": v.attempts, "seconds": v.millis as f64 / 1000.0, "exit": v.exit, "tests": v.tests,
        "failing": v.failing, "known": v.known, "regressions": v.regressions, "log": v.log, "by": v.by,
        "clone": v.clone, "at": v.at.to_string(), "cached": found.cached,
    })
}

fn result(result: GateResult) -> String {
    match result {
        GateResult::Passed => paint(GOOD, "passed"),
        GateResult::Flaky => paint(WARN, "flaky"),
        GateResult::KnownRed => paint(WARN, "known red"),
        GateResult::Failed => paint(BAD, "failed"),
        GateResult::Broken => paint(BAD, "broken"),
        GateResult::Timeout => paint(BAD, "timeout"),
    }
}

/// A verdict for people.
pub(super) fn verdict_lines(v: &Verdict, cached: bool) -> Vec<String> {
    let mut facts = Vec::new();
    let ran = v.tests.passed + v.tests.failed;
    if ran > 0 {
        facts.push(format!("{} of {ran} tests passed", v.tests.passed));
    }
    facts.push(if cached {
        format!("known for this tree, {}", text::ago(v.at))
    } else {
        format!("{:.1} s", v.millis as f64 / 1000.0)
    });
    if v.attempts > 1 && !cached {
        facts.push(count(v.attempts as usize, "run"));
    }
    let mut lines = vec![format!(
        "{} {} {}",
        result(v.result),
        paint(STRONG, &v.gate),
        paint(FAINT, format!("({})", facts.join(", ")))
    )];
    if let Some(why) = &v.why {
        lines.push(format!("    {why}"));
    }
    for (word, list) in [
        ("regression", &v.regressions),
        ("gone", &v.tests.vanished),
        ("known", &v.known),
        ("failing", &v.failing),
    ] {
        let shown =
            |test: &&String| word != "failing" || !(v.regressions.contains(test) || v.known.contains(test));
        let list: Vec<&String> = list.iter().filter(shown).collect();
        lines.extend(list.iter().take(SHOWN).map(|test| format!("    {word}: {test}")));
        if list.len() > SHOWN {
            lines.push(format!("    {word}: {} more", list.len() - SHOWN));
        }
    }
    lines
}

fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

impl From<GateError> for CliError {
    fn from(error: GateError) -> Self {
        let message = Text::block(&error.to_string());
        match error {
            GateError::Store(inner) => inner.into(),
            GateError::Git(inner) => inner.into(),
            GateError::Repo(inner) => inner.into(),
            GateError::Exec(_) => CliError::failed("io", message)
                .hint("check that the disk has room and the folder can be written"),
            GateError::Definition { problems, .. } => CliError::failed("bad-plan", message)
                .hint("fix it there, and check it with: git coord plan check coord.toml")
                .detail("bad", json!(problems)),
            GateError::Unknown { .. } => {
                CliError::failed("unknown", message).hint("list them with: git coord gate list")
            }
            GateError::Absent { hint, .. } => CliError::failed("unknown", message).hint(hint),
            GateError::Untrusted(commands) => {
                crate::cli::error::untrusted::error(&commands, crate::trust::Policy::Ask, Vec::new())
            }
            GateError::Stopped => CliError::interrupted(message),
        }
    }
}
