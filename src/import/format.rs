//! The formats, and how to tell which one a file has.

use std::fmt;
use std::io::BufRead;
use std::str::FromStr;

use super::collect::Collector;
use super::{ImportError, cargo, checkstyle, csv, eslint, gcc, jsonl, junit, markdown, ruff, sarif, tsc};

/// Reads a whole input into a collector.
pub(super) type Reader = fn(Box<dyn BufRead + '_>, &mut Collector<'_>) -> Result<(), ImportError>;

/// A format of findings or tasks, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// SARIF 2.1.0, which most scanners write.
    Sarif,
    /// `ruff check --output-format json-lines`, or `json`.
    Ruff,
    /// `eslint --format json`.
    Eslint,
    /// `cargo … --message-format=json`.
    Cargo,
    /// Checkstyle's XML, which many linters write.
    Checkstyle,
    /// JUnit's XML: the tests that failed.
    Junit,
    /// A table with a header.
    Csv,
    /// A task list in Markdown.
    Markdown,
    /// What `tsc` prints.
    Tsc,
    /// What GCC, Clang, mypy and many others print.
    Gcc,
    /// Our own: one item a line.
    Jsonl,
}

/// What a format brings.
struct Row {
    format: Format,
    name: &'static str,
    sniff: fn(&Head) -> bool,
    reader: Reader,
}

/// All formats, in the order in which they are tried. The one that takes nearly anything is last.
const TABLE: [Row; 11] = [
    Row { format: Format::Sarif, name: "sarif", sniff: sarif::sniff, reader: sarif::read },
    Row { format: Format::Ruff, name: "ruff", sniff: ruff::sniff, reader: ruff::read },
    Row { format: Format::Eslint, name: "eslint", sniff: eslint::sniff, reader: eslint::read },
    Row { format: Format::Cargo, name: "cargo", sniff: cargo::sniff, reader: cargo::read },
    Row {
        format: Format::Checkstyle,
        name: "checkstyle",
        sniff: checkstyle::sniff,
        reader: checkstyle::read,
    },
    Row { format: Format::Junit, name: "junit", sniff: junit::sniff, reader: junit::read },
    Row { format: Format::Csv, name: "csv", sniff: csv::sniff, reader: csv::read },
    Row { format: Format::Markdown, name: "markdown", sniff: markdown::sniff, reader: markdown::read },
    Row { format: Format::Tsc, name: "tsc", sniff: tsc::sniff, reader: tsc::read },
    Row { format: Format::Gcc, name: "gcc", sniff: gcc::sniff, reader: gcc::read },
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
        // The variants stand in the order of the table, which a test checks.
        &TABLE[self as usize]
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
#[derive(Debug)]
pub(super) struct Head {
    /// What it begins with.
    pub(super) shape: Shape,
    /// The bytes as text, as far as they go.
    pub(super) text: String,
}

/// What a content begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing but white space. A scanner that finds nothing writes such a file.
    Blank,
    /// A JSON object.
    Object {
        /// Its own keys, as far as the bytes go, as they are written.
        keys: Vec<String>,
        /// It begins and ends on one line.
        one_line: bool,
    },
    /// A JSON array without elements: a linter found nothing.
    EmptyArray,
    /// A JSON array whose first element is an object with these keys.
    Array(Vec<String>),
    /// An XML element of this name.
    Element(String),
    /// Anything else.
    Other,
}

impl Head {
    /// Looks at the first bytes of a content.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let bytes = bytes.trim_ascii_start();
        let shape = match bytes.first() {
            None => Shape::Blank,
            Some(b'{') => object_head(bytes),
            Some(b'[') => match bytes[1..].trim_ascii_start() {
                object @ [b'{', ..] => match object_head(object) {
                    Shape::Object { keys, .. } => Shape::Array(keys),
                    other => other,
                },
                [b']', ..] => Shape::EmptyArray,
                _ => Shape::Other,
            },
            Some(b'<') => root_element(&text).map_or(Shape::Other, |name| Shape::Element(name.to_owned())),
            Some(_) => Shape::Other,
        };
        Head { shape, text }
    }

    /// True for an object that has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        matches!(&self.shape, Shape::Object { keys, .. } if keys.iter().any(|k| k == key))
    }

    /// True for an array of objects of which the first has the key.
    pub(super) fn elements_have(&self, key: &str) -> bool {
        matches!(&self.shape, Shape::Array(keys) if keys.iter().any(|k| k == key))
    }

    /// True for XML whose outermost element has the name.
    pub(super) fn is_element(&self, name: &str) -> bool {
        matches!(&self.shape, Shape::Element(root) if root == name)
    }

    /// The lines of a plain text; none of anything that has a shape of its own.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        let text = if self.shape == Shape::Other { self.text.as_str() } else { "" };
        text.lines()
    }
}

/// The name of the first element of an XML document.
fn root_element(mut text: &str) -> Option<&str> {
    loop {
        text = &text[text.find('<')? + 1..];
        if let Some(comment) = text.strip_prefix("!--") {
            text = &comment[comment.find("-->")?..];
        } else if !text.starts_with(['?', '!']) {
            let end = text.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
            return Some(&text[..end]);
        }
    }
}

/// Finds the keys of an object without parsing it, as it may be cut off anywhere.
fn object_head(bytes: &[u8]) -> Shape {
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
                    return Shape::Object { keys, one_line: !line_ends };
                }
            }
            b'\n' => line_ends = true,
            _ => {}
        }
        at += 1;
    }
    // Cut off. A first line longer than these bytes is that of a large item, as likely as not.
    Shape::Object { keys, one_line: !line_ends }
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
        assert_eq!(Format::all().last(), Some(Format::Jsonl), "what takes nearly anything is tried last");
        let error = "xml".parse::<Format>().expect_err("no format");
        assert_eq!(error.to_string(), format!("\"xml\" is no known format: use {}", names()));
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
        let unknown = [
            "[1]",
            "[{\"a\":1}]",
            "<html><testsuite/>",
            "<testsuite",
            "some,words",
            "a title\nx",
            "plain words: error: x",
            "- a list\n- [link](x)",
            "{\n \"name\": \"package\"\n}",
        ];
        for text in unknown {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn texts_are_told_by_what_is_in_them() {
        for (text, format) in [
            ("<?xml version='1.0'?>\n<!-- <x> --><testsuite name='s'>", "junit"),
            ("<testsuites/>", "junit"),
            ("<checkstyle>", "checkstyle"),
            ("[\n{\"filePath\":\"a\",\"messages\":[]}]", "eslint"),
            (" [ ]\n", "eslint"),
            ("{\"reason\":\"compiler-artifact\",\"package_id\":\"x\"}", "cargo"),
            ("{\"reason\":\"why\",\"title\":\"t\"}", "jsonl"),
            ("file,line,message\n", "csv"),
            ("\"Title\";\"File\"\n", "csv"),
            ("# Tasks\n\nText: error: x\n- [ ] do it", "markdown"),
            ("\n<!-- x -->\n# Tasks\n1. [x] done", "markdown"),
            ("> build\nsrc/a.ts(1,2): error TS1: x", "tsc"),
            ("make: x\nsrc/a.c:1:2: warning: x", "gcc"),
        ] {
            assert_eq!(detect(text), Some(format), "{text}");
        }
    }
}
