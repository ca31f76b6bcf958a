//! What `queue import` answers.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::import::{Note, Report};
use crate::model::import_survey::{Named, Survey};
use crate::model::{ItemId, need_syntax};

use crate::cli::error::CliError;
use crate::cli::output::{Answer, GOOD, paint};
use crate::cli::sanitize::visible;
use crate::cli::text;

/// Needs that nobody has imported, as far as an answer names them.
const UNKNOWN_SHOWN: usize = 10;

/// Bad lines, and notes, that people are shown.
const BAD_SHOWN: usize = 20;

/// The counts of an import, with a note for each thing that a user may not expect.
pub fn answer(added: u64, known: u64, unknown: &BTreeSet<ItemId>, report: &Report) -> Answer {
    let text = format!("{} {added} new, {known} known ({})", paint(GOOD, "imported"), report.format);
    let first: Vec<&ItemId> = unknown.iter().take(UNKNOWN_SHOWN).collect();
    let data = json!({
        "added": added, "known": known, "bad": bad_json(report), "bad_total": report.bad_total,
        "skipped": report.skipped, "dropped": report.dropped, "format": report.format.to_string(),
        "unknown_needs": { "count": unknown.len(), "first": first },
        "outside": report.outside, "notes": notes_json(&report.notes), "notes_total": report.notes_total,
    });
    let mut answer = Answer::new(data, text);
    if !unknown.is_empty() {
        answer = answer.note(unknown_needs(unknown));
    }
    if report.skipped > 0 {
        answer = answer.note(skipped(report));
    }
    if report.dropped > 0 {
        answer = answer.note(format!("{} left out by rules", text::count(report.dropped as usize, "item")));
    }
    if report.outside > 0 {
        let count = text::count(report.outside as usize, "finding");
        answer = answer.note(format!("{count} outside the repository left out"));
    }
    if report.notes_total > 0 {
        let head =
            format!("{} not, or only in part, understood:", text::count(report.notes_total as usize, "line"));
        answer = answer.note(noted(head, &report.notes, report.notes_total));
    }
    if report.bad_total > 0 {
        let lines = text::count(report.bad_total as usize, "bad line");
        answer = answer.note(bad_lines(format!("{lines} left out:"), report));
    }
    answer
}

fn named_json(items: &Named) -> Value {
    json!({ "count": items.count, "first": items.first })
}

/// What a user may not expect of the items that were known.
pub fn survey_notes(mut answer: Answer, survey: &Survey) -> Answer {
    answer.data["known_done"] = named_json(&survey.done);
    answer.data["differing"] = named_json(&survey.differing);
    answer.data["cancelled"] = json!(survey.cancelled);
    answer.data["reopened"] = json!(survey.reopened);
    if survey.cancelled > 0 {
        let count = text::count(survey.cancelled as usize, "item");
        answer = answer.note(format!("{count} cancelled: the report no longer has them"));
    }
    if survey.reopened > 0 {
        answer = answer.note(format!("{} offered again", text::count(survey.reopened as usize, "item")));
    }
    let known = |items: &Named| {
        let more = if items.count > items.first.len() as u64 { ", …" } else { "" };
        let (count, ids) =
            (text::count(items.count as usize, "known item"), need_syntax::shown(&items.first));
        (count, format!("({ids}{more})"), if items.count == 1 { "is" } else { "are" })
    };
    if survey.done.count > 0 {
        let (count, ids, are) = known(&survey.done);
        answer = answer.note(format!("{count} {are} done {ids}: as new work they come with --again"));
    }
    if survey.differing.count > 0 {
        let (count, ids, _) = known(&survey.differing);
        answer = answer.note(format!(
            "{count} had another content {ids} and stayed as before: other work needs an id of its own"
        ));
    }
    answer
}

