//! Files that git ignores are nobody's to coordinate.
//!
//! Only git knows for certain, and starting it takes longer than all the rest of a hook. So the patterns are
//! read here first, in a way that finds too many: when none of them could match, git is not asked.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder};

use crate::git::{Git, GitError, HostRepo};
use crate::model::RepoPath;

/// Where the user and the system keep settings of git.
#[derive(Debug, Clone, Default)]
pub struct GitConfigs {
    /// Files of settings, which may name another file of patterns.
    pub settings: Vec<PathBuf>,
    /// The file of patterns that counts when no setting names one.
    pub patterns: Option<PathBuf>,
}

/// Which of these paths git ignores. A tracked file is not ignored, whatever the patterns say.
///
/// # Errors
/// When git fails.
pub fn among(repo: &HostRepo, paths: &[RepoPath], configs: &GitConfigs) -> Result<Vec<RepoPath>, GitError> {
    let unsure: Vec<&RepoPath> = paths.iter().filter(|path| may_be_ignored(repo, path, configs)).collect();
    if unsure.is_empty() {
        return Ok(Vec::new());
    }
    let mut input = Vec::new();
    for path in unsure {
        input.extend(path.to_bytes());
        input.push(0);
    }
    let output = Git::new(&repo.root).args(["check-ignore", "-z", "--stdin"]).stdin(input).output()?;
    let found = output.stdout.split(|b| *b == 0).filter(|p| !p.is_empty());
    Ok(found.filter_map(|path| RepoPath::from_bytes(path).ok()).collect())
}

/// False when no pattern fits the path or a folder above it.
fn may_be_ignored(repo: &HostRepo, path: &RepoPath, configs: &GitConfigs) -> bool {
    let names_another = |file: &Path| match std::fs::read(file) {
        Ok(text) => text.to_ascii_lowercase().windows(12).any(|w| w == b"excludesfile"),
        Err(_) => false,
    };
    let own = repo.common_dir.join("config");
    if configs.settings.iter().any(|file| names_another(file)) || names_another(&own) {
        return true;
    }
    let native = path.to_native();
    let everywhere = [Some(repo.common_dir.join("info/exclude")), configs.patterns.clone()];
    if everywhere.into_iter().flatten().any(|file| some_fits(&file, &native)) {
        return true;
    }
    let folders = native.ancestors().skip(1);
    folders.into_iter().any(|folder| {
        let below = native.strip_prefix(folder).unwrap_or(&native);
        some_fits(&repo.root.join(folder).join(".gitignore"), below)
    })
}

/// True when a pattern of a file may fit a path below the folder for which the file counts.
fn some_fits(file: &Path, path: &Path) -> bool {
    let Ok(bytes) = std::fs::read(file) else { return false };
    let text = String::from_utf8_lossy(&bytes);
    let patterns =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    patterns.into_iter().any(|pattern| fits(pattern, path))
}

fn fits(pattern: &str, path: &Path) -> bool {
    let anchored = pattern.trim_end_matches('/').contains('/');
    let plain = pattern.trim_start_matches('/').trim_end_matches('/');
    let glob: Result<Glob, _> =
        GlobBuilder::new(plain).literal_separator(true).backslash_escape(true).build();
    // What cannot be understood here may fit.
    let Ok(glob) = glob else { return true };
    let matcher = glob.compile_matcher();
    path.ancestors().filter(|part| !part.as_os_str().is_empty()).any(|part| match part.file_name() {
        Some(name) if !anchored => matcher.is_match(Path::new(name)),
        _ => matcher.is_match(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_git_or_too_often() {
        let fits = |pattern, path| fits(pattern, Path::new(path));
        assert!(fits("target/", "target/debug/x") && fits("*.o", "a/b.o") && fits("/build", "build/x"));
        assert!(fits("a/**/z", "a/b/c/z") && fits("**/tmp", "x/tmp/y") && fits("[", "x"));
        assert!(
            !fits("*.o", "src/a.rs") && !fits("/build", "src/build") && !fits("doc/*.txt", "doc/a/b.txt")
        );
    }
}
