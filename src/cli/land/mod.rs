//! `land`, `landed`, `conflicts`, `checkpoint` and `rollback`.

mod conflicts;
mod error;
mod landed;
mod rollback;
mod verb;

pub use conflicts::{ConflictsArgs, conflicts};
pub use landed::{LandedArgs, landed};
pub use rollback::{CheckpointCommand, RollbackArgs, checkpoint, rollback};
pub(super) use verb::lines as landing_lines;
pub use verb::{LandArgs, land};

use std::time::Duration;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::land::Integrator;
use crate::store::Store;

/// What these commands work with.
pub(super) fn integrator<'a>(app: &App, store: &'a Store) -> CliResult<Integrator<'a>> {
    let session = app.place.session_if_any()?;
    let limits = (Duration::from_secs(app.place.settings.remote_timeout), app.place.settings.ttl);
    Ok(Integrator::new(&app.place.repo, store, session, limits, app.place.settings.target.clone())?)
}

/// The first digits of a commit's id: enough for people.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
