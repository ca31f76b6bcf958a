//! Bulk import: what scanners and people write, read as items.
//!
//! [`read`] takes one file of any known [`Format`], hands each item to a sink as soon as it is
//! read, and returns a [`Report`]. [`Spool`] keeps them until all is read and the store takes them.
//!
//! - **Nothing aborts for its content.** A bad line or result is listed with its line number and
//!   the reading goes on; whether to import the rest is up to the caller. Only input that cannot
//!   be read, or is of no known format, is an error.
//! - **Memory is bounded** by the largest line or result, plus some 40 bytes for each item.
//!   A file of many gigabytes streams through.
//! - **Identity is content**: see `fingerprint.rs`. Reading the same findings
//!   again gives the same ids, wherever their lines are by then.
//!
//! One file per format: `jsonl`, `ruff`, `sarif`, … A new one adds a variant and a row in
//! `format.rs` and a file with a `sniff` and a `read`. Any of them may be compressed with gzip.

mod cargo;
mod checkstyle;
mod collect;
mod counted;
mod csv;
mod eslint;
mod finding;
mod fingerprint;
mod format;
mod gcc;
mod jsonl;
mod junit;
mod lines;
mod markdown;
mod object;
mod partition;
mod place;
mod ruff;
mod rules;
mod sarif;
mod severity;
mod spool;
mod tsc;
mod xml;

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;

use crate::model::{NewItem, RepoPath};

pub use format::{Format, UnknownFormat};
pub(crate) use jsonl::EXPORT;
pub use partition::{Partition, UnknownPartition};
pub use rules::{Rules, RulesError};
pub use spool::Spool;

use collect::Collector;
use format::Head;

/// Bytes that are looked at to tell the format.
const HEAD_BYTES: u64 = 64 * 1024;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// `None`: tell it from the content.
    pub format: Option<Format>,
    /// Top of the worktree, absolute and free of symbolic links. Absolute paths and `file:` URIs
    /// are made relative to it.
    pub root: PathBuf,
    /// The folder that relative paths start from, where the format does not say. `None`: the top.
    pub base: Option<RepoPath>,
    /// Groups whose items go one after the other, in the order of the file.
    pub sequential: globset::GlobSet,
    /// Gives a queue to the items that do not name one themselves.
    pub partition: Option<Partition>,
    /// Changes or drops items, before the partition.
    pub rules: Option<Rules>,
}

/// What was read. `read` = `items` + `skipped` + `dropped` + `duplicates` + `bad_total`, unless a
/// document is broken as a whole: then that is one more bad entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The format, as named or as detected.
    pub format: Format,
    /// Lines or results met.
    pub read: u64,
    /// Items given to the sink.
    pub items: u64,
    /// Results that are no findings (passed, suppressed, or gone since the scan before), and tasks
    /// that are done.
    pub skipped: u64,
    /// Items that a rule says to leave out.
    pub dropped: u64,
    /// Items that stood in the file already, with the same id and the same content.
    pub duplicates: u64,
    /// The first file that findings name, when none of the first hundred is in the worktree: the paths may
    /// start from somewhere else.
    pub astray: Option<RepoPath>,
    /// The first [`Report::BAD_MAX`] of the bad ones, in the order in which they were met.
    pub bad: Vec<BadLine>,
    /// Number of all bad ones.
    pub bad_total: u64,
}

impl Report {
    /// Bad lines that are listed; the rest is counted only. Nobody reads a million reasons.
    pub const BAD_MAX: usize = 1000;

    fn new(format: Format) -> Self {
        Report {
            format,
            read: 0,
            items: 0,
            skipped: 0,
            dropped: 0,
            duplicates: 0,
            bad: Vec::new(),
            bad_total: 0,
            astray: None,
        }
    }
}

/// A line or result that gave no item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Line on which it begins, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Why nothing, or not all, could be read. What the sink has by then is not the whole file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input fails.
    #[error("cannot read the input: {0}")]
    Read(#[source] io::Error),
    /// Results that wait for their rules went to a temporary file, which fails.
    #[error("cannot keep results in a temporary file: {0}")]
    Spool(#[source] io::Error),
    /// The content looks like no known format.
    #[error("cannot tell the format from the content")]
    UnknownFormat,
}

/// Reads all of `input` and gives its items to `sink`, in the order of the file.
///
/// # Errors
/// When the input cannot be read, or `options` name no format and none is recognised. Bad content
/// is no error, but listed in the report.
pub fn read(
    input: Box<dyn BufRead + '_>,
    options: &Options,
    sink: &mut dyn FnMut(NewItem),
) -> Result<Report, ImportError> {
    let mut input = unpacked(input)?;
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(ImportError::Read)?;
    // Windows tools put a byte order mark in front, which no JSON parser likes.
    let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let format = match options.format {
        Some(format) => format,
        None => Format::detect(&Head::new(&head[bom..])).ok_or(ImportError::UnknownFormat)?,
    };
    let mut rest = io::Cursor::new(head);
    rest.set_position(bom as u64);
    let mut collector = Collector::new(options, Report::new(format), sink);
    format.reader()(Box::new(rest.chain(input)), &mut collector)?;
    Ok(collector.into_report())
}

/// The input as it was before gzip, if that has compressed it.
fn unpacked<'a>(mut input: Box<dyn BufRead + 'a>) -> Result<Box<dyn BufRead + 'a>, ImportError> {
    let mut magic = Vec::new();
    input.by_ref().take(2).read_to_end(&mut magic).map_err(ImportError::Read)?;
    let gzip = magic == *b"\x1f\x8b";
    let whole = io::Cursor::new(magic).chain(input);
    if gzip {
        return Ok(Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(whole))));
    }
    Ok(Box::new(whole))
}

#[cfg(test)]
mod tests;
