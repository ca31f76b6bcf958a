//! Observations: what the repository itself says about what happened, as plain data.
//!
//! Commits are read from the bare remote, so whatever is proved of them has arrived there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::setup::Setup;
use super::{DemoError, TRESPASS};

/// A line that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The text that is there now.
    pub text: String,
}

/// A commit on the branch of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// The branch.
    pub branch: String,
    /// `Coord-Session`.
    pub session: String,
    /// `Coord-Item`.
    pub items: Vec<String>,
    /// `Coord-Lease`.
    pub leases: Vec<u64>,
    /// The lines that it changed.
    pub edits: Vec<Edit>,
    /// Changes other than of a single line.
    pub other: Vec<String>,
}

/// An item, as the queue lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// `pending`, `claimed`, `done`, …
    pub state: String,
    /// Its files.
    #[serde(default)]
    pub files: Vec<String>,
    /// The line that it is about.
    #[serde(default)]
    pub line: u64,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
pub struct Entry {
    /// What happened.
    pub event: String,
    /// Who did it.
    #[serde(default)]
    pub session: String,
    /// Items that it concerns.
    #[serde(default)]
    pub items: Vec<String>,
    /// Paths that it concerns.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Leases that it concerns.
    #[serde(default)]
    pub leases: Vec<u64>,
    /// The lease of a claim.
    #[serde(default)]
    pub lease: u64,
    /// The commit that it is about.
    #[serde(default)]
    pub commit: String,
}

/// What came of merging all branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The lines that differ from the start, and other differences.
    Clean(Vec<Edit>, Vec<String>),
    /// This branch conflicts with those before it.
    Conflict(String),
}

/// All that is known.
#[derive(Debug, Clone)]
pub struct Observations {
    /// The sessions.
    pub sessions: Vec<String>,
    /// What was to be fixed: file, line, the text that must be there.
    pub wanted: Vec<Edit>,
    /// The items of all queues.
    pub items: Vec<Item>,
    /// The audit log, oldest first.
    pub log: Vec<Entry>,
    /// The commits of all branches.
    pub commits: Vec<Commit>,
    /// What came of merging them.
    pub merged: Merged,
    /// Commits that contain the line that nobody was allowed to write.
    pub trespasses: Vec<String>,
    /// What `git coord doctor` found; `None` when there is no such command.
    pub doctor: Option<Vec<String>>,
    /// Refs before the sessions, one `commit name` each.
    pub refs_before: Vec<String>,
    /// Refs after them.
    pub refs_after: Vec<String>,
}

/// Larger than any demonstration.
const ALL: &str = "10000000";

/// Collects the observed.
///
/// # Errors
/// When a command fails.
pub fn collect(setup: &Setup) -> Result<Observations, DemoError> {
    let wanted = setup.findings.iter().map(|f| Edit {
        file: f.file.clone(),
        line: f.line,
        text: super::findings::line_text(&f.rule, true),
    });
    let mut log: Vec<Entry> = list(setup.coord(&["log", "--limit", ALL])?.data()?, "events")?;
    log.reverse();
    let mut commits = Vec::new();
    for branch in &setup.sessions {
        commits.extend(branch_commits(setup, branch)?);
    }
    // A session's branch takes over what others have committed to the files that it edits: a commit counts
    // on the branch of the session that made it.
    let at_home = |commit: &Commit| commit.branch == commit.session;
    let home: BTreeSet<String> = commits.iter().filter(|c| at_home(c)).map(|c| c.id.clone()).collect();
    commits.retain(|commit| at_home(commit) || !home.contains(&commit.id));
    let found = origin(setup, &["log", "--all", "--format=%h", &format!("-S{TRESPASS}")])?;
    Ok(Observations {
        sessions: setup.sessions.clone(),
        wanted: wanted.collect(),
        items: list(setup.coord(&["queue", "list", "--limit", ALL])?.data()?, "items")?,
        log,
        commits,
        merged: merge(setup)?,
        trespasses: found.lines().map(str::to_owned).collect(),
        doctor: doctor(setup)?,
        refs_before: setup.refs.clone(),
        refs_after: setup.list_refs()?,
    })
}

fn list<T: for<'a> Deserialize<'a>>(mut data: Value, key: &str) -> Result<Vec<T>, DemoError> {
    serde_json::from_value(data[key].take()).map_err(|e| DemoError::Answer(format!("{key}: {e}")))
}

fn origin(setup: &Setup, words: &[&str]) -> Result<String, DemoError> {
    setup.shell.git(&setup.origin, words)?.ok()
}

