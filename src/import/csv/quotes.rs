//! Quotes of a table that nobody closes.
//!
//! The parser takes whatever comes: a quote without its other half makes one cell of all lines up
//! to the next quote or the end, and no error. So the quotes are followed beside it.

use std::collections::VecDeque;

/// Follows the quotes as the parser does, of which it may be ahead.
#[derive(Debug)]
pub(super) struct Quotes {
    separator: u8,
    state: State,
    /// Bytes so far.
    bytes: u64,
    /// The line that they have come to.
    line: u64,
    /// The last quote that began a cell.
    opened: Place,
    wrong: VecDeque<Wrong>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a cell.
    Start,
    /// In a cell where quotes mean nothing.
    Plain,
    /// Behind the quote that began a cell.
    Quoted,
    /// Behind a quote in such a cell: its end, or the first of two that stand for one.
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    byte: u64,
    line: u64,
}

/// A quote that began a cell and was not closed where the cell ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrong {
    opened: Place,
    /// The line on which another quote closed it, if one did.
    closed: Option<u64>,
}

impl Wrong {
    /// The line on which the cell begins.
    pub(super) fn line(&self) -> u64 {
        self.opened.line
    }

    pub(super) fn reason(&self) -> String {
        let fate = match self.closed {
            Some(line) => format!("is closed on line {line} in the middle of a text: is one missing?"),
            None => "is never closed: what follows is not imported".to_owned(),
        };
        format!("the quote that begins a cell here {fate}")
    }
}

impl Quotes {
    pub(super) fn new(separator: u8) -> Self {
        Quotes {
            separator,
            state: State::Start,
            bytes: 0,
            line: 1,
            opened: Place { byte: 0, line: 1 },
            wrong: VecDeque::new(),
        }
    }

    /// Goes on with what was read.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.bytes += 1;
            self.line += u64::from(*byte == b'\n');
            self.state = match (self.state, *byte) {
                (State::Start, b'"') => {
                    self.opened = Place { byte: self.bytes, line: self.line };
                    State::Quoted
                }
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, _) | (State::Closed, b'"') => State::Quoted,
                (_, b'\n' | b'\r') => State::Start,
                (_, byte) if byte == self.separator => State::Start,
                (State::Closed, byte) => {
                    // On one line it is somebody's way of writing; over several, a line was lost.
                    if self.line > self.opened.line && !byte.is_ascii_whitespace() {
                        self.wrong.push_back(Wrong { opened: self.opened, closed: Some(self.line) });
                    }
                    State::Plain
                }
                (State::Start | State::Plain, _) => State::Plain,
            };
        }
    }

    /// Takes note that nothing follows.
    pub(super) fn end(&mut self) {
        if self.state == State::Quoted {
            self.wrong.push_back(Wrong { opened: self.opened, closed: None });
            self.state = State::Start;
        }
    }

    /// The line of the quote that is not closed so far.
    pub(super) fn open(&self) -> Option<u64> {
        (self.state == State::Quoted).then_some(self.opened.line)
    }

    /// What is wrong with the row that ends behind so many bytes: the first, if anything is.
    pub(super) fn take(&mut self, end: u64) -> Option<Wrong> {
        let mut first = None;
        while self.wrong.front().is_some_and(|wrong| wrong.opened.byte <= end) {
            first = first.or(self.wrong.pop_front());
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Quotes;
    use crate::import::tests::{options, reasons, run};

    const NEVER: &str = "the quote that begins a cell here is never closed: what follows is not imported";

    /// The ids of the items, and the bad lines.
    fn read(text: &str) -> (Vec<String>, Vec<(u64, String)>) {
        let (items, report) = run(text, &options());
        (items.iter().map(|i| i.item.id.to_string()).collect(), reasons(&report))
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named_where_it_stands() {
        let rest: String = (3..3000).map(|n| format!("{n},t {n},x\n")).collect();
        // In the last cell, in one before it, and in the first.
        for row in ["2,t,\"note", "2,\"t,x", "\"2,t,x"] {
            let found = read(&format!("id,title,notes\n1,t,x\n{row}\n{rest}"));
            assert_eq!(found, (vec!["1".to_owned()], vec![(3, NEVER.to_owned())]), "{row}");
        }
        let found = read(&format!("id,notes,title\n1,\"two\nlines\",\"t\n{rest}"));
        assert_eq!(found, (vec![], vec![(3, NEVER.to_owned())]));
        assert_eq!(read(&format!("id,\"title,notes\n{rest}")), (vec![], vec![(1, NEVER.to_owned())]));
        assert_eq!(read("id,title\n1,\"t"), (vec![], vec![(2, NEVER.to_owned())]), "at the very end");
    }

    #[test]
    fn a_quote_that_another_row_closes_is_named_where_it_stands() {
        let found = read("id,title,notes\n1,t,x\n2,t,\"note\n3,\"t\"\n4,t,x\n");
        let reason =
            "the quote that begins a cell here is closed on line 4 in the middle of a text: is one missing?";
        assert_eq!(found, (vec!["1".to_owned(), "4".to_owned()], vec![(3, reason.to_owned())]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn quotes_are_what_the_parser_takes_them_for(text in "[\"\",\n\r a]{0,40}", cut in 0..40_usize) {
            let mut quotes = Quotes::new(b',');
            let cut = cut.min(text.len());
            quotes.see(&text.as_bytes()[..cut]);
            quotes.see(&text.as_bytes()[cut..]);
            // What follows is a row of its own, unless it is still in quotes.
            let more = format!("{text}\nX\n");
            let mut parser = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(more.as_bytes());
            let last = parser.records().last().expect("a row").expect("read");
            prop_assert_eq!(quotes.open().is_some(), last != vec!["X"], "{:?}", last);
        }
    }

    #[test]
    fn what_is_quoted_well_or_only_oddly_is_taken() {
        let text = "id;title;notes\r\n1;\"a \"\"b\"\"\";\"two\r\nlines; \"\"one\"\"\"\r\n2;\"a\"b;\"\"\n\
                    3;a \"b;\"two\nlines\" \n4;\"t\";\"\"\"\"";
        assert_eq!(read(text), (["1", "2", "3", "4"].map(str::to_owned).into(), vec![]));
    }
}
