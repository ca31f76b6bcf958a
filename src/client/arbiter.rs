//! The remote that arbitrates between clones: making one the arbiter, and leaving it.

use crate::git::HostRepo;
use crate::model::{Op, prefetch};
use crate::store::remote::{Joined, RemoteError};
use crate::store::{Store, StoreError};

use super::{Client, ClientError, ClientResult};

/// How a clone came to share a remote's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared {
    /// It did so before.
    Already,
    /// It took the remote's state over.
    Took,
    /// Its state was moved to the remote. `before`: the remote that was the arbiter, and is so for the
    /// other clones.
    Gave {
        /// That remote.
        before: Option<String>,
    },
}

/// Makes a remote the arbiter. `discard`: give up this clone's state when the remote has one already.
///
/// # Errors
/// When there is no such remote, it cannot be the arbiter, or both sides have a state.
pub fn join(repo: &HostRepo, store: &Store, remote: &str, discard: bool) -> ClientResult<Shared> {
    let known = repo.git().args(["remote"]).text()?;
    if !known.lines().any(|name| name == remote) {
        let known = known.lines().map(str::to_owned).collect();
        return Err(ClientError::UnknownRemote { name: remote.to_owned(), known });
    }
    let urls = repo.git().args(["remote", "get-url", "--push", "--all", remote]).text()?.lines().count();
    if urls > 1 {
        return Err(ClientError::SeveralUrls { name: remote.to_owned(), urls });
    }
    let before = store.arbiter()?.map(|a| a.remote).filter(|before| before != remote);
    match store.join(remote, discard).map_err(|e| not_joined(e, remote))? {
        Joined::Already => Ok(Shared::Already),
        Joined::Took => Ok(Shared::Took),
        Joined::Gave => Ok(Shared::Gave { before }),
        Joined::Differs { sessions, items } => {
            Err(ClientError::StatesDiffer { remote: remote.to_owned(), sessions, items })
        }
    }
}

/// The error of a remote that could not be joined. The old arbiter can be left behind only by saying that
/// it is gone.
fn not_joined(error: StoreError, remote: &str) -> ClientError {
    let before = match &error {
        StoreError::Remote(
            RemoteError::Unreachable { remote: silent, .. } | RemoteError::Unknown { remote: silent, .. },
        ) if silent != remote => Some(silent.clone()),
        _ => None,
    };
    match before {
        Some(before) => ClientError::OldArbiterSilent { error: Box::new(error.into()), before },
        None => error.into(),
    }
}

/// Makes the clone decide by itself again. What it has prefetched goes back to the others, if they can
/// be reached; otherwise its leases expire there.
///
/// # Errors
/// From the store.
pub fn leave(client: &Client) -> ClientResult<bool> {
    let store = &client.store;
    let pool = match store.arbiter()? {
        Some(arbiter) => store.read(|view| prefetch::of(view, &arbiter.clone))?,
        None => None,
    };
    let Some(pool) = pool else { return Ok(store.leave()?) };
    let end = Op::EndSession { name: pool.name };
    client.unless_away(store.submit(&end, None), false)?;
    let left = store.leave()?;
    // Here, too: nobody works as the session of a prefetch that is gone.
    store.submit(&end, None)?;
    Ok(left)
}
