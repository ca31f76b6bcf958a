//! Linters that write XML.

use crate::import::Format;
use crate::import::tests::{options, reasons, run};

#[test]
fn errors_of_files_are_items_and_bad_ones_have_their_lines() {
    let text = "<?xml version=\"1.0\"?>\n<!-- <junk> -->\n<checkstyle version=\"8.0\">\n\
        <file name=\"/repo/src/A.java\">\n<error line=\"3\" column=\"5\" severity=\"error\"\n message=\"a &lt;b&gt; &amp; &#233;\" source=\"com.x.LineLengthCheck\"/>\n\
        <error line=\"0\" severity=\"info\" message=\"whole file\"></error>\n\
        <error severity=\"ignore\" message=\"m\"/>\n<error line=\"4\"/>\n</file>\n\
        <file name=\"/x/B.java\"><error message=\"m\"/></file>\n</checkstyle>\n";
    let (items, report) = run(text, &options());
    assert_eq!((report.format, report.items, report.skipped), (Format::Checkstyle, 2, 1));
    let first = &items[0].item;
    assert_eq!(first.title, "com.x.LineLengthCheck: a <b> & é");
    assert_eq!((first.line, items[0].priority, first.files[0].as_str()), (Some(3), 1, "src/A.java"));
    assert_eq!((items[1].item.line, items[1].priority), (None, 4));
    let expected = [(9, "message: missing"), (11, "/x/B.java: outside the repository")];
    assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
}

type Row = (Format, &'static str, &'static str, Option<u64>, &'static str, u32);

const ROWS: [Row; 5] = [
    (
        Format::Pmd,
        "<pmd version='7'><file name='/repo/src/A.java'><violation beginline='3' begincolumn='5' rule='UnusedLocal' ruleset='Best Practices' priority='3' externalInfoUrl='https://x'>\nUnused 'x'\n</violation></file></pmd>",
        "src/A.java",
        Some(3),
        "UnusedLocal: Unused 'x'",
        2,
    ),
    (
        Format::Spotbugs,
        "<BugCollection><BugInstance type='NP_NULL' priority='1' category='CORRECTNESS'><LongMessage>Null in f()</LongMessage><Class><SourceLine sourcepath='org/A.java' start='1'/></Class><SourceLine sourcepath='org/shop/A.java' start='12'/></BugInstance></BugCollection>",
        "org/shop/A.java",
        Some(12),
        "NP_NULL: Null in f()",
        1,
    ),
    (
        Format::Cppcheck,
        "<results version='2'><errors><error id='nullPointer' severity='error' msg='Null' verbose='V'><location file='src/a.c' line='4' column='2'/><location file='src/b.c' line='9'/></error></errors></results>",
        "src/a.c",
        Some(4),
        "nullPointer: Null",
        1,
    ),
    (
        Format::Cppcheck,
        "<results><error file='src/a.c' line='4' id='x' severity='style' msg='m'/></results>",
        "src/a.c",
        Some(4),
        "x: m",
        3,
    ),
    (
        Format::AndroidLint,
        "<issues format='6'><issue id='HardcodedText' severity='Warning' message='Hardcoded' category='I18N' priority='5'><location file='app/a.xml' line='7' column='9'/></issue></issues>",
        "app/a.xml",
        Some(7),
        "HardcodedText: Hardcoded",
        2,
    ),
];

#[test]
fn every_linter_that_writes_xml() {
    for (format, text, file, line, title, priority) in ROWS {
        let (items, report) = run(text, &options());
        assert_eq!((report.format, reasons(&report)), (format, vec![]), "{text}");
        let found = items[0].item.files.first().map(|f| f.as_str()).unwrap_or_default();
        assert_eq!(
            (found, items[0].item.line, items[0].item.title.as_str(), items[0].priority),
            (file, line, title, priority)
        );
    }
}
