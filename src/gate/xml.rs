//! Walking through a report in XML, one element after the other, without recursion.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements within each other. Reports of tests and coverage have fewer than ten.
const DEEPEST: usize = 100;

/// What a walk meets.
pub(super) enum Node<'e> {
    /// An element begins.
    Start(Element<'e>),
    /// The element of this name ends.
    End(&'e str),
}

/// The begin of an element.
pub(super) struct Element<'e> {
    pub(super) name: &'e str,
    attributes: &'e [(String, String)],
}

impl Element<'_> {
    /// The value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }
}

/// Gives the begin and the end of each element to `visit`.
///
/// # Errors
/// Where the XML is broken, or ends in the middle.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(Node<'_>)) -> Result<(), String> {
    let mut reader = Reader::from_reader(bytes);
    let (mut depth, mut any) = (0_usize, false);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|e| format!("the XML is broken: {e}"))? {
            Event::Start(start) => {
                any = true;
                depth += 1;
                if depth > DEEPEST {
                    return Err(format!("its elements are more than {DEEPEST} deep"));
                }
                begin(&start, |element| visit(Node::Start(element)))?;
            }
            Event::Empty(start) => {
                any = true;
                begin(&start, |element| visit(Node::Start(element)))?;
                visit(Node::End(start.name().as_ref()));
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Node::End(end.name().as_ref()));
            }
            Event::Eof if depth == 0 && any => return Ok(()),
            Event::Eof => return Err("it ends in the middle".into()),
            _ => {}
        }
    }
}

fn begin(start: &BytesStart<'_>, visit: impl FnOnce(Element<'_>)) -> Result<(), String> {
    let mut attributes = Vec::new();
    // Looking for attributes of one name costs the square of their number.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|e| format!("the XML is broken: {e}"))?;
        let key = attribute.key.as_ref().to_owned();
        let value = &attribute.value;
        let value = quick_xml::escape::unescape(value).map_or_else(|_| value.to_string(), |v| v.into_owned());
        attributes.push((key, value));
    }
    visit(Element { name: start.name().as_ref(), attributes: &attributes });
    Ok(())
}
