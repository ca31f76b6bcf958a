//! Which queue an item goes to when one import is spread over several.

use std::fmt;
use std::str::FromStr;

use crate::model::{Item, QueueName};

use super::severity::Severity;

/// Components of a folder that name its queue: enough to tell areas apart, few enough that a
/// repository with a thousand folders does not get a thousand queues.
const FOLDER_DEPTH: usize = 2;

/// Longest queue name, as [`QueueName::parse`] has it.
const NAME_MAX: usize = 64;

/// What decides an item's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// `blocker`, `critical`, `major`, `minor`, `info`, or the word that the importer used.
    Severity,
    /// The category.
    Category,
    /// The first two components of the first file's folder: `django-utils`.
    Folder,
    /// The rule.
    Rule,
}

impl Partition {
    /// All partitions.
    pub const ALL: [Partition; 4] =
        [Partition::Severity, Partition::Category, Partition::Folder, Partition::Rule];

    /// The word for the command line.
    pub fn name(self) -> &'static str {
        match self {
            Partition::Severity => "severity",
            Partition::Category => "category",
            Partition::Folder => "folder",
            Partition::Rule => "rule",
        }
    }

    /// The queue of an item; `None` when the item does not have what the partition goes by.
    pub fn queue(self, item: &Item) -> Option<QueueName> {
        match self {
            Partition::Severity => {
                let word = item.severity.as_deref()?;
                label(Severity::parse(word).map_or(word, |severity| severity.name()))
            }
            Partition::Category => label(item.category.as_deref()?),
            Partition::Rule => label(item.rule.as_deref()?),
            Partition::Folder => {
                let (folder, _) = item.files.first()?.as_str().rsplit_once('/')?;
                label(&folder.split('/').take(FOLDER_DEPTH).collect::<Vec<_>>().join("-"))
            }
        }
    }
}

/// The text as a queue name: lower case, one `-` for each run of what a name cannot hold.
fn label(text: &str) -> Option<QueueName> {
    let mut name = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !name.ends_with('.')) {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let edge = |c: char| !c.is_ascii_alphanumeric();
    let name = name.trim_matches(edge);
    // All of it is ASCII by now, so any byte is a character boundary.
    let name = name[..name.len().min(NAME_MAX)].trim_end_matches(edge);
    QueueName::parse(name.strip_suffix(".lock").unwrap_or(name)).ok()
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The word names no partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a partition: use severity, category, folder or rule")]
pub struct UnknownPartition(String);

impl FromStr for Partition {
    type Err = UnknownPartition;
    fn from_str(text: &str) -> Result<Self, UnknownPartition> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| UnknownPartition(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn anything_becomes_a_queue_name_or_nothing() {
        let name = |t: &str| label(t).map(String::from);
        assert_eq!(name("Type Errors"), Some("type-errors".into()));
        assert_eq!(name("@typescript-eslint/no-any"), Some("typescript-eslint-no-any".into()));
        assert_eq!(name("a..b.lock"), Some("a.-b".into()));
        assert_eq!(name("été"), Some("t".into()));
        assert_eq!(name("…"), None);
        assert_eq!(name(&"x".repeat(100)).map(|n| n.len()), Some(64));
    }

    #[test]
    fn every_partition_takes_its_own_field() {
        let item: Item = serde_json::from_str(
            r#"{"id":"1","title":"t","severity":"error","category":"Security","rule":"D104",
                "files":["django/utils/translation/a.py"]}"#,
        )
        .expect("an item");
        let queues = Partition::ALL.map(|p| p.queue(&item).map(String::from));
        let expected = ["critical", "security", "django-utils", "d104"];
        assert_eq!(queues, expected.map(|q| Some(q.to_owned())));
        let bare = Item { severity: None, category: None, rule: None, files: Vec::new(), ..item };
        assert!(Partition::ALL.iter().all(|p| p.queue(&bare).is_none()));
    }

    proptest! {
        #[test]
        fn a_text_with_a_letter_always_gets_a_queue(text in ".{0,80}[a-z]") {
            // Cutting at 64 bytes may leave only the filler of a long run of other characters.
            prop_assert!(label(&text).is_some() || text.len() > NAME_MAX);
        }
    }
}
