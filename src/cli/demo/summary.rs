//! What the demonstration came to: a table, and the proof.

use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::demo::{Claim, Shown, Summary};

use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, Text, Ui, paint};
use crate::cli::table::drawn;
use crate::cli::text;

/// Most contradictions of a claim that are shown.
const SHOWN: usize = 5;

/// The answer, or the error when a claim of the proof does not hold.
pub(super) fn answer(ui: Ui, summary: &Summary, kept: Option<&Path>) -> CliResult<Answer> {
    let width = text::terminal_width(&std::io::stdout());
    let body = Text::block(&format!("\n{}\n{}", table(&summary.sessions), proof(summary, width)));
    let mut data = data(summary);
    if let Some(kept) = kept {
        data["kept"] = json!(kept.to_string_lossy());
    }
    if let Some(failed) = summary.proof.iter().find(|c| !c.holds()) {
        if !ui.json {
            ui.narrate(body);
        }
        let mut error =
            CliError::failed("proof", format!("does not hold: {}", failed.claim)).hint(match kept {
                Some(kept) => format!("look around in {}", kept.display()),
                None => "look around in what is left behind by: git coord demo --keep".into(),
            });
        if let Value::Object(map) = data {
            error.details = map;
        }
        return Err(error);
    }
    let answer = Answer::new(data, body);
    Ok(match kept {
        Some(kept) => answer.note(look_around(kept)),
        None => answer,
    })
}

fn look_around(kept: &Path) -> Text {
    let repo = kept.join("repo");
    let repo = repo.to_string_lossy();
    let repo = shlex::try_quote(&repo).unwrap_or_default();
    Text::block(&format!(
        "\nlook around:\n  cd {repo}\n  git log --all --oneline --graph\n  ../bin/git-coord log\n\
         and take it away at the end: rm -r {}",
        shlex::try_quote(&kept.to_string_lossy()).unwrap_or_default()
    ))
}

fn data(summary: &Summary) -> Value {
    let sessions: Vec<Value> = summary
        .sessions
        .iter()
        .map(|s| {
            json!({
                "name": s.name, "done": s.done, "commits": s.commits, "killed": s.killed,
                "refused_commits": s.refused_commits, "refused_claims": s.refused_claims,
            })
        })
        .collect();
    let proof: Vec<Value> = summary
        .proof
        .iter()
        .map(|c| json!({ "claim": c.claim, "holds": c.holds(), "against": c.against }))
        .collect();
    let sum = |f: fn(&Shown) -> usize| summary.sessions.iter().map(f).sum::<usize>();
    json!({
        "sessions": sessions, "items": summary.items, "done": summary.done,
        "commits": sum(|s| s.commits), "killed": sum(|s| usize::from(s.killed)),
        "refused_commits": sum(|s| s.refused_commits), "refused_claims": sum(|s| s.refused_claims),
        "seconds": seconds(summary.total), "work_seconds": seconds(summary.work),
        "proof": proof,
    })
}

/// Seconds to the hundredth.
fn seconds(length: std::time::Duration) -> f64 {
    (length.as_secs_f64() * 100.0).round() / 100.0
}

fn table(sessions: &[Shown]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["SESSION", "ITEMS", "COMMITS", "NOTES"].map(|h| paint(FAINT, h)));
    for s in sessions {
        let mut notes = Vec::new();
        if s.killed {
            notes.push("killed".to_owned());
        }
        for (n, what) in [(s.refused_commits, "commit"), (s.refused_claims, "claim")] {
            if n > 0 {
                notes.push(format!("{} refused", text::count(n, what)));
            }
        }
        table.add_row([&s.name, &s.done.to_string(), &s.commits.to_string(), &notes.join(", ")]);
    }
    for number in [1, 2] {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    drawn(&table)
}

fn proof(summary: &Summary, width: usize) -> String {
    let head = format!(
        "{} by {} in {:.1} s. The repository itself proves:",
        text::count(summary.done, "item"),
        text::count(summary.sessions.len(), "session"),
        summary.total.as_secs_f64()
    );
    let mut lines: Vec<String> = text::wrap(&head, width);
    if let Some(first) = lines.first_mut() {
        *first = paint(STRONG, &*first);
    }
    for claim in &summary.proof {
        lines.extend(verdict(claim, width));
    }
    lines.join("\n")
}

fn verdict(claim: &Claim, width: usize) -> Vec<String> {
    let (word, style) = if claim.holds() { ("  ok ", GOOD) } else { ("  NO ", BAD) };
    let mut lines = Vec::new();
    for (n, part) in text::wrap(&claim.claim, width.saturating_sub(6)).iter().enumerate() {
        let word = if n == 0 { paint(style, word) } else { "     ".to_owned() };
        lines.push(format!("{word} {part}"));
    }
    for what in claim.against.iter().take(SHOWN) {
        lines.push(format!("        {what}"));
    }
    if claim.against.len() > SHOWN {
        lines.push(format!("        and {} more", claim.against.len() - SHOWN));
    }
    lines
}
