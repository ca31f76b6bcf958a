//! Linters that write XML, each a table of its elements and attributes.

use std::io::BufRead;

use super::walk::{Element, Node, walk};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::finding::Finding;
use crate::import::format::{Read, Spec};
use crate::import::place::FileName;
use crate::import::scale;
use crate::import::severity::Severity;

/// The names of elements and attributes of one linter. Of several, the first that is there counts.
pub(in crate::import) struct Lint {
    /// The element around the findings of one file, and its attribute with the name.
    file: (&'static str, &'static str),
    /// The element of a finding.
    finding: &'static str,
    /// The element with the place, and its attributes: file, line, column. Empty: they are the finding's own.
    place: (&'static str, &'static str, &'static str, &'static str),
    rule: &'static str,
    message: &'static [&'static str],
    /// The element in the finding whose text is the message; the finding's own name for its own text.
    text: &'static str,
    severity: &'static str,
    /// Severities that are numbers.
    numbers: &'static [(&'static str, Severity)],
    category: &'static str,
    url: &'static str,
}

const LINT: Lint = Lint {
    file: ("file", "name"),
    finding: "error",
    place: ("", "file", "line", "column"),
    rule: "id",
    message: &["message"],
    text: "",
    severity: "severity",
    numbers: &[],
    category: "",
    url: "",
};

pub(in crate::import) const CHECKSTYLE: Spec = Spec {
    name: "checkstyle",
    about: "Checkstyle's XML, which many linters write",
    sniff: |head| head.is_element("checkstyle"),
    read: Read::Xml(&Lint { rule: "source", ..LINT }),
    ..Spec::DEFAULT
};

pub(in crate::import) const PMD: Spec = Spec {
    name: "pmd",
    about: "PMD's XML",
    sniff: |head| head.is_element("pmd"),
    read: Read::Xml(&Lint {
        finding: "violation",
        place: ("", "", "beginline", "begincolumn"),
        rule: "rule",
        message: &[],
        text: "violation",
        severity: "priority",
        numbers: &[
            ("1", Severity::Blocker),
            ("2", Severity::Critical),
            ("3", Severity::Major),
            ("4", Severity::Minor),
            ("5", Severity::Info),
        ],
        category: "ruleset",
        url: "externalInfoUrl",
        ..LINT
    }),
    ..Spec::DEFAULT
};

pub(in crate::import) const SPOTBUGS: Spec = Spec {
    name: "spotbugs",
    about: "SpotBugs' and FindBugs' XML",
    sniff: |head| head.is_element("BugCollection"),
    read: Read::Xml(&Lint {
        file: ("", ""),
        finding: "BugInstance",
        place: ("SourceLine", "sourcepath", "start", ""),
        rule: "type",
        message: &["type"],
        text: "LongMessage",
        severity: "priority",
        numbers: &[("1", Severity::Critical), ("2", Severity::Major), ("3", Severity::Minor)],
        category: "category",
        ..LINT
    }),
    ..Spec::DEFAULT
};

pub(in crate::import) const CPPCHECK: Spec = Spec {
    name: "cppcheck",
    about: "cppcheck --xml",
    sniff: |head| head.is_element("results"),
    read: Read::Xml(&Lint {
        file: ("", ""),
        place: ("location", "file", "line", "column"),
        message: &["msg", "verbose"],
        ..LINT
    }),
    ..Spec::DEFAULT
};

pub(in crate::import) const ANDROID_LINT: Spec = Spec {
    name: "android-lint",
    about: "Android lint's XML",
    sniff: |head| head.is_element("issues"),
    read: Read::Xml(&Lint {
        file: ("", ""),
        finding: "issue",
        place: ("location", "file", "line", "column"),
        category: "category",
        url: "url",
        ..LINT
    }),
    ..Spec::DEFAULT
};

/// A finding being read.
struct Open {
    element: Element,
    /// Where it is, and whether that is the finding's own place rather than one of a part of it.
    place: Option<(Element, bool)>,
    text: Option<String>,
    /// Elements that are open in it.
    depth: usize,
}

/// Reads a document by a table.
///
/// # Errors
/// As for [`walk`].
pub(in crate::import) fn read(
    lint: &Lint,
    input: Box<dyn BufRead + '_>,
    collector: &mut Collector<'_>,
) -> Result<(), ImportError> {
    let mut file: Option<Element> = None;
    let mut open: Option<Open> = None;
    walk(input, collector, |node, collector| match node {
        Node::Start(element) if element.name == lint.finding && open.is_none() => {
            open = Some(Open { element, place: None, text: None, depth: 0 });
        }
        Node::Start(element) => match &mut open {
            Some(open) => {
                let own = open.depth == 0;
                if element.name == lint.place.0 && open.place.as_ref().is_none_or(|(_, had)| own && !had) {
                    open.place = Some((element, own));
                }
                open.depth += 1;
            }
            None if element.name == lint.file.0 => file = Some(element),
            None => {}
        },
        Node::End(name, text) => match &mut open {
            Some(inner) if inner.depth > 0 => {
                inner.depth -= 1;
                if name == lint.text {
                    inner.text = Some(text);
                }
            }
            Some(_) => {
                let Some(mut done) = open.take() else { return };
                if name == lint.text {
                    done.text = Some(text);
                }
                let line = done.element.line;
                if done.element.get("severity") == Some("ignore") {
                    return collector.skip();
                }
                match finding(lint, &done, file.as_ref(), collector) {
                    Ok(finding) => collector.finding(line, finding),
                    Err(reason) => collector.bad(line, reason),
                }
            }
            None if name == lint.file.0 => file = None,
            None => {}
        },
    })
}

fn finding(
    lint: &Lint,
    open: &Open,
    file: Option<&Element>,
    collector: &Collector<'_>,
) -> Result<Finding, String> {
    let Open { element, place, text, .. } = open;
    let (_, name, line, column) = lint.place;
    let place = place.as_ref().map_or(element, |(place, _)| place);
    let of_file = file.and_then(|file| file.get(lint.file.1));
    let path = place.get(name).or(of_file);
    if lint.place.0.is_empty() && path.is_none() {
        return Err("file: no name".into());
    }
    let said = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let message = said.or_else(|| lint.message.iter().find_map(|name| element.get(name)));
    let message = message.ok_or_else(|| format!("{}: missing", lint.message.first().unwrap_or(&"text")))?;
    let word = element.get(lint.severity);
    let number =
        word.and_then(|word| lint.numbers.iter().find(|(n, _)| *n == word)).map(|(_, severity)| *severity);
    let severity = number.or_else(|| word.and_then(scale::word)).unwrap_or(Severity::UNKNOWN);
    let mut finding = Finding::new(element.get(lint.rule).map(str::to_owned), message.to_owned(), severity);
    // A compiler knows the package, and not the folder that its sources are in.
    let found = path.filter(|path| !path.starts_with('/')).filter(|path| {
        !collector.places.path(path).is_ok_and(|path| collector.places.has(&path))
            && lint.place.0 == "SourceLine"
    });
    let found = found.and_then(|path| collector.tree().ending(path)).map(FileName::Found);
    finding.files.extend(found.or_else(|| path.map(|path| FileName::Path(path.to_owned()))));
    (finding.line, finding.column) = (place.number(line), place.number(column));
    finding.category = element.get(lint.category).map(str::to_owned).or(finding.category);
    finding.url = element.get(lint.url).map(str::to_owned);
    Ok(finding)
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
