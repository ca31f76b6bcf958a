//! The worktree that `session start --worktree` makes. What git would refuse is found before, and told
//! with what to do about it.

use std::path::{Path, PathBuf};

use crate::binding::Binding;
use crate::git::{Git, GitEnv, GitError, HostRepo, Worktree, resolve_existing};
use crate::store::Store;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::Text;

/// What is asked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The folder.
    pub place: PathBuf,
    /// The branch, if one is named.
    pub branch: Option<&'a str>,
}

/// The worktree that a session is started in.
#[derive(Debug)]
pub struct Home {
    /// It as a place to work in.
    pub repo: HostRepo,
    /// Set when this call has made it.
    made: Option<Made>,
}

/// What a call has made.
#[derive(Debug)]
struct Made {
    place: PathBuf,
    branch: String,
    /// The commit at which the branch was made; `None` when it was there before.
    start: Option<String>,
}

impl Home {
    /// One that was there before.
    pub fn found(repo: HostRepo) -> Self {
        Home { repo, made: None }
    }

    /// The error of a session that was not started there. What this call has made goes again, or the
    /// error names it.
    pub fn left_after(&self, error: CliError, app: &App, store: &Store) -> CliError {
        let Some(made) = &self.made else { return error };
        // The session may be at work there.
        if error.details.get("outcome").is_some_and(|outcome| outcome == "unknown") {
            return made.named_in(error, "stays for the repeated call");
        }
        let undone = store.worktree_lock().map_err(CliError::from).and_then(|_alone| {
            // Another start may have found it and taken it.
            if matches!(Binding::read(&self.repo), Ok(Some(_))) { Ok(()) } else { made.undo(app) }
        });
        match undone {
            Ok(()) => error,
            Err(why) => made.named_in(error, &format!("cannot be removed again: {}", why.message.words())),
        }
    }
}

impl Made {
    /// Removes it. A branch that has moved on stays. The caller keeps others from the list of
    /// worktrees.
    fn undo(&self, app: &App) -> CliResult<()> {
        if self.place.join(".git").exists() {
            app.repo.git().args(["worktree", "remove", "--force", "--"]).arg(&self.place).run()?;
        }
        let name = format!("refs/heads/{}", self.branch);
        let now = app.repo.git().args(["rev-parse", "--verify", "-q", &name]).optional()?;
        if self.start.is_some() && now == self.start {
            app.repo.git().args(["branch", "-q", "-D", "--", &self.branch]).run()?;
        }
        Ok(())
    }

    fn named_in(&self, error: CliError, what: &str) -> CliError {
        let place = self.place.display();
        let line = format!("the worktree {place} on branch {}, which was made for it, {what}", self.branch);
        CliError { message: error.message.and(line), ..error }
    }
}

/// Where a folder named on the command line is.
pub fn place(app: &App, dir: &Path) -> PathBuf {
    resolve_existing(&app.repo.root.join(app.repo.prefix.to_native()).join(dir))
}

/// The branch that is checked out.
///
/// # Errors
/// When git fails.
pub fn current_branch(repo: &HostRepo) -> CliResult<Option<String>> {
    Ok(repo.git().args(["symbolic-ref", "-q", "--short", "HEAD"]).optional()?)
}

/// The worktree of this repository that is there, for example from a start that was cut off.
///
/// # Errors
/// When what is there cannot be looked at, or is on another branch than is wanted.
pub fn present(app: &App, wanted: &Wanted<'_>) -> CliResult<Option<HostRepo>> {
    let place = &wanted.place;
    if !place.join(".git").exists() {
        return Ok(None);
    }
    let found = HostRepo::discover(place, &GitEnv::default())?;
    if found.common_dir != app.repo.common_dir || found.root != *place {
        return Ok(None);
    }
    let Some(branch) = wanted.branch else { return Ok(Some(found)) };
    let on = current_branch(&found)?;
    if on.as_deref() == Some(branch) {
        return Ok(Some(found));
    }
    let on = on.map_or_else(|| "no branch".to_owned(), |on| format!("branch {on}"));
    Err(failed(format!("the worktree {} is there already, on {on} and not on {branch}", place.display()))
        .hint("leave --branch out to start the session there as it is, or name another folder"))
}

