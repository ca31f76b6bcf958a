//! Down a JSON document to the elements of lists, one at a time.
//!
//! A list is named by its steps, `results.[]` or `files.{}.messages.[]`: a key, `[]` for each element of an array,
//! `{}` for each value of an object. An array that comes where an object is expected stands for its elements, so
//! the same steps read one document, an array of documents and a document on each line.
//!
//! An element knows the objects around it as far as they are asked for (`Lists::wanted`). Elements that come
//! before such a field wait on a shelf until their object ends.

mod scope;

use std::fmt;
use std::io::{self, BufRead};
use std::rc::Rc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::counted::{Counted, Meter};
use crate::import::lines::for_each_line;
use crate::import::shelf::Shelf;

use scope::Frame;
pub(in crate::import) use scope::{Lists, Scope};

/// An element that waits for a field of an object around it.
#[derive(Serialize, Deserialize)]
struct Held {
    list: usize,
    line: u64,
    value: Value,
    key: Option<String>,
    /// The objects between the one that is waited for and the element.
    between: Vec<Frame>,
}

type Visit<'v> = &'v mut dyn FnMut(&Scope<'_>, &mut Collector<'_>);

/// Reads a document, or one on each line, and gives each element of the lists to `visit`.
///
/// # Errors
/// When the input cannot be read, or waiting elements cannot be kept. Where the JSON is broken, one bad entry
/// says where.
pub(in crate::import) fn walk(
    mut input: Box<dyn BufRead + '_>,
    lists: &Lists,
    collector: &mut Collector<'_>,
    visit: Visit<'_>,
) -> Result<(), ImportError> {
    if has_lines(input.fill_buf().map_err(ImportError::Read)?) {
        return for_each_line(input, collector, |number, line, collector| {
            let read = serde_json::from_slice::<Value>(without_nul(line)).and_then(|value| {
                let mut walk = Walk::new(lists, Rc::default(), Some(number), collector, visit);
                walk.run(&value, |key| value.get(key).is_some())
            });
            read.map_err(|error| format!("not JSON: {error}").replace(" at line 1 column", " at column"))
        });
    }
    let is_object = input.fill_buf().map_err(ImportError::Read)?.trim_ascii_start().starts_with(b"{");
    let meter = Rc::<Meter>::default();
    let mut json = serde_json::Deserializer::from_reader(Counted::new(input, Rc::clone(&meter)));
    let mut walk = Walk::new(lists, Rc::clone(&meter), None, collector, visit);
    let mut read = walk.run(&mut json, |_| is_object);
    // Some write one document behind the other.
    while read.is_ok() && json.end().is_err() && walk.meter.stopped().is_none() {
        walk.meter.begin();
        read = walk.run(&mut json, |_| is_object);
    }
    if let Some(error) = walk.unkept.take() {
        return Err(ImportError::Spool(error));
    }
    broken(read, &meter, collector, "the JSON")
}

/// Notes where a document is broken.
///
/// # Errors
/// When the input could not be read.
pub(in crate::import) fn broken(
    read: serde_json::Result<()>,
    meter: &Meter,
    collector: &mut Collector<'_>,
    what: &str,
) -> Result<(), ImportError> {
    let Err(error) = read else { return Ok(()) };
    if let Some(reason) = meter.stopped() {
        collector.broken(meter.line(), format!("{reason}: what follows was not read"));
        return Ok(());
    }
    if error.classify() == Category::Io {
        return Err(ImportError::Read(error.into()));
    }
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let reason = format!("{what} is broken at column {}: {text}", error.column());
    collector.broken(error.line().max(1) as u64, reason);
    Ok(())
}

/// A line without the NUL that some write behind each object, and without blanks.
fn without_nul(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = line.trim_ascii() {
        line = rest;
    }
    line.trim_ascii()
}

/// True when the first line is a whole document and more follows it.
fn has_lines(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let Some(end) = start.iter().position(|b| *b == b'\n') else { return false };
    start.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(without_nul(&start[..end])).is_ok()
}

