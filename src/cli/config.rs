//! `config`: the settings, with their values here.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, STRONG, paint};

/// A setting: its key, what holds without it, and what it is for.
pub struct Setting {
    /// As `git config` takes it.
    pub key: &'static str,
    /// Its value when nobody has set it.
    pub default: &'static str,
    /// What it is for.
    pub text: &'static str,
}

/// All settings of the section `[coord]`.
pub const SETTINGS: &[Setting] = &[
    setting("coord.ttl", "30m", "Length of a lease: 90s, 30m, 2h, 1d."),
    setting("coord.durable", "false", "Sync every change to the disk, so that it survives a power cut."),
    setting(
        "coord.protect",
        "",
        "A branch on which sessions do not commit, or a pattern such as release/*. May be given more than once.",
    ),
    setting("coord.trust", "ask", "Which commands of the shared state run here: ask, all, off."),
    setting(
        "coord.onEdit",
        "claim",
        "What an agent's edit does: claim, check, off; with strict, doubt refuses.",
    ),
    setting("coord.target", "", "The branch that finished work lands on; without it, the default branch."),
    setting(
        "coord.freshBase",
        "auto",
        "What happens when a branch lacks the newest version of a file that is taken: auto, landed, refuse, warn, off.",
    ),
    setting("coord.remoteTimeout", "30s", "How long an operation may take when a remote arbitrates."),
    setting("coord.pushEvery", "0", "Least time between two pushes to that remote."),
    setting("coord.prefetch", "0", "Items that this clone leases ahead when a remote arbitrates."),
    setting("coord.refresh", "0", "How old the state may be that status, claims and the like show."),
];

const fn setting(key: &'static str, default: &'static str, text: &'static str) -> Setting {
    Setting { key, default, text }
}

/// Show the settings of git-coord and their values here
#[derive(Debug, Args)]
#[command(after_help = "Change one with git itself: git config coord.ttl 2h, git config --unset coord.ttl")]
pub struct ConfigArgs {}

/// The settings.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Settings {
    /// All of them.
    pub settings: Vec<SettingValue>,
}

/// A setting with its value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SettingValue {
    /// As `git config` takes it.
    pub key: &'static str,
    /// What it is set to; `null` when nobody has set it.
    pub value: Option<Vec<String>>,
    /// Its value when nobody has set it.
    pub default: &'static str,
    /// What it is for.
    pub text: &'static str,
}

/// Runs `config`.
pub fn config(app: &App) -> CliResult<Answer> {
    let mut settings = Vec::new();
    for Setting { key, default, text } in SETTINGS {
        // The repository's own configuration counts, and no other: clones of one user may differ.
        let found = app.place.repo.git().args(["config", "--local", "--get-all", key]).optional()?;
        let value = found.map(|lines| lines.lines().map(str::to_owned).collect());
        settings.push(SettingValue { key, value, default, text });
    }
    let answer = Settings { settings };
    let lines: Vec<String> = answer.settings.iter().flat_map(lines).collect();
    Ok(Answer::of(&answer, lines))
}

fn lines(setting: &SettingValue) -> [String; 2] {
    let value = match &setting.value {
        Some(values) => paint(STRONG, values.join(", ")),
        None if setting.default.is_empty() => paint(FAINT, "not set"),
        None => paint(FAINT, setting.default),
    };
    [format!("{:20} {value}", setting.key), paint(FAINT, format!("    {}", setting.text))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_is_read_is_listed() {
        let code = include_str!("../settings.rs");
        let code = code.split("#[cfg(test)]").next().unwrap();
        let named: Vec<&str> = code
            .match_indices("\"coord.")
            .map(|(at, _)| code[at + 1..].split('"').next().unwrap())
            .filter(|key| !key.contains(['{', ' ']))
            .collect();
        assert!(named.len() >= 5, "the search is broken: {named:?}");
        for key in named {
            assert!(SETTINGS.iter().any(|s| s.key == key), "{key} is missing in `git coord config`");
        }
        for setting in SETTINGS {
            let short = setting.key.trim_start_matches("coord.");
            assert!(code.contains(&format!("{short}\"")), "{} is not read", setting.key);
        }
    }
}
