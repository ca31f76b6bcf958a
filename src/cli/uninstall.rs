//! `uninstall`.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::git::GitError;
use crate::model::SessionName;
use crate::uninstall::{
    Footprint, GivenBack, UninstallError, footprint, give_back, refs_on, remove, remove_refs_on,
};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult, NAME_ANOTHER};
use crate::cli::output::{Answer, GOOD, Text, WARN, paint};
use crate::cli::text::count;

/// Remove git-coord from this repository
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// Do it; without this, only say what would be removed
    #[arg(long)]
    yes: bool,
    /// Delete what the remote has, too: the state and notes of all clones
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    remote: Option<String>,
}

/// The refs on a remote.
#[derive(Debug, Default)]
struct There {
    remote: String,
    refs: Vec<(String, String)>,
}

/// What is to be deleted on the remote: nothing, unless asked for.
fn there(app: &App, args: &UninstallArgs, arbiter: Option<&str>) -> CliResult<There> {
    let Some(named) = &args.remote else { return Ok(There::default()) };
    let named = Some(named.as_str()).filter(|name| !name.is_empty()).or(arbiter);
    let Some(remote) = named else {
        return Err(CliError::usage("which remote? None arbitrates for this clone")
            .hint("name it: git coord uninstall --remote=origin"));
    };
    if arbiter == Some(remote) && !app.place.repo.has_remote(remote)? {
        let message = format!("{remote} decides, and this repository no longer has a remote of that name");
        return Err(CliError::remote(message).hint(NAME_ANOTHER));
    }
    let refs = refs_on(&app.place.repo, remote, app.place.store_options().patience)
        .map_err(|e| CliError::remote(Text::block(&e.to_string())))?;
    Ok(There { remote: remote.to_owned(), refs })
}

/// Deletes what was listed on the remote.
fn remove_there(app: &App, there: &There) -> CliResult<()> {
    let patience = app.place.store_options().patience;
    let Err(error) = remove_refs_on(&app.place.repo, &there.remote, &there.refs, patience) else {
        return Ok(());
    };
    // A server may have deleted some of them, or all before its answer got lost.
    let answered = matches!(error, GitError::Failed { status: Some(_), .. });
    let left = refs_on(&app.place.repo, &there.remote, patience);
    let same = answered && left.is_ok_and(|left| there.refs.iter().all(|r| left.contains(r)));
    let error =
        CliError::remote(Text::block(&format!("the refs on {} were not deleted: {error}", there.remote)));
    Err(if same {
        error.hint("nothing was changed; without --remote, the refs there stay")
    } else {
        error
            .hint("see what is left there with: git coord uninstall --remote")
            .detail("outcome", json!("unknown"))
    })
}

/// Ends this clone's sessions where the remote decides, unless the state there is deleted for all.
/// Otherwise what waits goes with the store: `waiting`.
fn end_there(app: &App, there: &There, arbiter: Option<&str>, waiting: usize) -> GivenBack {
    match app.client() {
        Ok(client) if arbiter.is_some_and(|arbiter| arbiter != there.remote) => {
            give_back(&app.place.repo, &client.store)
        }
        // What cannot be read can be removed all the same.
        _ => GivenBack { ended: Ok(Vec::new()), waiting },
    }
}

/// What is to be said of the sessions that were ended on the remote.
fn told_there(ended: &Result<Vec<SessionName>, UninstallError>, arbiter: Option<&str>) -> Option<Text> {
    let remote = arbiter.unwrap_or("the remote");
    match ended {
        Ok(names) if names.is_empty() => None,
        Ok(names) => {
            let names: Vec<&str> = names.iter().map(SessionName::as_str).collect();
            Some(format!("ended at {remote}, with all they held: {}", names.join(", ")).into())
        }
        Err(error) => Some(Text::block(&format!(
            "{error}; what sessions of this clone hold at {remote} becomes free there when its leases run out,\n  \
             or at once by this in another clone: git coord session end NAME"
        ))),
    }
}

/// Runs `uninstall`.
pub fn uninstall(app: &App, args: &UninstallArgs) -> CliResult<Answer> {
    let found = footprint(&app.place.repo)?;
    // Of a store that cannot be read nobody knows the remote; it can be removed all the same.
    let arbiter =
        app.client().ok().and_then(|client| client.store.arbiter().ok().flatten()).map(|a| a.remote);
    let there = there(app, args, arbiter.as_deref())?;
    if found.is_empty() && there.refs.is_empty() && !args.yes {
        return Ok(nothing(app, &found));
    }
    if !args.yes {
        let mut all = vec!["this would remove".to_owned()];
        all.extend(lines(app, &found));
        all.extend(line_there(&there));
        all.extend(at_work(&found));
        let more = if args.remote.is_some() { " --remote" } else { "" };
        let mut would = listing(app, &found);
        would["remote_refs"] = names_there(&there);
        return Err(CliError::refused(all)
            .hint(format!("to do it: git coord uninstall --yes{more}"))
            .detail("would_remove", would)
            .detail("waiting", json!(found.waiting))
            .detail("at_work", json!(found.at_work.iter().map(|(name, _)| name).collect::<Vec<_>>())));
    }
    // Also when nothing was seen: hooks may be where git no longer looks.
    remove_there(app, &there)?;
    let GivenBack { ended, waiting } = end_there(app, &there, arbiter.as_deref(), found.waiting);
    let removed = remove(&app.place.repo)?;
    if removed.is_empty() && there.refs.is_empty() {
        return Ok(nothing(app, &removed));
    }
    let mut all = vec![paint(GOOD, "removed")];
    all.extend(lines(app, &removed));
    all.extend(line_there(&there));
    let mut list = listing(app, &removed);
    list["remote_refs"] = names_there(&there);
    let mut data = json!({ "removed": list, "discarded_acts": waiting });
    if let Ok(names) = &ended {
        data["ended"] = json!(names);
    }
    let mut answer = Answer::new(data, all);
    if let Some(note) = told_there(&ended, arbiter.as_deref()) {
        answer = answer.note(note);
    }
    if let (Some(remote), None) = (&arbiter, &args.remote) {
        // Under its old name git would not find it.
        let name = if app.place.repo.has_remote(remote)? { remote } else { "NAME" };
        answer = answer.note(vec![
            format!(
                "{remote} keeps refs/coord/* and refs/notes/coord/* for other clones; to delete them for all:"
            ),
            format!("  git coord uninstall --yes --remote={name}"),
        ]);
    }
    if waiting > 0 {
        answer = answer.note(format!(
            "{} that waited for {} went with the store and will not be done",
            count(waiting, "act"),
            arbiter.as_deref().unwrap_or("the remote")
        ));
    }
    if !removed.notes.is_empty() {
        answer = answer.note("objects of the notes stay until git's own gc finds them old enough");
    }
    Ok(answer)
}

