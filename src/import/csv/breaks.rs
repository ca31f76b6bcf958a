//! The lines of a table's rows.
//!
//! The parser says where it was before a row: before the second half of the line end of Windows, and before
//! empty lines. Its line is then too low.

use std::collections::VecDeque;

/// Follows the ends of lines, as far as the parser has been given bytes.
#[derive(Debug)]
pub(super) struct Breaks {
    /// Bytes so far.
    bytes: u64,
    /// Each CR and LF that was not asked for yet. What they take is at most what the text takes, also when
    /// a row has nothing but line ends.
    ahead: Marks,
    /// The next of them.
    next: Option<(u64, bool)>,
    /// Line of what comes before these.
    line: u64,
}

impl Default for Breaks {
    fn default() -> Self {
        Breaks { bytes: 0, ahead: Marks::default(), next: None, line: 1 }
    }
}

impl Breaks {
    pub(super) fn see(&mut self, bytes: &[u8]) {
        for (at, byte) in (self.bytes..).zip(bytes).filter(|(_, byte)| matches!(byte, b'\r' | b'\n')) {
            self.ahead.push(at, *byte == b'\n');
        }
        self.bytes += bytes.len() as u64;
    }

    /// The line of the first text at or after a byte; to be asked for in the order of the bytes.
    pub(super) fn line_from(&mut self, byte: u64) -> u64 {
        let mut text = byte;
        loop {
            self.next = self.next.or_else(|| self.ahead.pop());
            let Some((at, ends)) = self.next.filter(|(at, _)| *at <= text) else { return self.line };
            self.next = None;
            self.line += u64::from(ends);
            text = text.max(at + 1);
        }
    }
}

/// Places of CRs and LFs in their order, each as its distance from the one before: most in one byte.
#[derive(Debug, Default)]
struct Marks {
    /// Twice the distance, one more for an LF; seven bits a byte, the low ones first, and the eighth set
    /// when more follow.
    bytes: VecDeque<u8>,
    /// The place of the last one that was added.
    pushed: u64,
    /// The place of the last one that was taken.
    popped: u64,
}

impl Marks {
    fn push(&mut self, at: u64, lf: bool) {
        let mut rest = (at - self.pushed) << 1 | u64::from(lf);
        self.pushed = at;
        while rest > 0x7f {
            self.bytes.push_back(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push_back(rest as u8);
    }

    fn pop(&mut self) -> Option<(u64, bool)> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bytes.pop_front()?;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                self.popped += value >> 1;
                return Some((self.popped, value & 1 == 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_the_next_text() {
        let text = b"h\r\na\r\n\r\n\n\"b\nb\"\r\nc\n\nd";
        for cut in 0..=text.len() {
            let mut breaks = Breaks::default();
            breaks.see(&text[..cut]);
            breaks.see(&text[cut..]);
            // Where the parser stands: behind the CR of a line end of two.
            let lines = [0, 2, 5, 15, 18].map(|byte| breaks.line_from(byte));
            assert_eq!(lines, [1, 2, 5, 7, 9], "cut at {cut}");
        }
    }

    #[test]
    fn line_ends_take_no_more_than_the_text() {
        for text in ["\n".repeat(10_000), "a\r\n".repeat(5_000), ("x".repeat(300) + "\n").repeat(50)] {
            let mut breaks = Breaks::default();
            breaks.see(text.as_bytes());
            assert!(breaks.ahead.bytes.len() <= text.len(), "{} bytes", breaks.ahead.bytes.len());
            let ends = text.bytes().filter(|byte| *byte == b'\n').count() as u64;
            assert_eq!(breaks.line_from(text.len() as u64), ends + 1);
        }
    }
}
