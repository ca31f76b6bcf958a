//! What happens while a use case runs and is part of no answer.

use std::fmt;
use std::sync::Arc;

/// Something that a person may want to know of at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Without the remote, an operation was queued here; the next exchange sends it.
    Deferred,
    /// Hooks had been replaced and were installed again; which, and by whom they were replaced.
    HooksRepaired(String),
    /// Hooks do not run here, and why nothing could be done.
    HooksOff(String),
    /// The operation has been waiting for a second; for what, in words.
    Waiting(String),
    /// The remote did not answer.
    RemoteAway {
        /// What git said, with the remote's name.
        reason: String,
        /// True when the repository does not know a remote of that name.
        not_configured: bool,
        /// True when the answer is made from the last known state.
        stale: bool,
    },
}

/// Hears notices, from any thread.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(&Notice) + Send + Sync>);

impl Listener {
    /// Calls `hear` for each notice.
    pub fn new(hear: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Listener(Arc::new(hear))
    }

    /// Hears nothing.
    pub fn deaf() -> Self {
        Listener::new(|_| {})
    }

    pub(super) fn hear(&self, notice: &Notice) {
        (self.0)(notice);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
