//! `hook prepare-commit-msg` and `hook commit-msg`: the trailers that tell under which leases a commit
//! was made; and the guard of what git commits without asking `pre-commit`.

use std::path::Path;

use crate::git::changes::{self, CommitChanges};
use crate::guard::trailers;
use crate::hook::amend;
use crate::model::RepoPath;
use crate::model::session::Session;
use crate::store::Store;

use crate::cli::app::App;
use crate::cli::error::CliResult;
use crate::cli::hook::{judge, session_here};
use crate::cli::output::Answer;

/// `prepare-commit-msg`. `like_head`: git says that the message is that of the last commit.
pub fn prepare(app: &App, store: &Store, file: &Path, like_head: bool) -> CliResult<Answer> {
    let state = |name: &str| app.repo.git_dir.join(name).exists();
    // A rebase makes commits again that have been judged when they were made, under leases that
    // may have ended in good order since; they keep their trailers.
    let amends = amend::amends();
    let rebases = state("rebase-merge") || state("rebase-apply");
    let stopped = state("rebase-merge/stopped-sha");
    if rebases && !stopped && amends != Some(true) {
        return Ok(Answer::default());
    }
    let Some(session) = session_here(app, store)? else { return Ok(Answer::default()) };
    let index = app.env.git.index_file.as_deref();
    // Where a rebase has stopped, for a conflict or an edit, what is made by hand is new: what the merge
    // has come to (git-rebase(1), AUTO_MERGE) is not.
    let merged = match stopped {
        true => app.repo.git().args(["rev-parse", "--verify", "-q", "AUTO_MERGE^{tree}"]).optional()?,
        false => None,
    };
    let paths = changes::staged_with_parents(&app.repo, index, merged.as_slice())?.paths;
    // git asks no pre-commit hook for a cherry-pick, a revert, or when a rebase goes on. It does leave the
    // message of the former where a merge would leave its own (sequencer.c, do_pick_commit), and a merge
    // has MERGE_HEAD.
    if stopped || (state("MERGE_MSG") && !state("MERGE_HEAD")) {
        judge(app, store, Some(&session), &paths)?;
    }
    // Trailers in an empty message would keep git from seeing that the user has written nothing.
    // After an editor, commit-msg adds them.
    if is_blank(app, file)? {
        return Ok(Answer::default());
    }
    let mut kept = Vec::new();
    if rebases {
        kept = trailers::in_message(&std::fs::read(app.repo.root.join(file)).unwrap_or_default());
        // What others have made stays theirs.
        let new = stopped && kept.is_empty();
        if !new && !trailers::are_of(&kept, &session.name) {
            return Ok(Answer::default());
        }
    }
    write(app, &session, paths, file, (amends.unwrap_or(like_head), kept))
}

/// `commit-msg`: the message is what it will be.
pub fn finish(app: &App, store: &Store, file: &Path) -> CliResult<Answer> {
    let path = app.repo.root.join(file);
    if trailers::has_any(&std::fs::read(path).unwrap_or_default()) || is_blank(app, file)? {
        return Ok(Answer::default());
    }
    let Some(session) = session_here(app, store)? else { return Ok(Answer::default()) };
    let paths = changes::staged(&app.repo, app.env.git.index_file.as_deref())?.paths;
    write(app, &session, paths, file, (amend::amends().unwrap_or(false), Vec::new()))
}

fn is_blank(app: &App, file: &Path) -> CliResult<bool> {
    let text = std::fs::read(app.repo.root.join(file)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let setting = |name: &str| app.repo.git().args(["config", "--get", name]).optional();
    // What was not written in an editor has no comments, unless the user wants them taken out.
    let comments = !app.env.no_editor || setting("commit.cleanup")?.is_some_and(|c| c == "strip");
    let sign = if comments { setting("core.commentChar")? } else { None };
    let sign = sign.filter(|c| c != "auto").unwrap_or_else(|| "#".into());
    Ok(trailers::is_blank(&text, comments.then_some(sign.as_str())))
}

/// Writes the trailers of a commit of these paths. One that takes the place of the last one changes what
/// that has changed as well, under leases that may have ended in good order since.
fn write(
    app: &App,
    session: &Session,
    mut paths: Vec<RepoPath>,
    file: &Path,
    (amends, mut kept): (bool, Vec<(String, String)>),
) -> CliResult<Answer> {
    if let Some(head) = amends.then(|| changes::last(&app.repo)).transpose()?.flatten() {
        kept.extend(trailers::of(&head));
        let CommitChanges { paths: before, .. } = head;
        paths.extend(before);
    }
    let trailers = trailers::for_commit(session, &paths, kept);
    trailers::write(&app.repo.root, &app.repo.root.join(file), &trailers)?;
    Ok(Answer::default())
}
