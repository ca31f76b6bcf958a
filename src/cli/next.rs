//! `next`.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::model::area::Areas;
use crate::model::choice::{Choice, ChosenBecause, NotTaken, Passed};
use crate::model::filter::Filter;
use crate::model::op::TakeNext;
use crate::model::outcome::{EmptyReason, Taken};
use crate::model::{ItemId, Op, Outcome, QueueName, SessionName, item_json, session};
use crate::store::Store;

use crate::cli::app::App;
use crate::cli::args::Ttl;
use crate::cli::error::{CliError, CliResult, holders_json};
use crate::cli::output::{Answer, FAINT, STRONG, paint};
use crate::cli::table::Line;
use crate::cli::text;

/// Take the next items, each with its files
#[derive(Debug, Args)]
#[command(
    after_help = "The most urgent item comes first, in the order of import; one whose files this session\n\
                        holds already goes before. Nothing is handed out twice."
)]
pub struct NextArgs {
    /// Take from this queue only; may be given several times
    #[arg(long = "queue", value_name = "Q")]
    queues: Vec<QueueName>,
    /// Take only items of this category; may be given several times
    #[arg(long = "category", value_name = "C")]
    categories: Vec<String>,
    /// Take only items of this rule; may be given several times
    #[arg(long = "rule", value_name = "R")]
    rules: Vec<String>,
    /// Take only items whose files lie here, from the top of the repository; may be given several
    /// times
    #[arg(long = "area", value_name = "PATTERN")]
    areas: Vec<String>,
    /// Take exactly this item
    #[arg(long, value_name = "ITEM", conflicts_with_all = ["count", "categories", "rules", "areas"])]
    item: Option<ItemId>,
    /// Take up to this many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    #[command(flatten)]
    ttl: Ttl,
    /// Stay in line until there is an item, at most this long
    #[arg(long, value_name = "D", value_parser = text::parse_duration)]
    wait: Option<u64>,
    /// Say why these items, and why not others
    #[arg(long)]
    explain: bool,
}

/// Runs `next`.
pub fn next(app: &App, args: &NextArgs) -> CliResult<Answer> {
    Areas::new(&args.areas).map_err(|e| CliError::usage(e.to_string()))?;
    let store = app.store()?;
    let session = app.session()?;
    let known = store.hints(&session);
    let op = Op::Next(TakeNext {
        session: session.clone(),
        queues: args.queues.clone(),
        count: args.count as usize,
        ttl: args.ttl.ttl.unwrap_or(app.settings.ttl),
        filter: Filter::default(),
        choice: Choice {
            categories: args.categories.clone(),
            rules: args.rules.clone(),
            areas: args.areas.clone(),
            item: args.item.clone(),
            explain: args.explain,
            exact_ttl: args.ttl.ttl.is_some(),
            // An explanation names what was passed over, so it has to be looked at.
            hints: if args.explain { Vec::new() } else { known.clone() },
        },
    });
    let outcome = app.submit(&store, &op, args.wait)?;
    store.touch_session(&session);
    let Outcome::Taken { items, reason, passed, hints } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    store.keep_hint(&session, known, hints);
    if items.iter().any(|taken| taken.because == ChosenBecause::Ready) {
        // The remote was not asked; it is told before long, and the pool filled up.
        app.sync_soon(&store, &session)?;
    }
    let mut lines: Vec<String> = items.iter().flat_map(|taken| item_lines(taken, args.explain)).collect();
    let list: Vec<Value> = items.iter().map(|taken| taken_json(taken, args.explain)).collect();
    let reason = match &reason {
        Some(reason) => {
            let text = empty_text(&store, &session, args, reason)?;
            Some(text + &without_shard(&store, &session, reason)?)
        }
        None => None,
    };
    let mut data = json!({ "items": list, "empty_reason": reason });
    if args.explain {
        data["passed"] = passed.iter().map(passed_json).collect();
        lines.extend(passed.iter().map(passed_line));
    }
    let answer = Answer::new(data, lines);
    Ok(match &reason {
        Some(reason) if items.is_empty() || args.explain => answer.note(reason.as_str()),
        _ => answer,
    })
}

/// What to do for a session that is offered nothing because its share is gone.
fn without_shard(store: &Store, name: &SessionName, reason: &EmptyReason) -> CliResult<String> {
    if !matches!(reason, EmptyReason::Waiting { .. }) {
        return Ok(String::new());
    }
    let Some(record) = store.read(|view| session::get(view, name))? else { return Ok(String::new()) };
    let help = if record.help_others {
        String::new()
    } else {
        format!(", or let it help others (git coord session start {name} --help-others)")
    };
    let gone = record.without_shard();
    Ok(gone.map_or_else(String::new, |gone| format!("; {gone}. End it (git coord session end {name}){help}")))
}

