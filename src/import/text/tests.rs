//! One table of real lines: what each linter prints, and the finding.

use crate::import::Format;
use crate::import::tests::{options, reasons, run};

type Row = (&'static str, &'static str, Option<u64>, Option<u64>, &'static str, &'static str, u32);

const ROWS: [Row; 20] = [
    (
        "src/a.py:1:80: E501 line too long (81 > 79 characters)",
        "src/a.py",
        Some(1),
        Some(80),
        "E501",
        "line too long (81 > 79 characters)",
        2,
    ),
    (
        "src/a.py:3: F401 'os' imported but unused",
        "src/a.py",
        Some(3),
        None,
        "F401",
        "'os' imported but unused",
        2,
    ),
    (
        "src/a.py:3:8: F401 [*] `os` imported but unused",
        "src/a.py",
        Some(3),
        Some(8),
        "F401",
        "`os` imported but unused",
        2,
    ),
    (
        "src/b.py:7:0: C0114: Missing module docstring (missing-module-docstring)",
        "src/b.py",
        Some(7),
        None,
        "C0114",
        "Missing module docstring",
        3,
    ),
    (
        "src/b.py:7: [E0602(undefined-variable), f] Undefined variable 'x'",
        "src/b.py",
        Some(7),
        None,
        "",
        "[E0602(undefined-variable), f] Undefined variable 'x'",
        2,
    ),
    ("src/c.go:9:9: empty branch (SA9003)", "src/c.go", Some(9), Some(9), "SA9003", "empty branch", 2),
    (
        "./src/c.go:10:2: result of fmt.Sprintf call not used",
        "src/c.go",
        Some(10),
        Some(2),
        "",
        "result of fmt.Sprintf call not used",
        2,
    ),
    (
        "ci/d.yml:1:1: [warning] missing document start \"---\" (document-start)",
        "ci/d.yml",
        Some(1),
        Some(1),
        "document-start",
        "missing document start \"---\"",
        2,
    ),
    (
        "ci/d.yml:2:1: [error] too many spaces (indentation)",
        "ci/d.yml",
        Some(2),
        Some(1),
        "indentation",
        "too many spaces",
        1,
    ),
    (
        "src/e.js:3:7: 'x' is not defined. [Error/no-undef]",
        "src/e.js",
        Some(3),
        Some(7),
        "no-undef",
        "'x' is not defined.",
        1,
    ),
    (
        "src/e.js:4:7: Unexpected any. [Warning/@typescript-eslint/no-explicit-any]",
        "src/e.js",
        Some(4),
        Some(7),
        "@typescript-eslint/no-explicit-any",
        "Unexpected any.",
        2,
    ),
    (
        "app/f.rb:2:5: W: Lint/UselessAssignment: Useless assignment",
        "app/f.rb",
        Some(2),
        Some(5),
        "",
        "Lint/UselessAssignment: Useless assignment",
        2,
    ),
    ("a.lua:1:7: (W211) unused variable 'x'", "a.lua", Some(1), Some(7), "", "(W211) unused variable 'x'", 2),
    (
        "site.yml:3: name[missing]: All tasks should be named.",
        "site.yml",
        Some(3),
        None,
        "",
        "name[missing]: All tasks should be named.",
        2,
    ),
    (
        "src/g.php:12:Method f() has no return type",
        "src/g.php",
        Some(12),
        None,
        "",
        "Method f() has no return type",
        2,
    ),
    ("README.md:7: teh ==> the", "README.md", Some(7), None, "", "teh ==> the", 2),
    (
        "src/h.py:4: unused import 'sys' (90% confidence)",
        "src/h.py",
        Some(4),
        None,
        "",
        "unused import 'sys' (90% confidence)",
        2,
    ),
    ("Dockerfile:3 DL3006 x", "", None, None, "", "", 0),
    ("[main.go:5] - G104 (CWE-703): Errors unhandled", "", None, None, "", "", 0),
    (
        "proto/a.proto:1:1: Files must have a package defined.",
        "proto/a.proto",
        Some(1),
        Some(1),
        "",
        "Files must have a package defined.",
        2,
    ),
];

#[test]
fn every_linter_prints_lines() {
    let lines: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
    let (items, report) = run(lines.join("\n"), &options());
    assert_eq!((report.format, reasons(&report)), (Format::Lines, vec![]));
    let expected: Vec<&Row> = ROWS.iter().filter(|row| !row.1.is_empty()).collect();
    assert_eq!(items.len(), expected.len());
    for (item, (line, file, number, column, rule, message, priority)) in items.iter().zip(expected) {
        let found =
            (item.item.files[0].as_str(), item.item.line, item.item.rule.as_deref().unwrap_or_default());
        assert_eq!(found, (*file, *number, *rule), "{line}");
        assert_eq!(item.item.payload.as_ref().and_then(|p| p["column"].as_u64()), *column, "{line}");
        let title = if rule.is_empty() { (*message).to_owned() } else { format!("{rule}: {message}") };
        assert_eq!((item.item.title.as_str(), item.priority), (title.as_str(), *priority), "{line}");
    }
}

#[test]
fn a_log_of_a_build_gives_the_names_of_files() {
    let text = "[WARNING] /repo/src/main/java/A.java:135: warning: no @return\n    [javac] src/B.java:62: warning: [deprecation] f() has been deprecated\n\
        2026-11-28T13:00:00.1234567Z src/c.c:4:2: error: 'x' undeclared\n[ 11%] src/d.c:9: warning: unused variable 'y' [-Wunused-variable]\n\
        src/compat.py:21:1:21:40: error: Module  [attr-defined]\nrunning all of it in /x y/z.c:1:2: error: x\n";
    let (items, report) = run(text, &options());
    let places: Vec<_> = items.iter().map(|i| (i.item.files[0].as_str(), i.item.line)).collect();
    let expected = [
        ("src/main/java/A.java", Some(135)),
        ("src/B.java", Some(62)),
        ("src/c.c", Some(4)),
        ("src/d.c", Some(9)),
        ("src/compat.py", Some(21)),
    ];
    assert_eq!(places, expected);
    assert_eq!(reasons(&report), [(6, "running all of it in /x y/z.c: not the name of a file".to_owned())]);
}
