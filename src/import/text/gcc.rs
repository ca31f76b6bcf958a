//! What GCC, Clang, clang-tidy, mypy, `shellcheck -f gcc` and many others print.
//!
//! ```text
//! src/a.c:12:5: warning: unused variable 'x' [-Wunused-variable]
//! pkg/a.py:3: error: Incompatible return value  [return-value]
//! ```
//!
//! - The column may be missing. What is in brackets at the end is the rule; of several
//!   (`[bugprone-x,-warnings-as-errors]`) the first; `-Werror=x` is `-Wx`.
//! - A `note` explains the message before it, unless it has a rule of its own.
//! - A header's warning comes once for each file that includes it; it is one item.
//! - Any other line is passed over, with a note when it names a place.

use super::place::whole;
use super::{Parsed, prefix, read};
use crate::import::finding::Finding;
use crate::import::format::{Read, Spec};
use crate::import::lines::plain;
use crate::import::place::FileName;
use crate::import::severity::Severity;
use crate::model::path::readable;

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

pub(in crate::import) const SPEC: Spec = Spec {
    name: "gcc",
    about: "what GCC, Clang, clang-tidy, mypy, cppcheck print: file:line:column: error: message [rule]",
    sniff: |head| {
        head.lines().any(|line| matches!(parse(prefix::without(&plain(line.as_bytes()))), Parsed::Finding(_)))
    },
    read: Read::By(|input, collector| read(input, collector, parse)),
    skipped: "lines that explain others",
};

fn parse(line: &str) -> Parsed {
    // The message may quote another one, so the first word counts.
    let found = WORDS.iter().filter_map(|(word, severity)| Some((line.find(word)?, *word, *severity)));
    let Some((at, word, severity)) = found.min_by_key(|(at, ..)| *at) else { return Parsed::Unknown };
    let Some(place) = whole(&line[..at]) else { return Parsed::Unknown };
    let (text, rule) = rule(line[at + word.len()..].trim());
    if text.is_empty() || (word == ": note: " && rule.is_none()) {
        return Parsed::Known;
    }
    Parsed::Finding(Box::new(Finding {
        files: vec![FileName::Path(place.file.to_owned())],
        line: place.line,
        column: place.column,
        ..Finding::new(rule, readable(text), severity)
    }))
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
    use super::*;
    use crate::import::Format;
    use crate::import::tests::{options, reasons, run};

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
            collect2: error: ld returned 1 exit status\nmake: *** [Makefile:3: all] Error 1\n\
            main.c:7: undefined reference to `f'\n";
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
        let notes: Vec<_> = report.notes.iter().map(|n| (n.line, n.reason.as_str())).collect();
        assert_eq!(notes, [(14, "not understood: main.c:7: undefined reference to `f'")]);
        let outside = run("a.c:1:1: error: x\n/usr/include/b.h:1:1: warning: y\n", &options()).1;
        assert_eq!(reasons(&outside), [(2, "/usr/include/b.h: outside the repository".to_owned())]);
        let skipping = crate::import::Options { skip_outside: true, ..options() };
        let outside = run("a.c:1:1: error: x\n/usr/include/b.h:1:1: warning: y\n", &skipping).1;
        assert_eq!((outside.items, outside.outside, outside.bad_total), (1, 1, 0));
    }

    #[test]
    fn rules_differ_from_other_brackets() {
        assert_eq!(rule("x [-Werror=return-type]"), ("x", Some("-Wreturn-type".into())));
        assert_eq!(rule("use a[i] or list[int]"), ("use a[i] or list[int]", None));
        assert_eq!(rule("expected [a b]"), ("expected [a b]", None));
        assert_eq!(rule("[]"), ("[]", None));
    }
}
