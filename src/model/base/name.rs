//! Names of sessions, queues and items: parsed once at the edge, valid from then on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no valid {what} name: {why}")]
pub struct NameError {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl NameError {
    fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        NameError { what, text: text.to_owned(), why }
    }
}

/// Checks a text that becomes part of a ref name and of a tree entry.
fn check_label(what: &'static str, text: &str) -> Result<(), NameError> {
    let fail = |why| Err(NameError::new(what, text, why));
    if text.is_empty() {
        return fail("it is empty");
    }
    if text.len() > 64 {
        return fail("it is longer than 64 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
        return fail("use letters, digits, '.', '_' and '-'");
    }
    if !text.as_bytes()[0].is_ascii_alphanumeric() {
        return fail("it must begin with a letter or digit");
    }
    // The rules of git-check-ref-format(1), because the name becomes `refs/notes/coord/<name>`.
    if text.contains("..") || text.ends_with('.') || text.ends_with(".lock") {
        return fail("git allows no '..', no '.' or '.lock' at the end of a ref name");
    }
    Ok(())
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// When it could not be part of a git ref name, with the reason.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check_label($what, text)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

label!(
    /// A session: one person or agent at work, in one worktree.
    SessionName,
    "session"
);
label!(
    /// A queue of items.
    QueueName,
    "queue"
);

/// The identity of an item: given by the importer, or a fingerprint of its content. Among needs,
/// also the name of several items: `group:B`, `phase:Setup`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

impl ItemId {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is empty, longer than 200 bytes, begins with a dash (it would read as a flag) or
    /// holds white space or control characters (ids stand in lists and trailers).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fail = |why| Err(NameError::new("item", text, why));
        if text.is_empty() {
            return fail("it is empty");
        }
        if text.len() > 200 {
            return fail("it is longer than 200 bytes");
        }
        if text.starts_with('-') {
            return fail("it must not begin with '-'");
        }
        // Groups and phases are named in `needs` as they are called, and people put blanks in names.
        let blanks = text.starts_with("group:") || text.starts_with("phase:");
        if text.chars().any(|c| c.is_control() || (c.is_whitespace() && !(blanks && c == ' '))) {
            return fail("white space and control characters are not allowed");
        }
        Ok(ItemId(text.to_owned()))
    }

    /// The id of an item that has only its content: the digest's bytes as 16 lower-case hex digits.
    pub fn from_digest(digest: [u8; 8]) -> Self {
        ItemId(format!("{:016x}", u64::from_be_bytes(digest)))
    }

    /// True when it looks like one of these: who gives ids chooses others.
    pub fn is_digest(&self) -> bool {
        self.0.len() == 16 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The id of the `n`th item for the same work; `None` when that is too long for one.
    pub fn again(&self, n: u32) -> Option<Self> {
        Self::parse(&format!("{self}.{n}")).ok()
    }

    /// The id that [`ItemId::again`] would have made this one of; `None` when it has another form.
    pub fn first(&self) -> Option<&str> {
        let (first, n) = self.0.rsplit_once('.')?;
        let number = n.parse::<u32>().ok().filter(|n| *n >= 2)?;
        (!first.is_empty() && number.to_string() == n).then_some(first)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ItemId> for String {
    fn from(id: ItemId) -> String {
        id.0
    }
}

impl TryFrom<String> for ItemId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for ItemId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_can_always_be_a_ref() {
        for good in ["alice", "a.b", "TD2", "s-1_x"] {
            assert!(SessionName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a/b", "x.lock", "a..b", "é", "a."] {
            assert!(SessionName::parse(bad).is_err(), "{bad}");
        }
    }
    #[test]
    fn blanks_stand_in_the_names_of_groups_and_phases_alone() {
        for good in ["T1", "é", "group:B", "group:Story 1", "phase:Set up"] {
            assert!(ItemId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a\tb", "group:a\tb", "phase:a\u{a0}b", "x group:a b"] {
            assert!(ItemId::parse(bad).is_err(), "{bad}");
        }
    }
}
