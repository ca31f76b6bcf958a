//! Names that people and tools give to the fields of an item, in columns and in JSON.
//!
//! A name is compared in lower case, without blanks, `-` and `_`: `Depends on`, `depends_on`, `dependsOn` are one.

use super::status::{Standing, standing};

/// The field, and its names: the one that counts first when there are several comes first.
const NAMES: [(&str, &[&str]); 14] = [
    ("id", &["id", "issuekey", "key", "identifier", "taskid"]),
    (
        "title",
        &[
            "title",
            "summary",
            "name",
            "message",
            "issuetext",
            "pluginname",
            "nvtname",
            "subject",
            "task",
            "text",
            "synopsis",
            "description",
        ],
    ),
    ("files", &["files", "file", "path", "paths", "filename", "filepath", "filenames", "filepaths"]),
    ("line", &["line", "startline", "linenumber", "lineno", "beginline", "row"]),
    (
        "rule",
        &[
            "rule",
            "ruleid",
            "code",
            "check",
            "checkid",
            "testid",
            "rulename",
            "checkname",
            "pluginid",
            "nvtoid",
        ],
    ),
    ("severity", &["severity", "level", "issueseverity", "risk", "riskfactor"]),
    ("category", &["category", "type", "kind", "issuetype"]),
    (
        "needs",
        &[
            "needs",
            "dependson",
            "dependencies",
            "depends",
            "dependency",
            "blockedby",
            "requires",
            "after",
            "inwardissuelink(blocks)",
        ],
    ),
    ("queue", &["queue"]),
    ("priority", &["priority", "prio"]),
    ("run", &["run"]),
    ("timeout", &["timeout"]),
    ("phase", &["phase"]),
    ("group", &["group"]),
];

/// Columns whose word says whether something is finished.
const STATES: [&str; 4] = ["status", "state", "statuscategory", "resolution"];

/// Columns in which anything says that something is finished: a time, mostly.
const FINISHED: [&str; 9] = [
    "completed",
    "canceled",
    "cancelled",
    "completedat",
    "canceledat",
    "closedat",
    "resolvedat",
    "resolved",
    "archived",
];

/// Parts of names that mean a file or an order, so that a field of such a name is not passed over in silence.
const TELLING: [&str; 6] = ["file", "path", "depend", "block", "need", "require"];

/// The name without what may differ.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// The field of a name, and how many other names of it are preferred.
pub(super) fn field(name: &str) -> Option<(&'static str, usize)> {
    let plain = plain(name);
    NAMES.iter().find_map(|(field, names)| Some((*field, names.iter().position(|n| *n == plain)?)))
}

/// The field with this name; `file` is `files`.
pub(super) fn own(name: &str) -> Option<&'static str> {
    let name = if name == "file" { "files" } else { name };
    NAMES
        .iter()
        .find(|(field, _)| *field == name)
        .map(|(field, _)| *field)
        .or((name == "status").then_some("status"))
}

/// All fields, for messages.
pub(super) fn list() -> String {
    let names: Vec<&str> = NAMES.iter().map(|(field, _)| *field).chain(["status"]).collect();
    names.join(", ")
}

/// True when a column says by its word, or by having one, that the row is finished.
pub(super) fn is_finished(name: &str, value: &str) -> bool {
    let (name, value) = (plain(name), value.trim());
    let empty = value.is_empty()
        || ["false", "no", "0", "unresolved", "null"].contains(&value.to_ascii_lowercase().as_str());
    (STATES.contains(&name.as_str()) && standing(value) == Standing::Closed)
        || (FINISHED.contains(&name.as_str()) && !empty)
}

/// True when a field that is not known seems to name files or other items.
pub(super) fn is_telling(name: &str) -> bool {
    let plain = plain(name);
    TELLING.iter().any(|part| plain.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trackers_and_scanners_are_known() {
        for (name, expected) in [
            ("Issue key", Some("id")),
            ("Depends_On", Some("needs")),
            ("dependsOn", Some("needs")),
            ("Inward issue link (Blocks)", Some("needs")),
            ("issue_text", Some("title")),
            ("Blocked by", Some("needs")),
            ("start-line", Some("line")),
            ("owner", None),
        ] {
            assert_eq!(field(name).map(|(field, _)| field), expected, "{name}");
        }
        assert!(field("Summary").expect("known").1 < field("Description").expect("known").1);
        assert!(
            is_telling("target_files") && is_telling("Outward issue link (Blocks)") && !is_telling("owner")
        );
    }

    #[test]
    fn a_word_or_a_time_says_what_is_finished() {
        for (name, value) in
            [("Status", "Done"), ("state", "CLOSED"), ("Resolution", "Won't Do"), ("Canceled", "2026-02-01")]
        {
            assert!(is_finished(name, value), "{name}: {value}");
        }
        for (name, value) in [
            ("Status", "To Do"),
            ("Resolution", "Unresolved"),
            ("Completed", ""),
            ("archived", "false"),
            ("title", "Done"),
        ] {
            assert!(!is_finished(name, value), "{name}: {value}");
        }
    }
}
