//! Upkeep: keeps the store small without anybody noticing.
//!
//! Every act leaves an object, and a dozen more whenever changes are folded; nothing refers to
//! most of them once the history is cut. Upkeep runs in a process of its own, when the store has grown, and
//! 1. cuts the history under the lock: a new first commit with the same tree, which names the one
//!    that it replaces and carries the older events on in `log/`;
//! 2. packs, without the lock, what the state refers to and no pack holds yet;
//! 3. removes, under the lock, the loose objects that no longer matter: those that are packed
//!    now, and those that nothing refers to. Writers are kept out, because a writer leaves out an
//!    object that is there already, and must not see it vanish;
//! 4. merges the packs when they have become many.
//!
//! A death after any step leaves a store that is whole and merely larger. Readers take no lock;
//! one that loses an old version under its hands reads the new one ([`Store::read`]).

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use crate::crash_point;
use crate::git::Git;
use crate::model::Txn;

use crate::store::commit::lock;
use crate::store::commit::locked::LockedStore;
use crate::store::commit::session::WriteSession;
use crate::store::commit::write_queue::WriteQueue;
use crate::store::state::cas::Swap;
use crate::store::state::cut::{self, Cut};
use crate::store::state::loose::TEMPORARY;
use crate::store::state::write::Writer;
use crate::store::{Store, StoreError, durable, leftovers};

/// Loose objects that make upkeep worthwhile. git's own `gc.auto` is 6700; here most of them are
/// commits with a delta of some kilobytes.
const MANY_LOOSE: usize = 2000;

/// First line of a state that begins a history anew.
const CUT: &str = "upkeep: history cut";

/// How the line begins that names the state in whose place another stands.
const REPLACES: &str = "replaces ";

/// That line.
pub(in crate::store) fn replaces(old: ObjectId) -> String {
    format!("{REPLACES}{old}\n")
}

/// Packs that are merged into one.
const MANY_PACKS: usize = 20;

/// What a dead process has left is removed when it is so old.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// What upkeep has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Commits that were cut off.
    pub cut: usize,
    /// Loose objects that were removed.
    pub removed: usize,
    /// True when another process is at it.
    pub busy: bool,
}

impl Store {
    /// True when the store has grown so much that upkeep is worthwhile, and nobody is at it. Costs
    /// one look into one of the 256 folders of loose objects, as git's `gc --auto` does, and one
    /// at the packs: what is fetched may come as a pack each time.
    pub fn wants_upkeep(&self) -> bool {
        let sample = fs::read_dir(self.path.join("objects/17")).map_or(0, Iterator::count);
        let grown =
            sample * 256 > MANY_LOOSE || self.pack_files("pack").is_ok_and(|packs| packs.len() >= MANY_PACKS);
        // Upkeep of a large store takes seconds, in which every command would start another.
        grown && matches!(lock::try_lock(&self.upkeep_lock()), Ok(Some(_)))
    }

    fn upkeep_lock(&self) -> PathBuf {
        self.path.join("upkeep.lock")
    }

    /// Does the upkeep.
    ///
    /// # Errors
    /// When the store cannot be read or written; it is whole all the same.
    pub fn upkeep(&self) -> Result<Upkeep, StoreError> {
        let Some(_alone) = lock::try_lock(&self.upkeep_lock())? else {
            return Ok(Upkeep { busy: true, ..Upkeep::default() });
        };
        let (cut, packed_tip) = {
            // Whether a dead writer's answers came true is read from the history: before the cut.
            match WriteSession::begin(self.locked()?, None).and_then(|mut session| session.cut_history()) {
                // A remote that cannot be reached, or keeps its history: the rest can be done.
                Err(StoreError::Remote(_)) => (0, self.require_tip()?),
                // A full disk: what is of no use goes first, or nothing could ever be written again.
                Err(error @ StoreError::Io { .. }) => {
                    self.clear_away()?;
                    return Err(error);
                }
                other => other?,
            }
        };
        crash_point!("history cut");
        self.pack(packed_tip)?;
        crash_point!("packed");
        let removed = self.clear_away()?;
        self.merge_packs()?;
        WriteQueue::new(&self.path).sweep()?;
        Ok(Upkeep { cut, removed, busy: false })
    }

