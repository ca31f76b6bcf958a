//! The short text for a file of instructions, between two marks. The first mark has a digest, so that a
//! text that somebody has changed is recognised.

use super::State;
use super::files::digest;

/// The text. It never asks for a commit or a push: what becomes of the work is for the user to say.
pub const TEXT: &str = "\
## Working beside other sessions (git-coord)

Several sessions, people and agents, work on this repository at the same time, each in its own worktree.

- `git coord status` shows who is at work; `git coord claims` shows who holds which files.
- Before you edit a file, it must be yours: `git coord claim PATH...`. Where the agent hook is set up, an edit claims
  a free file by itself.
- A file that another session holds is not yours to edit. Take other work, or wait: `git coord claim --wait 10m PATH`.
- Work from the queue comes with its files: `git coord next`, then `git coord done ITEM`, or `git coord fail ITEM
  --reason TEXT`, or `git coord drop ITEM` to give it back untouched.
- `git coord release PATH...` gives files back that you no longer need.
- Each command takes `--json`; `git coord COMMAND -h` explains it. Exit status 4: another session holds it. 3: you
  have lost it. 5: a rule refuses it, and the message says what helps.
";

const BEGIN: &str = "<!-- git-coord:begin sha256=";
const END: &str = "<!-- git-coord:end -->";

fn block(newline: &str) -> String {
    let text = format!("{BEGIN}{} -->\n{TEXT}{END}\n", &digest(TEXT.as_bytes())[..16]);
    text.replace('\n', newline)
}

/// Where the block is in a text: its bytes, with the end of its last line.
fn range(text: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(BEGIN)?;
    let end = start + text[start..].find(END)? + END.len();
    let rest = &text[end..];
    let line = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    Some(start..end + line)
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// How the block is in a text.
pub fn state(text: &str) -> State {
    match range(text) {
        None => State::Missing,
        Some(range) if text[range.clone()] == block(newline(text)) => State::Current,
        Some(_) => State::Stale,
    }
}

/// The text with the block: in its place, or at the end.
pub fn with(text: &str) -> String {
    let newline = newline(text);
    match range(text) {
        Some(range) => format!("{}{}{}", &text[..range.start], block(newline), &text[range.end..]),
        None if text.is_empty() => block(newline),
        None => {
            let end = if text.ends_with('\n') { "" } else { newline };
            format!("{text}{end}{newline}{}", block(newline))
        }
    }
}

/// The text without the block and the empty line before it; `None` when nothing is left.
pub fn without(text: &str) -> Option<String> {
    let Some(range) = range(text) else { return Some(text.to_owned()) };
    let newline = newline(text);
    let before = &text[..range.start];
    let before = before.strip_suffix(newline).filter(|b| b.ends_with(newline)).unwrap_or(before);
    let left = format!("{before}{}", &text[range.end..]);
    (!left.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_goes_in_and_out() {
        for text in ["", "# Mine\n", "# Mine\r\n\r\ntext\r\n"] {
            let new = with(text);
            assert_eq!(state(&new), State::Current);
            assert_eq!(with(&new), new);
            assert_eq!(without(&new).unwrap_or_default(), text);
            let other = new.replace("git coord status", "git coord log");
            assert_eq!((state(&other), with(&other)), (State::Stale, new));
        }
        assert!(!TEXT.contains("git commit") && !TEXT.contains("git push") && TEXT.lines().count() <= 20);
    }
}
