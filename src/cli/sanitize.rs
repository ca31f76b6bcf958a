//! Text for people in which only this program has a say about lines and colours.
//!
//! Titles, reasons, paths and whatever else is in records was written by others. A terminal
//! does what control characters in it say, and a line break would let a reason pass for a line of
//! the log. So all that is printed is a [`Text`], which shows them as signs; line breaks are those
//! between its lines, and styles are those of [`paint`].

use std::fmt::{self, Display, Formatter, Write as _};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use anstyle::Style;
use clap::builder::StyledStr;

/// Part of the control sequences of [`paint`], which distinguishes them from those of others: a
/// number that is another one each time the program runs.
static MARK: LazyLock<String> = LazyLock::new(|| format!("\x1b[{};", RandomState::new().hash_one(0)));

/// How a control sequence begins.
const BEGIN: &str = "\x1b[";

/// Puts a style around a text. Colours are taken out again where the output cannot show them.
pub fn paint(style: Style, text: impl Display) -> String {
    let mark = |sequence: String| sequence.replace(BEGIN, &MARK);
    format!("{}{text}{}", mark(style.render().to_string()), mark(style.render_reset().to_string()))
}

/// Lines for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(Vec<String>);

impl Text {
    /// What other programs say, or this one has put together: its line breaks are meant. Nothing
    /// that comes from records may be in it, unless it is [`visible`].
    pub fn block(text: &str) -> Self {
        Text(text.lines().map(|line| line.trim_end_matches('\r').replace('\t', "    ")).collect())
    }

    /// True when there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines, each as it is to be printed.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|line| shown(line))
    }

    /// The words as they were given, without styles: for programs, and to be part of another text.
    pub fn words(&self) -> String {
        anstream::adapter::strip_str(&self.0.join("\n")).to_string()
    }

    /// The same with one more line.
    pub fn and(mut self, line: String) -> Self {
        self.0.push(line);
        self
    }

    /// The same with `words` before the first line.
    pub fn after(mut self, words: &str) -> Self {
        match self.0.first_mut() {
            Some(first) => first.insert_str(0, words),
            None => self.0.push(words.to_owned()),
        }
        self
    }
}

/// One line, also when there is a line break in it.
impl From<String> for Text {
    fn from(line: String) -> Self {
        Text(if line.is_empty() { Vec::new() } else { vec![line] })
    }
}

/// The program's own help, with the styles that clap gives to it.
impl From<StyledStr> for Text {
    fn from(help: StyledStr) -> Self {
        Text::block(&help.ansi().to_string().replace(BEGIN, &MARK))
    }
}

impl From<&str> for Text {
    fn from(line: &str) -> Self {
        line.to_owned().into()
    }
}

impl From<Vec<String>> for Text {
    fn from(lines: Vec<String>) -> Self {
        Text(lines)
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (n, line) in self.lines().enumerate() {
            let between = if n == 0 { "" } else { "\n" };
            write!(f, "{between}{line}")?;
        }
        Ok(())
    }
}

/// A text on one line, in which control characters are signs: for what is measured before it is
/// printed. All the rest is left to [`Text`].
pub fn visible(text: &str) -> String {
    let mut signs = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut signs, c));
    signs
}

/// A line with our own styles as the terminal understands them, and all others as signs.
fn shown(line: &str) -> String {
    let mut parts = line.split(MARK.as_str());
    let mut text = visible(parts.next().unwrap_or_default());
    for part in parts {
        text.push_str(BEGIN);
        text.push_str(&visible(part));
    }
    text
}

/// Adds a character, or the signs that stand for it.
fn push(text: &mut String, c: char) {
    if c.is_control() || rules_lines_or_order(c) {
        // Writing to a string does not fail.
        let _ = match c {
            '\n' | '\r' | '\t' => write!(text, "{}", c.escape_default()),
            _ if c.is_ascii() => write!(text, "\\x{:02x}", u32::from(c)),
            _ => write!(text, "{}", c.escape_unicode()),
        };
    } else {
        text.push(c);
    }
}

/// True for what breaks lines as well, and for what makes text run the other way: with these, a
/// line would not read as it is.
fn rules_lines_or_order(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::{BAD, FAINT};

    #[test]
    fn what_others_wrote_is_shown_and_never_obeyed() {
        let reason = "a\x1b[31mRED\x1b]0;t\x07\r0s ago bob done T9\nFAKE\u{9b}1m\u{202e}\u{7f}é";
        let line = Text::from(format!("{}: {reason}", paint(BAD, "failed"))).to_string();
        assert_eq!(
            line,
            "\x1b[1m\x1b[31mfailed\x1b[0m: a\\x1b[31mRED\\x1b]0;t\\x07\\r0s ago bob done T9\\nFAKE\
             \\u{9b}1m\\u{202e}\\x7fé"
        );
        // Also within a style.
        assert_eq!(Text::from(paint(FAINT, "\x1b[31m")).to_string(), "\x1b[2m\\x1b[31m\x1b[0m");
    }

    #[test]
    fn lines_are_those_that_were_given() {
        let text = Text::from(vec!["one\ntwo".to_owned(), "three".to_owned()]);
        assert_eq!(text.to_string(), "one\\ntwo\nthree");
        assert_eq!(text.words(), "one\ntwo\nthree");
        assert_eq!(Text::block("one\r\n\ttwo\n").to_string(), "one\n    two");
        assert_eq!(text.after("so: ").to_string(), "so: one\\ntwo\nthree");
        assert!(Text::from("").is_empty() && Text::default().to_string().is_empty());
    }

    #[test]
    fn nothing_is_made_visible_twice() {
        let once = visible("a\tb\x1b\\");
        assert_eq!(once, "a\\tb\\x1b\\");
        assert_eq!(visible(&once), once);
    }
}
