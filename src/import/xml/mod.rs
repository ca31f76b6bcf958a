//! XML of linters and test runners.

mod failures;
pub(super) mod junit;
pub(super) mod lint;
pub(super) mod results;
mod squeeze;
mod walk;

pub(super) use lint::Lint;
