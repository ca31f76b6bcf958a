//! What a build or a CI server puts before each line.

/// The line without the times, levels and names of programs before it, and without indentation.
pub(super) fn without(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some(shorter) = one(rest) {
        rest = shorter.trim_start();
    }
    rest
}

/// What follows the first prefix, if there is one.
fn one(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("##[") {
        // Azure and GitHub: `##[error]`.
        return rest.split_once(']').map(|(_, rest)| rest);
    }
    if let Some(inner) = line.strip_prefix('[') {
        // `[WARNING]`, `[javac]`, `[ 11%]`, `[12/34]`, `[2020-08-05T20:06:13.796Z]`; not `[slug].tsx:1:2`.
        let (inner, rest) = inner.split_once(']')?;
        let word = !inner.is_empty() && inner.len() <= 40 && !inner.contains(['/', '\\']);
        let count = inner.split_once('/').is_some_and(|(a, b)| is_number(a) && is_number(b));
        return (rest.starts_with(' ') && (word || count)).then_some(rest);
    }
    let (word, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    if is_time(word) || word.strip_suffix('%').is_some_and(is_number) {
        return Some(rest);
    }
    if let Some(rest) = rest.strip_prefix("| ") {
        // docker compose: `web_1  | …`.
        return Some(rest);
    }
    ["C/C++:", "npm", ">"].contains(&word).then(|| rest.strip_prefix("ERR! ").unwrap_or(rest))
}

fn is_number(text: &str) -> bool {
    !text.trim().is_empty() && text.trim().bytes().all(|b| b.is_ascii_digit())
}

/// `2026-11-28T13:00:00.1234567Z`, `2026-11-28`, `13:00:00`, `13:00:00.123`.
fn is_time(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let marks = word.bytes().all(|b| b.is_ascii_digit() || b"-:.,TZ+".contains(&b));
    let date = word.len() >= 10 && word.as_bytes()[4] == b'-' && word.as_bytes()[7] == b'-';
    let clock = word.len() >= 8 && word.as_bytes()[2] == b':' && word.as_bytes()[5] == b':';
    marks && digits >= 6 && (date || clock)
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn what_a_build_adds_is_taken_off() {
        for line in [
            "[WARNING] src/a.c:1:2: error: x",
            "    [javac] src/a.c:1:2: error: x",
            "2026-11-28T13:00:00.1234567Z src/a.c:1:2: error: x",
            "2026-11-28T13:00:00.1234567Z ##[error]src/a.c:1:2: error: x",
            "[2020-08-05T20:06:13.796Z] [WARNING] src/a.c:1:2: error: x",
            "[ 11%] src/a.c:1:2: error: x",
            "11% src/a.c:1:2: error: x",
            "[12/34] src/a.c:1:2: error: x",
            "C/C++: src/a.c:1:2: error: x",
            "12:00:01 src/a.c:1:2: error: x",
            "web_1  | src/a.c:1:2: error: x",
        ] {
            assert_eq!(without(line), "src/a.c:1:2: error: x", "{line}");
        }
        for line in ["[slug].tsx:1:2: error: x", "[id]/a b.ts:1:2: x", "my file.c:1:2: error: x"] {
            assert_eq!(without(line), line);
        }
    }
}
