//! `log`.

use clap::Args;
use serde_json::{Value, json};

use crate::model::SessionName;
use crate::model::event::Event;

use crate::cli::app::App;
use crate::cli::args::parse_limit;
use crate::cli::error::CliResult;
use crate::cli::output::{Answer, FAINT, STRONG, Text, paint};
use crate::cli::table::Line;
use crate::cli::text;

/// Lines of a terminal that an event takes at the most.
const LINES: usize = 3;

/// Show the audit log, newest first
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Show at most this many events
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = parse_limit)]
    limit: u64,
}

/// Runs `log`. `--session` chooses whose events to show; without it, everybody's.
pub fn log(app: &App, args: &LogArgs, session: Option<&str>) -> CliResult<Answer> {
    let session = session.map(SessionName::parse).transpose()?;
    let client = app.client()?;
    let store = &client.store;
    let mut events: Vec<Event> = Vec::new();
    store.log(|event| {
        if session.is_none() || event.session == session {
            events.push(event);
        }
        (events.len() as u64) < args.limit
    })?;
    let width = events.iter().map(|e| text::ago(e.time).len()).max().unwrap_or(0);
    // A reason is what one looks for here, so that it may take some lines; but not the whole screen.
    let columns = text::columns(&std::io::stdout()).map(|columns| LINES * columns);
    let lines: Vec<String> = events.iter().map(|e| line(e, width).fit(columns)).collect();
    let list: Vec<Value> = events.iter().map(|e| Value::Object(e.to_value())).collect();
    let text = if lines.is_empty() { Text::from("nothing has happened yet") } else { lines.into() };
    Ok(Answer::new(json!({ "events": list }), text))
}

fn line(event: &Event, width: usize) -> Line {
    let headline = event.headline();
    let (who, what) = match &event.session {
        Some(name) => {
            (paint(STRONG, name), headline.split_once(": ").map_or("", |(_, rest)| rest).to_owned())
        }
        None => (paint(FAINT, "-"), headline),
    };
    let reason = event.data.get("reason").and_then(Value::as_str).map(|r| format!(": {r}"));
    let reason = reason.or_else(|| refused(event)).unwrap_or_default();
    Line {
        before: format!("{}  {who} ", paint(FAINT, format!("{:>width$}", text::ago(event.time)))),
        text: format!("{what}{reason}"),
        after: String::new(),
    }
}

/// What was accepted without the remote and then refused, and why.
fn refused(event: &Event) -> Option<String> {
    let op = event.data.get("op").filter(|_| event.event == crate::model::EventKind::Refused)?;
    let how = op["how"].as_str().or_else(|| op["how"].as_object()?.keys().next().map(String::as_str));
    let word = how.or_else(|| op["op"].as_str()).unwrap_or_default();
    let things = op["items"].as_array().or_else(|| op["paths"].as_array());
    let things = things.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    let outcome = event.data.get("outcome").unwrap_or(&Value::Null);
    let why = outcome["losses"][0]["why"].as_str().or_else(|| outcome["message"].as_str());
    Some(format!(" {word} {things}{}", why.map(|w| format!(": {w}")).unwrap_or_default()))
}
