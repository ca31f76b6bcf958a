//! Where the readers put what they read: counts, identities, the list of bad lines, the sink.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::{Item, ItemId, NewItem, RepoPath, groups, need_syntax};

use super::finding::Finding;
use super::fingerprint::Fingerprints;
use super::place::Places;
use super::rules::Verdict;
use super::{BadLine, Options, Report};

/// Takes what a reader finds. Each line or result goes to exactly one of its methods.
pub(super) struct Collector<'a> {
    /// Maps paths and URIs into the repository.
    pub(super) places: Places,
    options: &'a Options,
    report: Report,
    sink: &'a mut dyn FnMut(NewItem),
    fingerprints: Fingerprints,
    /// By the hash of the id, the hash of the content and the line of each item of our own format:
    /// hashes, because the ids and contents of a million items are not kept in memory.
    known: HashMap<u64, (u64, u64)>,
    /// Hashes of the findings that came through [`Collector::finding_once`].
    once: HashSet<u64>,
    missing: Missing,
}

/// Files that findings name and the worktree does not have.
#[derive(Default)]
struct Missing {
    files: HashSet<RepoPath>,
    first: Option<RepoPath>,
    /// One that is there was seen, or enough of them that are not.
    settled: bool,
}

impl Missing {
    /// Files that are looked for: who has a hundred wrong ones has started from the wrong folder.
    const LOOKED_FOR: usize = 100;

    fn look(&mut self, file: &RepoPath, places: &Places) {
        if self.settled || self.files.contains(file) {
            return;
        }
        if places.has(file) {
            (self.settled, self.first) = (true, None);
            return;
        }
        self.first.get_or_insert_with(|| file.clone());
        self.files.insert(file.clone());
        self.settled = self.files.len() == Self::LOOKED_FOR;
    }
}

impl<'a> Collector<'a> {
    pub(super) fn new(options: &'a Options, report: Report, sink: &'a mut dyn FnMut(NewItem)) -> Self {
        Collector {
            places: Places::new(&options.root, options.base.as_ref()),
            options,
            report,
            sink,
            fingerprints: Fingerprints::default(),
            known: HashMap::new(),
            once: HashSet::new(),
            missing: Missing::default(),
        }
    }

    /// A finding. It has no id of its own, so it cannot contradict another one.
    pub(super) fn finding(&mut self, finding: Finding) {
        self.report.read += 1;
        if let Some(file) = finding.files.first() {
            self.missing.look(file, &self.places);
        }
        let item = finding.into_item(&mut self.fingerprints);
        self.emit(item);
    }

    /// A finding of a tool that tells the same one again for each target that it builds: what is
    /// equal to the place is one and the same.
    pub(super) fn finding_once(&mut self, finding: Finding) {
        let place = (&finding.files, finding.line, finding.column);
        if self.once.insert(hash(&(&finding.rule, &finding.message, place))) {
            self.finding(finding);
        } else {
            self.report.read += 1;
            self.report.duplicates += 1;
        }
    }

    /// The id that an item without one of its own gets. To be asked for once an item, because
    /// equal items are told apart by their number.
    pub(super) fn identify(&mut self, item: &Item) -> ItemId {
        self.fingerprints.item(item)
    }

    /// An item; without an id of its own it gets its fingerprint, whatever `new.item.id` says.
    pub(super) fn item(&mut self, line: u64, mut new: NewItem, id: Option<ItemId>) {
        if let Some(id) = id.as_ref().filter(|id| groups::is_set(id)) {
            return self.bad(line, format!("id: {id} would mean all items of a group or phase"));
        }
        new.item.id = id.unwrap_or_else(|| self.fingerprints.item(&new.item));
        match self.known.entry(hash(&new.item.id)) {
            Entry::Vacant(entry) => {
                entry.insert((content_hash(&new), line));
                self.report.read += 1;
                self.emit(new);
            }
            Entry::Occupied(entry) if entry.get().0 == content_hash(&new) => {
                self.report.read += 1;
                self.report.duplicates += 1;
            }
            Entry::Occupied(entry) => {
                let first = entry.get().1;
                let reason = format!("id: {} stands on line {first} with another content", new.item.id);
                self.bad(line, reason);
            }
        }
    }

    /// A result that is no finding.
    pub(super) fn skip(&mut self) {
        self.report.read += 1;
        self.report.skipped += 1;
    }

    /// A line or result that cannot be used.
    pub(super) fn bad(&mut self, line: u64, reason: String) {
        self.report.read += 1;
        self.broken(line, reason);
    }

    /// Something wrong with the document and not with one line or result of it.
    pub(super) fn broken(&mut self, line: u64, reason: String) {
        self.report.bad_total += 1;
        if self.report.bad.len() < Report::BAD_MAX {
            self.report.bad.push(BadLine { line, reason });
        }
    }

    pub(super) fn into_report(self) -> Report {
        Report { astray: self.missing.first, ..self.report }
    }

    fn emit(&mut self, mut new: NewItem) {
        if let Some(rules) = &self.options.rules
            && rules.apply(&mut new) == Verdict::Drop
        {
            self.report.dropped += 1;
            return;
        }
        if let (None, Some(partition)) = (&new.queue, self.options.partition) {
            new.queue = partition.queue(&new.item);
        }
        if new.item.group.as_ref().is_some_and(|group| self.options.sequential.is_match(group)) {
            new.item.needs.extend(ItemId::parse(need_syntax::PREVIOUS).ok());
        }
        self.report.items += 1;
        (self.sink)(new);
    }
}

/// A hash of all that an item says, by which a second line with its id is the same or another.
fn content_hash(new: &NewItem) -> u64 {
    let Item {
        id: _,
        title,
        severity,
        category,
        phase,
        group,
        rule,
        line,
        files,
        needs,
        run,
        timeout,
        payload,
    } = &new.item;
    let place = (line, files, &new.queue, new.priority, phase, group);
    // The hash of a JSON object does not depend on the order of its fields.
    hash(&(title, severity, category, rule, place, needs, run, timeout, payload))
}

/// A hash that is the same in every run of the program.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
