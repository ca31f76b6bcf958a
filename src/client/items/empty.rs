//! Why `next` hands out nothing, as a word and as a sentence.

use schemars::JsonSchema;
use serde::Serialize;

use crate::client::queues::MissingQueues;
use crate::client::{Client, ClientResult};
use crate::model::outcome::EmptyReason;
use crate::model::{ItemId, QueueName, SessionName, cooldown, session};

/// Why there is nothing to take. What weighs most, when there are several reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Empty {
    /// Everything is finished.
    Finished,
    /// Other sessions hold the items, or files that free items touch.
    Held,
    /// Items wait for others.
    Blocked,
    /// Free items are outside the session's area, its shard, or what was asked for.
    Outside,
    /// This session holds as many as it may, or all that is left.
    Yours,
    /// Items rest after a failed attempt.
    Cooling,
    /// There is no such queue, or none at all.
    NoQueue,
}

/// Why there is nothing to take for this session from these queues; none: its own, or all.
///
/// # Errors
/// From the store.
pub fn explain(
    client: &Client,
    name: &SessionName,
    queues: &[QueueName],
    reason: &EmptyReason,
    held: &[ItemId],
) -> ClientResult<(Empty, String)> {
    let record = client.store.read(|view| session::get(view, name))?;
    let own = record.as_ref().map(|r| r.queues.clone()).unwrap_or_default();
    let wanted = if queues.is_empty() { &own[..] } else { queues };
    let mut text = match (MissingQueues::among(&client.store, wanted)?.if_any(), reason) {
        (None, _) => sentence(reason),
        (Some(missing), EmptyReason::NoQueue) => {
            format!("{missing}; to take from another: git coord session start {name} --queue Q")
        }
        // A queue that does not exist is named: it may be a slip.
        (Some(missing), _) => format!("{}; {missing}", sentence(reason)),
    };
    if let (EmptyReason::Waiting { .. }, Some(record)) = (reason, &record)
        && let Some(gone) = record.without_shard()
    {
        let help = match record.help_others {
            true => String::new(),
            false => format!(", or let it help others (git coord session start {name} --help-others)"),
        };
        text.push_str(&format!("; {gone}. End it (git coord session end {name}){help}"));
    }
    Ok((word(client, reason, held)?, text))
}

/// The reason that weighs most: what ends by itself comes before what only a person can change.
fn word(client: &Client, reason: &EmptyReason, held: &[ItemId]) -> ClientResult<Empty> {
    let EmptyReason::Waiting { claimed, blocked, files_held, outside_area, other_shard, other_kind, full } =
        reason
    else {
        return Ok(if *reason == EmptyReason::NoQueue { Empty::NoQueue } else { Empty::Finished });
    };
    if !full.is_empty() {
        return Ok(Empty::Yours);
    }
    let with_others = claimed.saturating_sub(held.len() as u64);
    Ok(if *files_held > 0 || with_others > 0 {
        Empty::Held
    } else if *outside_area + *other_shard + *other_kind > 0 {
        Empty::Outside
    } else if *claimed > 0 {
        Empty::Yours
    } else if *blocked > 0 && !client.store.read(|view| cooldown::all(view))?.is_empty() {
        Empty::Cooling
    } else {
        Empty::Blocked
    })
}

fn sentence(reason: &EmptyReason) -> String {
    let EmptyReason::Waiting { claimed, blocked, files_held, outside_area, other_shard, other_kind, full } =
        reason
    else {
        return match reason {
            EmptyReason::NoQueue => "there is no queue; fill one with: git coord queue import FILE".into(),
            _ => "everything is finished".into(),
        };
    };
    let part = |n: &u64, words: &str| (*n > 0).then(|| format!("{n} {words}"));
    let full = full.iter().map(|q| Some(format!("you are at the limit for queue {q}")));
    let parts: Vec<String> = full
        .chain([
            part(claimed, "with other sessions or already yours"),
            part(blocked, "waiting for other items or cooling down"),
            part(files_held, "on files that others hold"),
            part(outside_area, "outside this session's area"),
            part(other_shard, "in other sessions' shards"),
            part(other_kind, "not of the kind that you asked for"),
        ])
        .flatten()
        .collect();
    format!("nothing is free: {}", parts.join(", "))
}
