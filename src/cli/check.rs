//! `check`: may this session make this change?

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::git::changes;
use crate::guard::Fault;
use crate::guard::{self, Coverage};
use crate::model::RepoPath;
use crate::model::outcome::Blocker;
use crate::store::remote::read_from;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult, holders_json};
use crate::cli::output::{Answer, GOOD, paint};
use crate::cli::text::{self, shell_word};

/// Most lines of a list in a message; nobody reads the rest.
const SHOWN: usize = 12;

/// Check that changes are covered by this session's claims
#[derive(Debug, Args)]
#[command(
    after_help = "Without arguments: what is staged. Exit status 5 when something is not covered by a\n\
                        claim or area of this session."
)]
pub struct CheckArgs {
    /// Check what is staged for the next commit
    #[arg(long, conflicts_with_all = ["range", "paths"])]
    staged: bool,
    /// Check the commits of A..B by the leases that they name
    #[arg(long, value_name = "A..B", conflicts_with = "paths")]
    range: Option<String>,
    /// Judge by the state that this remote has, without joining it: for CI
    #[arg(long, value_name = "REMOTE", requires = "range")]
    from: Option<String>,
    /// Check these files or folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs `check`.
pub fn check(app: &App, args: &CheckArgs) -> CliResult<Answer> {
    if let Some(range) = &args.range {
        return check_range(app, range, args.from.as_deref());
    }
    let client = app.client()?;
    let store = &client.store;
    let paths = if args.paths.is_empty() {
        changes::staged(&app.place.repo, app.env.git.index_file.as_deref())?.paths
    } else {
        app.place.paths(&args.paths)?
    };
    let name = app.place.session()?;
    let session = client.alive(&name)?;
    let verdict = store.read(|view| guard::check_paths(view, &session, &paths))?;
    if !verdict.is_fine() {
        return Err(refusal(&verdict, NOT_CLAIMED));
    }
    let text = format!("{} {}", paint(GOOD, "fine:"), text::count(verdict.checked, "path"));
    if !args.paths.is_empty() {
        return Ok(Answer::new(json!({ "checked": verdict.checked }), text));
    }
    // What is not staged is not in the commit, and so was not checked.
    let unstaged = changes::unstaged(&app.place.repo, &[])?;
    let answer = Answer::new(json!({ "checked": verdict.checked, "unstaged": unstaged }), text);
    Ok(match unstaged.len() {
        0 => answer,
        n => answer.note(format!(
            "{} not staged, and not checked: git add them first, or: git coord check PATH",
            text::count(n, "changed file")
        )),
    })
}

fn check_range(app: &App, range: &str, from: Option<&str>) -> CliResult<Answer> {
    let commits = changes::in_range(&app.place.repo, range)?;
    let faults = match from {
        None => {
            let client = app.client()?;
            let store = &client.store;
            client.refresh_now()?;
            let known = guard::Known::in_clone(&app.place.repo);
            guard::check_commits(store, &commits, app.place.session_if_any()?.as_ref(), &known)?
        }
        Some(remote) => {
            let sha256 = app.place.repo.is_sha256()?;
            let patience = app.place.store_options().patience;
            let Some((_scratch, store)) = read_from(&app.place.repo.common_dir, sha256, remote, patience)?
            else {
                return Err(CliError::failed("no-state", format!("{remote} has no refs/coord/state"))
                    .hint("let a clone make it the arbiter: git coord init --remote origin"));
            };
            // The caller is nobody in particular: sessions have no worktree here.
            let known = guard::Known::in_clone(&app.place.repo);
            guard::check_commits(&store, &commits, None, &known)?
        }
    };
    let paths: usize = commits.iter().map(|c| c.paths.len()).sum();
    if !faults.is_empty() {
        return Err(range_refusal(&faults));
    }
    let text = format!("{} {}", paint(GOOD, "fine:"), text::count(commits.len(), "commit"));
    Ok(Answer::new(json!({ "checked": paths, "commits": commits.len() }), text))
}

fn list(paths: &[RepoPath]) -> String {
    let mut words: Vec<String> = paths.iter().take(SHOWN).map(|p| shell_word(&p.to_string())).collect();
    if paths.len() > SHOWN {
        words.push("…".into());
    }
    words.join(" ")
}

/// How the paths of a change stand to a session that has not claimed them.
pub const NOT_CLAIMED: &str = "not claimed by this session";

/// The refusal of a change: what is not claimed, and by whom it is. `how` says how these paths
/// relate to the author of the change.
pub fn refusal(verdict: &Coverage, how: &str) -> CliError {
    let mut lines = vec![format!("{} {how}:", text::count(verdict.unclaimed.len(), "changed path"))];
    for path in verdict.unclaimed.iter().take(SHOWN) {
        let mut line = format!("  {path}");
        if let Some(holder) = verdict.holders.iter().find(|h| h.path == *path) {
            line.push_str(&format!("  held by {}", holder.session));
            if holder.held != *path {
                line.push_str(&format!(" (as {})", holder.held));
            }
        }
        if let Some(loss) = verdict.losses.iter().find(|l| l.path.as_ref() == Some(path)) {
            line.push_str(&format!("  was yours: {}", loss.why));
        }
        lines.push(line);
    }
    if verdict.unclaimed.len() > SHOWN {
        lines.push(format!("  and {} more", verdict.unclaimed.len() - SHOWN));
    }
    let free: Vec<RepoPath> = verdict
        .unclaimed
        .iter()
        .filter(|p| !verdict.holders.iter().any(|h| h.path == **p))
        .cloned()
        .collect();
    let hint = if free.is_empty() {
        "take these files out of the commit (git restore --staged), or wait: git coord claim --wait 10m …"
            .into()
    } else {
        format!("claim what is free: git coord claim {}", list(&free))
    };
    CliError::refused(lines)
        .hint(hint)
        .detail("rule", json!("unclaimed"))
        .detail("unclaimed", json!(verdict.unclaimed))
        .detail("holders", holders_json(&verdict.holders))
}

/// The refusal of commits.
pub fn range_refusal(faults: &[Fault]) -> CliError {
    let mut lines = vec![format!("{} made without the claims for it:", text::count(faults.len(), "commit"))];
    for fault in faults.iter().take(SHOWN) {
        lines.push(format!("  {} {}", &fault.commit[..fault.commit.len().min(10)], fault.subject));
        for path in fault.unclaimed.iter().take(SHOWN) {
            let holder = fault.holders.iter().find(|h| h.path == *path);
            let by = holder.map(|h| format!("  held by {}", h.session)).unwrap_or_default();
            lines.push(format!("    {path}{by}"));
        }
        if !fault.void_leases.is_empty() {
            lines.push(format!("    its lease {} was lost or never granted", fault.void_leases.join(", ")));
        }
        if !fault.ended_leases.is_empty() {
            let leases = fault.ended_leases.join(", ");
            lines.push(format!("    its lease {leases} had been given back when this change was made"));
        }
    }
    let commits: Vec<Value> = faults
        .iter()
        .map(|f| {
            json!({
                "commit": f.commit, "subject": f.subject, "session": f.session, "unclaimed": f.unclaimed,
                "void_leases": f.void_leases, "ended_leases": f.ended_leases,
            })
        })
        .collect();
    let mut unclaimed: Vec<&RepoPath> = faults.iter().flat_map(|f| &f.unclaimed).collect();
    unclaimed.sort();
    unclaimed.dedup();
    let holders: Vec<_> = faults.iter().flat_map(|f| f.holders.clone()).collect();
    CliError::refused(lines)
        .hint("claim these paths, see that nobody has changed them meanwhile, then repeat")
        .detail("rule", json!("unclaimed"))
        .detail("unclaimed", json!(unclaimed))
        .detail("holders", holders_json(&holders))
        .detail("commits", Value::Array(commits))
}

/// The refusal to take changes of what others hold off a branch.
pub fn taken_off_refusal(branch: &str, holders: &[Blocker]) -> CliError {
    let mut lines = vec![format!("{branch} would lose changes of what others hold:")];
    lines.extend(holders.iter().take(SHOWN).map(|h| format!("  {}  held by {}", h.path, h.session)));
    let unclaimed: Vec<&RepoPath> = holders.iter().map(|h| &h.path).collect();
    CliError::refused(lines)
        .hint(format!("take over what is there first: git pull origin {branch}"))
        .detail("rule", json!("taken-off"))
        .detail("unclaimed", json!(unclaimed))
        .detail("holders", holders_json(holders))
}
