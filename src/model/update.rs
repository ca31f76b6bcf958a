//! Changing many items at once: which ones, and what.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::area::Areas;
use super::queue::{self, Slot};
use super::segment::{self, Note};
use super::view::{View, ViewError};
use super::{Item, ItemId, ItemState, QueueName, SessionName};

/// Items that an answer names.
pub const NAMED: usize = 10;

/// The act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Who, for the log.
    pub session: Option<SessionName>,
    /// Which items: those that fulfil all of these.
    pub conditions: Vec<Condition>,
    /// What becomes of them.
    pub change: Change,
    /// Change at most so many.
    pub limit: Option<u64>,
}

/// What becomes of the items. What is done, and what a session holds, stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Their priority from now on.
    pub priority: Option<u32>,
    /// Their queue from now on.
    pub queue: Option<QueueName>,
    /// Their category from now on.
    pub category: Option<String>,
    /// Give them up.
    pub cancel: bool,
    /// Offer again what was given up, or rests after a failure.
    pub requeue: bool,
}

/// What came of it, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updated {
    /// Items that fulfil the conditions and that the change concerns, until the limit is reached.
    pub matched: u64,
    /// Items that changed.
    pub changed: u64,
    /// Those of them in somebody's hands, which were left alone.
    pub held: u64,
    /// The first of these.
    pub held_first: Vec<ItemId>,
    /// The first that changed, with their titles.
    pub first: Vec<(ItemId, String)>,
}

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
        let wrong = |reason: String| ConditionError::Value { field: field_name, reason };
        match field {
            Field::State if !part && !ItemState::ALL.iter().any(|s| s.word() == value) => {
                return Err(wrong("write pending, blocked, claimed, done or failed".into()));
            }
            Field::File if !part => {
                Areas::new(&[value.to_owned()]).map_err(|e| wrong(e.to_string()))?;
            }
            _ => {}
        }
        Ok(Condition { field, not, part, value: value.to_owned() })
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = FIELDS.iter().find(|(_, field)| *field == self.field).map_or("", |(name, _)| name);
        let sign = match (self.not, self.part) {
            (true, _) => "!=",
            (false, true) => "~",
            (false, false) => "=",
        };
        write!(f, "{name}{sign}{}", self.value)
    }
}

/// Conditions ready for use.
struct Test<'a> {
    condition: &'a Condition,
    /// The value in small letters.
    small: String,
    files: Option<Areas>,
}

impl Test<'_> {
    fn holds(&self, item: &Item, slot: &Slot, state: ItemState) -> bool {
        let text = |value: Option<&str>| value.is_some_and(|v| self.text(v));
        let holds = match self.condition.field {
            Field::Id => self.text(item.id.as_str()),
            Field::Title => self.text(&item.title),
            Field::Category => text(item.category.as_deref()),
            Field::Severity => text(item.severity.as_deref()),
            Field::Rule => text(item.rule.as_deref()),
            Field::Phase => text(item.phase.as_deref()),
            Field::Group => text(item.group.as_deref()),
            Field::Queue => self.text(slot.queue.as_str()),
            Field::State => self.text(state.word()),
            Field::File => item.files.iter().any(|file| match &self.files {
                Some(areas) => areas.contains(file),
                None => self.text(file.as_str()),
            }),
        };
        holds != self.condition.not
    }

    fn text(&self, text: &str) -> bool {
        if self.condition.part {
            text.to_lowercase().contains(&self.small)
        } else {
            text == self.condition.value
        }
    }
}

/// An item with where it stands.
#[derive(Debug)]
pub(crate) struct Match {
    pub index: usize,
    pub item: Item,
    pub state: ItemState,
    pub note: Note,
}

