//! JSON of linters and scanners: one reader, and a table of field names for each tool.
//!
//! - `walk.rs` goes down a document to the elements of some lists, one at a time, whatever their number.
//! - `row.rs` is one table: where a tool writes file, line, rule, message, severity.
//! - `linters.rs`, `scanners.rs` and `exchange.rs` are the tables.

mod eslint;
pub(super) mod exchange;
pub(super) mod go_test;
pub(super) mod linters;
mod row;
pub(super) mod scanners;
pub(super) mod walk;

pub(super) use eslint::SPEC as ESLINT;
pub(super) use row::{Row, read};
