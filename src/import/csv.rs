//! A table with a header: CSV with `,`, `;` or tabs, whichever the header has most of.
//!
//! A column is known by its name, in any case, with ` `, `-` and `_` alike:
//!
//! | field | columns |
//! |---|---|
//! | `title` | title, message, description, summary, text |
//! | `files` | files, file, path, filename, filepath |
//! | `line` | line, row, start line, line number |
//! | `rule` | rule, code, rule id, check, check id |
//! | `severity` | severity, level |
//! | `category` | category, type, kind |
//! | `needs` | needs, depends on, dependencies |
//! | others | their own names: id, queue, priority, run, timeout, phase, group |
//!
//! Several files or needs in a cell are separated by `;` or line ends, needs also by `,` and
//! blanks. An empty cell is none. Any other column goes into `payload.extra`. Of several columns
//! for one field, the one that has its very name counts, else the first; so do the others.

mod breaks;
mod quotes;

use std::io::{self, BufRead, Read};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use serde_json::Value;

use super::collect::Collector;
use super::format::Head;
use super::lines::{LINE_MAX, too_long};
use super::object::Object;
use super::{ImportError, jsonl};
use breaks::Breaks;
use quotes::Quotes;

/// Bytes of a header that are looked at to find the separator.
const HEADER_MAX: usize = 64 * 1024;

/// Names of columns in their plain form, and the field.
const COLUMNS: [(&str, &str); 31] = [
    ("id", "id"),
    ("title", "title"),
    ("message", "title"),
    ("description", "title"),
    ("summary", "title"),
    ("text", "title"),
    ("files", "files"),
    ("file", "files"),
    ("path", "files"),
    ("filename", "files"),
    ("filepath", "files"),
    ("line", "line"),
    ("row", "line"),
    ("startline", "line"),
    ("linenumber", "line"),
    ("rule", "rule"),
    ("code", "rule"),
    ("ruleid", "rule"),
    ("check", "rule"),
    ("checkid", "rule"),
    ("severity", "severity"),
    ("level", "severity"),
    ("category", "category"),
    ("type", "category"),
    ("kind", "category"),
    ("needs", "needs"),
    ("dependson", "needs"),
    ("dependencies", "needs"),
    ("queue", "queue"),
    ("priority", "priority"),
    ("run", "run"),
];

/// Fields that have no other names.
const PLAIN: [&str; 3] = ["timeout", "phase", "group"];

/// A header with a title and one more column that is known.
pub(super) fn sniff(head: &Head) -> bool {
    let Some(header) = head.lines().find(|line| !line.trim().is_empty()) else { return false };
    let separator = separator(header.as_bytes());
    let fields: Vec<_> =
        header.split(char::from(separator)).filter_map(|c| field(c.trim_matches('"'))).collect();
    fields.len() > 1 && fields.contains(&"title")
}

pub(super) fn read(
    mut input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let start = input.fill_buf().map_err(ImportError::Read)?;
    let header = start[..start.len().min(HEADER_MAX)].trim_ascii_start();
    let separator = separator(header.split(|b| *b == b'\n').next().unwrap_or_default());
    let bounded =
        Bounded { input, left: Some(ROW_MAX), quotes: Quotes::new(separator), breaks: Breaks::default() };
    let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(bounded);
    let columns = match reader.headers() {
        Ok(header) => Columns::new(header),
        Err(error) => return failed(&error, 1, collector).map(|_| ()),
    };
    if let Some((line, reason)) = endless(&reader, 1).or_else(|| unclosed(&mut reader)) {
        collector.broken(line, reason);
        return Ok(());
    }
    if columns.0.is_empty() {
        return Ok(());
    }
    if !columns.0.iter().any(|(_, field, known)| *known && field == "title") {
        collector.broken(1, "the header has no column for the title: title, message, description, …".into());
        return Ok(());
    }
    rows(&mut reader, &columns, collector)
}

/// What may be read for one row, with the end of its line.
const ROW_MAX: u64 = LINE_MAX + 2;

/// Ends when no more may be read for this row. A quote that nobody closes would otherwise bring all
/// that comes after it into memory, as one row.
struct Bounded<R> {
    input: R,
    /// `None`: more was asked for than there may be.
    left: Option<u64>,
    quotes: Quotes,
    breaks: Breaks,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left @ 1..) = self.left else {
            self.left = None;
            return Ok(0);
        };
        let read = self.input.by_ref().take(left).read(buffer)?;
        self.left = Some(left - read as u64);
        match read {
            0 => self.quotes.end(),
            _ => {
                self.quotes.see(&buffer[..read]);
                self.breaks.see(&buffer[..read]);
            }
        }
        Ok(read)
    }
}

