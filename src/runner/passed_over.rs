//! Items that a run passes over: a command of theirs is not approved on this clone, or they were lost
//! again and again.
//!
//! One such item stops nothing: it is given back, and left to others.

use std::io;

use crate::model::outcome::Taken;
use crate::model::{ItemId, QueueName, queue};
use crate::trust::{Trust, Untrusted};

use super::hold::Hold;
use super::{Job, RunnerError};

/// Items and queues that are passed over before a run ends: each is named in every later look.
const MOST: usize = 100;

/// What may not run here.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    /// The commands, each once.
    commands: Vec<Untrusted>,
    items: Vec<ItemId>,
    queues: Vec<QueueName>,
    /// Items that were lost again and again while their commands ran.
    lost: Vec<ItemId>,
}

/// What stands in the way of an item.
#[derive(Debug)]
pub(super) enum Objection {
    /// Its own command.
    Item(Untrusted),
    /// The command that verifies the items of its queue.
    Queue(Untrusted),
}

impl PassedOver {
    /// Passes over the item, or all of its queue.
    pub(super) fn add(&mut self, taken: &Taken, objection: Objection) {
        let command = match objection {
            Objection::Item(command) => {
                self.items.push(taken.item.id.clone());
                command
            }
            Objection::Queue(command) => {
                self.queues.push(taken.queue.clone());
                command
            }
        };
        if self.commands.iter().all(|known| known.hash != command.hash) {
            self.commands.push(command);
        }
    }

    /// Passes over an item that was lost again and again.
    pub(super) fn leave_out(&mut self, item: ItemId) {
        self.items.push(item.clone());
        self.lost.push(item);
    }

    /// Those items.
    pub(super) fn lost(&self) -> &[ItemId] {
        &self.lost
    }

    /// True when a run does not go on.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() + self.queues.len() >= MOST
    }

    /// What the next look leaves out.
    pub(super) fn except(&self) -> (Vec<ItemId>, Vec<QueueName>) {
        (self.items.clone(), self.queues.clone())
    }

    /// The commands.
    pub(super) fn commands(&self) -> &[Untrusted] {
        &self.commands
    }
}

impl Hold<'_> {
    /// Why the item may not be worked on here, if it may not. Looked at before anything of it runs.
    ///
    /// # Errors
    /// When the state or the approvals cannot be read.
    pub(super) fn objection(&self) -> Result<Option<Objection>, RunnerError> {
        let (trust, taken) = (self.desk.shared.trust, self.taken);
        if self.desk.shared.spec.job == Job::Own
            && let Some(run) = &taken.item.run
            && let Some(command) = asked(trust, run, &format!("item {}", taken.item.id))?
        {
            return Ok(Some(Objection::Item(command)));
        }
        let rules = self.desk.store.read(|view| queue::get(view, &taken.queue))?.map(|queue| queue.rules);
        let Some(verify) = rules.filter(|rules| rules.verify).and_then(|rules| rules.verify_command) else {
            return Ok(None);
        };
        Ok(asked(trust, &verify, &format!("queue {}", taken.queue))?.map(Objection::Queue))
    }
}

/// Asks whether a command may run.
pub(super) fn asked(trust: &Trust, command: &str, from: &str) -> Result<Option<Untrusted>, RunnerError> {
    let unreadable = |e: io::Error| RunnerError::io("read the approvals in", &trust.file())(e);
    trust.objection(command, from).map_err(unreadable)
}
