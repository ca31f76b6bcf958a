//! Operations and their outcomes, as data.

pub mod choice;
pub mod condition;
pub mod filter;
pub mod import_survey;
pub mod op;
pub mod outcome;
pub mod plan;
pub mod reimport;
pub mod unlanded;
pub mod update;
pub mod verdict;

pub use op::Op;
pub use outcome::Outcome;
