//! `renew`.

use clap::Args;

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::error::CliResult;
use crate::cli::output::Answer;
use crate::cli::text;
use crate::client::leases;

/// Renew leases
#[derive(Debug, Args)]
pub struct RenewArgs {
    /// Paths or items that this session holds
    #[arg(value_name = "PATH|ITEM")]
    what: Vec<String>,
    /// Everything that this session holds (also without any path or item)
    #[arg(long, conflicts_with = "what")]
    all: bool,
    #[command(flatten)]
    ttl: Ttl,
}

/// Runs `renew`.
pub fn renew(app: &App, args: &RenewArgs) -> CliResult<Answer> {
    let renewed = leases::renew(&app.client()?, &args.what, args.ttl.ttl)?;
    let count = text::count(renewed.renewed.len(), "lease");
    let text = match renewed.renewed.iter().map(|lease| lease.expires).min() {
        Some(first) => format!("renewed {count}, for {}", text::until(first)),
        None => "nothing to renew".to_owned(),
    };
    Ok(Answer::of(&renewed, text))
}
