//! `queue why`: why an item stands where it stands.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::items::HeldUpInfo;
use crate::model::choice::Choice;
use crate::model::filter::Filter;
use crate::model::op::TakeNext;
use crate::model::why::{self, HeldUp, Stands, Wait, Why};
use crate::model::{Context, ItemId, ItemState, Op, Outcome, SessionName, Txn, apply, item_json};
use crate::store::Store;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult, holders_json};
use crate::cli::item_style::{held_up_text, state_style};
use crate::cli::output::{Answer, FAINT, STRONG, paint};
use crate::cli::table::Line;
use crate::cli::text;

/// Lines of one list that people are shown.
const SHOWN: usize = 10;

/// Say why an item is not done: what it waits for, who holds it
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Its id
    item: ItemId,
}

/// Runs `queue why`.
pub fn why(app: &App, args: &WhyArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let store = &client.store;
    client.sweep()?;
    let id = client.item_id(&args.item)?;
    let asking = app.place.session_if_any()?;
    let Some(why) = store.read(|view| why::explain(view, &id, asking.as_ref()))? else {
        return Err(CliError::from_refusal(Outcome::Unknown {
            what: "item".into(),
            name: args.item.to_string(),
        }));
    };
    let held = store.read(|view| why::held_up(view, &id))?;
    let turn = turn(app, store, &why, asking.as_ref())?;
    Ok(Answer::new(why_json(&why, &held, &turn), why_text(&why, &held, &turn)))
}

/// When a free item is handed out.
enum Turn {
    /// The session that asks would get it now.
    Now(SessionName),
    /// Others come before it.
    Later,
    /// No session asks, and what a session would get depends on which one it is.
    Unknown,
}

fn turn(app: &App, store: &Store, why: &Why, asking: Option<&SessionName>) -> CliResult<Turn> {
    let Some(session) = asking else { return Ok(Turn::Unknown) };
    if !is_free(why) {
        return Ok(Turn::Later);
    }
    let clone = store.arbiter()?.map(|arbiter| arbiter.clone);
    let context = Context { clone, ..Context::local(crate::clock::now()) };
    let op = Op::Next(TakeNext {
        session: session.clone(),
        queues: Vec::new(),
        count: 1,
        ttl: app.place.settings.ttl,
        filter: Filter::default(),
        choice: Choice { hints: store.hints(session), ..Choice::default() },
    });
    // Tried out on what is read, and never written.
    let outcome = store.read(|view| apply(&mut Txn::new(view), &op, &context))?;
    Ok(match outcome {
        Outcome::Taken { items, .. } if items.first().is_some_and(|taken| taken.item.id == why.item.id) => {
            Turn::Now(session.clone())
        }
        Outcome::Taken { .. } => Turn::Later,
        // A session that has ended gets nothing.
        _ => Turn::Unknown,
    })
}

fn wait_json(wait: &Wait) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), json!(wait.id));
    match &wait.stands {
        Stands::Unknown => {
            map.insert("state".into(), Value::Null);
        }
        Stands::Set(set) => {
            map.insert("open".into(), json!(set.open));
            map.insert("total".into(), json!(set.total));
        }
        Stands::Item { state, holder, why } => {
            map.insert("state".into(), json!(state));
            if let Some((session, expires)) = holder {
                map.insert("session".into(), json!(session));
                map.insert("expires".into(), json!(expires.map(|t| t.to_string())));
            }
            if let Some(why) = why {
                map.insert("why".into(), json!(why));
            }
        }
    }
    Value::Object(map)
}

fn why_json(why: &Why, held: &HeldUp, turn: &Turn) -> Value {
    let mut item = item_json::item(&why.item, &why.slot.queue, why.priority);
    item.insert("state".into(), json!(why.state));
    let holder = why.holder.as_ref();
    json!({
        "item": item,
        "free": is_free(why),
        "next": matches!(turn, Turn::Now(_)),
        "reasons": reasons(why),
        "session": holder.map(|(session, _)| session),
        "expires": holder.and_then(|(_, until)| until.map(|t| t.to_string())),
        "waits_for": why.waits.iter().map(wait_json).collect::<Vec<_>>(),
        "roots": why.roots.iter().map(wait_json).collect::<Vec<_>>(),
        "holders": holders_json(&why.held),
        "until": why.meta.until.map(|t| t.to_string()),
        "attempt": why.meta.attempt, "fails": why.meta.fails,
        "max_attempts": why.queue.max_attempts,
        "why": why.meta.why,
        "held_up": json!(HeldUpInfo::from(held.clone())),
    })
}

