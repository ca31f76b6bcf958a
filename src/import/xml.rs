//! Walking through XML, one element after the other, with the numbers of the lines.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufRead};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::ImportError;
use super::collect::Collector;
use super::counted::Counted;

/// Bytes of an element's text that are kept. A failed test may print megabytes.
const TEXT_MAX: usize = 8 * 1024;

/// What a walk meets.
#[derive(Debug)]
pub(super) enum Node {
    /// An element begins.
    Start(Element),
    /// The element of this name ends.
    End(String, String),
}

/// An element without what is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// Line on which it begins.
    pub(super) line: u64,
    attributes: HashMap<String, String>,
}

impl Element {
    /// An attribute that is not blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|v| !v.trim().is_empty())
    }

    /// An attribute that is a number from 1 on.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok().filter(|n| *n > 0)
    }
}

/// Gives the begin and the end of each element to `visit`; the end with the text directly in it.
///
/// # Errors
/// When the input cannot be read. Where the XML is broken, one bad entry says where.
pub(super) fn walk(
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
    mut visit: impl FnMut(Node, &mut Collector<'_>),
) -> Result<(), ImportError> {
    let line = Rc::new(Cell::new(1));
    let mut reader = Reader::from_reader(Counted::new(input, Rc::clone(&line)));
    let mut buffer = Vec::new();
    // The text of each open element, as far as it has come.
    let mut open: Vec<String> = Vec::new();
    loop {
        buffer.clear();
        let at = line.get();
        let text = |open: &mut Vec<String>, more: &str| {
            if let Some(text) = open.last_mut().filter(|t| t.len() < TEXT_MAX) {
                text.extend(more.chars().take(TEXT_MAX));
            }
        };
        let broken = match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) => {
                open.push(String::new());
                element(&start, at).map(|e| visit(Node::Start(e), collector)).err()
            }
            Ok(Event::Empty(start)) => element(&start, at)
                .map(|e| {
                    let name = e.name.clone();
                    visit(Node::Start(e), collector);
                    visit(Node::End(name, String::new()), collector);
                })
                .err(),
            Ok(Event::End(end)) => {
                let name = String::from_utf8_lossy(end.name().as_ref()).into_owned();
                visit(Node::End(name, open.pop().unwrap_or_default()), collector);
                None
            }
            Ok(Event::Text(more)) => {
                text(&mut open, &String::from_utf8_lossy(&more));
                None
            }
            Ok(Event::CData(more)) => {
                text(&mut open, &String::from_utf8_lossy(&more));
                None
            }
            Ok(Event::GeneralRef(name)) => {
                let reference = format!("&{};", String::from_utf8_lossy(&name));
                text(&mut open, &quick_xml::escape::unescape(&reference).unwrap_or_default());
                None
            }
            Ok(Event::Eof) if open.is_empty() => return Ok(()),
            Ok(Event::Eof) => Some("it ends in the middle".to_owned()),
            Ok(_) => None,
            Err(quick_xml::Error::Io(error)) => {
                return Err(ImportError::Read(io::Error::new(error.kind(), error.to_string())));
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = broken {
            collector.broken(at, format!("the XML is broken: {reason}"));
            return Ok(());
        }
    }
}

fn element(start: &BytesStart<'_>, line: u64) -> Result<Element, String> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut attributes = HashMap::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value = attribute.unescape_value().map_err(|e| e.to_string())?;
        attributes.insert(key, value.into_owned());
    }
    Ok(Element { name, line, attributes })
}
