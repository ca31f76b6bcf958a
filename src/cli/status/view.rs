//! The numbers of `status` for people.

use anstyle::Style;

use super::data::{is_own, items_of};
use super::page::page;
use super::{By, Status, StatusArgs, Worker};
use crate::cli::output::{BAD, FAINT, GOOD, STRONG, WARN, paint};
use crate::cli::table::{Cell, Grid, cut};
use crate::cli::text as words;
use crate::model::metrics::{Group, Measure, share};
use crate::model::session::SessionState;

/// Conflicts should stay below this share of all tries.
const CONFLICTS: f64 = 0.01;

/// Attempts should end well in at least this share.
const SUCCESS: f64 = 0.95;

/// Everything, in `width` columns, and in `room` lines if they are limited.
pub fn text(status: &Status, args: &StatusArgs, width: usize, room: Option<usize>) -> String {
    let workers: Vec<&Worker> = status
        .workers
        .iter()
        .filter(|w| args.all || args.by == Some(By::Session) || w.session.state == SessionState::Active)
        .collect();
    // A screen that stays the same must say why. Without --watch it is said beside the numbers.
    let stale = status.stale.filter(|_| args.watch.is_some()).map(|last| {
        let when = last.map_or_else(|| "last".to_owned(), words::ago);
        format!("{}\n", paint(WARN, format!("the remote was not reached; this was known {when}")))
    });
    let mut tables = vec![stale.unwrap_or_default()];
    match args.by {
        None => tables.extend(overview(status, &workers, width)),
        Some(By::Session) if workers.is_empty() => tables.push(NOBODY.to_owned()),
        Some(By::Session) => tables.push(records(status, &workers, width)),
        Some(by) => tables.push(work(status, by, width)),
    }
    page(tables, summary(status, width), room)
}

const NOBODY: &str = "no session is at work; start one: git coord session start NAME\n";

fn overview(status: &Status, workers: &[&Worker], width: usize) -> Vec<String> {
    let nobody = workers.is_empty();
    let mut tables = vec![if nobody { NOBODY.to_owned() } else { sessions(status, workers, width) }];
    if status.all.counts.total() > 0 {
        tables.push(work(status, most_useful(status), width));
    }
    tables
}

/// What says most about the work: the queues, or what a single one consists of.
fn most_useful(status: &Status) -> By {
    match (status.queues.len(), status.phases.len(), status.categories.len()) {
        (2.., ..) => By::Queue,
        (_, 2.., _) => By::Phase,
        (_, _, 2..) => By::Category,
        _ => By::Queue,
    }
}

/// Who is at work on what.
fn sessions(status: &Status, workers: &[&Worker], width: usize) -> String {
    Grid::default()
        .text("SESSION", u8::MAX, workers.iter().map(|w| name(w.session.name.as_str())))
        .text("STATE", 5, workers.iter().map(|w| Cell::new(state_style(w), w.word())))
        .numbers("DONE", 6, workers.iter().map(|w| Cell::plain(w.session.done)))
        .numbers("FAILED", 4, workers.iter().map(|w| Cell::number(BAD, w.session.failed)))
        .numbers("/HOUR", 2, workers.iter().map(|w| rate(status.session_rates(&w.session).0)))
        .numbers("SEEN", 3, workers.iter().map(|w| seen(w)))
        .rest("AT WORK ON", workers.iter().map(|w| Cell::plain(at_work_on(w))))
        .fit(width)
}

/// What sessions have done so far.
fn records(status: &Status, workers: &[&Worker], width: usize) -> String {
    Grid::default()
        .text("SESSION", u8::MAX, workers.iter().map(|w| name(w.session.name.as_str())))
        .text("STATE", 2, workers.iter().map(|w| Cell::new(state_style(w), w.word())))
        .numbers("DONE", 9, workers.iter().map(|w| Cell::plain(w.session.done)))
        .numbers("FAILED", 8, workers.iter().map(|w| Cell::number(BAD, w.session.failed)))
        .numbers("SUCCESS", 5, workers.iter().map(|w| percent(w.success(), |s| s >= SUCCESS)))
        .numbers("TRIES", 3, workers.iter().map(|w| Cell::plain(w.session.stats.granted + w.refused)))
        .numbers("REFUSED", 4, workers.iter().map(|w| percent(w.conflicts(), |s| s < CONFLICTS)))
        .numbers("/HOUR", 7, workers.iter().map(|w| rate(status.session_rates(&w.session).0)))
        .numbers("OVERALL", 1, workers.iter().map(|w| rate(status.session_rates(&w.session).1)))
        .numbers("SEEN", 6, workers.iter().map(|w| seen(w)))
        .fit(width)
}