/// Makes a worktree on a branch, which is made, too, if there is none; `name` is that of the
/// session. One that another start has made meanwhile will do.
///
/// # Errors
/// When the folder or the branch cannot be had, or git fails. Then nothing is left behind.
pub fn make(
    app: &App,
    store: &Store,
    wanted: &Wanted<'_>,
    name: &str,
    notes: &mut Vec<String>,
) -> CliResult<Home> {
    let (place, branch) = (wanted.place.as_path(), wanted.branch.unwrap_or(name));
    check_name(app, branch)?;
    // `git worktree add` twice at once can fail over git's own files (index.lock, config.lock).
    let _alone = store.worktree_lock()?;
    if let Some(found) = present(app, wanted)? {
        return Ok(Home::found(found));
    }
    let trees = app.repo.worktrees()?;
    check_folder(place, &trees)?;
    let exists = has(app, &format!("refs/heads/{branch}"))?;
    if exists {
        check_free(branch, &trees)?;
    } else {
        check_new(app, branch)?;
    }
    let mut git = Git::new(&app.repo.root).args(["worktree", "add", "-q"]);
    git =
        if exists { git.arg("--").arg(place).arg(branch) } else { git.args(["-b", branch, "--"]).arg(place) };
    let start = (!exists).then(|| app.repo.git().args(["rev-parse", "HEAD"]).text()).transpose()?;
    let made = Made { place: place.to_owned(), branch: branch.to_owned(), start };
    if let Err(error) = git.run() {
        let error = not_added(error, place);
        return Err(match made.undo(app) {
            Ok(()) => error,
            Err(why) => made.named_in(error, &format!("cannot be removed again: {}", why.message.words())),
        });
    }
    let home = HostRepo::discover(place, &GitEnv::default())?;
    notes.push(format!(
        "made worktree {} on {} branch {branch}",
        home.root.display(),
        if exists { "existing" } else { "new" }
    ));
    notes.extend(seen_by_another(&home, &trees)?);
    Ok(Home { repo: home, made: Some(made) })
}

/// The error of a `git worktree add` that failed. Where the worktree is there all the same, git had
/// come to its end, and only the hook that it runs then has failed.
fn not_added(error: GitError, place: &Path) -> CliError {
    let GitError::Failed { status: Some(status), stderr, .. } = &error else { return error.into() };
    if !place.join(".git").exists() {
        return error.into();
    }
    let said = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
    let place = place.display();
    let message = format!(
        "no worktree was made at {place}: git's hook post-checkout failed there (exit {status}){said}"
    );
    CliError::failed("worktree", Text::block(&message)).hint("mend the hook, then repeat the command")
}

fn failed(message: String) -> CliError {
    CliError::failed("worktree", message)
}

fn other_branch(error: CliError) -> CliError {
    error.hint("name another branch with --branch B")
}

fn has(app: &App, rev: &str) -> CliResult<bool> {
    Ok(app.repo.git().args(["rev-parse", "--verify", "-q", rev]).optional()?.is_some())
}

fn check_name(app: &App, branch: &str) -> CliResult<()> {
    let full = format!("refs/heads/{branch}");
    let well_formed = app.repo.git().args(["check-ref-format", &full]).optional()?.is_some();
    // Well formed, and yet git takes them for something else.
    if well_formed && branch != "HEAD" && !branch.starts_with('-') {
        return Ok(());
    }
    Err(other_branch(CliError::usage(format!("git allows no branch that is named {branch:?}"))))
}

