//! The commit at HEAD, read in this process where that is certain: hooks ask for it at every commit, and
//! starting git takes longer than all the rest that they do.

use super::cmd::GitError;
use super::repo::HostRepo;

/// The commit at HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadCommit {
    /// Its id in hex.
    pub id: String,
    /// The branch, without `refs/heads/`; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The whole message, in UTF-8.
    pub message: Vec<u8>,
}

impl HeadCommit {
    /// The subject as git shows it: the first paragraph as one line.
    pub fn subject(&self) -> String {
        let text = String::from_utf8_lossy(&self.message);
        let lines = text.lines().skip_while(|line| line.trim().is_empty());
        let first: Vec<&str> = lines.take_while(|line| !line.trim().is_empty()).map(str::trim_end).collect();
        first.join(" ")
    }
}

/// Reads the commit at HEAD; `None` on a branch without commits.
///
/// # Errors
/// When git has to be asked and fails.
pub fn head_commit(repo: &HostRepo) -> Result<Option<HeadCommit>, GitError> {
    match with_gix(repo) {
        Some(found) => Ok(Some(found)),
        None => with_git(repo),
    }
}

/// The branch that is checked out; `None` when HEAD is detached.
///
/// # Errors
/// When git has to be asked and fails.
pub fn branch(repo: &HostRepo) -> Result<Option<String>, GitError> {
    let text = std::fs::read_to_string(repo.git_dir.join("HEAD")).unwrap_or_default();
    match text.trim_end().strip_prefix("ref: refs/heads/") {
        // What other ways of storing refs write there so that nobody takes it for one.
        Some(".invalid") => {}
        Some(branch) => return Ok(Some(branch.to_owned())),
        None if text.len() >= 40 && text.trim_end().bytes().all(|b| b.is_ascii_hexdigit()) => {
            return Ok(None);
        }
        None => {}
    }
    repo.git().args(["symbolic-ref", "-q", "--short", "HEAD"]).optional()
}

/// The repository of the user, with its own configuration only and without `refs/replace`.
pub(super) fn open(repo: &HostRepo) -> Option<gix::Repository> {
    let options = gix::open::Options::isolated()
        .open_path_as_is(true)
        .config_overrides(["gitoxide.objects.noReplace=true"])
        // HostRepo::discover has asked git about other people's repositories.
        .with(gix::sec::Trust::Full);
    gix::open_opts(&repo.git_dir, options).ok()
}

/// gix reads refs from files whatever the format, and would find placeholders elsewhere.
pub(crate) fn has_ref_files(git: &gix::Repository) -> bool {
    let config = git.config_snapshot();
    config.string("extensions.refStorage").is_none_or(|format| format.eq_ignore_ascii_case(b"files"))
}

fn with_gix(repo: &HostRepo) -> Option<HeadCommit> {
    let git = open(repo).filter(has_ref_files)?;
    let mut head = git.head().ok()?;
    let branch = head.referent_name().map(|name| name.as_bstr().to_string());
    let id = head.try_peel_to_id().ok()??.detach();
    let commit = git.find_commit(id).ok()?;
    let decoded = commit.decode().ok()?;
    // git shows it in UTF-8 whatever it is stored in; that is left to git.
    if decoded.encoding.is_some() {
        return None;
    }
    Some(HeadCommit {
        id: id.to_string(),
        branch: branch.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned)),
        message: decoded.message.to_vec(),
    })
}

fn with_git(repo: &HostRepo) -> Result<Option<HeadCommit>, GitError> {
    let asked = ["rev-parse", "--verify", "-q", "HEAD^{commit}"];
    let Some(id) = repo.git().as_judge().args(asked).optional()? else { return Ok(None) };
    let words = ["log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%B", &id, "--"];
    let message = repo.git().as_judge().args(words).run()?;
    Ok(Some(HeadCommit { id, branch: branch(repo)?, message }))
}
