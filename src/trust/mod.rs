//! Which commands of other people may run on this clone.
//!
//! A command that comes with the shared state (an item's `run`, a queue's verify command) or out of a
//! file of the repository (`coord.toml`) is code from somebody else. It runs here only when it is
//! approved on this clone:
//!
//! - made here: an operation of this clone brought it into the state ([`commands_of`]), or
//! - shown and accepted: `git coord trust allow HASH`.
//!
//! What is approved is the text itself, by its SHA-256. A command that is changed is another command.
//! Approvals are kept beside the state (`<store>/trust/approved`), never in it: nobody can approve a
//! command for another clone.

mod approvals;
mod in_state;

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::model::Op;
use crate::model::plan_op::PlanOp;
use crate::model::rules::Rule;

pub use approvals::{Approval, Approvals};
pub use in_state::{Commands, Found};

/// `coord.trust`: what runs without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// What was made here or approved here.
    #[default]
    Ask,
    /// Everything. For a machine that runs nothing but this.
    All,
    /// Only what was made here; nothing can be approved.
    Off,
}

impl Policy {
    /// Reads the value of the setting.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ask" => Some(Policy::Ask),
            "all" => Some(Policy::All),
            "off" => Some(Policy::Off),
            _ => None,
        }
    }
}

/// The SHA-256 of a command, by which it is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandHash([u8; 32]);

impl CommandHash {
    /// Of this command, as `sh -c` is given it.
    pub fn of(command: &str) -> Self {
        CommandHash(Sha256::digest(command.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(CommandHash(bytes))
    }

    /// As many digits as a person has to type. Fewer could be met by a command made for that.
    pub fn short(&self) -> String {
        self.to_string().chars().take(SHORT).collect()
    }
}

/// Digits of [`CommandHash::short`], and the fewest that `trust allow` accepts.
pub const SHORT: usize = 16;

impl std::fmt::Display for CommandHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A command that may not run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    /// What to approve.
    pub hash: CommandHash,
    /// Its text, as it was written: control characters and all.
    pub command: String,
    /// Where it comes from: `item T1`, `queue main`, `gate unit`.
    pub from: String,
}

/// What this clone trusts.
#[derive(Debug)]
pub struct Trust {
    policy: Policy,
    approvals: Approvals,
}

impl Trust {
    /// Of the store in this folder.
    pub fn new(store: &Path, policy: Policy) -> Self {
        Trust { policy, approvals: Approvals::of(store) }
    }

    /// True when a command may run here.
    ///
    /// # Errors
    /// When the approvals cannot be read. Nothing may run then.
    pub fn allows(&self, command: &str) -> std::io::Result<bool> {
        Ok(match (self.policy, self.approvals.get(CommandHash::of(command))?) {
            (Policy::All, _) | (_, Some(Approval::Made)) | (Policy::Ask, Some(Approval::Allowed)) => true,
            (Policy::Ask | Policy::Off, _) => false,
        })
    }

    /// `None` when the command may run here.
    ///
    /// # Errors
    /// When the approvals cannot be read.
    pub fn objection(&self, command: &str, from: &str) -> std::io::Result<Option<Untrusted>> {
        let untrusted = || Untrusted {
            hash: CommandHash::of(command),
            command: command.to_owned(),
            from: from.to_owned(),
        };
        Ok((!self.allows(command)?).then(untrusted))
    }

    /// The file of the approvals, for errors.
    pub fn file(&self) -> PathBuf {
        self.approvals.file().to_owned()
    }
}

/// The commands that an operation brings into the state: the caller that submits it here has made them.
pub fn commands_of(op: &Op) -> Vec<&str> {
    match op {
        Op::Import { items, .. } => items.iter().filter_map(|item| item.item.run.as_deref()).collect(),
        Op::Update(update) => {
            update.change.run.as_deref().filter(|run| !run.is_empty()).into_iter().collect()
        }
        Op::SetQueue { rules, .. } => rules.iter().filter_map(command_of_rule).collect(),
        Op::StartSession(_)
        | Op::Assign(_)
        | Op::Split { .. }
        | Op::EndSession { .. }
        | Op::Claim(_)
        | Op::Release { .. }
        | Op::Next(_)
        | Op::PrefetchGrant(_)
        | Op::Finish { .. }
        | Op::Renew { .. }
        | Op::Sweep
        | Op::Record { .. }
        | Op::Verify { .. }
        | Op::Note { .. }
        | Op::Tell { .. }
        | Op::Landing(_)
        | Op::Unlanded(_)
        | Op::Gate(_) => Vec::new(),
        Op::Plan(PlanOp::Apply(words)) => {
            words.plan.commands().into_iter().map(|(command, _)| command).collect()
        }
        Op::Plan(_) => Vec::new(),
    }
}

fn command_of_rule(rule: &Rule) -> Option<&str> {
    match rule {
        Rule::VerifyCommand(command) => command.as_deref(),
        Rule::CoolDown(_) | Rule::Verify(_) | Rule::Ttl(_) | Rule::MaxHeld(_) => None,
    }
}
