//! Tables that fit the terminal: what matters least goes first when there is no room.

use anstyle::Style;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr as _;

use crate::cli::output::{FAINT, paint};
use crate::cli::sanitize::visible;

/// Columns between two columns.
const GAP: usize = 2;

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a style.
    pub fn new(style: Style, text: impl ToString) -> Self {
        Cell { text: visible(&text.to_string()), style }
    }

    /// A cell without one.
    pub fn plain(text: impl ToString) -> Self {
        Cell::new(Style::new(), text)
    }

    /// A number in a style; 0 needs none.
    pub fn number(style: Style, n: u64) -> Self {
        Cell::new(if n > 0 { style } else { Style::new() }, n)
    }
}

/// What fills a column whose width is whatever is left.
#[derive(Debug, Clone)]
enum Filling {
    Cells(Vec<Cell>),
    /// Text that is cut.
    Text(Vec<Cell>),
    /// Bars: the shares of a whole, each in its style.
    Bars(Vec<Vec<(Style, f64)>>),
}

/// One column.
#[derive(Debug, Clone)]
struct Column {
    head: &'static str,
    right: bool,
    /// The higher, the longer it stays; `u8::MAX`: it always does.
    rank: u8,
    filling: Filling,
}

/// A table being put together, column by column.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    columns: Vec<Column>,
}

impl Grid {
    /// A column of text, as wide as its widest cell.
    pub fn text(self, head: &'static str, rank: u8, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.with(head, false, rank, Filling::Cells(cells.into_iter().collect()))
    }

    /// A column of numbers.
    pub fn numbers(self, head: &'static str, rank: u8, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.with(head, true, rank, Filling::Cells(cells.into_iter().collect()))
    }

    /// A column of text that is cut so that the table fits; the only one that takes what is left.
    pub fn rest(self, head: &'static str, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.with(head, false, u8::MAX, Filling::Text(cells.into_iter().collect()))
    }

    /// A column of bars; of each whole, the shares in their order. It takes what is left.
    pub fn bars(self, rank: u8, bars: impl IntoIterator<Item = Vec<(Style, f64)>>) -> Self {
        self.with("", false, rank, Filling::Bars(bars.into_iter().collect()))
    }

    fn with(mut self, head: &'static str, right: bool, rank: u8, filling: Filling) -> Self {
        self.columns.push(Column { head, right, rank, filling });
        self
    }

    /// The lines of the table in `width` columns of the terminal, each ended.
    pub fn fit(mut self, width: usize) -> String {
        loop {
            let used: usize = self.columns.iter().map(Column::least).sum::<usize>()
                + GAP * self.columns.len().saturating_sub(1);
            let least = self.columns.iter().map(|c| c.rank).min().unwrap_or(u8::MAX);
            if used > width && least < u8::MAX {
                self.columns.retain(|c| c.rank > least);
                continue;
            }
            return self.draw(width.saturating_sub(used));
        }
    }

