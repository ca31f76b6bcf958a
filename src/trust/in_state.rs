//! The commands that are in the shared state.

use std::collections::HashMap;

use crate::model::{ItemState, View, ViewError, plan, queue};

use super::CommandHash;

/// A command and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its hash.
    pub hash: CommandHash,
    /// Its text.
    pub command: String,
    /// The first place that has it: `item T1`, `queue main`.
    pub from: String,
    /// How many more places have it.
    pub more: u64,
}

/// Commands, each once, in the order in which they are found.
#[derive(Debug, Default)]
pub struct Commands {
    list: Vec<Found>,
    at: HashMap<CommandHash, usize>,
}

impl Commands {
    /// Adds a command that was found in this place.
    pub fn add(&mut self, command: &str, from: impl FnOnce() -> String) {
        let hash = CommandHash::of(command);
        match self.at.get(&hash).and_then(|at| self.list.get_mut(*at)) {
            Some(known) => known.more += 1,
            None => {
                self.at.insert(hash, self.list.len());
                self.list.push(Found { hash, command: command.to_owned(), from: from(), more: 0 });
            }
        }
    }

    /// Adds what `view` has: the commands that verify, and those of items that are not done.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn add_state(&mut self, view: &dyn View) -> Result<(), ViewError> {
        if let Some(applied) = plan::applied(view)?.filter(|a| a.archived.is_none()) {
            for (command, from) in applied.plan.commands() {
                self.add(command, || from);
            }
        }
        for mut record in queue::all(view)? {
            if let Some(command) = &record.rules.verify_command {
                self.add(command, || format!("queue {}", record.name));
            }
            for state in [ItemState::Pending, ItemState::Blocked, ItemState::Claimed, ItemState::Failed] {
                if *record.counts.of(state) == 0 {
                    continue;
                }
                queue::each_item(view, &record.name, Some(state), |item, _, _| {
                    if let Some(command) = &item.run {
                        self.add(command, || format!("item {}", item.id));
                    }
                    Ok(false)
                })?;
            }
        }
        Ok(())
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Found> {
        self.list
    }
}
