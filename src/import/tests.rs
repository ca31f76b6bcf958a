//! What holds for all formats, and what the tests of each format share.

use std::collections::BTreeSet;
use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// Reads a text whole.
pub(super) fn run(text: impl AsRef<[u8]>, options: &Options) -> (Vec<NewItem>, Report) {
    let mut items = Vec::new();
    let input = Box::new(Cursor::new(text.as_ref().to_vec()));
    let report = read(input, options, &mut |item| items.push(item)).expect("readable");
    assert_eq!(report.items, items.len() as u64);
    (items, report)
}

/// No format, and the top of the worktree at `/repo`.
pub(super) fn options() -> Options {
    Options::new("/repo".into())
}

/// The bad lines as pairs.
pub(super) fn reasons(report: &Report) -> Vec<(u64, String)> {
    report.bad.iter().map(|b| (b.line, b.reason.clone())).collect()
}

fn ids(text: &str) -> BTreeSet<String> {
    run(text, &options()).0.into_iter().map(|i| i.item.id.to_string()).collect()
}

#[test]
fn a_partition_gives_queues_only_to_items_without_one() {
    let text = "{\"title\":\"a\",\"category\":\"Types\"}\n{\"title\":\"b\",\"category\":\"Types\",\"queue\":\"q\"}\n{\"title\":\"c\"}";
    let by_category = Options { partition: Some(Partition::Category), ..options() };
    let queues = run(text, &by_category).0.into_iter().map(|i| i.queue.map(String::from));
    assert_eq!(queues.collect::<Vec<_>>(), [Some("types".into()), Some("q".into()), None]);
}

#[test]
fn an_unknown_content_is_an_error_unless_the_format_is_named() {
    let error = read(Box::new(Cursor::new("[1]")), &options(), &mut |_| {}).expect_err("unknown");
    assert_eq!(error.to_string(), "cannot tell the format from the content");
    let ruff = Options { format: Some(Format::Ruff), ..options() };
    assert_eq!(run("[]", &ruff).1, Report::new(Format::Ruff), "an array of none");
    assert_eq!(run("", &options()).1, Report::new(Format::Jsonl));
}

#[test]
fn gzip_is_unpacked_and_a_broken_archive_is_an_error() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut packed, b"{\"title\":\"a\"}\n").expect("memory");
    let packed = packed.finish().expect("memory");
    // Two archives behind each other are one, as for gzip itself.
    assert_eq!(run([packed.as_slice(), &packed].concat(), &options()).0.len(), 2);
    let cut = Box::new(Cursor::new(&packed[..packed.len() - 6]));
    let error = read(cut, &options(), &mut |_| {}).expect_err("cut off");
    assert!(error.to_string().starts_with("cannot read the input: "), "{error}");
}

#[test]
fn a_ruff_array_is_the_same_as_its_lines() {
    let lines = include_str!("../../tests/data/findings.ruff.jsonl");
    let array = format!("[\n  {}\n]", lines.trim_end().replace('\n', ",\n  "));
    let (items, report) = run(&array, &options());
    assert_eq!(report.format, Format::Ruff);
    assert_eq!(items, run(lines, &options()).0);
}

#[test]
fn an_input_that_fails_is_an_error_with_its_cause() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable pulled"))
        }
    }
    for text in ["{\"title\":\"t\"}\n".repeat(9000), format!("{{\"runs\":[{}", " ".repeat(99_999))] {
        let input = Box::new(io::BufReader::new(Cursor::new(text).chain(Failing)));
        let error = read(input, &options(), &mut |_| {}).expect_err("fails");
        assert_eq!(error.to_string(), "cannot read the input: cable pulled");
    }
}

#[test]
fn the_list_of_bad_lines_ends_and_the_count_goes_on() {
    let jsonl = Options { format: Some(Format::Jsonl), ..options() };
    let (_, report) = run("{}\n".repeat(1500), &jsonl);
    assert_eq!((report.bad.len(), report.bad_total, report.read), (Report::BAD_MAX, 1500, 1500));
}

#[test]
fn a_second_scan_of_a_changed_file_has_only_known_findings() {
    let text = include_str!("../../tests/data/findings.ruff.jsonl");
    let moved = text.replace("\"row\":1", "\"row\":9").lines().rev().collect::<Vec<_>>().join("\n");
    let fixed = text.lines().skip(50).collect::<Vec<_>>().join("\n");
    assert_eq!(ids(text).len(), 100);
    assert_eq!(ids(text), ids(&moved));
    assert!(ids(&fixed).is_subset(&ids(text)));
}

/// A finding of a small world, so that many are equal.
fn finding() -> impl Strategy<Value = (usize, usize, usize)> {
    (0..3usize, 0..3usize, 0..2usize)
}

fn ruff_line((file, code, message): &(usize, usize, usize), row: usize) -> String {
    let (message, row) = (["a", "b"][*message], row + 1);
    format!(
        "{{\"filename\":\"f{file}.py\",\"code\":\"E{code}\",\"message\":\"{message}\",\"location\":{{\"row\":{row}}}}}\n"
    )
}

fn sarif_log(findings: &[(usize, usize, usize)], shift: usize) -> String {
    let results: Vec<_> = findings
        .iter()
        .enumerate()
        .map(|(n, (file, code, message))| {
            let text = ["a", "b"][*message];
            serde_json::json!({"ruleId": format!("E{code}"), "message": {"text": text},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": format!("f{file}.py")},
                    "region": {"startLine": n + shift}}}]})
        })
        .collect();
    serde_json::json!({"version": "2.1.0", "runs": [{"results": results}]}).to_string()
}

proptest! {
    #[test]
    fn order_and_lines_do_not_change_the_ids(
        (findings, shuffled) in proptest::collection::vec(finding(), 0..30)
            .prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle())),
        shift in 1..50usize,
    ) {
        let lines = |of: &[(usize, usize, usize)], shift: usize| {
            of.iter().enumerate().map(|(n, f)| ruff_line(f, n + shift)).collect::<String>()
        };
        let before = ids(&lines(&findings, 0));
        prop_assert_eq!(before.len(), findings.len());
        prop_assert_eq!(&before, &ids(&lines(&shuffled, shift)));
        prop_assert_eq!(&before, &ids(&sarif_log(&shuffled, shift)), "the same findings as SARIF");
    }

    #[test]
    fn no_content_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), n in 0..Format::ALL.len()) {
        let named = Options { format: Some(Format::ALL[n]), ..options() };
        let Ok(report) = read(Box::new(Cursor::new(bytes)), &named, &mut |_| {}) else { return Ok(()) };
        prop_assert!(report.read <= report.items + report.skipped + report.duplicates + report.bad_total);
    }
}
