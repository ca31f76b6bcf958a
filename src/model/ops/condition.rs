//! Conditions on items, as they are written: which ones an act is about.

use std::collections::HashSet;
use std::str::FromStr;

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::model::base::QueueName;
use crate::model::records::area::Areas;
use crate::model::records::counters::{Names, QueueStats};
use crate::model::records::queue::Queue;
use crate::model::records::{Item, ItemState, severity};

/// What an item is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Field {
    Id,
    Title,
    Category,
    Severity,
    Rule,
    File,
    Queue,
    State,
    Phase,
    Group,
}

const FIELDS: [(&str, Field); 10] = [
    ("id", Field::Id),
    ("title", Field::Title),
    ("category", Field::Category),
    ("severity", Field::Severity),
    ("rule", Field::Rule),
    ("file", Field::File),
    ("queue", Field::Queue),
    ("state", Field::State),
    ("phase", Field::Phase),
    ("group", Field::Group),
];

/// One condition: `category=types`, `state!=failed`, `title~import`, `file=src/**`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    field: Field,
    /// True for `!=`.
    not: bool,
    /// True for `~`: the text occurs somewhere, in capitals or not.
    part: bool,
    value: String,
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// It has no `=`, `!=` or `~`.
    #[error("{0:?} is no condition: write FIELD=VALUE, FIELD!=VALUE or FIELD~PART")]
    Form(String),
    /// There is no such field.
    #[error(
        "there is no field {0:?}: use id, title, category, severity, rule, file, queue, state, phase or group"
    )]
    Field(String),
    /// The value cannot be what the field is.
    #[error("{field}: {reason}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl FromStr for Condition {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let at = text.find(['=', '~', '!']).ok_or_else(|| ConditionError::Form(text.to_owned()))?;
        let (name, rest) = text.split_at(at);
        let name = name.trim();
        let (not, part, value) = match (rest.strip_prefix("!="), rest.strip_prefix('~')) {
            (Some(value), _) => (true, false, value),
            (None, Some(value)) => (false, true, value),
            (None, None) => match rest.strip_prefix('=') {
                Some(value) => (false, false, value),
                None => return Err(ConditionError::Form(text.to_owned())),
            },
        };
        let (field_name, field) = FIELDS
            .into_iter()
            .find(|(word, _)| *word == name)
            .ok_or_else(|| ConditionError::Field(name.to_owned()))?;
        let value = value.trim();
        let wrong = |reason: String| ConditionError::Value { field: field_name, reason };
        match field {
            Field::State if !part && !ItemState::ALL.iter().any(|s| s.word() == value) => {
                return Err(wrong("write pending, blocked, claimed, done or failed".into()));
            }
            Field::File if !part => {
                Areas::new(&[value.to_owned()]).map_err(|e| wrong(e.to_string()))?;
            }
            Field::Category | Field::Rule if !part => {
                glob(value, false).map_err(|e| wrong(e.to_string()))?;
            }
            Field::Queue if !part => {
                QueueName::parse(value).map_err(|e| wrong(e.to_string()))?;
            }
            _ => {}
        }
        Ok(Condition { field, not, part, value: value.to_owned() })
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match (self.not, self.part) {
            (true, _) => "!=",
            (false, true) => "~",
            (false, false) => "=",
        };
        write!(f, "{}{sign}{}", self.field_name(), self.value)
    }
}

impl Condition {
    /// The id of the one item that it is about.
    pub fn id(&self) -> Option<&str> {
        (self.field == Field::Id && !self.part && !self.not).then_some(self.value.as_str())
    }

    /// The queue that it asks for, or that it excludes.
    pub fn queue(&self) -> Option<&str> {
        (self.field == Field::Queue && !self.part).then_some(self.value.as_str())
    }

    /// That no item has the category or phase that it names or excludes, as far as the counters of
    /// these queues tell: what is asked for, and the names that there are.
    pub fn names_nobody<'q>(&self, queues: &'q [Queue]) -> Option<(String, Vec<&'q str>)> {
        let pick: fn(&QueueStats) -> &Names = match self.field {
            Field::Category if !self.part => |stats| &stats.categories,
            Field::Phase if !self.part => |stats| &stats.phases,
            _ => return None,
        };
        let mut names: Vec<&str> = Vec::new();
        for queue in queues {
            let counted = queue.stats.as_ref().map(pick).filter(|names| names.other.is_none())?;
            names.extend(counted.list.iter().map(|named| named.name.as_str()));
        }
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(*name));
        let test = Test::new(self);
        // A name that was cut may be any.
        let known = |name: &&str| !name.ends_with('…') && !test.word(name);
        names.iter().all(known).then(|| (format!("{} {}", self.field_name(), self.value), names))
    }

    /// The field as it is written.
    pub fn field_name(&self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self.field).map_or("", |(name, _)| name)
    }
}

