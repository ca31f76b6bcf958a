//! Paths made up from patterns.

/// A path that a pattern matches, made up from it: what two patterns have in common is compared by
/// examples, since files may not exist yet. `None` for exclusions.
pub(super) fn example(pattern: &str) -> Option<String> {
    if pattern.starts_with('!') {
        return None;
    }
    let mut path = String::new();
    let mut chars = pattern.trim_start_matches("./").trim_end_matches('/').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                while chars.peek() == Some(&'*') {
                    chars.next();
                }
                path.push('x');
            }
            '?' => path.push('x'),
            '[' => {
                path.push(chars.next().unwrap_or('x'));
                chars.by_ref().find(|c| *c == ']');
            }
            '{' => {
                let choices: String = chars.by_ref().take_while(|c| *c != '}').collect();
                path.push_str(choices.split(',').next().unwrap_or_default());
            }
            '\\' => path.extend(chars.next()),
            other => path.push(other),
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RepoPath;
    use crate::model::plan::Ownership;

    #[test]
    fn an_example_is_matched_by_its_pattern() {
        for pattern in ["src/**", "src/*.py", "tests/unit/test_*.p[yx]", "src/{a,b}/c", "docs", "a/**/b?"] {
            let example = example(pattern).unwrap();
            let owned = Ownership::new(&[pattern]).unwrap();
            assert!(owned.contains(&RepoPath::parse(&example).unwrap()), "{pattern}: {example}");
        }
        assert_eq!(example("!src"), None);
    }
}