fn names_there(there: &There) -> Value {
    json!(there.refs.iter().map(|(name, _)| name).collect::<Vec<_>>())
}

fn line_there(there: &There) -> Option<String> {
    let (first, _) = there.refs.first()?;
    let what = format!("{} on {}", count(there.refs.len(), "ref"), there.remote);
    let more = if there.refs.len() > 1 { " …" } else { "" };
    Some(format!("  {what:<24} {first}{more} (of all clones)"))
}

fn nothing(app: &App, found: &Footprint) -> Answer {
    let text = format!("{}: git-coord is not in this repository", paint(GOOD, "nothing to remove"));
    Answer::new(json!({ "removed": listing(app, found) }), text)
}

fn relative(app: &App, path: &Path) -> String {
    path.strip_prefix(&app.place.repo.root).unwrap_or(path).to_string_lossy().into_owned()
}

fn listing(app: &App, found: &Footprint) -> Value {
    let paths = |list: &[std::path::PathBuf]| list.iter().map(|p| relative(app, p)).collect::<Vec<_>>();
    json!({
        "hooks": paths(&found.hooks),
        "store": found.store.as_ref().map(|p| relative(app, p)),
        "leftovers": paths(&found.leftovers),
        "bindings": paths(&found.bindings),
        "refs": found.notes.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "pool": {
            "worktrees": paths(&found.pool.worktrees),
            "branches": found.pool.branches.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "kept": found.pool.kept.iter().map(|(what, why)| json!({ "what": what, "why": why })).collect::<Vec<_>>(),
        },
        "settings": found.settings,
    })
}

fn lines(app: &App, found: &Footprint) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |what: &str, places: Vec<String>| {
        if let Some(first) = places.first() {
            let more = if places.len() > 1 { " …" } else { "" };
            lines.push(format!("  {what:<24} {first}{more}"));
        }
    };
    let paths = |list: &[std::path::PathBuf]| list.iter().map(|p| relative(app, p)).collect::<Vec<_>>();
    add(&count(found.hooks.len(), "hook"), paths(&found.hooks));
    add("the store", found.store.iter().map(|p| relative(app, p)).collect());
    add(&count(found.leftovers.len(), "leftover"), paths(&found.leftovers));
    add(&count(found.bindings.len(), "bound worktree"), paths(&found.bindings));
    let notes = found.notes.iter().map(|(name, _)| name.clone()).collect();
    add(&format!("notes of {}", count(found.notes.len(), "session")), notes);
    add(&format!("{} of run", count(found.pool.worktrees.len(), "worktree")), paths(&found.pool.worktrees));
    let branches = found.pool.branches.iter().map(|(name, _)| name.clone()).collect();
    let n = found.pool.branches.len();
    add(&format!("{n} branch{} of run", if n == 1 { "" } else { "es" }), branches);
    let settings = if found.settings { vec!["[coord] in the configuration".to_owned()] } else { Vec::new() };
    add("settings", settings);
    for (what, why) in &found.pool.kept {
        lines.push(format!(
            "  {} {}: {why}",
            paint(WARN, format!("{:<24}", "stays")),
            relative(app, Path::new(what))
        ));
    }
    lines
}

fn at_work(found: &Footprint) -> Vec<String> {
    let list = found.at_work.iter().map(|(name, leases)| {
        format!("{} {name} holds {}", paint(WARN, "at work:"), count(*leases, "lease"))
    });
    let waiting = (found.waiting > 0).then(|| {
        let acts = count(found.waiting, "act");
        format!("{} {acts} for the remote; first: git coord sync", paint(WARN, "waiting:"))
    });
    list.chain(waiting).collect()
}

impl From<UninstallError> for CliError {
    fn from(error: UninstallError) -> Self {
        match error {
            UninstallError::Store(e) => e.into(),
            UninstallError::Git(e) => e.into(),
            UninstallError::Hook(e) => CliError::failed("hooks", Text::block(&e.to_string())),
            UninstallError::Binding(e) => CliError::failed("io", e.to_string()),
        }
        .hint("fix that, then repeat: git coord uninstall --yes")
    }
}
