//! How long a plan takes: by estimates and needs, and by the days of its waves.
//!
//! Work of `d` days that begins on day `s` ends on day `s + d - 1`. A workstream begins when all
//! that it needs has ended, and never before its `not_before`. A soft need (`after`) does not
//! count. Every length is a pair: with the lower and with the higher estimates.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::plan::Estimate;
use crate::model::plan::{PlanFile, Workstream};

/// A workstream in the schedule. Days are counted from 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The day on which it begins, with the higher estimates.
    pub start: u32,
    /// The day on which it ends, with the higher estimates.
    pub end: u32,
    /// The same with the lower estimates.
    pub start_low: u32,
    /// The same with the lower estimates.
    pub end_low: u32,
    /// Days by which it can be late without making the plan longer.
    pub slack: f64,
    /// True when it is on the critical path.
    pub critical: bool,
    /// The day of the first wave that merges it.
    pub wave_day: Option<u32>,
    /// True when it ends after that day; a continuous one never does.
    pub late_wave: bool,
}

/// A chain of workstreams that need each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chain {
    /// The ids, first to last.
    pub ids: Vec<String>,
    /// The day on which it ends, with lower and higher estimates.
    pub days: [f64; 2],
}

/// The lengths of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lengths {
    /// By estimates and needs, with the higher estimates.
    pub estimates: f64,
    /// The same with the lower ones.
    pub estimates_low: f64,
    /// The day of the last wave; `None`: the waves have no days.
    pub waves: Option<u32>,
}

/// The schedule of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// The sum of all estimates, lower and higher.
    pub sequence_days: [f64; 2],
    /// The lengths in parallel.
    pub length_days: Lengths,
    /// What the plan allows.
    pub target_days: Option<u32>,
    /// False when it takes longer than the plan allows.
    pub fits: bool,
    /// The ids that decide the length.
    pub critical: Vec<String>,
    /// One chain for each workstream that nothing needs, longest first.
    pub chains: Vec<Chain>,
    /// All workstreams, in the order of the plan.
    pub rows: Vec<Row>,
    /// Those without an estimate; they count as nothing.
    pub without_estimate: Vec<String>,
}

/// Begin and end of one workstream, in days after the beginning of day 1.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: [f64; 2],
    end: [f64; 2],
}

/// Computes the schedule. `what_if` replaces estimates. The plan has passed its checks: needs that
/// are not there or go in a circle are left out.
pub fn schedule(plan: &PlanFile, what_if: &BTreeMap<String, Estimate>) -> Schedule {
    let order = in_order(plan);
    let mut spans: BTreeMap<&str, Span> = BTreeMap::new();
    let mut via: BTreeMap<&str, &str> = BTreeMap::new();
    for ws in &order {
        let days = days_of(plan, ws, what_if);
        let earliest = f64::from(ws.not_before.unwrap_or(1).saturating_sub(1));
        let mut start = [earliest; 2];
        for need in &ws.needs {
            let Some(span) = spans.get(need.value.as_str()) else { continue };
            if span.end[1] > start[1] || (span.end[1] >= start[1] && !via.contains_key(ws.id.value.as_str()))
            {
                via.insert(&ws.id.value, &need.value);
            }
            start = [start[0].max(span.end[0]), start[1].max(span.end[1])];
        }
        let end = [start[0] + days.0, start[1] + days.1];
        spans.insert(&ws.id.value, Span { start, end });
    }
    let longest = |bound: usize| spans.values().map(|s| s.end[bound]).fold(0.0, f64::max);
    let length = longest(1);
    let critical = critical_path(&order, &spans, &via, length);
    let waves = plan.waves.iter().filter_map(|w| w.day).max();
    let target_days = plan.plan.as_ref().and_then(|p| p.days);
    let sum = plan.workstreams.iter().map(|ws| days_of(plan, ws, what_if));
    let (low, high) = sum.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    let taken = length.max(waves.map_or(0.0, f64::from));
    Schedule {
        sequence_days: [tidy(low), tidy(high)],
        length_days: Lengths { estimates: tidy(length), estimates_low: tidy(longest(0)), waves },
        target_days,
        fits: target_days.is_none_or(|days| taken <= f64::from(days)),
        rows: rows(plan, &order, &spans, &critical, length),
        chains: chains(plan, &order, &spans, &via),
        critical,
        without_estimate: order
            .iter()
            .filter(|ws| ws.estimate.is_none() && !what_if.contains_key(&ws.id.value))
            .map(|ws| ws.id.value.clone())
            .collect(),
    }
}