fn check_folder(place: &Path, trees: &[Worktree]) -> CliResult<()> {
    let shown = place.display();
    let is_empty = match std::fs::read_dir(place) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(e) => {
            return Err(failed(format!("no worktree can be made at {shown}: {e}"))
                .hint("name a folder that does not exist yet"));
        }
    };
    if !is_empty {
        let what = if place.join(".git").exists() { "another repository" } else { "something else" };
        return Err(failed(format!("no worktree can be made at {shown}: {what} is there"))
            .hint("name a folder that does not exist yet"));
    }
    match trees.iter().find(|tree| tree.path == place) {
        Some(tree) => Err(gone(
            failed(format!(
                "no worktree can be made at {shown}: git knows one there, and its folder is gone"
            )),
            tree,
        )),
        None => Ok(()),
    }
}

/// The next step about a worktree whose folder is gone. A locked one may be on a disk that is not
/// there at the moment.
fn gone(error: CliError, tree: &Worktree) -> CliError {
    if tree.prunable {
        return error.hint("let git forget it with: git worktree prune");
    }
    error.hint(format!(
        "bring it back, or let git forget it with: git worktree remove -ff '{}'",
        tree.path.display()
    ))
}

/// A branch can be checked out in one worktree only.
fn check_free(branch: &str, trees: &[Worktree]) -> CliResult<()> {
    let Some(tree) = trees.iter().find(|tree| tree.branch.as_deref() == Some(branch)) else { return Ok(()) };
    let shown = tree.path.display();
    let Ok(repo) = HostRepo::discover(&tree.path, &GitEnv::default()) else {
        return Err(gone(
            failed(format!("branch {branch} is checked out in {shown}, and that folder is gone")),
            tree,
        ));
    };
    let whose = match Binding::read(&repo) {
        Ok(Some(binding)) => format!(", where session {} is at work", binding.session),
        _ => String::new(),
    };
    Err(other_branch(failed(format!("branch {branch} is checked out in {shown}{whose}"))))
}

/// A branch that is to be made: from the present commit, and not where the name of another is a
/// folder.
fn check_new(app: &App, branch: &str) -> CliResult<()> {
    if !has(app, "HEAD")? {
        return Err(failed(format!("branch {branch} cannot be made: this repository has no commit yet"))
            .hint("make one: git commit --allow-empty -m 'first'"));
    }
    let above = branch.match_indices('/').map(|(end, _)| format!("refs/heads/{}", &branch[..end]));
    let patterns: Vec<String> = above.chain([format!("refs/heads/{branch}/")]).collect();
    let list = app.repo.git().args(["for-each-ref", "--format=%(refname)"]).args(&patterns).text()?;
    // A name without a slash at its end is also found as the folder that it may be.
    let in_the_way =
        |name: &&str| patterns.iter().any(|p| p == name || (p.ends_with('/') && name.starts_with(p)));
    match list.lines().find(in_the_way) {
        Some(other) => {
            let other = other.strip_prefix("refs/heads/").unwrap_or(other);
            Err(other_branch(failed(format!("branch {branch} cannot be made beside the branch {other}"))))
        }
        None => Ok(()),
    }
}

/// What to say of a worktree inside another one, which would take it for something to be added.
fn seen_by_another(home: &HostRepo, trees: &[Worktree]) -> CliResult<Option<String>> {
    let Some(outer) = trees
        .iter()
        .filter(|t| !t.bare && home.root.starts_with(&t.path))
        .max_by_key(|t| t.path.as_os_str().len())
    else {
        return Ok(None);
    };
    let below = home.root.strip_prefix(&outer.path).unwrap_or(&home.root);
    // Its end with a slash: a folder, whatever patterns want.
    let ignored = Git::new(&outer.path).args(["check-ignore", "-q", "--"]).arg(below.join("")).optional()?;
    if ignored.is_some() || below.starts_with(".git") {
        return Ok(None);
    }
    Ok(Some(format!(
        "it is inside the worktree {}, where git shows it as untracked unless .gitignore names it",
        outer.path.display()
    )))
}
