//! `cargo test`, as text or with libtest's `--format json`, and the lines of `cargo nextest`.

use serde_json::Value;

use super::{Outcomes, Status};

/// Reads the output, in which other lines may stand.
pub(super) fn read(text: &str) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let mut suite = String::new();
    for line in text.lines() {
        let plain = anstream::adapter::strip_str(line).to_string();
        let line = plain.trim();
        if let Some(name) = running(line) {
            suite = name;
        } else if let Some((name, status)) = libtest(line).or_else(|| json(line)) {
            let id = if suite.is_empty() { name } else { format!("{suite} {name}") };
            outcomes.add(&id, status);
        } else if let Some((name, status)) = nextest(line) {
            // The summary at the end repeats what failed.
            outcomes.set(&name, status);
        }
    }
    outcomes
}

/// `Running unittests src/lib.rs (target/debug/deps/x-1234)`, `Doc-tests x`.
fn running(line: &str) -> Option<String> {
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("doc {name}"));
    }
    let rest = line.strip_prefix("Running ")?;
    let (name, _) = rest.split_once(" (")?;
    Some(name.strip_prefix("unittests ").unwrap_or(name).to_owned())
}

/// `test a::b ... ok`.
fn libtest(line: &str) -> Option<(String, Status)> {
    let rest = line.strip_prefix("test ")?;
    let (name, result) = rest.rsplit_once(" ... ")?;
    let status = match result.split([',', ' ']).next()? {
        "ok" => Status::Passed,
        "FAILED" => Status::Failed,
        "ignored" => Status::Skipped,
        _ => return None,
    };
    Some((name.trim_end_matches(" - should panic").to_owned(), status))
}

/// `{"type":"test","event":"ok","name":"a::b"}`.
fn json(line: &str) -> Option<(String, Status)> {
    let value: Value = line.starts_with('{').then(|| serde_json::from_str(line).ok())??;
    if value["type"] != "test" {
        return None;
    }
    let status = match value["event"].as_str()? {
        "ok" => Status::Passed,
        "failed" | "timeout" => Status::Failed,
        "ignored" => Status::Skipped,
        _ => return None,
    };
    Some((value["name"].as_str()?.to_owned(), status))
}

/// `PASS [   0.005s] krate a::b`, `TRY 2 FAIL [ … ] krate a::b`, `FLAKY 2/3 [ … ] krate a::b`.
fn nextest(line: &str) -> Option<(String, Status)> {
    let (head, rest) = line.split_once('[')?;
    let (_, name) = rest.split_once(']')?;
    let head: Vec<&str> = head.split_whitespace().collect();
    let status = match head[..] {
        ["PASS" | "LEAK"] => Status::Passed,
        ["FAIL" | "TIMEOUT" | "ABORT" | "SIGABRT" | "SIGSEGV" | "SIGKILL"] => Status::Failed,
        ["SKIP"] => Status::Skipped,
        ["FLAKY", _] => Status::Flaky,
        ["TRY", _, "FAIL"] => Status::Failed,
        ["TRY", _, "PASS"] => Status::Flaky,
        _ => return None,
    };
    let name = name.trim();
    // nextest counts since 0.9.100: `( 3/10) krate a::b`.
    let name = name.strip_prefix('(').and_then(|n| n.split_once(')')).map_or(name, |(_, n)| n.trim());
    name.contains(' ').then(|| (name.to_owned(), status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_cargo_is_read() {
        let text = "   Compiling x v0.1.0\n     Running unittests src/lib.rs (target/debug/deps/x-1a2b)\n\nrunning 4 tests\n\
            test a::one ... ok\ntest a::two ... FAILED\ntest slow ... ignored, takes long\n\
            test panics - should panic ... ok\n\nfailures:\n\n---- a::two stdout ----\ntest result ... maybe\n\n\
            test result: FAILED. 2 passed; 1 failed\n   Doc-tests x\ntest src/lib.rs - f (line 3) ... ok\n";
        let outcomes = read(text);
        let found: Vec<_> = outcomes.iter().collect();
        assert_eq!(
            found,
            [
                ("doc x src/lib.rs - f (line 3)", Status::Passed),
                ("src/lib.rs a::one", Status::Passed),
                ("src/lib.rs a::two", Status::Failed),
                ("src/lib.rs panics", Status::Passed),
                ("src/lib.rs slow", Status::Skipped),
            ]
        );
    }

    #[test]
    fn json_and_nextest_are_read() {
        let json = "{ \"type\": \"suite\", \"event\": \"started\", \"test_count\": 1 }\n\
            { \"type\": \"test\", \"event\": \"started\", \"name\": \"a\" }\n\
            { \"type\": \"test\", \"name\": \"a\", \"event\": \"failed\" }\n";
        assert_eq!(read(json).get("a"), Some(Status::Failed));
        let text = "        PASS [   0.005s] x a::one\n   TRY 1 FAIL [   0.1s] x a::two\n  TRY 2 PASS [   0.1s] (2/2) x a::two\n\
            ────────────\n     Summary [   0.2s] 2 tests run: 2 passed (1 flaky)\n   FLAKY 2/3 [   0.1s] x a::two\n";
        let outcomes = read(text);
        assert_eq!(
            (outcomes.get("x a::one"), outcomes.get("x a::two")),
            (Some(Status::Passed), Some(Status::Flaky))
        );
    }
}