    /// Removes files of dead processes, and loose objects that nothing needs. It writes nothing.
    fn clear_away(&self) -> Result<usize, StoreError> {
        let locked = self.locked()?;
        for file in leftovers(&self.path, LEFTOVER_AGE) {
            let _ = fs::remove_file(file);
        }
        locked.remove_loose()
    }

    /// Folds the changes that only the message of the last commit holds into its tree, so that
    /// git alone can read the whole state.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn fold(&self) -> Result<(), StoreError> {
        let mut session = WriteSession::begin(self.locked()?, None)?;
        session.convert()?;
        let old = self.require_tip()?;
        let view = self.view_of(old)?;
        if view.delta().is_empty() {
            return Ok(());
        }
        let mut txn = Txn::new(&view);
        session.stamp(&mut txn)?;
        let (changes, _) = txn.finish();
        let mut writer = Writer::new(self);
        let tree = writer.tree(&view, &changes)?;
        let commit = writer.commit(tree, Some(old), "fold\n".to_owned(), crate::clock::now())?;
        durable::sync_objects(self, writer.written())?;
        // Whoever else has moved the ref has changed the state; it will be folded later.
        session.publish(old, commit).map(|_| ())
    }

    /// The line by which other clones find the state that they know among those that are cut off.
    pub(in crate::store) fn named(&self, ids: &[ObjectId]) -> Result<String, StoreError> {
        let oldest = ids.last().map_or(Ok(0), |id| self.head_of(*id).map(|head| head.generation))?;
        Ok(Cut::new(oldest, ids.iter().map(ToString::to_string)).line())
    }

    /// True when a commit has no parent because the history ends there, and `known`, of this
    /// generation, may have been among what was cut off. A cut by an older version does not say.
    pub(in crate::store) fn cut_off_at(
        &self,
        commit: ObjectId,
        known: ObjectId,
        generation: u64,
    ) -> Result<bool, StoreError> {
        let message = self.message_of(commit)?;
        // A repair that cannot continue the history names what it ends in the same way.
        Ok(match Cut::parse(&message) {
            Some(cut) => cut.names(&known.to_string(), generation),
            None => message.starts_with(CUT),
        })
    }

    fn message_of(&self, commit: ObjectId) -> Result<String, StoreError> {
        let object = self.objects.find(commit).map_err(|e| self.unreadable(commit, e))?;
        let parsed = gix::objs::CommitRef::from_bytes(&object.data, commit.kind())
            .map_err(|e| self.unreadable(commit, e))?;
        Ok(String::from_utf8_lossy(parsed.message).into_owned())
    }

    /// The state that a commit says it stands in place of, without coming from it.
    pub(crate) fn replaced_by(&self, commit: ObjectId) -> Result<Option<ObjectId>, StoreError> {
        // The first line is made of names that users choose.
        let message = self.message_of(commit)?;
        let id = message.lines().skip(1).find_map(|line| line.strip_prefix(REPLACES));
        Ok(id.and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()))
    }

    /// Step 2: what `tip` refers to goes into a pack, unless one holds it.
    fn pack(&self, tip: ObjectId) -> Result<(), StoreError> {
        let base = self.path.join("objects/pack/pack");
        Git::new(&self.path)
            .args([
                "--git-dir=.",
                "pack-objects",
                "--revs",
                "--unpacked",
                "--incremental",
                "--non-empty",
                "-q",
            ])
            .arg(&base)
            .stdin(format!("{tip}\n"))
            .run()?;
        if self.options.durable {
            for file in self.pack_files("pack")?.into_iter().chain(self.pack_files("idx")?) {
                fs::File::open(&file).and_then(|f| f.sync_all()).map_err(StoreError::io("sync", &file))?;
            }
        }
        Ok(())
    }

    /// Every object of the state and of the commits that it still has.
    fn live_objects(&self) -> Result<HashSet<ObjectId>, StoreError> {
        let mut live = HashSet::new();
        let mut at = Some(self.require_tip()?);
        while let Some(commit) = at {
            live.insert(commit);
            let view = self.view_of(commit)?;
            let mut trees = vec![view.root()];
            while let Some(tree) = trees.pop() {
                if !live.insert(tree) {
                    continue;
                }
                for node in view.tree(tree, "")?.iter() {
                    match node.kind {
                        EntryKind::Tree => trees.push(node.id),
                        _ => {
                            live.insert(node.id);
                        }
                    }
                }
            }
            at = self.parent_of(commit)?;
        }
        Ok(live)
    }

    fn packed_objects(&self) -> Result<HashSet<ObjectId>, StoreError> {
        let mut ids = HashSet::new();
        for file in self.pack_files("idx")? {
            let index = gix::odb::pack::index::File::at(&file, self.objects.hash())
                .map_err(StoreError::objects("read a pack index", &file))?;
            ids.extend(index.iter().map(|entry| entry.oid));
        }
        Ok(ids)
    }

    fn pack_files(&self, ending: &str) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = read_dir(&self.path.join("objects/pack"))?;
        files.retain(|f| f.extension().is_some_and(|e| e == ending));
        Ok(files)
    }

    /// Step 4: one pack in place of many. Old packs hold much that nothing refers to any more, so
    /// writers are kept out while they go, as in step 3.
    fn merge_packs(&self) -> Result<(), StoreError> {
        if self.pack_files("pack")?.len() < MANY_PACKS {
            return Ok(());
        }
        let _locked = self.locked()?;
        let words = ["--git-dir=.", "repack", "-a", "-d", "-q", "--no-write-bitmap-index"];
        Git::new(&self.path).args(words).run()?;
        Ok(())
    }
}

