//! Paths as a person or an agent writes them: what is meant, and what is probably a slip.

use std::path::{Path, PathBuf};

use crate::git::{Git, HostRepo};
use crate::model::RepoPath;

use super::{ClientError, ClientResult};

/// A path of the repository, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The path.
    pub path: RepoPath,
    /// False when nothing is there yet.
    pub exists: bool,
    /// True when it was taken from the top of the repository, although the current folder is another one:
    /// that is how answers print paths.
    pub from_top: bool,
}

/// What a written path names. Relative ones start from the current folder; one that is not there, but is at
/// the top of the repository, is taken from the top, as is one that begins with `:/`.
///
/// # Errors
/// When it is outside the repository.
pub fn named(repo: &HostRepo, written: &Path) -> ClientResult<Named> {
    if let Some(rest) = written.to_str().and_then(|text| text.strip_prefix(":/")) {
        let path = repo.repo_path(&repo.root.join(rest))?;
        return Ok(Named { exists: exists(repo, &path), path, from_top: true });
    }
    let here = repo.repo_path(written);
    if let Ok(path) = &here
        && (written.is_absolute() || repo.prefix.is_root() || exists(repo, path))
    {
        return Ok(Named { exists: exists(repo, path), path: path.clone(), from_top: false });
    }
    if written.is_relative()
        && let Ok(top) = repo.repo_path(&repo.root.join(written))
        && !top.is_root()
        && exists(repo, &top)
    {
        return Ok(Named { path: top, exists: true, from_top: true });
    }
    Ok(Named { path: here?, exists: false, from_top: false })
}

fn exists(repo: &HostRepo, path: &RepoPath) -> bool {
    repo.root.join(path.to_native()).symlink_metadata().is_ok()
}

/// Refuses a pattern that the shell has not expanded: a claim of it would protect nothing. A file that is
/// really called so is claimed.
///
/// # Errors
/// [`ClientError::Pattern`], with what to write instead.
pub fn refuse_pattern(repo: &HostRepo, written: &Path) -> ClientResult<()> {
    let text = written.to_string_lossy();
    let Some(at) = text.find(['*', '?', '[']) else { return Ok(()) };
    // As far as the first component with such a sign: below a folder that is called so, all is literal.
    let end = text[at..].find('/').map_or(text.len(), |n| at + n);
    let here = repo.root.join(repo.prefix.to_native());
    if here.join(&text[..end]).symlink_metadata().is_ok() {
        return Ok(());
    }
    let folder =
        text[..at].rfind('/').map(|end| PathBuf::from(&text[..end])).filter(|f| !f.as_os_str().is_empty());
    let git = Git::new(&here);
    let pattern = format!(":(glob){text}");
    let list =
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", &pattern]).run();
    let matches = list.map_or(0, |bytes| bytes.split(|b| *b == 0).filter(|name| !name.is_empty()).count());
    Err(ClientError::Pattern { pattern: text.into_owned(), folder, matches })
}
