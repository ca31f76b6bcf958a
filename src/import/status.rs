//! Words of other trackers: what is finished, and how urgent something is.

/// What a status means for a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Work to do, or in work elsewhere.
    Open,
    /// Finished or given up: nobody waits for it.
    Closed,
}

/// Words for what is finished or given up, without blanks and marks.
const CLOSED: [&str; 38] = [
    "closed",
    "close",
    "done",
    "complete",
    "completed",
    "finished",
    "resolved",
    "fixed",
    "verified",
    "cancelled",
    "canceled",
    "cancel",
    "tombstone",
    "deleted",
    "removed",
    "archived",
    "obsolete",
    "superseded",
    "duplicate",
    "rejected",
    "declined",
    "abandoned",
    "dropped",
    "skipped",
    "wontfix",
    "wontdo",
    "wontdone",
    "willnotfix",
    "invalid",
    "notplanned",
    "merged",
    "released",
    "shipped",
    "deployed",
    "passed",
    "cannotreproduce",
    "worksforme",
    "incomplete",
];

/// What a word of a tracker means; what is not known is open.
pub(super) fn standing(word: &str) -> Standing {
    let plain: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if CLOSED.contains(&plain.as_str()) { Standing::Closed } else { Standing::Open }
}

/// Words for priorities, the most urgent first.
const PRIORITIES: [&[&str]; 5] = [
    &["highest", "urgent", "blocker", "critical", "showstopper", "immediate", "emergency", "veryhigh"],
    &["high", "major", "important", "severe"],
    &["medium", "normal", "moderate", "nopriority", "none", "default", "average", "mid"],
    &["low", "minor", "small"],
    &["lowest", "trivial", "verylow", "backlog", "someday", "nicetohave"],
];

/// The priority of a word or a number: `High`, `P1`, `1`, `1 - High`. 0 is the most urgent.
pub(super) fn priority(word: &str) -> Option<u32> {
    let word = word.trim();
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let plain: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let named = |text: &str| PRIORITIES.iter().position(|words| words.contains(&text)).map(|at| at as u32);
    let numbered =
        || plain.strip_prefix('p').or(plain.strip_prefix("prio"))?.parse().ok().filter(|n| *n <= 9);
    named(&plain).or_else(numbered).or_else(|| named(plain.trim_start_matches(|c: char| c.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_trackers_for_what_is_finished() {
        for word in ["Done", "CLOSED", "Won't Fix", "canceled", "tombstone", "Not planned", "Resolved"] {
            assert_eq!(standing(word), Standing::Closed, "{word}");
        }
        for word in ["To Do", "In Progress", "blocked", "", "reopened", "undone"] {
            assert_eq!(standing(word), Standing::Open, "{word}");
        }
    }

    #[test]
    fn words_and_numbers_for_priorities() {
        for (word, expected) in [
            ("Highest", Some(0)),
            ("Urgent", Some(0)),
            ("High", Some(1)),
            ("Medium", Some(2)),
            ("Low", Some(3)),
            ("Lowest", Some(4)),
            ("No priority", Some(2)),
            ("P1", Some(1)),
            ("7", Some(7)),
            ("2 - Normal", Some(2)),
            ("Show-stopper", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(priority(word), expected, "{word}");
        }
    }
}
