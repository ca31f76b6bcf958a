//! `progress`.

use clap::Args;
use serde_json::{Map, json};

use crate::model::{ItemId, Op, Outcome, item_index};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::hook::write_note;
use crate::cli::output::{Answer, GOOD, paint};

/// Record progress as a note on the current commit
#[derive(Debug, Args)]
pub struct ProgressArgs {
    /// What has been done, what comes next
    #[arg(value_name = "TEXT", required_unless_present = "percent")]
    text: Option<String>,
    /// How far it is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: Option<u8>,
    /// Which item it is about
    #[arg(long, value_name = "ITEM")]
    item: Option<ItemId>,
}

/// Runs `progress`.
pub fn progress(app: &App, args: &ProgressArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let name = app.place.session()?;
    let session = client.alive(&name)?;
    if let Some(item) = args.item.as_ref().filter(|i| session.item_lease(i).is_none()) {
        let known = store.read(|view| item_index::find(view, item))?.is_some();
        if !known {
            return Err(CliError::from_refusal(Outcome::Unknown {
                what: "item".into(),
                name: item.to_string(),
            }));
        }
    }
    let commit = app.place.repo.git().args(["rev-parse", "--verify", "-q", "HEAD^{commit}"]).optional()?;
    let mut words = Vec::new();
    let mut data = Map::new();
    if let Some(item) = &args.item {
        words.push(format!("item {item}"));
        data.insert("items".into(), json!([item]));
    }
    if let Some(percent) = args.percent {
        words.push(format!("{percent}%"));
        data.insert("percent".into(), json!(percent));
    }
    if let Some(text) = &args.text {
        words.push(text.clone());
        data.insert("text".into(), json!(text));
    }
    if let Some(commit) = &commit {
        data.insert("commit".into(), json!(commit));
    }
    let said = words.join(" ").replace('\n', " ");
    client.record(&Op::Record {
        session: Some(name.clone()),
        event: crate::model::EventKind::Progress.into(),
        data,
    })?;
    if let Some(commit) = &commit {
        write_note(app, &name, commit, &format!("{} {name} progress: {said}", crate::clock::now()))?;
    }
    let text = format!("{} {said}", paint(GOOD, "noted"));
    let data = json!({ "commit": commit, "text": args.text, "percent": args.percent, "item": args.item });
    Ok(Answer::new(data, text))
}
