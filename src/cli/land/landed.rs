//! `landed`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, FAINT, GOOD, STRONG, WARN, paint};
use crate::land::Standing;
use crate::model::ItemId;

/// Show which finished items are in the target branch, or in another commit
#[derive(Debug, Args)]
#[command(after_help = "With --item, the exit status is 5 when one of the items is not in.")]
pub struct LandedArgs {
    /// A branch, tag or commit [default: the target]
    #[arg(value_name = "REV")]
    rev: Option<String>,
    /// Only this item; may be given more than once
    #[arg(long = "item", value_name = "ID")]
    items: Vec<ItemId>,
}

/// Runs `landed`.
pub fn landed(app: &App, args: &LandedArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    let answer = super::integrator(app, store)?.landed(args.rev.as_deref(), &args.items)?;
    let data = serde_json::to_value(&answer).unwrap_or_default();
    let mut lines: Vec<String> = answer.landed.iter().map(|one| line(one, true)).collect();
    lines.extend(answer.not_landed.iter().map(|one| line(one, false)));
    if lines.is_empty() {
        lines.push("nothing is finished yet".to_owned());
    }
    if args.items.is_empty() || answer.not_landed.is_empty() {
        return Ok(Answer::new(data, lines));
    }
    let mut error = CliError::refused(lines).detail("rule", json!("not-landed"));
    if let Value::Object(fields) = data {
        error.details.extend(fields);
    }
    Err(error.hint("bring it in with: git coord land ITEM"))
}

fn line(one: &Standing, is_in: bool) -> String {
    let word = if is_in { paint(GOOD, "landed") } else { paint(WARN, "not landed") };
    let by = one.session.as_ref().map(|s| format!(" by {s}")).unwrap_or_default();
    let landing = one.landing.as_ref().map(|id| format!(" in {id}")).unwrap_or_default();
    let commit = one.commit.as_deref().map(|c| format!(" {}", super::short(c))).unwrap_or_default();
    let reason = one.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{word} {}{by}{landing}{}{reason}", paint(STRONG, one.id.as_str()), paint(FAINT, commit))
}
