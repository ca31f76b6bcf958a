//! The store: the state in a bare git repository, beside the user's own.
//!
//! It lies in the folder that all worktrees of a clone share. The state is the tree of the commit
//! that `refs/coord/state` points to; every change is a new commit and one compare-and-swap of
//! that ref. `docs/format.md` is the exact description.

mod arbiter;
mod commit;
mod convert;
mod create;
mod error;
mod files;
mod prefetch;
pub(crate) mod raw;
mod side_files;
mod state;
mod temp_store;
mod upkeep;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;

use crate::model::{View, ViewError};

pub use arbiter::identity::{RemoteArbiter, host_name};
pub use arbiter::{backoff, remote};
pub use commit::batch;
pub use commit::import::{Batches, Import};
use commit::lock;
pub use commit::lock::StoreLock;
pub(crate) use commit::lock::excludes;
use commit::outbox::Outbox;
pub(crate) use commit::{outbox, write_queue};
pub(crate) use create::{HEAD, config};
pub use create::{create, create_as};
pub use error::StoreError;
pub use prefetch::LeaseAges;
pub use prefetch::evicts;
pub use side_files::hints::HINTS_DIR;
pub(crate) use side_files::leftovers::leftovers;
pub use state::cut;
pub(crate) use state::history::{LOG_SEGMENT, log_key};
use state::objects::Objects;
pub use state::view::GitView;
use state::{cas, delta, durable};
pub use temp_store::TempStore;
pub use upkeep::Upkeep;

/// The ref that is the state.
pub const STATE_REF: &str = "refs/coord/state";

/// Name of the store's folder in the common git folder.
pub const STORE_DIR: &str = "coord";

/// Settings of this clone that concern the store.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Sync every change to the disk.
    pub durable: bool,
    /// How long one act may take when a remote decides.
    pub patience: Duration,
    /// Least time between two pushes to a remote that decides.
    pub push_every: Duration,
    /// Items that this clone keeps ready when a remote decides, for those who ask for the same.
    pub prefetch: usize,
    /// Do not go over the network.
    pub offline: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            durable: false,
            patience: Duration::from_secs(30),
            push_every: Duration::ZERO,
            prefetch: 0,
            offline: false,
        }
    }
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    objects: Objects,
    path: PathBuf,
    options: StoreOptions,
}

impl Store {
    /// Opens the store of the repository whose common git folder is `common_dir`.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is none.
    pub fn open(common_dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        Self::at(common_dir.join(STORE_DIR), options)
    }

    fn at(path: PathBuf, options: StoreOptions) -> Result<Self, StoreError> {
        let config = path.join("config");
        match std::fs::read_to_string(&config) {
            Ok(text) => {
                if let Some(value) = text.lines().find_map(|line| line.strip_prefix(create::SHARED)) {
                    create::take_on(value);
                }
                if convert::is_due(&text) {
                    convert::layout(&path, &text)?;
                }
                // The file is git-coord's own, see `create.rs`; anything else in it is git's affair.
                let sha256 = text.lines().any(|l| l.trim().eq_ignore_ascii_case("objectFormat = sha256"));
                let hash = if sha256 { gix::hash::Kind::Sha256 } else { gix::hash::Kind::Sha1 };
                Ok(Store { objects: Objects::new(&path, hash), path, options })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !path.join("HEAD").exists() => {
                Err(StoreError::Absent { path })
            }
            Err(e) => Err(StoreError::io("open the store", &config)(e)),
        }
    }

    /// The folder of the store.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn options(&self) -> StoreOptions {
        self.options
    }

