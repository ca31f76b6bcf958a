//! Looking for the item to hand out.
//!
//! Free items are found by the marks of their segments, the most urgent first. What this session
//! may not take (others hold the files, another area, another shard, another kind) is passed over.
//! So that a session need not pass over the same thousands of items each time, the search notes
//! up to where there was nothing for it ([`SearchHints`]), and what has to stay so for that to hold:
//! claims in the way, and that nothing became free there since.

use super::candidate::{Eligibility, Facts, Found};
use super::hints::{Part, grow, new_range};
use crate::model::base::{ItemId, QueueName, Txn, ViewError};
use crate::model::ops::choice::{ChosenBecause, NotTaken, Passed, SearchBookmark, SkipCounts};
use crate::model::records::claim::{Claim, Mode};
use crate::model::records::conflict::blockers_of;
use crate::model::records::queue::{self, Queue, Slot};
use crate::model::records::{ItemState, segment};

/// How many free items are looked at for one whose files the session holds already, before the
/// first one that is free is taken. Two segments: a bound on the cost, not on the choice.
const AFFINITY_WINDOW: usize = 2 * segment::SIZE;

/// Claims by items on which a hint may depend; each is looked up before the hint is used.
const HELD_MAX: usize = 64;

/// Items that an explanation names.
const PASSED_MAX: usize = 10;

/// A search, and what it found out on the way.
pub(super) struct Search<'a> {
    eligibility: &'a Eligibility<'a>,
    has_files: bool,
    first: Option<Found>,
    looked: usize,
    own: bool,
    /// What was passed over in all.
    pub skipped: SkipCounts,
    /// The first of these, when they are to be told.
    pub passed: Vec<Passed>,
    /// What later searches may leave out.
    pub ranges: Vec<SearchBookmark>,
}

/// What one segment came to.
#[derive(Default)]
struct Seen {
    passed: Part,
    /// The first item that may be taken, and what was passed over before it.
    candidate: Option<(usize, Part)>,
    over: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(eligibility: &'a Eligibility<'a>) -> Self {
        let has_files = eligibility.holder.is_some()
            && eligibility.session.leases.iter().any(|l| l.all_paths().next().is_some());
        Search {
            eligibility,
            has_files,
            first: None,
            looked: 0,
            own: false,
            skipped: SkipCounts::default(),
            passed: Vec::new(),
            ranges: Vec::new(),
        }
    }

