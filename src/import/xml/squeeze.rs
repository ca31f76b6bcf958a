//! XML without what nobody reads, on its way to the parser.
//!
//! The parser keeps a whole comment, text or tag in memory. From a small compressed file these may be gigabytes.
//! So comments, declarations and instructions are left out here, texts are cut, and a tag has a limit. A piece at
//! a time is handed out, so that the number of the line is exact where each tag begins.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Bytes of a text that are kept. A failed test may print megabytes.
pub(super) const TEXT_MAX: usize = 8 * 1024;

/// Bytes of a tag with its attributes.
const TAG_MAX: usize = 1024 * 1024;

/// What the parser and the bytes under it share.
#[derive(Debug)]
pub(super) struct Position {
    /// The line that the next piece begins on.
    pub(super) line: Cell<u64>,
    /// A tag is longer than the limit.
    pub(super) too_long: Cell<bool>,
}

impl Default for Position {
    fn default() -> Self {
        Position { line: Cell::new(1), too_long: Cell::new(false) }
    }
}

/// The input without what nobody reads.
pub(super) struct Squeezed<'a> {
    input: Box<dyn BufRead + 'a>,
    /// What the parser may take, and how much of it was taken.
    piece: Vec<u8>,
    at: usize,
    /// Lines that end in the piece.
    lines: u64,
    position: Rc<Position>,
}

impl<'a> Squeezed<'a> {
    pub(super) fn new(input: Box<dyn BufRead + 'a>, position: Rc<Position>) -> Self {
        Squeezed { input, piece: Vec::new(), at: 0, lines: 0, position }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.input.consume(1);
            self.lines += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    /// Reads the next piece; none is left when it is empty.
    fn read_piece(&mut self) -> io::Result<()> {
        self.piece.clear();
        self.at = 0;
        while self.piece.is_empty() {
            self.position.line.set(self.position.line.get() + self.lines);
            self.lines = 0;
            match self.peek()? {
                None => return Ok(()),
                Some(b'<') => self.markup()?,
                Some(_) => self.text()?,
            }
        }
        Ok(())
    }

    fn text(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|b| *b == b'<').unwrap_or(buffer.len());
            let (ended, empty) = (end < buffer.len(), buffer.is_empty());
            let room = TEXT_MAX.saturating_sub(self.piece.len());
            self.piece.extend_from_slice(&buffer[..end.min(room)]);
            self.lines += buffer[..end].iter().filter(|b| **b == b'\n').count() as u64;
            self.input.consume(end);
            if ended || empty {
                if self.piece.len() == TEXT_MAX {
                    self.trim();
                }
                return Ok(());
            }
        }
    }

    /// Takes off a character or a reference that was cut.
    fn trim(&mut self) {
        let tail = self.piece.len().saturating_sub(16);
        if let Some(at) = self.piece[tail..].iter().rposition(|b| *b == b'&')
            && !self.piece[tail + at..].contains(&b';')
        {
            self.piece.truncate(tail + at);
        }
        if let Err(error) = std::str::from_utf8(&self.piece)
            && error.error_len().is_none()
        {
            self.piece.truncate(error.valid_up_to());
        }
    }

    fn markup(&mut self) -> io::Result<()> {
        self.next()?;
        match self.peek()? {
            Some(b'?') => self.pass_over(b"?>"),
            Some(b'!') => {
                let mut start = Vec::new();
                loop {
                    let Some(byte) = self.next()? else { return self.cut() };
                    start.push(byte);
                    match start.as_slice() {
                        b"!--" => return self.pass_over(b"-->"),
                        b"![CDATA[" => return self.cdata(),
                        start if b"!--".starts_with(start) || b"![CDATA[".starts_with(start) => {}
                        start => {
                            let start = start.to_vec();
                            return self.declaration(&start);
                        }
                    }
                }
            }
            _ => self.tag(),
        }
    }

    /// The document ends in the middle of markup: the parser finds that out.
    fn cut(&mut self) -> io::Result<()> {
        self.piece = b"<".to_vec();
        Ok(())
    }

    fn pass_over(&mut self, end: &[u8]) -> io::Result<()> {
        let mut last = [0u8; 3];
        loop {
            let Some(byte) = self.next()? else { return self.cut() };
            last = [last[1], last[2], byte];
            if last.ends_with(end) {
                return Ok(());
            }
        }
    }

    fn cdata(&mut self) -> io::Result<()> {
        let mut kept = Vec::new();
        let mut last = [0u8; 3];
        loop {
            let Some(byte) = self.next()? else { return self.cut() };
            last = [last[1], last[2], byte];
            if kept.len() < TEXT_MAX {
                kept.push(byte);
            }
            if last == *b"]]>" {
                break;
            }
        }
        let text = String::from_utf8_lossy(&kept);
        let text = text.strip_suffix("]]>").unwrap_or(&text).trim_end_matches([']', '\u{fffd}']);
        self.piece = format!("<![CDATA[{text}]]>").into_bytes();
        Ok(())
    }

    /// A `<!DOCTYPE …>`, with what it declares in brackets.
    fn declaration(&mut self, start: &[u8]) -> io::Result<()> {
        let mut depth = start.iter().filter(|b| **b == b'[').count();
        let mut quote = None;
        if start.ends_with(b">") {
            return Ok(());
        }
        loop {
            let Some(byte) = self.next()? else { return self.cut() };
            match (quote, byte) {
                (Some(open), byte) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'[') => depth += 1,
                (None, b']') => depth = depth.saturating_sub(1),
                (None, b'>') if depth == 0 => return Ok(()),
                _ => {}
            }
        }
    }

    fn tag(&mut self) -> io::Result<()> {
        self.piece.push(b'<');
        let mut quote = None;
        loop {
            let Some(byte) = self.next()? else { return Ok(()) };
            self.piece.push(byte);
            if self.piece.len() > TAG_MAX {
                self.position.too_long.set(true);
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a tag is too long"));
            }
            match (quote, byte) {
                (Some(open), byte) if open == byte => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'>') => return Ok(()),
                _ => {}
            }
        }
    }
}

impl Read for Squeezed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let length = from.len().min(out.len());
        out[..length].copy_from_slice(&from[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Squeezed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() {
            self.read_piece()?;
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at = (self.at + n).min(self.piece.len());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn squeezed(text: &str) -> String {
        let mut out = String::new();
        let mut reader = Squeezed::new(Box::new(Cursor::new(text.as_bytes().to_vec())), Rc::default());
        reader.read_to_string(&mut out).expect("readable");
        out
    }

    #[test]
    fn only_tags_and_the_begin_of_texts_are_left() {
        assert_eq!(
            squeezed(
                "<?xml v?><!DOCTYPE a [<!ENTITY x \"]>\">]><a b='>'><!-- <c/> --->t<![CDATA[<d>]]]]></a>"
            ),
            "<a b='>'>t<![CDATA[<d>]]></a>"
        );
        assert_eq!(squeezed("<a><!DOCTYPE><!X><b/></a>"), "<a><b/></a>");
        let long = format!("<a>{}&amp;</a><b><![CDATA[{}]]></b>", "é".repeat(TEXT_MAX), "x".repeat(100_000));
        let short = squeezed(&long);
        assert!(short.len() < 3 * TEXT_MAX, "{}", short.len());
        assert!(short.starts_with("<a>éé") && short.ends_with("x]]></b>"));
        for cut in ["<a><!-- x", "<a><![CDATA[x", "<a><!DOC", "<a><"] {
            assert_eq!(squeezed(cut), "<a><", "{cut}");
        }
    }
}
