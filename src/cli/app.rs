//! What every command starts from: repository, settings, store, session.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::binding::{Binding, BindingError};
use crate::git::HostRepo;
use crate::hook::Watched;
use crate::model::op::RenewWhat;
use crate::model::session::{self, Session, SessionState};
use crate::model::{Identity, Op, Outcome, RepoPath, SessionName, header};
use crate::settings::Settings;
use crate::store::remote::RemoteError;
use crate::store::{Batches, Import, Store, StoreError, StoreOptions};
use crate::trust::Trust;

use crate::cli::args::Global;
use crate::cli::env::Env;
use crate::cli::error::{CliError, CliResult, NAME_ANOTHER, displaced, exit};
use crate::cli::output::{Text, Ui};

/// The repository that a command runs in, and how it was called.
#[derive(Debug, Clone)]
pub struct App {
    /// The repository and worktree.
    pub repo: HostRepo,
    /// Its settings.
    pub settings: Settings,
    /// The environment.
    pub env: Env,
    named: Option<String>,
    offline: bool,
    ui: Ui,
}

/// How long a command that only shows something waits for one that writes.
const SHOW_WAIT: Duration = Duration::from_secs(2);

/// Background exchange with the remote starts when the last one is so long ago.
const SYNC_EVERY: Duration = Duration::from_secs(60);

/// The same when a session holds something that wants to be renewed.
const RENEW_EVERY: Duration = Duration::from_secs(5);

impl App {
    /// Finds the repository and reads its settings.
    ///
    /// # Errors
    /// When there is no repository with a worktree here, or a setting makes no sense.
    pub fn new(global: &Global, env: Env) -> CliResult<Self> {
        let repo = HostRepo::discover(&start_dir(global), &env.git)?;
        let settings = Settings::read(&repo.common_dir).map_err(|e| {
            CliError::failed("settings", Text::block(&e.to_string()))
                .hint("mend it, for example: git config coord.ttl 30m, git config coord.durable true, git config coord.prefetch 10")
        })?;
        Ok(App {
            repo,
            settings,
            env,
            named: global.session.clone(),
            offline: global.offline,
            ui: global.ui(),
        })
    }