    /// Finds the item to take: the most urgent one that may be taken; among the first of that
    /// priority, one whose files the session holds already. `known`: what earlier searches found.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn run(
        &mut self,
        txn: &Txn<'_>,
        queues: &[Queue],
        known: &[SearchBookmark],
    ) -> Result<Option<Found>, ViewError> {
        let mut priorities = Vec::new();
        for queue in queues {
            for priority in queue::open_priorities(txn, &queue.name)? {
                priorities.push((priority, queue));
            }
        }
        // Stable: within one priority, queues in the order in which they were named.
        priorities.sort_by_key(|(priority, _)| *priority);
        for (position, (priority, queue)) in priorities.iter().enumerate() {
            let over = self.look_through(txn, queue, *priority, known)?;
            let last_of_priority = priorities.get(position + 1).is_none_or(|(next, _)| next != priority);
            if over || (last_of_priority && self.first.is_some()) {
                break;
            }
        }
        Ok(self.first.take())
    }

    /// Looks through one priority of a queue; true when the search is over.
    fn look_through(
        &mut self,
        txn: &Txn<'_>,
        queue: &Queue,
        priority: u32,
        known: &[SearchBookmark],
    ) -> Result<bool, ViewError> {
        let help = self.eligibility.help;
        let fits = |s: &&SearchBookmark| s.queue == queue.name && s.priority == priority && s.help == help;
        let old = known.iter().find(fits).and_then(|s| Some((s, queue.returns_since(s.returned)?)));
        let (again, mut range) = match old {
            Some((skip, returns)) => {
                self.skipped.add(&skip.skipped);
                (returns.to_vec(), SearchBookmark { returned: queue.returned, ..skip.clone() })
            }
            None => (Vec::new(), new_range(queue, priority, help)),
        };
        let (before, index) = (range.before, range.index);
        let mut growing = self.first.is_none();
        let over = queue::each_open_segment(txn, &queue.name, priority, |segment| {
            let changed = again.contains(&segment);
            if segment < before && !changed {
                return Ok(false);
            }
            let from = if segment == before && !changed { index } else { 0 };
            let seen = self.visit(txn, &queue.name, segment, priority, from)?;
            let (at, part) = match &seen.candidate {
                None => ((segment + 1, 0), &seen.passed),
                Some((index, part)) => ((segment, *index), part),
            };
            growing &= range.held.len() + part.held.len() <= HELD_MAX;
            if growing && (seen.candidate.is_none() || at >= (before, index)) {
                grow(&mut range, at, part, changed && segment <= before);
            } else if changed && segment <= before {
                // This segment has to be looked at again, so what was known stays as it was.
                range = old.map_or_else(|| range.clone(), |(skip, _)| skip.clone());
            }
            growing &= seen.candidate.is_none();
            Ok(seen.over)
        })?;
        if (range.before, range.index) > (0, 0) {
            self.ranges.push(range);
        }
        Ok(over)
    }

    /// Looks through one segment.
    fn visit(
        &mut self,
        txn: &Txn<'_>,
        queue: &QueueName,
        segment: u32,
        priority: u32,
        from: usize,
    ) -> Result<Seen, ViewError> {
        let states = queue::states(txn, queue, segment)?;
        let content = queue::content(txn, queue, segment)?;
        let lines = segment::lines(&content);
        let key = queue::items_key(queue, segment);
        let mut seen = Seen::default();
        for index in (from..states.len()).filter(|i| states.get(*i) == Some(ItemState::Pending)) {
            let facts: Facts = segment::item_at(&lines, index, &key)?;
            if let Some(why) = self.eligibility.reject(&facts) {
                self.pass(&mut seen, facts.id, queue, priority, why);
                continue;
            }
            let session = self.eligibility.session;
            let own =
                self.has_files && !facts.files.is_empty() && facts.files.iter().all(|f| session.may_edit(f));
            // Behind the first one that may be taken, only one on the session's own files counts. What
            // is in the way of the rest changes nothing, and is the dearest thing to look up.
            if own || self.first.is_none() {
                let claims = if own { Vec::new() } else { self.eligibility.in_the_way(txn, &facts.files)? };
                if claims.is_empty() {
                    if seen.candidate.is_none() {
                        seen.candidate = Some((index, seen.passed.clone()));
                    }
                    if (own && !self.own) || self.first.is_none() {
                        let slot = Slot { queue: queue.clone(), segment, index };
                        let because = if own { ChosenBecause::OwnFiles } else { ChosenBecause::First };
                        let item = segment::item_at(&lines, index, &key)?;
                        self.own = own;
                        self.first = Some(Found { slot, item, priority, because });
                    }
                    if own || !self.has_files {
                        seen.over = true;
                        return Ok(seen);
                    }
                } else {
                    self.record_claims(txn, &mut seen, &facts, queue, priority, &claims)?;
                }
            }
            self.looked += 1;
            if self.first.is_some() && self.looked >= AFFINITY_WINDOW {
                seen.over = true;
                return Ok(seen);
            }
        }
        Ok(seen)
    }

    /// An item is passed over because of claims.
    fn record_claims(
        &mut self,
        txn: &Txn<'_>,
        seen: &mut Seen,
        facts: &Facts,
        queue: &QueueName,
        priority: u32,
        claims: &[Claim],
    ) -> Result<(), ViewError> {
        let session = &self.eligibility.session.name;
        for claim in claims {
            let by_hand = self
                .eligibility
                .against(claim)
                .any(|holder| holder.grants.iter().any(|grant| grant.item.is_none()));
            seen.passed.by_hand |= by_hand;
            if !by_hand {
                seen.passed.held.insert(claim.path.clone());
            }
        }
        let mut holders = Vec::new();
        if self.explains() {
            for file in &facts.files {
                holders.extend(blockers_of(txn, file, session, Mode::Exclusive)?);
            }
        }
        self.pass(seen, facts.id.clone(), queue, priority, NotTaken::FilesHeld { holders });
        Ok(())
    }

    fn explains(&self) -> bool {
        self.eligibility.choice.explain && self.passed.len() < PASSED_MAX
    }

    fn pass(&mut self, seen: &mut Seen, id: ItemId, queue: &QueueName, priority: u32, why: NotTaken) {
        let mut one = SkipCounts::default();
        match &why {
            NotTaken::FilesHeld { .. } => one.files_held = 1,
            NotTaken::OutsideArea => one.outside_area = 1,
            NotTaken::OtherShard => one.other_shard = 1,
            NotTaken::OtherKind => one.other_kind = 1,
        }
        seen.passed.skipped.add(&one);
        self.skipped.add(&one);
        if self.explains() {
            self.passed.push(Passed { id, queue: queue.clone(), priority, why });
        }
    }
}