impl LockedStore<'_> {
    /// Step 3. The objects of the state that are not packed yet stay; all others go.
    fn remove_loose(&self) -> Result<usize, StoreError> {
        // A fresh look at the disk: the packs of step 2 are new.
        let fresh = Store::open(self.path.parent().unwrap_or(&self.path), self.options)?;
        let packed = fresh.packed_objects()?;
        let live = fresh.live_objects()?;
        let mut removed = 0;
        for fan in read_dir(&self.path.join("objects"))? {
            let name = fan.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.len() != 2 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            for file in read_dir(&fan)? {
                let rest = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if rest.starts_with(TEMPORARY) {
                    // Left by a writer that died; the lock says that none is at work.
                    let _ = fs::remove_file(&file);
                }
                let Ok(id) = ObjectId::from_hex(format!("{name}{rest}").as_bytes()) else { continue };
                if packed.contains(&id) || !live.contains(&id) {
                    fs::remove_file(&file).map_err(StoreError::io("remove an object", &file))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

impl WriteSession<'_> {
    /// Step 1. Returns the number of commits cut off and the new tip.
    fn cut_history(&mut self) -> Result<(usize, ObjectId), StoreError> {
        let shared = self.remote().is_some();
        loop {
            self.convert()?;
            let old = self.require_tip()?;
            let (ids, lines) = self.past(old)?;
            if !cut::is_due(ids.len(), shared) {
                return Ok((0, old));
            }
            let store = self.store();
            let view = store.view_of(old)?;
            let mut txn = Txn::new(&view);
            cut::carry_on(&mut txn, &lines, shared)?;
            self.stamp(&mut txn)?;
            let (changes, _) = txn.finish();
            let mut writer = Writer::new(store);
            let tree = writer.tree(&view, &changes)?;
            let mut message = format!("{CUT}\n\n{}", replaces(old));
            if shared {
                message.push_str(&self.named(&ids)?);
            }
            let commit = writer.commit(tree, None, message, crate::clock::now())?;
            durable::sync_objects(self, writer.written())?;
            if self.publish(old, commit)? == Swap::Won {
                return Ok((ids.len() - 1, commit));
            }
        }
    }

    /// The commits up to `tip`, newest first, and their events, oldest first.
    fn past(&self, tip: ObjectId) -> Result<(Vec<ObjectId>, Vec<String>), StoreError> {
        let (mut ids, mut lines) = (Vec::new(), Vec::new());
        let mut at = Some(tip);
        while let Some(commit) = at {
            let state = self.state_at(commit)?;
            lines.extend(state.events.into_iter().rev());
            at = state.parent;
            ids.push(commit);
        }
        lines.reverse();
        Ok((ids, lines))
    }
}

fn read_dir(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(path).map_err(StoreError::io("read", path))?;
    Ok(entries.flatten().map(|e| e.path()).collect())
}
