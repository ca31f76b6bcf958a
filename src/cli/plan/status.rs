//! `plan status`.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, Ui, WARN, paint};
use crate::cli::table::{Cell, Grid};
use crate::cli::text;
use crate::planning::{self, Status, WorkstreamRow};

/// Show all workstreams and waves on one screen
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only what is on the critical path, late, blocked or handed back
    #[arg(long)]
    critical: bool,
}

/// Runs `plan status`.
pub fn status(app: &App, _ui: Ui, args: &StatusArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    super::current(&client)?;
    let mut status = planning::status(&app.place.repo, store, crate::clock::now())?;
    if args.critical {
        let matters = |w: &WorkstreamRow| {
            w.critical || w.late.is_some() || w.blocked.is_some() || w.handed_back.is_some()
        };
        status.workstreams.retain(matters);
    }
    let lines = lines(&status);
    Ok(Answer::new(json!(status), lines))
}

fn lines(status: &Status) -> Vec<String> {
    let rows = &status.workstreams;
    let cells =
        |f: &dyn Fn(&WorkstreamRow) -> String| rows.iter().map(|w| Cell::plain(f(w))).collect::<Vec<_>>();
    let dash = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
    let mut lines =
        vec![format!("{} day {}, version {}", paint(STRONG, &status.name), status.day, status.version)];
    let state = rows.iter().map(|w| {
        let style = match w.state {
            "landed" => GOOD,
            "blocked" => BAD,
            "planned" | "paused" | "dropped" => FAINT,
            _ => STRONG,
        };
        Cell::new(style, w.state)
    });
    lines.extend(
        Grid::default()
            .text("ID", u8::MAX, rows.iter().map(|w| Cell::new(STRONG, &w.id)).collect::<Vec<_>>())
            .text("STATE", 9, state.collect::<Vec<_>>())
            .numbers("%", 8, cells(&|w| w.percent.map_or_else(String::new, |p| p.to_string())))
            .numbers("AHEAD", 5, cells(&|w| dash(w.ahead)))
            .numbers("BEHIND", 4, cells(&|w| dash(w.behind)))
            .text("DAYS", 3, cells(&days))
            .text(
                "WAVE",
                2,
                cells(&|w| w.landed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
            )
            .rest("NOTE", cells(&note))
            .fit(text::terminal_width(&std::io::stdout()))
            .lines()
            .map(str::to_owned),
    );
    for wave in &status.waves {
        let late = wave.late.map(|d| paint(WARN, format!(" late by {d}d")).to_string()).unwrap_or_default();
        let day = wave.day.map(|d| format!(" day {d},")).unwrap_or_default();
        let title = wave.title.as_ref().map(|t| format!(" {t}:")).unwrap_or_default();
        lines.push(format!(
            "wave {}{title}{day} {}: {}{late}",
            wave.number,
            wave.merge.join(" + "),
            wave.state
        ));
    }
    if !status.ready.is_empty() {
        lines.push(format!("can start: {}", paint(GOOD, status.ready.join(", "))));
    }
    lines
}

/// Days used of the estimate.
fn days(w: &WorkstreamRow) -> String {
    match (w.days_used, &w.estimate) {
        (Some(used), Some(estimate)) => format!("{used}/{estimate}"),
        (Some(used), None) => format!("{used}d"),
        (None, Some(estimate)) => format!("-/{estimate}"),
        (None, None) => String::new(),
    }
}

/// What matters most about a workstream now.
fn note(w: &WorkstreamRow) -> String {
    let mut parts = Vec::new();
    parts.extend(w.late.map(|d| format!("late by {d}d")));
    parts.extend(w.blocked.as_ref().map(|b| format!("blocked: {}", b.text)));
    parts.extend(w.handed_back.as_ref().map(|why| format!("handed back, {why}")));
    if !w.waits_for.is_empty() && w.blocked.is_none() {
        parts.push(format!("waits for {}", w.waits_for.join(", ")));
    }
    if let Some(note) = &w.note {
        let age = w.note_at.map(|at| format!(" ({})", text::ago(at))).unwrap_or_default();
        parts.push(format!("{note}{age}"));
    }
    parts.join("; ")
}
