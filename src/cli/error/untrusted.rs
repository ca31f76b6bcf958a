//! Commands of others that did not run, because they are not approved here.

use serde_json::{Value, json};

use crate::cli::output::{FAINT, STRONG};
use crate::cli::sanitize::paint;
use crate::cli::text::count;
use crate::trust::{Policy, Untrusted};

use super::presented::CliError;

/// Commands that an error shows; the list shows all.
const SHOWN: usize = 5;

/// Characters of a command that an error shows.
const LONGEST: usize = 2000;

/// A command as lines of its own, each behind a bar: nothing in it can pass for a line of ours.
pub fn shown(command: &str, longest: usize) -> Vec<String> {
    let cut: String = command.chars().take(longest).collect();
    let mut lines: Vec<String> = cut.split('\n').map(|line| format!("    | {line}")).collect();
    if cut.len() < command.len() {
        lines.push(format!("    … {} bytes in all: git coord trust list", command.len()));
    }
    lines
}

/// The error about commands that did not run; `before`: what else there is to say.
pub fn error(commands: &[Untrusted], policy: Policy, before: Vec<String>) -> CliError {
    let mut lines = before;
    lines.extend(refusal(commands));
    let hint = match (policy, commands) {
        (Policy::Off, _) => "coord.trust is off: only what was made here runs".to_owned(),
        (_, [one]) => format!("if you want it to run here: git coord trust allow {}", one.hash.short()),
        _ => "read them: git coord trust list; then: git coord trust allow HASH".to_owned(),
    };
    CliError::refused(lines)
        .hint(hint)
        .detail("rule", json!("untrusted"))
        .detail("untrusted", commands_json(commands))
}

fn refusal(commands: &[Untrusted]) -> Vec<String> {
    let mut lines = match commands {
        [one] => vec![format!("the command of {} is not approved on this clone, and did not run:", one.from)],
        _ => vec![format!(
            "{} are not approved on this clone, and did not run:",
            count(commands.len(), "command")
        )],
    };
    for command in commands.iter().take(SHOWN) {
        lines.push(format!("{}  {}", paint(STRONG, command.hash.short()), paint(FAINT, &command.from)));
        lines.extend(shown(&command.command, LONGEST));
    }
    if commands.len() > SHOWN {
        lines.push(format!("and {} more", commands.len() - SHOWN));
    }
    lines
}

/// Commands that did not run, for programs.
pub fn commands_json(commands: &[Untrusted]) -> Value {
    let row = |c: &Untrusted| json!({ "hash": c.hash.to_string(), "command": c.command, "from": c.from });
    commands.iter().map(row).collect()
}
