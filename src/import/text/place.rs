//! The place that begins a line: `file:12:5: `, `file:12: `.

/// A file and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'l> {
    pub(super) file: &'l str,
    /// `None`: the tool wrote 0, for the whole file.
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
}

impl Place<'_> {
    /// True for what is hardly anything but the name of a file.
    pub(super) fn is_sure(&self) -> bool {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or_default();
        let ending = name.rsplit_once('.').is_some_and(|(stem, ending)| {
            !stem.is_empty() && ending.starts_with(|c: char| c.is_ascii_alphabetic()) && ending.len() <= 10
        });
        let known = ["Makefile", "Dockerfile", "Jenkinsfile", "Rakefile", "Gemfile"].contains(&name);
        (ending || known) && !self.file.contains(": ") && !self.file.starts_with("http")
    }
}

/// The place that begins a line, and what follows its last colon.
pub(super) fn leading(line: &str) -> Option<(Place<'_>, &str)> {
    // A drive has a colon of its own.
    let drive = usize::from(line.get(1..3).is_some_and(|c| c == ":\\" || c == ":/")) * 2;
    let colon = line[drive..].match_indices(':').find_map(|(at, _)| {
        let rest = &line[drive + at + 1..];
        rest.starts_with(|c: char| c.is_ascii_digit()).then_some((drive + at, rest))
    });
    let (at, rest) = colon?;
    let (numbers, rest) = numbers(rest);
    let rest = rest?;
    let file = &line[..at];
    (!file.trim().is_empty()).then_some((place(file, &numbers), rest))
}

/// The place that a whole text is.
pub(super) fn whole(text: &str) -> Option<Place<'_>> {
    let mut parts: Vec<u64> = Vec::new();
    let mut file = text;
    // `file:1:2:3:4` of mypy: line and column, and where it ends.
    while parts.len() < 4 {
        let Some((before, number)) = file.rsplit_once(':') else { break };
        let Some(number) = number.parse().ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit())) else {
            break;
        };
        parts.insert(0, number);
        file = before;
    }
    (!parts.is_empty() && !file.trim().is_empty()).then(|| place(file, &parts))
}

fn place<'l>(file: &'l str, numbers: &[u64]) -> Place<'l> {
    let positive = |n: Option<&u64>| n.copied().filter(|n| *n > 0);
    Place { file, line: positive(numbers.first()), column: positive(numbers.get(1)) }
}

/// The numbers at the begin of a text, separated by colons, and what follows the colon after the last.
fn numbers(text: &str) -> (Vec<u64>, Option<&str>) {
    let (mut found, mut rest) = (Vec::new(), text);
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(number) = rest[..digits].parse().ok() else { return (found, Some(rest)) };
        // Of a range, `12-14` or `1.5-1.9`, the begin.
        let end = rest[digits..]
            .find(|c: char| !c.is_ascii_digit() && !"-.,".contains(c))
            .unwrap_or(rest.len() - digits);
        match rest[digits + end..].strip_prefix(':') {
            Some(after) => {
                found.push(number);
                rest = after;
            }
            None if found.is_empty() => return (found, None),
            None => return (found, Some(rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> Option<(&str, Option<u64>, Option<u64>, &str)> {
        leading(line).map(|(place, rest)| (place.file, place.line, place.column, rest))
    }

    #[test]
    fn places_of_all_kinds() {
        assert_eq!(at("src/a.py:1:80: E501 x"), Some(("src/a.py", Some(1), Some(80), " E501 x")));
        assert_eq!(at("src/a.py:3: x"), Some(("src/a.py", Some(3), None, " x")));
        assert_eq!(at("a b.c:12:5: x: 3"), Some(("a b.c", Some(12), Some(5), " x: 3")));
        assert_eq!(at(r"C:\src\a.c:12:5: x"), Some((r"C:\src\a.c", Some(12), Some(5), " x")));
        assert_eq!(at("a.py:0:0: x"), Some(("a.py", None, None, " x")));
        assert_eq!(at("a.php:7:x"), Some(("a.php", Some(7), None, "x")));
        assert_eq!(at("Dockerfile:1 DL3006 x"), None);
        for none in ["no place", "a: b: c", ":12: x", "12"] {
            assert_eq!(at(none), None, "{none}");
        }
        assert_eq!(
            whole("a.py:21:1:21:40").map(|p| (p.file, p.line, p.column)),
            Some(("a.py", Some(21), Some(1)))
        );
        assert_eq!(whole("a.py:21").map(|p| (p.file, p.line, p.column)), Some(("a.py", Some(21), None)));
    }
}
