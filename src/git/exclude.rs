//! Lines of git-coord in `info/exclude`: files that are nobody's work and must not show in `git status`.
//!
//! The file is common to all worktrees of the clone. Lines of ours follow a comment by which they are
//! found again; everything else in the file stays as it is.

use std::io;
use std::path::PathBuf;

use super::HostRepo;

/// The comment before a line of ours.
const MARK: &str = "# git-coord";

fn path(repo: &HostRepo) -> PathBuf {
    repo.common_dir.join("info/exclude")
}

fn read(repo: &HostRepo) -> io::Result<String> {
    match std::fs::read_to_string(path(repo)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// Adds a pattern, unless it is there.
///
/// # Errors
/// When the file cannot be read or written.
pub fn add(repo: &HostRepo, pattern: &str) -> io::Result<()> {
    let mut text = read(repo)?;
    if text.lines().any(|line| line == pattern) {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{MARK}\n{pattern}\n"));
    write(repo, &text)
}

/// Takes all lines of ours out again.
///
/// # Errors
/// When the file cannot be read or written.
pub fn remove(repo: &HostRepo) -> io::Result<()> {
    let text = read(repo)?;
    let mut kept = String::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if line.trim_end() == MARK {
            lines.next();
        } else {
            kept.push_str(line);
        }
    }
    if kept == text { Ok(()) } else { write(repo, &kept) }
}

/// Replaces the file, so that a git that reads it meanwhile sees all of one version.
fn write(repo: &HostRepo, text: &str) -> io::Result<()> {
    let path = path(repo);
    let dir = repo.common_dir.join("info");
    std::fs::create_dir_all(&dir)?;
    if text.is_empty() && path.exists() {
        return std::fs::write(&path, "");
    }
    let mut file = tempfile::NamedTempFile::new_in(&dir)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    if let Ok(old) = std::fs::metadata(&path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(&path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testrepo::TestRepo;

    #[test]
    fn lines_of_ours_come_and_go_and_others_stay() {
        let test = TestRepo::new();
        let repo = test.host();
        let file = path(&repo);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        for before in ["", "*.o\n", "# mine\n/x", "a\r\nb\r\n"] {
            std::fs::write(&file, before).unwrap();
            add(&repo, "/STARTUP.md").unwrap();
            add(&repo, "/STARTUP.md").unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            assert_eq!(text.matches("/STARTUP.md").count(), 1, "{text:?}");
            remove(&repo).unwrap();
            let after = std::fs::read_to_string(&file).unwrap();
            assert_eq!(after.trim_end_matches('\n'), before.trim_end_matches('\n'));
        }
    }
}
