//! `git`: git on the store.

use clap::Args;

use crate::git::{Git, GitError};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::Answer;

/// Run git on the store
#[derive(Debug, Args)]
pub struct GitArgs {
    /// What git is to do, for example: log refs/coord/state
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
    args: Vec<std::ffi::OsString>,
}

/// Runs `git`: git on the store, which is folded first.
pub fn git(app: &App, args: &GitArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    // What git is to show may be in the last commit's message only. A store that is damaged can
    // be looked at all the same.
    let _ = store.fold();
    let status = Git::new(store.path())
        .arg("--git-dir=.")
        .args(&args.args)
        .command()
        .status()
        .map_err(|source| CliError::from(GitError::Missing { source }))?;
    match status.code() {
        Some(0) => Ok(Answer::default()),
        code => Err(CliError::failed("git", format!("git ended with {}", code.unwrap_or(-1)))),
    }
}
