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
    /// Place of each CR and LF that was not asked for yet; true for an LF.
    ahead: VecDeque<(u64, bool)>,
    /// Line of what comes before these.
    line: u64,
}

impl Default for Breaks {
    fn default() -> Self {
        Breaks { bytes: 0, ahead: VecDeque::new(), line: 1 }
    }
}

impl Breaks {
    pub(super) fn see(&mut self, bytes: &[u8]) {
        let base = self.bytes;
        let marks = (base..).zip(bytes).filter(|(_, byte)| matches!(byte, b'\r' | b'\n'));
        self.ahead.extend(marks.map(|(at, byte)| (at, *byte == b'\n')));
        self.bytes += bytes.len() as u64;
    }

    /// The line of the first text at or after a byte; to be asked for in the order of the bytes.
    pub(super) fn line_from(&mut self, byte: u64) -> u64 {
        let mut text = byte;
        while let Some((at, ends)) = self.ahead.front().copied().filter(|(at, _)| *at <= text) {
            self.ahead.pop_front();
            self.line += u64::from(ends);
            text = text.max(at + 1);
        }
        self.line
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
}
