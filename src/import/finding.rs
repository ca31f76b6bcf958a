//! What a scanner found, and the item that it becomes.

use serde_json::{Map, Value};

use crate::model::{Item, NewItem, RepoPath};

use super::fingerprint::{Basis, Fingerprints};
use super::place::FileName;
use super::severity::Severity;

/// Characters of a title: what fits into two lines of a terminal. The rest is in the payload.
const TITLE_MAX: usize = 160;

/// Characters of a message that are kept. A compiler may quote a whole file.
const MESSAGE_MAX: usize = 32 * 1024;

/// One finding, in terms that all scanners share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// The tool, where the format says which. `None`: the name of the format stands for it.
    pub(super) tool: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) message: String,
    /// The files concerned, the one with `line` first.
    pub(super) files: Vec<FileName>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
    pub(super) severity: Severity,
    pub(super) category: Option<String>,
    /// Where the rule is explained.
    pub(super) url: Option<String>,
    pub(super) basis: Basis,
}

impl Finding {
    /// What most scanners report, without a place as yet: its message identifies it, and the group
    /// of its rule is its category.
    pub(super) fn new(rule: Option<String>, message: String, severity: Severity) -> Self {
        Finding {
            tool: None,
            category: rule.as_deref().and_then(rule_group),
            rule,
            message,
            files: Vec::new(),
            line: None,
            column: None,
            severity,
            url: None,
            basis: Basis::Message,
        }
    }

    /// The item. Its payload has nothing that is elsewhere in it: there are 200,000 of them.
    pub(super) fn into_item(
        self,
        tool: &str,
        files: Vec<RepoPath>,
        fingerprints: &mut Fingerprints,
    ) -> NewItem {
        let rule = self.rule.as_deref().unwrap_or_default();
        let file = files.first().map_or("", |f| f.as_str());
        let id = fingerprints.finding(rule, file, &self.basis, &self.message);
        let (title, whole) = title(rule, &self.message);
        let mut payload = Map::new();
        if !whole {
            payload.insert("message".into(), shortened(self.message).into());
        }
        if let Some(column) = self.column {
            payload.insert("column".into(), column.into());
        }
        if let Some(url) = self.url {
            payload.insert("url".into(), url.into());
        }
        NewItem {
            item: Item {
                severity: Some(self.severity.name().to_owned()),
                category: self.category,
                rule: self.rule,
                line: self.line,
                files,
                tool: Some(self.tool.unwrap_or_else(|| tool.to_owned())),
                payload: (!payload.is_empty()).then_some(Value::Object(payload)),
                ..Item::new(id, title)
            },
            queue: None,
            priority: self.severity.priority(),
        }
    }
}

/// The message, cut where it is longer than anybody reads.
fn shortened(mut message: String) -> String {
    if let Some((at, _)) = message.char_indices().nth(MESSAGE_MAX) {
        message.truncate(at);
        message.push('…');
    }
    message
}

/// `RULE: message`, and whether it has the whole message.
pub(super) fn title(rule: &str, message: &str) -> (String, bool) {
    let message = message.trim();
    let line = message.lines().next().unwrap_or_default().trim_end();
    let mut title = if rule.is_empty() { String::new() } else { format!("{rule}: ") };
    // Titles go to terminals, and a message may quote any character of the code.
    title.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
    let cut = title.char_indices().nth(TITLE_MAX).map(|_| TITLE_MAX - 1);
    match cut.and_then(|n| title.char_indices().nth(n)) {
        Some((at, _)) => {
            title.truncate(at);
            title.push('…');
            (title, false)
        }
        None => {
            let whole = line.len() == message.len();
            (title, whole)
        }
    }
}

/// The part of a rule's name that stands for a group of rules: `D` of `D104`,
/// `@typescript-eslint` of `@typescript-eslint/no-explicit-any`; `None` for `no-undef`.
pub(super) fn rule_group(rule: &str) -> Option<String> {
    let group = match rule.split_once('/') {
        Some((group, rest)) if !rest.is_empty() => group,
        _ => {
            let letters = rule.trim_end_matches(|c: char| c.is_ascii_digit());
            if letters.len() == rule.len() || !letters.bytes().all(|b| b.is_ascii_alphabetic()) {
                return None;
            }
            letters
        }
    };
    (!group.is_empty()).then(|| group.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_bounded_length() {
        assert_eq!(title("D104", "Missing docstring"), ("D104: Missing docstring".into(), true));
        assert_eq!(title("", " two\r\nlines "), ("two".into(), false));
        assert_eq!(title("R", "a\tb\u{1b}[0m"), ("R: a b [0m".into(), true));
        let (long, whole) = title("R", &"é".repeat(200));
        assert_eq!((long.chars().count(), whole), (TITLE_MAX, false));
        assert!(long.ends_with('…'));
        assert_eq!(title("", &"x".repeat(TITLE_MAX)), ("x".repeat(TITLE_MAX), true));
    }

    #[test]
    fn the_group_of_a_rule() {
        let group = |rule| rule_group(rule);
        assert_eq!(group("PLR0913").as_deref(), Some("PLR"));
        assert_eq!(group("@typescript-eslint/no-explicit-any").as_deref(), Some("@typescript-eslint"));
        assert_eq!(group("py/sql-injection").as_deref(), Some("py"));
        for none in ["no-undef", "undocumented-public-package", "2001", "/x", "CWE-79", ""] {
            assert_eq!(group(none), None, "{none}");
        }
    }
}
