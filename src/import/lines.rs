//! Taking an input apart into lines, with their numbers.

use std::io::{BufRead, Read as _};

use crate::model::path::decode;

use super::ImportError;
use super::collect::Collector;

/// Longest line, in bytes. What is longer is not an item, but a file without line ends.
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

/// The line without colours. A byte that is not UTF-8 has the form that it has in paths, as it may be part of one.
pub(super) fn plain(line: &[u8]) -> String {
    anstream::adapter::strip_str(&decode(line)).to_string()
}

/// The reason for a line that is longer than [`LINE_MAX`].
pub(super) fn too_long() -> String {
    format!("longer than {} MiB", LINE_MAX / 1024 / 1024)
}
