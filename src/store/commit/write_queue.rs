//! The write queue: operations of processes that found the lock taken.
//!
//! Whoever has the lock applies every operation that waits, in order of arrival, in one commit.
//! A file `<id>.op` is an operation; its process keeps it locked, so that the operation of a dead
//! process is recognised and dropped. Answers are handed over like this:
//!
//! 1. `<id>.op` becomes `<id>.taken`: from here on its process can no longer withdraw it.
//! 2. `<id>.pre` is written: the answer, and the commit that makes it true.
//! 3. The ref is moved to that commit.
//! 4. `<id>.pre` becomes `<id>.out`; `<id>.taken` is removed.
//!
//! A process that gives up *withdraws*: it renames its `<id>.op`. Withdrawing and taking are the
//! same rename, so one side wins: either no writer ever carries the operation out, or the process
//! knows that it cannot say what became of it.
//!
//! A writer that dies before 3 leaves a `.pre` that no state contains: it is removed, the
//! operation waits again and is applied by somebody else. One that dies after 3 leaves a `.pre`
//! whose commit is in the history: it is published by the next writer. So no operation is done
//! twice or answered wrongly. One that dies within 4 leaves a `.taken` beside its `.out`: it counts
//! as answered.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use gix::ObjectId;
use serde::{Deserialize, Serialize};

use crate::crash_point;
use crate::model::{Op, Outcome, RuleId};
use crate::store::StoreError;

use super::batch::{Origin, Prepared, QueuedOp};
use super::outbox;
use super::waiter::Waiter;

/// The folder of the queue in the store.
pub(crate) const QUEUE_DIR: &str = "write-queue";

/// The write queue of a store.
#[derive(Debug, Clone)]
pub(in crate::store) struct WriteQueue {
    pub(super) dir: PathBuf,
}

/// The content of an `.op` file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub op: Op,
    /// True when being refused for now is not an answer: the operation stays until it is granted.
    pub patient: bool,
}

/// The content of a `.pre` or `.out` file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub commit: Option<String>,
    pub outcome: Outcome,
}

impl Answer {
    fn prepared(&self) -> Prepared<ObjectId> {
        match &self.commit {
            None => Prepared::Alone,
            Some(id) => ObjectId::from_hex(id.as_bytes()).map_or(Prepared::Half, Prepared::With),
        }
    }
}

/// True for the file of an operation that this version can carry out.
pub(crate) fn is_readable(file: &Path) -> bool {
    fs::read(file).ok().and_then(|bytes| parse::<Entry>(&bytes)).is_some()
}

pub(super) fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Reads a file; `None` when it does not exist. Any other failure is an error: a file that cannot
/// be read now is not a file that was never written.
pub(super) fn read_if_there(what: &'static str, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StoreError::io(what, path)(e)),
    }
}

/// Renames a file; false when it does not exist.
pub(super) fn rename_if_there(what: &'static str, from: &Path, to: &Path) -> Result<bool, StoreError> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(StoreError::io(what, from)(e)),
    }
}

impl WriteQueue {
    pub fn new(store: &Path) -> Self {
        WriteQueue { dir: store.join(QUEUE_DIR) }
    }

    /// Lets an operation wait for its turn.
    pub fn enqueue(&self, op: &Op, patient: bool) -> Result<Waiter, StoreError> {
        let (id, file) = self.put(op, patient, "")?;
        crash_point!("in the write queue");
        Ok(Waiter::new(id, patient, self.clone(), file))
    }

    /// The file of an operation at some step.
    pub(super) fn file(&self, id: &str, ending: &str) -> PathBuf {
        self.dir.join(format!("{id}.{ending}"))
    }