/// How far the work is.
fn work(status: &Status, by: By, width: usize) -> String {
    let of_names = |list: &[(Group, Measure)]| -> Vec<(String, Measure)> {
        list.iter().map(|(group, measure)| (group_name(group, by), measure.clone())).collect()
    };
    let (head, rows) = match by {
        By::Category => ("CATEGORY", of_names(&status.categories)),
        By::Phase => ("PHASE", of_names(&status.phases)),
        By::Queue | By::Session => {
            ("QUEUE", status.queues.iter().map(|(q, m)| (q.name.to_string(), m.clone())).collect())
        }
    };
    if rows.is_empty() {
        let what = if by == By::Queue { "there is no queue" } else { "no item has one" };
        return format!("{what}; import some: git coord queue import FILE\n");
    }
    let number = |style: Style, n: fn(&Measure) -> u64| {
        rows.iter().map(move |(_, m)| Cell::number(style, n(m))).collect::<Vec<_>>()
    };
    let mut grid = Grid::default()
        .text(head, u8::MAX, rows.iter().map(|(n, _)| name(n)))
        .bars(8, rows.iter().map(|(_, m)| shares(m)))
        .numbers("", 12, rows.iter().map(|(_, m)| done_percent(m)))
        .numbers("DONE", 10, number(Style::new(), |m| m.counts.done))
        .numbers("TOTAL", 11, number(Style::new(), |m| m.counts.total()))
        .numbers("FREE", 6, number(Style::new(), |m| m.counts.pending));
    // What there is none of needs no column.
    if status.all.counts.blocked > 0 {
        grid = grid.numbers("WAIT", 5, number(WARN, |m| m.counts.blocked));
    }
    grid = grid.numbers("TAKEN", 4, number(Style::new(), |m| m.counts.claimed));
    if status.all.counts.failed > 0 {
        grid = grid.numbers("FAILED", 9, number(BAD, |m| m.counts.failed));
    }
    if status.all.per_hour(status.now).is_some() {
        grid = grid.numbers("/HOUR", 3, rows.iter().map(|(_, m)| rate(m.per_hour(status.now)))).numbers(
            "TO GO",
            7,
            rows.iter().map(|(_, m)| to_go(m, status)),
        );
    }
    grid.fit(width)
}

fn group_name(group: &Group, by: By) -> String {
    match (group, by) {
        (Group::Name(name), _) => name.clone(),
        (Group::Others, _) => "(other names)".into(),
        (Group::Nothing, By::Phase) => "(no phase)".into(),
        (Group::Nothing, _) => "(no category)".into(),
    }
}

/// Done, given up and in somebody's hands, of all.
fn shares(measure: &Measure) -> Vec<(Style, f64)> {
    let c = measure.counts;
    let share = |n: u64| if c.total() == 0 { 0.0 } else { n as f64 / c.total() as f64 };
    vec![(GOOD, share(c.done)), (BAD, share(c.failed)), (WARN, share(c.claimed))]
}

/// Not 100 before all is done, and not 0 once something is.
fn done_percent(measure: &Measure) -> Cell {
    let (done, total) = (measure.counts.done, measure.counts.total());
    let percent = (done * 100).checked_div(total).unwrap_or(100);
    let text = if percent == 0 && done > 0 { "<1%".to_owned() } else { format!("{percent}%") };
    Cell::new(if done == total { GOOD } else { Style::new() }, text)
}

fn to_go(measure: &Measure, status: &Status) -> Cell {
    match measure.eta(status.now) {
        Some(at) => Cell::plain(words::until(at)),
        None if measure.counts.left() == 0 => Cell::new(GOOD, "done"),
        None => Cell::new(FAINT, "-"),
    }
}

fn name(text: &str) -> Cell {
    Cell::new(STRONG, cut(text, 24))
}

fn state_style(worker: &Worker) -> Style {
    match worker.word() {
        "working" => GOOD,
        "idle" => WARN,
        _ => FAINT,
    }
}

fn seen(worker: &Worker) -> Cell {
    Cell::plain(worker.seen.map_or_else(|| "-".into(), words::ago))
}

