//! Quotes, line ends and the numbers of lines.

use proptest::prelude::*;

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
    fn rows_are_what_they_were_written_as(rows in proptest::collection::vec(proptest::collection::vec("[a\",\n ]{0,6}", 3), 1..6), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let mut text = format!("id,title,notes{end}");
        let mut lines = Vec::new();
        for (n, row) in rows.iter().enumerate() {
            lines.push(text.matches('\n').count() as u64 + 1);
            text += &format!("{n},{},{}{end}", cell(&row[1]), cell(&row[2]));
        }
        let named = crate::import::Options { format: Some(crate::import::Format::Csv), ..options() };
        let (items, report) = run(text, &named);
        let empty: Vec<u64> = rows.iter().zip(&lines).filter(|(row, _)| row[1].trim().is_empty()).map(|(_, line)| *line).collect();
        prop_assert_eq!(report.bad.iter().map(|b| b.line).collect::<Vec<_>>(), empty, "the lines of rows without a title");
        prop_assert_eq!(items.len() as u64 + report.bad_total, rows.len() as u64);
    }
}

#[test]
fn what_is_quoted_well_or_only_oddly_is_taken() {
    let text = "id;title;notes\r\n1;\"a \"\"b\"\"\";\"two\r\nlines; \"\"one\"\"\"\r\n2;\"a\"b;\"\"\n\
                3;a \"b;\"two\nlines\" \n4;\"t\";\"\"\"\"";
    assert_eq!(read(text), (["1", "2", "3", "4"].map(str::to_owned).into(), vec![]));
}

#[test]
fn rows_that_a_carriage_return_ends_are_all_read() {
    let named = crate::import::Options { format: Some(crate::import::Format::Csv), ..options() };
    assert_eq!(run("id,title\r1,a\r2,b\r", &named).0.len(), 2);
}
