//! `tell`: a message for other sessions.

use clap::Args;
use serde_json::json;

use crate::model::{Op, Outcome, SessionName};

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::mail;
use crate::cli::output::{Answer, GOOD, paint};
use crate::cli::text;

/// Leave a message for a session, or for all
#[derive(Debug, Args)]
#[command(after_help = "It is shown with the session's next command, or by the hook of its agent.")]
pub struct TellArgs {
    /// The session, and the message; with --all, the message only
    #[arg(required = true, num_args = 1..=2, value_names = ["SESSION", "TEXT"])]
    words: Vec<String>,
    /// Tell all sessions that are at work
    #[arg(long)]
    all: bool,
}

/// Runs `tell`.
pub fn tell(app: &App, args: &TellArgs) -> CliResult<Answer> {
    let (to, message) = match (args.all, args.words.as_slice()) {
        (true, [message]) => (Vec::new(), message),
        (false, [session, message]) => (vec![SessionName::parse(session)?], message),
        (true, _) => {
            return Err(
                CliError::usage("with --all, give the message only").hint("git coord tell --all 'TEXT'")
            );
        }
        (false, _) => {
            return Err(CliError::usage("the message is missing").hint("git coord tell SESSION 'TEXT'"));
        }
    };
    let message = text::parse_line(message).map_err(|e| CliError::usage(format!("the message: {e}")))?;
    let client = app.client()?;
    let op = Op::Tell { from: app.place.session_if_any()?, to, text: message };
    let Outcome::Told { to } = client.submit(&op, None)? else {
        return Err(CliError::failed("unexpected", "the message was not left"));
    };
    to.iter().for_each(|name| mail::mark(&client.store, name));
    let line = match to.as_slice() {
        [] => "no other session is at work".to_owned(),
        _ => {
            let names: Vec<String> = to.iter().map(ToString::to_string).collect();
            format!("{} for {}", paint(GOOD, "left"), names.join(", "))
        }
    };
    Ok(Answer::new(json!({ "to": to }), line))
}
