//! What GCC, Clang, clang-tidy, mypy, `shellcheck -f gcc` and many others print.
//!
//! ```text
//! src/a.c:12:5: warning: unused variable 'x' [-Wunused-variable]
//! pkg/a.py:3: error: Incompatible return value  [return-value]
//! ```
//!
//! - The column may be missing. What stands in brackets at the end is the rule; of several
//!   (`[bugprone-x,-warnings-as-errors]`) the first; `-Werror=x` is `-Wx`.
//! - A `note` explains the message before it, unless it has a rule of its own.
//! - A header's warning comes once for each file that includes it; it is one item.
//! - Any other line is passed over.

use std::io::BufRead;

use crate::model::path::readable;

use super::ImportError;
use super::collect::Collector;
use super::finding::Finding;
use super::format::Head;
use super::lines::{for_each_line, plain};
use super::severity::Severity;

/// The words after the place, the longer ones first where one ends like another.
const WORDS: [(&str, Severity); 9] = [
    (": fatal error: ", Severity::Critical),
    (": error: ", Severity::Critical),
    (": warning: ", Severity::Major),
    (": performance: ", Severity::Major),
    (": portability: ", Severity::Major),
    (": style: ", Severity::Minor),
    (": information: ", Severity::Info),
    (": remark: ", Severity::Minor),
    (": note: ", Severity::Minor),
];

pub(super) fn sniff(head: &Head) -> bool {
    head.lines().any(|line| Message::parse(&plain(line.as_bytes())).is_some())
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    for_each_line(input, collector, |_, line, collector| {
        let line = plain(line);
        let Some(message) = Message::parse(&line) else { return Ok(()) };
        collector.finding_once(Finding {
            files: vec![collector.places.file(message.file)?],
            line: message.line,
            column: message.column,
            ..Finding::new(message.rule, readable(message.text), message.severity)
        });
        Ok(())
    })
}

#[derive(Debug, PartialEq)]
struct Message<'l> {
    file: &'l str,
    line: Option<u64>,
    column: Option<u64>,
    severity: Severity,
    rule: Option<String>,
    text: &'l str,
}

impl<'l> Message<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        // The message may quote another one, so the first word counts.
        let found = WORDS.iter().filter_map(|(word, severity)| Some((line.find(word)?, *word, *severity)));
        let (at, word, severity) = found.min_by_key(|(at, ..)| *at)?;
        let (file, line_number, column) = place(&line[..at])?;
        let (text, rule) = rule(line[at + word.len()..].trim());
        if text.is_empty() || (word == ": note: " && rule.is_none()) {
            return None;
        }
        Some(Message { file, line: Some(line_number).filter(|n| *n > 0), column, severity, rule, text })
    }
}

/// `file:12:5` or `file:12`.
fn place(text: &str) -> Option<(&str, u64, Option<u64>)> {
    let (rest, last) = text.rsplit_once(':')?;
    let last: u64 = last.parse().ok()?;
    let (file, line, column) = match rest.rsplit_once(':').and_then(|(f, n)| Some((f, n.parse().ok()?))) {
        Some((file, line)) => (file, line, Some(last).filter(|n| *n > 0)),
        None => (rest, last, None),
    };
    (!file.is_empty() && !file.starts_with(char::is_whitespace)).then_some((file, line, column))
}

/// Message and rule.
fn rule(text: &str) -> (&str, Option<String>) {
    let split = || {
        let (message, rules) = text.strip_suffix(']')?.rsplit_once('[')?;
        let rule = rules.split(',').next()?;
        if !message.ends_with(' ') {
            return None;
        }
        let of_a_rule = |b: u8| b.is_ascii_alphanumeric() || b"-_.=+:/@".contains(&b);
        (!rule.is_empty() && rules.bytes().all(|b| of_a_rule(b) || b == b',')).then_some((message, rule))
    };
    match split() {
        Some((message, rule)) => {
            let rule = rule.strip_prefix("-Werror=").map_or(rule.to_owned(), |name| format!("-W{name}"));
            (message.trim_end(), Some(rule))
        }
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{options, reasons, run};
    use super::*;

    #[test]
    fn compilers_and_checkers() {
        let text = "In file included from a.c:1:\n\
            src/a.c: In function 'main':\n\
            src/a.c:12:5: \u{1b}[01;35mwarning: \u{1b}[munused variable 'x' [-Wunused-variable]\n   12 |   int x;\n      |       ^\n\
            src/a.c:12:5: note: declared here\n\
            src/a.c:12:5: warning: unused variable 'x' [-Wunused-variable]\n\
            /repo/b.c:3:1: fatal error: no.h: No such file\n\
            pkg/a.py:3: error: Returns x: error: [y]  [return-value]\n\
            run.sh:1:2: note: Double quote [SC2086]\n\
            c.cc:1:1: error: bad [bugprone-x,-warnings-as-errors]\n\
            collect2: error: ld returned 1 exit status\nmake: *** [Makefile:3: all] Error 1\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.duplicates, report.bad_total), (Format::Gcc, 1, 0));
        let short: Vec<_> = items
            .iter()
            .map(|i| (i.item.files[0].as_str(), i.item.line, i.item.title.as_str(), i.priority))
            .collect();
        let expected = [
            ("src/a.c", Some(12), "-Wunused-variable: unused variable 'x'", 2),
            ("b.c", Some(3), "no.h: No such file", 1),
            ("pkg/a.py", Some(3), "return-value: Returns x: error: [y]", 1),
            ("run.sh", Some(1), "SC2086: Double quote", 3),
            ("c.cc", Some(1), "bugprone-x: bad", 1),
        ];
        assert_eq!(short, expected);
        let outside = run("a.c:1:1: error: x\n/usr/include/b.h:1:1: warning: y\n", &options()).1;
        assert_eq!(reasons(&outside), [(2, "/usr/include/b.h: outside the repository".to_owned())]);
    }

    #[test]
    fn rules_are_told_from_other_brackets() {
        assert_eq!(rule("x [-Werror=return-type]"), ("x", Some("-Wreturn-type".into())));
        assert_eq!(rule("use a[i] or list[int]"), ("use a[i] or list[int]", None));
        assert_eq!(rule("expected [a b]"), ("expected [a b]", None));
        assert_eq!(rule("[]"), ("[]", None));
    }
}