struct Walk<'w, 'c> {
    lists: &'w Lists,
    meter: Rc<Meter>,
    /// The line of a document that is one line of the input.
    line: Option<u64>,
    collector: &'w mut Collector<'c>,
    visit: Visit<'w>,
    frames: Vec<Frame>,
    shelf: Shelf<Held>,
    /// The position of the object that elements on the shelf wait for.
    waits_for: usize,
    /// Why elements could not be kept. The parser's errors cannot carry it.
    unkept: Option<io::Error>,
}

impl<'w, 'c> Walk<'w, 'c> {
    fn new(
        lists: &'w Lists,
        meter: Rc<Meter>,
        line: Option<u64>,
        collector: &'w mut Collector<'c>,
        visit: Visit<'w>,
    ) -> Self {
        let (frames, shelf) = (Vec::new(), Shelf::default());
        Walk { lists, meter, line, collector, visit, frames, shelf, waits_for: 0, unkept: None }
    }

    /// Goes through one document. `has` says whether a list may begin with this key: lists of other forms are
    /// not looked for then.
    fn run<'de, D: Deserializer<'de>>(
        &mut self,
        json: D,
        has: impl Fn(&str) -> bool,
    ) -> Result<(), D::Error> {
        let first = |list: usize| self.lists.steps[list].first().copied();
        let all = || 0..self.lists.steps.len();
        let keyed =
            |list: &usize| first(*list).is_some_and(|step| step == "{}" || (step != "[]" && has(step)));
        let plain = |list: &usize| first(*list).is_none_or(|step| step == "[]");
        let mut lists: Vec<usize> = all().filter(keyed).collect();
        if lists.is_empty() {
            lists = all().filter(plain).collect();
        }
        if lists.is_empty() {
            lists = all().collect();
        }
        let targets = lists.into_iter().map(|list| (list, 0)).collect();
        Descend { walk: self, targets, key: None }.deserialize(json)
    }

    fn line(&self) -> u64 {
        self.line.unwrap_or_else(|| self.meter.line())
    }

    /// The next step of targets, which all have the same kind of step; `None` at the end of the steps.
    fn next(&self, targets: &[(usize, usize)]) -> Option<&'static str> {
        let (list, depth) = *targets.first()?;
        self.lists.steps[list].get(depth).copied()
    }

    /// The lists that go on below a key: those that name it, else those that take every one.
    fn below(&self, targets: &[(usize, usize)], key: &str) -> Vec<(usize, usize)> {
        let with = |step: &str| -> Vec<(usize, usize)> {
            let fits = |(list, depth): &&(usize, usize)| self.lists.steps[*list].get(*depth) == Some(&step);
            targets.iter().filter(fits).map(|(list, depth)| (*list, depth + 1)).collect()
        };
        let named = with(key);
        if named.is_empty() { with("{}") } else { named }
    }

    /// Gives an element away, or lets it wait.
    fn element<E: serde::de::Error>(
        &mut self,
        list: usize,
        line: u64,
        value: Value,
        key: Option<String>,
    ) -> Result<(), E> {
        let missing = |(up, name): &(usize, &str)| {
            let at = self.frames.len().checked_sub(*up)?;
            (!self.frames[at].fields.contains_key(*name)).then_some(at)
        };
        let Some(at) = self.lists.wanted.iter().filter_map(missing).min() else {
            let scope = Scope { list, line, value: &value, key: key.as_deref(), around: &self.frames };
            (self.visit)(&scope, self.collector);
            return Ok(());
        };
        self.waits_for = if self.shelf.is_empty() { at } else { at.min(self.waits_for) };
        let held = Held { list, line, value, key, between: self.frames[at + 1..].to_vec() };
        self.shelf.push(&held).map_err(|error| self.unkept(error))
    }

    /// An object ends: what waited for it goes.
    fn end<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if !self.shelf.is_empty() && self.waits_for + 1 == self.frames.len() {
            let mut shelf = std::mem::take(&mut self.shelf);
            let outer = self.frames.clone();
            let taken = shelf.take(|held| {
                let around = [outer.as_slice(), &held.between].concat();
                let Held { list, line, value, key, .. } = held;
                let scope = Scope { list, line, value: &value, key: key.as_deref(), around: &around };
                (self.visit)(&scope, self.collector);
            });
            taken.map_err(|error| self.unkept(error))?;
        }
        self.frames.pop();
        Ok(())
    }

    fn unkept<E: serde::de::Error>(&mut self, error: io::Error) -> E {
        self.unkept = Some(error);
        E::custom("stopped")
    }
}

