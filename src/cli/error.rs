//! Errors as a command reports them: code, exit status, message, one next step.

use serde_json::{Map, Value, json};

use crate::git::{GitError, RepoError};
use crate::model::outcome::{Blocker, Outcome};
use crate::model::session::Loss;
use crate::model::{NameError, PathError, SessionName, ViewError};
use crate::store::StoreError;
use crate::store::remote::RemoteError;

use crate::cli::sanitize::Text;

/// Exit statuses; see `cli.md` in the documentation.
pub mod exit {
    /// It failed: bad state, bad input, I/O.
    pub const FAILED: u8 = 1;
    /// The call's words are wrong.
    pub const USAGE: u8 = 2;
    /// What was held is held no more.
    pub const LOST: u8 = 3;
    /// Another session holds it.
    pub const HELD: u8 = 4;
    /// A rule says no.
    pub const REFUSED: u8 = 5;
    /// The remote did not answer, or does not accept the state.
    pub const REMOTE: u8 = 6;
    /// Ctrl-C.
    pub const INTERRUPTED: u8 = 130;
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct CliError {
    /// A word for programs.
    pub code: String,
    /// The exit status.
    pub exit: u8,
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
            exit: exit::FAILED,
            message: message.into(),
            hint: None,
            details: Map::new(),
        }
    }

    /// An error in the words of the call.
    pub fn usage(message: impl Into<Text>) -> Self {
        CliError { exit: exit::USAGE, ..Self::failed("usage", message) }
    }

    /// A rule that says no.
    pub fn refused(message: impl Into<Text>) -> Self {
        CliError { exit: exit::REFUSED, ..Self::failed("refused", message) }
    }

    /// A remote that could not be used; nothing was changed there.
    pub fn remote(message: impl Into<Text>) -> Self {
        CliError { exit: exit::REMOTE, ..Self::failed("remote", message) }
            .hint("try again when the remote can be reached")
            .detail("outcome", Value::String("unchanged".to_owned()))
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

    /// The error of an outcome that is a refusal.
    pub fn from_refusal(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Held { blockers } => held(blockers),
            Outcome::Lost { losses, holders } => lost(&losses, holders),
            Outcome::Displaced { session, worktree, host } => {
                displaced(&session, worktree.as_deref(), host.as_deref())
            }
            Outcome::Refused { rule, message, hint } => {
                CliError::refused(message).hint(hint).detail("rule", Value::String(rule))
            }
            Outcome::Unknown { what, name } => unknown(&what, &name),
            other => CliError::failed("unexpected", format!("unexpected outcome {other:?}")),
        }
    }
}

/// The error in a worktree whose session was started anew elsewhere.
pub fn displaced(session: &SessionName, worktree: Option<&str>, host: Option<&str>) -> CliError {
    let place = worktree.map(|w| format!(" in {w}")).unwrap_or_default();
    let host = host.map(|h| format!(" on {h}")).unwrap_or_default();
    let message = format!(
        "session {session} was started anew and is at work{place}{host}: this worktree is not its own"
    );
    CliError { exit: exit::LOST, ..CliError::failed("lost", message) }
        .hint("start a session of another name for this worktree: git coord session start NAME")
}

/// Blockers in the form that `details.holders` has.
pub fn holders_json(blockers: &[Blocker]) -> Value {
    let list = blockers.iter().map(|b| {
        json!({
            "path": b.path, "held": b.held, "session": b.session,
            "expires": b.expires.map(|t| t.to_string()), "reason": b.reason,
        })
    });
    Value::Array(list.collect())
}

fn held(blockers: Vec<Blocker>) -> CliError {
    let mut lines: Vec<String> = blockers
        .iter()
        .take(10)
        .map(|b| {
            let place = if b.path == b.held { String::new() } else { format!(" (as {})", b.held) };
            let until =
                b.expires.map(|t| format!(", {} left", crate::cli::text::until(t))).unwrap_or_default();
            let why = b.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            format!("{} is held by {}{place}{until}{why}", b.path, b.session)
        })
        .collect();
    if blockers.len() > 10 {
        lines.push(format!("and {} more", blockers.len() - 10));
    }
    CliError { exit: exit::HELD, ..CliError::failed("held", lines) }
        .hint("take something else, or stay in line with --wait 10m")
        .detail("holders", holders_json(&blockers))
}

fn lost(losses: &[Loss], holders: Vec<Blocker>) -> CliError {
    let line = |loss: &Loss| {
        let what = match (&loss.path, &loss.item) {
            (Some(path), _) => path.to_string(),
            (None, Some(item)) => format!("item {item}"),
            (None, None) => "it".to_owned(),
        };
        let now = holders
            .iter()
            .find(|h| Some(&h.path) == loss.path.as_ref())
            .map(|h| format!("; {} holds it now", h.session))
            .unwrap_or_default();
        // Lease 0: it never was.
        let any_more = if loss.lease == 0 { "" } else { " any more" };
        format!("{what} is not yours{any_more}: {}{now}", loss.why)
    };
    let lines: Vec<String> = losses.iter().map(line).collect();
    CliError { exit: exit::LOST, ..CliError::failed("lost", lines) }
        .hint("nothing was changed; see what you hold with: git coord claims --mine")
        .detail("lost", serde_json::to_value(losses).unwrap_or_default())
        .detail("holders", holders_json(&holders))
}

