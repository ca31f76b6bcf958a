//! `claim`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, GOOD, paint};
use crate::cli::refresh;
use crate::cli::text;
use crate::client::claims::{self, ClaimInfo, ClaimRequest};
use crate::model::claim::Mode;

/// Claim files or folders before editing them
#[derive(Debug, Args)]
#[command(after_help = "All or nothing: when one path is held by another session, none is claimed,\n\
                        the holder is named and the exit status is 4. A claim of a folder covers\n\
                        everything below it. Paths need not exist yet.")]
pub struct ClaimArgs {
    /// Files or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    ttl: Ttl,
    /// Wait up to D for the paths to become free
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
    /// Say what it is for
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Share with other readers, keep writers out
    #[arg(long)]
    shared: bool,
}

/// Runs `claim`.
pub fn claim(app: &App, args: &ClaimArgs) -> CliResult<Answer> {
    let request = ClaimRequest {
        paths: args.paths.clone(),
        mode: if args.shared { Mode::Shared } else { Mode::Exclusive },
        ttl: args.ttl.ttl,
        wait: args.wait,
        reason: args.reason.clone(),
    };
    let claimed = claims::claim(&app.client()?, &request)?;
    let mut lines: Vec<String> = claimed.refreshed.iter().flat_map(|r| refresh::lines(r, false)).collect();
    lines.extend(claimed.claims.iter().map(line));
    let mut answer = Answer::of(&claimed, lines);
    for path in &claimed.absent {
        answer = answer.note(format!("{path} does not exist yet"));
    }
    for path in &claimed.from_top {
        answer = answer.note(format!("{path} was taken from the top of the repository"));
    }
    if let Some(note) = refresh::lacking(&claimed.lacking) {
        answer = answer.note(note);
    }
    Ok(match claimed.claims.iter().any(|c| c.path.is_root()) {
        true => answer.note("this is the whole repository: nobody else can claim anything"),
        false => answer,
    })
}

fn line(claim: &ClaimInfo) -> String {
    let until = claim.expires.map(|t| format!("for {}", text::until(t)));
    format!("{} {} {}", paint(GOOD, "claimed"), claim.path, paint(FAINT, until.unwrap_or_default()))
}
