//! What is shown where not all fits: tables are cut, and the totals are always there.

use crate::cli::output::{FAINT, paint};

/// Fewest lines of a table that tell anything: its head, a row, how many more there are.
const FEWEST: usize = 3;

/// Puts tables and the totals below each other, with empty lines between them. With `room`, it is
/// no more lines than that: the longest tables are cut, and where even that is too much, they go,
/// the last one first.
pub fn page(mut tables: Vec<String>, totals: String, room: Option<usize>) -> String {
    tables.retain(|table| !table.is_empty());
    if let Some(room) = room {
        fit(&mut tables, height(&totals), room);
    }
    tables.extend(Some(totals).filter(|totals| !totals.is_empty()));
    tables.join("\n")
}

fn height(table: &str) -> usize {
    table.lines().count()
}

fn fit(tables: &mut Vec<String>, totals: usize, room: usize) {
    loop {
        let parts = tables.len() + usize::from(totals > 0);
        let left = room.saturating_sub(totals + parts.saturating_sub(1));
        let heights: Vec<usize> = tables.iter().map(|table| height(table)).collect();
        if heights.iter().sum::<usize>() <= left {
            return;
        }
        let longest = longest(&heights, left);
        // Without totals, one table is all there is to see.
        if longest >= FEWEST || parts == 1 {
            tables.iter_mut().for_each(|table| cut(table, longest));
            return;
        }
        tables.pop();
    }
}

/// How long tables of such heights may be, so that they take `left` lines.
fn longest(heights: &[usize], left: usize) -> usize {
    (0..=left).rev().find(|most| heights.iter().map(|h| h.min(most)).sum::<usize>() <= left).unwrap_or(0)
}

fn cut(table: &mut String, most: usize) {
    let lines: Vec<&str> = table.lines().collect();
    if lines.len() <= most {
        return;
    }
    let shown = most.saturating_sub(1);
    let more = paint(FAINT, format!("… {} more", lines.len() - shown));
    let kept: String = lines.iter().take(shown).map(|line| format!("{line}\n")).collect();
    *table = format!("{kept}{more}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: usize) -> String {
        (0..=rows).map(|n| format!("{name}{n}\n")).collect()
    }

    /// The page, without colours.
    fn shown(tables: &[String], totals: &str, room: Option<usize>) -> Vec<String> {
        let text = page(tables.to_vec(), totals.to_owned(), room);
        anstream::adapter::strip_str(&text).to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_totals_are_there_whatever_the_room() {
        let tables = [table("s", 40), table("q", 4)];
        let whole = shown(&tables, "all\nwell\n", None);
        assert_eq!(whole.len(), 41 + 1 + 5 + 1 + 2);
        assert_eq!(shown(&tables, "all\nwell\n", Some(whole.len())), whole);
        for room in 2..whole.len() {
            let lines = shown(&tables, "all\nwell\n", Some(room));
            assert!(lines.len() <= room, "{room}: {lines:?}");
            assert_eq!(lines[lines.len() - 2..], ["all", "well"], "{room}");
        }
        let lines = shown(&tables, "all\nwell\n", Some(22));
        assert_eq!((lines.len(), lines[11].as_str(), lines[12].as_str()), (22, "s11", "… 29 more"));
        assert_eq!(lines[14..19], whole[42..47], "the short table is whole");
        let small = shown(&tables, "all\nwell\n", Some(8));
        assert_eq!(small, ["s0", "s1", "s2", "s3", "… 37 more", "", "all", "well"]);
    }

    #[test]
    fn one_table_alone_is_cut_to_the_room() {
        assert_eq!(shown(&[table("s", 40)], "", Some(2)), ["s0", "… 40 more"]);
        assert_eq!(shown(&[String::new(), table("s", 1)], "", Some(2)), ["s0", "s1"]);
    }
}