fn unknown(what: &str, name: &str) -> CliError {
    let error = CliError::failed(&format!("unknown-{what}"), format!("there is no {what} {name}"))
        .detail(what, Value::String(name.to_owned()));
    match what {
        "session" => error.hint(format!("start it with: git coord session start {name}")),
        "queue" => error.hint("see which there are with: git coord status"),
        _ => error.hint("see which there are with: git coord queue list"),
    }
}

/// The chain of causes as one text. What git and servers say may have several lines.
fn chain(error: &dyn std::error::Error) -> Text {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    Text::block(&text)
}

/// What helps when the user has renamed or removed the remote that decides.
pub const NAME_ANOTHER: &str =
    "name the remote that decides now (git remote lists them): git coord init --remote NAME";

/// The error of a remote that could not be used.
fn remote(error: &RemoteError, message: Text) -> CliError {
    let outcome = |outcome: &str, hint: &str| {
        CliError { exit: exit::REMOTE, ..CliError::failed("remote", message.clone()) }
            .hint(hint)
            .detail("outcome", Value::String(outcome.to_owned()))
    };
    match error {
        RemoteError::Unreachable { .. } if error.is_not_configured() => outcome("unchanged", NAME_ANOTHER),
        RemoteError::Unknown { .. } if error.is_not_configured() => outcome("unknown", NAME_ANOTHER),
        RemoteError::Unreachable { .. } => {
            outcome("unchanged", "nothing was changed; try again when the remote can be reached")
        }
        RemoteError::Unknown { .. } => outcome(
            "unknown",
            "repeat the command, which settles it; after next, first see what you have got: \
                 git coord queue list --mine",
        ),
        // A server that died while it moved the ref; it does not mend that by itself.
        RemoteError::Refused { reason, .. } if reason.contains(".lock': File exists") => outcome(
            "unchanged",
            "a git on the server has died: remove that file there, or ask who runs the server; then try again",
        ),
        RemoteError::Refused { .. } => {
            outcome("unchanged", "see what the server allows with: git coord remote probe")
        }
        RemoteError::Contended { .. } => outcome("unchanged", "nothing was changed; try again"),
        RemoteError::Vanished { .. }
        | RemoteError::Backwards { .. }
        | RemoteError::LeftOut { .. }
        | RemoteError::Foreign { .. } => CliError::failed("remote-state", message)
            .hint("nothing was changed; see what can be restored with: git coord doctor --remote"),
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let message = chain(&error);
        match error {
            StoreError::Absent { .. } => CliError::failed("no-store", message).hint("run: git coord init"),
            StoreError::Newer { .. } => CliError::failed("newer-format", message).hint("update git-coord"),
            StoreError::Busy { .. } => CliError::failed("busy", message)
                .hint("try again; if it stays so, look for a git-coord that hangs"),
            StoreError::Contended { .. } => {
                CliError::failed("busy", message).hint("stop what writes the store, then try again")
            }
            StoreError::View(_) | StoreError::Objects { .. } => {
                CliError::failed("damaged", message).hint("run: git coord doctor")
            }
            StoreError::Io { .. } | StoreError::Batches(_) => CliError::failed("io", message)
                .hint("see that the disk has room and the folder can be written"),
            StoreError::Git(inner) => inner.into(),
            StoreError::Remote(inner) => remote(&inner, message),
        }
    }
}

impl From<ViewError> for CliError {
    fn from(error: ViewError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        let message = chain(&error);
        match error {
            GitError::Missing { .. } => {
                CliError::failed("no-git", message).hint("install git 2.39 or newer and put it on PATH")
            }
            _ => CliError::failed("git", message),
        }
    }
}

impl From<RepoError> for CliError {
    fn from(error: RepoError) -> Self {
        let message = chain(&error);
        match error {
            RepoError::None { .. } => {
                CliError::failed("no-repository", message).hint("go to a repository, or name one with -C DIR")
            }
            RepoError::Bare { .. } => {
                CliError::failed("bare", message).hint("run it in a worktree or clone of this repository")
            }
            RepoError::Untrusted { .. } => CliError::failed("untrusted", message),
            RepoError::Io { .. } => CliError::failed("io", message),
            RepoError::Path(_) => CliError::failed("no-repository", message).hint("go to a worktree"),
        }
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> Self {
        CliError::usage(error.to_string())
    }
}

impl From<PathError> for CliError {
    fn from(error: PathError) -> Self {
        CliError::failed("bad-path", error.to_string())
            .hint("name files and folders of this repository, relative to the current folder")
    }
}
