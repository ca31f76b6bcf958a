//! How the git that runs a hook was called. What it does not tell its hooks, its own words do.

use std::fs;
use std::process::Stdio;

/// Processes between a hook and its git that are looked through: the shim, and what husky and the like
/// put before it.
const BETWEEN: usize = 6;

/// True when the commit for which a hook runs takes the place of the last one. `None` when the words cannot
/// be read.
pub fn amends() -> Option<bool> {
    words().map(|words| has_option(&words, b"--amend", b"--am"))
}

/// True when a push for which a hook runs deletes what is not here (`--mirror`). git does not name to
/// `pre-push` what it deletes that way. `None` when the words cannot be read.
pub fn mirrors() -> Option<bool> {
    words().map(|words| has_option(&words, b"--mirror", b"--mi"))
}

/// The words of the git that is closest above this process.
fn words() -> Option<Vec<Vec<u8>>> {
    let mut process = std::os::unix::process::parent_id();
    for _ in 0..BETWEEN {
        let (parent, words) = look_at(process)?;
        if words.first().is_some_and(|program| program == b"git" || program.ends_with(b"/git")) {
            return Some(words);
        }
        process = parent;
    }
    None
}

/// The parent and the words of a process, from `/proc`, or asked of `ps` where that folder does not exist.
fn look_at(process: u32) -> Option<(u32, Vec<Vec<u8>>)> {
    let Ok(line) = fs::read(format!("/proc/{process}/cmdline")) else { return ask_ps(process) };
    let words = line.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    Some((parent_of(process)?, words))
}

fn ask_ps(process: u32) -> Option<(u32, Vec<Vec<u8>>)> {
    let mut ps = crate::process::command("ps");
    ps.args(["-o", "ppid=,args=", "-p"]).arg(process.to_string());
    let out = ps.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut words = text.split_ascii_whitespace();
    let parent = words.next()?.parse().ok()?;
    Some((parent, words.map(|w| w.as_bytes().to_vec()).collect()))
}

/// Whether an option of git is among the words, or the begin of one that no other option has: at least
/// `shortest`. Words behind `--` are paths.
fn has_option(words: &[Vec<u8>], option: &[u8], shortest: &[u8]) -> bool {
    let mut options = words.iter().take_while(|word| *word != b"--");
    options.any(|word| word.len() >= shortest.len() && option.starts_with(word))
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it is in parentheses and may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amend_is_known_by_its_option() {
        let amends = |words: &str| {
            let words: Vec<Vec<u8>> = words.split(' ').map(|w| w.as_bytes().to_vec()).collect();
            has_option(&words, b"--amend", b"--am")
        };
        assert!(amends("git -c x=y commit -q --amend -m z"));
        assert!(amends("git commit --am"));
        assert!(!amends("git commit --allow-empty -m --a -- --amend"));
    }

    #[test]
    fn processes_have_parents_and_words() {
        let parent = std::os::unix::process::parent_id();
        let (proc_parent, words) = look_at(std::process::id()).expect("this process lives");
        assert_eq!(proc_parent, parent);
        assert!(!words[0].is_empty());
        if let Some((ps_parent, words)) = ask_ps(std::process::id()) {
            assert_eq!(ps_parent, parent);
            assert!(!words.is_empty());
        }
    }
}
