//! `renew`.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::model::op::RenewWhat;
use crate::model::{ItemId, Op, Outcome};

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::Answer;
use crate::cli::text;

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
    let store = app.store()?;
    let session = app.session()?;
    let what = if args.what.is_empty() {
        RenewWhat::All
    } else {
        let record = app.alive(&store, &session)?;
        let mut paths = Vec::new();
        let mut items = Vec::new();
        for word in &args.what {
            // An item that is held is meant before a path of the same name.
            match ItemId::parse(word) {
                Ok(id) if record.item_lease(&id).is_some() || record.item_loss(&id).is_some() => {
                    items.push(id)
                }
                _ => paths.push(app.repo.repo_path(Path::new(word))?),
            }
        }
        RenewWhat::These { paths, items }
    };
    let outcome =
        app.submit(&store, &Op::Renew { session: session.clone(), what, ttl: args.ttl.ttl }, None)?;
    store.touch_session(&session);
    let Outcome::Renewed { leases } = outcome else { return Err(CliError::from_refusal(outcome)) };
    let list: Vec<Value> =
        leases.iter().map(|(id, expires)| json!({ "lease": id, "expires": expires.to_string() })).collect();
    let text = match leases.iter().map(|(_, expires)| *expires).min() {
        Some(first) => {
            format!("renewed {}, for {}", text::count(leases.len(), "lease"), text::until(first))
        }
        None => "nothing to renew".to_owned(),
    };
    Ok(Answer::new(json!({ "renewed": list }), text))
}
