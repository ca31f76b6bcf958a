//! Walks the document: one level of objects and arrays after the other, down to single results.

use std::fmt;
use std::io::{self, BufRead};
use std::rc::Rc;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::run::{Run, Spot};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::counted::{Counted, Meter};
use crate::import::json::walk::broken;

/// Bytes of what results refer to: rules, base URIs, artifacts. All of it is kept for the whole run.
const ABOUT_MAX: u64 = 256 * 1024 * 1024;

/// Reads a SARIF log.
///
/// # Errors
/// When the input cannot be read, or results that have to wait cannot be kept.
pub(in crate::import) fn read(
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let meter = Rc::<Meter>::default();
    let mut json = serde_json::Deserializer::from_reader(Counted::new(input, Rc::clone(&meter)));
    let run = Run::default();
    let mut walk = Walk { collector, meter: Rc::clone(&meter), runs: 0, has_runs: false, run, spool: None };
    let read = Log(&mut walk).deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = walk.spool.take() {
        return Err(ImportError::Spool(error));
    }
    if read.is_err() {
        // What waited when the document broke off was read well.
        walk.finish_run().map_err(ImportError::Spool)?;
    }
    broken(read, &meter, walk.collector, "the SARIF log")
}

/// The state of the walk.
struct Walk<'w, 'c> {
    collector: &'w mut Collector<'c>,
    meter: Rc<Meter>,
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
                        .broken(walk.meter.line(), format!("SARIF version {version}: only 2.1.0 is read"));
                }
            }
            "inlineExternalProperties" => fields.next_value_seed(Externals(walk))?,
            _ => {
                walk.meter.ignore();
                fields.next_value::<IgnoredAny>()?;
            }
        }
        walk.meter.begin();
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

// Results outside of the runs: their rules are known to the tool that wrote both, so each is read by itself.
step!(Externals, "an array of properties", visit_seq, SeqAccess, |walk, externals| {
    while externals.next_element_seed(OneRun(walk))?.is_some() {
        let finished = walk.finish_run();
        walk.kept(finished)?;
    }
    Ok(())
});

step!(OneRun, "a run", visit_map, MapAccess, |walk, fields| {
    while let Some(key) = fields.next_key::<String>()? {
        match key.as_str() {
            "results" => fields.next_value_seed(Results(walk))?,
            "tool" | "originalUriBaseIds" | "artifacts" | "invocations" => {
                walk.meter.limit(ABOUT_MAX);
                match key.as_str() {
                    "tool" => {
                        walk.run.set_tool(fields.next_value()?);
                        if let Some(name) = walk.run.tool() {
                            walk.collector.tool(name.to_owned());
                        }
                    }
                    "originalUriBaseIds" => walk.run.set_bases(fields.next_value()?),
                    "artifacts" => walk.run.set_artifacts(fields.next_value()?),
                    _ => walk.run.set_invocations(fields.next_value()?),
                }
            }
            "externalPropertyFileReferences" => {
                let references: serde_json::Value = fields.next_value()?;
                if references.get("results").is_some() {
                    let note = "results of this run are in other files: import these, too";
                    walk.collector.note(walk.meter.line(), note);
                }
            }
            _ => {
                walk.meter.ignore();
                fields.next_value::<IgnoredAny>()?;
            }
        }
        walk.meter.begin();
    }
    Ok(())
});

step!(Results, "an array of results", visit_seq, SeqAccess, |walk, results| {
    let mut index = 0;
    loop {
        walk.meter.begin();
        if results.next_element_seed(OneResult { walk, index })?.is_none() {
            return Ok(());
        }
        index += 1;
    }
});

/// One element of `results`.
struct OneResult<'s, 'w, 'c> {
    walk: &'s mut Walk<'w, 'c>,
    index: u64,
}

impl<'de> DeserializeSeed<'de> for OneResult<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let spot = Spot { line: self.walk.meter.line(), run: self.walk.runs, index: self.index };
        // As a text first: an error in a value of the wrong type would leave the parser in the
        // middle of the result, and all that comes after it would be lost.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let taken = self.walk.run.take(raw.get(), spot, self.walk.collector);
        self.walk.kept(taken)
    }
}
