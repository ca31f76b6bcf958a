//! The number of the line at which a parser is.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Counts the lines that a parser has taken.
///
/// The parser of serde_json asks a reader for one byte at a time and never reads ahead more than
/// the byte that it looks at, so the count is exact whenever a value begins; a test holds it to
/// that. Because of the single bytes, the buffer has to be here. That of quick-xml takes exactly
/// what an event covers.
pub(super) struct Counted<'a> {
    input: Box<dyn BufRead + 'a>,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    line: Rc<Cell<u64>>,
}

impl<'a> Counted<'a> {
    pub(super) fn new(input: Box<dyn BufRead + 'a>, line: Rc<Cell<u64>>) -> Self {
        Counted { input, buffer: vec![0; 64 * 1024].into(), at: 0, filled: 0, line }
    }
}

impl Read for Counted<'_> {
    #[inline]
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // More than one byte at a time would be right as well, but is not asked for.
        let (Some(to), Some(from)) = (out.first_mut(), self.fill_buf()?.first()) else {
            return Ok(0);
        };
        *to = *from;
        self.consume(1);
        Ok(1)
    }
}

impl BufRead for Counted<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            self.filled = self.input.read(&mut self.buffer)?;
            self.at = 0;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        let end = (self.at + n).min(self.filled);
        let lines = self.buffer[self.at..end].iter().filter(|b| **b == b'\n').count();
        self.line.set(self.line.get() + lines as u64);
        self.at = end;
    }
}
