//! Bytes on their way to a JSON parser: the number of the line that it is at, and limits.
//!
//! A parser keeps a whole text or value in memory before anybody can judge it. So the limits are here, where the
//! bytes come in: a small compressed file must not become gigabytes.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use super::lines::{LINE_MAX, too_long};

/// Objects and arrays in each other.
const DEPTH_MAX: u32 = 512;

/// What the walk through a document and the bytes under it share.
#[derive(Debug)]
pub(super) struct Meter {
    line: Cell<u64>,
    /// Bytes that the parser may still take for one value; `None`: as many as there are, as nothing is kept.
    left: Cell<Option<u64>>,
    /// Why reading was stopped.
    stopped: Cell<Option<&'static str>>,
}

impl Default for Meter {
    fn default() -> Self {
        Meter { line: Cell::new(1), left: Cell::new(Some(LINE_MAX)), stopped: Cell::new(None) }
    }
}

impl Meter {
    /// The line that the parser is at, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line.get()
    }

    /// A new value begins, of which the parser keeps everything.
    pub(super) fn begin(&self) {
        self.left.set(Some(LINE_MAX));
    }

    /// A value begins of which the parser keeps something, up to `bytes` bytes.
    pub(super) fn limit(&self, bytes: u64) {
        self.left.set(Some(bytes));
    }

    /// A value begins of which nothing is kept.
    pub(super) fn ignore(&self) {
        self.left.set(None);
    }

    /// Why reading was stopped by a limit, if it was.
    pub(super) fn stopped(&self) -> Option<String> {
        let reason = self.stopped.get()?;
        Some(if reason.is_empty() { too_long() } else { reason.to_owned() })
    }

    fn stop(&self, reason: &'static str) -> io::Error {
        self.stopped.set(Some(reason));
        io::Error::new(io::ErrorKind::InvalidData, reason)
    }
}

/// Counts the lines that a parser has taken, and stops it at a limit.
///
/// The parser of serde_json asks a reader for one byte at a time and never reads ahead more than
/// the byte that it looks at, so the count is exact whenever a value begins; a test holds it to
/// that. Because of the single bytes, the buffer has to be here.
pub(super) struct Counted<'a> {
    input: Box<dyn BufRead + 'a>,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    depth: u32,
    text: Text,
    meter: Rc<Meter>,
}

/// Where in a text of the document the bytes are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    Escaped,
}

impl<'a> Counted<'a> {
    pub(super) fn new(input: Box<dyn BufRead + 'a>, meter: Rc<Meter>) -> Self {
        let buffer = vec![0; 64 * 1024].into();
        Counted { input, buffer, at: 0, filled: 0, depth: 0, text: Text::Outside, meter }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.filled = self.input.read(&mut self.buffer)?;
        self.at = 0;
        // Between objects some tools write a NUL, as they would between the names of files.
        for byte in &mut self.buffer[..self.filled] {
            if *byte == 0 {
                *byte = b' ';
            }
        }
        Ok(())
    }
}

impl Read for Counted<'_> {
    #[inline]
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.filled {
            self.fill()?;
        }
        // More than one byte at a time would be right as well, but is not asked for.
        let (Some(to), Some(byte)) = (out.first_mut(), self.buffer[..self.filled].get(self.at).copied())
        else {
            return Ok(0);
        };
        match (self.text, byte) {
            (Text::Outside, b'"') => self.text = Text::Inside,
            (Text::Outside, b'{' | b'[') => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(self.meter.stop("nested more than 512 deep"));
                }
            }
            (Text::Outside, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (Text::Outside, b'\n') => self.meter.line.set(self.meter.line.get() + 1),
            (Text::Inside, b'"') => self.text = Text::Outside,
            (Text::Inside, b'\\') => self.text = Text::Escaped,
            (Text::Escaped, _) => self.text = Text::Inside,
            _ => {}
        }
        if let Some(left) = self.meter.left.get() {
            let Some(left) = left.checked_sub(1) else { return Err(self.meter.stop("")) };
            self.meter.left.set(Some(left));
        }
        *to = byte;
        self.at += 1;
        Ok(1)
    }
}
