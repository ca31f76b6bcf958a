//! What commits changed that are already made: for `check --range` and `pre-push`.

use crate::model::RepoPath;

use super::super::cmd::Git;
use super::super::repo::HostRepo;
use super::{ChangesError, merges};

/// One commit and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitChanges {
    /// Its id in hex.
    pub id: String,
    /// First line of its message.
    pub subject: String,
    /// Ids of its parents.
    pub parents: Vec<String>,
    /// Trailers `Coord-Session`: whose changes it has. The last one made the commit; others are named
    /// where it joins or replaces commits of theirs.
    pub sessions: Vec<String>,
    /// Trailers `Coord-Item`.
    pub items: Vec<String>,
    /// Trailers `Coord-Lease`.
    pub leases: Vec<String>,
    /// Trailer `Coord-Landing`: the landing that made it.
    pub landing: Option<String>,
    /// Changed paths, sorted; of a merge, those that differ from what merging its parents gives.
    pub paths: Vec<RepoPath>,
}

impl CommitChanges {
    /// The session that made it.
    pub fn session(&self) -> Option<&str> {
        self.sessions.last().map(String::as_str)
    }

    /// The leases as numbers; what is not a number is left out.
    pub fn lease_ids(&self) -> impl Iterator<Item = u64> {
        self.leases.iter().filter_map(|l| l.parse().ok())
    }
}

/// Separates the values of one trailer; no trailer can contain it and be a line of text.
const UNIT: char = '\u{1f}';

/// Header of a commit: an empty field, then id, parents, subject and trailers, each ended by NUL.
const FORMAT: &str = "--format=tformat:%x00%H%x00%P%x00%s%x00\
%(trailers:key=Coord-Session,valueonly,unfold,separator=%x1f)%x00\
%(trailers:key=Coord-Item,valueonly,unfold,separator=%x1f)%x00\
%(trailers:key=Coord-Lease,valueonly,unfold,separator=%x1f)%x00\
%(trailers:key=Coord-Landing,valueonly,unfold,separator=%x1f)%x00";

/// The commits of a range such as `A..B`, newest first, each with what it changed.
///
/// # Errors
/// When git does not know the range.
pub fn in_range(repo: &HostRepo, range: &str) -> Result<Vec<CommitChanges>, ChangesError> {
    if range.is_empty() || range.starts_with('-') {
        return Err(ChangesError::Range { range: range.to_owned() });
    }
    // A range may be several words to git (`A ^B`); each is a revision, never an option.
    let words: Vec<&str> = range.split_whitespace().collect();
    let git = || repo.git().as_judge();
    commits(&git, log(git()).arg("--end-of-options").args(words).arg("--"))
}

/// The commit at HEAD; `None` on a branch without commits.
///
/// # Errors
/// When git fails.
pub fn last(repo: &HostRepo) -> Result<Option<CommitChanges>, ChangesError> {
    match super::head_from_git(repo)? {
        Some(id) => {
            let git = || repo.git().as_judge();
            Ok(commits(&git, log(git()).args(["-1", &id, "--"]))?.into_iter().next())
        }
        None => Ok(None),
    }
}

/// These commits, as far as their objects are here.
///
/// # Errors
/// When git fails.
pub fn these<'a>(
    repo: &HostRepo,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<CommitChanges>, ChangesError> {
    let stdin: String = ids.map(|id| format!("{id}\n")).collect();
    if stdin.is_empty() {
        return Ok(Vec::new());
    }
    let git = || repo.git().as_judge();
    let words = ["--no-walk=unsorted", "--ignore-missing", "--stdin"];
    commits(&git, log(git()).args(words).stdin(stdin))
}

/// The commits that `wanted` leads to and `known` does not, newest first.
///
/// # Errors
/// When git fails.
pub(super) fn between(
    git: &dyn Fn() -> Git,
    wanted: &[&str],
    known: &[&str],
) -> Result<Vec<CommitChanges>, ChangesError> {
    // Without a commit to start from, `git log` would start from HEAD.
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let known = known.iter().map(|id| format!("^{id}"));
    let words: Vec<String> = wanted.iter().map(|id| (*id).to_owned()).chain(known).collect();
    commits(git, log(git()).arg("--stdin").stdin(words.join("\n") + "\n"))
}

/// Reads what a `git log` prints. `git` makes further gits in that repository.
fn commits(git: &dyn Fn() -> Git, log: Git) -> Result<Vec<CommitChanges>, ChangesError> {
    let mut list = parse_log(&log.run()?)?;
    for commit in &mut list {
        if commit.parents.len() > 2 {
            commit.paths = merges::of_octopus(git, &commit.parents, &commit.id)?;
        }
        commit.paths.sort();
        commit.paths.dedup();
    }
    Ok(list)
}

/// `git log` in a form that neither configuration nor odd names can bend. `--raw` although only
/// names are wanted: with `--name-only -z` the first name of a commit follows a newline or does
/// not, depending on the number of parents, and a name may itself begin with one.
fn log(git: Git) -> Git {
    git.args(["-c", "log.showRoot=true", "log", "-z", "--raw", "--abbrev=4", "--no-renames", "--topo-order"])
        .args(["--diff-merges=remerge", "--ignore-submodules=none", "--no-relative", "--no-show-signature"])
        .args(["--no-color", "--no-ext-diff", "--no-textconv", "--no-notes", "--encoding=UTF-8", FORMAT])
}

fn parse_log(out: &[u8]) -> Result<Vec<CommitChanges>, ChangesError> {
    let mut list: Vec<CommitChanges> = Vec::new();
    let mut fields = out.split(|b| *b == 0).peekable();
    let odd = |field: &[u8]| ChangesError::Log { near: String::from_utf8_lossy(field).into_owned() };
    while let Some(field) = fields.next() {
        // Separators and the newline before the first entry.
        let field = field.strip_prefix(b"\n").unwrap_or(field);
        // Of merges of more than two, git says that it leaves them out.
        if field.is_empty() || field.starts_with(b"diff: warning: ") {
            continue;
        }
        if field.first() == Some(&b':') {
            let path = fields.next().ok_or_else(|| odd(field))?;
            let commit = list.last_mut().ok_or_else(|| odd(field))?;
            commit.paths.push(RepoPath::from_bytes(path)?);
            continue;
        }
        let mut text =
            || fields.next().map(|f| String::from_utf8_lossy(f).into_owned()).ok_or_else(|| odd(field));
        list.push(CommitChanges {
            id: hex(field).ok_or_else(|| odd(field))?,
            parents: text()?.split_whitespace().map(str::to_owned).collect(),
            subject: text()?,
            sessions: values(&text()?),
            items: values(&text()?),
            leases: values(&text()?),
            landing: values(&text()?).pop(),
            paths: Vec::new(),
        });
    }
    Ok(list)
}

fn hex(field: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(field).ok()?;
    let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| text.to_owned())
}

fn values(joined: &str) -> Vec<String> {
    joined.split(UNIT).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}
