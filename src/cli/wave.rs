//! `wave …`, `finish` and `report`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::land::{integrator, landing_lines, short};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, WARN, paint};
use crate::cli::text;
use crate::land::Later;
use crate::planning::{self, PlanReport, WaveRequest, WaveRow};

/// Land what the workstreams of a wave have submitted
#[derive(Debug, Subcommand)]
pub enum WaveCommand {
    /// List the waves
    List,
    Show(ShowArgs),
    Integrate(IntegrateArgs),
    Rollback(RollbackArgs),
}

/// Show one wave
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The wave
    #[arg(value_name = "N")]
    number: usize,
}

/// Merge the submitted commits of a wave into the integration branch, in order
///
/// The branch is made at the plan's base when it is not there. What cannot land is handed back with
/// the reason, and the rest lands. Integrating again goes on with what has not landed.
#[derive(Debug, Args)]
pub struct IntegrateArgs {
    /// The wave
    #[arg(value_name = "N")]
    number: usize,
    /// Only this member; may be given more than once
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Wait for other integrators, at most this long
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
    /// Only show what would land
    #[arg(long)]
    dry_run: bool,
}

/// Take a wave off the integration branch again
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The wave
    #[arg(value_name = "N")]
    number: usize,
    /// Take off what came later as well, or put it together again without this
    #[arg(long, value_name = "HOW", value_parser = parse_later)]
    later: Option<Later>,
    /// Add commits that revert it, also where the branch could be moved back
    #[arg(long)]
    revert: bool,
    /// Only show what would happen
    #[arg(long)]
    dry_run: bool,
}

fn parse_later(text: &str) -> Result<Later, String> {
    match text {
        "drop" => Ok(Later::Drop),
        "keep" => Ok(Later::Keep),
        _ => Err("write drop or keep".into()),
    }
}

/// Land the integration branch in the target, and tag it
#[derive(Debug, Args)]
pub struct FinishArgs {
    /// A tag besides those of the plan; may be given more than once
    #[arg(long = "tag", value_name = "T")]
    tags: Vec<String>,
}

/// Show planned against actual: workstreams, waves, targets
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// In Markdown
    #[arg(long)]
    md: bool,
}

/// Runs `wave …`.
pub fn run(app: &App, command: &WaveCommand) -> CliResult<Answer> {
    match command {
        WaveCommand::List => list(app, None),
        WaveCommand::Show(args) => list(app, Some(args.number)),
        WaveCommand::Integrate(args) => integrate(app, args),
        WaveCommand::Rollback(args) => rollback(app, args),
    }
}

fn list(app: &App, number: Option<usize>) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let status = planning::status(&client.place.repo, &client.store, crate::clock::now())?;
    if let Some(number) = number {
        let Some(wave) = status.waves.iter().find(|w| w.number == number) else {
            return Err(planning::PlanError::Unknown { what: "wave", name: number.to_string() }.into());
        };
        let mut lines = vec![line(wave)];
        lines.extend(wave.merge.iter().filter_map(|id| {
            let row = status.workstreams.iter().find(|w| w.id == *id)?;
            Some(format!("  {id}  {}  {}", row.state, row.title))
        }));
        lines.push(format!(
            "  gates: {}",
            if wave.gates.is_empty() { "none".into() } else { wave.gates.join(", ") }
        ));
        return Ok(Answer::new(json!({ "wave": wave }), lines));
    }
    let lines: Vec<String> = status.waves.iter().map(line).collect();
    Ok(Answer::new(json!({ "waves": status.waves }), lines))
}

fn line(wave: &WaveRow) -> String {
    let style = match wave.state {
        "landed" => GOOD,
        "ready" => STRONG,
        _ => FAINT,
    };
    let title = wave.title.as_ref().map(|t| format!(" {t}")).unwrap_or_default();
    let day = wave.day.map(|d| format!(" day {d}")).unwrap_or_default();
    let late = wave.late.map(|d| paint(WARN, format!(" late by {d}d"))).unwrap_or_default();
    format!("wave {}{title}{day}: {} {}{late}", wave.number, wave.merge.join(" + "), paint(style, wave.state))
}

fn integrate(app: &App, args: &IntegrateArgs) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let integrator = integrator(app, &client.store)?;
    let request = WaveRequest {
        number: args.number,
        only: args.only.clone(),
        wait: args.wait.map(std::time::Duration::from_secs),
        dry_run: args.dry_run,
    };
    let answer = planning::integrate(&client, &integrator, &request)?;
    let Some(report) = &answer.landing else {
        let data = json!({ "wave": answer.wave, "landed": [], "handed_back": [], "again": true });
        return Ok(Answer::new(data, format!("wave {} has landed", answer.wave)));
    };
    let mut data = Map::from_iter([("wave".to_owned(), json!(answer.wave))]);
    if let Value::Object(fields) = json!(report) {
        data.extend(fields);
    }
    data.insert("ready_now".into(), json!(answer.ready_now));
    data.insert("again".into(), json!(false));
    let mut lines = landing_lines(report, args.dry_run);
    if !answer.ready_now.is_empty() {
        lines.push(format!("can start now: {}", paint(GOOD, answer.ready_now.join(", "))));
    }
    // Somebody who has written gates into the plan must not take a landed wave for a green one.
    if !answer.gates_not_run.is_empty() {
        let names = answer.gates_not_run.join(", ");
        lines.push(paint(
            WARN,
            format!("the gates of this wave did not run: {names}; run them with: git coord gate run"),
        ));
    }
    data.insert("gates_not_run".into(), json!(answer.gates_not_run));
    if report.handed_back.is_empty() {
        return Ok(Answer::new(Value::Object(data), lines));
    }
    data.insert("rule".into(), json!("handed-back"));
    let hint = "fix it in its worktree, then submit again: git coord submit";
    Err(CliError { details: data, ..CliError::refused(lines).hint(hint) })
}

