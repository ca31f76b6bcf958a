//! Counters beyond the five states: by category and phase, failed attempts, and how many items
//! were finished lately. They are changed in the same act as what they count.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::records::{Item, ItemState};

/// Seconds in one span of a [`Pace`].
pub const SPAN: i64 = 600;

/// Spans that a [`Pace`] keeps: an hour.
const SPANS: usize = 6;

/// Most bytes of a name; a longer one is cut.
const NAME: usize = 48;

/// What the entries of one kind of name may take, at [`ENTRY`] bytes each besides the name. Every
/// act writes them all, and a delta holds 16 kB: without a bound, an import with a name of its own
/// for each item would make every later act dear.
const ROOM: usize = 4096;
const ENTRY: usize = 56;

/// Under what an item is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Kind {
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Its phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

impl Kind {
    /// What an item says about itself.
    pub fn of(item: &Item) -> Self {
        Kind::new(item.category.as_deref(), item.phase.as_deref())
    }

    /// From the names as they were imported.
    pub fn new(category: Option<&str>, phase: Option<&str>) -> Self {
        let name = |text: Option<&str>| text.map(str::trim).filter(|t| !t.is_empty()).map(|t| short(t, NAME));
        Kind { category: name(category), phase: name(phase) }
    }
}

/// A text of at most so many bytes, with a sign where something is missing.
pub fn short(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub('…'.len_utf8())).rev().find(|i| text.is_char_boundary(*i));
    format!("{}…", &text[..end.unwrap_or(0)])
}

/// Items finished in the last hour: the number of the newest span since 1970, and how many in it
/// and in each one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Pace(i64, Vec<u32>);

impl Pace {
    /// True when nothing was finished yet.
    pub fn is_empty(&self) -> bool {
        self.1.is_empty()
    }

    /// Counts an item that was finished.
    pub fn note(&mut self, at: Timestamp) {
        let span = at.as_second().div_euclid(SPAN);
        // A clock that was put back counts in the newest span.
        let passed = usize::try_from(span - self.0).unwrap_or(0);
        if self.1.is_empty() || passed >= SPANS {
            *self = Pace(span, vec![0]);
        } else if passed > 0 {
            self.1.splice(0..0, std::iter::repeat_n(0, passed));
            self.1.truncate(SPANS);
            self.0 = span;
        }
        if let Some(newest) = self.1.first_mut() {
            *newest += 1;
        }
    }

    /// Items finished in each span of the last hour, oldest first, with when the span began.
    pub fn spans(&self, now: Timestamp) -> impl Iterator<Item = (i64, u64)> {
        let first = first_span(now, SPAN);
        let spans = self.1.iter().enumerate().rev().map(|(age, n)| (self.0 - age as i64, u64::from(*n)));
        spans.filter(move |(span, n)| *span >= first && *n > 0).map(|(span, n)| (span * SPAN, n))
    }
}

/// The number of the first span of so many seconds that is as a whole in the last hour.
pub fn first_span(now: Timestamp, seconds: i64) -> i64 {
    (now.as_second() - 3600).div_euclid(seconds) + 1
}

/// Number of items in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Counts {
    /// Free to take.
    pub pending: u64,
    /// Waiting for others.
    pub blocked: u64,
    /// In somebody's hands.
    pub claimed: u64,
    /// Finished.
    pub done: u64,
    /// Given up.
    pub failed: u64,
}

impl Counts {
    /// The counter of a state.
    pub fn of(&mut self, state: ItemState) -> &mut u64 {
        match state {
            ItemState::Pending => &mut self.pending,
            ItemState::Blocked => &mut self.blocked,
            ItemState::Claimed => &mut self.claimed,
            ItemState::Done => &mut self.done,
            ItemState::Failed => &mut self.failed,
        }
    }

    /// Number of items in all.
    pub fn total(&self) -> u64 {
        self.left() + self.done + self.failed
    }

    /// Items that are neither finished nor given up.
    pub fn left(&self) -> u64 {
        self.pending + self.blocked + self.claimed
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.pending += other.pending;
        self.blocked += other.blocked;
        self.claimed += other.claimed;
        self.done += other.done;
        self.failed += other.failed;
    }
}

/// Items of one name: how many in each state, and how often an attempt at one failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(from = "[u64; 6]", into = "[u64; 6]")]
pub struct Tally {
    /// Number of items in each state.
    pub counts: Counts,
    /// Failed attempts.
    pub fails: u64,
}

impl From<[u64; 6]> for Tally {
    fn from([pending, blocked, claimed, done, failed, fails]: [u64; 6]) -> Self {
        Tally { counts: Counts { pending, blocked, claimed, done, failed }, fails }
    }
}

impl From<Tally> for [u64; 6] {
    fn from(Tally { counts: c, fails }: Tally) -> Self {
        [c.pending, c.blocked, c.claimed, c.done, c.failed, fails]
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.fails += other.fails;
    }
}

/// What is counted under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The category or phase.
    pub name: String,
    /// How many items.
    #[serde(rename = "n")]
    pub tally: Tally,
    /// How many were finished lately.
    #[serde(default, skip_serializing_if = "Pace::is_empty")]
    pub pace: Pace,
}

