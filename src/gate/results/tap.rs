//! TAP 13 and 14 with nested subtests, and what `node --test` prints.

use super::{Outcomes, Status};

/// Reads TAP.
///
/// # Errors
/// When the program gave up, or said how many tests there are and not what became of them.
pub(super) fn read(text: &str) -> Result<Outcomes, String> {
    let mut outcomes = Outcomes::default();
    // The subtests that are open, by how far they are indented.
    let mut open: Vec<(usize, String)> = Vec::new();
    let (mut planned, mut seen, mut any) = (None, 0_u64, false);
    // A test behind others that are further indented stands for these.
    let mut last = 0;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if let Some(reason) = line.strip_prefix("Bail out!") {
            return Err(format!("the tests were given up: {}", reason.trim()));
        }
        if let Some(name) = line.strip_prefix("# Subtest: ") {
            open.retain(|(at, _)| *at < indent);
            open.push((indent, name.trim().to_owned()));
        } else if let Some(n) = line.strip_prefix("1..").filter(|_| indent == 0) {
            planned = n.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
        } else if let Some((name, status)) = point(line) {
            any = true;
            seen += u64::from(indent == 0);
            let title = last > indent;
            last = indent;
            open.retain(|(at, _)| *at < indent);
            let path: Vec<&str> = open.iter().map(|(_, name)| name.as_str()).chain([name.as_str()]).collect();
            // What stands for its subtests is told by them, unless it failed by itself.
            if !title || (status == Status::Failed && !has_failure_below(&outcomes, &path)) {
                outcomes.add(&path.join(" > "), status);
            }
        }
    }
    match planned {
        Some(n) if n > seen => Err(format!("{seen} of {n} tests were reported")),
        None if !any => Err("it has no TAP".into()),
        _ => Ok(outcomes),
    }
}

fn has_failure_below(outcomes: &Outcomes, path: &[&str]) -> bool {
    let prefix = format!("{} > ", path.join(" > "));
    outcomes.iter().any(|(id, status)| status == Status::Failed && id.starts_with(&prefix))
}

/// `ok 1 - name # SKIP why`.
fn point(line: &str) -> Option<(String, Status)> {
    let (passed, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let rest = rest.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = &rest[..digits];
    let rest = rest[digits..].trim_start();
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim();
    let (name, directive) = match rest.rfind(" # ") {
        Some(at) => (rest[..at].trim(), rest[at + 3..].trim()),
        None => match rest.strip_prefix("# ") {
            Some(directive) => ("", directive),
            None => (rest, ""),
        },
    };
    let word = directive.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
    let status = match (word.as_str(), passed) {
        ("SKIP" | "TODO", _) => Status::Skipped,
        (_, true) => Status::Passed,
        (_, false) => Status::Failed,
    };
    let name = if name.is_empty() { format!("test {number}") } else { name.to_owned() };
    Some((name, status))
}

/// Reads what `node --test` prints: TAP, or its lines with signs.
///
/// # Errors
/// As [`read`] where it is TAP.
pub(super) fn node(text: &str) -> Result<Outcomes, String> {
    if text.contains("TAP version") {
        return read(text);
    }
    let mut outcomes = Outcomes::default();
    let mut open: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let plain = anstream::adapter::strip_str(line).to_string();
        let indent = plain.chars().take_while(|c| *c == ' ').count();
        let line = plain.trim();
        // What failed is told once more at the end, with its trace.
        if line.ends_with("failing tests:") {
            break;
        }
        let mut signs = line.chars();
        let status = match signs.next() {
            Some('✔') => Status::Passed,
            Some('✖') => Status::Failed,
            Some('﹣') => Status::Skipped,
            Some('▶') => {
                open.retain(|(at, _)| *at < indent);
                open.push((indent, name_of(signs.as_str())));
                continue;
            }
            _ => continue,
        };
        // The line that ends a suite repeats its name.
        let name = name_of(signs.as_str());
        if open.iter().any(|(at, title)| *at == indent && *title == name) {
            open.retain(|(at, _)| *at < indent);
            continue;
        }
        open.retain(|(at, _)| *at < indent);
        let path: Vec<&str> = open.iter().map(|(_, name)| name.as_str()).chain([name.as_str()]).collect();
        outcomes.add(&path.join(" > "), status);
    }
    Ok(outcomes)
}

/// A name without the time that it took.
fn name_of(text: &str) -> String {
    let text = text.trim();
    let text = text.split(" # ").next().unwrap_or(text);
    match text.rsplit_once(" (") {
        Some((name, time)) if time.ends_with("ms)") => name.trim().to_owned(),
        _ => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_plans_and_subtests_are_read() {
        let text = "TAP version 14\n# Subtest: math\n    # Subtest: adds\n    ok 1 - adds\n    not ok 2 - divides\n    1..2\nnot ok 1 - math\n\
            ok 2 - later # SKIP no net\nnot ok 3 # TODO\nok 4\n1..4\n";
        let outcomes = read(text).unwrap();
        let found: Vec<_> = outcomes.iter().collect();
        assert_eq!(
            found,
            [
                ("later", Status::Skipped),
                ("math > adds", Status::Passed),
                ("math > divides", Status::Failed),
                ("test 3", Status::Skipped),
                ("test 4", Status::Passed),
            ]
        );
        assert_eq!(read("1..3\nok 1\n").unwrap_err(), "1 of 3 tests were reported");
        assert!(read("ok 1\nBail out! no database\n").is_err());
        assert!(read("okay\n").is_err());
    }

    #[test]
    fn signs_of_node_are_read() {
        let text = "▶ math\n  ✔ adds (0.5ms)\n  ✖ divides (1.25ms)\n✖ math (2ms)\n✔ alone (0.1ms)\n﹣ later (0.1ms) # SKIP\n\
            ℹ tests 4\n\n✖ failing tests:\n\ntest at a.mjs:1:1\n✖ divides (1.25ms)\n";
        let outcomes = node(text).unwrap();
        let found: Vec<_> = outcomes.iter().collect();
        assert_eq!(
            found,
            [
                ("alone", Status::Passed),
                ("later", Status::Skipped),
                ("math > adds", Status::Passed),
                ("math > divides", Status::Failed),
            ]
        );
    }
}
