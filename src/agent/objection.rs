//! The words of a refusal: who holds what, until when, and what helps. They go to a model, perhaps one that
//! nobody watches: each names something that it can do by itself.

use jiff::Timestamp;

use crate::model::outcome::Blocker;
use crate::model::session::Session;
use crate::model::{RepoPath, SessionName};

/// Most paths that are named one by one.
const SHOWN: usize = 5;

/// Others hold some of the paths. `holders` are their records, in the same order.
pub fn of_holders(blockers: &[Blocker], holders: &[Option<Session>], now: Timestamp) -> String {
    let lines = blockers.iter().zip(holders).take(SHOWN).map(|(blocker, holder)| {
        let part = if blocker.path == blocker.held {
            String::new()
        } else {
            format!(" (as {})", shown(&blocker.held))
        };
        let item = holder.as_ref().and_then(|session| item(session, &blocker.held));
        let item = item.map(|id| format!(" with item {id}")).unwrap_or_default();
        format!(
            "{} is held by {}{part}{item}{}",
            shown(&blocker.path),
            blocker.session,
            until(blocker.expires, now)
        )
    });
    let mut text = lines.collect::<Vec<_>>().join("; ");
    if blockers.len() > SHOWN {
        text.push_str(&format!("; and {} more", blockers.len() - SHOWN));
    }
    let paths: Vec<String> = {
        let mut list: Vec<&RepoPath> = blockers.iter().map(|b| &b.path).take(SHOWN).collect();
        list.dedup();
        list.into_iter().map(shown).collect()
    };
    format!(
        "{text}. Nothing was changed. Take other work: git coord next. Or wait for it: git coord claim --wait 10m {}",
        paths.join(" ")
    )
}

/// The item with which a session holds a path.
fn item(session: &Session, path: &RepoPath) -> Option<String> {
    let leases = session.leases.iter().filter_map(|lease| lease.item.as_ref());
    leases.into_iter().find(|item| item.files.contains(path)).map(|item| item.id.to_string())
}

fn until(expires: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = expires else { return String::new() };
    format!(" until {} ({} left)", minute(at), length(at.duration_since(now).as_secs()))
}

/// A time of the day, which is the same everywhere.
fn minute(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

/// `40s`, `12m`, `3h`: the largest unit is enough for a decision.
pub fn length(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..=99 => format!("{s}s"),
        s @ 100..=5999 => format!("{}m", (s + 30) / 60),
        s => format!("{}h", (s + 1800) / 3600),
    }
}

/// A path as a word of a command.
pub fn shown(path: &RepoPath) -> String {
    let text = path.to_string();
    let quoted = shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned);
    if quoted.starts_with('-') { format!("./{quoted}") } else { quoted }
}

/// Another sub-agent of the same conversation edits the path.
pub fn of_rival(path: &RepoPath, rival: &str, session: &SessionName) -> String {
    format!(
        "{} is being edited by sub-agent {rival}, which works as {session} beside you. Nothing was changed. Leave it \
         to that sub-agent, or edit it when that one has ended.",
        shown(path)
    )
}

/// The uncommitted work of a session that has lost its lease is in another worktree.
pub fn of_abandoned(path: &RepoPath, session: &Session, worktree: &str, ago: i64) -> String {
    format!(
        "{0} has uncommitted changes of {1} in {worktree}: its lease ran out {2} ago, and the work was not given \
         back. Nothing was changed. Take other work: git coord next. Or, to edit it all the same: git coord claim {0}",
        shown(path),
        session.name,
        length(ago)
    )
}

/// It is not known whether the edit may be made, and `coord.onEdit` asks to refuse it then.
pub fn of_failure(why: &str) -> String {
    format!("git-coord could not check this edit ({why}), and coord.onEdit is strict. See: git coord doctor")
}