impl Named {
    fn new(name: String) -> Self {
        Named { name, tally: Tally::default(), pace: Pace::default() }
    }
}

/// The counters by category, or by phase, in the order in which the names came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Names {
    /// Those that have an entry of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<Named>,
    /// All others together. A name never moves from here into the list, because its items are
    /// not told apart any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Box<Named>>,
}

impl Names {
    fn is_empty(&self) -> bool {
        self.list.is_empty() && self.other.is_none()
    }

    /// The entry under which `name` is counted.
    fn entry(&mut self, name: &str) -> &mut Named {
        let place = self.list.iter().position(|n| n.name == name);
        let taken: usize = self.list.iter().map(|n| n.name.len() + ENTRY).sum();
        // Once there are others, nobody knows which names are among them.
        let fits = self.other.is_none() && taken + name.len() + ENTRY <= ROOM;
        match place {
            Some(place) => &mut self.list[place],
            None if fits => {
                self.list.push(Named::new(name.to_owned()));
                let last = self.list.len() - 1;
                &mut self.list[last]
            }
            None => self.other.get_or_insert_with(|| Box::new(Named::new("other names".into()))),
        }
    }

    /// The same names, with nothing counted.
    fn emptied(&self) -> Self {
        let bare = |n: &Named| Named { tally: Tally::default(), ..n.clone() };
        Names {
            list: self.list.iter().map(bare).collect(),
            other: self.other.as_ref().map(|n| Box::new(bare(n))),
        }
    }

    fn forget_unused(&mut self) {
        self.list.retain(|n| n.tally != Tally::default());
        self.other = self.other.take().filter(|n| n.tally != Tally::default());
    }
}

/// Counters of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct QueueStats {
    /// Failed attempts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fails: u64,
    /// When the first item was handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// When an item was finished last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// By category. Items without one are in none of the entries.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub categories: Names,
    /// By phase, likewise.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub phases: Names,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// One item's way from state to state.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Where it was; `None`: it is new.
    pub from: Option<ItemState>,
    /// Where it is.
    pub to: ItemState,
    /// Attempts that failed on the way.
    pub fails: u64,
    /// When it was finished, if it was.
    pub done_at: Option<Timestamp>,
}

impl QueueStats {
    /// True when some item has a category or phase.
    pub fn has_names(&self) -> bool {
        !self.categories.is_empty() || !self.phases.is_empty()
    }

    /// Counts an item's step.
    pub fn count(&mut self, kind: &Kind, step: &Step) {
        self.fails += step.fails;
        self.last = step.done_at.or(self.last);
        let names = [(&mut self.categories, &kind.category), (&mut self.phases, &kind.phase)];
        for (names, name) in names {
            let Some(name) = name else { continue };
            let entry = names.entry(name);
            if let Some(from) = step.from {
                let from = entry.tally.counts.of(from);
                *from = from.saturating_sub(1);
            }
            *entry.tally.counts.of(step.to) += 1;
            entry.tally.fails += step.fails;
            if let Some(at) = step.done_at {
                entry.pace.note(at);
            }
        }
    }

    /// Takes an item out of the count: it has left the queue, or is counted anew.
    pub fn leave(&mut self, kind: &Kind, state: ItemState, fails: u64) {
        self.fails = self.fails.saturating_sub(fails);
        let names = [(&mut self.categories, &kind.category), (&mut self.phases, &kind.phase)];
        for (names, name) in names {
            let Some(name) = name else { continue };
            let tally = &mut names.entry(name).tally;
            let n = tally.counts.of(state);
            *n = n.saturating_sub(1);
            tally.fails = tally.fails.saturating_sub(fails);
        }
        // A name that no item has any more would never be found again by counting.
        self.forget_unused();
    }

    /// The same names and times, with nothing counted: for counting anew.
    pub fn emptied(&self) -> Self {
        QueueStats {
            fails: 0,
            begun: self.begun,
            last: self.last,
            categories: self.categories.emptied(),
            phases: self.phases.emptied(),
        }
    }

    /// Leaves out names that no item has: the end of counting anew.
    pub fn forget_unused(&mut self) {
        self.categories.forget_unused();
        self.phases.forget_unused();
    }
}

/// Counters of a session. Refused tries leave nothing in the state; the store counts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SessionStats {
    /// Items handed out to it and not given back untouched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u64,
    /// Claims and calls for the next item that were granted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub granted: u64,
    /// When the first of these was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When it was last granted something or finished something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Items that it has finished lately.
    #[serde(default, skip_serializing_if = "Pace::is_empty")]
    pub pace: Pace,
}

impl SessionStats {
    /// True when there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == SessionStats::default()
    }

    /// Counts a claim, or a call for items that brought so many.
    pub fn grant(&mut self, items: u64, now: Timestamp) {
        self.granted += 1;
        self.attempts += items;
        self.first = self.first.or(Some(now));
        self.last = Some(now);
    }

    /// Takes back an attempt: its item was given back untouched.
    pub fn untouched(&mut self) {
        self.attempts = self.attempts.saturating_sub(1);
    }
}
