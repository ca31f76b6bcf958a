//! A remote as the arbiter between clones.
//!
//! With a remote, nothing counts before the compare-and-swap push of `refs/coord/state` has
//! succeeded there; the local ref then equals the last state that is known to be on the remote.
//! What a push came to is one of three: won, lost, **unknown** (the answer did not arrive). An
//! unknown push is settled before anything else happens, see `in_doubt`.
//!
//! - `transport`: the two things asked of git, pushing and fetching;
//! - `push_output`: reading what `git push` says;
//! - `protocol`: the decisions, pure; shared with the simulator;
//! - `session`: moving the state on the remote, and what follows from each answer;
//! - `in_doubt`: pushes of which it is not known whether they were applied;
//! - `fairness`: a slow clone is not starved by fast ones;
//! - `follow`: taking over a state from the remote, and refusing one that cannot follow;
//! - `join`, `leave`: a clone and a remote that meet, and part;
//! - `sync`: how fresh this clone's copy of the state is;
//! - `inspect`: what the remote has, compared with what this clone knows;
//! - `restore`: putting a remote's state back from a clone, and a clone's from the remote;
//! - `probe`: what a server can do;
//! - `lease_observer`: leases of other clones, timed by this clone's own clock.

mod error;
mod fairness;
mod follow;
mod in_doubt;
mod inspect;
mod join;
mod lease_observer;
mod leave;
pub mod probe;
pub mod protocol;
mod push_output;
mod restore;
mod session;
mod sync;
mod transport;

pub use error::RemoteError;
pub use inspect::{RemoteInspection, There, read_from};
pub use join::Joined;
pub use lease_observer::Observations;
pub use push_output::Pushed;
pub use restore::Refetched;

pub(in crate::store) use lease_observer::LeaseObserver;
pub(in crate::store) use session::RemoteSession;
