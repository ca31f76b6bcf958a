//! A remote as the arbiter between clones.
//!
//! With a remote, nothing counts before the compare-and-swap push of `refs/coord/state` has
//! succeeded there; the local ref then equals the last state that is known to be on the remote.
//! What a push came to is one of three: won, lost, **unknown** (the answer did not arrive). An
//! unknown push is settled before anything else happens, see `settle`.
//!
//! - `link`: the two things asked of git, pushing and fetching;
//! - `report`: reading what `git push` says;
//! - `protocol`: the decisions, pure; shared with the simulator;
//! - `advance`: moving the state on the remote, and what follows from each answer;
//! - `settle`: pushes of which it is not known whether they were applied;
//! - `courtesy`: a slow clone is not starved by fast ones;
//! - `adopt`: taking over a state from the remote, and refusing one that cannot follow;
//! - `join`: a clone and a remote that meet;
//! - `look`: what the remote has, compared with what this clone knows;
//! - `restore`: putting a remote's state back from a clone, and a clone's from the remote;
//! - `probe`: what a server can do;
//! - `watch`: leases of other clones, timed by this clone's own clock.

mod adopt;
mod advance;
mod courtesy;
mod error;
mod join;
mod link;
mod look;
pub mod probe;
pub mod protocol;
mod report;
mod restore;
mod settle;
mod watch;

pub use error::RemoteError;
pub use join::Joined;
pub use look::{RemoteLook, There, read_from};
pub use report::Pushed;
pub use restore::Refetched;
pub use watch::Notes;

pub(super) use advance::Turn;
pub(super) use watch::Watch;
