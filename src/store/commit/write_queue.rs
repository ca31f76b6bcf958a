//! The waiting room: operations of processes that found the lock taken.
//!
//! Whoever has the lock applies every operation that waits, in order of arrival, in one commit.
//! A file `<id>.op` is an operation; its process keeps it locked, so that the operation of a dead
//! process is recognised and dropped. Answers are handed over like this:
//!
//! 1. `<id>.pre` is written: the answer, and the commit that makes it true.
//! 2. The ref is moved to that commit.
//! 3. `<id>.pre` becomes `<id>.out`; `<id>.op` is removed.
//!
//! A writer that dies before 2 leaves a `.pre` that no state contains: it is removed, the
//! operation is applied by somebody else. One that dies after 2 leaves a `.pre` whose commit is in
//! the history: it is published by the next writer. So no operation is done twice or answered
//! wrongly. One that dies within 3 leaves an `.op` beside its `.out`: it counts as answered.
//!
//! An operation can also be *posted*: nobody waits for its answer, and its process need not live.
//! With a remote, what only records (a commit, progress) goes out this way with the next push.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crash_point;
use crate::model::{Op, Outcome};

use crate::store::StoreError;

/// The folder `room` of the store.
#[derive(Debug, Clone)]
pub(in crate::store) struct WriteQueue {
    dir: PathBuf,
}

/// The content of an `.op` file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    op: Op,
    /// True when being refused for now is no answer: the operation stays until it is granted.
    patient: bool,
}

/// The content of a `.pre` or `.out` file.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    commit: Option<String>,
    outcome: Outcome,
}

/// How the ids of posted operations end.
const POSTED: &str = "-posted";

/// How the ids of those end that tell what was handed out of the pool.
const HANDED: &str = "-handed-posted";

/// How the ids of those end that change more than the log.
const ACT: &str = "-act-posted";

/// One operation of another process.
#[derive(Debug)]
pub(in crate::store) struct QueuedOp {
    pub id: String,
    pub op: Op,
    /// True when it waits until it is granted.
    pub patient: bool,
}

impl QueuedOp {
    /// True when nobody waits for the answer.
    pub fn is_posted(&self) -> bool {
        self.id.ends_with(POSTED)
    }

    /// True when it tells what was handed out of the pool.
    pub fn is_handed_out(&self) -> bool {
        self.id.ends_with(HANDED)
    }

    /// When it was accepted, if nobody waits for the answer: its id begins with that.
    pub fn accepted(&self) -> Option<Timestamp> {
        let nanos = self.id.split('-').next().filter(|_| self.is_posted())?;
        Timestamp::from_nanosecond(nanos.parse().ok()?).ok()
    }
}

/// This process's own place in the room. Dropping it leaves the room.
#[derive(Debug)]
#[must_use]
pub(in crate::store) struct Waiter {
    pub id: String,
    /// See [`QueuedOp::patient`].
    pub patient: bool,
    dir: PathBuf,
    /// Keeps the lock that shows that this process lives.
    _file: File,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        for ending in ["op", "pre", "out"] {
            let _ = fs::remove_file(self.dir.join(format!("{}.{ending}", self.id)));
        }
    }
}

impl Waiter {
    /// The file of the operation.
    pub fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.op", self.id))
    }

    /// True when a writer has taken the operation and its outcome is not known yet.
    pub fn is_prepared(&self) -> bool {
        self.dir.join(format!("{}.pre", self.id)).exists()
    }

    /// The answer, once there is one.
    pub fn answer(&self) -> Result<Option<Outcome>, StoreError> {
        let path = self.dir.join(format!("{}.out", self.id));
        match fs::read(&path) {
            Ok(bytes) => Ok(parse::<Answer>(&bytes).map(|a| a.outcome)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io("read an answer", &path)(e)),
        }
    }
}

/// True for a file of a posted operation, which needs no living process.
pub(crate) fn is_posted(file: &Path) -> bool {
    file.file_stem().is_some_and(|id| id.to_string_lossy().ends_with(POSTED))
}

