//! Looking at sessions.

use schemars::JsonSchema;
use serde::Serialize;

use crate::client::{Client, ClientError, ClientResult};
use crate::model::SessionName;
use crate::model::session::{self, Session};

use super::SessionInfo;

/// All sessions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Sessions {
    /// By name.
    pub sessions: Vec<SessionInfo>,
}

/// One session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Shown {
    /// It.
    pub session: SessionInfo,
    /// Its record, for what is shown to people only.
    #[serde(skip)]
    #[schemars(skip)]
    pub record: Session,
}

/// All sessions, by name.
///
/// # Errors
/// From the store.
pub fn list(client: &Client) -> ClientResult<Sessions> {
    client.sweep()?;
    let mut sessions = client.store.read(|view| session::all(view))?;
    // What a clone has prefetched is nobody's work.
    sessions.retain(|s| !s.prefetch);
    Ok(Sessions { sessions: sessions.iter().map(|s| SessionInfo::of(s, &client.store)).collect() })
}

/// One session.
///
/// # Errors
/// When there is none of this name, or from the store.
pub fn show(client: &Client, name: &SessionName) -> ClientResult<Shown> {
    client.sweep()?;
    let record = client.store.read(|view| session::get(view, name))?;
    let record = record.ok_or_else(|| ClientError::unknown("session", name))?;
    Ok(Shown { session: SessionInfo::of(&record, &client.store), record })
}
