//! Settings: the one section `[coord]` of the repository's configuration.

use std::path::Path;

use crate::duration;
use crate::trust::Policy;

/// Seconds of a lease when nobody says otherwise.
pub const DEFAULT_TTL: u64 = 30 * 60;

/// Most items that a clone may keep ready: more would only be kept from the others.
pub const PREFETCH_MAX: usize = 1000;

/// The settings of this clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `coord.ttl`: seconds of a lease.
    pub ttl: u64,
    /// `coord.durable`: sync every change to the disk.
    pub durable: bool,
    /// `coord.remoteTimeout`: seconds that an act may take when a remote decides.
    pub remote_timeout: u64,
    /// `coord.pushEvery`: least seconds between two pushes to that remote.
    pub push_every: u64,
    /// `coord.prefetch`: items that this clone leases ahead when a remote decides.
    pub prefetch: usize,
    /// `coord.refresh`: commands that only show something ask the remote when the last answer is
    /// older than this many seconds.
    pub refresh: u64,
    /// `coord.protect`, may stand several times: branches on which sessions do not commit.
    pub protect: Vec<String>,
    /// `coord.trust`: which commands of the shared state run here.
    pub trust: Policy,
    /// `coord.onEdit`: what happens when an agent is about to edit a file.
    pub on_edit: OnEdit,
    /// `coord.target`: the branch on which work lands.
    pub target: Option<String>,
    /// `coord.freshBase`: what happens when a branch lacks the newest versions of what it is about to change.
    pub fresh_base: FreshBase,
}

/// `coord.freshBase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FreshBase {
    /// They are merged into the branch first.
    #[default]
    Auto,
    /// A path with versions that have not landed stays held for others; what has landed is merged.
    Landed,
    /// Refused, until they are merged by hand: `git coord refresh`.
    Refuse,
    /// Granted, and said.
    Warn,
    /// Granted.
    Off,
}

impl FreshBase {
    /// Reads the value of the setting.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "auto" => FreshBase::Auto,
            "landed" => FreshBase::Landed,
            "refuse" => FreshBase::Refuse,
            "warn" => FreshBase::Warn,
            "off" => FreshBase::Off,
            _ => return None,
        })
    }
}

/// `coord.onEdit`: `claim`, `check` or `off`, and `strict` beside one of the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnEdit {
    /// What happens.
    pub mode: EditMode,
    /// True when an edit that cannot be judged is refused.
    pub strict: bool,
}

/// What happens when an agent is about to edit a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EditMode {
    /// A free file is claimed for the session; what another session holds is refused.
    #[default]
    Claim,
    /// What another session holds is refused.
    Check,
    /// Nothing.
    Off,
}

impl OnEdit {
    /// Reads the value of the setting.
    ///
    /// # Errors
    /// When a word of it is not known, with those that are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut on_edit = OnEdit::default();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "claim" => on_edit.mode = EditMode::Claim,
                "check" => on_edit.mode = EditMode::Check,
                "off" => on_edit.mode = EditMode::Off,
                "strict" => on_edit.strict = true,
                _ => return Err("it must be claim, check or off; strict may be added".into()),
            }
        }
        Ok(on_edit)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            ttl: DEFAULT_TTL,
            durable: false,
            remote_timeout: 30,
            push_every: 0,
            prefetch: 0,
            refresh: 0,
            protect: Vec::new(),
            trust: Policy::Ask,
            on_edit: OnEdit::default(),
            target: None,
            fresh_base: FreshBase::default(),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The configuration cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A value is not what it must be.
    #[error("coord.{key} = {value:?}: {reason}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Settings {
    /// True when sessions do not commit on this branch. `*` in a setting matches any text
    /// within one component of the name.
    pub fn protects(&self, branch: &str) -> bool {
        self.protect.iter().any(|pattern| {
            pattern == branch
                || globset::GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .build()
                    .is_ok_and(|g| g.compile_matcher().is_match(branch))
        })
    }

    /// Reads the settings from the configuration file of the repository.
    ///
    /// # Errors
    /// When the file cannot be read or a value makes no sense.
    pub fn read(common_dir: &Path) -> Result<Self, SettingsError> {
        let path = common_dir.join("config");
        let unreadable = |reason: String| SettingsError::Unreadable { path: path.clone(), reason };
        let text = std::fs::read(&path).map_err(|e| unreadable(e.to_string()))?;
        let mut settings = Settings::default();
        // Most commands run without any setting; parsing the file would cost more than they do.
        if !text.to_ascii_lowercase().windows(6).any(|w| w == b"[coord") {
            return Ok(settings);
        }
        let metadata = gix::config::file::Metadata::from(gix::config::Source::Local);
        let file = gix::config::File::from_bytes_no_includes(&text, metadata, Default::default())
            .map_err(|e| unreadable(e.to_string()))?;
        for (key, to) in [
            ("ttl", &mut settings.ttl),
            ("remoteTimeout", &mut settings.remote_timeout),
            ("pushEvery", &mut settings.push_every),
            ("refresh", &mut settings.refresh),
        ] {
            if let Some(value) = file.string(&format!("coord.{key}")) {
                let value = value.to_string();
                *to = match value.as_str() {
                    // 0 is not a length of a lease, but valid for the others.
                    "0" if key != "ttl" => 0,
                    _ => duration::parse(&value).map_err(|reason| SettingsError::Value {
                        key,
                        value,
                        reason,
                    })?,
                };
            }
        }
        if let Some(value) = file.string("coord.prefetch") {
            let value = value.to_string();
            settings.prefetch = value.parse().ok().filter(|n| *n <= PREFETCH_MAX).ok_or_else(|| {
                let reason = format!("it must be a number of items, at most {PREFETCH_MAX}");
                SettingsError::Value { key: "prefetch", value, reason }
            })?;
        }
        let durable = file.boolean("coord.durable").map_err(|e| SettingsError::Value {
            key: "durable",
            value: file.string("coord.durable").map(|v| v.to_string()).unwrap_or_default(),
            reason: e.to_string(),
        })?;
        settings.durable = durable.unwrap_or_default();
        settings.read_words(&file)?;
        settings.target = file.string("coord.target").map(|v| v.to_string());
        for branch in file.strings("coord.protect").unwrap_or_default() {
            settings.protect.push(branch.to_string());
        }
        Ok(settings)
    }

    /// Reads the settings whose values are words.
    fn read_words(&mut self, file: &gix::config::File) -> Result<(), SettingsError> {
        if let Some(value) = file.string("coord.trust") {
            let value = value.to_string();
            self.trust = Policy::parse(&value).ok_or_else(|| SettingsError::Value {
                key: "trust",
                value,
                reason: "it must be ask, all or off".to_owned(),
            })?;
        }
        if let Some(value) = file.string("coord.freshBase") {
            let value = value.to_string();
            self.fresh_base = FreshBase::parse(&value).ok_or_else(|| SettingsError::Value {
                key: "freshBase",
                value,
                reason: "it must be auto, landed, refuse, warn or off".to_owned(),
            })?;
        }
        if let Some(value) = file.string("coord.onEdit") {
            let value = value.to_string();
            self.on_edit = OnEdit::parse(&value).map_err(|reason| SettingsError::Value {
                key: "onEdit",
                value,
                reason,
            })?;
        }
        Ok(())
    }
}
