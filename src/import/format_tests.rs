//! What each content is recognised as.

use super::*;

fn detect(text: &str) -> Option<&'static str> {
    Format::detect(&Head::new(text.as_bytes()), &ColumnMap::default()).map(Format::name)
}

#[test]
fn every_format_has_a_name_and_a_description_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(*format));
        assert!(names.insert(format.name()) && !format.about().is_empty(), "{format}");
    }
    assert_eq!(Format::ALL.last(), Some(&Format::Jsonl), "what takes nearly anything is tried last");
    let error = "xml".parse::<Format>().expect_err("unknown");
    assert_eq!(error.to_string(), format!("\"xml\" is not a known format: use {}", names_in_order()));
}

fn names_in_order() -> String {
    names()
}

#[test]
fn the_first_bytes_show_the_format() {
    let sarif = include_str!("../../tests/data/findings.sarif");
    assert_eq!(detect(sarif), Some("sarif"));
    assert_eq!(detect(&sarif[..sarif.len().min(400)]), Some("sarif"), "cut off");
    assert_eq!(detect(r#"{"version":"2.1.0","runs":[{"#), Some("sarif"));
    assert_eq!(detect("\n\t {\n \"runs\": ["), Some("sarif"));
    assert_eq!(detect(include_str!("../../tests/data/findings.ruff.jsonl")), Some("ruff"));
    assert_eq!(detect(r#"{"title":"runs: {\"runs\":[]}","payload":{"runs":1}}"#), Some("jsonl"));
    assert_eq!(detect(r#"{"runs":3,"title":"t"}"#), Some("jsonl"), "a field of somebody's own");
    assert_eq!(detect("{\"x\":1}\n{\"title\":\"t\"}"), Some("jsonl"), "the first line may be a bad one");
    assert_eq!(detect(" \r\n"), Some("jsonl"), "nothing found, nothing to import");
}

#[test]
fn what_looks_like_nothing_known_is_not_guessed() {
    let unknown = [
        "[1]",
        "[{\"a\":1}]",
        "{\"name\":\"a\",\"x\":1}\n",
        "<html><testsuite/>",
        "<testsuite",
        "some,words",
        "a title\nx",
        "plain words: error: x",
        "- a list\n- [link](x)",
        "{\n \"name\": \"package\"\n}",
    ];
    for text in unknown {
        assert_eq!(detect(text), None, "{text}");
    }
}

#[test]
fn texts_are_recognised_by_what_is_in_them() {
    for (text, format) in [
        ("<?xml version='1.0'?>\n<!-- <x> --><testsuite name='s'>", "junit"),
        ("<testsuites/>", "junit"),
        ("<checkstyle>", "checkstyle"),
        ("[\n{\"filePath\":\"a\",\"messages\":[]}]", "eslint"),
        (" [ ]\n", "eslint"),
        ("{\"reason\":\"compiler-artifact\",\"package_id\":\"x\"}", "cargo"),
        ("{\"reason\":\"why\",\"title\":\"t\"}", "jsonl"),
        ("file,line,message\n", "csv"),
        ("\"Title\";\"File\"\n", "csv"),
        ("# Tasks\n\nText: error: x\n- [ ] do it", "markdown"),
        ("\n<!-- x -->\n# Tasks\n1. [x] done", "markdown"),
        ("> build\nsrc/a.ts(1,2): error TS1: x", "tsc"),
        ("make: x\nsrc/a.c:1:2: warning: x", "gcc"),
    ] {
        assert_eq!(detect(text), Some(format), "{text}");
    }
}