fn taken_json(taken: &Taken, explain: bool) -> Value {
    let mut map = item_json::taken(taken);
    if explain {
        map.insert("because".into(), json!(taken.because));
    }
    Value::Object(map)
}

fn item_lines(taken: &Taken, explain: bool) -> Vec<String> {
    let again = if taken.attempt > 1 { format!(", attempt {}", taken.attempt) } else { String::new() };
    let help = if taken.help { ", to help others" } else { "" };
    let facts = format!("({}, for {}{again}{help})", taken.queue, text::until(taken.expires));
    let line = Line {
        before: format!("{}  ", paint(STRONG, &taken.item.id)),
        text: taken.item.title.clone(),
        after: format!(" {}", paint(FAINT, facts)),
    };
    let mut lines = vec![line.fit(text::columns(&std::io::stdout()))];
    if explain {
        let why = match taken.because {
            ChosenBecause::Named => "you asked for it".to_owned(),
            ChosenBecause::OwnFiles => {
                format!("of those with priority {}, its files are yours already", taken.priority)
            }
            ChosenBecause::Ready => "this clone had it ready (coord.prefetch)".to_owned(),
            ChosenBecause::First => format!("the first with priority {} that you may take", taken.priority),
        };
        lines.push(paint(FAINT, format!("    {why}")));
    }
    lines.extend(crate::cli::queue::show::files(&taken.item));
    lines
}

fn passed_json(passed: &Passed) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), json!(passed.id));
    map.insert("queue".into(), json!(passed.queue));
    map.insert("priority".into(), json!(passed.priority));
    let reason = match &passed.why {
        NotTaken::FilesHeld { holders } => {
            map.insert("holders".into(), holders_json(holders));
            "files-held"
        }
        NotTaken::OutsideArea => "outside-area",
        NotTaken::OtherShard => "other-shard",
        NotTaken::OtherKind => "other-kind",
    };
    map.insert("reason".into(), json!(reason));
    Value::Object(map)
}

fn passed_line(passed: &Passed) -> String {
    let why = match &passed.why {
        NotTaken::FilesHeld { holders } => match holders.first() {
            Some(first) => {
                let until = first.expires.map(|t| format!(", {} left", text::until(t))).unwrap_or_default();
                format!("{} is held by {}{until}", first.held, first.session)
            }
            None => "others hold its files".to_owned(),
        },
        NotTaken::OutsideArea => "outside this session's area".to_owned(),
        NotTaken::OtherShard => "in another session's shard".to_owned(),
        NotTaken::OtherKind => "not what you asked for".to_owned(),
    };
    format!("{} {}  {}", paint(FAINT, "not"), passed.id, paint(FAINT, why))
}

/// Why there is nothing to take, in words. A queue that does not exist is named: it may be a slip.
fn empty_text(
    store: &Store,
    session: &SessionName,
    args: &NextArgs,
    reason: &EmptyReason,
) -> CliResult<String> {
    let own = || store.read(|view| session::get(view, session)).map(|s| s.map(|s| s.queues));
    let wanted = if args.queues.is_empty() { own()?.unwrap_or_default() } else { args.queues.clone() };
    Ok(match (crate::cli::queue::names::missing(store, &wanted)?, reason) {
        (None, _) => reason_text(reason),
        (Some(missing), EmptyReason::NoQueue) => {
            format!("{missing}; to take from another: git coord session start {session} --queue Q")
        }
        (Some(missing), _) => format!("{}; {missing}", reason_text(reason)),
    })
}

fn reason_text(reason: &EmptyReason) -> String {
    match reason {
        EmptyReason::NoQueue => "there is no queue; fill one with: git coord queue import FILE".into(),
        EmptyReason::AllDone => "everything is finished".into(),
        EmptyReason::Waiting {
            claimed,
            blocked,
            files_held,
            outside_area,
            other_shard,
            other_kind,
            full,
        } => {
            let part = |n: &u64, words: &str| (*n > 0).then(|| format!("{n} {words}"));
            let full = full.iter().map(|q| Some(format!("you hold as many of queue {q} as you may")));
            let parts: Vec<String> = full
                .chain([
                    part(claimed, "with other sessions or already yours"),
                    part(blocked, "waiting for other items or cooling down"),
                    part(files_held, "on files that others hold"),
                    part(outside_area, "outside this session's area"),
                    part(other_shard, "in other sessions' shares"),
                    part(other_kind, "not of the kind that you asked for"),
                ])
                .flatten()
                .collect();
            format!("nothing is free: {}", parts.join(", "))
        }
    }
}