/// Needs before what needs them; what is in a circle is left out.
fn in_order(plan: &PlanFile) -> Vec<&Workstream> {
    let mut order: Vec<&Workstream> = Vec::new();
    let mut rest: Vec<&Workstream> = plan.workstreams.iter().collect();
    loop {
        let known = |id: &str| plan.workstream(id).is_some();
        let (ready, waiting): (Vec<_>, Vec<_>) = rest.into_iter().partition(|ws| {
            let done = |id: &str| order.iter().any(|o| o.id.value == id);
            ws.needs.iter().all(|need| done(&need.value) || !known(&need.value))
        });
        if ready.is_empty() {
            return order;
        }
        order.extend(ready);
        rest = waiting;
    }
}

fn days_of(plan: &PlanFile, ws: &Workstream, what_if: &BTreeMap<String, Estimate>) -> (f64, f64) {
    let estimate = what_if.get(&ws.id.value).copied().or(ws.estimate);
    estimate.map_or((0.0, 0.0), |e| e.days(plan.hours_per_day()))
}

fn chain_to<'a>(id: &'a str, via: &BTreeMap<&'a str, &'a str>) -> Vec<String> {
    let mut ids = vec![id.to_owned()];
    let mut at = id;
    while let Some(before) = via.get(at) {
        ids.push((*before).to_owned());
        at = before;
    }
    ids.reverse();
    ids
}

fn critical_path(
    order: &[&Workstream],
    spans: &BTreeMap<&str, Span>,
    via: &BTreeMap<&str, &str>,
    length: f64,
) -> Vec<String> {
    let last = order.iter().map(|ws| ws.id.value.as_str()).find(|id| spans[id].end[1] >= length);
    last.map(|id| chain_to(id, via)).unwrap_or_default()
}

fn chains(
    plan: &PlanFile,
    order: &[&Workstream],
    spans: &BTreeMap<&str, Span>,
    via: &BTreeMap<&str, &str>,
) -> Vec<Chain> {
    let needed = |id: &str| plan.workstreams.iter().any(|ws| ws.needs.iter().any(|n| n.value == id));
    let mut list: Vec<Chain> = order
        .iter()
        .map(|ws| ws.id.value.as_str())
        .filter(|id| !needed(id))
        .map(|id| Chain { ids: chain_to(id, via), days: spans[id].end.map(tidy) })
        .collect();
    list.sort_by(|a, b| b.days[1].total_cmp(&a.days[1]));
    list
}

fn rows(
    plan: &PlanFile,
    order: &[&Workstream],
    spans: &BTreeMap<&str, Span>,
    critical: &[String],
    length: f64,
) -> Vec<Row> {
    // The latest end that keeps the length, from the last to the first.
    let mut latest: BTreeMap<&str, f64> = BTreeMap::new();
    for ws in order.iter().rev() {
        let id = ws.id.value.as_str();
        let after = order.iter().filter(|o| o.needs.iter().any(|n| n.value == id));
        let bound = |o: &&Workstream| {
            let span = spans[o.id.value.as_str()];
            latest.get(o.id.value.as_str()).copied().unwrap_or(length) - (span.end[1] - span.start[1])
        };
        let end = after.map(bound).fold(length, f64::min);
        latest.insert(id, end);
    }
    let row = |ws: &Workstream| {
        let id = ws.id.value.as_str();
        let span = spans.get(id)?;
        let wave_day = plan.waves_of(id).first().and_then(|n| plan.waves[n - 1].day);
        let end = last_day(span.end[1], span.start[1]);
        Some(Row {
            id: id.to_owned(),
            start: first_day(span.start[1]),
            end,
            start_low: first_day(span.start[0]),
            end_low: last_day(span.end[0], span.start[0]),
            slack: tidy((latest[id] - span.end[1]).max(0.0)),
            critical: critical.iter().any(|c| c == id),
            late_wave: !ws.continuous && wave_day.is_some_and(|day| end > day),
            wave_day,
        })
    };
    plan.workstreams.iter().filter_map(row).collect()
}

/// The day, counted from 1, on which something begins.
fn first_day(offset: f64) -> u32 {
    (offset + 1e-9).floor() as u32 + 1
}

/// The day on which something ends that began at `start`.
fn last_day(end: f64, start: f64) -> u32 {
    ((end - 1e-9).ceil().max(0.0) as u32).max(first_day(start))
}

/// Two lengths as people write them: `5-6 d`, `7 d`.
pub fn range(low: f64, high: f64) -> String {
    if low < high { format!("{}-{} d", tidy(low), tidy(high)) } else { format!("{} d", tidy(high)) }
}

/// Without the dust of floating point.
fn tidy(days: f64) -> f64 {
    (days * 1000.0).round() / 1000.0
}
