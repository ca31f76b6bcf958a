//! Bulk import: what scanners and people write, read as items.
//!
//! [`read`] takes one file of any known [`Format`], hands each item to a sink as soon as it is
//! read, and returns a [`Report`]. [`Spool`] keeps them until all is read and the store takes them.
//!
//! - **Content never aborts the reading.** A bad line or result is listed with its line number and
//!   the reading continues; whether to import the rest is up to the caller. Only input that cannot
//!   be read, or whose format is unknown, is an error.
//! - **Nothing is dropped in silence.** What was passed over is counted, and what was understood in
//!   part only is a note with its line.
//! - **Memory is bounded** by the largest line or result (16 MiB), plus some 40 bytes for each item.
//!   A file of many gigabytes streams through.
//! - **Identity is content**: see `fingerprint.rs`. Reading the same findings
//!   again gives the same ids, wherever their lines are by then.
//!
//! A format is a `Spec`: name, `sniff` and reader. `format.rs` lists all of them. Linters whose JSON or XML differ only in the
//! names of fields share one reader (`json/`, `xml/lint.rs`) and are a table each. Any of them may be compressed with
//! gzip, and in any encoding that it declares (`encoding.rs`).

mod cargo;
mod collect;
mod counted;
mod csv;
mod encoding;
mod fields;
mod finding;
mod fingerprint;
mod format;
mod json;
mod jsonl;
mod limits;
mod lines;
mod list;
mod markdown;
mod object;
mod partition;
mod place;
mod refusal;
mod rules;
mod sarif;
mod scale;
mod shelf;
mod sniff;
mod spool;
mod stable;
mod status;
mod text;
mod tracker;
mod worktree;
mod xml;

use std::collections::{BTreeSet, HashSet};
use std::io::{self, BufRead, Read};
use std::path::PathBuf;

use crate::model::{ItemId, NewItem, RepoPath, severity};

pub use csv::ColumnMap;
pub use format::{Format, UnknownFormat};
pub(crate) use jsonl::EXPORT;
pub use partition::{Partition, UnknownPartition};
pub use rules::{Rules, RulesError};
pub use spool::Spool;

/// The id of an item that nobody gave one: the fingerprint of its content.
pub fn item_id(item: &crate::model::Item) -> crate::model::ItemId {
    fingerprint::Fingerprints::default().item(item)
}

use collect::Collector;
use sniff::Head;

/// Bytes that are looked at to recognise the format.
const HEAD_BYTES: u64 = 64 * 1024;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// `None`: recognise it by the content.
    pub format: Option<Format>,
    /// Top of the worktree, absolute and free of symbolic links. Absolute paths and `file:` URIs
    /// are made relative to it.
    pub root: PathBuf,
    /// The folder that relative paths start from, where the format does not say. `None`: the top.
    pub base: Option<RepoPath>,
    /// Prefixes of paths that stand for the top, as another machine has it.
    pub strip: Vec<String>,
    /// Findings in files outside the repository are counted and left out, and not bad lines.
    pub skip_outside: bool,
    /// Which column or field of the file is which field of an item.
    pub map: ColumnMap,
    /// The tasks of a list do not wait for each other because of their order.
    pub unordered: bool,
    /// The file that is read, when it is in the repository: tasks of a list refer to it.
    pub source: Option<RepoPath>,
    /// Groups whose items go one after the other, in the order of the file.
    pub sequential: globset::GlobSet,
    /// Gives a queue to the items that do not name one themselves.
    pub partition: Option<Partition>,
    /// Changes or drops items, before the partition.
    pub rules: Option<Rules>,
}

impl Options {
    /// Reads any format, for a worktree at this top, and changes nothing.
    pub fn new(root: PathBuf) -> Self {
        Options {
            format: None,
            root,
            base: None,
            strip: Vec::new(),
            skip_outside: false,
            map: ColumnMap::default(),
            unordered: false,
            source: None,
            sequential: globset::GlobSet::empty(),
            partition: None,
            rules: None,
        }
    }
}

