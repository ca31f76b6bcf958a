//! Walking through XML, one element after the other, with the numbers of the lines.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::squeeze::{Position, Squeezed, TEXT_MAX};
use crate::import::ImportError;
use crate::import::collect::Collector;

/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 1000;

/// Elements in each other.
const DEPTH_MAX: usize = 100_000;

/// What a walk meets.
#[derive(Debug)]
pub(super) enum Node {
    /// An element begins.
    Start(Element),
    /// The element of this name ends; with the text directly in it.
    End(String, String),
}

/// An element without what is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    /// Its name, without a namespace.
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
    let position = Rc::<Position>::default();
    let mut reader = Reader::from_reader(Squeezed::new(input, Rc::clone(&position)));
    let mut buffer = Vec::new();
    // The text of each open element, as far as it was read.
    let mut open: Vec<String> = Vec::new();
    loop {
        buffer.clear();
        let read = reader.read_event_into(&mut buffer);
        let at = position.line.get();
        let broken = match read {
            Ok(Event::Eof) if open.is_empty() => return Ok(()),
            Ok(Event::Eof) => Err("it ends in the middle".to_owned()),
            Ok(event) => step(event, at, &mut open, &mut |node| visit(node, collector)),
            Err(_) if position.too_long.get() => Err("a tag is longer than 1 MiB".to_owned()),
            Err(quick_xml::Error::Io(error)) => {
                return Err(ImportError::Read(io::Error::new(error.kind(), error.to_string())));
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = broken {
            collector.broken(at, format!("the XML is broken: {reason}"));
            return Ok(());
        }
    }
}

fn step(
    event: Event<'_>,
    at: u64,
    open: &mut Vec<String>,
    visit: &mut dyn FnMut(Node),
) -> Result<(), String> {
    let mut text = |more: &str| {
        if let Some(text) = open.last_mut().filter(|t| t.len() < TEXT_MAX) {
            text.extend(more.chars().take(TEXT_MAX));
        }
    };
    match event {
        Event::Start(start) => {
            if open.len() >= DEPTH_MAX {
                return Err(format!("more than {DEPTH_MAX} elements in each other"));
            }
            open.push(String::new());
            visit(Node::Start(element(&start, at)?));
        }
        Event::Empty(start) => {
            let element = element(&start, at)?;
            let name = element.name.clone();
            visit(Node::Start(element));
            visit(Node::End(name, String::new()));
        }
        Event::End(end) => {
            visit(Node::End(local(end.name().as_ref()), open.pop().unwrap_or_default()));
        }
        Event::Text(more) => text(&more),
        Event::CData(more) => text(&more),
        Event::GeneralRef(name) => {
            let reference = format!("&{};", &*name);
            text(&unescape(&reference).unwrap_or_default());
        }
        _ => {}
    }
    Ok(())
}

fn local(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |(_, name)| name).to_owned()
}

fn element(start: &BytesStart<'_>, line: u64) -> Result<Element, String> {
    let mut attributes = HashMap::new();
    // Whether a name is given twice is not looked at: that takes time in the square of their number.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|e| e.to_string())?;
        if attributes.len() >= ATTRIBUTES_MAX {
            return Err(format!("an element has more than {ATTRIBUTES_MAX} attributes"));
        }
        // A reference that is not known stays as it is.
        let value = unescape(&attribute.value).unwrap_or_else(|_| attribute.value.clone());
        attributes.insert(local(attribute.key.as_ref()), value.into_owned());
    }
    Ok(Element { name: local(start.name().as_ref()), line, attributes })
}

#[cfg(test)]
mod tests {
    use crate::import::tests::{options, reasons, run};

    #[test]
    fn a_document_that_is_cut_off_says_where() {
        let text = "<checkstyle>\n<file name=\"a.c\">\n<error message=\"m\"/>\n";
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 1);
        assert_eq!(reasons(&report), [(4, "the XML is broken: it ends in the middle".to_owned())]);
        let crossed = run("<checkstyle>\n<file>\n</checkstyle>", &options()).1;
        assert_eq!((crossed.bad_total, crossed.bad[0].line), (1, 3));
    }

    #[test]
    fn attributes_tags_and_depth_have_limits() {
        let error = "<error message='m' line='1'/>";
        let many: String = (0..2000).map(|n| format!(" a{n}='1'")).collect();
        let document = |file: &str, inner: &str| {
            format!("<checkstyle><file name='a.c'{file}>{inner}</file></checkstyle>")
        };
        let reason = |text: String| reasons(&run(text, &options()).1).remove(0).1;
        assert!(reason(document(&many, error)).ends_with("more than 1000 attributes"));
        let long = format!(" b='{}'", "x".repeat(2_000_000));
        assert!(reason(document(&long, error)).ends_with("longer than 1 MiB"));
        let deep = format!("<checkstyle>{}", "<a>".repeat(100_001));
        assert!(reason(deep).ends_with("elements in each other"));
        let comment = format!("<!-- {} -->{error}", "x".repeat(3_000_000));
        assert_eq!(
            run(document("", &comment), &options()).0.len(),
            1,
            "a comment may be as long as it likes"
        );
    }
}
