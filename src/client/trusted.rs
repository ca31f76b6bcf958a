//! Commands of others run only when they are approved on this clone.

use crate::trust::{CommandHash, Untrusted};

use super::{Client, ClientError, ClientResult};

impl Client {
    /// Refuses a command that may not run here. `from`: whose it is, in words.
    ///
    /// # Errors
    /// [`ClientError::Untrusted`].
    pub fn require_trusted(&self, command: &str, from: &str) -> ClientResult<()> {
        let trust = self.trust();
        let file = || trust.file().to_owned();
        if trust.allows(command).map_err(|source| ClientError::Trust { file: file(), source })? {
            return Ok(());
        }
        let (hash, command) = (CommandHash::of(command), command.to_owned());
        let command = Box::new(Untrusted { hash, command, from: from.to_owned() });
        Err(ClientError::Untrusted { command, policy: self.place.settings.trust })
    }
}