/// Going through all items for those that fulfil the conditions.
pub(crate) struct Selection<'a> {
    tests: Vec<Test<'a>>,
    left: u64,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(update: &'a Update) -> Self {
        let test = |condition: &'a Condition| Test {
            condition,
            small: condition.value.to_lowercase(),
            // A pattern was tried when the condition was read.
            files: (condition.field == Field::File && !condition.part)
                .then(|| Areas::new(std::slice::from_ref(&condition.value)).ok())
                .flatten(),
        };
        Selection {
            tests: update.conditions.iter().map(test).collect(),
            left: update.limit.unwrap_or(u64::MAX),
        }
    }

    /// The items of a segment that fulfil the conditions and that `change` concerns, until so many
    /// that nobody holds as the limit says.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn of_segment(
        &mut self,
        view: &dyn View,
        place: &(QueueName, u32),
        change: &Change,
    ) -> Result<Vec<Match>, ViewError> {
        let (queue, segment) = place;
        let states = queue::states(view, queue, *segment)?;
        let content = queue::content(view, queue, *segment)?;
        let lines = segment::lines(&content);
        let key = queue::items_key(queue, *segment);
        let mut found = Vec::new();
        for index in 0..states.len() {
            let Some(state) = states.get(index).filter(|_| self.left > 0) else { continue };
            let item = segment::item_at(&lines, index, &key)?;
            let slot = Slot { queue: queue.clone(), segment: *segment, index };
            let one = Match { index, item, state, note: states.note(index) };
            if self.has(&one, &slot, states.priority, change) {
                // What a session holds is left alone, so it takes nothing off the limit.
                self.left -= u64::from(state != ItemState::Claimed);
                found.push(one);
            }
        }
        Ok(found)
    }

    /// True when an item fulfils the conditions and `change` concerns it.
    pub(crate) fn has(&self, one: &Match, slot: &Slot, priority: u32, change: &Change) -> bool {
        self.tests.iter().all(|test| test.holds(&one.item, slot, one.state))
            && change.concerns(one, &slot.queue, priority)
    }
}

impl Change {
    /// True when an item would be another one afterwards, or would be if nobody held it.
    fn concerns(&self, one: &Match, queue: &QueueName, priority: u32) -> bool {
        let state = match one.state {
            ItemState::Done => return false,
            ItemState::Claimed => self.cancel,
            state => self.state_of(one) != state || (self.requeue && one.note.until.is_some()),
        };
        state || self.moves(&one.item, queue, priority)
    }

    /// True when an item needs another place.
    pub(crate) fn moves(&self, item: &Item, queue: &QueueName, priority: u32) -> bool {
        self.queue.as_ref().is_some_and(|q| q != queue)
            || self.priority.is_some_and(|p| p != priority)
            || self.category.as_ref().is_some_and(|c| item.category.as_ref() != Some(c))
    }

    /// The state of an item afterwards; what has to wait is blocked all the same.
    pub(crate) fn state_of(&self, one: &Match) -> ItemState {
        let free = matches!(one.state, ItemState::Pending | ItemState::Blocked);
        match one.state {
            _ if self.cancel && free => ItemState::Failed,
            ItemState::Failed if self.requeue => queue::waiting_or(ItemState::Pending, &one.note),
            state => state,
        }
    }
}

/// All segments, by queue.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn places(view: &dyn View) -> Result<Vec<(QueueName, u32)>, ViewError> {
    let mut list = Vec::new();
    for queue in queue::all(view)? {
        list.extend(queue::segments(view, &queue.name)?.into_iter().map(|n| (queue.name.clone(), n)));
    }
    Ok(list)
}

impl Updated {
    /// Counts one item of the selection.
    pub(crate) fn count(&mut self, one: &Match) {
        self.matched += 1;
        if one.state == ItemState::Claimed {
            self.held += 1;
            if self.held_first.len() < NAMED {
                self.held_first.push(one.item.id.clone());
            }
        } else {
            self.changed += 1;
            if self.first.len() < NAMED {
                self.first.push((one.item.id.clone(), one.item.title.clone()));
            }
        }
    }
}

/// What an update would do.
///
/// # Errors
/// When the state cannot be read.
pub fn preview(view: &dyn View, update: &Update) -> Result<Updated, ViewError> {
    let mut selection = Selection::new(update);
    let mut updated = Updated::default();
    for place in places(view)? {
        let found = selection.of_segment(view, &place, &update.change)?;
        found.iter().for_each(|one| updated.count(one));
    }
    Ok(updated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str) -> bool {
        let item: Item = serde_json::from_value(serde_json::json!({
            "id": "T1", "title": "Fix Import", "category": "types", "files": ["src/a/b.rs", "doc"]
        }))
        .expect("valid");
        let slot = Slot { queue: QueueName::parse("main").expect("valid"), segment: 0, index: 0 };
        let update = Update {
            session: None,
            conditions: vec![condition.parse().expect("valid")],
            change: Change::default(),
            limit: None,
        };
        Selection::new(&update).tests[0].holds(&item, &slot, ItemState::Pending)
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
        for bad in ["", "x", "colour=red", "state=open", "file=a[", "title!x", "=x"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
    }
}
