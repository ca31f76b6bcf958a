//! What commands show that go on for long: bars on a terminal, and lines that stay above them.

use std::io::IsTerminal as _;

use anstyle::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::{Text, Ui, paint};
use crate::cli::text;

/// Bars and lines on stderr.
pub(super) struct Lines {
    ui: Ui,
    bars: Option<MultiProgress>,
    colour: bool,
    width: usize,
}

impl Lines {
    /// No bars yet, and none at all where nobody watches.
    pub(super) fn new(ui: Ui) -> Self {
        let stderr = std::io::stderr();
        let draw = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Lines {
            ui,
            bars: (stderr.is_terminal() && !ui.quiet).then(draw),
            colour: anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never,
            width: text::terminal_width(&stderr),
        }
    }

    /// Adds a bar below the others; `None` where nobody watches.
    pub(super) fn add(&self, bar: ProgressBar, template: &str) -> Option<ProgressBar> {
        let bar = self.bars.as_ref()?.add(bar);
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        Some(bar)
    }

    /// Words in a style, where colours are wanted.
    pub(super) fn paint(&self, style: Style, words: &str) -> String {
        if self.colour { paint(style, words) } else { words.to_owned() }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bars {
            // A bar that scrolls away is not a reason to stop.
            Some(bars) => drop(bars.println(shown(line))),
            None => self.ui.narrate(line),
        }
    }

    /// Words on a bar.
    pub(super) fn set(&self, bar: &ProgressBar, words: &str) {
        bar.set_message(shown(words));
    }

    /// A text in lines that leave `margin` columns free.
    pub(super) fn wrap(&self, text: &str, margin: usize) -> Vec<String> {
        text::wrap(text, self.width.saturating_sub(margin))
    }

    /// Takes the bars away.
    pub(super) fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            let _ = bars.clear();
        }
    }
}

fn shown(line: &str) -> String {
    Text::from(line).to_string()
}
