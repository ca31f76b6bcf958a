//! `claim`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::model::claim::Mode;
use crate::model::op::ClaimPaths;
use crate::model::{Op, Outcome};

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::claims::claim_json;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, paint};
use crate::cli::text;

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
    /// Stay in line until the paths are free, at most this long
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
    let paths = app.paths(&args.paths)?;
    let store = app.store()?;
    let session = app.session()?;
    let ttl = args.ttl.ttl.unwrap_or(app.settings.ttl);
    let op = Op::Claim(ClaimPaths {
        session: session.clone(),
        paths,
        mode: if args.shared { Mode::Shared } else { Mode::Exclusive },
        ttl,
        reason: args.reason.clone(),
    });
    let outcome = app.submit(&store, &op, args.wait)?;
    store.touch_session(&session);
    let Outcome::Claimed { claims } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let lines: Vec<String> = claims
        .iter()
        .map(|c| {
            let until = c.expires.map(|t| format!("for {}", text::until(t)));
            format!("{} {} {}", paint(GOOD, "claimed"), c.path, paint(FAINT, until.unwrap_or_default()))
        })
        .collect();
    let list: Vec<Value> = claims.iter().map(claim_json).collect();
    let answer = Answer::new(json!({ "claims": list }), lines);
    Ok(match claims.iter().any(|c| c.path.is_root()) {
        true => answer.note("this is the whole repository: nobody else can claim anything"),
        false => answer,
    })
}