/// What was read. `read` = `items` + `skipped` + `outside` + `dropped` + `duplicates` + `bad_total`, unless a
/// document is broken as a whole: then that is one more bad entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The format, as named or as recognised.
    pub format: Format,
    /// Lines or results met.
    pub read: u64,
    /// Items given to the sink.
    pub items: u64,
    /// Results that are not findings (passed, suppressed, or gone since the scan before), and tasks
    /// that are done.
    pub skipped: u64,
    /// Findings outside the repository that were left out on demand.
    pub outside: u64,
    /// Items that a rule says to leave out.
    pub dropped: u64,
    /// Items that the file has more than once, with the same id and the same content.
    pub duplicates: u64,
    /// The tools that the report is of; none for a list of work.
    pub tools: BTreeSet<String>,
    /// Ids of items that are finished where they come from: nobody has to wait for them.
    pub finished: HashSet<ItemId>,
    /// The first file that findings name, when none of the first hundred is in the worktree: the paths may
    /// start from somewhere else.
    pub astray: Option<RepoPath>,
    /// The first file outside the repository that made a bad line.
    pub first_outside: Option<String>,
    /// The first [`Report::BAD_MAX`] of the bad ones, in the order in which they were met.
    pub bad: Vec<BadLine>,
    /// Number of all bad ones.
    pub bad_total: u64,
    /// The first [`Report::BAD_MAX`] things that were not, or only in part, understood.
    pub notes: Vec<Note>,
    /// Number of all notes.
    pub notes_total: u64,
}

impl Report {
    /// Bad lines, and notes, that are listed; the rest is counted only. Nobody reads a million reasons.
    pub const BAD_MAX: usize = 1000;

    fn new(format: Format) -> Self {
        Report {
            format,
            read: 0,
            items: 0,
            skipped: 0,
            outside: 0,
            dropped: 0,
            duplicates: 0,
            tools: BTreeSet::new(),
            finished: HashSet::new(),
            astray: None,
            first_outside: None,
            bad: Vec::new(),
            bad_total: 0,
            notes: Vec::new(),
            notes_total: 0,
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

/// Something that was not, or only in part, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its line, counted from 1.
    pub line: u64,
    /// What it is.
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
    /// The content is of no known format.
    #[error("cannot tell the format from the content{}", .seen.as_deref().map(|s| format!(": {s}")).unwrap_or_default())]
    UnknownFormat {
        /// What the content looks like.
        seen: Option<String>,
        /// What helps.
        hint: String,
    },
    /// `--map` was given for a format whose fields are fixed.
    #[error("the columns of {0} cannot be mapped")]
    Unmapped(Format),
}

/// Reads all of `input` and gives its items to `sink`, in the order of the file.
///
/// # Errors
/// When the input cannot be read, or `options` name no format and none is recognised. Bad content
/// is not an error, but listed in the report.
pub fn read(
    input: Box<dyn BufRead + '_>,
    options: &Options,
    sink: &mut dyn FnMut(NewItem),
) -> Result<Report, ImportError> {
    let mut input = encoding::decoded(encoding::unpacked(input)?)?;
    let mut bytes = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes).map_err(ImportError::Read)?;
    let head = Head::new(&bytes);
    let format = match options.format {
        Some(format) => format,
        None => Format::detect(&head, &options.map).ok_or_else(|| refusal::unknown(&head))?,
    };
    if !options.map.is_empty() && !format.has_columns() {
        return Err(ImportError::Unmapped(format));
    }
    let rest = io::Cursor::new(bytes).chain(input);
    let mut collector = Collector::new(options, Report::new(format), sink);
    format.read(Box::new(rest), &mut collector)?;
    Ok(collector.into_report())
}

/// Entry points for tests and fuzz targets. Not part of the library.
#[doc(hidden)]
pub mod testing {
    use super::{Format, Options, Report};

    /// Reads bytes as a format, or as whichever is recognised, and returns what the reader reports; `None` when
    /// they cannot be read at all.
    pub fn read_bytes(format: Option<Format>, bytes: &[u8]) -> Option<Report> {
        let options = Options { format, ..Options::new("/nonexistent".into()) };
        super::read(Box::new(std::io::Cursor::new(bytes)), &options, &mut |_| {}).ok()
    }
}

#[cfg(test)]
mod tests;
