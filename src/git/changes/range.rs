//! What commits changed that are already made: for `check --range` and `pre-push`.

use crate::model::RepoPath;

use super::super::cmd::Git;
use super::super::repo::HostRepo;
use super::ChangesError;

/// One commit and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitChanges {
    /// Its id in hex.
    pub id: String,
    /// First line of its message.
    pub subject: String,
    /// Ids of its parents.
    pub parents: Vec<String>,
    /// Trailer `Coord-Session`; the last one, should there be several.
    pub session: Option<String>,
    /// Trailers `Coord-Item`.
    pub items: Vec<String>,
    /// Trailers `Coord-Lease`.
    pub leases: Vec<String>,
    /// Changed paths, sorted; of a merge, those that differ from all parents.
    pub paths: Vec<RepoPath>,
}

/// One line of what git tells `pre-push`: a branch that is being updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What is pushed, as the user named it.
    pub local_ref: String,
    /// Its commit.
    pub local_id: String,
    /// The branch on the remote.
    pub remote_ref: String,
    /// What it is there now; `None` when it is new.
    pub remote_id: Option<String>,
}

/// Separates the values of one trailer; no trailer can contain it and be a line of text.
const UNIT: char = '\u{1f}';

/// Header of a commit: an empty field, then id, parents, subject and trailers, each ended by NUL.
const FORMAT: &str = "--format=tformat:%x00%H%x00%P%x00%s%x00\
%(trailers:key=Coord-Session,valueonly,unfold,separator=%x1f)%x00\
%(trailers:key=Coord-Item,valueonly,unfold,separator=%x1f)%x00\
%(trailers:key=Coord-Lease,valueonly,unfold,separator=%x1f)%x00";

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
    parse_log(&log(repo.git()).arg("--end-of-options").args(words).arg("--").run()?)
}

/// The commit at HEAD; `None` on a branch without commits.
///
/// # Errors
/// When git fails.
pub fn last(repo: &HostRepo) -> Result<Option<CommitChanges>, ChangesError> {
    match super::head_from_git(repo)? {
        Some(id) => Ok(parse_log(&log(repo.git()).args(["-1", &id, "--"]).run()?)?.into_iter().next()),
        None => Ok(None),
    }
}

/// The commits that a push brings to `remote` and that it does not have yet, newest first.
///
/// What the remote has is judged by this clone's remote-tracking branches and by the ids that
/// git named in `pushed`, as far as they are known here. `remote` is the first argument of the
/// hook: a name, or the URL itself when the push was not to a configured remote; then whatever
/// any remote has counts as known.
///
/// # Errors
/// When git fails.
pub fn in_push(repo: &HostRepo, remote: &str, pushed: &[Pushed]) -> Result<Vec<CommitChanges>, ChangesError> {
    // Without a commit to start from, `git log` would start from HEAD.
    if pushed.is_empty() {
        return Ok(Vec::new());
    }
    let mut stdin = String::new();
    for push in pushed {
        stdin.push_str(&push.local_id);
        stdin.push('\n');
    }
    for id in known(repo, pushed)? {
        stdin.push('^');
        stdin.push_str(&id);
        stdin.push('\n');
    }
    let named = !remote.is_empty() && repo.has_remote(remote)?;
    let remotes = if named { format!("--remotes={remote}") } else { "--remotes".to_owned() };
    parse_log(&log(repo.git()).args(["--stdin", "--not", &remotes]).stdin(stdin).run()?)
}

/// The commits that a push brings to a branch of a bare repository and that no branch there has
/// yet, newest first. `git` is a git in that repository.
///
/// # Errors
/// When git fails.
pub fn in_arrival(git: Git, new: &str) -> Result<Vec<CommitChanges>, ChangesError> {
    parse_log(&log(git).args([new, "--not", "--branches", "--"]).run()?)
}

/// Those of the remote's ids whose objects are here.
fn known(repo: &HostRepo, pushed: &[Pushed]) -> Result<Vec<String>, ChangesError> {
    let ids: Vec<&str> = pushed.iter().filter_map(|p| p.remote_id.as_deref()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let out = repo
        .git()
        // A partial clone must not fetch what it is asked about.
        .env("GIT_NO_LAZY_FETCH", "1")
        .args(["cat-file", "--batch-check=%(objectname) %(objecttype)"])
        .stdin(ids.join("\n") + "\n")
        .text()?;
    let commits = out.lines().filter_map(|line| line.strip_suffix(" commit"));
    Ok(commits.map(str::to_owned).collect())
}

/// Parses the standard input of `pre-push`. Deletions bring no commits, and tags and notes are
/// nobody's to claim: only updates of branches are returned.
///
/// # Errors
/// When a line is not four words.
pub fn parse_push(stdin: &str) -> Result<Vec<Pushed>, ChangesError> {
    let mut list = Vec::new();
    for line in stdin.lines().filter(|l| !l.trim().is_empty()) {
        let mut words = line.split(' ');
        let (Some(local_ref), Some(local_id), Some(remote_ref), Some(remote_id), None) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return Err(ChangesError::PushLine { line: line.to_owned() });
        };
        if is_null(local_id) || !remote_ref.starts_with("refs/heads/") {
            continue;
        }
        list.push(Pushed {
            local_ref: local_ref.to_owned(),
            local_id: local_id.to_owned(),
            remote_ref: remote_ref.to_owned(),
            remote_id: (!is_null(remote_id)).then(|| remote_id.to_owned()),
        });
    }
    Ok(list)
}

/// git writes an id of zeros for "none", 40 or 64 of them.
fn is_null(id: &str) -> bool {
    id.bytes().all(|b| b == b'0')
}

/// `git log` in a form that neither configuration nor odd names can bend. `--raw` although only
/// names are wanted: with `--name-only -z` the first name of a commit follows a newline or does
/// not, depending on the number of parents, and a name may itself begin with one.
fn log(git: Git) -> Git {
    git.args(["-c", "log.showRoot=true", "log", "-z", "--raw", "--abbrev=4", "--no-renames", "--topo-order"])
        .args(["--diff-merges=combined", "--ignore-submodules=none", "--no-relative", "--no-show-signature"])
        .args(["--no-color", "--no-ext-diff", "--no-textconv", "--no-notes", "--encoding=UTF-8", FORMAT])
}

fn parse_log(out: &[u8]) -> Result<Vec<CommitChanges>, ChangesError> {
    let mut list: Vec<CommitChanges> = Vec::new();
    let mut fields = out.split(|b| *b == 0).peekable();
    let odd = |field: &[u8]| ChangesError::Log { near: String::from_utf8_lossy(field).into_owned() };
    while let Some(field) = fields.next() {
        // Separators and the newline before the first entry.
        let field = field.strip_prefix(b"\n").unwrap_or(field);
        if field.is_empty() {
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
            session: values(&text()?).pop(),
            items: values(&text()?),
            leases: values(&text()?),
            paths: Vec::new(),
        });
    }
    for commit in &mut list {
        commit.paths.sort();
        commit.paths.dedup();
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