    /// Options for opening the store.
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            durable: self.settings.durable,
            patience: Duration::from_secs(self.settings.remote_timeout),
            push_every: Duration::from_secs(self.settings.push_every),
            prefetch: self.settings.prefetch,
            offline: self.offline,
        }
    }

    /// Opens the store.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn store(&self) -> CliResult<Store> {
        let store = Store::open(&self.repo.common_dir, self.store_options())?;
        self.watch_hooks();
        Ok(store)
    }

    /// Says so when the hooks of this worktree do not run any longer, and installs them again where that
    /// is allowed: without them nothing is checked.
    fn watch_hooks(&self) {
        let Ok(program) = crate::process::own_program() else { return };
        match crate::hook::watch(&self.repo, &program, &self.env.global_config) {
            Watched::Fine => {}
            Watched::Repaired(which) => {
                self.ui.narrate(Text::block(&format!("git coord: hooks were installed again: {which}")));
            }
            Watched::Off(why) => {
                let text = format!("git coord: hooks do not run here, so commits are not checked: {why}");
                self.ui.narrate(Text::block(&text));
                self.ui.narrate("     hint: git coord hooks status".to_owned());
            }
        }
    }

    /// What this clone trusts.
    pub fn trust(&self, store: &Store) -> Trust {
        Trust::new(store.path(), self.settings.trust)
    }

    /// The session of this command, if one is named or bound.
    ///
    /// # Errors
    /// When the name is malformed, or the worktree is a copy of a bound one.
    pub fn session_if_any(&self) -> CliResult<Option<SessionName>> {
        if let Some(name) = self.named.as_ref().or(self.env.session.as_ref()) {
            return Ok(Some(SessionName::parse(name)?));
        }
        Ok(self.binding()?.map(|b| b.session))
    }

    /// As which session this worktree acts, when that comes from its binding; see [`Identity`].
    ///
    /// # Errors
    /// When the worktree is a copy of a bound one.
    pub fn identity(&self) -> CliResult<Option<Identity>> {
        if self.named.is_some() || self.env.session.is_some() {
            return Ok(None);
        }
        Ok(self.binding()?.map(|b| Identity { session: b.session, token: b.token }))
    }

    /// The record of a session, unless this worktree is bound to what another one of that name was.
    ///
    /// # Errors
    /// `lost` then, and from the store.
    pub fn record_of(&self, store: &Store, name: &SessionName) -> CliResult<Option<Session>> {
        let record = store.read(|view| session::get(view, name))?;
        match (record, self.identity()?) {
            (Some(record), Some(identity))
                if identity.session == *name && identity.is_displaced_by(&record) =>
            {
                Err(displaced(name, record.worktree.as_deref(), record.host.as_deref()))
            }
            (record, _) => Ok(record),
        }
    }

    fn binding(&self) -> CliResult<Option<Binding>> {
        match Binding::read(&self.repo) {
            Ok(binding) => Ok(binding),
            Err(e @ BindingError::Copied { .. }) => Err(CliError::failed("no-session", e.to_string())
                .hint("start one for this folder with: git coord session start NAME")),
            Err(e) => Err(CliError::failed("io", e.to_string())),
        }
    }

    /// True in the main worktree of a repository when only an agent is bound to it, and no user by a
    /// command: commands act as the agent's session there, commits do not.
    pub fn is_shared_with_agent(&self) -> bool {
        let named = self.named.is_some() || self.env.session.is_some();
        let main = self.repo.git_dir == self.repo.common_dir;
        !named && main && Binding::read(&self.repo).is_ok_and(|b| b.is_some_and(|b| b.by_agent))
    }

    /// The session of this command.
    ///
    /// # Errors
    /// `no-session` when there is none.
    pub fn session(&self) -> CliResult<SessionName> {
        self.session_if_any()?.ok_or_else(|| {
            CliError::failed(
                "no-session",
                format!("{}: no session is at work here", self.repo.root.display()),
            )
            .hint("start one with: git coord session start NAME")
        })
    }

    /// Turns paths of the command line into paths of the repository.
    ///
    /// # Errors
    /// When one is outside the repository.
    pub fn paths(&self, args: &[PathBuf]) -> CliResult<Vec<RepoPath>> {
        args.iter().map(|p| Ok(self.repo.repo_path(p)?)).collect()
    }

    /// Carries out an operation; a refusal becomes an error.
    ///
    /// # Errors
    /// From the store, and refusals.
    pub fn submit(&self, store: &Store, op: &Op, wait: Option<u64>) -> CliResult<Outcome> {
        // Without the remote, a session can go on with what it holds, and give it back.
        let can_wait = matches!(op, Op::Finish { .. } | Op::Release { .. } | Op::Record { .. });
        let outcome = if self.offline && can_wait {
            let outcome = store.defer(op)?;
            if store.arbiter()?.is_some() && !outcome.is_refusal() {
                self.ui.narrate("git coord: noted here; it goes out with the next exchange: git coord sync");
            }
            outcome
        } else {
            store.submit(op, wait.map(Duration::from_secs))?
        };
        self.upkeep_if_wanted(store);
        if outcome.is_refusal() { Err(CliError::from_refusal(outcome)) } else { Ok(outcome) }
    }

    /// Writes an event to the log. With a remote, it goes out with the next push: recording what
    /// has happened needs nobody's leave.
    ///
    /// # Errors
    /// From the store, and refusals.
    pub fn record(&self, store: &Store, op: &Op) -> CliResult<()> {
        let outcome = store.defer(op)?;
        self.upkeep_if_wanted(store);
        self.sync_if_due(store)?;
        if outcome.is_refusal() { Err(CliError::from_refusal(outcome)) } else { Ok(()) }
    }

    /// Starts an exchange with the remote in the background, when the last one is long ago.
    ///
    /// # Errors
    /// From the store.
    fn sync_if_due(&self, store: &Store) -> CliResult<()> {
        self.sync_every(store, SYNC_EVERY)
    }

    fn sync_every(&self, store: &Store, every: Duration) -> CliResult<()> {
        if !self.offline && store.sync_is_due(every)? {
            crate::process::detach_self(&["sync"], &self.repo.root);
        }
        Ok(())
    }

    /// The same for a session that was handed something of this clone's pool: its command has not
    /// renewed what is past half of its time, which is done when the remote is told.
    ///
    /// # Errors
    /// From the store.
    pub fn sync_soon(&self, store: &Store, name: &SessionName) -> CliResult<()> {
        let record = store.read(|view| session::get(view, name))?;
        let now = crate::clock::now();
        let is_due = record.is_some_and(|s| s.leases.iter().any(|l| l.is_due(now)));
        self.sync_every(store, if is_due { RENEW_EVERY } else { SYNC_EVERY })
    }

    /// Sends the remote at once what has been deferred: grants of this clone's pool, recorded commits.
    ///
    /// # Errors
    /// From the store; not when the remote cannot be reached: it is sent later then.
    pub fn send_deferred(&self, store: &Store) -> CliResult<()> {
        if self.offline || store.deferred()? == 0 {
            return Ok(());
        }
        self.unless_away(store.submit(&Op::Sweep, None), "").map(|_| ())
    }

    /// `None` for what failed because the remote could not be reached, which is told, with `but`.
    ///
    /// # Errors
    /// All others.
    pub fn unless_away<T>(&self, result: Result<T, StoreError>, but: &str) -> CliResult<Option<T>> {
        match result {
            Err(StoreError::Remote(e @ (RemoteError::Unreachable { .. } | RemoteError::Unknown { .. }))) => {
                self.ui.narrate(Text::block(&format!("git coord: {e}{but}")));
                if e.is_not_configured() {
                    self.ui.narrate(format!("     hint: {NAME_ANOTHER}"));
                }
                Ok(None)
            }
            other => Ok(Some(other?)),
        }
    }

    /// Brings the state up to the remote's, unless that was done within `age`: for commands that
    /// show or judge by it. When the remote cannot be reached, what is known counts, and that is
    /// said; false then.
    ///
    /// # Errors
    /// When the remote's state cannot follow the known one, or from the store.
    pub fn refresh(&self, store: &Store, age: Duration, wait: Duration) -> CliResult<bool> {
        let brought = self.unless_away(store.refresh_if_older(age, wait), "; this is what was known last")?;
        if brought == Some(true) {
            // A clone that only reads would otherwise keep all that it has ever fetched.
            self.upkeep_if_wanted(store);
        }
        Ok(brought.is_some())
    }

    /// Imports items, all or none, and starts upkeep if it is worthwhile.
    ///
    /// # Errors
    /// When the import is refused, or from the store.
    pub fn import(&self, store: &Store, import: &Import, batches: &mut dyn Batches) -> CliResult<Outcome> {
        let outcome = store.import(import, batches)?;
        self.upkeep_if_wanted(store);
        if outcome.is_refusal() { Err(CliError::from_refusal(outcome)) } else { Ok(outcome) }
    }

    /// Starts upkeep in the background when the store has grown.
    fn upkeep_if_wanted(&self, store: &Store) {
        if store.wants_upkeep() {
            crate::process::detach_self(&["upkeep"], &self.repo.root);
        }
    }

    /// Reads the record of a session that must be at work, notes that it is alive, and renews
    /// what is past half of its time: for commands that only read.
    ///
    /// # Errors
    /// When there is no such session, or the store cannot be read.
    pub fn alive(&self, store: &Store, name: &SessionName) -> CliResult<Session> {
        let found = self.record_of(store, name)?;
        let Some(record) = found.filter(|s| s.state == SessionState::Active) else {
            return Err(CliError::from_refusal(Outcome::Unknown {
                what: "session".into(),
                name: name.to_string(),
            }));
        };
        store.touch_session(name);
        let now = crate::clock::now();
        if !record.leases.iter().any(|l| l.is_due(now)) {
            return Ok(record);
        }
        let op = Op::Renew { session: name.clone(), what: RenewWhat::Due, ttl: None };
        match self.submit(store, &op, None) {
            // What is leased stays so until its time is over, and that can be told without asking.
            Err(e) if e.exit == exit::REMOTE && record.leases.iter().all(|l| l.expires() > now) => Ok(record),
            Err(e) => Err(e),
            Ok(_) => Ok(store.read(|view| session::get(view, name))?.unwrap_or(record)),
        }
    }

    /// Takes back what has run out, if anything has: for commands that only read. False when the
    /// remote could not be asked, and what is known may be old.
    ///
    /// # Errors
    /// From the store.
    pub fn sweep(&self, store: &Store) -> CliResult<bool> {
        let reached = self.refresh(store, Duration::from_secs(self.settings.refresh), SHOW_WAIT)?;
        if self.offline || store.arbiter()?.is_some() {
            // With a remote, taking back is a push: left to those who have something to push.
            return Ok(reached);
        }
        let at = store.read(|view| header::read(view))?.sweep_at;
        if at.is_some_and(|at| at <= crate::clock::now()) {
            // What the present session holds is not run out: its command is a sign of life.
            if let Some(name) = self.session_if_any().ok().flatten() {
                let _ = self.alive(store, &name);
            }
            self.submit(store, &Op::Sweep, None)?;
        }
        Ok(true)
    }

    /// The same without narration: for a screen that would be written over.
    pub fn quietly(&self) -> Self {
        App { ui: Ui { quiet: true, ..self.ui }, ..self.clone() }
    }
}

/// The folder in which the command works.
pub fn start_dir(global: &Global) -> PathBuf {
    global.dir.clone().unwrap_or_else(|| Path::new(".").to_owned())
}
