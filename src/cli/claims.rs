//! `claims`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, STRONG, Text, paint};
use crate::cli::sanitize::visible;
use crate::cli::text;
use crate::client::claims::{self, ClaimInfo};
use crate::model::claim::Mode;

/// Show who holds what
#[derive(Debug, Args)]
pub struct ClaimsArgs {
    /// Show only claims that overlap these paths
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Show only what this session holds
    #[arg(long)]
    mine: bool,
}

/// Runs `claims`.
pub fn claims(app: &App, args: &ClaimsArgs) -> CliResult<Answer> {
    let paths = app.place.paths(&args.paths)?;
    let client = app.client()?;
    let mine = if args.mine { Some(client.session()?) } else { None };
    let found = claims::list(&client, &paths, mine.as_ref())?;
    let width = found.claims.iter().map(|c| path(c).len()).max().unwrap_or(0).min(60);
    let lines: Vec<String> = found.claims.iter().map(|c| line(c, width)).collect();
    let text = if lines.is_empty() { Text::from("nothing is claimed") } else { lines.into() };
    Ok(Answer::of(&found, text))
}

fn path(claim: &ClaimInfo) -> String {
    visible(claim.path.as_str())
}

fn line(claim: &ClaimInfo, width: usize) -> String {
    let left = claim.expires.map(|t| format!("{} left", text::until(t))).unwrap_or_default();
    let shared = if claim.mode == Mode::Shared { " shared" } else { "" };
    let item = claim.item.as_ref().map(|i| format!(" with item {i}")).unwrap_or_default();
    let why = claim.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    let (name, left) = (paint(STRONG, &claim.session), paint(FAINT, left));
    format!("{:width$}  {name}{shared}{item}{why} {left}", path(claim))
}