    /// The remote that decides, with this clone's name there; `None` when the store does by
    /// itself.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn arbiter(&self) -> Result<Option<RemoteArbiter>, StoreError> {
        RemoteArbiter::peek(&self.path)
    }

    fn has_remote(&self) -> Result<bool, StoreError> {
        Ok(self.arbiter()?.is_some())
    }

    fn lock_path(&self) -> PathBuf {
        self.path.join("coord.lock")
    }

    /// Keeps other git-coord processes from changing the list of worktrees.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub fn worktree_lock(&self) -> Result<StoreLock, StoreError> {
        lock::lock(&self.path.join("worktree.lock"))
    }

    /// The folder of what runs need beside the state.
    pub fn run_dir(&self) -> PathBuf {
        self.path.join("run")
    }

    /// Keeps other processes from working off items as this session; `None` when one does.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub fn run_lock(&self, name: &crate::model::SessionName) -> Result<Option<StoreLock>, StoreError> {
        let dir = self.run_dir();
        std::fs::create_dir_all(&dir).map_err(StoreError::io("make the folder", &dir))?;
        lock::try_lock(&dir.join(format!("{name}.lock")))
    }

    /// Shows the other processes of this clone that an integrator is at work on a target branch; `None`
    /// when another is.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub fn target_lock(&self, branch: &str) -> Result<Option<StoreLock>, StoreError> {
        let dir = self.run_dir();
        std::fs::create_dir_all(&dir).map_err(StoreError::io("make the folder", &dir))?;
        // A branch name may have slashes and any length.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(branch.as_bytes());
        let name: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        lock::try_lock(&dir.join(format!("branch-{name}.lock")))
    }

    /// The commit that is the state, or `None` when the ref is gone.
    ///
    /// # Errors
    /// When the ref cannot be read.
    pub fn tip(&self) -> Result<Option<ObjectId>, StoreError> {
        let path = self.path.join(STATE_REF);
        match cas::read(&path) {
            Ok(bytes) => ObjectId::from_hex(bytes.trim_ascii_end()).map(Some).map_err(|_| {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
                ViewError::damaged(STATE_REF, format!("its value is {shown:?}")).into()
            }),
            // Somebody has packed it; gix looks there.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let open = gix::open::Options::isolated().open_path_as_is(true);
                let fail = |e: gix::Error| StoreError::objects("read refs/coord/state", &self.path)(e);
                let repo = gix::open_opts(&self.path, open).map_err(fail)?;
                let found = repo.refs.try_find(STATE_REF).map_err(fail)?;
                Ok(found.and_then(|r| r.target.try_id().map(ToOwned::to_owned)))
            }
            Err(e) => Err(StoreError::io("read refs/coord/state", &path)(e)),
        }
    }

    fn require_tip(&self) -> Result<ObjectId, StoreError> {
        self.tip()?.ok_or_else(|| ViewError::damaged(STATE_REF, "the ref is missing").into())
    }

    fn view_of(&self, commit: ObjectId) -> Result<GitView<'_>, StoreError> {
        let object = self.objects.find(commit).map_err(|e| self.unreadable(commit, e))?;
        let parsed = gix::objs::CommitRef::from_bytes(&object.data, commit.kind())
            .map_err(|e| self.unreadable(commit, e))?;
        let delta = delta::parse(parsed.message).map_err(|e| self.unreadable(commit, e))?;
        Ok(GitView::new(&self.objects, parsed.tree(), delta))
    }

    fn unreadable(&self, commit: ObjectId, reason: impl std::fmt::Display) -> StoreError {
        ViewError::Unreadable { key: format!("commit {commit}"), reason: reason.to_string() }.into()
    }

    /// The parent of a commit, if it has one. A commit that cannot be read is an error: its history
    /// does not end there.
    fn parent_of(&self, commit: ObjectId) -> Result<Option<ObjectId>, StoreError> {
        let object = self.objects.find(commit).map_err(|e| self.unreadable(commit, e))?;
        Ok(gix::objs::CommitRefIter::from_bytes(&object.data, commit.kind()).parent_ids().next())
    }

    /// True when `commit` is the state or was it a short while ago.
    fn is_recent(&self, commit: ObjectId) -> Result<bool, StoreError> {
        let mut at = self.tip()?;
        for _ in 0..100 {
            match at {
                None => return Ok(false),
                Some(id) if id == commit => return Ok(true),
                Some(id) => at = self.parent_of(id)?,
            }
        }
        Ok(false)
    }

    /// Reads the state: `f` sees one version of it, whole, without any lock.
    ///
    /// # Errors
    /// When the state cannot be read, or from `f`.
    pub fn read<T>(&self, f: impl Fn(&dyn View) -> Result<T, ViewError>) -> Result<T, StoreError> {
        let outbox = Outbox::new(&self.path);
        // In this order: what leaves the outbox after the look is part of the state.
        let mut accepted = outbox.accepted()?;
        let mut tip = self.require_tip()?;
        loop {
            let result = self.view_of(tip).and_then(|view| {
                let seen = self.as_seen(&view, &accepted)?;
                let seen: &dyn View = seen.as_ref().map_or(&view as &dyn View, |txn| txn as &dyn View);
                f(seen).map_err(StoreError::from)
            });
            match result {
                // Upkeep may remove the objects of an old version while it is being read.
                Err(StoreError::View(ViewError::Unreadable { key, reason })) => {
                    accepted = outbox.accepted()?;
                    let now = self.require_tip()?;
                    if now == tip {
                        return Err(ViewError::Unreadable { key, reason }.into());
                    }
                    tip = now;
                }
                other => return other,
            }
        }
    }
}

/// Random bytes as hex digits.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    if getrandom::fill(&mut buffer).is_err() {
        // No random source: process and time differ between any two states, which is what counts.
        let unique = format!("{}{}", std::process::id(), crate::clock::now().as_nanosecond());
        let digest = <sha2::Sha256 as sha2::Digest>::digest(unique.as_bytes());
        buffer.iter_mut().zip(digest.iter()).for_each(|(b, d)| *b = *d);
    }
    buffer.iter().map(|b| format!("{b:02x}")).collect()
}
