//! What an import answers to a content that it does not read: what it looks like, and what helps.

use super::ImportError;
use super::format::names;
use super::sniff::{Head, Shape};

/// The tools whose output is recognised although it is not read: what the content mentions, the tool, and what it
/// can write instead.
const TOOLS: [(&str, &str, &str); 18] = [
    ("✖", "ESLint's or stylelint's text for people", "eslint --format json, stylelint --formatter json"),
    (
        "TAP version",
        "TAP",
        "the JUnit reporter of the test runner, such as node --test --test-reporter=junit",
    ),
    ("=== FAILURES ===", "pytest's text for people", "pytest --junitxml=report.xml"),
    ("=== short test summary", "pytest's text for people", "pytest --junitxml=report.xml"),
    ("\"numFailedTests\"", "the JSON of jest or vitest", "jest-junit, vitest --reporter=junit"),
    ("\"suites\"", "a test runner's JSON", "its JUnit reporter"),
    ("\nTests:", "a test runner's text for people", "its JUnit reporter"),
    ("error[E", "rustc's text for people", "cargo check --message-format=json"),
    (
        "  --> ",
        "a compiler's text for people",
        "cargo check --message-format=json, ruff check --output-format json",
    ),
    ("--- FAIL:", "go test's text for people", "go test -json"),
    (
        "\"bomFormat\"",
        "a CycloneDX bill of materials",
        "the scanner's own report, for example trivy --format json",
    ),
    (
        "\"spdxVersion\"",
        "an SPDX bill of materials",
        "the scanner's own report, for example trivy --format json",
    ),
    ("shellcheck.net", "shellcheck's text for people", "shellcheck --format=json1"),
    ("Test results:", "bandit's text for people", "bandit -f json"),
    ("<html", "a page", "another format of the tool, such as SARIF, JUnit or JSON"),
    ("<!DOCTYPE html", "a page", "another format of the tool, such as SARIF, JUnit or JSON"),
    ("\"lockfileVersion\"", "a lock file", "npm audit --json"),
    ("%PDF-", "a PDF", "another format of the tool, such as SARIF, CSV or JSON"),
];

/// First bytes of packed files, and how to unpack them.
const PACKED: [(&[u8], &str, &str); 6] = [
    (b"\xfd7zXZ", "xz", "xz -dc FILE"),
    (b"BZh", "bzip2", "bzip2 -dc FILE"),
    (b"PK\x03\x04", "zip", "unzip -p FILE"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc FILE"),
    (b"7z\xbc\xaf", "7z", "7z x -so FILE"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -dc FILE"),
];

/// The error for a content that is packed in a way that is not read.
pub(super) fn packed(start: &[u8]) -> Option<ImportError> {
    let (_, name, command) = PACKED.iter().find(|(magic, ..)| start.starts_with(magic))?;
    Some(ImportError::UnknownFormat {
        seen: Some(format!("it is packed with {name}")),
        hint: format!("unpack it first: {command} | git coord queue import -"),
    })
}

/// The error for a content of no known format.
pub(super) fn unknown(head: &Head) -> ImportError {
    let tool = TOOLS.iter().find(|(mark, ..)| head.mentions(mark));
    let seen = tool.map(|(_, seen, _)| (*seen).to_owned()).or_else(|| looks(head));
    let instead = match (tool, &head.shape) {
        (Some((.., instead)), _) => format!("write {instead} instead"),
        (None, Shape::Object { .. } | Shape::Array(_)) => {
            "say which fields are which, such as --map title=FIELD,file=FIELD, or have the tool write SARIF".into()
        }
        (None, Shape::Element(_)) => "have the tool write SARIF, Checkstyle or JUnit".into(),
        _ => "have the tool write SARIF, JSON or file:line: message, or name the format of a table with --format csv".into(),
    };
    ImportError::UnknownFormat { seen, hint: format!("{instead}; what is read: {}", names()) }
}

fn looks(head: &Head) -> Option<String> {
    let keys = |keys: &[String]| {
        let first: Vec<&str> = keys.iter().take(6).map(String::as_str).collect();
        first.join(", ")
    };
    match &head.shape {
        Shape::Object { keys: names, .. } => Some(format!("a JSON object with the keys {}", keys(names))),
        Shape::Array(names) => Some(format!("a JSON array of objects with the keys {}", keys(names))),
        Shape::Element(name) => Some(format!("an XML document <{name}>")),
        Shape::Other if head.text.contains('\0') => Some("it is not a text".into()),
        Shape::Other | Shape::Blank | Shape::EmptyArray => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::tests::options;
    use super::*;

    fn refused(bytes: &[u8]) -> (String, String) {
        let error =
            super::super::read(Box::new(Cursor::new(bytes)), &options(), &mut |_| {}).expect_err("refused");
        match &error {
            ImportError::UnknownFormat { hint, .. } => (error.to_string(), hint.clone()),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_refusal_says_what_it_saw_and_what_helps() {
        for (content, seen, helps) in [
            ("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"version\":1}", "CycloneDX", "trivy"),
            ("{\n \"name\": \"package\"\n}", "a JSON object with the keys name", "--map title=FIELD"),
            ("[{\"a\":1}]", "a JSON array of objects with the keys a", "SARIF"),
            ("<html><body/></html>", "a page", "SARIF"),
            ("<foo/>", "an XML document <foo>", "JUnit"),
            ("TAP version 13\nok 1", "TAP", "JUnit"),
            (
                "error[E0308]: mismatched types\n --> src/a.rs:1:2\n",
                "rustc",
                "cargo check --message-format=json",
            ),
            ("some words", "", "what is read: sarif, ruff, "),
        ] {
            let (error, hint) = refused(content.as_bytes());
            assert!(
                error.starts_with("cannot tell the format from the content") && error.contains(seen),
                "{error}"
            );
            assert!(hint.contains(helps), "{hint}");
        }
        for (bytes, name) in [(&b"\xfd7zXZ\0\0"[..], "xz"), (b"BZh91AY", "bzip2"), (b"PK\x03\x04....", "zip")]
        {
            let (error, hint) = refused(bytes);
            assert!(error.ends_with(&format!("packed with {name}")), "{error}");
            assert!(hint.contains("git coord queue import -"), "{hint}");
        }
    }
}
