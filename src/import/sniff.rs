//! What the first bytes of a content show, so that each format can recognise its own.

use super::lines::plain;

/// What the first bytes of a content show.
#[derive(Debug)]
pub(super) struct Head {
    /// What it begins with.
    pub(super) shape: Shape,
    /// The bytes as text, as far as they go.
    pub(super) text: String,
}

/// Lines that are looked at one by one.
const LINES: usize = 50;

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

    /// True for an object or an array of them.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.shape, Shape::Object { .. } | Shape::Array(_) | Shape::EmptyArray)
    }

    /// True when this text is anywhere in the first bytes.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// True when an object on one of the first lines has the key.
    pub(super) fn a_line_has(&self, key: &str) -> bool {
        let has = |line: &str| match object_head(line.trim_start().as_bytes()) {
            Shape::Object { keys, .. } => keys.iter().any(|k| k == key),
            _ => false,
        };
        self.text.lines().take(LINES).filter(|line| line.trim_start().starts_with('{')).any(has)
    }

    /// The first lines of a plain text, without colours, that are not blank.
    pub(super) fn plain_lines(&self) -> impl Iterator<Item = String> {
        self.lines()
            .take(10 * LINES)
            .map(|line| plain(line.as_bytes()))
            .filter(|line| !line.trim().is_empty())
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