/// True for the file of an operation that this version can carry out.
pub(crate) fn is_readable(file: &Path) -> bool {
    fs::read(file).ok().and_then(|bytes| parse::<Entry>(&bytes)).is_some()
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

impl WriteQueue {
    pub fn new(store: &Path) -> Self {
        WriteQueue { dir: store.join("room") }
    }

    /// Enters the room.
    pub fn enqueue(&self, op: &Op, patient: bool) -> Result<Waiter, StoreError> {
        let (id, file) = self.put(op, patient, "")?;
        crash_point!("in the waiting room");
        Ok(Waiter { id, patient, dir: self.dir.clone(), _file: file })
    }

    /// Leaves an operation in the room for whoever writes next; returns its file.
    pub fn defer(&self, op: &Op) -> Result<PathBuf, StoreError> {
        let ending = if op.only_records() { POSTED } else { ACT };
        self.put(op, false, ending).map(|(id, _)| self.file(&id))
    }

    fn file(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.op"))
    }

    /// Number of operations that were posted and not carried out yet.
    pub fn deferred(&self) -> Result<usize, StoreError> {
        Ok(self.names(".op")?.iter().filter(|id| id.ends_with(POSTED)).count())
    }

    /// Notes what was handed out of the pool; returns the file.
    pub fn hand_out(&self, op: &Op) -> Result<PathBuf, StoreError> {
        self.put(op, false, HANDED).map(|(id, _)| self.file(&id))
    }

    /// What was accepted without the remote and will change the state when it goes out: first what
    /// was handed out of the pool, then what was finished or given back, each oldest first.
    pub fn accepted(&self) -> Result<Vec<Op>, StoreError> {
        let mut ids = self.names(".op")?;
        ids.retain(|id| id.ends_with(HANDED) || id.ends_with(ACT));
        ids.sort_by_key(|id| !id.ends_with(HANDED));
        let mut list = Vec::with_capacity(ids.len());
        for id in ids {
            let path = self.file(&id);
            match fs::read(&path) {
                Ok(bytes) => list.extend(parse::<Entry>(&bytes).map(|waiting| waiting.op)),
                // One that is gone by now stands in the state.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                // Without it, what was handed out would seem to be there for the next one who asks.
                Err(e) => return Err(StoreError::io("read what was accepted", &path)(e)),
            }
        }
        Ok(list)
    }

    /// True when items were handed out of the pool that the remote was not told of.
    pub fn has_unsent_grants(&self) -> Result<bool, StoreError> {
        Ok(self.names(".op")?.iter().any(|id| id.ends_with(HANDED)))
    }

    fn put(&self, op: &Op, patient: bool, ending: &str) -> Result<(String, File), StoreError> {
        let failed = |path: &Path, e| StoreError::io("enter the waiting room", path)(e);
        // Not with the folders above it: a store that is being removed must not come back.
        match fs::create_dir(&self.dir) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(&self.dir, e)),
            _ => {}
        }
        let nanos = crate::clock::now().as_nanosecond();
        let id = format!("{nanos:020}-{}-{}{ending}", std::process::id(), crate::store::random_hex(4));
        let temporary = self.dir.join(format!("{id}.tmp"));
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&temporary)
            .map_err(|e| failed(&temporary, e))?;
        // Locked before it can be seen: an unlocked operation is a dead process's.
        file.lock().map_err(|e| failed(&temporary, e))?;
        let bytes = crate::model::to_json(&Entry { op: op.clone(), patient });
        file.write_all(&bytes).map_err(|e| failed(&temporary, e))?;
        fs::rename(&temporary, self.dir.join(format!("{id}.op"))).map_err(|e| failed(&temporary, e))?;
        Ok((id, file))
    }

    /// The file names in the room with this ending, in order of arrival.
    fn names(&self, ending: &str) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(StoreError::io("look into the waiting room", &self.dir)(e)),
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|e| e.file_name().into_string().ok())
            .filter_map(|n| n.strip_suffix(ending).map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }

    /// The operations that wait, in order of arrival, except `own`; those of dead processes are
    /// removed.
    pub fn waiting(&self, own: Option<&str>) -> Result<Vec<QueuedOp>, StoreError> {
        let mut waiting = Vec::new();
        for id in self.names(".op")? {
            if Some(id.as_str()) == own {
                continue;
            }
            let path = self.dir.join(format!("{id}.op"));
            if self.dir.join(format!("{id}.out")).exists() {
                // Answered by a writer that died before it removed the operation. Its process may
                // not have looked yet; once more would be twice.
                let _ = fs::remove_file(&path);
                self.forget_posted(&id);
                continue;
            }
            let Ok(file) = File::open(&path) else { continue };
            let dead = !id.ends_with(POSTED) && file.try_lock().is_ok();
            match fs::read(&path).ok().and_then(|bytes| parse::<Entry>(&bytes)) {
                Some(entry) if !dead => waiting.push(QueuedOp { id, op: entry.op, patient: entry.patient }),
                // Accepted, and nobody else knows of it: a newer version, or a later look, can read it.
                _ if id.ends_with(POSTED) => {}
                _ => {
                    let _ = fs::remove_file(&path);
                }
            }
        }
        Ok(waiting)
    }

    /// NextStep 1: writes the answers that `commit` will make true.
    pub fn prepare(&self, answers: &[(String, Outcome)], commit: Option<ObjectId>) -> Result<(), StoreError> {
        for (id, outcome) in answers {
            let path = self.dir.join(format!("{id}.pre"));
            let answer = Answer { commit: commit.map(|c| c.to_string()), outcome: outcome.clone() };
            fs::write(&path, crate::model::to_json(&answer))
                .map_err(StoreError::io("write an answer", &path))?;
            crash_point!("after a prepared answer");
        }
        Ok(())
    }

    /// NextStep 3: hands the answers over.
    pub fn publish<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
        for id in ids {
            let path = self.dir.join(format!("{id}.pre"));
            // A guest that has left meanwhile has taken its files along.
            match fs::rename(&path, self.dir.join(format!("{id}.out"))) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::io("hand an answer over", &path)(e));
                }
                _ => {}
            }
            crash_point!("after a published answer");
            let _ = fs::remove_file(self.dir.join(format!("{id}.op")));
            self.forget_posted(id);
        }
        Ok(())
    }

    /// Nobody fetches the answer of a posted operation. It goes after the operation itself, which
    /// would be carried out once more without it.
    fn forget_posted(&self, id: &str) {
        if id.ends_with(POSTED) {
            let _ = fs::remove_file(self.dir.join(format!("{id}.out")));
        }
    }

    /// Ends what a writer left that died between the steps. `is_in_history` tells whether a
    /// commit became the state.
    pub fn settle(&self, is_in_history: impl Fn(ObjectId) -> bool) -> Result<(), StoreError> {
        for id in self.names(".pre")? {
            let path = self.dir.join(format!("{id}.pre"));
            let answer = fs::read(&path).ok().and_then(|bytes| parse::<Answer>(&bytes));
            let happened = match answer.map(|a| a.commit) {
                Some(Some(commit)) => ObjectId::from_hex(commit.as_bytes()).is_ok_and(&is_in_history),
                // Nothing was changed, so the answer holds whenever it was given in full.
                Some(None) => true,
                // Cut off while it was written: before the ref was moved.
                None => false,
            };
            if happened {
                self.publish([id.as_str()])?;
            } else {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// Removes what nobody will fetch any more: files older than an hour whose process is gone.
    pub fn sweep(&self) -> Result<(), StoreError> {
        for ending in [".out", ".tmp", ".pre"] {
            for id in self.names(ending)? {
                let path = self.dir.join(format!("{id}{ending}"));
                let old = fs::metadata(&path)
                    .and_then(|m| m.modified())
                    .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 3600));
                if old && !self.dir.join(format!("{id}.op")).exists() {
                    let _ = fs::remove_file(&path);
                }
            }
        }
        Ok(())
    }
}