/// What nobody has imported, in words.
fn unknown_needs(unknown: &BTreeSet<ItemId>) -> String {
    let first: Vec<ItemId> = unknown.iter().take(UNKNOWN_SHOWN).cloned().collect();
    let more = if unknown.len() > first.len() { ", …" } else { "" };
    let are = if unknown.len() == 1 { "is" } else { "are" };
    format!(
        "{} {are} unknown ({}{more}): what needs them waits until they are imported and done",
        text::count(unknown.len(), "need"),
        need_syntax::shown(&first)
    )
}

/// Says when no file is there: the paths may start from somewhere else.
pub fn astray_note(answer: Answer, report: &Report, base: Option<&Path>) -> Answer {
    let Some(file) = &report.astray else { return answer };
    let why = match base {
        Some(base) => format!("see that the paths start from {}", visible(&base.to_string_lossy())),
        None => {
            "if the paths do not start from the top of the repository, name the folder with --base DIR".into()
        }
    };
    answer.note(format!("none of the files is in this worktree, such as {file}: {why}"))
}

/// What was passed over, in words.
fn skipped(report: &Report) -> String {
    format!("{} passed over: {}", text::count(report.skipped as usize, "entry"), report.format.skipped())
}

fn notes_json(notes: &[Note]) -> Value {
    notes.iter().map(|note| json!({ "line": note.line, "reason": note.reason })).collect()
}

/// The first notes below a headline.
fn noted(head: String, notes: &[Note], total: u64) -> Vec<String> {
    let first = &notes[..notes.len().min(BAD_SHOWN)];
    let mut lines = vec![head];
    lines.extend(first.iter().map(|note| format!("  line {}: {}", note.line, note.reason)));
    if total > first.len() as u64 {
        lines.push(format!("  and {} more", total - first.len() as u64));
    }
    lines
}

fn bad_json(report: &Report) -> Value {
    report.bad.iter().map(|b| json!({ "line": b.line, "reason": b.reason })).collect()
}

/// The first bad lines of a report below a headline.
fn bad_lines(head: String, report: &Report) -> Vec<String> {
    let first = &report.bad[..report.bad.len().min(BAD_SHOWN)];
    let mut lines = vec![head];
    lines.extend(first.iter().map(|b| format!("  line {}: {}", b.line, b.reason)));
    if report.bad_total > first.len() as u64 {
        lines.push(format!("  and {} more", report.bad_total - first.len() as u64));
    }
    lines
}

/// The error for a file with bad lines, which was not imported.
pub fn bad_input(file: &Path, report: &Report) -> CliError {
    let what = text::count(report.bad_total as usize, "bad line");
    let head = format!("{}: {what}, nothing was imported", file.display());
    let hint = match &report.first_outside {
        Some(name) => outside_hint(name),
        None => "fix them, or import the rest with --skip-bad".to_owned(),
    };
    CliError::failed("bad-input", bad_lines(head, report))
        .hint(hint)
        .detail("bad", bad_json(report))
        .detail("bad_total", json!(report.bad_total))
}

/// What helps against paths that are not in the repository.
fn outside_hint(name: &str) -> String {
    if name.starts_with("..") {
        return "say which folder the paths start from with --base DIR, or leave these findings out with \
                --skip-outside"
            .to_owned();
    }
    let folder = name.rsplit_once(['/', '\\']).map_or(name, |(folder, _)| folder);
    format!(
        "if these are paths of another machine, name the folder that is the top of the repository there: --strip \
         PREFIX, such as {}; or leave these findings out with --skip-outside",
        visible(folder)
    )
}

/// The error for a file that was not understood as a whole, where that was asked for.
pub fn not_understood(file: &Path, report: &Report) -> CliError {
    let what = text::count(report.notes_total as usize, "line");
    let head = format!("{}: {what} not, or only in part, understood, nothing was imported", file.display());
    CliError::failed("bad-input", noted(head, &report.notes, report.notes_total))
        .hint("change them, or import without --strict")
        .detail("notes", notes_json(&report.notes))
        .detail("notes_total", json!(report.notes_total))
}