fn is_free(why: &Why) -> bool {
    why.state == ItemState::Pending && why.held.is_empty() && why.unassigned.is_empty()
}

/// The reasons why it is not offered, each a sentence without a full stop.
fn reasons(why: &Why) -> Vec<String> {
    let mut list = Vec::new();
    match why.state {
        ItemState::Done => list.push("it is done".to_owned()),
        ItemState::Failed => list.push(format!(
            "it was given up after {}{}",
            text::count(why.meta.fails as usize, "failure"),
            why.meta.why.as_ref().map(|w| format!(": {w}")).unwrap_or_default()
        )),
        ItemState::Claimed => {
            if let Some((session, until)) = &why.holder {
                let left = until.map(|t| format!(", {} left", text::until(t))).unwrap_or_default();
                list.push(format!("{session} has it{left}"));
            }
        }
        ItemState::Blocked | ItemState::Pending => {}
    }
    if !why.waits.is_empty() {
        list.push(format!("it waits for {}", text::count(why.waits.len(), "other")));
    }
    if let Some(until) = why.meta.until {
        list.push(format!("it cools down after a failure, {} left", text::until(until)));
    }
    list.extend(why.held.iter().map(|b| {
        let place = if b.path == b.held { String::new() } else { format!(" (as {})", b.held) };
        let left = b.expires.map(|t| format!(", {} left", text::until(t))).unwrap_or_default();
        format!("{} is held by {}{place}{left}", b.path, b.session)
    }));
    list.extend(why.unassigned.iter().cloned());
    list
}

fn why_text(why: &Why, held: &HeldUp, turn: &Turn) -> Vec<String> {
    let head = Line {
        before: format!("{}  {}  ", paint(STRONG, &why.item.id), paint(state_style(why.state), why.state)),
        text: why.item.title.clone(),
        after: paint(FAINT, format!(" ({}, priority {})", why.slot.queue, why.priority)),
    };
    let mut lines = vec![head.fit(text::columns(&std::io::stdout()))];
    if is_free(why) {
        lines.push(match turn {
            Turn::Now(session) => format!("  it is free, and what {session} gets next: git coord next"),
            Turn::Later => "  it is free: it comes when what is more urgent has been taken".to_owned(),
            Turn::Unknown => "  it is free: the most urgent comes first".to_owned(),
        });
    }
    lines.extend(reasons(why).iter().take(SHOWN).map(|reason| format!("  {reason}")));
    lines.extend(wait_lines(&why.waits));
    if why.roots != why.waits && !why.roots.is_empty() {
        lines.push("  in the end, all of it waits for".to_owned());
        lines.extend(wait_lines(&why.roots));
    }
    if why.meta.attempt > 0 && !matches!(why.state, ItemState::Done | ItemState::Failed) {
        let (n, most) = (why.meta.fails, why.queue.max_attempts);
        lines.push(format!("  {n} of {most} attempts have failed"));
    }
    if held.total > 0 && why.state != ItemState::Done {
        lines.push(format!("  it holds up {}", held_up_text(&HeldUpInfo::from(held.clone()))));
    }
    lines
}

fn wait_lines(waits: &[Wait]) -> Vec<String> {
    let wide = waits.iter().take(SHOWN).map(|w| w.id.as_str().chars().count()).max().unwrap_or(0).min(30);
    let mut lines: Vec<String> = waits
        .iter()
        .take(SHOWN)
        .map(|wait| {
            let stands = match &wait.stands {
                Stands::Unknown => "has not been imported".to_owned(),
                Stands::Set(set) => {
                    format!("{} of {} not done yet", set.open, text::count(set.total as usize, "item"))
                }
                Stands::Item { state, holder: Some((session, until)), .. } => {
                    let left = until.map(|t| format!(", {} left", text::until(t))).unwrap_or_default();
                    format!("{} {session}{left}", paint(state_style(*state), format!("{state} by")))
                }
                Stands::Item { state, why, .. } => {
                    let why = why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
                    format!("{}{why}", paint(state_style(*state), state))
                }
            };
            format!("    {:wide$}  {stands}", wait.id.as_str())
        })
        .collect();
    if waits.len() > SHOWN {
        lines.push(format!("    and {} more", waits.len() - SHOWN));
    }
    lines
}
