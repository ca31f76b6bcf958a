//! What every command starts from: where it is, who it is, and how it is heard.

use std::path::{Path, PathBuf};

use crate::cli::args::Global;
use crate::cli::env::Env;
use crate::cli::error::{CliError, CliResult, NAME_ANOTHER};
use crate::cli::output::{Text, Ui};
use crate::client::{ActingAs, Client, Listener, Notice, Workplace};
use crate::git::HostRepo;
use crate::settings::Settings;

/// The place that a command runs in, and how it was called.
#[derive(Debug, Clone)]
pub struct App {
    /// Repository, settings, and who acts.
    pub place: Workplace,
    /// The environment.
    pub env: Env,
    ui: Ui,
}

impl App {
    /// Finds the repository and reads its settings.
    ///
    /// # Errors
    /// When there is no repository with a worktree here, or a setting makes no sense.
    pub fn new(global: &Global, env: Env) -> CliResult<Self> {
        let repo = HostRepo::discover(&start_dir(global), &env.git)?;
        let settings = Settings::read(&repo.common_dir).map_err(|e| {
            CliError::failed("settings", Text::block(&e.to_string())).hint(
                "fix it, for example: git config coord.ttl 30m, git config coord.durable true, git config \
                 coord.prefetch 10",
            )
        })?;
        let named = global.session.clone().or_else(|| env.session.clone());
        let acting_as = named.map_or(ActingAs::Bound, ActingAs::Named);
        let place = Workplace { repo, settings, acting_as, offline: global.offline };
        Ok(App { place, env, ui: global.ui() })
    }

    /// Opens the store.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn client(&self) -> CliResult<Client> {
        let client = Client::open(self.place.clone(), self.listener())?;
        client.watch_hooks(&self.env.global_config);
        Ok(client)
    }

    /// Where output goes.
    pub fn ui(&self) -> Ui {
        self.ui
    }

    /// Shows notices on stderr.
    pub fn listener(&self) -> Listener {
        let ui = self.ui;
        Listener::new(move |notice| narrate(ui, notice))
    }

    /// The same without narration: for a screen that would be written over.
    pub fn quietly(&self) -> Self {
        App { ui: Ui { quiet: true, ..self.ui }, ..self.clone() }
    }
}

fn narrate(ui: Ui, notice: &Notice) {
    match notice {
        Notice::Waiting(what) => ui.narrate(format!("git coord: waiting for {what}")),
        Notice::Deferred => ui.narrate("git coord: queued here; git coord sync sends it"),
        Notice::HooksRepaired(which) => {
            ui.narrate(Text::block(&format!("git coord: hooks were installed again: {which}")));
        }
        Notice::HooksOff(why) => {
            let text = format!("git coord: hooks do not run here, so commits are not checked: {why}");
            ui.narrate(Text::block(&text));
            ui.narrate("     hint: git coord hooks status".to_owned());
        }
        Notice::RemoteAway { reason, not_configured, stale } => {
            let but = if *stale { "; showing the last known state" } else { "" };
            ui.narrate(Text::block(&format!("git coord: {reason}{but}")));
            if *not_configured {
                ui.narrate(format!("     hint: {NAME_ANOTHER}"));
            }
        }
    }
}

/// The folder in which the command works.
pub fn start_dir(global: &Global) -> PathBuf {
    global.dir.clone().unwrap_or_else(|| Path::new(".").to_owned())
}
