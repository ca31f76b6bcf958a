//! Formats in which tools exchange findings.

use crate::import::Format;
use crate::import::tests::{options, reasons, run};

fn short(text: &str, format: Format) -> Vec<(String, Option<u64>, String, u32)> {
    let (items, report) = run(text, &options());
    assert_eq!((report.format, reasons(&report)), (format, vec![]), "{text}");
    let file = |i: &crate::model::NewItem| i.item.files.first().map(ToString::to_string).unwrap_or_default();
    items.iter().map(|i| (file(i), i.item.line, i.item.title.clone(), i.priority)).collect()
}

fn one(file: &str, line: u64, title: &str, priority: u32) -> (String, Option<u64>, String, u32) {
    (file.to_owned(), Some(line), title.to_owned(), priority)
}

#[test]
fn code_climate_in_an_array_and_with_nul_between() {
    let a = r#"{"type":"issue","description":"'x' is not defined","check_name":"no-undef","fingerprint":"aa","severity":"major","location":{"path":"src/a.js","lines":{"begin":42}}}"#;
    let b = r#"{"type":"issue","description":"Unused","check_name":"no-unused","severity":"blocker","location":{"path":"src/b.js","positions":{"begin":{"line":3,"column":5}}}}"#;
    let expected =
        [one("src/a.js", 42, "no-undef: 'x' is not defined", 2), one("src/b.js", 3, "no-unused: Unused", 0)];
    assert_eq!(short(&format!("[{a},\n{b}]"), Format::CodeClimate), expected);
    assert_eq!(short(&format!("{a}\0\n{b}\0\n"), Format::CodeClimate), expected);
}

#[test]
fn reviewdog_as_one_document_and_as_lines() {
    let diagnostic = r#"{"message":"m","location":{"path":"src/a.js","range":{"start":{"line":3,"column":5}}},"severity":"ERROR","code":{"value":"R1"}}"#;
    let expected = [one("src/a.js", 3, "R1: m", 1)];
    assert_eq!(
        short(&format!("{{\"source\":{{\"name\":\"x\"}},\"diagnostics\":[{diagnostic}]}}"), Format::Rdjson),
        expected
    );
    assert_eq!(short(&format!("{diagnostic}\n"), Format::Rdjson), expected);
}

#[test]
fn sonarqube_from_a_server_and_for_one() {
    let server = r#"{"total":2,"paging":{},"issues":[{"key":"k","rule":"ts:S1","severity":"BLOCKER","component":"shop:src/a.ts","line":7,"message":"m","status":"OPEN","type":"BUG"},
        {"key":"l","rule":"ts:S1","severity":"MAJOR","component":"shop:src/a.ts","message":"m","status":"CLOSED","resolution":"FIXED"}]}"#;
    assert_eq!(short(server, Format::Sonarqube), [one("src/a.ts", 7, "ts:S1: m", 0)]);
    let external = r#"{"issues":[{"ruleId":"R1","primaryLocation":{"message":"m","filePath":"src/a.ts","textRange":{"startLine":7}}}],
        "rules":[{"id":"R1","engineId":"x","severity":"CRITICAL","type":"BUG"}]}"#;
    assert_eq!(
        short(external, Format::SonarExternal),
        [one("src/a.ts", 7, "R1: m", 1)],
        "rules may come last"
    );
}

#[test]
fn security_reports_of_gitlab() {
    let text = r#"{"version":"15.0.4","scan":{"type":"sast"},"vulnerabilities":[{"id":"1","name":"eval is bad","severity":"High","location":{"file":"src/a.py","start_line":7},"identifiers":[{"type":"semgrep_id","name":"no-eval","value":"no-eval"}]}]}"#;
    assert_eq!(short(text, Format::GitlabSecurity), [one("src/a.py", 7, "no-eval: eval is bad", 1)]);
}
