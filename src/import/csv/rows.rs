//! The rows of a table, each with the line on which it begins.

use std::io::{BufRead, Read};

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::lines::{LINE_MAX, too_long};

/// Takes a table apart, a line at a time, so that the number of each line is known.
pub(super) struct Rows<'a> {
    input: Box<dyn BufRead + 'a>,
    parser: Reader,
    separator: u8,
    line: u64,
    /// What follows a row on its line, where a CR alone ends rows.
    pending: Vec<u8>,
    ended: bool,
}

/// What was read of one row.
struct Row {
    begin: u64,
    cells: Vec<Vec<u8>>,
    /// The cell that is being read, and the line on which it begins.
    cell: Vec<u8>,
    cell_line: u64,
    bytes: u64,
    text: Vec<u8>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(input: Box<dyn BufRead + 'a>, separator: u8) -> Self {
        let parser = ReaderBuilder::new().delimiter(separator).build();
        Rows { input, parser, separator, line: 0, pending: Vec::new(), ended: false }
    }

    /// The next row that is not a bad one, with the number of its line.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn next(
        &mut self,
        collector: &mut Collector<'_>,
    ) -> Result<Option<(u64, Vec<String>)>, ImportError> {
        while !self.ended {
            let Some(row) = self.row(collector)? else { continue };
            if let Some((line, reason)) = self.unclosed(&row) {
                collector.bad(line, reason);
                continue;
            }
            match row.cells.iter().map(|cell| std::str::from_utf8(cell).map(str::to_owned)).collect() {
                Ok(cells) => return Ok(Some((row.begin, cells))),
                Err(_) => {
                    let at =
                        row.cells.iter().position(|cell| std::str::from_utf8(cell).is_err()).unwrap_or(0);
                    let valid =
                        std::str::from_utf8(&row.cells[at]).map_or_else(|e| e.valid_up_to(), str::len);
                    collector.bad(row.begin, format!("invalid UTF-8 after {valid} bytes of cell {}", at + 1));
                }
            }
        }
        Ok(None)
    }

    /// One row; `None` for a blank line, at the end, and for what cannot be read.
    fn row(&mut self, collector: &mut Collector<'_>) -> Result<Option<Row>, ImportError> {
        let begin = self.line + 1;
        let mut row =
            Row { begin, cells: Vec::new(), cell: Vec::new(), cell_line: begin, bytes: 0, text: Vec::new() };
        let mut line = std::mem::take(&mut self.pending);
        if !line.is_empty() {
            row.text.extend_from_slice(&line);
            if self.parse(&line, &mut row) {
                return Ok(Some(row));
            }
        }
        loop {
            line.clear();
            let room = LINE_MAX + 2 - row.bytes;
            self.input.by_ref().take(room).read_until(b'\n', &mut line).map_err(ImportError::Read)?;
            self.line += 1;
            row.bytes += line.len() as u64;
            if row.bytes >= LINE_MAX + 2 && !line.ends_with(b"\n") {
                self.ended = true;
                collector.broken(
                    row.cell_line,
                    format!("{}: is a quote not closed? what follows was not read", too_long()),
                );
                return Ok(None);
            }
            if line.is_empty() {
                self.ended = true;
                return Ok(self.last(row, collector));
            }
            if row.cells.is_empty()
                && row.cell.is_empty()
                && row.text.is_empty()
                && line.trim_ascii().is_empty()
            {
                return Ok(None);
            }
            row.text.extend_from_slice(&line);
            // The line end alone ends a row, and not the CR that Windows puts before it.
            if self.parse(&line, &mut row) {
                return Ok(Some(row));
            }
        }
    }

    /// What is left when nothing follows.
    fn last(&mut self, mut row: Row, collector: &mut Collector<'_>) -> Option<Row> {
        if row.text.is_empty() {
            return None;
        }
        if row.text.last() == Some(&b'\n') {
            let reason = "the quote that begins a cell here is never closed: what follows is not imported";
            collector.broken(row.cell_line, reason.into());
            return None;
        }
        // A last line without an end: is its last cell complete?
        if self.parse(b"\n", &mut row) {
            return Some(row);
        }
        let reason = "the quote that begins a cell here is never closed: what follows is not imported";
        collector.broken(row.cell_line, reason.into());
        None
    }

    /// Parses a line as the next part of a row; true when that ends with it.
    fn parse(&mut self, line: &[u8], row: &mut Row) -> bool {
        let (mut rest, mut out) = (line, [0u8; 4096]);
        while !rest.is_empty() {
            let (result, read, written) = self.parser.read_field(rest, &mut out);
            rest = &rest[read..];
            row.cell.extend_from_slice(&out[..written]);
            if let ReadFieldResult::Field { record_end } = result {
                row.cells.push(std::mem::take(&mut row.cell));
                row.cell_line = self.line;
                if record_end {
                    self.pending = if rest.trim_ascii().is_empty() { Vec::new() } else { rest.to_vec() };
                    return true;
                }
            }
        }
        false
    }

    /// The first quote that was closed in the middle of a text on a later line, and the reason: a quote is missing
    /// then, and the parser has made one cell of several rows.
    fn unclosed(&self, row: &Row) -> Option<(u64, String)> {
        let (mut state, mut line, mut opened) = (State::Start, row.begin, row.begin);
        for byte in row.text.trim_ascii_end() {
            state = match (state, *byte) {
                (State::Start, b'"') => {
                    opened = line;
                    State::Quoted
                }
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, _) | (State::Closed, b'"') => State::Quoted,
                (_, byte) if byte == self.separator => State::Start,
                (State::Closed, byte) if line > opened && !byte.is_ascii_whitespace() => {
                    let fate = format!("is closed on line {line} in the middle of a text: is one missing?");
                    return Some((opened, format!("the quote that begins a cell here {fate}")));
                }
                _ => State::Plain,
            };
            line += u64::from(*byte == b'\n');
        }
        None
    }
}

/// Where in a cell a byte is.
#[derive(Clone, Copy)]
enum State {
    Start,
    /// In a cell where quotes mean nothing.
    Plain,
    /// Behind the quote that began a cell.
    Quoted,
    /// Behind a quote in such a cell: its end, or the first of two that stand for one.
    Closed,
}

#[cfg(test)]
mod tests;
