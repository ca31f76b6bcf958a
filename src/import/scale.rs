//! One scale of severity for a tool, whichever of its formats was written.
//!
//! Tools map their own levels differently in each format: ruff's findings have none, but are `error` in its
//! SARIF; a `style` of shellcheck is `note` for GCC's format and `info` for Checkstyle's.

use super::severity::Severity;

/// A tool, by the rule that only it has or by its name, whose formats disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Ruff,
    Shellcheck,
    Hadolint,
    Semgrep,
    Pylint,
    Biome,
}

/// Words that the five severities do not have, for all tools.
const WORDS: [(&str, Severity); 12] = [
    ("style", Severity::Minor),
    ("convention", Severity::Minor),
    ("refactor", Severity::Minor),
    ("remark", Severity::Minor),
    ("hint", Severity::Info),
    ("suggestion", Severity::Info),
    ("performance", Severity::Major),
    ("portability", Severity::Major),
    ("warn", Severity::Major),
    ("err", Severity::Critical),
    ("severe", Severity::Critical),
    ("off", Severity::Info),
];

/// The severity of a word in any case, or `None` when it is not known.
pub(super) fn word(text: &str) -> Option<Severity> {
    let text = text.trim();
    let known =
        || WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, severity)| *severity);
    Severity::parse(text).or_else(known)
}

/// The severity of a finding, by what one format says of it.
pub(super) fn of(tool: Option<&str>, rule: Option<&str>, said: Severity) -> Severity {
    use Severity::{Blocker, Critical, Info, Major, Minor};
    let Some(tool) = identify(tool.unwrap_or_default(), rule.unwrap_or_default()) else { return said };
    match (tool, said) {
        (Tool::Ruff, _) => Major,
        (Tool::Shellcheck | Tool::Semgrep | Tool::Biome, Info) => Minor,
        (Tool::Hadolint, Blocker) => Critical,
        (Tool::Hadolint, Info) => Minor,
        (Tool::Pylint, said) => rule.and_then(pylint).unwrap_or(said),
        (_, said) => said,
    }
}

/// The severity in a rule of pylint: its first letter.
pub(super) fn pylint(rule: &str) -> Option<Severity> {
    let digits = rule.get(1..).filter(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()))?;
    match rule.get(..rule.len() - digits.len())? {
        "F" => Some(Severity::Blocker),
        "E" => Some(Severity::Critical),
        "W" => Some(Severity::Major),
        "C" | "R" => Some(Severity::Minor),
        "I" => Some(Severity::Info),
        _ => None,
    }
}

fn identify(tool: &str, rule: &str) -> Option<Tool> {
    let digits = |prefix: &str| {
        rule.strip_prefix(prefix).is_some_and(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()))
    };
    let named = |name: &str| tool.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    Some(match () {
        () if named("ruff") => Tool::Ruff,
        () if named("hadolint") || digits("DL") => Tool::Hadolint,
        () if named("shellcheck") || digits("SC") || rule.starts_with("ShellCheck.") => Tool::Shellcheck,
        () if named("semgrep") => Tool::Semgrep,
        () if named("pylint") => Tool::Pylint,
        () if named("biome") => Tool::Biome,
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_one_scale_in_all_its_formats() {
        for (tool, rule, said, expected) in [
            ("ruff", "F401", Severity::Critical, Severity::Major),
            ("", "SC2086", Severity::Info, Severity::Minor),
            ("", "ShellCheck.SC2086", Severity::Info, Severity::Minor),
            ("Hadolint", "DL3006", Severity::Blocker, Severity::Critical),
            ("semgrep OSS", "x.y", Severity::Info, Severity::Minor),
            ("pylint", "C0114", Severity::Major, Severity::Minor),
            ("ESLint", "no-undef", Severity::Critical, Severity::Critical),
        ] {
            assert_eq!(of(Some(tool), Some(rule), said), expected, "{tool} {rule}");
        }
    }

    #[test]
    fn words_of_all_tools_are_known_in_any_case() {
        assert_eq!(word("Style"), Some(Severity::Minor));
        assert_eq!(word(" WARN "), Some(Severity::Major));
        assert_eq!(word("high"), Some(Severity::Critical));
        assert_eq!(word("odd"), None);
    }
}
