//! `status --watch`: the same, again and again.
//!
//! On a terminal it is drawn over itself on the alternate screen, in one write, so that nothing
//! flickers and the terminal is afterwards as it was before. Anywhere else it is printed anew
//! each time; with `--json`, one document a line.

use std::io::{IsTerminal as _, Write as _, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use serde_json::json;

use crate::cli::demo::stop_flag;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, Text, Ui, paint};
use crate::cli::text;

/// How often keys, the size of the window and Ctrl-C are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Shows what `look` says for a width and a height, every few seconds, until the user leaves or
/// the reader has gone.
///
/// # Errors
/// From `look`.
pub fn watch(
    ui: Ui,
    seconds: u64,
    no_color: bool,
    look: impl Fn(usize, Option<usize>) -> CliResult<Answer>,
) -> CliResult<Answer> {
    let pause = Duration::from_secs(seconds);
    let colors = anstream::AutoStream::choice(&stdout()) != anstream::ColorChoice::Never;
    // A terminal that knows no colours knows no alternate screen either.
    if ui.json || !stdout().is_terminal() || !(colors || no_color) {
        return print(ui, pause, look);
    }
    let stop = stop_flag()?;
    let mut screen = Screen::enter()?;
    loop {
        let size = size();
        let answer = look(size.0, Some(room(size.1)))?;
        screen.draw(&frame(&answer.text.to_string(), size, colors, seconds));
        match screen.wait(pause, size, &stop) {
            Then::Leave => return Ok(Answer::default()),
            Then::Again => {}
        }
    }
}

/// Prints it each time. Ends when the reader has gone.
fn print(
    ui: Ui,
    pause: Duration,
    look: impl Fn(usize, Option<usize>) -> CliResult<Answer>,
) -> CliResult<Answer> {
    loop {
        let answer = look(text::terminal_width(&stdout()), None)?;
        let printed = if ui.json {
            let document = json!({ "schema": 1, "ok": true, "data": answer.data });
            writeln!(stdout().lock(), "{document}").and_then(|()| stdout().flush())
        } else {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{}\n{}", crate::clock::now(), answer.text).and_then(|()| out.flush())
        };
        if printed.is_err() {
            return Ok(Answer::default());
        }
        std::thread::sleep(pause);
    }
}

/// Columns and lines of the terminal.
fn size() -> (usize, usize) {
    match termios::tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// Lines that a screen of `rows` lines has for the text: not the last one, nor the one before.
fn room(rows: usize) -> usize {
    rows.saturating_sub(2).max(1)
}

/// The text as it fills the screen: over what was there before, with a last line that says how to
/// leave. A text that is longer all the same is cut: the screen must not scroll.
fn frame(text: &str, (columns, rows): (usize, usize), colors: bool, seconds: u64) -> String {
    let room = room(rows);
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(room);
    let mut foot = format!("every {}, q leaves", text::length(i64::try_from(seconds).unwrap_or(i64::MAX)));
    if hidden > 0 {
        foot = format!("{} more, {foot}", crate::cli::text::count(hidden, "line"));
    }
    let foot = Text::from(paint(FAINT, crate::cli::table::cut(&foot, columns))).to_string();
    let shown = lines.iter().take(room).copied();
    let all = shown.map(str::to_owned).chain([String::new(), foot]);
    let lines: Vec<String> = all
        .map(|line| if colors { line } else { anstream::adapter::strip_str(&line).to_string() })
        // Cleared first: after a line that is as wide as the screen, it would lose its last sign.
        .map(|line| format!("\x1b[K{line}"))
        .collect();
    // Top left; then what is left of an older, longer frame is cleared.
    format!("\x1b[H{}\x1b[J", lines.join("\r\n"))
}

enum Then {
    Again,
    Leave,
}

/// The terminal while it is ours. Dropping it gives it back as it was.
struct Screen {
    /// The keyboard's settings before, when keys are read.
    keys: Option<Termios>,
}

impl Screen {
    fn enter() -> CliResult<Self> {
        let before = if stdin().is_terminal() { termios::tcgetattr(stdin()).ok() } else { None };
        if let Some(before) = &before {
            let mut now = before.clone();
            // Keys come at once and are not shown. Ctrl-C stays a signal; Ctrl-Z would leave the
            // terminal as it is.
            now.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            now.special_codes[SpecialCodeIndex::VMIN] = 0;
            now.special_codes[SpecialCodeIndex::VTIME] = 0;
            now.special_codes[SpecialCodeIndex::VSUSP] = 0;
            termios::tcsetattr(stdin(), OptionalActions::Now, &now)
                .map_err(|e| CliError::failed("io", format!("cannot read keys from the terminal: {e}")))?;
        }
        let mut screen = Screen { keys: before };
        // The alternate screen, no cursor, long lines are not wrapped.
        screen.draw("\x1b[?1049h\x1b[?25l\x1b[?7l");
        Ok(screen)
    }

    fn draw(&mut self, frame: &str) {
        let mut out = stdout().lock();
        // Between these two, terminals that can wait with showing what they get.
        let _ = write!(out, "\x1b[?2026h{frame}\x1b[?2026l").and_then(|()| out.flush());
    }

    /// Waits until it is time for the next look.
    fn wait(&self, pause: Duration, size: (usize, usize), stop: &Arc<AtomicBool>) -> Then {
        let began = Instant::now();
        while began.elapsed() < pause {
            std::thread::sleep(TICK.min(pause.saturating_sub(began.elapsed())));
            if stop.load(Ordering::SeqCst) {
                return Then::Leave;
            }
            match self.key() {
                Some(b'q' | b'Q') => return Then::Leave,
                Some(_) => return Then::Again,
                None if self::size() != size => return Then::Again,
                None => {}
            }
        }
        Then::Again
    }

    /// A key that was pressed.
    fn key(&self) -> Option<u8> {
        self.keys.as_ref()?;
        let mut bytes = [0; 16];
        match rustix::io::read(stdin(), &mut bytes) {
            // The first of an arrow key's bytes is not a letter.
            Ok(n) if n > 0 => Some(bytes[0]),
            _ => None,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.draw("\x1b[?7h\x1b[?25h\x1b[?1049l");
        if let Some(before) = &self.keys {
            let _ = termios::tcsetattr(stdin(), OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_never_scrolls_the_screen_and_tells_what_it_hides() {
        let text: String = (0..30).map(|n| format!("{n}\n")).collect();
        let full = frame(&text, (40, 10), true, 2);
        assert_eq!(full.matches("\r\n").count(), 9, "ten lines");
        assert!(full.contains("22 lines more, every 2s, q leaves"), "{full:?}");
        let short = frame("one\n", (40, 10), false, 90);
        assert_eq!(short, "\x1b[H\x1b[Kone\r\n\x1b[K\r\n\x1b[Kevery 1m, q leaves\x1b[J");
    }
}
