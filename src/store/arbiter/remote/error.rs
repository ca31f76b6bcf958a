//! What can go wrong between a clone and the remote.

/// Why it was not, when that is this clone's fault.
pub(super) const DAMAGED_HERE: &str =
    "its state is whole, but objects of this clone are damaged; first: git coord doctor --repair";

/// Why it was not, when the user has renamed or removed it.
pub(super) const NOT_CONFIGURED: &str = "this repository has no remote of that name any more";

/// Why the remote could not be used. In every case but [`RemoteError::Unknown`] nothing was
/// changed there.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It could not be reached, or not in time.
    #[error("remote {remote} cannot be reached: {reason}")]
    Unreachable {
        /// Its name.
        remote: String,
        /// What git said.
        reason: String,
    },
    /// Something was sent and no answer came.
    #[error("remote {remote}: no answer came, so it is not known whether the act was done: {reason}")]
    Unknown {
        /// Its name.
        remote: String,
        /// What git said.
        reason: String,
    },
    /// The server does not accept it.
    #[error("remote {remote} does not accept the state: {reason}")]
    Refused {
        /// Its name.
        remote: String,
        /// What the server said.
        reason: String,
    },
    /// Others were faster each time until the time was over.
    #[error("remote {remote}: other clones were faster {tries} times")]
    Contended {
        /// Its name.
        remote: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The ref that was there is gone.
    #[error("remote {remote} has lost refs/coord/state (this clone knows generation {known})")]
    Vanished {
        /// Its name.
        remote: String,
        /// The generation that this clone knows.
        known: u64,
    },
    /// The state there is an older one, or does not follow from what this clone knows.
    #[error(
        "remote {remote} has a state that does not follow the known one (generation {found} after {known})"
    )]
    Backwards {
        /// Its name.
        remote: String,
        /// The generation that this clone knows.
        known: u64,
        /// The generation that is there.
        found: u64,
    },
    /// The state there was put back from a clone that knew less.
    #[error(
        "remote {remote} was put back from generation {from}, and this clone knows generation {known}: what \
         was done in between is not there"
    )]
    LeftOut {
        /// Its name.
        remote: String,
        /// The generation that this clone knows.
        known: u64,
        /// The last generation that was known to whoever put it back.
        from: u64,
    },
    /// A newer version has written the state there.
    #[error("remote {remote} has a state of format {found}; this git-coord knows formats up to {known}")]
    Newer {
        /// Its name.
        remote: String,
        /// The format there.
        found: u32,
        /// The newest format that this version writes.
        known: u32,
    },
    /// Another store is there.
    #[error("remote {remote} has another store's state ({found}, this clone belongs to {known})")]
    Foreign {
        /// Its name.
        remote: String,
        /// The store that this clone knows.
        known: String,
        /// The store that is there.
        found: String,
    },
}

impl RemoteError {
    /// True when the user's repository does not know the remote any more.
    pub fn is_not_configured(&self) -> bool {
        match self {
            RemoteError::Unreachable { reason, .. } | RemoteError::Unknown { reason, .. } => {
                reason == NOT_CONFIGURED
            }
            _ => false,
        }
    }

    /// The remote's state is whole, and what this clone has fetched of it is not.
    pub(crate) fn damaged_here(remote: &str) -> Self {
        RemoteError::Unreachable { remote: remote.to_owned(), reason: DAMAGED_HERE.to_owned() }
    }
}