fn rate(per_hour: Option<f64>) -> Cell {
    per_hour.map_or_else(|| Cell::new(FAINT, "-"), |rate| Cell::plain(rate_text(rate)))
}

/// Slow work shows a digit more.
fn rate_text(rate: f64) -> String {
    if rate < 9.95 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn percent(part: Option<f64>, good: impl Fn(f64) -> bool) -> Cell {
    match part {
        Some(part) => Cell::new(if good(part) { GOOD } else { WARN }, format!("{:.1}%", part * 100.0)),
        None => Cell::new(FAINT, "-"),
    }
}

/// The item in hand, or the paths; how many more.
fn at_work_on(worker: &Worker) -> String {
    let items: Vec<_> = items_of(&worker.session).collect();
    if let Some(first) = items.first() {
        let more = match items.len() {
            1 => String::new(),
            n => format!(" (+{})", n - 1),
        };
        let title = first.title.as_deref().map(|t| format!(" {}", one_line(t))).unwrap_or_default();
        return format!("{}{more}{title}", first.id);
    }
    let paths = || worker.session.leases.iter().flat_map(|l| l.all_paths());
    // Looked through, not sorted: a session may hold thousands.
    match (paths().min(), paths().count()) {
        (None, _) => "-".into(),
        (Some(only), 1) => only.to_string(),
        (Some(first), n) => format!("{first} (+{})", n - 1),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The last lines: the whole of the work, and how well it goes.
fn summary(status: &Status, width: usize) -> String {
    let mut text = String::new();
    let (done, total) = (status.all.counts.done, status.all.counts.total());
    // Cut off, not rounded: 100.0% means all.
    if let Some(tenths) = (done * 1000).checked_div(total) {
        let mut parts = vec![format!("{done} of {total} done ({}.{}%)", tenths / 10, tenths % 10)];
        match (status.all.per_hour(status.now), status.all.since_start(status.now)) {
            (Some(now), Some(start)) if rate_text(now) != rate_text(start) => {
                let start = rate_text(start);
                parts.push(format!("{} an hour ({start} since the start)", rate_text(now)));
            }
            (None, Some(start)) => parts.push(format!("{} an hour since the start", rate_text(start))),
            (Some(now), _) => parts.push(format!("{} an hour", rate_text(now))),
            (None, None) => {}
        }
        if let Some(eta) = status.all.eta(status.now) {
            parts.push(format!("{} to go", words::until(eta)));
        }
        text.push_str(&sentence(&parts, width));
    }
    let mut parts = Vec::new();
    if let Some(success) = status.success() {
        let good = success >= SUCCESS;
        let text = format!("success {:.1}%", success * 100.0);
        parts.push(judged(good, text, "95% or more"));
    }
    if let Some(conflicts) = share(status.refused, status.granted) {
        let tries = status.granted + status.refused;
        let text = format!("conflicts {:.1}% of {tries} tries", conflicts * 100.0);
        parts.push(judged(conflicts < CONFLICTS, text, "below 1%"));
    }
    if !parts.is_empty() {
        text.push_str(&sentence(&parts, width));
    }
    let ready = |own: bool| -> usize {
        status.pools.iter().filter(|p| is_own(p, status) == own).map(|p| items_of(p).count()).sum()
    };
    let parts: Vec<String> = [(ready(true), "kept ready here"), (ready(false), "kept ready by other clones")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, words)| paint(FAINT, format!("{} {words}", words::count(n, "item"))))
        .collect();
    if !parts.is_empty() {
        text.push_str(&sentence(&parts, width));
    }
    text
}

/// A figure; where it misses its target, the target.
fn judged(good: bool, text: String, target: &str) -> String {
    if good { paint(GOOD, text) } else { format!("{} (should be {target})", paint(WARN, text)) }
}

/// Parts with commas between them, broken where the line is full.
fn sentence(parts: &[String], width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for (place, part) in parts.iter().enumerate() {
        let comma = if place + 1 < parts.len() { "," } else { "" };
        let long = anstream::adapter::strip_str(part).to_string().chars().count() + comma.len();
        match lines.last_mut() {
            Some(line) if length + 1 + long <= width => {
                line.push_str(&format!(" {part}{comma}"));
                length += 1 + long;
            }
            _ => {
                lines.push(format!("{part}{comma}"));
                length = long;
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
