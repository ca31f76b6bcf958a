//! What lies outside the store: hooks, and which worktree belongs to which session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::binding::Binding;
use crate::git::{GitEnv, HostRepo};
use crate::hook::{self, HookStatus, State};
use crate::model::SessionName;
use crate::model::session::{Session, SessionState};
use crate::store::raw::files_in;
use crate::store::{RemoteArbiter, Store, host_name};

use super::{DoctorError, Finding, Options, Report};

/// Sessions by name.
pub type Sessions = BTreeMap<SessionName, Session>;

/// The git folders of all worktrees, also of those whose folder is gone.
pub fn git_dirs(common_dir: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![common_dir.to_owned()];
    dirs.extend(files_in(&common_dir.join("worktrees")).into_iter().filter(|p| p.is_dir()));
    dirs
}

/// Looks at the files that bind worktrees to sessions. `sessions`: `None` when they could not be
/// read; then nobody can say whether a session is known.
pub fn bindings(repo: &HostRepo, sessions: Option<&Sessions>, repair: bool, report: &mut Report) {
    // A session whose worktree was moved goes on working, and its record names the old folder.
    let mut bound: Vec<(SessionName, String)> = Vec::new();
    for dir in git_dirs(&repo.common_dir) {
        let finding = match Binding::read_in(&dir) {
            Ok(None) => continue,
            Ok(Some(binding)) => {
                bound.push((binding.session.clone(), binding.token.clone()));
                let name = &binding.session;
                match sessions.map(|s| s.get(name)) {
                    Some(None) => {
                        let message = format!("it names session {name}, which the store does not know");
                        Finding::at_path("binding", &Binding::path_in(&dir), message)
                    }
                    Some(Some(s)) if s.state == SessionState::Ended => {
                        report.notes.push(format!(
                            "{}: its session {name} has ended; git coord session start {name} resumes it",
                            binding.worktree
                        ));
                        continue;
                    }
                    _ => continue,
                }
            }
            Err(e) => Finding::at_path("binding", &Binding::path_in(&dir), e.to_string()),
        };
        let mended = repair && Binding::remove(&dir).is_ok();
        report.findings.push(if mended { finding.mended() } else { finding });
    }
    for session in sessions.into_iter().flat_map(BTreeMap::values) {
        let gone = session.worktree.as_ref().is_some_and(|w| !Path::new(w).exists());
        let moved = bound.iter().any(|(name, token)| *name == session.name && *token == session.token);
        let here = session.host.as_deref() == Some(&host_name());
        if gone && !moved && here && session.state == SessionState::Active {
            let place = session.worktree.as_deref().unwrap_or_default();
            let holds = match session.leases.len() {
                0 => String::new(),
                n => format!(" and still holds {n} lease{}", if n == 1 { "" } else { "s" }),
            };
            report.notes.push(format!(
                "session {0} worked in {place}, which is gone{holds}; end it with: git coord session end {0}",
                session.name
            ));
        }
    }
}

/// Looks whether git still knows the remote that decides, which its user can rename and remove.
///
/// # Errors
/// When git does not answer.
pub fn arbiter(repo: &HostRepo, store: &Store, report: &mut Report) -> Result<(), DoctorError> {
    if let Some(RemoteArbiter { remote, .. }) = store.arbiter()?
        && !repo.has_remote(&remote)?
    {
        let message = format!(
            "{remote} decides, and this repository has no remote of that name any more; to name the one that \
             decides now: git coord init --remote NAME"
        );
        report.findings.push(Finding::at_path("remote-unknown", store.path(), message).beyond_repair());
    }
    Ok(())
}

/// Looks at the hooks of every worktree.
///
/// # Errors
/// When git does not answer.
pub fn hooks(repo: &HostRepo, options: &Options, report: &mut Report) -> Result<(), DoctorError> {
    let mut before = missing(repo, report)?;
    if before.is_empty() {
        return Ok(());
    }
    if !options.repair {
        report.findings.extend(before);
        return Ok(());
    }
    match hook::install(repo, &options.program) {
        Ok(_) => {
            let after = missing(repo, &mut Report::default())?;
            for finding in &mut before {
                let still = after.iter().any(|f| f.place == finding.place && f.message == finding.message);
                finding.repaired = !still;
                finding.repairable &= !still;
            }
        }
        Err(e) => {
            let first = e.to_string();
            for finding in &mut before {
                finding.repairable = false;
                finding.message =
                    format!("{}; {}", finding.message, first.lines().next().unwrap_or_default());
            }
            report.notes.push(first);
        }
    }
    report.findings.extend(before);
    Ok(())
}

/// One finding for each hook that does not run, whatever number of worktrees share it.
fn missing(repo: &HostRepo, report: &mut Report) -> Result<Vec<Finding>, DoctorError> {
    let mut findings: Vec<Finding> = Vec::new();
    let worktrees = repo.worktrees()?;
    for tree in worktrees.iter().filter(|w| !w.bare && !w.prunable) {
        let Ok(here) = HostRepo::discover(&tree.path, &GitEnv::default()) else { continue };
        report.looked_at.worktrees += 1;
        let found: Vec<Finding> = match hook::status(&here) {
            Ok(list) => list
                .iter()
                .filter(|s| !s.is_active())
                .map(|s| Finding::at_path("hook", &s.path, told(s)))
                .collect(),
            Err(e) => vec![Finding::at_path("hook", &tree.path, e.to_string()).beyond_repair()],
        };
        for finding in found {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    Ok(findings)
}

fn told(status: &HookStatus) -> String {
    match &status.state {
        State::Missing => "there is no hook: nothing checks what sessions commit".into(),
        State::Foreign(_) => "another hook stands there and does not run ours".into(),
        State::NotRun { why } => {
            format!("git does not run it: {}", why.lines().next().unwrap_or_default())
        }
        State::Active | State::BehindTool(_) | State::Manual => String::new(),
    }
}
