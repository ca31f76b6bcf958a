//! The guard: may this session make this change?
//!
//! [`coverage`] answers for paths, by what is claimed now. [`range`] answers for commits that
//! exist, by the leases that their trailers name and what the log says of these (`evidence`).
//! [`carry`] compares what was rewritten. [`push`]
//! answers for the refs of a push. [`trailers`] writes the trailers.

pub mod carry;
pub mod coverage;
mod evidence;
mod landed;
pub mod push;
pub mod range;
pub mod trailers;

pub use coverage::{Coverage, check_paths, check_unbound, contested};
pub use push::{Known, RefRefusal, check_refs, check_taken_off};
pub use range::{Fault, History, check_commits};
