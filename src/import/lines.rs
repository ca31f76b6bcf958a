//! Formats of one JSON object a line: taking the lines apart, whatever is wrong with one.

use std::io::{BufRead, Read};

use super::ImportError;
use super::collect::Collector;
use super::object::Object;

/// Longest line. More is no item, but a file without line ends.
const LINE_MAX: u64 = 16 * 1024 * 1024;

/// Parses each line that is not blank and gives it to `take`; what it refuses is a bad line.
///
/// # Errors
/// When the input cannot be read.
pub(super) fn for_each_object(
    mut input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
    take: fn(u64, Object, &mut Collector<'_>) -> Result<(), String>,
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
            Err(format!("longer than {} MiB", LINE_MAX / 1024 / 1024))
        } else {
            match buffer.trim_ascii() {
                b"" => continue,
                line => Object::parse(line).and_then(|object| take(number, object, collector)),
            }
        };
        if let Err(reason) = taken {
            collector.bad(number, reason);
        }
    }
    Ok(())
}
