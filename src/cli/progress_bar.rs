//! A bar for what takes long: on a terminal only, on stderr.

use std::io::{self, IsTerminal as _, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::Ui;

/// How often items are counted on the screen.
const EVERY: u64 = 1024;

/// Shows how far the reading of a file is, and what follows.
pub struct Progress {
    bar: ProgressBar,
    items: u64,
}

impl Progress {
    /// A bar over `bytes`, or over an unknown length; hidden where nobody watches.
    pub fn new(ui: Ui, bytes: Option<u64>) -> Self {
        if ui.json || ui.quiet || !io::stderr().is_terminal() {
            return Progress { bar: ProgressBar::hidden(), items: 0 };
        }
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr_with_hz(10));
        let form = match bytes {
            Some(_) => "{bar:24} {bytes} of {total_bytes}, {msg}",
            None => "{spinner} {bytes}, {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_message("0 items");
        Progress { bar, items: 0 }
    }

    /// Counts what is read from `input`.
    pub fn reader<R: Read>(&self, input: R) -> impl Read + use<R> {
        self.bar.wrap_read(input)
    }

    /// Counts an item.
    pub fn item(&mut self) {
        self.items += 1;
        if self.items.is_multiple_of(EVERY) {
            self.bar.set_message(format!("{} items", self.items));
        }
    }

    /// Goes over to storing, of which no end is known.
    pub fn storing(&self) {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            self.bar.set_style(style);
        }
        self.bar.set_message(format!("storing {} items", self.items));
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
