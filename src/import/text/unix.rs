//! `file:line[:column]: message`, which nearly every linter can print.
//!
//! ```text
//! src/a.py:1:80: E501 line too long (81 > 79 characters)
//! src/b.py:7:0: C0114: Missing module docstring (missing-module-docstring)
//! src/c.go:9:9: empty branch (SA9003)
//! ci/d.yml:1:1: [warning] missing document start "---" (document-start)
//! ```
//!
//! - **Rule**: a first word such as `E501`, `C0114:`, `[D100]`; else what is in the last brackets, if that is one
//!   word. `eslint -f unix` writes `[Error/no-undef]`, `stylelint -f unix` `[error/rule]`.
//! - **Severity**: a word in brackets (`[warning]`, `[W]`), or `error:`, `warning` before the message; a rule of
//!   pylint says it by its first letter.

use super::place::leading;
use super::{Parsed, prefix, read};
use crate::import::finding::Finding;
use crate::import::format::{Read, Spec};
use crate::import::place::FileName;
use crate::import::scale;
use crate::import::severity::Severity;
use crate::import::sniff::Head;
use crate::model::path::readable;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "lines",
    about: "file:line[:column]: message, which nearly every linter prints (flake8, pylint, go vet, yamllint, eslint -f unix …)",
    sniff,
    read: Read::By(|input, collector| read(input, collector, parse)),
    skipped: "lines",
};

/// At least half of the lines begin with a place, or three do.
fn sniff(head: &Head) -> bool {
    let (mut found, mut all) = (0, 0);
    for line in head.plain_lines() {
        let line = prefix::without(&line);
        let place = leading(line).filter(|(place, rest)| place.is_sure() && rest.starts_with(' '));
        found += usize::from(place.is_some());
        // Headers: `************* Module a`, `# example.org/x`.
        all += usize::from(!line.starts_with(['#', '*', '-', '=']));
    }
    found > 0 && (found >= 3 || found * 2 >= all)
}

fn parse(line: &str) -> Parsed {
    let Some((place, rest)) = leading(line).filter(|(place, _)| place.is_sure()) else {
        return Parsed::Unknown;
    };
    let rest = rest.trim();
    if rest.is_empty() {
        return Parsed::Unknown;
    }
    let (severity, rest) = severity(rest);
    let (rule, text) = rule(rest);
    let (tail, text, rule) = match rule {
        Some(rule) => (None, without_symbol(&rule, text), Some(rule)),
        None => tail(text),
    };
    let by_rule = rule.as_deref().and_then(scale::pylint);
    let severity = severity.or(tail).or(by_rule).unwrap_or(Severity::UNKNOWN);
    let message = if text.is_empty() { rule.clone().unwrap_or_default() } else { readable(text) };
    Parsed::Finding(Box::new(Finding {
        tool: by_rule.map(|_| "pylint".to_owned()),
        files: vec![FileName::Path(place.file.to_owned())],
        line: place.line,
        column: place.column,
        ..Finding::new(rule, message, severity)
    }))
}

/// A severity that begins a message: `[warning] `, `error: `, `Warning `, `[E] `.
fn severity(text: &str) -> (Option<Severity>, &str) {
    if let Some((word, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']'))
        && let Some(severity) = letter(word).or_else(|| scale::word(word))
    {
        return (Some(severity), rest.trim_start_matches([':', ' ']));
    }
    match text.split_once(": ") {
        Some((word, rest)) if letter(word).or_else(|| scale::word(word)).is_some() => {
            (letter(word).or_else(|| scale::word(word)), rest.trim())
        }
        _ => (None, text),
    }
}

fn letter(word: &str) -> Option<Severity> {
    Some(match word {
        "F" => Severity::Blocker,
        "E" => Severity::Critical,
        "W" => Severity::Major,
        "C" | "R" | "N" => Severity::Minor,
        "I" => Severity::Info,
        _ => return None,
    })
}

/// The rule that begins a message, and the message.
fn rule(text: &str) -> (Option<String>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let bare = word.trim_end_matches(':').trim_start_matches('[').trim_end_matches(']');
    let letters = bare.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = &bare[letters..];
    let fits = (1..=6).contains(&letters)
        && (1..=6).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit());
    // `[*]` of ruff: it can fix this.
    let rest = rest.trim_start();
    if fits { (Some(bare.to_owned()), rest.strip_prefix("[*] ").unwrap_or(rest)) } else { (None, text) }
}

/// The message without the name of its rule behind it: `(missing-module-docstring)`.
fn without_symbol<'t>(rule: &str, text: &'t str) -> &'t str {
    let symbol = text.strip_suffix(')').and_then(|t| t.rsplit_once(" ("));
    match symbol {
        Some((before, name)) if scale::pylint(rule).is_some() && is_name(name) => before.trim_end(),
        _ => text,
    }
}

/// The last brackets of a message: its severity and rule.
fn tail(text: &str) -> (Option<Severity>, &str, Option<String>) {
    let brackets = |open: char, close: char| {
        let (before, inner) = text.strip_suffix(close)?.rsplit_once(open)?;
        (before.ends_with(' ') && is_name(inner)).then(|| (before.trim_end(), inner))
    };
    let Some((before, inner)) = brackets('(', ')').or_else(|| brackets('[', ']')) else {
        return (None, text, None);
    };
    // `[Error/no-undef]` of ESLint; `[Error]` for a message without a rule.
    match inner.split_once('/') {
        Some((word, rule)) if scale::word(word).is_some() => {
            (scale::word(word), before, Some(rule.to_owned()))
        }
        _ if scale::word(inner).is_some() => (scale::word(inner), before, None),
        _ => (None, before, Some(inner.to_owned())),
    }
}

fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@".contains(&b);
    !text.is_empty()
        && text.len() <= 80
        && text.bytes().all(fits)
        && text.contains(|c: char| c.is_ascii_alphabetic())
}
