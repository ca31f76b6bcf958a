//! Changing many items at once: which ones, and what.

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, QueueName, RepoPath, SessionName, View, ViewError};
use crate::model::ops::condition::{Condition, Test};
use crate::model::records::queue::{self, Slot};
use crate::model::records::segment::{self, ItemMeta};
use crate::model::records::{Item, ItemState, item_index};

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
    /// Their title from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Their files from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<RepoPath>>,
    /// Their command from now on; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
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

/// An item with where it stands.
#[derive(Debug)]
pub(crate) struct Match {
    pub index: usize,
    pub item: Item,
    pub state: ItemState,
    pub meta: ItemMeta,
}

/// Going through all items for those that fulfil the conditions.
pub(crate) struct Selection<'a> {
    tests: Vec<Test<'a>>,
    left: u64,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(update: &'a Update) -> Self {
        Selection {
            tests: update.conditions.iter().map(Test::new).collect(),
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
            let one = Match { index, item, state, meta: states.meta(index) };
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
        self.tests.iter().all(|test| test.holds(&one.item, &slot.queue, one.state))
            && change.concerns(one, &slot.queue, priority)
    }
}

impl Change {
    /// True when an item would be another one afterwards, or would be if nobody held it.
    fn concerns(&self, one: &Match, queue: &QueueName, priority: u32) -> bool {
        let state = match one.state {
            ItemState::Done => return false,
            ItemState::Claimed => self.cancel,
            state => self.state_of(one) != state || (self.requeue && one.meta.until.is_some()),
        };
        state || self.moves(&one.item, queue, priority)
    }

    /// True when an item needs another place.
    pub(crate) fn moves(&self, item: &Item, queue: &QueueName, priority: u32) -> bool {
        self.queue.as_ref().is_some_and(|q| q != queue)
            || self.priority.is_some_and(|p| p != priority)
            || self.category.as_ref().is_some_and(|c| item.category.as_ref() != Some(c))
            || self.title.as_ref().is_some_and(|t| item.title != *t)
            || self.files.as_ref().is_some_and(|f| item.files != *f)
            || self.run.as_ref().is_some_and(|r| item.run.as_deref().unwrap_or_default() != r)
    }

    /// The item as it is afterwards.
    pub(crate) fn applied_to(&self, item: Item) -> Item {
        let run = match &self.run {
            Some(run) => Some(run.clone()).filter(|run| !run.is_empty()),
            None => item.run,
        };
        Item {
            category: self.category.clone().or(item.category),
            title: self.title.clone().unwrap_or(item.title),
            files: self.files.clone().unwrap_or(item.files),
            run,
            ..item
        }
    }

    /// The state of an item afterwards; what has to wait is blocked all the same.
    pub(crate) fn state_of(&self, one: &Match) -> ItemState {
        let free = matches!(one.state, ItemState::Pending | ItemState::Blocked);
        match one.state {
            _ if self.cancel && free => ItemState::Failed,
            ItemState::Failed if self.requeue => queue::waiting_or(ItemState::Pending, &one.meta),
            state => state,
        }
    }
}

/// The segments in which items may fulfil the conditions, by queue.
///
/// # Errors
/// When the state cannot be read.
pub(crate) fn places(view: &dyn View, update: &Update) -> Result<Vec<(QueueName, u32)>, ViewError> {
    // One item is looked up, however many there are.
    if let Some(id) = update.conditions.iter().find_map(Condition::id) {
        let slot = ItemId::parse(id).ok().map(|id| item_index::find(view, &id)).transpose()?.flatten();
        return Ok(slot.into_iter().map(|slot| (slot.queue, slot.segment)).collect());
    }
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
    for place in places(view, update)? {
        let found = selection.of_segment(view, &place, &update.change)?;
        found.iter().for_each(|one| updated.count(one));
    }
    Ok(updated)
}