    fn draw(self, spare: usize) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        // Nothing is not painted, so that the end of a line can be trimmed.
        let head = |c: &Column| if c.head.is_empty() { String::new() } else { paint(FAINT, c.head) };
        table.set_header(self.columns.iter().map(head));
        let rows = self.columns.iter().map(Column::rows).max().unwrap_or(0);
        for row in 0..rows {
            table.add_row(self.columns.iter().map(|c| c.cell(row, spare)));
        }
        for (place, column) in self.columns.iter().enumerate() {
            if let Some(drawn) = table.column_mut(place) {
                drawn.set_padding((0, if place + 1 < self.columns.len() { GAP as u16 } else { 0 }));
                if column.right {
                    drawn.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        drawn(&table)
    }
}

/// The lines of a table, each ended.
pub fn drawn(table: &Table) -> String {
    // comfy-table ends the styles of a cell that it takes for styled, which is not ours to print:
    // they have been ended.
    let line = |line: String| format!("{}\n", line.replace("\x1b[0m", "").trim_end());
    table.lines().map(line).collect()
}

/// Widths of bars.
const BAR: std::ops::RangeInclusive<usize> = 6..=24;

/// Least width of a text that is cut.
const TEXT: usize = 12;

impl Column {
    fn rows(&self) -> usize {
        match &self.filling {
            Filling::Cells(cells) | Filling::Text(cells) => cells.len(),
            Filling::Bars(bars) => bars.len(),
        }
    }

    /// The width that it needs.
    fn least(&self) -> usize {
        match &self.filling {
            Filling::Cells(cells) => {
                cells.iter().map(|c| c.text.width()).chain([self.head.width()]).max().unwrap_or(0)
            }
            Filling::Text(_) => TEXT,
            Filling::Bars(_) => *BAR.start(),
        }
    }

    fn cell(&self, row: usize, spare: usize) -> String {
        match &self.filling {
            Filling::Cells(cells) => cells.get(row).map(|c| paint(c.style, &c.text)).unwrap_or_default(),
            Filling::Text(cells) => {
                cells.get(row).map(|c| paint(c.style, cut(&c.text, TEXT + spare))).unwrap_or_default()
            }
            Filling::Bars(bars) => {
                let width = (BAR.start() + spare).min(*BAR.end());
                bars.get(row).map(|shares| bar(shares, width)).unwrap_or_default()
            }
        }
    }
}

/// A line in which one text may be long.
#[derive(Debug, Clone)]
pub struct Line {
    /// What stands before it.
    pub before: String,
    /// The text that gives way.
    pub text: String,
    /// What follows it.
    pub after: String,
}

impl Line {
    /// The line in `width` columns of the terminal, or whole where there is none. What is left of
    /// the text can still be recognised.
    pub fn fit(&self, width: Option<usize>) -> String {
        let Line { before, text, after } = self;
        let text = &visible(text);
        let seen = |part: &str| anstream::adapter::strip_str(part).to_string().width();
        match width {
            Some(width) => {
                let rest = width.saturating_sub(seen(before) + seen(after));
                format!("{before}{}{after}", cut(text, rest.max(TEXT)))
            }
            None => format!("{before}{text}{after}"),
        }
    }
}

/// Cuts a text to a width, with a sign that something is missing.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if kept.width() >= width {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

/// A bar of shares. What is there is never drawn as nothing, and what is not full never as full.
fn bar(shares: &[(Style, f64)], width: usize) -> String {
    let mut text = String::new();
    let (mut sum, mut drawn) = (0.0, 0);
    for (n, (style, share)) in shares.iter().enumerate() {
        sum += share;
        let mut upto = (sum * width as f64).round() as usize;
        if *share > 0.0 {
            upto = upto.max(drawn + 1);
        }
        if sum < 1.0 - 1e-9 {
            upto = upto.min(width - 1);
        }
        let cells = upto.min(width).saturating_sub(drawn);
        // Without colours, too, what is done must not look like what is only begun.
        let sign = if n == 0 { "█" } else { "▒" };
        text.push_str(&paint(*style, sign.repeat(cells)));
        drawn += cells;
    }
    text + &paint(FAINT, "░".repeat(width - drawn))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn grid() -> Grid {
        Grid::default().text("NAME", u8::MAX, [Cell::plain("one"), Cell::plain("two")]).numbers(
            "N",
            1,
            [Cell::plain(7), Cell::plain(1000)],
        )
    }

    #[test]
    fn a_table_fits_and_what_matters_least_goes_first() {
        let text = || grid().rest("WHAT", [Cell::plain("a long text about this"), Cell::plain("短い文")]);
        assert_eq!(
            plain(&text().fit(30)),
            "NAME     N  WHAT\none      7  a long text about…\ntwo   1000  短い文\n"
        );
        assert_eq!(plain(&text().fit(20)), "NAME  WHAT\none   a long text a…\ntwo   短い文\n");
        assert_eq!(plain(&text().fit(4)).lines().nth(1), Some("one   a long text…"), "text stays");
        let bars = || grid().bars(2, [vec![(FAINT, 0.5)], vec![(FAINT, 0.001)]]);
        assert_eq!(plain(&bars().fit(22)), "NAME     N\none      7  █████░░░░░\ntwo   1000  █░░░░░░░░░\n");
        assert_eq!(plain(&bars().fit(16)).lines().nth(1), Some("one   █████░░░░░"), "a number goes first");
        assert_eq!(plain(&bars().fit(9)), "NAME\none\ntwo\n");
    }

    #[test]
    fn bars_show_that_something_is_there_and_that_something_is_missing() {
        let shown =
            |shares: &[f64]| plain(&bar(&shares.iter().map(|s| (Style::new(), *s)).collect::<Vec<_>>(), 10));
        assert_eq!(shown(&[0.0]), "░░░░░░░░░░");
        assert_eq!(shown(&[0.001]), "█░░░░░░░░░");
        assert_eq!(shown(&[0.999]), "█████████░");
        assert_eq!(shown(&[0.5, 0.5]), "█████▒▒▒▒▒");
        assert_eq!(shown(&[0.2, 0.1]), "██▒░░░░░░░");
    }

    #[test]
    fn a_line_is_cut_in_its_text_and_only_on_a_terminal() {
        let line = Line {
            before: paint(FAINT, "短い  "),
            text: "a title that is long".into(),
            after: paint(FAINT, " (main)"),
        };
        assert_eq!(plain(&line.fit(None)), "短い  a title that is long (main)");
        assert_eq!(plain(&line.fit(Some(33))), "短い  a title that is long (main)");
        assert_eq!(plain(&line.fit(Some(32))), "短い  a title that is lo… (main)");
        assert_eq!(plain(&line.fit(Some(5))), "短い  a title tha… (main)");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("短い文です", 6), "短い…");
        assert_eq!(cut("short", 5), "short");
    }
}
