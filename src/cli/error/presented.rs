//! An error as it is shown: code, exit status, message, one next step, particulars for programs.

use serde_json::{Map, Value, json};

use crate::cli::exit::ExitStatus;
use crate::cli::sanitize::Text;

/// An error as it is shown. Nothing decides by it: what matters to the program is in
/// [`crate::client::ClientError`].
#[derive(Debug)]
pub struct CliError {
    /// A word for programs.
    pub code: String,
    /// The exit status.
    pub exit: ExitStatus,
    /// What failed and why.
    pub message: Text,
    /// One step that helps.
    pub hint: Option<String>,
    /// Particulars for programs.
    pub details: Map<String, Value>,
}

/// What the verbs return.
pub type CliResult<T> = Result<T, CliError>;

impl CliError {
    /// An error with exit status 1.
    pub fn failed(code: &str, message: impl Into<Text>) -> Self {
        CliError {
            code: code.to_owned(),
            exit: ExitStatus::Failed,
            message: message.into(),
            hint: None,
            details: Map::new(),
        }
    }

    /// An error in the words of the call.
    pub fn usage(message: impl Into<Text>) -> Self {
        Self::failed("usage", message).status(ExitStatus::Usage)
    }

    /// A rule that says no.
    pub fn refused(message: impl Into<Text>) -> Self {
        Self::failed("refused", message).status(ExitStatus::Refused)
    }

    /// Interrupted by the user.
    pub fn interrupted(message: impl Into<Text>) -> Self {
        Self::failed("interrupted", message).status(ExitStatus::Interrupted)
    }

    /// A remote that could not be used; nothing was changed there.
    pub fn remote(message: impl Into<Text>) -> Self {
        Self::failed("remote", message)
            .status(ExitStatus::Remote)
            .hint("try again when the remote can be reached")
            .detail("outcome", json!("unchanged"))
    }

    /// The same with another exit status.
    pub fn status(self, exit: ExitStatus) -> Self {
        CliError { exit, ..self }
    }

    /// Adds the next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a particular.
    pub fn detail(mut self, key: &str, value: Value) -> Self {
        self.details.insert(key.to_owned(), value);
        self
    }
}
