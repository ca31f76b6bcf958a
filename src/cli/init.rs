//! `init`.

use clap::Args;
use serde_json::json;

use crate::crash_point;
use crate::git::{OLDEST_GIT, version};
use crate::model::{Op, prefetch};
use crate::store::remote::{Joined, RemoteError};
use crate::store::{self, Store, StoreError};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::hooks;
use crate::cli::output::{Answer, GOOD, paint};

/// Set up this repository and the hooks of all its worktrees
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Make this remote the arbiter between clones
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    remote: Option<String>,
    /// Give up what this clone has when the remote has a state already
    #[arg(long, requires = "remote")]
    discard: bool,
    /// Let this clone decide by itself again
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
    let sha256 = app.repo.is_sha256()?;
    let fresh = !app.repo.common_dir.join(store::STORE_DIR).exists();
    let mut shared = Vec::new();
    let mut meet = |store: &Store| -> CliResult<()> {
        if let Some(remote) = &args.remote {
            shared = join(app, store, remote, args.discard)?;
        }
        Ok(())
    };
    // A store that decides by itself was not asked for, and would be taken for one that shares the
    // remote's: a new one meets the remote before anybody sees it.
    let store = store::create_as(&app.repo.common_dir, sha256, app.store_options(), &mut meet)?;
    if store.arbiter()?.map(|a| a.remote) != args.remote || !fresh {
        // It was there, or another process has made it meanwhile.
        meet(&store)?;
    }
    crash_point!("before the hooks");
    let left = args.local && leave(app, &store)?;
    let hooks = hooks::install(app)?;
    let remote = store.arbiter()?.map(|a| a.remote);
    let word = if fresh { "set up" } else { "already set up" };
    let mut lines = vec![format!("{} in {}", paint(GOOD, word), store.path().display())];
    lines.extend(shared);
    if left {
        lines.push("this clone decides by itself again".to_owned());
    }
    lines.extend(hooks::installed_text(&hooks));
    let data = json!({ "hooks": hooks::installed_json(&hooks), "remote": remote, "created": fresh });
    let answer = Answer::new(data, lines);
    Ok(match app.session_if_any() {
        Ok(None) => answer.note("next: git coord session start NAME"),
        _ => answer,
    })
}

/// Makes the store decide by itself again. What this clone keeps ready goes back to the others, if
/// they can be told; else its leases run out there.
fn leave(app: &App, store: &Store) -> CliResult<bool> {
    let pool = match store.arbiter()? {
        Some(arbiter) => store.read(|view| prefetch::of(view, &arbiter.clone))?,
        None => None,
    };
    let Some(pool) = pool else { return Ok(store.leave()?) };
    let end = Op::EndSession { name: pool.name };
    app.unless_away(store.submit(&end, None), "")?;
    let left = store.leave()?;
    // What could not be told there is told here: nobody waits for a pool that there is no more.
    store.submit(&end, None)?;
    Ok(left)
}

/// Makes a remote the arbiter; returns what there is to say about it.
fn join(app: &App, store: &Store, remote: &str, discard: bool) -> CliResult<Vec<String>> {
    let known = app.repo.git().args(["remote"]).text()?;
    if !known.lines().any(|name| name == remote) {
        let hint = match known.lines().collect::<Vec<_>>()[..] {
            [] => "add one with: git remote add origin URL".to_owned(),
            ref names => format!("there are: {}", names.join(", ")),
        };
        return Err(CliError::failed("unknown-remote", format!("there is no remote {remote}")).hint(hint));
    }
    let urls = app.repo.git().args(["remote", "get-url", "--push", "--all", remote]).text()?;
    if urls.lines().count() > 1 {
        let message = format!(
            "{remote} has {} push URLs, and only one server can be the arbiter",
            urls.lines().count()
        );
        return Err(CliError::failed("several-urls", message)
            .hint("add a remote of its own for the arbiter: git remote add coord URL"));
    }
    let before = store.arbiter()?.map(|a| a.remote).filter(|before| before != remote);
    let from_now_on = format!("{remote} is the arbiter from now on");
    match store.join(remote, discard).map_err(|e| not_joined(e, remote))? {
        Joined::Already => Ok(vec![format!("{remote} is the arbiter")]),
        Joined::Took => Ok(vec![format!("{from_now_on}; its state was taken over")]),
        Joined::Gave => {
            let moved = format!("{from_now_on}; this clone's state was moved there");
            let others = before.map(|before| {
                format!(
                    "{before} goes on deciding for the others; in every other clone: git coord init --remote \
                     {remote}"
                )
            });
            Ok([moved].into_iter().chain(others).collect())
        }
        Joined::Differs { sessions, items } => Err(CliError::refused(format!(
            "{remote} has a state already, and this clone has another one ({sessions} sessions, {items} items)"
        ))
        .hint(format!("to give up this clone's: git coord init --remote {remote} --discard"))),
    }
}

/// The error of a remote that could not be joined. One that decides so far can be left behind only
/// by saying that it is gone.
fn not_joined(error: StoreError, remote: &str) -> CliError {
    let before = match &error {
        StoreError::Remote(
            RemoteError::Unreachable { remote: silent, .. } | RemoteError::Unknown { remote: silent, .. },
        ) if silent != remote => Some(silent.clone()),
        _ => None,
    };
    match (CliError::from(error), before) {
        (error, Some(before)) => error.hint(format!(
            "{before} decides so far: try again when it can be reached; if it is gone for good, first: git \
             remote remove {before}"
        )),
        (error, None) => error,
    }
}
