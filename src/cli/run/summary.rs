//! What a run came to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::ItemId;
use crate::model::choice::SkipCounts;
use crate::runner::{AttemptReport, AttemptResult, Job, RunSpec, Summary};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult, untrusted};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, Text, paint};
use crate::cli::text::{self, count};

/// Failed items that are listed for people.
const LISTED: usize = 20;

/// The answer, or the error when items failed or the run was stopped.
pub(super) fn answer(app: &App, spec: &RunSpec, summary: &Summary) -> CliResult<Answer> {
    let last = last_attempts(&summary.attempts);
    let failed: Vec<&AttemptReport> =
        last.iter().copied().filter(|a| a.result == AttemptResult::Failed).collect();
    let data = data(summary, &last, &failed);
    let mut lines = vec![headline(summary, &last, failed.len())];
    lines.extend(left(spec, summary));
    lines.extend(failures(app, &failed));
    lines.extend(branches(summary));
    lines.extend(summary.ended.iter().map(|name| format!("session {name} was ended by somebody else")));
    if summary.stopped {
        let message = Text::from(lines).after("interrupted; ");
        return Err(CliError { details: data, ..CliError::interrupted(message) });
    }
    if !failed.is_empty() {
        let error = CliError::refused(lines)
            .hint("the logs tell more; all that failed: git coord queue list --state failed");
        let mut error = CliError { details: data, ..error };
        error.details.insert("rule".into(), json!("items-failed"));
        return Err(error);
    }
    if !summary.lost.is_empty() {
        let ids: Vec<String> = summary.lost.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "lost three times while their commands ran, and left to others: {}",
            ids.join(", ")
        ));
        let error = CliError::failed("lost-again", lines)
            .hint("a command must not drop or release its own item; who took it: git coord log");
        return Err(CliError { details: data, ..error });
    }
    if !summary.untrusted.is_empty() {
        let mut error = untrusted::error(&summary.untrusted, app.place.settings.trust, lines);
        error.details.extend(data);
        return Err(error);
    }
    if !summary.ended.is_empty() && summary.ended.len() == summary.slots.len() {
        // No session was left to work to the end.
        let error = CliError::refused(lines).hint("run the same command again to continue");
        let mut error = CliError { details: data, ..error };
        error.details.insert("rule".into(), json!("session-ended"));
        return Err(error);
    }
    Ok(Answer::new(Value::Object(data), lines))
}

/// The last attempt at each item, in the order in which they ended.
fn last_attempts(attempts: &[AttemptReport]) -> Vec<&AttemptReport> {
    let mut at: BTreeMap<&ItemId, usize> = BTreeMap::new();
    for (n, attempt) in attempts.iter().enumerate() {
        at.insert(&attempt.item, n);
    }
    let mut numbers: Vec<usize> = at.into_values().collect();
    numbers.sort_unstable();
    numbers.into_iter().filter_map(|n| attempts.get(n)).collect()
}

fn of(last: &[&AttemptReport], result: AttemptResult) -> usize {
    last.iter().filter(|a| a.result == result).count()
}

/// Items an hour; `None` as long as that says nothing.
pub(super) fn per_hour(done: u64, took: Duration) -> Option<f64> {
    (done > 0 && took >= Duration::from_secs(1)).then(|| done as f64 * 3600.0 / took.as_secs_f64())
}

/// A short time to the tenth of a second.
pub(super) fn seconds(took: Duration) -> String {
    match took.as_secs() {
        0..=59 => format!("{:.1}s", took.as_secs_f64()),
        whole => text::length(i64::try_from(whole).unwrap_or(i64::MAX)),
    }
}

fn verdict_word(result: AttemptResult) -> &'static str {
    match result {
        AttemptResult::Done => "done",
        AttemptResult::Retry => "pending",
        AttemptResult::Failed => "failed",
        AttemptResult::Lost => "lost",
        AttemptResult::Dropped => "dropped",
    }
}

fn attempt_json(attempt: &AttemptReport) -> Value {
    json!({
        "id": attempt.item, "title": attempt.title, "queue": attempt.queue,
        "state": verdict_word(attempt.result), "attempt": attempt.number, "reason": attempt.reason,
        "seconds": (attempt.took.as_secs_f64() * 1000.0).round() / 1000.0,
        "session": attempt.session, "log": attempt.log.to_string_lossy(), "commit": attempt.commit,
    })
}

