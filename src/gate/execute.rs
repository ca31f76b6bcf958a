//! One run of a gate's command, and what it wrote.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::exec::logs::{Logs, last_line};
use crate::exec::{CommandSpec, End, ExecError, Guardian, Stop, supervise};
use crate::model::plan::{Coverage, Gate, Metrics, ResultFile};

use super::definition::matches;
use super::results::{LONGEST, Outcomes, read};
use super::{coverage, metrics};

/// A file that was written so long before its command began is of an earlier run: clocks of file systems
/// tick in milliseconds.
const TICK: Duration = Duration::from_millis(20);

/// What a gate's command is given.
#[derive(Debug, Clone)]
pub(super) struct Given<'a> {
    /// Where it runs.
    pub root: &'a Path,
    /// The commit that it is compared with.
    pub base: Option<&'a str>,
    /// Paths that differ from the base.
    pub changed: &'a [String],
    /// Paths that the base does not have.
    pub added: &'a [String],
    /// Who acts, for the command's environment.
    pub session: Option<&'a str>,
    /// What its log is called: a verdict points to it, so another tree has another.
    pub label: &'a str,
}

/// What watches over it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch<'a> {
    pub guardian: &'a Guardian,
    pub stop: &'a Stop,
    pub logs: &'a Logs,
}

/// What one run came to.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub end: End,
    pub took: Duration,
    pub log: PathBuf,
    /// The tests; `None` when the gate reports none, an error when its report is missing or broken.
    pub outcomes: Result<Option<Outcomes>, String>,
    /// Limits that are not kept.
    pub faults: Vec<String>,
    /// Reports that are missing or broken, for limits.
    pub broken: Vec<String>,
}

/// Runs a gate's command once.
///
/// # Errors
/// When it cannot be started or watched.
pub(super) fn run(gate: &Gate, given: &Given<'_>, watch: Watch<'_>, attempt: u32) -> Result<Ran, ExecError> {
    let results = tempfile::Builder::new().prefix("gate-").tempdir();
    let results = results.map_err(ExecError::io("make a folder for results in", Path::new("/tmp")))?;
    let (log, file) = watch.logs.create(given.label, attempt)?;
    let mut env: Vec<(OsString, OsString)> = vec![
        ("GIT_COORD_GATE".into(), gate.name.value.clone().into()),
        ("GIT_COORD_RESULTS".into(), results.path().into()),
    ];
    env.extend(given.session.map(|name| ("GIT_COORD_SESSION".into(), name.into())));
    env.extend(given.base.map(|base| ("GIT_COORD_BASE".into(), base.into())));
    let command = filled(gate.run.as_deref().unwrap_or("true"), given);
    let words: Vec<OsString> = vec!["sh".into(), "-c".into(), command.into()];
    // The clock of the file system, which also stamps the reports.
    let began = fs::metadata(results.path()).and_then(|folder| folder.modified());
    let began = began.map_err(ExecError::io("read", results.path()))?;
    let started = Instant::now();
    let spec = CommandSpec {
        words: &words,
        dir: given.root,
        env: &env,
        stdin: Path::new("/dev/null"),
        log: file,
        complaints: None,
    };
    let limit = Some(Duration::from_secs(gate.time.max(1)));
    let stop = || watch.stop.level();
    let end = supervise(spec, limit, watch.guardian, stop, || Ok::<_, ExecError>(None))?;
    let took = started.elapsed();
    let reports = Reports { root: given.root, results: results.path(), since: began - TICK };
    let outcomes = reports.outcomes(&gate.results, &log);
    let (mut faults, mut broken) = (missing(given.root, &gate.exists), Vec::new());
    if let Some(limits) = &gate.coverage {
        reports.coverage(limits, given, &mut faults, &mut broken);
    }
    if let Some(limits) = &gate.metrics {
        reports.metrics(limits, &mut faults, &mut broken);
    }
    Ok(Ran { end, took, log, outcomes, faults, broken })
}

/// The command with its placeholders filled in.
fn filled(command: &str, given: &Given<'_>) -> String {
    let quoted = |paths: &mut dyn Iterator<Item = &String>| {
        let words: Vec<String> = paths.map(|path| quote(path)).collect();
        words.join(" ")
    };
    let mut text = command.replace("{base}", given.base.unwrap_or("HEAD"));
    for name in ["{changed}", "{files}"] {
        text = text.replace(name, &quoted(&mut given.changed.iter()));
    }
    // {files:py}: only those with this ending.
    while let Some(at) = text.find("{files:") {
        let Some(end) = text[at..].find('}') else { break };
        let ending = format!(".{}", &text[at + 7..at + end]);
        let some = quoted(&mut given.changed.iter().filter(|path| path.ends_with(&ending)));
        text.replace_range(at..=at + end, &some);
    }
    text
}

/// A word for the shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Files that must exist and do not.
fn missing(root: &Path, files: &[String]) -> Vec<String> {
    let gone = files.iter().filter(|file| !root.join(file).exists());
    gone.map(|file| format!("{file} does not exist")).collect()
}

/// Where a run left its reports.
struct Reports<'a> {
    root: &'a Path,
    results: &'a Path,
    since: SystemTime,
}

