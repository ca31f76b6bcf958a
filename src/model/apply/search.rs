//! Looking for the item to hand out.
//!
//! Free items are found by the marks of their segments, the most urgent first. What this session
//! may not take (others hold the files, another area, another shard, another kind) is passed over.
//! So that a session need not pass over the same thousands of items each time, the search notes
//! up to where there was nothing for it ([`SearchHints`]), and what has to stay so for that to hold:
//! claims in the way, and that nothing became free there since.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::model::base::{ItemId, QueueName, RepoPath, SessionName, Txn, View, ViewError};
use crate::model::ops::choice::{
    Choice, ChosenBecause, NotTaken, Passed, SearchBookmark, SearchHints, SkipCounts,
};
use crate::model::ops::filter::Filter;
use crate::model::records::area::Areas;
use crate::model::records::claim::{self, Claim, Holder, Mode};
use crate::model::records::queue::{self, Queue, Slot};
use crate::model::records::session::Session;
use crate::model::records::shard::Shard;
use crate::model::records::{Item, ItemState, header, segment};

/// How many free items are looked at for one whose files the session holds already, before the
/// first one that is free is taken. Two segments: a bound on the cost, not on the choice.
const AFFINITY_WINDOW: usize = 2 * segment::SIZE;

/// Claims by items on which a hint may depend; each is looked up before the hint is used.
const HELD_MAX: usize = 64;

/// Items that an explanation names.
const PASSED_MAX: usize = 10;

/// What may be taken.
pub(super) struct Eligibility<'a> {
    pub session: &'a Session,
    /// Whose claims are not in the way; `None`: all are.
    pub holder: Option<&'a SessionName>,
    pub choice: &'a Choice,
    pub filter: &'a Filter,
    /// The session's own areas; none while it helps others.
    pub own: &'a Areas,
    /// The areas of this call.
    pub asked: &'a Areas,
    pub help: bool,
}

/// The part of an item that decides whether it may be taken.
#[derive(Deserialize)]
pub(super) struct Facts {
    id: ItemId,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    files: Vec<RepoPath>,
    #[serde(default)]
    run: Option<String>,
}

impl Facts {
    pub(super) fn of(item: &Item) -> Self {
        Facts {
            id: item.id.clone(),
            category: item.category.clone(),
            rule: item.rule.clone(),
            files: item.files.clone(),
            run: item.run.clone(),
        }
    }
}

impl Eligibility<'_> {
    /// The holds of a claim that are in the way.
    fn against<'a>(&'a self, claim: &'a Claim) -> impl Iterator<Item = &'a Holder> {
        let mine = |session: &SessionName| self.holder == Some(session);
        claim.holders.iter().filter(move |h| !mine(&h.session))
    }

    /// The claims that overlap one of the files and are in the way.
    fn in_the_way(&self, view: &dyn View, files: &[RepoPath]) -> Result<Vec<Claim>, ViewError> {
        for file in files {
            let mut found = claim::overlapping(view, file)?;
            found.retain(|claim| self.against(claim).next().is_some());
            if !found.is_empty() {
                // One file that is held is enough.
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Why an item is not for this session, whoever holds what.
    pub(super) fn reject(&self, facts: &Facts) -> Option<NotTaken> {
        let one_of = |list: &[String], word: &Option<String>| {
            list.is_empty() || word.as_ref().is_some_and(|w| list.contains(w))
        };
        let kind = one_of(&self.choice.categories, &facts.category)
            && one_of(&self.choice.rules, &facts.rule)
            && (!self.filter.run || facts.run.is_some())
            && !self.filter.except.contains(&facts.id)
            && self.asked.admits(&facts.files);
        if !kind {
            return Some(NotTaken::OtherKind);
        }
        let other = |shard: Shard| !shard.has_files(&facts.files, &facts.id);
        if self.filter.shard.is_some_and(other) {
            return Some(NotTaken::OtherShard);
        }
        if self.help {
            return None;
        }
        if !self.own.admits(&facts.files) {
            return Some(NotTaken::OutsideArea);
        }
        self.session.shard.is_some_and(other).then_some(NotTaken::OtherShard)
    }
}

/// An item to be taken.
pub(super) struct Found {
    pub slot: Slot,
    pub item: Item,
    pub priority: u32,
    pub because: ChosenBecause,
}

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

/// What was passed over in one segment, and why.
#[derive(Default, Clone)]
struct Part {
    skipped: SkipCounts,
    held: BTreeSet<RepoPath>,
    by_hand: bool,
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
                holders.extend(super::claim::blockers_of(txn, file, session, Mode::Exclusive)?);
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

/// Notes that up to `at` there was nothing to take. `again`: a part of it was counted before.
fn grow(range: &mut SearchBookmark, at: (u32, usize), part: &Part, again: bool) {
    (range.before, range.index) = at.max((range.before, range.index));
    range.by_hand |= part.by_hand;
    if !again {
        range.skipped.add(&part.skipped);
    }
    for path in &part.held {
        if !range.held.contains(path) {
            range.held.push(path.clone());
        }
    }
}

fn new_range(queue: &Queue, priority: u32, help: bool) -> SearchBookmark {
    SearchBookmark {
        queue: queue.name.clone(),
        priority,
        help,
        before: 0,
        index: 0,
        returned: queue.returned,
        held: Vec::new(),
        by_hand: false,
        skipped: SkipCounts::default(),
    }
}

/// The parts of a hint that still hold.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn still_true(
    view: &dyn View,
    session: &Session,
    hints: &[SearchHints],
    eligibility: &str,
) -> Result<Vec<SearchBookmark>, ViewError> {
    let head = header::read(view)?;
    let same = |s: &&SearchHints| {
        s.store == head.store && s.generation <= head.generation && s.eligibility == eligibility
    };
    let Some(hints) = hints.iter().find(same) else { return Ok(Vec::new()) };
    let mut list = Vec::new();
    for range in &hints.ranges {
        let mut holds = !range.by_hand || hints.released == head.released;
        for path in &range.held {
            let claim = claim::get(view, path)?;
            holds &= claim.is_some_and(|c| c.conflicts(&session.name, Mode::Exclusive).next().is_some());
        }
        if holds {
            list.push(range.clone());
        }
    }
    Ok(list)
}
