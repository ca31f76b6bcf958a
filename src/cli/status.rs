//! `status`: everything at a glance.

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::model::figures::Measure;
use crate::model::queue::{self, Queue};
use crate::model::session::{self, Session, SessionState};
use crate::model::{ItemId, RepoPath};
use crate::store::Store;

use super::app::App;
use super::error::CliResult;
use super::output::{Answer, BAD, FAINT, GOOD, STRONG, WARN, paint};
use super::text;

/// See the command's help.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show sessions that have ended, too
    #[arg(long)]
    all: bool,
}

/// Runs `status`.
pub fn status(app: &App, args: &StatusArgs) -> CliResult<Answer> {
    let store = app.store()?;
    app.sweep(&store)?;
    let (sessions, queues) = store.read(|view| Ok((session::all(view)?, queue::all(view)?)))?;
    let now = crate::clock::now();
    let mut all = Measure::default();
    queues.iter().for_each(|q| all.add(&Measure::of_queue(q, now)));
    let claims: usize = sessions.iter().map(|s| paths_of(s).len()).sum();
    let data = json!({
        "sessions": sessions.iter().map(|s| session_json(s, &store)).collect::<Vec<_>>(),
        "queues": queues.iter().map(queue_json).collect::<Vec<_>>(),
        "claims": claims,
        "rate_per_hour": all.per_hour(now),
        "eta": all.eta(now).map(|t| t.to_string()),
    });
    let shown: Vec<&Session> =
        sessions.iter().filter(|s| args.all || s.state == SessionState::Active).collect();
    let mut text = String::new();
    if shown.is_empty() {
        text.push_str("no session is at work; start one: git coord session start NAME\n");
    } else {
        text.push_str(&sessions_table(&shown, &store));
    }
    if !queues.is_empty() {
        text.push('\n');
        text.push_str(&queues_table(&queues));
        text.push_str(&summary(&all));
    }
    Ok(Answer::new(data, text))
}

fn items_of(session: &Session) -> Vec<&ItemId> {
    session.leases.iter().filter_map(|l| l.item.as_ref()).map(|i| &i.id).collect()
}

fn paths_of(session: &Session) -> Vec<&RepoPath> {
    let mut paths: Vec<&RepoPath> = session.leases.iter().flat_map(|l| l.all_paths()).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn state_word(session: &Session) -> &'static str {
    match session.state {
        SessionState::Ended => "ended",
        SessionState::Active if session.leases.is_empty() => "idle",
        SessionState::Active => "working",
    }
}

fn session_json(session: &Session, store: &Store) -> Value {
    json!({
        "name": session.name, "state": state_word(session), "current": items_of(session),
        "paths": paths_of(session), "done": session.done, "failed": session.failed,
        "last_seen": store.last_seen(&session.name).map(|t| t.to_string()),
        "worktree": session.worktree, "branch": session.branch,
    })
}

fn queue_json(queue: &Queue) -> Value {
    let counts = queue.counts;
    json!({
        "name": queue.name, "total": counts.total(), "pending": counts.pending,
        "blocked": counts.blocked, "claimed": counts.claimed, "done": counts.done,
        "failed": counts.failed,
    })
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Cuts a text to a width, with a sign that something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn trimmed(table: &Table) -> String {
    table.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

fn sessions_table(sessions: &[&Session], store: &Store) -> String {
    let mut table = table();
    table.set_header(["SESSION", "STATE", "DONE", "FAILED", "SEEN", "AT WORK ON"].map(|h| paint(FAINT, h)));
    for session in sessions {
        let items = items_of(session);
        let work = if items.is_empty() {
            paths_of(session).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        } else {
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let style = match state_word(session) {
            "working" => GOOD,
            "idle" => WARN,
            _ => FAINT,
        };
        table.add_row([
            paint(STRONG, cut(session.name.as_str(), 20)),
            paint(style, state_word(session)),
            session.done.to_string(),
            session.failed.to_string(),
            store.last_seen(&session.name).map(text::ago).unwrap_or_else(|| "-".into()),
            cut(&work, 28),
        ]);
    }
    right(&mut table, &[2, 3]);
    trimmed(&table)
}

fn right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn queues_table(queues: &[Queue]) -> String {
    let mut table = table();
    table.set_header(
        ["QUEUE", "TOTAL", "FREE", "BLOCKED", "CLAIMED", "DONE", "FAILED"].map(|h| paint(FAINT, h)),
    );
    for queue in queues {
        let counts = queue.counts;
        let mark = |n: u64, style| if n > 0 { paint(style, n) } else { n.to_string() };
        table.add_row([
            paint(STRONG, cut(queue.name.as_str(), 24)),
            counts.total().to_string(),
            counts.pending.to_string(),
            mark(counts.blocked, WARN),
            counts.claimed.to_string(),
            mark(counts.done, GOOD),
            mark(counts.failed, BAD),
        ]);
    }
    right(&mut table, &[1, 2, 3, 4, 5, 6]);
    trimmed(&table)
}

fn summary(all: &Measure) -> String {
    format!("\n{} of {} done", all.counts.done, all.counts.total())
}
