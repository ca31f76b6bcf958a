//! What compilers and linters print: a line for each message, with what a build puts around it.

pub(super) mod actions;
pub(super) mod gcc;
pub(super) mod msbuild;
mod place;
mod prefix;
pub(super) mod unix;

use std::io::BufRead;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::lines::{for_each_line, plain};
use super::place::FileName;

/// Reads each line with `parse`. A line that names a place and is not understood is noted.
///
/// # Errors
/// When the input cannot be read.
fn read(
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
    parse: impl Fn(&str) -> Parsed,
) -> Result<(), ImportError> {
    for_each_line(input, collector, |number, line, collector| {
        let line = plain(line);
        let line = prefix::without(&line);
        match parse(line) {
            Parsed::Finding(finding) => {
                if let Some(FileName::Path(name)) = finding.files.first() {
                    named(name, collector)?;
                }
                collector.finding(number, *finding);
            }
            Parsed::Known => collector.skip(),
            Parsed::Unknown => {
                let names_a_place =
                    |(place, _): (place::Place<'_>, &str)| place.is_sure() && !place.file.contains(' ');
                if place::leading(line).is_some_and(names_a_place) {
                    collector.note(number, format!("not understood: {}", shortened(line)));
                }
            }
        }
        Ok(())
    })
}

/// What a line is.
#[derive(Debug, PartialEq)]
enum Parsed {
    /// A finding.
    Finding(Box<Finding>),
    /// A line that belongs to another one.
    Known,
    /// Anything else.
    Unknown,
}

/// Refuses what cannot be the name of a file, unless there is one: what precedes the name was not understood.
fn named(name: &str, collector: &Collector<'_>) -> Result<(), String> {
    let folder = name.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder);
    let odd = folder.contains(char::is_whitespace) || name.contains(": ");
    if odd && !collector.places.path(name).is_ok_and(|path| collector.places.has(&path)) {
        return Err(format!("{}: not the name of a file", shortened(name)));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
