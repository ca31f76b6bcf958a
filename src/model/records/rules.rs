//! Rules of a queue, and changing them one by one.

use serde::{Deserialize, Serialize};

/// Rules of a queue, beside the number of attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Seconds for which an item is not offered after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<u64>,
    /// An item is done only when a verification of it has passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// The command that verifies, unless another one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_command: Option<String>,
    /// Seconds of a lease on one of its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// So many of its items a session may hold at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_held: Option<u32>,
}

/// The change of one rule; `None`: the rule goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// See [`Rules::cool_down`].
    CoolDown(Option<u64>),
    /// See [`Rules::verify`].
    Verify(bool),
    /// See [`Rules::verify_command`].
    VerifyCommand(Option<String>),
    /// See [`Rules::ttl`].
    Ttl(Option<u64>),
    /// See [`Rules::max_held`].
    MaxHeld(Option<u32>),
}

impl Rules {
    /// Changes one of them.
    pub(crate) fn set(&mut self, rule: Rule) {
        match rule {
            Rule::CoolDown(value) => self.cool_down = value,
            Rule::Verify(value) => self.verify = value,
            Rule::VerifyCommand(value) => self.verify_command = value,
            Rule::Ttl(value) => self.ttl = value,
            Rule::MaxHeld(value) => self.max_held = value,
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Rules::default()
    }
}
