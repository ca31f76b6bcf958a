//! Errors of landings in the form of the command line.

use serde_json::Value;

use crate::cli::error::{CliError, io_hint};
use crate::cli::exit::ExitStatus;
use crate::cli::output::Text;
use crate::land::LandError;

impl From<LandError> for CliError {
    fn from(error: LandError) -> Self {
        let message = Text::block(&error.to_string());
        match error {
            LandError::Git(inner) => inner.into(),
            LandError::Store(inner) => inner.into(),
            LandError::Note(_) => {
                CliError::failed("notes", message).hint("the landing itself is done; see: git coord landed")
            }
            LandError::Io { source, .. } => CliError::failed("io", message).hint(io_hint(&source)),
            LandError::Refused(outcome) => CliError::from_refusal(*outcome),
            LandError::Rule { rule, hint, .. } => {
                CliError::refused(message).hint(hint).detail("rule", Value::String(rule.to_owned()))
            }
            LandError::Unknown { hint, .. } => CliError::failed("bad-input", message).hint(hint),
            LandError::Unreadable { .. } => CliError::failed("git", message)
                .hint("check that the commit is here and has a common history with the target"),
            LandError::Remote { unknown: false, .. } => CliError::remote(message),
            LandError::Remote { unknown: true, .. } => CliError::failed("remote", message)
                .status(ExitStatus::Remote)
                .hint("run the command again to resolve it")
                .detail("outcome", Value::String("unknown".to_owned())),
        }
    }
}
