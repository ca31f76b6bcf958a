//! `init`.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::hooks;
use crate::cli::output::{Answer, GOOD, paint};
use crate::client::arbiter::{self, Shared};
use crate::client::{Client, ClientError};
use crate::crash_point;
use crate::git::{OLDEST_GIT, version};
use crate::store::{self, Store};

/// Set up this repository and the hooks of all its worktrees
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Make this remote the arbiter between clones
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    remote: Option<String>,
    /// Discard this clone's state if the remote already has one
    #[arg(long, requires = "remote")]
    discard: bool,
    /// Stop using a remote; keep the state in this clone
    #[arg(long)]
    local: bool,
}

/// Refuses to go on with a git that is missing or too old.
///
/// # Errors
/// When it is.
pub fn require_git() -> CliResult<()> {
    let (major, minor) = version()?;
    if (major, minor) < OLDEST_GIT {
        let found = format!("git {major}.{minor} is too old");
        return Err(CliError::failed("old-git", found).hint("install git 2.39 or newer"));
    }
    Ok(())
}

/// Runs `init`.
pub fn init(app: &App, args: &InitArgs) -> CliResult<Answer> {
    require_git()?;
    let repo = &app.place.repo;
    let sha256 = repo.is_sha256()?;
    let fresh = !repo.common_dir.join(store::STORE_DIR).exists();
    let mut shared = None;
    // A store that decides by itself was not asked for, and would be taken for one that shares the
    // remote's: a new one meets the remote before anybody sees it.
    let mut meet = |store: &Store| -> Result<(), ClientError> {
        if let Some(remote) = &args.remote {
            shared = Some(arbiter::join(repo, store, remote, args.discard)?);
        }
        Ok(())
    };
    let store = store::create_as(&repo.common_dir, sha256, app.place.store_options(), &mut meet)?;
    if store.arbiter()?.map(|a| a.remote) != args.remote || !fresh {
        // It was there, or another process has made it meanwhile.
        meet(&store)?;
    }
    crash_point!("before the hooks");
    let client = Client::with_store(app.place.clone(), store, app.listener());
    let left = args.local && arbiter::leave(&client)?;
    let hooks = hooks::install(app)?;
    let remote = client.store.arbiter()?.map(|a| a.remote);
    let word = if fresh { "set up" } else { "already set up" };
    let mut lines = vec![format!("{} in {}", paint(GOOD, word), client.store.path().display())];
    if let (Some(shared), Some(name)) = (&shared, &args.remote) {
        lines.extend(shared_text(shared, name));
    }
    if left {
        lines.push("no remote arbitrates now: the state is kept in this clone".to_owned());
    }
    lines.extend(hooks::installed_text(&hooks));
    lines.extend(hooks::others_text(app)?);
    let data = json!({ "hooks": hooks::installed_json(&hooks), "remote": remote, "created": fresh });
    let answer = Answer::new(data, lines);
    Ok(match app.place.session_if_any() {
        Ok(None) => answer.note("next: git coord session start NAME"),
        _ => answer,
    })
}

/// How this clone shares the remote's state now.
fn shared_text(shared: &Shared, remote: &str) -> Vec<String> {
    let from_now_on = format!("{remote} is the arbiter from now on");
    match shared {
        Shared::Already => vec![format!("{remote} is the arbiter")],
        Shared::Took => vec![format!("{from_now_on}; its state was taken over")],
        Shared::Gave { before } => {
            let moved = format!("{from_now_on}; this clone's state was moved there");
            let others = before.as_ref().map(|before| {
                format!(
                    "{before} remains the arbiter of the others; in every other clone: git coord init --remote \
                     {remote}"
                )
            });
            [moved].into_iter().chain(others).collect()
        }
    }
}
