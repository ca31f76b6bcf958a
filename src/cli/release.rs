//! `release`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, Text};
use crate::client::{claims, refresh};
use crate::model::unlanded;

/// Give claimed paths back
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Files or folders that this session has claimed
    #[arg(required_unless_present = "all", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Everything that this session has claimed by path
    #[arg(long, conflicts_with = "paths")]
    all: bool,
    /// Give up on commits of these paths that have not landed, of any session: nobody needs them in their
    /// branch any longer
    #[arg(long, conflicts_with = "all")]
    unlanded: bool,
}

/// Runs `release`.
pub fn release(app: &App, args: &ReleaseArgs) -> CliResult<Answer> {
    if args.unlanded {
        return give_up(app, args);
    }
    let paths = if args.all { None } else { Some(app.place.paths(&args.paths)?) };
    let released = claims::release(&app.client()?, paths)?;
    let lines: Vec<String> = released.released.iter().map(|p| format!("released {p}")).collect();
    let text = if lines.is_empty() { Text::from("nothing to release") } else { lines.into() };
    Ok(Answer::of(&released, text))
}

/// Gives up on versions, and says which.
fn give_up(app: &App, args: &ReleaseArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let (session, paths) = (client.session()?, app.place.paths(&args.paths)?);
    let mut released = client.store.read(|view| {
        let mut found = Vec::new();
        for (path, _) in unlanded::all(view)? {
            if paths.iter().any(|p| p.covers(&path)) {
                found.push(path);
            }
        }
        Ok(found)
    })?;
    released.dedup();
    refresh::give_up(&client, &session, Some(paths))?;
    let lines: Vec<String> =
        released.iter().map(|p| format!("gave up on what has not landed of {p}")).collect();
    let text = if lines.is_empty() { Text::from("nothing there waits to land") } else { lines.into() };
    Ok(Answer::of(&claims::Released { released }, text))
}
