//! A table with a header: CSV with `,`, `;` or tabs, whichever the header has most of.
//!
//! A column is known by its name (`fields.rs`), or as the user maps it. Several
//! files or needs in a cell are separated by `;` or line ends, needs also by `,` and
//! blanks. An empty cell is none. Any other column goes into `payload.extra`.
//!
//! An id that two different rows have is not an id, but a word such as the number of an advisory. So a table
//! with ids is gone through twice: rows wait on a shelf until all are read. Where other rows refer to ids, a
//! repeated one is a bad line.

mod rows;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;

use serde_json::Value;

use super::collect::Collector;
use super::fields;
use super::format::{Read, Spec};
use super::lines::plain;
use super::object::Object;
use super::shelf::Shelf;
use super::sniff::Head;
use super::{ImportError, jsonl};
use rows::Rows;

/// Bytes of a header that are looked at to find the separator.
const HEADER_MAX: usize = 64 * 1024;

pub(super) const SPEC: Spec = Spec {
    name: "csv",
    about: "a table with a header: title, file, line, rule, severity …; Jira, Linear, GitHub, YouTrack",
    sniff,
    read: Read::By(read),
    skipped: "rows that are finished",
};

/// Which column is which field, as the user says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnMap(Vec<(&'static str, String)>);

impl ColumnMap {
    /// Adds `FIELD=COLUMN`, or several with commas between them.
    ///
    /// # Errors
    /// When it has another form, or the field does not exist.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        for pair in text.split(',') {
            let (field, column) =
                pair.split_once('=').ok_or_else(|| format!("{pair:?}: write FIELD=COLUMN"))?;
            let field = fields::own(field.trim())
                .ok_or_else(|| format!("{field:?} is not a field: use {}", fields::list()))?;
            self.0.push((field, column.trim().to_owned()));
        }
        Ok(())
    }

    /// True when nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The field that a column or key is mapped to.
    pub(super) fn field(&self, column: &str) -> Option<&'static str> {
        let same = |name: &str| name == column || fields::plain(name) == fields::plain(column);
        self.0.iter().find(|(_, name)| same(name)).map(|(field, _)| *field)
    }

    /// True when a field has a column by the user's word.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(f, _)| *f == field)
    }

    /// The mapped columns that a header does not have.
    fn missing<'m>(&'m self, header: &[String]) -> Vec<&'m str> {
        let there = |name: &str| header.iter().any(|column| fields::plain(column) == fields::plain(name));
        self.0.iter().map(|(_, name)| name.as_str()).filter(|name| !there(name)).collect()
    }
}

/// A header with a title and one more column that is known.
fn sniff(head: &Head) -> bool {
    let Some(header) = head.lines().find(|line| !line.trim().is_empty()) else { return false };
    let separator = separator(header.as_bytes());
    let names = header.split(char::from(separator)).map(|name| plain(name.as_bytes()));
    let known: Vec<_> = names.filter_map(|c| fields::field(c.trim().trim_matches('"'))).collect();
    // `name` alone may be that of anything: a person, a package.
    let sure = |(field, rank): &(&str, usize)| *field == "title" && *rank != 2;
    known.len() > 1
        && (known.iter().any(sure) || (known.len() > 2 && known.iter().any(|(f, _)| *f == "title")))
}

fn read(mut input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let start = input.fill_buf().map_err(ImportError::Read)?;
    let header = start[..start.len().min(HEADER_MAX)].trim_ascii_start();
    let separator = separator(header.split(|b| *b == b'\n').next().unwrap_or_default());
    let mut rows = Rows::new(input, separator);
    let Some((line, header)) = rows.next(collector)? else { return Ok(()) };
    let map = &collector.options().map;
    let missing = map.missing(&header);
    if !missing.is_empty() {
        collector.broken(line, format!("--map: the header has no column {}", missing.join(", ")));
        return Ok(());
    }
    let columns = Columns::new(&header, map);
    if !columns.0.iter().any(|column| column.field == Some("title")) {
        let reason = "the header has no column for the title: title, message, description, …; name one with --map title=COLUMN";
        collector.broken(line, reason.into());
        return Ok(());
    }
    let ids = columns.0.iter().any(|column| column.field == Some("id"));
    if ids {
        with_ids(rows, columns, header.len(), collector)
    } else {
        all(rows, &columns, header.len(), collector)
    }
}

/// Takes each row at once.
fn all(
    mut rows: Rows<'_>,
    columns: &Columns,
    width: usize,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    while let Some((line, cells)) = rows.next(collector)? {
        if checked(line, &cells, width, collector) {
            take(line, columns, &cells, collector);
        }
    }
    Ok(())
}