fn rollback(app: &App, args: &RollbackArgs) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let integrator = integrator(app, &client.store)?;
    let words = (args.number, args.later, args.revert, args.dry_run);
    let reports = planning::roll_back(&client, &integrator, words)?;
    let verb = if args.dry_run { "would roll back" } else { "rolled back" };
    let lines: Vec<String> = reports
        .iter()
        .map(|r| {
            format!(
                "{} wave {}: {} is at {}, was at {}",
                paint(GOOD, verb),
                args.number,
                r.branch,
                short(&r.to),
                short(&r.from)
            )
        })
        .collect();
    let (first, last) = (reports.first(), reports.last());
    let mut data = last.map_or_else(|| json!({}), |report| json!(report));
    data["wave"] = json!(args.number);
    if let Some(first) = first {
        data["from"] = json!(first.from);
    }
    Ok(Answer::new(data, lines))
}

/// Runs `finish`.
pub fn finish(app: &App, args: &FinishArgs) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let integrator = integrator(app, &client.store)?;
    let answer = planning::finish(&client, &integrator, &args.tags)?;
    let mut lines = landing_lines(&answer.landing, false);
    lines.extend(answer.tags.iter().map(|tag| format!("{} {tag}", paint(GOOD, "tagged"))));
    lines.extend(answer.after_finish.iter().map(|command| format!("next: {command}")));
    if answer.landing.handed_back.is_empty() {
        return Ok(Answer::new(json!(answer), lines));
    }
    let details = Map::from_iter([
        ("rule".to_owned(), json!("handed-back")),
        ("landing".to_owned(), json!(answer.landing)),
    ]);
    Err(CliError {
        details,
        ..CliError::refused(lines).hint("fix it on the integration branch, then: git coord finish")
    })
}

/// Runs `report`.
pub fn report(app: &App, args: &ReportArgs) -> CliResult<Answer> {
    let client = app.client()?;
    super::plan::current(&client)?;
    let report = planning::report(&client, crate::clock::now())?;
    let lines = if args.md { markdown(&report) } else { shown(&report) };
    Ok(Answer::new(json!(report), lines))
}

fn shown(report: &PlanReport) -> Vec<String> {
    let mut lines = vec![format!("{} day {}", paint(STRONG, &report.status.name), report.status.day)];
    let days = |d: Option<String>| d.unwrap_or_else(|| "?".into());
    lines.push(format!(
        "planned {} d, took {} d; {} d in sequence by estimates",
        days(report.planned_days.map(|d| d.to_string())),
        days(report.actual_days.map(|d| d.to_string())),
        report.sequence_days[1]
    ));
    lines.extend(report.status.waves.iter().map(line));
    lines.push(format!(
        "{}, {}, {}",
        text::count(report.hand_backs as usize, "hand-back"),
        text::count(report.conflicts as usize, "conflict"),
        text::count(report.rollbacks as usize, "rollback")
    ));
    for target in &report.targets {
        let style = if target.state == "missed" { BAD } else { GOOD };
        let value = target.value.map(|v| format!(" ({v})")).unwrap_or_default();
        lines.push(format!("target {}: {}{value}", target.name, paint(style, target.state)));
    }
    lines
}

/// For a file or a pull request: no styles, tables of Markdown.
fn markdown(report: &PlanReport) -> Vec<String> {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let or = |value: Option<String>| value.unwrap_or_default();
    let mut lines = vec![format!("# Plan {}", cell(&report.status.name)), String::new()];
    lines.push("| workstream | state | % | waves | estimate | days used |".into());
    lines.push("|---|---|---|---|---|---|".into());
    for w in &report.status.workstreams {
        let waves: Vec<String> = w.landed.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "| {} {} | {} | {} | {} | {} | {} |",
            w.id,
            cell(&w.title),
            w.state,
            or(w.percent.map(|p| p.to_string())),
            waves.join(" "),
            or(w.estimate.clone()),
            or(w.days_used.map(|d| d.to_string()))
        ));
    }
    lines.extend([
        String::new(),
        "| wave | planned day | members | state | landed |".into(),
        "|---|---|---|---|---|".into(),
    ]);
    for w in &report.status.waves {
        let landed = or(w.landed.map(|at| at.to_string()));
        let day = or(w.day.map(|d| d.to_string()));
        lines.push(format!("| {} | {day} | {} | {} | {landed} |", w.number, w.merge.join(", "), w.state));
    }
    lines.push(String::new());
    lines.push(format!(
        "{} hand-backs, {} conflicts, {} rollbacks.",
        report.hand_backs, report.conflicts, report.rollbacks
    ));
    if !report.targets.is_empty() {
        lines.extend([String::new(), "| target | value | state |".into(), "|---|---|---|".into()]);
        for t in &report.targets {
            lines.push(format!(
                "| {} | {} | {} |",
                cell(&t.name),
                or(t.value.map(|v| v.to_string())),
                t.state
            ));
        }
    }
    lines
}
