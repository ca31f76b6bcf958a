//! Values of refs without a process: what a claim looks at each time.

use std::path::Path;

use super::HostRepo;

/// The commit and the branch of a worktree, and the value of any ref, read from git's files. `None` where they
/// do not say: another ref storage, an unborn branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The full name of the branch; `None` for a detached HEAD.
    pub branch: Option<String>,
    /// The commit.
    pub commit: String,
}

/// What `HEAD` of a worktree is.
pub fn head(repo: &HostRepo) -> Option<Tip> {
    let text = std::fs::read_to_string(repo.git_dir.join("HEAD")).ok()?;
    match text.trim().strip_prefix("ref: ") {
        Some(name) => Some(Tip { branch: Some(name.to_owned()), commit: value(&repo.common_dir, name)? }),
        None => id(text.trim()).map(|commit| Tip { branch: None, commit }),
    }
}

/// What a symbolic ref of the clone points to: `HEAD` of the main worktree, `refs/remotes/origin/HEAD`.
pub fn symbolic(common_dir: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(common_dir.join(name)).ok()?;
    text.trim().strip_prefix("ref: ").map(str::to_owned)
}

/// The value of a ref.
pub fn value(common_dir: &Path, name: &str) -> Option<String> {
    match std::fs::read_to_string(common_dir.join(name)) {
        Ok(text) => id(text.trim()),
        Err(_) => {
            let packed = std::fs::read_to_string(common_dir.join("packed-refs")).ok()?;
            let line = |line: &str| line.split_once(' ').filter(|(_, n)| *n == name).and_then(|(v, _)| id(v));
            packed.lines().find_map(line)
        }
    }
}

fn id(text: &str) -> Option<String> {
    (text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_read_loose_and_packed_and_nothing_else_is_taken_for_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let (loose, packed) = ("1".repeat(40), "2".repeat(40));
        std::fs::create_dir_all(dir.path().join("refs/heads")).expect("a folder");
        std::fs::write(dir.path().join("refs/heads/a"), format!("{loose}\n")).expect("written");
        let text = format!("# pack-refs\n{packed} refs/heads/a\n{packed} refs/heads/b\n");
        std::fs::write(dir.path().join("packed-refs"), text).expect("written");
        std::fs::write(dir.path().join("HEAD"), "ref: refs/heads/.invalid\n").expect("written");
        assert_eq!(value(dir.path(), "refs/heads/a"), Some(loose));
        assert_eq!(value(dir.path(), "refs/heads/b"), Some(packed));
        assert_eq!(value(dir.path(), "refs/heads/c"), None);
        assert_eq!(symbolic(dir.path(), "HEAD").as_deref(), Some("refs/heads/.invalid"));
    }
}
