//! How much of the lines a test program has run: Cobertura, LCOV, coverage.py, Go, JaCoCo, llvm-cov.

use std::collections::BTreeMap;

use serde_json::Value;

use super::xml::{Node, walk};

/// Lines of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// That ran.
    pub covered: u64,
    /// In all.
    pub total: u64,
}

/// Lines by file, as the report names them.
pub type Report = BTreeMap<String, Lines>;

/// Reads a report, whose format is seen from its content.
///
/// # Errors
/// When it is in none of the formats, or broken.
pub fn read(bytes: &[u8]) -> Result<Report, String> {
    let text = String::from_utf8_lossy(bytes);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let report = if start.starts_with('<') {
        xml(bytes)?
    } else if start.starts_with('{') {
        json(bytes)?
    } else if start.starts_with("mode:") {
        go(&text)
    } else if text.lines().any(|line| line.starts_with("SF:")) {
        lcov(&text)
    } else {
        return Err("it is not Cobertura, LCOV, coverage.py, Go or JaCoCo".into());
    };
    if report.is_empty() { Err("it names no file".into()) } else { Ok(report) }
}

/// Per cent of the lines of these files; `None` when they have none.
pub fn percent<'r>(files: impl IntoIterator<Item = &'r Lines>) -> Option<f64> {
    let sum = files.into_iter().fold(Lines::default(), |sum, lines| Lines {
        covered: sum.covered + lines.covered,
        total: sum.total + lines.total,
    });
    (sum.total > 0).then(|| sum.covered as f64 * 100.0 / sum.total as f64)
}

/// Lines of one file by number, each counted once however often the report has it.
type Hits = BTreeMap<String, BTreeMap<String, bool>>;

fn counted(hits: Hits) -> Report {
    let lines = |lines: BTreeMap<String, bool>| Lines {
        covered: lines.values().filter(|hit| **hit).count() as u64,
        total: lines.len() as u64,
    };
    hits.into_iter().map(|(file, found)| (file, lines(found))).collect()
}

fn lcov(text: &str) -> Report {
    let (mut hits, mut file) = (Hits::new(), String::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            file = name.trim().to_owned();
            hits.entry(file.clone()).or_default();
        } else if let Some((number, count)) = line.strip_prefix("DA:").and_then(|l| l.split_once(',')) {
            let hit = count.split(',').next().is_some_and(|n| n.trim() != "0");
            *hits.entry(file.clone()).or_default().entry(number.to_owned()).or_default() |= hit;
        }
    }
    counted(hits)
}

/// `name.go:3.2,5.10 2 1`: two statements that ran. The same block may stand there for each package.
fn go(text: &str) -> Report {
    let mut blocks: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut words = line.rsplitn(3, ' ');
        let (Some(count), Some(statements), Some(block)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let entry = blocks.entry(block).or_insert((statements.parse().unwrap_or_default(), false));
        entry.1 |= count.trim() != "0";
    }
    let mut report = Report::new();
    for (block, (statements, hit)) in blocks {
        let file = block.rsplit_once(':').map_or(block, |(file, _)| file);
        let lines = report.entry(file.to_owned()).or_default();
        lines.total += statements;
        lines.covered += if hit { statements } else { 0 };
    }
    report
}

/// coverage.py, or the export of llvm-cov.
fn json(bytes: &[u8]) -> Result<Report, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    if let Some(files) = value["files"].as_object() {
        let lines = |file: &Value| Lines {
            covered: number(&file["summary"]["covered_lines"]),
            total: number(&file["summary"]["num_statements"]),
        };
        return Ok(files.iter().map(|(name, file)| (name.clone(), lines(file))).collect());
    }
    let files = value["data"][0]["files"].as_array().ok_or("it has no files")?;
    let entry = |file: &Value| {
        let lines = &file["summary"]["lines"];
        let name = file["filename"].as_str().unwrap_or_default().to_owned();
        (name, Lines { covered: number(&lines["covered"]), total: number(&lines["count"]) })
    };
    Ok(files.iter().map(entry).collect())
}

/// Cobertura (`class`, `line`) or JaCoCo (`sourcefile`, `counter`).
fn xml(bytes: &[u8]) -> Result<Report, String> {
    let (mut hits, mut report) = (Hits::new(), Report::new());
    let (mut class, mut package, mut source) = (None, String::new(), None);
    walk(bytes, |node| match node {
        Node::Start(element) => match element.name {
            "class" => class = element.get("filename"),
            "package" => package = element.get("name").unwrap_or_default(),
            "sourcefile" => source = element.get("name").map(|name| format!("{package}/{name}")),
            "line" => {
                if let (Some(file), Some(number), Some(count)) =
                    (&class, element.get("number"), element.get("hits"))
                {
                    *hits.entry(file.clone()).or_default().entry(number).or_default() |= count != "0";
                }
            }
            "counter" if element.get("type").as_deref() == Some("LINE") => {
                if let Some(file) = &source {
                    let [missed, covered] =
                        ["missed", "covered"].map(|k| element.number(k).unwrap_or_default());
                    report.insert(file.clone(), Lines { covered, total: missed + covered });
                }
            }
            _ => {}
        },
        Node::End("class") => class = None,
        Node::End("sourcefile") => source = None,
        Node::End(_) => {}
    })?;
    report.extend(counted(hits));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, file: &str) -> (u64, u64) {
        let lines = read(text.as_bytes()).unwrap()[file];
        (lines.covered, lines.total)
    }

    #[test]
    fn each_format_is_read() {
        let lcov = "TN:\nSF:src/a.js\nDA:1,3\nDA:2,0\nDA:1,0\nLF:2\nend_of_record\n";
        assert_eq!(of(lcov, "src/a.js"), (1, 2));
        let go = "mode: set\nx/a.go:1.1,3.2 2 1\nx/a.go:5.1,6.2 1 0\nx/a.go:5.1,6.2 1 1\n";
        assert_eq!(of(go, "x/a.go"), (3, 3));
        let python = r#"{"meta":{},"files":{"a.py":{"summary":{"covered_lines":7,"num_statements":10}}}}"#;
        assert_eq!(of(python, "a.py"), (7, 10));
        let llvm =
            r#"{"data":[{"files":[{"filename":"a.rs","summary":{"lines":{"count":4,"covered":1}}}]}]}"#;
        assert_eq!(of(llvm, "a.rs"), (1, 4));
        let cobertura = "<coverage><packages><package name='p'><classes><class name='A' filename='p/a.py'>\
            <methods><method><lines><line number='1' hits='1'/></lines></method></methods>\
            <lines><line number='1' hits='1'/><line number='2' hits='0'/></lines></class></classes></package></packages></coverage>";
        assert_eq!(of(cobertura, "p/a.py"), (1, 2));
        let jacoco = "<report name='r'><package name='org/x'><class name='org/x/A' sourcefilename='A.java'/>\
            <sourcefile name='A.java'><line nr='3' mi='0' ci='2'/><counter type='BRANCH' missed='1' covered='1'/>\
            <counter type='LINE' missed='3' covered='9'/></sourcefile></package></report>";
        assert_eq!(of(jacoco, "org/x/A.java"), (9, 12));
        assert!(read(b"hello").is_err() && read(b"{}").is_err());
    }
}
