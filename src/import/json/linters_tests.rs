//! One small report of each linter, with what its authors say that it holds.

use crate::import::tests::{options, reasons, run};

type Row = (&'static str, &'static str, &'static str, Option<u64>, &'static str, &'static str, u32);

const ROWS: [Row; 17] = [
    (
        "golangci-lint",
        r#"{"Issues":[{"FromLinter":"errcheck","Text":"Error return value is not checked","Severity":"","SourceLines":["f()"],"Pos":{"Filename":"cmd/a.go","Offset":1,"Line":7,"Column":3}}],"Report":{}}"#,
        "cmd/a.go",
        Some(7),
        "errcheck",
        "Error return value is not checked",
        2,
    ),
    (
        "pylint",
        r#"[{"type":"convention","module":"a","obj":"","line":1,"column":0,"path":"src/a.py","symbol":"missing-module-docstring","message":"Missing module docstring","message-id":"C0114"}]"#,
        "src/a.py",
        Some(1),
        "C0114",
        "Missing module docstring",
        3,
    ),
    (
        "pylint",
        r#"{"messages":[{"type":"error","symbol":"undefined-variable","message":"Undefined variable 'x'","messageId":"E0602","line":3,"column":4,"path":"src/a.py"}],"statistics":{}}"#,
        "src/a.py",
        Some(3),
        "E0602",
        "Undefined variable 'x'",
        1,
    ),
    (
        "bandit",
        r#"{"errors":[],"results":[{"filename":"./src/a.py","line_number":74,"col_offset":8,"test_id":"B110","issue_text":"Try, Except, Pass detected.","issue_severity":"LOW","more_info":"https://x"}]}"#,
        "src/a.py",
        Some(74),
        "B110",
        "Try, Except, Pass detected.",
        3,
    ),
    (
        "semgrep",
        r#"{"version":"1","results":[{"check_id":"py.eval","path":"src/a.py","start":{"line":7,"col":1},"extra":{"message":"No eval","severity":"INFO","metadata":{"category":"security"}}}],"errors":[]}"#,
        "src/a.py",
        Some(7),
        "py.eval",
        "No eval",
        3,
    ),
    (
        "pyright",
        r#"{"version":"1.1","generalDiagnostics":[{"file":"/repo/src/a.py","severity":"error","message":"\"x\" is not defined","range":{"start":{"line":6,"character":0}},"rule":"reportUndefinedVariable"}]}"#,
        "src/a.py",
        Some(7),
        "reportUndefinedVariable",
        "\"x\" is not defined",
        1,
    ),
    (
        "mypy",
        "{\"file\": \"src/a.py\", \"line\": 21, \"column\": 0, \"message\": \"Module has no attribute\", \"hint\": null, \"code\": \"attr-defined\", \"severity\": \"error\"}\n{\"file\": \"src/a.py\", \"line\": 21, \"column\": 0, \"message\": \"See the docs\", \"hint\": null, \"code\": null, \"severity\": \"note\"}\n",
        "src/a.py",
        Some(21),
        "attr-defined",
        "Module has no attribute",
        1,
    ),
    (
        "rubocop",
        r#"{"metadata":{"rubocop_version":"1"},"files":[{"path":"app/a.rb","offenses":[{"severity":"convention","message":"Style/X: Use y.","cop_name":"Style/X","location":{"start_line":3,"start_column":5,"line":3}}]}]}"#,
        "app/a.rb",
        Some(3),
        "Style/X",
        "Use y.",
        3,
    ),
    (
        "phpstan",
        r#"{"totals":{"errors":0,"file_errors":1},"files":{"/repo/src/A.php (in context of class B)":{"errors":1,"messages":[{"message":"No return type","line":12,"ignorable":true,"identifier":"missingType.return"}]}},"errors":[]}"#,
        "src/A.php",
        Some(12),
        "missingType.return",
        "No return type",
        1,
    ),
    (
        "stylelint",
        r#"[{"source":"/repo/a.css","deprecations":[],"warnings":[{"line":1,"column":3,"rule":"color-no-invalid-hex","severity":"error","text":"Invalid hex (color-no-invalid-hex)"}]}]"#,
        "a.css",
        Some(1),
        "color-no-invalid-hex",
        "Invalid hex",
        1,
    ),
    (
        "shellcheck",
        r#"{"comments":[{"file":"run.sh","line":3,"endLine":3,"column":1,"level":"style","code":2086,"message":"Double quote"}]}"#,
        "run.sh",
        Some(3),
        "SC2086",
        "Double quote",
        3,
    ),
    (
        "shellcheck",
        r#"[{"file":"run.sh","line":3,"endLine":3,"column":1,"level":"info","code":2086,"message":"Double quote"}]"#,
        "run.sh",
        Some(3),
        "SC2086",
        "Double quote",
        3,
    ),
    (
        "hadolint",
        r#"[{"code":"DL3006","column":1,"file":"Dockerfile","level":"warning","line":1,"message":"Tag it"}]"#,
        "Dockerfile",
        Some(1),
        "DL3006",
        "Tag it",
        2,
    ),
    (
        "biome",
        r#"{"summary":{"errors":1},"diagnostics":[{"category":"lint/suspicious/noDoubleEquals","severity":"error","description":"Use ===","location":{"path":{"file":"src/a.js"},"span":[6,8],"sourceCode":"a\nif (a == b) {}"}}],"command":"lint"}"#,
        "src/a.js",
        Some(2),
        "lint/suspicious/noDoubleEquals",
        "Use ===",
        1,
    ),
    (
        "oxlint",
        r#"{"diagnostics":[{"message":"'x' is unused","code":"eslint(no-unused-vars)","severity":"warning","filename":"src/a.js","labels":[{"span":{"offset":1,"length":1,"line":2,"column":5}}]}]}"#,
        "src/a.js",
        Some(2),
        "eslint(no-unused-vars)",
        "'x' is unused",
        2,
    ),
    (
        "ruff",
        r#"[{"filename":"/repo/a.py","code":"D104","message":"Missing docstring","location":{"row":1,"column":1},"url":"https://x"}]"#,
        "a.py",
        Some(1),
        "D104",
        "Missing docstring",
        2,
    ),
    (
        "eslint",
        r#"[{"filePath":"/repo/a.js","messages":[{"ruleId":"no-undef","severity":2,"message":"x","line":1,"column":1}]}]"#,
        "a.js",
        Some(1),
        "no-undef",
        "x",
        1,
    ),
];

#[test]
fn every_linter_is_recognised_and_read() {
    for (format, text, file, line, rule, message, priority) in ROWS {
        let (items, report) = run(text, &options());
        assert_eq!((report.format.name(), reasons(&report)), (format, vec![]), "{text}");
        assert_eq!(items.len(), 1, "{format}");
        let item = &items[0].item;
        assert_eq!(
            (item.files[0].as_str(), item.line, item.rule.as_deref()),
            (file, line, Some(rule)),
            "{format}"
        );
        assert_eq!(
            (item.title.as_str(), items[0].priority),
            (format!("{rule}: {message}").as_str(), priority),
            "{format}"
        );
        assert_eq!(item.tool.as_deref(), Some(format), "{format}");
    }
}

#[test]
fn what_is_missing_is_a_bad_line_and_the_rest_is_read() {
    let text = "{\"Issues\":[\n{\"FromLinter\":\"x\",\"Text\":\"t\"},\n{\"FromLinter\":\"x\",\"Pos\":{\"Filename\":\"a.go\"}},\n3,\n{\"FromLinter\":\"x\",\"Text\":\"t\",\"Pos\":{\"Filename\":\"a.go\"}}]}";
    let (items, report) = run(text, &options());
    assert_eq!(items.len(), 1);
    let expected = [(2, "Pos.Filename: missing"), (3, "Text: missing"), (4, "expected an object")];
    assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
}

#[test]
fn a_real_file_of_ruff_gives_one_item_a_line() {
    let text = include_str!("../../../tests/data/findings.ruff.jsonl");
    let (items, report) = run(text, &options());
    assert_eq!((report.format.name(), report.items, report.bad_total), ("ruff", 100, 0));
    let expected = serde_json::json!({"item": {"id": items[0].item.id,
        "title": "D104: Missing docstring in public package", "severity": "MAJOR", "category": "D",
        "rule": "D104", "line": 1, "files": ["django/utils/__init__.py"], "tool": "ruff",
        "payload": {"column": 1, "url": "https://docs.astral.sh/ruff/rules/undocumented-public-package"}},
        "queue": null, "priority": 2});
    assert_eq!(serde_json::to_value(&items[0]).expect("serialises"), expected);
}

#[test]
fn one_element_of_any_size_is_read_as_a_stream() {
    let message = r#"{"ruleId":"r","severity":1,"message":"m","line":1,"column":1}"#;
    let many = vec![message; 300_000].join(",");
    let text = format!("[{{\"filePath\":\"/repo/a.js\",\"messages\":[{many}]}}]");
    assert!(text.len() > 17 * 1024 * 1024, "longer than one value may be");
    let (_, report) = run(text, &options());
    assert_eq!((report.read, report.items, report.bad_total), (300_000, 1, 0), "all on one place");
    let long = format!(
        "[{{\"filePath\":\"/repo/a.js\",\"messages\":[{{\"message\":\"{}\"}}]}}]",
        "x".repeat(17 << 20)
    );
    let report = run(long, &options()).1;
    assert_eq!(reasons(&report), [(1, "longer than 16 MiB: what follows was not read".to_owned())]);
    let deep = format!("[{{\"filePath\":\"/repo/a.js\",\"x\":{}", "[".repeat(1000));
    assert_eq!(
        reasons(&run(deep, &options()).1),
        [(1, "nested more than 512 deep: what follows was not read".to_owned())]
    );
}
