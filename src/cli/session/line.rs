//! A session on one line.

use crate::cli::output::{FAINT, GOOD, paint};
use crate::cli::text;
use crate::client::session::SessionInfo;
use crate::model::session::SessionState;

/// Name, state, worktree, and when it was last seen.
pub fn line(session: &SessionInfo, width: usize) -> String {
    let state = match session.state {
        SessionState::Active => paint(GOOD, "active"),
        SessionState::Ended => paint(FAINT, "ended "),
    };
    // Sessions of other clones are not seen here.
    let seen = session.last_seen.map_or_else(|| "-".to_owned(), text::ago);
    let place = session.worktree.as_deref().unwrap_or("-");
    format!("{:width$}  {state}  {place}  {}", session.name.to_string(), paint(FAINT, format!("seen {seen}")))
}