    /// Writes an operation into the queue; returns its id and its file, locked.
    pub(super) fn put(&self, op: &Op, patient: bool, ending: &str) -> Result<(String, File), StoreError> {
        let failed = |path: &Path, e| StoreError::io("join the write queue", path)(e);
        // Not with the folders above it: a store that is being removed must not come back.
        match fs::create_dir(&self.dir) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(failed(&self.dir, e)),
            _ => {}
        }
        let nanos = crate::clock::now().as_nanosecond();
        let random = crate::store::random_hex(4);
        let id = format!("{nanos:020}-{}-{random}{ending}", std::process::id());
        let temporary = self.file(&id, "tmp");
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&temporary)
            .map_err(|e| failed(&temporary, e))?;
        // Locked before it can be seen: an unlocked operation is a dead process's.
        file.lock().map_err(|e| failed(&temporary, e))?;
        let bytes = crate::model::to_json(&Entry { op: op.clone(), patient });
        let written = file.write_all(&bytes).and_then(|()| fs::rename(&temporary, self.file(&id, "op")));
        written.map_err(|e| {
            let _ = fs::remove_file(&temporary);
            failed(&temporary, e)
        })?;
        Ok((id, file))
    }

    /// The ids in the queue that have a file with one of these endings, in order of arrival.
    pub(super) fn ids(&self, endings: &[&str]) -> Result<Vec<String>, StoreError> {
        let failed = |e| StoreError::io("look into the write queue", &self.dir)(e);
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(failed(e)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let Ok(name) = entry.map_err(failed)?.file_name().into_string() else { continue };
            if let Some((id, ending)) = name.rsplit_once('.')
                && endings.contains(&ending)
            {
                ids.push(id.to_owned());
            }
        }
        ids.sort();
        // A file that is renamed during the look may be seen twice.
        ids.dedup();
        Ok(ids)
    }

    /// The operations that wait, in order of arrival, except `own`; those of dead processes are
    /// removed.
    pub fn waiting(&self, own: Option<&str>) -> Result<Vec<QueuedOp>, StoreError> {
        let mut waiting = Vec::new();
        // Those that are taken were so by this writer, for a commit that has lost its race.
        for id in self.ids(&["op", "taken", "withdrawn"])?.into_iter().filter(|id| Some(id.as_str()) != own) {
            let found = ["op", "taken"].map(|ending| self.file(&id, ending));
            let Some(path) = found.iter().find(|path| path.exists()) else {
                self.forget_withdrawn(&id);
                continue;
            };
            if self.file(&id, "out").exists() {
                // Answered by a writer that died before it removed the operation. Its process may
                // not have looked yet; once more would be twice.
                let _ = fs::remove_file(path);
                self.forget_deferred(&id);
                continue;
            }
            let Ok(file) = File::open(path) else { continue };
            let accepted = outbox::origin(&id);
            let dead = accepted.is_none() && file.try_lock().is_ok();
            match read_if_there("read an operation", path)?.map(|bytes| parse::<Entry>(&bytes)) {
                Some(Some(entry)) if !dead => {
                    let origin = accepted.unwrap_or(Origin::Process { patient: entry.patient });
                    waiting.push(QueuedOp { id, op: entry.op, origin });
                }
                // Accepted, and nobody else knows of it: a newer version, or a later look, can read it.
                _ if accepted.is_some() => {}
                Some(None) if !dead => self.set_aside(&id)?,
                _ => {
                    let _ = fs::remove_file(path);
                }
            }
        }
        Ok(waiting)
    }

    /// Answers an operation that this version cannot carry out, so that its process need not wait for
    /// a writer that can.
    fn set_aside(&self, id: &str) -> Result<(), StoreError> {
        let outcome = Outcome::Refused {
            rule: RuleId::UnreadableOperation,
            message: "another git-coord that was writing cannot carry this operation out".to_owned(),
            hint: "use the same version of git-coord everywhere, then try again".to_owned(),
        };
        if self.prepare([(id, &outcome)].into_iter(), None)? {
            self.publish([id])?;
        }
        Ok(())
    }

    /// Removes an operation that was withdrawn by a process which died then.
    fn forget_withdrawn(&self, id: &str) {
        let path = self.file(id, "withdrawn");
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(path);
        }
    }

    /// Steps 1 and 2: takes the operations and writes the answers that `commit` will make true.
    /// False when one of them was withdrawn meanwhile: it is part of that commit, which therefore
    /// must not become the state.
    pub fn prepare<'a>(
        &self,
        answers: impl Iterator<Item = (&'a str, &'a Outcome)> + Clone,
        commit: Option<ObjectId>,
    ) -> Result<bool, StoreError> {
        for (id, _) in answers.clone() {
            let taken = self.file(id, "taken");
            if !rename_if_there("take an operation", &self.file(id, "op"), &taken)? && !taken.exists() {
                return Ok(false);
            }
        }
        crash_point!("operations taken");
        for (id, outcome) in answers {
            let path = self.file(id, "pre");
            let answer = Answer { commit: commit.map(|c| c.to_string()), outcome: outcome.clone() };
            fs::write(&path, crate::model::to_json(&answer))
                .map_err(StoreError::io("write an answer", &path))?;
            crash_point!("after a prepared answer");
        }
        Ok(true)
    }

    /// Step 4: hands the answers over.
    pub fn publish<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
        for id in ids {
            rename_if_there("hand an answer over", &self.file(id, "pre"), &self.file(id, "out"))?;
            crash_point!("after a published answer");
            let _ = fs::remove_file(self.file(id, "taken"));
            self.forget_deferred(id);
        }
        Ok(())
    }

    /// Nobody fetches the answer of a deferred operation. It goes after the operation itself, which
    /// would be carried out once more without it.
    fn forget_deferred(&self, id: &str) {
        if outbox::origin(id).is_some() {
            let _ = fs::remove_file(self.file(id, "out"));
        }
    }

    /// Ends what a writer left that died between the steps. `is_in_history` says whether a commit
    /// became the state.
    ///
    /// # Errors
    /// When that cannot be found out: an answer that cannot be read now may be true.
    pub fn resolve(
        &self,
        is_in_history: impl Fn(ObjectId) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        for id in self.ids(&["pre"])? {
            let path = self.file(&id, "pre");
            let Some(bytes) = read_if_there("read a prepared answer", &path)? else { continue };
            let prepared = parse::<Answer>(&bytes).map_or(Prepared::Half, |answer| answer.prepared());
            if prepared.came_true(&is_in_history)? {
                self.publish([id.as_str()])?;
            } else {
                let _ = fs::remove_file(&path);
            }
        }
        // What is not answered waits again, and can be withdrawn again.
        for id in self.ids(&["taken"])? {
            let taken = self.file(&id, "taken");
            if self.file(&id, "out").exists() {
                let _ = fs::remove_file(&taken);
            } else {
                rename_if_there("put an operation back", &taken, &self.file(&id, "op"))?;
            }
        }
        Ok(())
    }

    /// Removes what nobody will fetch: files older than an hour whose process is gone.
    pub fn sweep(&self) -> Result<(), StoreError> {
        for ending in ["out", "tmp", "pre", "withdrawn"] {
            for id in self.ids(&[ending])? {
                let path = self.file(&id, ending);
                let old = fs::metadata(&path)
                    .and_then(|m| m.modified())
                    .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 3600));
                if old && !self.file(&id, "op").exists() && !self.file(&id, "taken").exists() {
                    let _ = fs::remove_file(&path);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> (tempfile::TempDir, WriteQueue) {
        let dir = tempfile::tempdir().expect("a folder");
        let queue = WriteQueue::new(dir.path());
        (dir, queue)
    }

    fn answer() -> Outcome {
        Outcome::Released { paths: Vec::new() }
    }

    /// Who gives up and who takes want the same file: one of them gets it.
    #[test]
    fn an_operation_is_withdrawn_or_taken_and_never_both() {
        let (_dir, queue) = queue();
        let commit = Some(ObjectId::null(gix::hash::Kind::Sha1));
        let first = queue.enqueue(&Op::Sweep, false).expect("queued");
        let outcome = answer();
        assert_eq!(queue.waiting(None).expect("read").len(), 1);
        assert!(first.withdraw().expect("withdrawn"));
        assert!(!queue.prepare([(first.id.as_str(), &outcome)].into_iter(), commit).expect("looked"));
        let second = queue.enqueue(&Op::Sweep, false).expect("queued");
        assert!(queue.prepare([(second.id.as_str(), &outcome)].into_iter(), commit).expect("taken"));
        assert!(!second.withdraw().expect("looked"), "nobody can say what becomes of it");
        assert!(second.is_taken());
        let id = second.id.clone();
        drop(second);
        assert!(queue.file(&id, "pre").exists(), "without its answer the next writer would do it again");
    }

    /// An answer that cannot be judged now is not one that did not come true.
    #[test]
    fn an_error_is_not_taken_for_did_not_happen() {
        let (_dir, queue) = queue();
        let commit = Some(ObjectId::null(gix::hash::Kind::Sha1));
        let waiter = queue.enqueue(&Op::Sweep, false).expect("queued");
        let outcome = answer();
        assert!(queue.prepare([(waiter.id.as_str(), &outcome)].into_iter(), commit).expect("taken"));
        let failing = |_| Err(StoreError::NoLocks { path: PathBuf::new() });
        assert!(queue.resolve(failing).is_err());
        assert!(waiter.is_taken() && queue.file(&waiter.id, "pre").exists());
        queue.resolve(|_| Ok(true)).expect("resolved");
        assert!(waiter.answer().expect("read").is_some());
        assert!(!waiter.is_taken());
    }

    #[test]
    fn what_a_dead_writer_has_taken_waits_again() {
        let (_dir, queue) = queue();
        let commit = Some(ObjectId::null(gix::hash::Kind::Sha1));
        let waiter = queue.enqueue(&Op::Sweep, false).expect("queued");
        let outcome = answer();
        assert!(queue.prepare([(waiter.id.as_str(), &outcome)].into_iter(), commit).expect("taken"));
        queue.resolve(|_| Ok(false)).expect("resolved");
        assert_eq!(queue.waiting(None).expect("read").len(), 1);
        assert!(waiter.withdraw().expect("withdrawn"));
    }
}
