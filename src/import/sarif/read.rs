//! Walks the document: one level of objects and arrays after the other, down to single results.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead};
use std::rc::Rc;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::run::{Run, Spot};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::counted::Counted;

/// Reads a SARIF log.
///
/// # Errors
/// When the input cannot be read, or results that have to wait cannot be kept.
pub(in crate::import) fn read(
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let line = Rc::new(Cell::new(1));
    let mut json = serde_json::Deserializer::from_reader(Counted::new(input, Rc::clone(&line)));
    let mut walk = Walk { collector, line, runs: 0, has_runs: false, run: Run::default(), spool: None };
    let read = Log(&mut walk).deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = walk.spool.take() {
        return Err(ImportError::Spool(error));
    }
    match read {
        Ok(()) => Ok(()),
        Err(error) if error.classify() == Category::Io => Err(ImportError::Read(error.into())),
        Err(error) => {
            // What waited when the document broke off was read well.
            walk.finish_run().map_err(ImportError::Spool)?;
            let (line, column) = (error.line().max(1), error.column());
            let text = error.to_string();
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
            walk.collector.broken(line as u64, format!("the SARIF log is broken at column {column}: {text}"));
            Ok(())
        }
    }
}

/// The state of the walk.
struct Walk<'w, 'c> {
    collector: &'w mut Collector<'c>,
    line: Rc<Cell<u64>>,
    /// Runs that are over.
    runs: usize,
    /// There was a key `runs`.
    has_runs: bool,
    run: Run,
    /// Why results could not be kept. The parser's errors cannot carry it.
    spool: Option<io::Error>,
}

impl Walk<'_, '_> {
    fn finish_run(&mut self) -> io::Result<()> {
        let run = std::mem::take(&mut self.run);
        self.runs += 1;
        run.finish(self.collector)
    }

    /// Turns a failure of the temporary file into an error that stops the parser.
    fn kept<E: serde::de::Error>(&mut self, result: io::Result<()>) -> Result<(), E> {
        result.map_err(|error| {
            self.spool = Some(error);
            E::custom("stopped")
        })
    }
}

/// Implements what every step of the walk shares: it borrows the walk, takes one kind of value (or
/// `null`, which SARIF allows for absent arrays), and returns nothing.
macro_rules! step {
    ($name:ident, $expecting:literal, $visit:ident, $access:ident, |$walk:ident, $values:ident| $body:block) => {
        struct $name<'s, 'w, 'c>(&'s mut Walk<'w, 'c>);

        impl<'de> DeserializeSeed<'de> for $name<'_, '_, '_> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_, '_, '_> {
            type Value = ();
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expecting)
            }
            fn visit_unit<E>(self) -> Result<(), E> {
                Ok(())
            }
            fn $visit<A: $access<'de>>(self, mut $values: A) -> Result<(), A::Error> {
                let $walk = self.0;
                $body
            }
        }
    };
}

step!(Log, "a SARIF log", visit_map, MapAccess, |walk, fields| {
    while let Some(key) = fields.next_key::<String>()? {
        match key.as_str() {
            "runs" => {
                walk.has_runs = true;
                fields.next_value_seed(Runs(walk))?;
            }
            "version" => {
                let version: serde_json::Value = fields.next_value()?;
                if version.as_str().is_none_or(|v| !v.starts_with("2.")) {
                    // Version 1 has other names for nearly everything: it would read as empty.
                    walk.collector
                        .broken(walk.line.get(), format!("SARIF version {version}: only 2.1.0 is read"));
                }
            }
            _ => {
                fields.next_value::<IgnoredAny>()?;
            }
        }
    }
    if walk.has_runs { Ok(()) } else { Err(A::Error::custom("it has no `runs`")) }
});

step!(Runs, "an array of runs", visit_seq, SeqAccess, |walk, runs| {
    while runs.next_element_seed(OneRun(walk))?.is_some() {
        let finished = walk.finish_run();
        walk.kept(finished)?;
    }
    Ok(())
});

step!(OneRun, "a run", visit_map, MapAccess, |walk, fields| {
    while let Some(key) = fields.next_key::<String>()? {
        match key.as_str() {
            "results" => fields.next_value_seed(Results(walk))?,
            "tool" => walk.run.set_tool(fields.next_value()?),
            "originalUriBaseIds" => walk.run.set_bases(fields.next_value()?),
            "artifacts" => walk.run.set_artifacts(fields.next_value()?),
            _ => {
                fields.next_value::<IgnoredAny>()?;
            }
        }
    }
    Ok(())
});

step!(Results, "an array of results", visit_seq, SeqAccess, |walk, results| {
    let mut index = 0;
    while results.next_element_seed(OneResult { walk, index })?.is_some() {
        index += 1;
    }
    Ok(())
});

/// One element of `results`.
struct OneResult<'s, 'w, 'c> {
    walk: &'s mut Walk<'w, 'c>,
    index: u64,
}

impl<'de> DeserializeSeed<'de> for OneResult<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let spot = Spot { line: self.walk.line.get(), run: self.walk.runs, index: self.index };
        // As a text first: an error in a value of the wrong type would leave the parser in the
        // middle of the result, and all that comes after it would be lost.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let taken = self.walk.run.take(raw.get(), spot, self.walk.collector);
        self.walk.kept(taken)
    }
}
