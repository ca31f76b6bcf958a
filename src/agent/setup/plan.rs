//! Looking at, writing and removing the entries of a program.

use std::path::Path;

use serde_json::json;

use super::programs::{File, Form, Program};
use super::{Report, SetupError, State, Surroundings, block, files, json as entries, toml};

/// How the entries of a program are.
///
/// # Errors
/// When a file cannot be read or understood.
pub fn check(around: &Surroundings, program: &Program) -> Result<Report, SetupError> {
    let mut report = Report { state: State::Current, files: Vec::new(), changed: Vec::new() };
    let mut states = Vec::new();
    for (file, path) in places(around, program) {
        let now = files::read(&path)?;
        states.push(state_of(around, file, &path, now.as_deref())?);
        report.files.push(path);
    }
    report.state = match () {
        () if states.iter().all(|state| *state == State::Current) => State::Current,
        () if states.iter().all(|state| *state == State::Missing) => State::Missing,
        () => State::Stale,
    };
    Ok(report)
}

/// Writes the entries of a program, each once. A file that cannot be understood stops before any is written.
///
/// # Errors
/// When a file cannot be read, understood or written.
pub fn write(around: &Surroundings, program: &Program) -> Result<Report, SetupError> {
    let mut changes = Vec::new();
    for (file, path) in places(around, program) {
        let now = files::read(&path)?;
        let new = wanted(around, file, &path, now.as_deref())?;
        let base = match now.as_deref() {
            Some(now) if state_of(around, file, &path, Some(now))? != State::Missing => {
                left(around, file, &path, now)?
            }
            other => other.map(<[u8]>::to_vec),
        };
        let mode = if let Form::Whole(_, mode) = file.form { mode } else { 0o644 };
        changes.push((path, now, new, base, mode));
    }
    let mut report = Report { state: State::Current, files: Vec::new(), changed: Vec::new() };
    for (path, now, new, base, mode) in changes {
        if now.as_deref() != Some(new.as_slice()) {
            files::write(around, &path, &new, base.as_deref(), mode)?;
            report.changed.push(path.clone());
        }
        report.files.push(path);
    }
    Ok(report)
}

/// Removes the entries of a program.
///
/// # Errors
/// When a file cannot be read, understood or written.
pub fn remove(around: &Surroundings, program: &Program) -> Result<Report, SetupError> {
    let mut report = Report { state: State::Missing, files: Vec::new(), changed: Vec::new() };
    for (file, path) in places(around, program) {
        let Some(now) = files::read(&path)? else { continue };
        if state_of(around, file, &path, Some(&now))? != State::Missing {
            let left = left(around, file, &path, &now)?;
            files::restore(around, &path, left.as_deref())?;
            report.changed.push(path.clone());
        }
        report.files.push(path);
    }
    Ok(report)
}

/// The files that count here. Without a repository, Codex's sandbox has no folder to be opened for.
fn places<'p>(
    around: &'p Surroundings,
    program: &'p Program,
) -> impl Iterator<Item = (&'p File, std::path::PathBuf)> {
    let list = if around.project.is_some() { program.project } else { program.user };
    let counts = |file: &&File| !matches!(file.form, Form::SandboxRoot) || around.store.is_some();
    list.iter().filter(counts).filter_map(|file| Some((file, file.place.path(around)?)))
}

/// The call of the hook, as a shell reads it.
fn command(around: &Surroundings) -> String {
    let program = around.program.to_string_lossy().into_owned();
    let quoted = shlex::try_quote(&program).map_or_else(|_| program.clone(), std::borrow::Cow::into_owned);
    format!("{quoted} hook agent")
}

fn fixed(version: bool) -> Vec<(&'static str, serde_json::Value)> {
    if version { vec![("version", json!(1))] } else { Vec::new() }
}

