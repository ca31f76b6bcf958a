//! Renewing leases.

use std::path::Path;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::op::RenewWhat;
use crate::model::session::Session;
use crate::model::{ItemId, Op, Outcome};

use super::{Client, ClientError, ClientResult, paths};

/// Leases that were renewed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Renewed {
    /// They.
    pub renewed: Vec<RenewedLease>,
}

/// A lease that was renewed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RenewedLease {
    /// Its number.
    pub lease: u64,
    /// When it expires now.
    pub expires: Timestamp,
}

/// Renews leases of the session that acts: those of these paths and items, or all when none is named.
/// A word that names an item which the session holds, or has lost, is an item; any other is a path.
///
/// # Errors
/// [`ClientError::Refused`] when the session does not hold one of them any longer.
pub fn renew(client: &Client, words: &[String], ttl: Option<u64>) -> ClientResult<Renewed> {
    let session = client.session()?;
    let what = if words.is_empty() {
        RenewWhat::All
    } else {
        let record = client.alive(&session)?;
        let (mut paths, mut items) = (Vec::new(), Vec::new());
        for word in words {
            match ItemId::parse(word) {
                Ok(id) if record.item_lease(&id).is_some() || record.item_loss(&id).is_some() => {
                    items.push(id)
                }
                Ok(id) if is_prefix(&record, &id) => items.push(client.held_item_id(Some(&record), &id)?),
                _ => paths.push(paths::named(&client.place.repo, Path::new(word))?.path),
            }
        }
        RenewWhat::These { paths, items }
    };
    let outcome = client.submit(&Op::Renew { session: session.clone(), what, ttl }, None)?;
    client.store.touch_session(&session);
    match outcome {
        Outcome::Renewed { leases } => {
            let renewed = leases.into_iter().map(|(lease, expires)| RenewedLease { lease, expires });
            Ok(Renewed { renewed: renewed.collect() })
        }
        other => Err(ClientError::refused(other)),
    }
}

/// True when the session holds an item whose id begins so.
fn is_prefix(record: &Session, word: &ItemId) -> bool {
    let mut held = record.leases.iter().filter_map(|lease| lease.item.as_ref());
    held.any(|item| item.id.as_str().starts_with(word.as_str()))
}
