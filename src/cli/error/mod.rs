//! Errors as they are shown, and what becomes of the errors of all parts below.

mod client;
mod io;
mod presented;
mod refusal;
mod store;
pub mod untrusted;

pub use io::io_hint;
pub use presented::{CliError, CliResult};
pub use refusal::holders_json;
pub use store::NAME_ANOTHER;
