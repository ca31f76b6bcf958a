//! The git that runs a hook.

use std::fs;

/// Processes between a hook and its git that are looked through: the shim, and what husky and the like
/// put before it.
const BETWEEN: usize = 6;

/// True when the commit for which a hook runs takes the place of the last one. git tells its hooks nothing of
/// `--amend`, but its own words do. `None` when they cannot be read, which needs `/proc`.
pub fn amends() -> Option<bool> {
    let mut process = std::os::unix::process::parent_id();
    for _ in 0..BETWEEN {
        let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|b| *b == 0).collect();
        if words.first().is_some_and(|program| *program == b"git" || program.ends_with(b"/git")) {
            return Some(has_amend(&words));
        }
        process = parent_of(process)?;
    }
    None
}

/// git takes any beginning that no other option of `git commit` has. Words behind `--` are paths.
fn has_amend(words: &[&[u8]]) -> bool {
    let options = words.iter().take_while(|word| **word != b"--");
    options.into_iter().any(|word| word.len() >= b"--am".len() && b"--amend".starts_with(word))
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it stands in parentheses and may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amend_is_told_by_its_option() {
        let amends = |words: &str| has_amend(&words.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        assert!(amends("git -c x=y commit -q --amend -m z"));
        assert!(amends("git commit --am"));
        assert!(!amends("git commit --allow-empty -m --a -- --amend"));
    }

    #[test]
    fn processes_have_parents() {
        let own = parent_of(std::process::id());
        assert_eq!(own, Some(std::os::unix::process::parent_id()));
    }
}
