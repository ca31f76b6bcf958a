//! Taking the next items, each with its files.

use schemars::JsonSchema;
use serde::Serialize;

use crate::client::claims::HolderInfo;
use crate::client::refresh::MissingInfo;
use crate::client::{Client, ClientError, ClientResult};
use crate::fresh::Refreshed;
use crate::model::area::Areas;
use crate::model::choice::{Choice, ChosenBecause, NotTaken, Passed};
use crate::model::filter::Filter;
use crate::model::op::TakeNext;
use crate::model::outcome::Taken;
use crate::model::{ItemId, Op, Outcome, QueueName, item_json, session};

use super::ItemDocument;
use super::empty::{self, Empty};

/// Which items to take.
#[derive(Debug, Clone, Default)]
pub struct NextRequest {
    /// From these queues; none: the session's, or all.
    pub queues: Vec<QueueName>,
    /// Only of these categories.
    pub categories: Vec<String>,
    /// Only of these rules.
    pub rules: Vec<String>,
    /// Only with files that match one of these patterns.
    pub areas: Vec<String>,
    /// Exactly this one.
    pub item: Option<ItemId>,
    /// At most this many.
    pub count: usize,
    /// Seconds until the leases expire; `None`: as the queue or `coord.ttl` says.
    pub ttl: Option<u64>,
    /// Seconds to wait in line until there is one.
    pub wait: Option<u64>,
    /// Find out why these, and why not others.
    pub explain: bool,
}

/// Items that were handed out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NextItems {
    /// They, with their files claimed.
    pub items: Vec<ItemDocument>,
    /// Items that this session had already.
    pub held: Vec<ItemId>,
    /// Why there are not more, as a word for programs.
    pub empty: Option<Empty>,
    /// The same as a sentence.
    pub empty_reason: Option<String>,
    /// Free items that were passed over, when an explanation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<Vec<PassedItem>>,
    /// What was merged into the session's branch before. Absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Refreshed>,
    /// What the branch lacks although the items were granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<MissingInfo>,
    /// The items, typed.
    #[serde(skip)]
    #[schemars(skip)]
    pub taken: Vec<Taken>,
}

/// A free item that was passed over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PassedItem {
    /// Which.
    pub id: ItemId,
    /// Its queue.
    pub queue: QueueName,
    /// Its priority.
    pub priority: u32,
    /// Who holds its files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderInfo>,
    /// Why.
    pub reason: PassedReason,
}

/// Why a free item was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PassedReason {
    /// Others hold its files.
    FilesHeld,
    /// It is outside the session's area.
    OutsideArea,
    /// It is in another session's shard.
    OtherShard,
    /// It is not what was asked for.
    OtherKind,
}

impl From<Passed> for PassedItem {
    fn from(passed: Passed) -> Self {
        let Passed { id, queue, priority, why } = passed;
        let (reason, holders) = match why {
            NotTaken::FilesHeld { holders } => (PassedReason::FilesHeld, holders),
            NotTaken::OutsideArea => (PassedReason::OutsideArea, Vec::new()),
            NotTaken::OtherShard => (PassedReason::OtherShard, Vec::new()),
            NotTaken::OtherKind => (PassedReason::OtherKind, Vec::new()),
        };
        PassedItem { id, queue, priority, holders: holders.into_iter().map(Into::into).collect(), reason }
    }
}

/// Takes the next items for the session that acts. Nothing to take is an answer and not an error.
///
/// # Errors
/// From the store; [`ClientError::Refused`] when the named item is held or does not exist.
pub fn next(client: &Client, request: &NextRequest) -> ClientResult<NextItems> {
    Areas::new(&request.areas)?;
    let (store, session) = (&client.store, client.session()?);
    let before = store.read(|view| session::get(view, &session))?;
    let held: Vec<ItemId> = before
        .iter()
        .flat_map(|record| record.leases.iter().filter_map(|l| l.item.as_ref()))
        .map(|item| item.id.clone())
        .collect();
    let item = request.item.as_ref().map(|word| client.item_id(word)).transpose()?;
    let known = store.hints(&session);
    let make = |fresh| {
        Op::Next(TakeNext {
            session: session.clone(),
            queues: request.queues.clone(),
            count: request.count,
            ttl: request.ttl.unwrap_or(client.place.settings.ttl),
            filter: Filter::default(),
            choice: Choice {
                categories: request.categories.clone(),
                rules: request.rules.clone(),
                areas: request.areas.clone(),
                item: item.clone(),
                explain: request.explain,
                exact_ttl: request.ttl.is_some(),
                fresh,
                // An explanation names what was passed over, so it has to be looked at.
                hints: if request.explain { Vec::new() } else { known.clone() },
            },
        })
    };
    let granted = client.submit_fresh(&session, &[], make, request.wait)?;
    store.touch_session(&session);
    let Outcome::Taken { items, reason, passed, hints } = granted.outcome else {
        return Err(ClientError::refused(granted.outcome));
    };
    store.keep_hint(&session, known, hints);
    if items.iter().any(|taken| taken.because == ChosenBecause::Ready) {
        // The remote was not asked: the next exchange reports it, and prefetches more.
        client.sync_soon(&session)?;
    }
    let why = match &reason {
        Some(reason) => Some(empty::explain(client, &session, &request.queues, reason, &held)?),
        None => None,
    };
    let (empty, empty_reason) = why.unzip();
    let explain = request.explain;
    Ok(NextItems {
        items: items.iter().map(|taken| document(taken, explain)).collect(),
        held,
        empty,
        empty_reason,
        passed: explain.then(|| passed.into_iter().map(Into::into).collect()),
        refreshed: granted.refreshed,
        lacking: granted.lacking.into_iter().map(Into::into).collect(),
        taken: items,
    })
}

fn document(taken: &Taken, explain: bool) -> ItemDocument {
    let mut map = item_json::taken(taken);
    if explain && let Ok(because) = serde_json::to_value(taken.because) {
        map.insert("because".into(), because);
    }
    ItemDocument(map)
}
