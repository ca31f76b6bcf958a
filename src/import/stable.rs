//! A message without the numbers that change when code above it grows.
//!
//! `'x' is already declared on line 12 column 5` is the same finding when its line is 22. A number is written
//! as `#` when
//!
//! 1. it follows one of the words `line`, `lines`, `column`, `columns`, `col`, `row` (in any case), with
//!    blanks, `:`, `#` or `-` between them; a second number after `-`, `:`, `,` or `to` belongs to it;
//! 2. it follows `:` directly after a name that has a `.` and an ending (`a.c:12:5`);
//! 3. the word `lines` follows it after one blank;
//! 4. the message says `too many lines` or `too large`, wherever the number is.
//!
//! A number is a run of ASCII digits that no ASCII letter, digit or `_` precedes.

use std::borrow::Cow;

/// Words that announce the number of a line.
const WORDS: [&str; 6] = ["line", "lines", "column", "columns", "col", "row"];

/// The message as its identity has it.
pub(super) fn stable(message: &str) -> Cow<'_, str> {
    if !message.bytes().any(|b| b.is_ascii_digit()) {
        return Cow::Borrowed(message);
    }
    let lower = message.to_ascii_lowercase();
    let all = lower.contains("too many lines") || lower.contains("too large");
    let mut out = String::with_capacity(message.len());
    let mut rest = 0;
    // The number before was one of these, so one that is joined to it is, too.
    let mut before = false;
    for (start, end) in numbers(message) {
        let between = &message[rest..start];
        let joined = before && matches!(between.trim(), "-" | ":" | "," | "to" | ".." | "–");
        before = all || joined || announced(&lower[..start]) || lower[end..].starts_with(" lines");
        out.push_str(between);
        out.push_str(if before { "#" } else { &message[start..end] });
        rest = end;
    }
    out.push_str(&message[rest..]);
    if out == message { Cow::Borrowed(message) } else { Cow::Owned(out) }
}

/// Begin and end of each number.
fn numbers(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(u8::is_ascii_digit)?;
            let length = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
            at = start + length;
            let part_of_a_word =
                start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'_');
            if !part_of_a_word {
                return Some((start, at));
            }
        }
    })
}

/// True when what precedes a number, in lower case, says that it is one of a line.
fn announced(before: &str) -> bool {
    let text = before.trim_end_matches([' ', ':', '#', '-']);
    let word = text.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    if WORDS.contains(&word) {
        return true;
    }
    let Some(place) = before.strip_suffix(':') else { return false };
    let name = place.rsplit([' ', '(', '[', '\'', '"', '`', '/']).next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|e| !e.is_empty() && e.len() <= 5 && e.bytes().all(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::stable;

    #[test]
    fn numbers_of_lines_are_not_part_of_the_identity() {
        for (message, expected) in [
            (
                "'x' is already declared in the upper scope on line 12 column 5.",
                "'x' is already declared in the upper scope on line # column #.",
            ),
            ("Redefinition of unused 'x' from line 12", "Redefinition of unused 'x' from line #"),
            (
                "File has too many lines (345). Maximum allowed is 300.",
                "File has too many lines (#). Maximum allowed is #.",
            ),
            ("`a` was declared at src/a.c:12:5", "`a` was declared at src/a.c:#:#"),
            ("3-14 lines are duplicate of `b.go:20-31`", "3-# lines are duplicate of `b.go:#-#`"),
            ("function is 65 lines long", "function is # lines long"),
            ("Similar lines: 12, 40", "Similar lines: #, #"),
        ] {
            assert_eq!(stable(message), expected);
        }
    }

    #[test]
    fn other_numbers_are() {
        for message in [
            "Line too long (81 > 79 characters)",
            "Expected 2 arguments, but got 3",
            "Too many arguments (7 > 5)",
            "use x86_64 at 10:30",
            "no digits",
            "inline5 and UTF-8",
        ] {
            assert_eq!(stable(message), message);
        }
    }
}