/// A value on the way to elements.
struct Descend<'s, 'w, 'c> {
    walk: &'s mut Walk<'w, 'c>,
    /// Lists that are below it, each with the number of steps that lead here.
    targets: Vec<(usize, usize)>,
    key: Option<String>,
}

impl<'de> DeserializeSeed<'de> for Descend<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.walk.next(&self.targets).is_none() && !self.targets.is_empty() {
            return self.capture(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl Descend<'_, '_, '_> {
    fn capture<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.walk.meter.begin();
        let line = self.walk.line();
        let value = Value::deserialize(deserializer)?;
        self.give(line, value)
    }

    fn give<E: serde::de::Error>(self, line: u64, value: Value) -> Result<(), E> {
        let Some((list, _)) = self.targets.first() else { return Ok(()) };
        if value.is_null() { Ok(()) } else { self.walk.element(*list, line, value, self.key) }
    }

    fn wrong<E>(self, found: &str) -> Result<(), E> {
        let line = self.walk.line();
        let place = self.walk.next(&self.targets).unwrap_or("document");
        self.walk.collector.bad(line, format!("{place}: expected an object or an array, found {found}"));
        Ok(())
    }
}

fn deeper(targets: &[(usize, usize)]) -> Vec<(usize, usize)> {
    targets.iter().map(|(list, depth)| (*list, depth + 1)).collect()
}

impl<'de> Visitor<'de> for Descend<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        if self.walk.next(&self.targets) == Some("[]") {
            // One that is not in an array is a list of one.
            self.targets = deeper(&self.targets);
        }
        match self.walk.next(&self.targets) {
            None => {
                let line = self.walk.line();
                let value = Value::deserialize(MapAccessDeserializer::new(fields))?;
                return self.give(line, value);
            }
            Some("{}")
                if self
                    .targets
                    .iter()
                    .all(|(list, depth)| self.walk.lists.steps[*list].get(*depth) == Some(&"{}")) =>
            {
                let targets = deeper(&self.targets);
                while let Some(key) = fields.next_key::<String>()? {
                    fields.next_value_seed(Descend {
                        walk: &mut *self.walk,
                        targets: targets.clone(),
                        key: Some(key),
                    })?;
                }
                return Ok(());
            }
            Some(_) => {}
        }
        let Descend { walk, targets, key } = self;
        walk.frames.push(Frame { key, fields: Map::new() });
        while let Some(key) = fields.next_key::<String>()? {
            let below = walk.below(&targets, &key);
            if !below.is_empty() {
                fields.next_value_seed(Descend { walk: &mut *walk, targets: below, key: Some(key) })?;
            } else if walk.lists.wanted.iter().any(|(_, name)| *name == key) {
                walk.meter.begin();
                let value = fields.next_value()?;
                if let Some(frame) = walk.frames.last_mut() {
                    frame.fields.insert(key, value);
                }
            } else {
                walk.meter.ignore();
                fields.next_value::<IgnoredAny>()?;
            }
            walk.meter.begin();
        }
        walk.end()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Descend { walk, targets, .. } = self;
        let targets = if walk.next(&targets) == Some("[]") { deeper(&targets) } else { targets };
        loop {
            walk.meter.begin();
            let seed = Descend { walk: &mut *walk, targets: targets.clone(), key: None };
            if elements.next_element_seed(seed)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.wrong("a boolean")
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.wrong("a number")
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.wrong("a number")
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.wrong("a number")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.wrong("a string")
    }
}