fn text(path: &Path, bytes: Option<&[u8]>, entry: &str) -> Result<String, SetupError> {
    String::from_utf8(bytes.unwrap_or_default().to_vec())
        .map_err(|_| form(path, "it is not UTF-8".into(), entry))
}

fn form(path: &Path, reason: String, entry: &str) -> SetupError {
    SetupError::Form { path: path.to_owned(), reason, entry: entry.to_owned() }
}

/// What the entry is, for a message.
fn shown(around: &Surroundings, file: &File) -> String {
    match file.form {
        Form::Entries(make, _) => {
            let list = make(&command(around));
            list.first().map(|e| format!("{}: {}", e.at.join("."), e.value)).unwrap_or_default()
        }
        Form::SandboxRoot => format!("sandbox_workspace_write.writable_roots = [\"{}\"]", root(around)),
        Form::Whole(..) | Form::Block => String::new(),
    }
}

fn root(around: &Surroundings) -> String {
    around.store.as_ref().map(|store| store.to_string_lossy().into_owned()).unwrap_or_default()
}

fn state_of(
    around: &Surroundings,
    file: &File,
    path: &Path,
    now: Option<&[u8]>,
) -> Result<State, SetupError> {
    let Some(bytes) = now else { return Ok(State::Missing) };
    let entry = shown(around, file);
    let wrong = |reason| form(path, reason, &entry);
    let content = text(path, now, &entry)?;
    let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
    match &file.form {
        Form::Entries(make, version) => {
            entries::state(content, &make(&command(around)), &fixed(*version)).map_err(wrong)
        }
        Form::SandboxRoot => toml::state(content, &root(around)).map_err(wrong),
        Form::Block => Ok(block::state(content)),
        Form::Whole(make, _) if make(&command(around)).as_bytes() == bytes => Ok(State::Current),
        Form::Whole(..) if is_ours(content) => Ok(State::Stale),
        Form::Whole(..) => Ok(State::Missing),
    }
}

/// A file of ours that another version wrote.
fn is_ours(content: &str) -> bool {
    content.contains("git-coord") && (content.contains("hook agent") || content.contains("git coord setup"))
}

fn wanted(
    around: &Surroundings,
    file: &File,
    path: &Path,
    now: Option<&[u8]>,
) -> Result<Vec<u8>, SetupError> {
    let entry = shown(around, file);
    let wrong = |reason| form(path, reason, &entry);
    let content = text(path, now, &entry)?;
    let mark = if content.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let content = content.strip_prefix(mark).unwrap_or(&content);
    let new = match &file.form {
        // What is right already stays as somebody may have laid it out.
        _ if state_of(around, file, path, now)? == State::Current => content.to_owned(),
        Form::Entries(make, version) => {
            entries::with(content, &make(&command(around)), &fixed(*version)).map_err(wrong)?
        }
        Form::SandboxRoot => toml::with(content, &root(around)).map_err(wrong)?,
        Form::Block => block::with(content),
        Form::Whole(..) if now.is_some() && !is_ours(content) => {
            return Err(SetupError::Foreign { path: path.to_owned() });
        }
        Form::Whole(make, _) => make(&command(around)),
    };
    Ok(format!("{mark}{new}").into_bytes())
}

/// What is left of a file without the entries; `None` when nothing is.
fn left(around: &Surroundings, file: &File, path: &Path, now: &[u8]) -> Result<Option<Vec<u8>>, SetupError> {
    let entry = shown(around, file);
    let wrong = |reason| form(path, reason, &entry);
    let content = text(path, Some(now), &entry)?;
    let mark = if content.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let content = content.strip_prefix(mark).unwrap_or(&content);
    let left = match &file.form {
        Form::Entries(_, version) => entries::without(content, *version).map_err(wrong)?,
        Form::SandboxRoot => toml::without(content, &root(around)).map_err(wrong)?,
        Form::Block => block::without(content),
        Form::Whole(..) => None,
    };
    Ok(left.map(|left| format!("{mark}{left}").into_bytes()))
}
