//! The formats, and how to tell which one a file has.

use std::fmt;
use std::io::BufRead;
use std::str::FromStr;

use super::collect::Collector;
use super::{ImportError, jsonl, ruff, sarif};

/// Reads a whole input into a collector.
pub(super) type Reader = fn(Box<dyn BufRead + '_>, &mut Collector<'_>) -> Result<(), ImportError>;

/// A format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Our own: one item a line.
    Jsonl,
    /// SARIF 2.1.0, which most scanners write.
    Sarif,
    /// `ruff check --output-format json-lines`.
    Ruff,
}

/// What a format brings.
struct Row {
    format: Format,
    name: &'static str,
    sniff: fn(&Head) -> bool,
    reader: Reader,
}

/// All formats, in the order in which they are tried. The one that takes nearly anything is last.
const TABLE: [Row; 3] = [
    Row { format: Format::Sarif, name: "sarif", sniff: sarif::sniff, reader: sarif::read },
    Row { format: Format::Ruff, name: "ruff", sniff: ruff::sniff, reader: ruff::read },
    Row { format: Format::Jsonl, name: "jsonl", sniff: jsonl::sniff, reader: jsonl::read },
];

impl Format {
    /// All formats.
    pub fn all() -> impl Iterator<Item = Format> {
        TABLE.iter().map(|row| row.format)
    }

    /// The word for the command line.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The format of a content that begins with `head`, when one recognises it.
    pub(super) fn detect(head: &Head) -> Option<Self> {
        TABLE.iter().find(|row| (row.sniff)(head)).map(|row| row.format)
    }

    pub(super) fn reader(self) -> Reader {
        self.row().reader
    }

    fn row(self) -> &'static Row {
        // The table has a row for each variant, which a test checks; a search could fail and would
        // need a panic here.
        match self {
            Format::Sarif => &TABLE[0],
            Format::Ruff => &TABLE[1],
            Format::Jsonl => &TABLE[2],
        }
    }
}

/// The names of all formats, for messages.
pub(super) fn names() -> String {
    TABLE.map(|row| row.name).join(", ")
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The word names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no known format: use {list}", list = names())]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Format::all().find(|f| f.name() == text).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// What the first bytes of a content tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing but white space. A scanner that finds nothing writes such a file.
    Blank,
    /// A JSON object.
    Object {
        /// Its own keys, as far as the bytes go, as they are written.
        keys: Vec<String>,
        /// It begins and ends on one line.
        one_line: bool,
    },
    /// Anything else.
    Other,
}

impl Head {
    /// Looks at the first bytes of a content.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let bytes = bytes.trim_ascii_start();
        match bytes.first() {
            None => Head::Blank,
            Some(b'{') => object_head(bytes),
            Some(_) => Head::Other,
        }
    }

    /// True for an object that has one of the keys.
    pub(super) fn has(&self, key: &str) -> bool {
        matches!(self, Head::Object { keys, .. } if keys.iter().any(|k| k == key))
    }
}

/// Finds the keys of an object without parsing it, as it may be cut off anywhere.
fn object_head(bytes: &[u8]) -> Head {
    let (mut keys, mut depth, mut line_ends) = (Vec::new(), 0u32, false);
    let mut text: &[u8] = &[];
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at + 1);
                text = bytes.get(at + 1..end).unwrap_or_default();
                at = end;
            }
            b':' if depth == 1 => keys.push(String::from_utf8_lossy(text).into_owned()),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Head::Object { keys, one_line: !line_ends };
                }
            }
            b'\n' => line_ends = true,
            _ => {}
        }
        at += 1;
    }
    // Cut off. A first line longer than these bytes is that of a large item, as likely as not.
    Head::Object { keys, one_line: !line_ends }
}

/// Position of the quote that ends a string, or the end of the bytes.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(text: &str) -> Option<&'static str> {
        Format::detect(&Head::new(text.as_bytes())).map(Format::name)
    }

    #[test]
    fn every_format_has_its_own_row_and_name() {
        for format in Format::all() {
            assert_eq!(format.row().format, format);
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!(names(), "sarif, ruff, jsonl");
        let error = "xml".parse::<Format>().expect_err("no format");
        assert_eq!(error.to_string(), r#""xml" is no known format: use sarif, ruff, jsonl"#);
    }

    #[test]
    fn the_first_bytes_tell_the_format() {
        let sarif = include_str!("../../tests/data/findings.sarif");
        assert_eq!(detect(sarif), Some("sarif"));
        assert_eq!(detect(&sarif[..sarif.len().min(400)]), Some("sarif"), "cut off");
        assert_eq!(detect(r#"{"version":"2.1.0","runs":[{"#), Some("sarif"));
        assert_eq!(detect("\n\t {\n \"runs\": ["), Some("sarif"));
        assert_eq!(detect(include_str!("../../tests/data/findings.ruff.jsonl")), Some("ruff"));
        assert_eq!(detect(r#"{"title":"runs: {\"runs\":[]}","payload":{"runs":1}}"#), Some("jsonl"));
        assert_eq!(detect(r#"{"runs":3,"title":"t"}"#), Some("jsonl"), "a field of somebody's own");
        assert_eq!(detect("{\"x\":1}\n{\"title\":\"t\"}"), Some("jsonl"), "the first line may be a bad one");
        assert_eq!(detect(" \r\n"), Some("jsonl"), "nothing found, nothing to import");
    }

    #[test]
    fn what_looks_like_nothing_known_is_not_guessed() {
        for text in ["[]", "<testsuite>", "a.c:1:2: error: x", "{\n \"name\": \"package\"\n}"] {
            assert_eq!(detect(text), None, "{text}");
        }
    }
}
