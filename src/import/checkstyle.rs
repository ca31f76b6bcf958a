//! Checkstyle's XML, which many linters write.
//!
//! ```xml
//! <checkstyle version="8.0"><file name="/repo/A.java">
//!   <error line="3" column="5" severity="warning" message="…" source="com.…LineLengthCheck"/>
//! </file></checkstyle>
//! ```
//!
//! `source` is the rule as it stands; `severity` is `error`, `warning`, `info` or `ignore`, which
//! is no finding.

use std::io::BufRead;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::format::Head;
use super::severity::Severity;
use super::xml::{Element, Node, walk};

pub(super) fn sniff(head: &Head) -> bool {
    head.is_element("checkstyle")
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut file = None;
    walk(input, collector, |node, collector| match node {
        Node::Start(element) if element.name == "file" => file = Some(element),
        Node::Start(element) if element.name == "error" => {
            let severity = match element.get("severity") {
                Some("ignore") => return collector.skip(),
                Some(word) => Severity::parse(word).unwrap_or(Severity::UNKNOWN),
                None => Severity::UNKNOWN,
            };
            match finding(&element, file.as_ref(), severity, collector) {
                Ok(finding) => collector.finding(finding),
                Err(reason) => collector.bad(element.line, reason),
            }
        }
        Node::End(name, _) if name == "file" => file = None,
        _ => {}
    })
}

fn finding(
    error: &Element,
    file: Option<&Element>,
    severity: Severity,
    collector: &Collector<'_>,
) -> Result<Finding, String> {
    let name = file.and_then(|f| f.get("name")).ok_or("file: no name")?;
    let file = collector.places.file(name).map_err(|reason| format!("file: {reason}"))?;
    let rule = error.get("source").map(str::to_owned);
    let message = error.get("message").ok_or("message: missing")?.to_owned();
    Ok(Finding {
        files: vec![file],
        line: error.number("line"),
        column: error.number("column"),
        ..Finding::new(rule, message, severity)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};

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
        let expected = [(9, "message: missing"), (11, "file: /x/B.java: outside the repository")];
        assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    }

    #[test]
    fn a_document_that_is_cut_off_says_where() {
        let text = "<checkstyle>\n<file name=\"a.c\">\n<error message=\"m\"/>\n";
        let (items, report) = run(text, &options());
        assert_eq!(items.len(), 1);
        assert_eq!(reasons(&report), [(4, "the XML is broken: it ends in the middle".to_owned())]);
        let crossed = run("<checkstyle>\n<file>\n</checkstyle>", &options()).1;
        assert_eq!((crossed.bad_total, crossed.bad[0].line), (1, 3));
    }
}
