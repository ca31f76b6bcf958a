//! `plan schedule`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, FAINT, STRONG, WARN, paint};
use crate::model::plan::Estimate;
use crate::plan::{Row, Schedule, range, schedule as compute};
use crate::planning::PlanError;

/// Columns of the bars.
const WIDTH: usize = 48;

/// Show how long the plan takes, and what decides it
#[derive(Debug, Args)]
#[command(after_help = "By estimates: what needs something begins when that has ended. By waves: the\n\
                        day of the last wave. Both, because a wave can be planned before its members end.")]
pub struct ScheduleArgs {
    /// Compute it as if a workstream took this long; may be given more than once
    #[arg(long, value_name = "ID=D", value_parser = parse_what_if)]
    what_if: Vec<(String, Estimate)>,
}

fn parse_what_if(text: &str) -> Result<(String, Estimate), String> {
    let (id, estimate) = text.split_once('=').ok_or("write ID=D, such as TD2=3d")?;
    Ok((id.to_owned(), Estimate::parse(estimate)?))
}

/// Runs `plan schedule`.
pub fn schedule(app: &App, args: &ScheduleArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let state = super::current(&client)?;
    let what_if: BTreeMap<String, Estimate> = args.what_if.iter().cloned().collect();
    if let Some(id) = what_if.keys().find(|id| state.plan().workstream(id).is_none()) {
        return Err(CliError::from(PlanError::Unknown { what: "workstream", name: id.clone() }));
    }
    let before = compute(state.plan(), &BTreeMap::new());
    let now = compute(state.plan(), &what_if);
    let mut data = data(&now);
    if !what_if.is_empty() {
        let moved = moved(&before, &now);
        data.insert("moved".into(), json!(moved));
    }
    Ok(Answer::new(Value::Object(data), lines(&now, (!what_if.is_empty()).then_some(&before))))
}

/// Whole numbers where they are whole: a day is a day.
fn number(days: f64) -> Value {
    if days.fract() == 0.0 { json!(days as i64) } else { json!(days) }
}

fn data(schedule: &Schedule) -> Map<String, Value> {
    let rows: Vec<Value> = schedule
        .rows
        .iter()
        .map(|r| {
            json!({
                "id": r.id, "start": r.start, "end": r.end, "slack": number(r.slack),
                "start_low": r.start_low, "end_low": r.end_low, "critical": r.critical,
                "wave_day": r.wave_day, "late_wave": r.late_wave,
            })
        })
        .collect();
    let chains: Vec<Value> =
        schedule.chains.iter().map(|c| json!({ "ids": c.ids, "days": c.days.map(number) })).collect();
    let length = &schedule.length_days;
    let value = json!({
        "sequence_days": schedule.sequence_days.map(number),
        "length_days": {
            "estimates": number(length.estimates),
            "estimates_low": number(length.estimates_low),
            "waves": length.waves,
        },
        "target_days": schedule.target_days,
        "fits": schedule.fits,
        "critical": schedule.critical,
        "chains": chains,
        "rows": rows,
        "without_estimate": schedule.without_estimate,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The ids whose end has moved, with both ends.
fn moved(before: &Schedule, after: &Schedule) -> Vec<Value> {
    let pairs = before.rows.iter().zip(&after.rows).filter(|(a, b)| a.end != b.end);
    pairs.map(|(a, b)| json!({ "id": a.id, "from": a.end, "to": b.end })).collect()
}

fn lines(schedule: &Schedule, before: Option<&Schedule>) -> Vec<String> {
    let last =
        schedule.rows.iter().map(|r| r.end).chain(schedule.rows.iter().filter_map(|r| r.wave_day)).max();
    let days = last.unwrap_or(1).max(1) as usize;
    let cell = (WIDTH / days).clamp(1, 6);
    let width = schedule.rows.iter().map(|r| r.id.len()).max().unwrap_or(2).max(2);
    let mut lines = Vec::new();
    if days * cell <= WIDTH * 2 {
        let head: String = (1..=days).map(|d| format!("{d:<cell$}")).collect();
        lines.push(paint(FAINT, format!("{:width$}  {head}", "")).to_string());
    }
    for row in &schedule.rows {
        lines.push(bar(row, width, cell, before.and_then(|b| b.rows.iter().find(|r| r.id == row.id))));
    }
    let [low, high] = schedule.sequence_days;
    let length = &schedule.length_days;
    let waves = length.waves.map(|d| format!(", {d} d by waves")).unwrap_or_default();
    lines.push(String::new());
    lines.push(format!(
        "in sequence {}; in parallel {} by estimates{waves}",
        range(low, high),
        range(length.estimates_low, length.estimates)
    ));
    lines.push(format!("critical: {}", paint(STRONG, schedule.critical.join(" → "))));
    if let Some(days) = schedule.target_days.filter(|_| !schedule.fits) {
        lines.push(paint(BAD, format!("it does not fit into {days} d")).to_string());
    }
    for row in schedule.rows.iter().filter(|r| r.late_wave) {
        let wave = row.wave_day.unwrap_or_default();
        lines.push(format!(
            "{} {} ends on day {}, its wave is on day {wave}",
            paint(WARN, "warning:"),
            row.id,
            row.end
        ));
    }
    if !schedule.without_estimate.is_empty() {
        lines.push(format!("without an estimate: {}", schedule.without_estimate.join(", ")));
    }
    lines
}

fn bar(row: &Row, width: usize, cell: usize, before: Option<&Row>) -> String {
    let blank = " ".repeat((row.start as usize - 1) * cell);
    let work = "█".repeat((row.end - row.start + 1) as usize * cell);
    let style = if row.critical { STRONG } else { FAINT };
    let slack = if row.critical { "critical".to_owned() } else { format!("{} d of slack", row.slack) };
    let was = before.filter(|b| b.end != row.end).map(|b| format!(", was day {}", b.end)).unwrap_or_default();
    format!("{:width$}  {blank}{} to day {}, {slack}{was}", row.id, paint(style, work), row.end)
}
