//! Small pieces of text for people: times, lengths, counts.

use jiff::Timestamp;

pub use crate::duration::parse as parse_duration;

/// A length of time in its two largest units: `45s`, `12m`, `3h 5m`, `2d 4h`.
pub fn length(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..=59 => format!("{s}s"),
        60..=3599 => format!("{}m", s / 60),
        3600..=86_399 => two(s / 3600, "h", s % 3600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit} {small}{small_unit}")
    }
}

/// Time from now until `at`. A lease of 30 minutes reads `30m`, not `29m`, in its first second.
pub fn until(at: Timestamp) -> String {
    let milliseconds = at.duration_since(crate::clock::now()).as_millis();
    let seconds = i64::try_from((milliseconds + 999) / 1000).unwrap_or(i64::MAX);
    length(if seconds > 300 { (seconds + 30) / 60 * 60 } else { seconds })
}

/// Time from `at` until now.
pub fn ago(at: Timestamp) -> String {
    format!("{} ago", length(crate::clock::now().duration_since(at).as_secs()))
}

/// A word as one would type it in a shell. Control characters are written as `$'\\n'`, which bash, zsh and
/// ksh read: as they are, the terminal would show them as signs, and what is copied would be another word.
pub fn shell_word(text: &str) -> String {
    if text.contains(char::is_control) {
        let mut quoted = String::from("$'");
        for c in text.chars() {
            match c {
                '\'' | '\\' => quoted.extend(['\\', c]),
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        quoted.push_str(&format!("\\{byte:03o}"));
                    }
                }
                c => quoted.push(c),
            }
        }
        return quoted + "'";
    }
    let quoted = shlex::try_quote(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned);
    if quoted.starts_with('-') { format!("./{quoted}") } else { quoted }
}

/// `1 item`, `2 items`.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Columns of the terminal behind a stream; `None` when it is none.
pub fn columns(stream: &(impl std::os::fd::AsFd + std::io::IsTerminal)) -> Option<usize> {
    stream.is_terminal().then(|| terminal_width(stream))
}

/// A text of one line with something in it, as an option.
///
/// # Errors
/// When it is none, with what to write.
pub fn parse_line(text: &str) -> Result<String, String> {
    let good = !text.trim().is_empty() && !text.contains(char::is_control);
    if good { Ok(text.to_owned()) } else { Err("write one line".into()) }
}

/// Columns of the terminal behind a stream; 80 when it is none.
pub fn terminal_width(stream: &impl std::os::fd::AsFd) -> usize {
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => 80,
    }
}

/// Breaks a line between words so that it fits `width` columns. The indentation is repeated; a
/// word that is wider goes on a line of its own.
pub fn wrap(line: &str, width: usize) -> Vec<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut lines: Vec<String> = Vec::new();
    let mut now = indent.to_owned();
    for word in line.split_whitespace() {
        let empty = now.len() == indent.len();
        let length = now.chars().count() + word.chars().count() + usize::from(!empty);
        if !empty && length > width {
            lines.push(std::mem::replace(&mut now, indent.to_owned()));
        } else if !empty {
            now.push(' ');
        }
        now.push_str(word);
    }
    lines.push(now);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("  one two", 6), ["  one", "  two"]);
        assert_eq!(wrap("wider-than-that one", 5), ["wider-than-that", "one"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        assert_eq!(length(5), "5s");
        assert_eq!(length(1800), "30m");
        assert_eq!(length(11_100), "3h 5m");
        assert_eq!(length(86_400), "1d");
    }
}