/// Takes all rows when their ids are known.
fn with_ids(
    mut rows: Rows<'_>,
    mut columns: Columns,
    width: usize,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let at =
        |field: &str| columns.0.iter().find(|column| column.field == Some(field)).map(|column| column.at);
    let (id, needs) = (at("id"), at("needs"));
    let cell = |cells: &[String], at: Option<usize>| {
        at.and_then(|at| cells.get(at)).map(|c| c.trim().to_owned()).unwrap_or_default()
    };
    let mut shelf: Shelf<(u64, Vec<String>)> = Shelf::default();
    let mut seen: HashMap<u64, (u64, u64)> = HashMap::new();
    let (mut repeated, mut referred) = (None, false);
    while let Some((line, cells)) = rows.next(collector)? {
        let own = cell(&cells, id);
        referred |= !cell(&cells, needs).is_empty();
        if !own.is_empty() && cells.len() == width {
            let (first, content) = *seen.entry(hash(&own)).or_insert((line, hash(&cells)));
            if content != hash(&cells) {
                repeated.get_or_insert((first, line, own));
            }
        }
        shelf.push(&(line, cells)).map_err(ImportError::Spool)?;
    }
    if let Some((first, line, own)) = repeated.filter(|_| !referred) {
        collector.note(line, format!("{own} is on line {first}, too: this column is not used as the id"));
        columns.forget("id");
    }
    let taken = shelf.take(|(line, cells)| {
        if checked(line, &cells, width, collector) {
            take(line, &columns, &cells, collector);
        }
    });
    taken.map_err(ImportError::Spool)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// True for a row that can be taken; one of separators alone is passed over.
fn checked(line: u64, cells: &[String], width: usize, collector: &mut Collector<'_>) -> bool {
    if cells.iter().all(|cell| cell.trim().is_empty()) {
        return false;
    }
    if cells.len() != width {
        collector.bad(line, format!("it has {} cells, the header has {width}", cells.len()));
        return false;
    }
    true
}

fn take(line: u64, columns: &Columns, cells: &[String], collector: &mut Collector<'_>) {
    let finished = columns.finished(cells);
    if let Err(reason) = jsonl::take(line, columns.object(cells), finished, collector) {
        collector.bad(line, reason);
    }
}

fn separator(header: &[u8]) -> u8 {
    let count = |separator: &u8| header.iter().filter(|b| *b == separator).count();
    // The last of equal ones, should there be none at all: a single column.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// A column: where it is, what it is called, and the field that it is used for.
struct Column {
    at: usize,
    name: String,
    field: Option<&'static str>,
}

struct Columns(Vec<Column>);

impl Columns {
    fn new(header: &[String], map: &ColumnMap) -> Self {
        let names: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        let ranked: Vec<Option<(&str, usize)>> = names
            .iter()
            .map(|name| match map.field(name) {
                Some(field) => Some((field, 0)),
                None => fields::field(name)
                    .filter(|(field, _)| !map.has(field))
                    .map(|(field, rank)| (field, rank + 1)),
            })
            .collect();
        let best =
            |field: &str| ranked.iter().flatten().filter(|(f, _)| *f == field).map(|(_, rank)| *rank).min();
        let first = |field: &str, rank| ranked.iter().position(|r| *r == Some((field, rank)));
        let column = |at: usize| {
            let used = ranked[at].filter(|(field, rank)| {
                // Of a list, every column of the same name is a part.
                let part = matches!(*field, "needs" | "files")
                    && names.iter().filter(|n| **n == names[at]).count() > 1;
                best(field) == Some(*rank) && (part || first(field, *rank) == Some(at))
            });
            Column { at, name: names[at].to_owned(), field: used.map(|(field, _)| field) }
        };
        Columns((0..names.len()).map(column).collect())
    }

    /// Uses no column for this field.
    fn forget(&mut self, field: &str) {
        for column in &mut self.0 {
            column.field = column.field.filter(|f| *f != field);
        }
    }

    fn finished(&self, cells: &[String]) -> bool {
        self.0.iter().any(|column| {
            let name = if column.field == Some("status") { "status" } else { column.name.as_str() };
            fields::is_finished(name, &cells[column.at])
        })
    }

    /// The row as an object: its fields, and under `extra` what is none.
    fn object(&self, cells: &[String]) -> Object {
        let mut object: Vec<(String, Value)> = Vec::with_capacity(self.0.len());
        let mut extra: BTreeMap<&str, String> = BTreeMap::new();
        for column in &self.0 {
            let cell = cells[column.at].trim();
            if cell.is_empty() {
                continue;
            }
            let (name, value) = match column.field {
                Some(field @ ("files" | "needs")) => (field, list(field, cell)),
                Some(field) => (field, Value::String(cell.to_owned())),
                None => {
                    let joined = extra.entry(&column.name).or_default();
                    joined.push_str(if joined.is_empty() { "" } else { ", " });
                    joined.push_str(cell);
                    continue;
                }
            };
            match object.iter_mut().find(|(known, _)| known == name) {
                Some((_, Value::Array(all))) => all.extend(value.as_array().cloned().unwrap_or_default()),
                _ => object.push((name.to_owned(), value)),
            }
        }
        Object::with_extra(
            object,
            extra.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect(),
        )
    }
}

fn list(field: &str, cell: &str) -> Value {
    let separators: &[char] = if field == "files" { &[';', '\n'] } else { &[';', ',', ' ', '\n', '\t'] };
    let parts = cell.split(separators).map(str::trim).filter(|part| !part.is_empty());
    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
}

#[cfg(test)]
mod tests;