impl Reports<'_> {
    /// The files of this run that a name or pattern stands for: of the results folder, else of the worktree.
    fn files(&self, pattern: &str) -> Vec<PathBuf> {
        let pattern = pattern.trim_start_matches("./");
        for top in [self.results, self.root] {
            let mut found = Vec::new();
            collect(top, top, pattern, &mut found, 0);
            found.retain(|file| {
                fs::metadata(file).and_then(|m| m.modified()).is_ok_and(|at| at >= self.since)
            });
            if !found.is_empty() {
                found.sort();
                return found;
            }
        }
        Vec::new()
    }

    fn bytes(&self, pattern: &str) -> Result<Vec<Vec<u8>>, String> {
        let files = self.files(pattern);
        if files.is_empty() {
            return Err(format!("{pattern} was not written"));
        }
        files.iter().map(|file| bytes(file)).collect()
    }

    fn outcomes(&self, files: &[ResultFile], log: &Path) -> Result<Option<Outcomes>, String> {
        if files.is_empty() {
            return Ok(None);
        }
        let mut all = Outcomes::default();
        for file in files {
            let reports = match &file.file {
                Some(pattern) => self.bytes(pattern)?,
                None => vec![bytes(log)?],
            };
            for report in reports {
                let name = file.file.as_deref().unwrap_or("the output");
                all.extend(read(file.format.as_deref(), &report).map_err(|why| format!("{name}: {why}"))?);
            }
        }
        Ok(Some(all))
    }

    fn coverage(
        &self,
        limits: &Coverage,
        given: &Given<'_>,
        faults: &mut Vec<String>,
        broken: &mut Vec<String>,
    ) {
        let mut report = coverage::Report::new();
        match self.bytes(&limits.file) {
            Ok(files) => {
                for bytes in files {
                    match coverage::read(&bytes) {
                        Ok(found) => report.extend(found),
                        Err(why) => broken.push(format!("{}: {why}", limits.file)),
                    }
                }
            }
            Err(why) => broken.push(why),
        }
        if !broken.is_empty() {
            return;
        }
        let counts = |file: &str| limits.paths.is_empty() || limits.paths.iter().any(|p| covers(p, file));
        let all = coverage::percent(report.iter().filter(|(file, _)| counts(file)).map(|(_, lines)| lines));
        let is_new =
            |file: &str| given.added.iter().any(|path| file == path || file.ends_with(&format!("/{path}")));
        let new = report.iter().filter(|(file, _)| counts(file) && is_new(file)).map(|(_, lines)| lines);
        for (what, limit, found) in [
            ("coverage", limits.min, all),
            ("coverage of added files", limits.min_new, coverage::percent(new)),
        ] {
            match (limit, found) {
                (Some(min), Some(found)) if found < min => {
                    faults.push(format!("{what} is {found:.1} %, and must be at least {min} %"));
                }
                // Nothing was added: there is nothing to cover.
                (Some(_), None) if what == "coverage" => {
                    broken.push(format!("{}: no file counts", limits.file))
                }
                _ => {}
            }
        }
    }

    fn metrics(&self, limits: &Metrics, faults: &mut Vec<String>, broken: &mut Vec<String>) {
        let files = match self.bytes(&limits.file) {
            Ok(files) => files,
            Err(why) => return broken.push(why),
        };
        for (name, limit) in &limits.limits {
            let mut values = Vec::new();
            for bytes in &files {
                match metrics::values(bytes, name) {
                    Ok(found) => values.extend(found),
                    Err(why) => return broken.push(format!("{}: {why}", limits.file)),
                }
            }
            if values.is_empty() {
                broken.push(format!("{}: it has no {name}", limits.file));
            } else {
                faults.extend(metrics::fault(name, &values, *limit));
            }
        }
    }
}

/// True when a pattern of a gate fits a file as a report names it, which may be by its full path.
fn covers(pattern: &str, file: &str) -> bool {
    matches(pattern, file)
        || file.match_indices('/').any(|(at, _)| matches(pattern, file.get(at + 1..).unwrap_or_default()))
}

/// Folders within each other that are looked through for reports.
const DEEPEST: usize = 12;

/// The files below a folder that fit a pattern. A name without a wildcard is looked at alone.
fn collect(top: &Path, folder: &Path, pattern: &str, found: &mut Vec<PathBuf>, depth: usize) {
    if !pattern.contains(['*', '?', '[', '{']) {
        found.extend(Some(top.join(pattern)).filter(|file| file.is_file()));
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
            if depth < DEEPEST && entry.file_name() != ".git" {
                collect(top, &path, pattern, found, depth + 1);
            }
        } else if path.strip_prefix(top).is_ok_and(|below| matches(pattern, &below.to_string_lossy())) {
            found.push(path);
        }
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let length = fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len();
    if length > LONGEST {
        return Err(format!("{} has {length} bytes; at most {LONGEST} are read", file.display()));
    }
    fs::read(file).map_err(|e| format!("{}: {e}", file.display()))
}

/// How a run ended, for people.
pub(super) fn how(ran: &Ran) -> String {
    let words = match &ran.end {
        End::Exit(status) => format!("exit status {status}"),
        End::Signal(signal) => format!("killed by signal {signal}"),
        End::TimeLimit => "its time was over".to_owned(),
        End::NotStarted(why) => format!("it could not be started: {why}"),
        End::Stopped => "it was stopped".to_owned(),
        End::Lost(why) => why.clone(),
    };
    match last_line(&ran.log) {
        Some(line) => format!("{words}: {line}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_words_of_the_shell() {
        let changed = ["a b.py".to_owned(), "it's.rs".to_owned()];
        let given = Given {
            root: Path::new("/"),
            base: Some("abc"),
            changed: &changed,
            added: &[],
            session: None,
            label: "g",
        };
        assert_eq!(filled("x {base} {files:py} {changed}", &given), "x abc 'a b.py' 'a b.py' 'it'\\''s.rs'");
        assert_eq!(filled("x {files:go}", &given), "x ");
    }

    #[test]
    fn a_report_may_name_its_files_by_their_full_path() {
        assert!(covers("src/**", "src/a.py") && covers("src/**", "/build/x/src/a.py"));
        assert!(!covers("src/**", "tests/a.py"));
    }
}
