//! Where the readers put what they read: counts, identities, the list of bad lines, the sink.

use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::{Item, ItemId, NewItem, RepoPath, groups, need_syntax};

use super::finding::Finding;
use super::fingerprint::{Basis, Fingerprints};
use super::place::{NoPlace, Places};
use super::rules::Verdict;
use super::worktree::Tree;
use super::{BadLine, Note, Options, Report, limits, scale};

/// Most files of one item: what a session can claim at once without holding everybody up.
const FILES_MAX: usize = 1000;

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
    /// Hashes of the findings so far, with their places.
    once: HashSet<u64>,
    missing: Missing,
    tree: OnceCell<Tree>,
}

/// Files that findings name and the worktree does not have.
#[derive(Default)]
struct Missing {
    files: HashSet<RepoPath>,
    first: Option<RepoPath>,
    /// One that is there was seen, or enough that are missing.
    settled: bool,
}

impl Missing {
    /// Files that are looked for: after a hundred that are missing, the paths start from another folder.
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
            places: Places::new(&options.root, options.base.as_ref(), &options.strip),
            options,
            report,
            sink,
            fingerprints: Fingerprints::default(),
            known: HashMap::new(),
            once: HashSet::new(),
            missing: Missing::default(),
            tree: OnceCell::new(),
        }
    }

    /// How the caller wants it read.
    pub(super) fn options(&self) -> &'a Options {
        self.options
    }

    /// A finding, on a line of the input. It has no id of its own, so it cannot contradict another one.
    ///
    /// One that is equal to another to its place, or in all that the tool itself goes by, is the same: build
    /// tools repeat a message for each target, and logs of several runs a result.
    pub(super) fn finding(&mut self, line: u64, mut finding: Finding) {
        let files = match self.files(&finding) {
            Ok(files) => files,
            Err(NoPlace::Outside(_)) if self.options.skip_outside => {
                self.report.read += 1;
                self.report.outside += 1;
                return;
            }
            Err(reason) => {
                self.outside(&reason);
                return self.bad(line, reason.to_string());
            }
        };
        self.report_prefixes(line);
        if finding.line.is_some() || finding.basis != Basis::Message {
            let place = (&files, finding.line, finding.column);
            let basis = match &finding.basis {
                Basis::Message => "",
                Basis::Tool(canonical) => canonical,
            };
            if !self.once.insert(hash(&(&finding.rule, &finding.message, basis, place))) {
                self.report.read += 1;
                self.report.duplicates += 1;
                return;
            }
        }
        self.report.read += 1;
        if let Some(file) = files.first() {
            self.missing.look(file, &self.places);
        }
        finding.severity = scale::of(finding.tool.as_deref(), finding.rule.as_deref(), finding.severity);
        self.tool(finding.tool.as_deref().unwrap_or(self.report.format.name()).to_owned());
        let item = finding.into_item(self.report.format.name(), files, &mut self.fingerprints);
        self.emit(item);
    }

    /// Remembers the first file outside the repository, for a hint.
    pub(super) fn outside(&mut self, reason: &NoPlace) {
        if let NoPlace::Outside(name) = reason {
            self.report.first_outside.get_or_insert_with(|| name.clone());
        }
    }

    /// The files of a finding. The first has to be in the repository; of the others, those outside are left
    /// out, as nobody could claim them.
    fn files(&self, finding: &Finding) -> Result<Vec<RepoPath>, NoPlace> {
        let mut files: Vec<RepoPath> = Vec::with_capacity(finding.files.len());
        for (position, name) in finding.files.iter().take(FILES_MAX).enumerate() {
            match self.places.named(name) {
                // The top is not a file, and as one of an item it would lock the whole repository.
                Ok(file) if file.is_root() || files.contains(&file) => {}
                Ok(file) => files.push(file),
                Err(reason) if position == 0 => return Err(reason),
                Err(_) => {}
            }
        }
        Ok(files)
    }

    /// Notes which folders of another machine stand for the top.
    fn report_prefixes(&mut self, line: u64) {
        while let Some(prefix) = self.places.new_prefix() {
            self.note(line, format!("{prefix} is not here: it is read as the top of this worktree"));
        }
    }

    /// The id that an item without one of its own gets. To be asked for once an item, because
    /// equal items are distinguished by their number.
    pub(super) fn identify(&mut self, item: &Item) -> ItemId {
        self.fingerprints.item(item)
    }

    /// An item; without an id of its own it gets its fingerprint, whatever `new.item.id` says.
    pub(super) fn item(&mut self, line: u64, mut new: NewItem, id: Option<ItemId>) {
        self.report_prefixes(line);
        if let Err(reason) = limits::check(&new.item) {
            return self.bad(line, reason);
        }
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
                let reason = format!("id: {} is on line {first} with another content", new.item.id);
                self.bad(line, reason);
            }
        }
    }

    /// Something that was understood in part, or not at all, and gives no bad line.
    pub(super) fn note(&mut self, line: u64, reason: impl Into<String>) {
        self.report.notes_total += 1;
        if self.report.notes.len() < Report::BAD_MAX {
            self.report.notes.push(Note { line, reason: reason.into() });
        }
    }

    /// An item that is finished where it comes from: nobody waits for it.
    pub(super) fn finished(&mut self, id: Option<ItemId>) {
        self.skip();
        self.report.finished.extend(id);
    }

    /// The report is one of this tool, whether it has found something or not.
    pub(super) fn tool(&mut self, name: String) {
        if !self.report.tools.contains(&name) {
            self.report.tools.insert(name);
        }
    }

    /// A result that the file has once more.
    pub(super) fn duplicate(&mut self) {
        self.report.read += 1;
        self.report.duplicates += 1;
    }

    /// The files of the worktree, looked at when they are first asked for.
    pub(super) fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| Tree::read(self.places.top()))
    }

    /// A result that is not a finding.
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

    pub(super) fn into_report(mut self) -> Report {
        // What had to wait was met later.
        self.report.bad.sort_by_key(|bad| bad.line);
        self.report.notes.sort_by_key(|note| note.line);
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
        tool: _,
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