fn data(summary: &Summary, last: &[&AttemptReport], failed: &[&AttemptReport]) -> Map<String, Value> {
    let list = |attempts: &[&AttemptReport]| attempts.iter().map(|a| attempt_json(a)).collect::<Value>();
    let done = of(last, AttemptResult::Done);
    let slots: Value = summary
        .slots
        .iter()
        .map(|s| {
            json!({
                "session": s.session, "worktree": s.worktree.to_string_lossy(), "branch": s.branch,
                "commits": s.commits, "behind": s.behind, "aside": s.aside,
            })
        })
        .collect();
    let left = summary.left;
    let mut map = Map::new();
    map.insert("items".into(), list(last));
    map.insert("done".into(), json!(done));
    map.insert("failed".into(), list(failed));
    map.insert("dropped".into(), json!(of(last, AttemptResult::Dropped)));
    map.insert("lost".into(), json!(of(last, AttemptResult::Lost)));
    map.insert("commands".into(), json!(summary.attempts.len()));
    map.insert("slots".into(), slots);
    map.insert("ended".into(), json!(summary.ended));
    map.insert("untrusted".into(), untrusted::commands_json(&summary.untrusted));
    map.insert(
        "left".into(),
        json!({ "pending": left.pending, "blocked": left.blocked, "claimed": left.claimed }),
    );
    map.insert("seconds".into(), json!((summary.took.as_secs_f64() * 1000.0).round() / 1000.0));
    map.insert("rate_per_hour".into(), json!(per_hour(done as u64, summary.took)));
    map
}

fn headline(summary: &Summary, last: &[&AttemptReport], failed: usize) -> String {
    if summary.attempts.is_empty() {
        let why =
            if summary.left.left() == 0 { "nothing is left to take" } else { "there is nothing to take" };
        return format!("no command was started: {why}");
    }
    let done = of(last, AttemptResult::Done);
    let mut parts = vec![format!("{} done", paint(GOOD, done))];
    if failed > 0 {
        parts.push(format!("{} failed", paint(BAD, failed)));
    }
    for (result, words) in [
        (AttemptResult::Retry, "to be tried again"),
        (AttemptResult::Lost, "lost"),
        (AttemptResult::Dropped, "given back"),
    ] {
        let n = of(last, result);
        if n > 0 {
            parts.push(format!("{n} {words}"));
        }
    }
    let rate = per_hour(done as u64, summary.took).map(|r| format!(", {r:.0} an hour")).unwrap_or_default();
    let commands = count(summary.attempts.len(), "command");
    let facts = format!("({commands} in {}{rate})", seconds(summary.took));
    format!("{} {}", parts.join(", "), paint(FAINT, facts))
}

/// What is left, and why this run did not take it.
fn left(spec: &RunSpec, summary: &Summary) -> Option<String> {
    let part = |n: u64, words: &str| (n > 0).then(|| format!("{n} {words}"));
    let unsure = if spec.job == Job::Own { "free (or without a command)" } else { "free" };
    let free = if summary.passed.is_some() { "free" } else { unsure };
    let passed = summary.passed.unwrap_or_default();
    let SkipCounts { files_held, outside_area, other_shard, other_kind } = passed;
    let known = files_held + outside_area + other_shard + other_kind;
    let parts: Vec<String> = [
        part(summary.left.pending.saturating_sub(known), free),
        part(other_kind, "without a command"),
        part(files_held, "on files that others hold"),
        part(outside_area, "outside this session's area"),
        part(other_shard, "in other shards"),
        part(summary.left.blocked, "waiting for other items"),
        part(summary.left.claimed, "with other sessions"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("left: {}", parts.join(", ")))
}

/// Failed items with reason and log.
fn failures(app: &App, failed: &[&AttemptReport]) -> Vec<String> {
    let width = text::terminal_width(&std::io::stderr()).clamp(40, 120) - 16;
    let mut lines = Vec::new();
    for attempt in failed.iter().take(LISTED) {
        let facts = paint(FAINT, format!("attempt {}", attempt.number));
        lines.push(format!("{} {} {facts}", paint(BAD, "✗"), paint(STRONG, &attempt.item)));
        let reason = attempt.reason.as_deref().unwrap_or_default();
        lines.extend(text::wrap(reason, width).iter().map(|line| format!("    {line}")));
        lines.push(format!("    {}", paint(FAINT, relative(app, &attempt.log))));
    }
    if failed.len() > LISTED {
        lines.push(format!("and {} more", failed.len() - LISTED));
    }
    lines
}

fn relative(app: &App, path: &Path) -> String {
    path.strip_prefix(&app.place.repo.root).unwrap_or(path).to_string_lossy().into_owned()
}

/// Where the commits are.
fn branches(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for slot in &summary.slots {
        let branch = slot.branch.as_deref().unwrap_or_default();
        if slot.commits > 0 {
            let commits = count(usize::try_from(slot.commits).unwrap_or(usize::MAX), "commit");
            let behind = match usize::try_from(slot.behind).unwrap_or(usize::MAX) {
                0 => String::new(),
                n => format!(
                    ", {} behind the base: merge the branch, so that it begins there again",
                    count(n, "commit")
                ),
            };
            lines.push(format!("{commits} on {}{behind}", paint(STRONG, branch)));
        }
        let other = |aside: &String| format!("more on {}, beside {branch}", paint(STRONG, aside));
        lines.extend(slot.aside.iter().map(other));
    }
    lines
}
