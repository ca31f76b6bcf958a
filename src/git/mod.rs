//! All that touches git: the `git` program and the user's repository.

pub mod changes;
mod cmd;
pub mod exclude;
mod head;
mod limit;
mod remote_git;
mod repo;
#[cfg(test)]
pub(crate) mod testrepo;
pub mod tips;

pub use cmd::{Git, GitError, GitOutput, OLDEST_GIT, redirecting, version};
pub(crate) use head::has_ref_files;
pub use head::{HeadCommit, branch, head_commit};
pub use remote_git::{RemoteGit, is_address, listed};
pub use repo::{GitEnv, HostRepo, RepoError, Worktree, resolve_existing};
