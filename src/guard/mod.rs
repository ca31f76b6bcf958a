//! The guard: may this session make this change?
//!
//! [`coverage`] answers for paths, by what is claimed now. [`range`] answers for commits that
//! exist, by the leases that their trailers name. [`trailers`] writes those.

pub mod coverage;
pub mod range;
pub mod trailers;

pub use coverage::{Coverage, check_paths, check_unbound};
pub use range::{Fault, check_commits};
