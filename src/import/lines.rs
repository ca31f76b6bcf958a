//! Taking an input apart into lines or elements, with the numbers of their lines.

use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, Read as _};
use std::rc::Rc;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::model::path::decode;

use super::ImportError;
use super::collect::Collector;
use super::counted::Counted;
use super::object::Object;

/// Longest line. More is no item, but a file without line ends.
pub(super) const LINE_MAX: u64 = 16 * 1024 * 1024;

/// Gives each line that is not blank to `take`, trimmed; what it refuses is a bad line.
///
/// # Errors
/// When the input cannot be read.
pub(super) fn for_each_line(
    mut input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
    mut take: impl FnMut(u64, &[u8], &mut Collector<'_>) -> Result<(), String>,
) -> Result<(), ImportError> {
    let mut buffer = Vec::new();
    for number in 1.. {
        buffer.clear();
        let read = input.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut buffer);
        if read.map_err(ImportError::Read)? == 0 {
            break;
        }
        let taken = if buffer.len() as u64 > LINE_MAX && !buffer.ends_with(b"\n") {
            input.skip_until(b'\n').map_err(ImportError::Read)?;
            // The next lines are not that long, and the memory may be wanted elsewhere.
            buffer = Vec::new();
            Err(too_long())
        } else {
            match buffer.trim_ascii() {
                b"" => continue,
                _ => take(number, buffer.trim_ascii_end(), collector),
            }
        };
        if let Err(reason) = taken {
            collector.bad(number, reason);
        }
    }
    Ok(())
}

/// The line without colours. A byte that is no UTF-8 has the form that it has in paths, for there it may be.
pub(super) fn plain(line: &[u8]) -> String {
    anstream::adapter::strip_str(&decode(line)).to_string()
}

/// What is told of a line that is longer than [`LINE_MAX`].
pub(super) fn too_long() -> String {
    format!("longer than {} MiB", LINE_MAX / 1024 / 1024)
}

/// The same for lines that are one JSON object each.
///
/// # Errors
/// When the input cannot be read.
pub(super) fn for_each_object(
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
    mut take: impl FnMut(u64, Object, &mut Collector<'_>) -> Result<(), String>,
) -> Result<(), ImportError> {
    for_each_line(input, collector, |number, line, collector| {
        Object::parse(line.trim_ascii()).and_then(|object| take(number, object, collector))
    })
}

/// The same for the elements of one JSON array, each of which is an object; the number is that of
/// the line on which it begins. Elements are in memory one at a time.
///
/// # Errors
/// When the input cannot be read. Where the JSON is broken, one bad entry says where.
pub(super) fn for_each_element(
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
    take: impl FnMut(u64, Object, &mut Collector<'_>) -> Result<(), String>,
) -> Result<(), ImportError> {
    let line = Rc::new(Cell::new(1));
    let mut json = serde_json::Deserializer::from_reader(Counted::new(input, Rc::clone(&line)));
    let read = json.deserialize_seq(Elements { line: &line, collector, take }).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(()),
        Err(error) if error.classify() == Category::Io => Err(ImportError::Read(error.into())),
        Err(error) => {
            let text = error.to_string();
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
            let reason = format!("the JSON is broken at column {}: {text}", error.column());
            collector.broken(error.line().max(1) as u64, reason);
            Ok(())
        }
    }
}

struct Elements<'s, 'c, F> {
    line: &'s Cell<u64>,
    collector: &'s mut Collector<'c>,
    take: F,
}

impl<'de, F> Visitor<'de> for Elements<'_, '_, F>
where
    F: FnMut(u64, Object, &mut Collector<'_>) -> Result<(), String>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some((line, text)) = elements.next_element_seed(Element(self.line))? {
            let object = Object::parse(text.get().as_bytes());
            if let Err(reason) = object.and_then(|object| (self.take)(line, object, self.collector)) {
                self.collector.bad(line, reason);
            }
        }
        Ok(())
    }
}

/// The text of one element, so that a wrong type in it does not stop the parser.
struct Element<'s>(&'s Cell<u64>);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = (u64, Box<RawValue>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let line = self.0.get();
        Box::<RawValue>::deserialize(deserializer).map(|text| (line, text))
    }
}
