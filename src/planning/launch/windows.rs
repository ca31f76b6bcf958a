//! Windows for workstreams: terminal multiplexers and editors, as data.

use serde::Serialize;

use crate::planning::PlanError;

use super::Launched;

/// A kind of window that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The words; `{id}`, `{dir}`, `{cmd}`, `{session}`, `{plan}` are replaced within each.
    words: &'static [&'static str],
}

/// All kinds. tmux makes its session when there is not one; see [`open`].
pub const KINDS: [Kind; 9] = [
    Kind {
        name: "tmux",
        words: &[
            "tmux",
            "new-window",
            "-d",
            "-P",
            "-F",
            "#{window_id}",
            "-t",
            "={plan}:",
            "-n",
            "{id}",
            "-c",
            "{dir}",
            "-e",
            "GIT_COORD_SESSION={session}",
            "{cmd}",
        ],
    },
    Kind {
        name: "zellij",
        words: &["zellij", "run", "--cwd", "{dir}", "--name", "{id}", "--", "sh", "-c", "{cmd}"],
    },
    Kind {
        name: "wezterm",
        words: &["wezterm", "cli", "spawn", "--cwd", "{dir}", "--", "sh", "-c", "{cmd}"],
    },
    Kind {
        name: "kitty",
        words: &[
            "kitten",
            "@",
            "launch",
            "--type=tab",
            "--cwd",
            "{dir}",
            "--tab-title",
            "{id}",
            "sh",
            "-c",
            "{cmd}",
        ],
    },
    Kind {
        name: "screen",
        words: &[
            "screen",
            "-S",
            "{plan}",
            "-X",
            "screen",
            "-t",
            "{id}",
            "sh",
            "-c",
            "cd {quoted_dir} && {cmd}",
        ],
    },
    Kind {
        name: "windows-terminal",
        words: &["wt.exe", "-w", "0", "nt", "-d", "{dir}", "sh", "-c", "{cmd}"],
    },
    Kind { name: "code", words: &["code", "-n", "{dir}"] },
    Kind { name: "cursor", words: &["cursor", "-n", "{dir}"] },
    Kind { name: "zed", words: &["zed", "-n", "{dir}"] },
];

/// A window that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// Its kind.
    pub kind: String,
    /// What the program calls it, if it says so.
    pub window: Option<String>,
}

/// Opens a window. `print` opens none: the command is shown to people. Anything that is not a known
/// kind is a command of the shell with the same fields in braces.
///
/// # Errors
/// When the program cannot be started or fails, with what it said.
pub(super) fn open(kind: &str, launched: &Launched, plan: &str) -> Result<Option<Opened>, PlanError> {
    if kind == "print" {
        return Ok(None);
    }
    let words = match KINDS.iter().find(|k| k.name == kind) {
        Some(known) => {
            if known.name == "tmux" {
                prepare_tmux(launched, plan)?;
                if let Some(window) = window_of_tmux(launched, plan)? {
                    return Ok(Some(Opened { kind: kind.to_owned(), window: Some(window) }));
                }
            }
            known.words.iter().map(|word| filled(word, launched, plan)).collect()
        }
        None => vec!["sh".to_owned(), "-c".to_owned(), filled_quoted(kind, launched, plan)],
    };
    let said = run(&words)?;
    let window = said.lines().next().map(str::to_owned).filter(|line| !line.is_empty());
    Ok(Some(Opened { kind: kind.to_owned(), window }))
}

fn run(words: &[String]) -> Result<String, PlanError> {
    let fail = |why: String| PlanError::Window { command: words.join(" "), why };
    let Some((program, rest)) = words.split_first() else { return Ok(String::new()) };
    let output = crate::process::command(program).args(rest).stdin(std::process::Stdio::null()).output();
    let output = output.map_err(|e| fail(e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn filled(word: &str, launched: &Launched, plan: &str) -> String {
    let dir = launched.worktree.to_string_lossy();
    let shell = "exec \"${SHELL:-sh}\"";
    let command = if launched.command.is_empty() { shell.to_owned() } else { launched.command.clone() };
    let quoted = shlex::try_quote(&dir).map_or_else(|_| dir.to_string(), |d| d.into_owned());
    word.replace("{quoted_dir}", &quoted)
        .replace("{dir}", &dir)
        .replace("{id}", &launched.id)
        .replace("{session}", launched.session.as_str())
        .replace("{plan}", &tmux_name(plan))
        .replace("{cmd}", &command)
}

/// The same for a template of the shell: what is put in is one word of it, but for the command.
fn filled_quoted(template: &str, launched: &Launched, plan: &str) -> String {
    let quote = |text: &str| shlex::try_quote(text).map_or_else(|_| text.to_owned(), |w| w.into_owned());
    let command = if launched.command.is_empty() { "${SHELL:-sh}" } else { launched.command.as_str() };
    template
        .replace("{dir}", &quote(&launched.worktree.to_string_lossy()))
        .replace("{id}", &quote(&launched.id))
        .replace("{session}", &quote(launched.session.as_str()))
        .replace("{plan}", &quote(plan))
        .replace("{cmd}", &quote(command))
}

/// tmux reads `.` and `:` in names as something else.
fn tmux_name(plan: &str) -> String {
    plan.replace(['.', ':', ' '], "-")
}

/// Makes the tmux session of the plan, if it is not there.
fn prepare_tmux(launched: &Launched, plan: &str) -> Result<(), PlanError> {
    let name = tmux_name(plan);
    let target = format!("={name}");
    if run(&["tmux".into(), "has-session".into(), "-t".into(), target]).is_ok() {
        return Ok(());
    }
    let dir = launched.worktree.parent().unwrap_or(&launched.worktree).to_string_lossy().into_owned();
    let words = ["tmux", "new-session", "-d", "-s", &name, "-n", "lead", "-c", &dir];
    run(&words.map(str::to_owned)).map(|_| ())
}

/// The window of a workstream that is open already.
fn window_of_tmux(launched: &Launched, plan: &str) -> Result<Option<String>, PlanError> {
    let target = format!("={}", tmux_name(plan));
    let words = ["tmux", "list-windows", "-t", &target, "-F", "#{window_id} #{window_name}"];
    let said = run(&words.map(str::to_owned))?;
    let mut windows = said.lines().filter_map(|line| line.split_once(' '));
    Ok(windows.find(|(_, name)| *name == launched.id).map(|(id, _)| id.to_owned()))
}
