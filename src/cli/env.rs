//! The environment: the one place where variables are read.

use std::path::PathBuf;

use crate::agent::GitConfigs;
use crate::demo::Surroundings;
use crate::git::GitEnv;

/// The session, for commands without `--session`.
pub const SESSION: &str = crate::runner::SESSION;

/// Everything that git-coord takes from its environment.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// [`SESSION`].
    pub session: Option<String>,
    /// What a calling git has exported.
    pub git: GitEnv,
    /// Commits that are being merged: git names them to `pre-merge-commit` in variables
    /// `GITHEAD_<id>` alone.
    pub merging: Vec<String>,
    /// `GIT_EDITOR=:`, as git sets it for hooks of a commit without an editor.
    pub no_editor: bool,
    /// The hook shim found that another tool has put its own hook over it.
    pub displaced: bool,
    /// The files of git's configuration outside of repositories, whether they are there or not.
    pub global_config: Vec<PathBuf>,
    /// `NO_COLOR`, or a terminal that cannot.
    pub no_color: bool,
}

/// A variable, for what depends on it by its own word.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Env {
    /// Reads the environment.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn read() -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        Env {
            session: std::env::var(SESSION).ok().filter(|s| !s.is_empty()),
            git: GitEnv {
                git_dir: path("GIT_DIR"),
                work_tree: path("GIT_WORK_TREE"),
                common_dir: path("GIT_COMMON_DIR"),
                index_file: path("GIT_INDEX_FILE"),
                object_dir: path("GIT_OBJECT_DIRECTORY"),
                alternates: std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES"),
            },
            merging: std::env::vars_os()
                .filter_map(|(name, _)| name.to_str()?.strip_prefix("GITHEAD_").map(str::to_owned))
                .collect(),
            no_editor: std::env::var_os("GIT_EDITOR").is_some_and(|v| v == ":"),
            displaced: std::env::var_os("GIT_COORD_HOOK_DISPLACED").is_some(),
            global_config: match path("GIT_CONFIG_GLOBAL") {
                Some(file) => vec!["/etc/gitconfig".into(), file],
                None => {
                    let system = ["/etc/gitconfig".into()].into_iter();
                    let xdg = path("XDG_CONFIG_HOME").or_else(|| Some(path("HOME")?.join(".config")));
                    let of_xdg = xdg.map(|dir| dir.join("git/config"));
                    let home = path("HOME").map(|home| home.join(".gitconfig"));
                    system.chain(home).chain(of_xdg).collect()
                }
            },
            no_color: std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()),
        }
    }
}

/// What the demonstration must know of, to keep it away from its own commands.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn surroundings() -> Surroundings {
    let of_git = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"GIT");
    Surroundings {
        path: std::env::var_os("PATH").unwrap_or_default(),
        git_variables: std::env::vars_os().map(|(name, _)| name).filter(|name| of_git(name)).collect(),
    }
}

/// What a hook of an agent program must know of its surroundings.
#[derive(Debug, Default)]
pub struct AgentEnv {
    /// [`SESSION`].
    pub session: Option<String>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// Where the user's and the system's settings of git are.
    pub git_configs: GitConfigs,
    /// True when a variable says that Copilot calls, and none that Gemini does.
    pub copilot: bool,
}

impl AgentEnv {
    /// Reads the environment.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn read() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let of_copilot =
            |(name, _): (std::ffi::OsString, _)| name.as_encoded_bytes().starts_with(b"COPILOT_");
        let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = path("HOME");
        let config = path("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let below = |dir: &Option<PathBuf>, file: &str| dir.as_ref().map(|dir| dir.join(file));
        let system = if set("GIT_CONFIG_NOSYSTEM") { None } else { Some(PathBuf::from("/etc/gitconfig")) };
        let users = match path("GIT_CONFIG_GLOBAL") {
            Some(file) => [Some(file), None],
            None => [below(&home, ".gitconfig"), below(&config, "git/config")],
        };
        let git_configs = GitConfigs {
            settings: users.into_iter().flatten().chain(path("GIT_CONFIG_SYSTEM").or(system)).collect(),
            patterns: below(&config, "git/ignore"),
        };
        AgentEnv {
            git_configs,
            session: std::env::var(SESSION).ok().filter(|s| !s.is_empty()),
            home,
            copilot: !set("GEMINI_SESSION_ID") && !set("GEMINI_CLI") && std::env::vars_os().any(of_copilot),
        }
    }
}

/// Where the user's files are.
#[derive(Debug, Default)]
pub struct Homes {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state: Option<PathBuf>,
    /// `CODEX_HOME`.
    pub codex: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR`.
    pub claude: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<std::ffi::OsString>,
}

/// Reads where the user's files are.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn homes() -> Homes {
    let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    Homes {
        home: path("HOME"),
        config: path("XDG_CONFIG_HOME"),
        state: path("XDG_STATE_HOME"),
        codex: path("CODEX_HOME"),
        claude: path("CLAUDE_CONFIG_DIR"),
        path: std::env::var_os("PATH"),
    }
}