/// The line of a row that is longer than any may be, and what is told of it.
fn endless<R: Read>(reader: &Reader<Bounded<R>>, begin: u64) -> Option<(u64, String)> {
    let Bounded { left: None, quotes, .. } = reader.get_ref() else { return None };
    let reason = format!("{}: is a quote not closed? what follows was not read", too_long());
    Some((quotes.open().unwrap_or(begin), reason))
}

/// The line of a quote in the last row that was not closed in it, and what is told of it.
fn unclosed<R: Read>(reader: &mut Reader<Bounded<R>>) -> Option<(u64, String)> {
    let end = reader.position().byte();
    reader.get_mut().quotes.take(end).map(|wrong| (wrong.line(), wrong.reason()))
}

fn rows<R: Read>(
    reader: &mut Reader<Bounded<R>>,
    columns: &Columns,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let mut record = StringRecord::new();
    loop {
        reader.get_mut().left = Some(ROW_MAX);
        let begin = reader.position().byte();
        let read = reader.read_record(&mut record);
        let begin = reader.get_mut().breaks.line_from(begin);
        if let Some((line, reason)) = endless(reader, begin) {
            collector.broken(line, reason);
            return Ok(());
        }
        match (read, unclosed(reader)) {
            (Ok(false), _) => return Ok(()),
            (Err(error), wrong) if wrong.is_none() || error.is_io_error() => {
                if !failed(&error, begin, collector)? {
                    return Ok(());
                }
            }
            (_, Some((line, reason))) => collector.bad(line, reason),
            (_, None) => {
                if let Err(reason) = jsonl::take(begin, columns.object(&record), collector) {
                    collector.bad(begin, reason);
                }
            }
        }
    }
}

/// Notes a bad row; false when nothing can be read after it.
fn failed(error: &csv::Error, line: u64, collector: &mut Collector<'_>) -> Result<bool, ImportError> {
    let reason = match error.kind() {
        ErrorKind::Io(e) => return Err(ImportError::Read(std::io::Error::new(e.kind(), e.to_string()))),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} cells, the header has {expected_len}")
        }
        ErrorKind::Utf8 { err, .. } => {
            format!("invalid UTF-8 after {} bytes of cell {}", err.valid_up_to(), err.field() + 1)
        }
        _ => {
            collector.broken(line, error.to_string());
            return Ok(false);
        }
    };
    collector.bad(line, reason);
    Ok(true)
}

/// The name of a column without what may differ.
fn plain(column: &str) -> String {
    column.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// The field of a column, if it is known.
fn field(column: &str) -> Option<&'static str> {
    let plain = plain(column);
    let known = COLUMNS.iter().find(|(name, _)| *name == plain).map(|(_, field)| *field);
    known.or_else(|| PLAIN.into_iter().find(|name| *name == plain))
}