/// Options that make a diff the same everywhere.
const DIFF: &[&str] =
    &["-p", "-U0", "--no-color", "--no-ext-diff", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/"];

/// Begins the line of a commit in the log that is asked for.
const MARK: char = '\u{1}';

fn branch_commits(setup: &Setup, branch: &str) -> Result<Vec<Commit>, DemoError> {
    let trailer = |key: &str| format!("%(trailers:key={key},valueonly,separator=%x2C)");
    let format = format!(
        "--format={MARK}%H%x09{}%x09{}%x09{}",
        trailer("Coord-Session"),
        trailer("Coord-Item"),
        trailer("Coord-Lease")
    );
    let range = format!("{}..refs/heads/{branch}", setup.base);
    let mut words = vec!["log", "--reverse", "--no-merges", format.as_str()];
    words.extend(DIFF);
    words.extend([range.as_str(), "--"]);
    Ok(parse_log(&origin(setup, &words)?, branch))
}

/// Reads commits with their patches.
pub(super) fn parse_log(text: &str, branch: &str) -> Vec<Commit> {
    let mut commits = Vec::new();
    for part in text.split(MARK).skip(1) {
        let (head, patch) = part.split_once('\n').unwrap_or((part, ""));
        let mut fields = head.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let words = |text: &str| -> Vec<String> {
            text.split(',').filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        let (id, session) = (field().to_owned(), field().to_owned());
        let (items, leases) = (words(field()), words(field()));
        let (edits, other) = parse_patch(patch);
        commits.push(Commit {
            id,
            branch: branch.to_owned(),
            session,
            items,
            leases: leases.iter().filter_map(|l| l.parse().ok()).collect(),
            edits,
            other,
        });
    }
    commits
}

/// Reads a patch without context: the lines that were replaced by one line each, and a
/// description of everything else.
pub(super) fn parse_patch(patch: &str) -> (Vec<Edit>, Vec<String>) {
    let mut edits: Vec<Edit> = Vec::new();
    let mut other = Vec::new();
    let mut file = String::new();
    let mut at: Option<u64> = None;
    for line in patch.lines() {
        if let Some(header) = line.strip_prefix("diff --git a/") {
            file = header.split(" b/").next().unwrap_or(header).to_owned();
            at = None;
        } else if let Some(hunk) = line.strip_prefix("@@ ") {
            at = replaced(hunk);
            if at.is_none() {
                other.push(format!("{file}: {}", hunk.trim_end_matches(" @@")));
            }
        } else if let (Some(number), Some(text)) = (at, line.strip_prefix('+')) {
            edits.push(Edit { file: file.clone(), line: number, text: text.to_owned() });
            at = None;
        } else if ["new file", "deleted file", "old mode", "Binary"].iter().any(|w| line.starts_with(w)) {
            other.push(format!("{file}: {line}"));
        }
    }
    (edits, other)
}

/// The line number in `-N +N @@`, or `None` when more than one line changed its place.
fn replaced(hunk: &str) -> Option<u64> {
    let mut words = hunk.split(' ');
    let from: u64 = words.next()?.strip_prefix('-')?.parse().ok()?;
    let to: u64 = words.next()?.strip_prefix('+')?.parse().ok()?;
    (from == to).then_some(to)
}

/// Merges all branches, one after the other, without touching any ref or worktree.
fn merge(setup: &Setup) -> Result<Merged, DemoError> {
    let mut tip = setup.base.clone();
    for branch in &setup.sessions {
        let words = ["merge-tree", "--write-tree", "--no-messages", &tip, &format!("refs/heads/{branch}")];
        let merged = setup.shell.git(&setup.origin, &words)?;
        if merged.status == Some(1) {
            return Ok(Merged::Conflict(branch.clone()));
        }
        let tree = merged.ok()?;
        let parent = format!("refs/heads/{branch}");
        let words = ["commit-tree", tree.trim(), "-p", &tip, "-p", &parent, "-m", "Merge"];
        tip = origin(setup, &words)?.trim().to_owned();
    }
    let mut words = vec!["diff"];
    words.extend(DIFF);
    words.extend([setup.base.as_str(), tip.as_str(), "--"]);
    let (edits, other) = parse_patch(&origin(setup, &words)?);
    Ok(Merged::Clean(edits, other))
}

/// What the program's own examination finds.
fn doctor(setup: &Setup) -> Result<Option<Vec<String>>, DemoError> {
    let said = setup.coord(&["doctor"])?;
    if said.status == Some(2) {
        return Ok(None);
    }
    let document = said.json().unwrap_or_default();
    let findings = ["/data/findings", "/error/details/findings"].iter().find_map(|p| document.pointer(p));
    match findings.and_then(Value::as_array) {
        Some(list) if said.status == Some(0) || !list.is_empty() => {
            Ok(Some(list.iter().map(Value::to_string).collect()))
        }
        _ => Err(said.failure()),
    }
}

/// What each session has to show: items done by the log, commits on its branch.
pub fn tally(observed: &Observations) -> BTreeMap<String, (usize, usize)> {
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in observed.log.iter().filter(|e| e.event == "done") {
        tally.entry(entry.session.clone()).or_default().0 += entry.items.len();
    }
    for commit in &observed.commits {
        tally.entry(commit.branch.clone()).or_default().1 += 1;
    }
    tally
}
