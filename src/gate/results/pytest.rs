//! `pytest -v`, and its short summary (`-rA`).

use super::{Outcomes, Status};

/// Reads the output.
pub(super) fn read(text: &str) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for line in text.lines() {
        let plain = anstream::adapter::strip_str(line).to_string();
        let line = plain.trim();
        if let Some((id, status)) = summary(line).or_else(|| verbose(line)) {
            // The summary repeats what the lines before have said, and adds errors of set-up.
            let worst = outcomes.get(&super::normal(id)).map_or(status, |known| known.max(status));
            outcomes.set(id, worst);
        }
    }
    outcomes
}

fn status(word: &str) -> Option<Status> {
    Some(match word {
        "PASSED" => Status::Passed,
        "FAILED" | "ERROR" => Status::Failed,
        "SKIPPED" | "XFAIL" | "XPASS" => Status::Skipped,
        "RERUN" => Status::Flaky,
        _ => return None,
    })
}

/// `FAILED tests/t.py::test_a[x y] - assert 1 == 2`.
fn summary(line: &str) -> Option<(&str, Status)> {
    let (word, rest) = line.split_once(' ')?;
    let status = status(word)?;
    let id = rest.split_once(" - ").map_or(rest, |(id, _)| id).trim();
    let is_id = id.contains("::") || (word == "ERROR" && id.ends_with(".py"));
    is_id.then_some((id, status))
}

/// `tests/t.py::test_a[x y] PASSED   [ 50%]`.
fn verbose(line: &str) -> Option<(&str, Status)> {
    let line =
        line.rsplit_once('[').filter(|(_, end)| end.ends_with("%]")).map_or(line, |(line, _)| line).trim();
    // A reason may stand behind the word: `SKIPPED (no network)`.
    let at = [" PASSED", " FAILED", " ERROR", " SKIPPED", " XFAIL", " XPASS", " RERUN"]
        .into_iter()
        .filter_map(|word| Some((line.find(word)?, word)))
        .min()?;
    let (id, word) = (line[..at.0].trim(), at.1.trim());
    (id.contains("::") && !id.contains(" - ")).then_some(())?;
    Some((id, status(word)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_summary_say_the_same_once() {
        let text = "tests/test_a.py::test_one PASSED                [ 25%]\n\
            tests/test_a.py::test_two[a b] FAILED           [ 50%]\n\
            tests/test_a.py::test_skip SKIPPED (no net)     [ 75%]\n\
            tests/test_a.py::test_err ERROR                 [100%]\n\
            =========================== short test summary info ============================\n\
            PASSED tests/test_a.py::test_one\n\
            FAILED tests/test_a.py::test_two[a b] - assert 1 == 2\n\
            ERROR tests/test_broken.py - ImportError: no module\n\
            ==== 1 failed, 1 passed, 1 skipped, 1 error in 0.12s ====\n";
        let outcomes = read(text);
        let found: Vec<_> = outcomes.iter().collect();
        assert_eq!(
            found,
            [
                ("tests/test_a.py::test_err", Status::Failed),
                ("tests/test_a.py::test_one", Status::Passed),
                ("tests/test_a.py::test_skip", Status::Skipped),
                ("tests/test_a.py::test_two[a b]", Status::Failed),
                ("tests/test_broken.py", Status::Failed),
            ]
        );
    }
}