fn separator(header: &[u8]) -> u8 {
    let count = |separator: &u8| header.iter().filter(|b| *b == separator).count();
    // The last of equal ones, should there be none at all: a single column.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// The columns: the place of each, its field or else its name, and true when it is a field.
/// Fields come last: an object takes the last of equal names, and a column that is none may be
/// called like one.
struct Columns(Vec<(usize, String, bool)>);

impl Columns {
    fn new(header: &StringRecord) -> Self {
        let names: Vec<&str> = header.iter().map(str::trim).collect();
        let fields: Vec<Option<&str>> = names.iter().map(|name| field(name)).collect();
        let first = |field: &str| {
            let exact = names.iter().position(|name| plain(name) == field);
            exact.or_else(|| fields.iter().position(|f| *f == Some(field)))
        };
        let column = |(at, name): (usize, &&str)| match fields[at].filter(|f| first(f) == Some(at)) {
            Some(field) => (at, field.to_owned(), true),
            None => (at, (*name).to_owned(), false),
        };
        let mut columns: Vec<_> = names.iter().enumerate().map(column).collect();
        columns.sort_by_key(|(_, _, known)| *known);
        Columns(columns)
    }

    fn object(&self, record: &StringRecord) -> Object {
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let cells = self.0.iter().map(|(at, field, known)| ((field, known), cell(*at)));
        // That a field is empty must be told, for a column that is none may be called like it.
        let cells = cells.filter(|((_, known), cell)| **known || !cell.is_empty());
        let fields = cells.map(|((field, known), cell)| {
            let text = || Value::String(cell.to_owned());
            let list = |separators: &[char]| {
                let parts = cell.split(separators).map(str::trim).filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            };
            let value = match field.as_str() {
                _ if cell.is_empty() => Value::Null,
                _ if !known => text(),
                "files" => list(&[';', '\n']),
                "needs" => list(&[';', '\n', ',', ' ']),
                "line" | "priority" | "timeout" => cell.parse::<u64>().map_or_else(|_| text(), Value::from),
                _ => text(),
            };
            (field.clone(), value)
        });
        Object::of(fields.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

    #[test]
    fn columns_have_many_names() {
        let text = "Rule ID,Path,Line Number,Message,Level,Depends-On,Owner,description\r\n\
            D104,src/a.py; src/b.py,12,\"Missing, \"\"docstring\"\"\",error,T1 T2,me,long\r\n\
            ,,,only a title,,,,\r\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.items, report.bad_total), (Format::Csv, 2, 0));
        let expected = serde_json::json!({"item": {"id": items[0].item.id, "title": "Missing, \"docstring\"",
            "severity": "error", "rule": "D104", "line": 12, "files": ["src/a.py", "src/b.py"],
            "needs": ["T1", "T2"], "payload": {"extra": {"Owner": "me", "description": "long"}}},
            "queue": null, "priority": 1});
        assert_eq!(serde_json::to_value(&items[0]).expect("serialises"), expected);
        assert_eq!(items[1].item.payload, None);
    }

    #[test]
    fn a_time_limit_is_a_number_of_seconds_or_a_length_of_time() {
        let (items, report) = run("title,timeout\na,90\nb, 5m \nc,\nd,soon\n", &options());
        assert_eq!(items.iter().map(|i| i.item.timeout).collect::<Vec<_>>(), [Some(90), Some(300), None]);
        let reason = "timeout: \"soon\" is no length of time: write 90s, 30m, 2h or 1d".to_owned();
        assert_eq!(reasons(&report), [(5, reason)]);
    }

    #[test]
    fn of_two_columns_for_a_field_the_one_with_its_name_counts() {
        let item = |text: &str| {
            let (items, report) = run(text, &options());
            assert_eq!(reasons(&report), [], "{text}");
            let mut item = serde_json::to_value(&items[0].item).expect("serialises");
            item.as_object_mut().expect("an object").remove("id");
            item
        };
        let both = serde_json::json!({"title": "t", "category": "c", "payload": {"extra": {"type": "x"}}});
        assert_eq!(item("type,category,title\nx,c,t\n"), both);
        assert_eq!(item("Category,type,title\nc,x,t\n"), both);
        let files = serde_json::json!({"title": "t", "files": ["b"], "payload": {"extra": {"path": "a"}}});
        assert_eq!(item("title,path,files\nt,a,b\n"), files);
        let line = serde_json::json!({"title": "t", "line": 2, "payload": {"extra": {"row": "one"}}});
        assert_eq!(item("title,row,line\nt,one,2\n"), line);
        let twice = serde_json::json!({"title": "t", "line": 2, "payload": {"extra": {"line": "3"}}});
        assert_eq!(item("title,line,line\nt,2,3\n"), twice);
        assert_eq!(item("title,line,line\nt,,\n"), serde_json::json!({"title": "t"}));
        let other = serde_json::json!({"title": "t", "payload": {"extra": {"line": "3"}}});
        assert_eq!(item("title,line,line\nt,,3\n"), other);
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_bring_the_file_into_memory() {
        let mut text = b"title,files,kind\nfirst,a,x\nsecond,\"two\nlines\",\"b\n".to_vec();
        while text.len() < 40 * 1024 * 1024 {
            text.extend_from_slice(b"another,src/some/file/that/has/a/long/name.rs\n");
        }
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 1);
        let expected = "longer than 16 MiB: is a quote not closed? what follows was not read".to_owned();
        assert_eq!(reasons(&report), [(4, expected)], "where the quote stands");
        // As much as a line of any other format may have.
        let mut text = b"title,kind\nt,\"".to_vec();
        text.resize(text.len() + 16 * 1024 * 1024 - 8, b'x');
        text.extend_from_slice(b"\"\n");
        (0..10_000).for_each(|_| text.extend_from_slice(b"u,v\n"));
        assert_eq!(run(text, &options()).0.len(), 10_001);
    }

    #[test]
    fn bad_rows_have_the_line_on_which_they_begin() {
        let text = "id;title;files;priority\n1;\"two\nlines\";;\n2;ok;;x\n3;ok\n4;ok;../x;\n5;ok;;1\n";
        let expected = [
            (2, "title: must be one line without control characters"),
            (4, "priority: expected a number, found a string"),
            (5, "it has 2 cells, the header has 4"),
            (6, "files: ../x: outside the repository"),
        ];
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let (items, report) = run(text, &options());
            assert_eq!(items.iter().map(|i| i.item.id.as_str()).collect::<Vec<_>>(), ["5"]);
            assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
        }
    }

    #[test]
    fn a_table_needs_a_title() {
        let csv = super::super::Options { format: Some(Format::Csv), ..options() };
        let expected = "the header has no column for the title: title, message, description, …".to_owned();
        assert_eq!(reasons(&run("a,b\n1,2\n", &csv).1), [(1, expected)]);
        assert_eq!(run("", &csv).1.bad_total, 0);
        assert_eq!(run("title\nx\n\"y\"\n", &csv).0.len(), 2);
    }
}
