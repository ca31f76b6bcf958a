//! The branch that work lands in, as far as this clone knows it without asking anybody.

use crate::git::{HostRepo, tips};
use crate::settings::Settings;

/// The remote whose `HEAD` names the target when no setting does.
const ORIGIN: &str = "origin";

/// The name of the target, without `refs/heads/`: as `coord.target` says, else what `origin/HEAD` names, else
/// the main worktree's branch. `None` when none of them is a branch.
pub fn name(repo: &HostRepo, settings: &Settings) -> Option<String> {
    if let Some(name) = &settings.target {
        return Some(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned());
    }
    let head = tips::symbolic(&repo.common_dir, &format!("refs/remotes/{ORIGIN}/HEAD"));
    let prefix = format!("refs/remotes/{ORIGIN}/");
    if let Some(name) = head.as_deref().and_then(|h| h.strip_prefix(&prefix)) {
        return Some(name.to_owned());
    }
    tips::symbolic(&repo.common_dir, "HEAD")?.strip_prefix("refs/heads/").map(str::to_owned)
}

/// The commits that the target has here: of its branch, and of what was fetched of it.
pub fn commits(repo: &HostRepo, name: &str) -> Vec<String> {
    let names = [format!("refs/heads/{name}"), format!("refs/remotes/{ORIGIN}/{name}")];
    let mut found: Vec<String> = names.iter().filter_map(|n| tips::value(&repo.common_dir, n)).collect();
    found.dedup();
    found
}
