//! `doctor`.

use clap::Args;
use serde_json::{Value, json};

use crate::doctor::{DoctorError, Finding, Options, Place, Report, examine};
use crate::process;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult, NAME_ANOTHER};
use crate::cli::output::{Answer, BAD, FAINT, GOOD, STRONG, Text, WARN, paint};
use crate::cli::text::count;
use crate::client::ClientError;

/// Look for damage in store, hooks and leases, and repair it
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Fix what can be fixed
    #[arg(long)]
    repair: bool,
    /// Look at the remote's state, too; with --repair, put it back from this clone
    #[arg(long)]
    remote: bool,
}

/// Columns that a message may take: 80 without what stands before it in an error.
const WIDTH: usize = 62;

/// Runs `doctor`.
pub fn doctor(app: &App, args: &DoctorArgs) -> CliResult<Answer> {
    let program = process::own_program()
        .map_err(|e| CliError::failed("io", format!("cannot find this program: {e}")))?;
    if args.remote && app.client()?.store.arbiter()?.is_none() {
        return Err(ClientError::NoRemote.into());
    }
    let (repair, remote) = (args.repair, args.remote);
    let options = Options { repair, remote, store: app.place.store_options(), program };
    let report = examine(&app.place.repo, &options)?;
    let findings: Vec<Value> = report.findings.iter().map(|f| finding_json(app, f)).collect();
    if report.is_well() {
        let mut answer = Answer::new(json!({ "findings": findings }), well(app, &report));
        answer.notes = notes(&report).into_iter().map(Text::from).collect();
        return Ok(answer);
    }
    let left: Vec<&Finding> = report.findings.iter().filter(|f| !f.repaired).collect();
    let mut error = CliError::refused(unwell(app, &report, left.len()))
        .detail("findings", Value::Array(findings))
        .detail("notes", json!(report.notes));
    error.hint = Some(hint(args, &left));
    Err(error)
}

fn hint(args: &DoctorArgs, left: &[&Finding]) -> String {
    // Before all else: what is needed for a fix may have to come from there.
    if left.iter().any(|f| f.code == "remote-unknown") {
        return NAME_ANOTHER.into();
    }
    if !args.repair && left.iter().any(|f| f.repairable) {
        let remote = if args.remote { " --remote" } else { "" };
        return format!("fix it with: git coord doctor{remote} --repair");
    }
    if left.iter().all(|f| f.code == "hook") {
        return "see what is in the way of the hooks with: git coord hooks status".into();
    }
    "keep a copy of the folder coord in the git folder, then begin anew: git coord uninstall, git coord init"
        .into()
}

fn place(app: &App, finding: &Finding) -> (&'static str, String) {
    match &finding.place {
        Place::Key(key) => ("key", key.clone()),
        Place::Path(path) => {
            let below = path.strip_prefix(&app.place.repo.root).unwrap_or(path);
            ("path", below.to_string_lossy().into_owned())
        }
    }
}

fn finding_json(app: &App, finding: &Finding) -> Value {
    let (kind, place) = place(app, finding);
    json!({
        "code": finding.code, kind: place, "message": finding.message,
        "repairable": finding.repairable, "repaired": finding.repaired,
    })
}

fn well(app: &App, report: &Report) -> Vec<String> {
    let seen = report.looked_at;
    let looked = format!(
        "{}, {}, {}, {}, {}",
        count(seen.objects, "object"),
        count(seen.states, "state"),
        count(seen.items, "item"),
        count(seen.sessions, "session"),
        count(seen.worktrees, "worktree")
    );
    if report.findings.is_empty() {
        return vec![format!("{}: {looked} looked at", paint(GOOD, "all is well"))];
    }
    let mut text = lines(app, report);
    text.push(format!("{}: {} fixed", paint(GOOD, "all is well"), report.findings.len()));
    text
}

fn unwell(app: &App, report: &Report, left: usize) -> Vec<String> {
    let fixed = report.findings.len() - left;
    let mut text = vec![match fixed {
        0 => count(left, "finding"),
        _ => format!("{}, {fixed} fixed", count(left, "finding")),
    }];
    text.extend(lines(app, report));
    text.extend(notes(report));
    text
}

/// Two lines or more for each finding: what it is and where; then the message.
fn lines(app: &App, report: &Report) -> Vec<String> {
    let mut text = Vec::new();
    for finding in &report.findings {
        let word = match (finding.repaired, finding.repairable) {
            (true, _) => paint(GOOD, "fixed "),
            (false, true) => paint(WARN, "found "),
            (false, false) => paint(BAD, "beyond"),
        };
        let (_, place) = place(app, finding);
        text.push(format!("{word} {} {}", paint(STRONG, finding.code), place));
        text.extend(wrap(&finding.message).iter().map(|line| format!("       {line}")));
    }
    text
}

fn notes(report: &Report) -> Vec<String> {
    let notes = report.notes.iter().flat_map(|note| wrap(note));
    notes.map(|line| paint(FAINT, line)).collect()
}

/// Breaks a text between words. Words that are too long stay whole: they are paths.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let room = lines.last().map_or(0, |l| l.chars().count());
        if room > 0 && room + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

impl From<DoctorError> for CliError {
    fn from(error: DoctorError) -> Self {
        match error {
            DoctorError::Store(e) => e.into(),
            DoctorError::Git(e) => e.into(),
            DoctorError::Hook(e) => {
                CliError::failed("hooks", Text::block(&e.to_string())).hint("see: git coord hooks status")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_broken_between_words() {
        let lines = wrap(&"word ".repeat(40));
        assert!(lines.len() > 2 && lines.iter().all(|l| l.len() <= WIDTH));
        assert_eq!(wrap(""), [""]);
    }
}