/// A pattern for one word, or for a path, in which `*` stops at a slash: the same in conditions and
/// in the rules of an import.
///
/// # Errors
/// When the pattern is malformed.
pub(crate) fn glob(pattern: &str, is_path: bool) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(is_path).backslash_escape(true).build()
}

/// A condition ready for use.
pub(super) struct Test<'a> {
    condition: &'a Condition,
    /// The value in small letters.
    small: String,
    files: Option<Areas>,
    words: Option<GlobMatcher>,
}

impl<'a> Test<'a> {
    pub(super) fn new(condition: &'a Condition) -> Self {
        let is = |fields: &[Field]| fields.contains(&condition.field) && !condition.part;
        // Patterns were tried when the condition was read.
        let files = is(&[Field::File]).then(|| Areas::new(std::slice::from_ref(&condition.value)).ok());
        let words = is(&[Field::Category, Field::Rule]).then(|| glob(&condition.value, false).ok());
        Test {
            condition,
            small: condition.value.to_lowercase(),
            files: files.flatten(),
            words: words.flatten().map(|glob| glob.compile_matcher()),
        }
    }

    /// True when an item with this queue and state fulfils it.
    pub(super) fn holds(&self, item: &Item, queue: &QueueName, state: ItemState) -> bool {
        let text = |value: Option<&str>| value.is_some_and(|v| self.text(v));
        let holds = match self.condition.field {
            Field::Id => self.text(item.id.as_str()),
            Field::Title => self.text(&item.title),
            Field::Category => item.category.as_deref().is_some_and(|c| self.word(c)),
            Field::Severity => item.severity.as_deref().is_some_and(|s| self.severity(s)),
            Field::Rule => item.rule.as_deref().is_some_and(|r| self.word(r)),
            Field::Phase => text(item.phase.as_deref()),
            Field::Group => text(item.group.as_deref()),
            Field::Queue => self.text(queue.as_str()),
            Field::State => self.text(state.word()),
            Field::File => item.files.iter().any(|file| match &self.files {
                Some(areas) => areas.contains(file),
                None => self.text(file.as_str()),
            }),
        };
        holds != self.condition.not
    }

    fn word(&self, text: &str) -> bool {
        self.text(text) || self.words.as_ref().is_some_and(|words| words.is_match(text))
    }

    fn severity(&self, text: &str) -> bool {
        self.text(text) || (!self.condition.part && severity::same(text, &self.condition.value))
    }

    fn text(&self, text: &str) -> bool {
        if self.condition.part {
            text.to_lowercase().contains(&self.small)
        } else {
            text == self.condition.value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str) -> bool {
        let item: Item = serde_json::from_value(serde_json::json!({
            "id": "T1", "title": "Fix Import", "category": "types", "files": ["src/a/b.rs", "doc"]
        }))
        .expect("valid");
        let queue = QueueName::parse("main").expect("valid");
        Test::new(&condition.parse().expect("valid")).holds(&item, &queue, ItemState::Pending)
    }

    #[test]
    fn conditions_ask_for_what_they_say() {
        for yes in [
            "id=T1",
            "title~import",
            "category=types",
            "category!=x",
            "phase!=Setup",
            "file=src/**",
            "file=src",
            "file~b.rs",
            "queue=main",
            "state=pending",
            "state!=done",
            "file=doc",
        ] {
            assert!(holds(yes), "{yes}");
            assert_eq!(yes.parse::<Condition>().map(|c| c.to_string()), Ok(yes.to_owned()));
        }
        for no in
            ["id=T", "title=import", "category=type", "phase=Setup", "file=src/*", "state=done", "file!=doc"]
        {
            assert!(!holds(no), "{no}");
        }
        for bad in ["", "x", "colour=red", "state=open", "file=a[", "rule=a[", "queue=a b", "title!x", "=x"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
    }
}
