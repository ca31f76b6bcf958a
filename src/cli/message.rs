//! `hook prepare-commit-msg` and `hook commit-msg`: the trailers that tell under which leases a commit
//! was made; and the guard of what git commits without asking `pre-commit`.

use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::git::changes;
use crate::guard::trailers;
use crate::hook::git_call;
use crate::model::RepoPath;
use crate::model::session::Session;
use crate::store::STORE_DIR;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::hook::judge;
use crate::cli::output::Answer;

/// `prepare-commit-msg`. `source`: where git has the message from, and whether that is the last commit.
pub fn prepare(app: &App, client: &Client, file: &Path, source: (&str, bool)) -> CliResult<Answer> {
    let (source, like_head) = source;
    let message = Message::read(app, file);
    let state = |name: &str| app.place.repo.git_dir.join(name).exists();
    // A rebase makes commits again that have been judged when they were made, under leases that
    // may have ended in good order since; they keep their trailers.
    let amends = git_call::amends();
    let rebases = state("rebase-merge") || state("rebase-apply");
    let stopped = state("rebase-merge/stopped-sha");
    if rebases && !stopped && amends != Some(true) {
        return message.fold(app);
    }
    let Some(session) = client.session_at_work()? else { return Ok(Answer::default()) };
    let paths = staged_by_hand(app, stopped)?;
    // git asks no pre-commit hook for a cherry-pick, a revert, or when a rebase goes on. It does leave the
    // message of the former where a merge would leave its own (sequencer.c, do_pick_commit), and a merge
    // has MERGE_HEAD.
    if stopped || (state("MERGE_MSG") && !state("MERGE_HEAD")) {
        judge(client, Some(&session), &paths)?;
    }
    message.remember_template(app, source == "template")?;
    // Trailers in an empty message would keep git from seeing that the user has written nothing.
    // After an editor, commit-msg adds them.
    if message.is_blank(app)? || source == "template" {
        return Ok(Answer::default());
    }
    let mut kept = Vec::new();
    if rebases {
        kept = trailers::in_message(&message.text);
        // What others have made stays theirs.
        let new = stopped && kept.is_empty();
        if !new && !trailers::are_of(&kept, &session.name) {
            return Ok(Answer::default());
        }
    }
    message.write(app, &session, paths, (amends.unwrap_or(like_head), kept))
}

/// What the commit in the making changes. Where a rebase has stopped, for a conflict or an edit, what is
/// made by hand is new: what the merge has come to (git-rebase(1), AUTO_MERGE) is not.
fn staged_by_hand(app: &App, stopped: bool) -> CliResult<Vec<RepoPath>> {
    let index = app.env.git.index_file.as_deref();
    let merged = match stopped {
        true => app.place.repo.git().args(["rev-parse", "--verify", "-q", "AUTO_MERGE^{tree}"]).optional()?,
        false => None,
    };
    Ok(match merged {
        Some(tree) => changes::staged_beside(&app.place.repo, index, &tree)?.paths,
        None => changes::staged(&app.place.repo, index)?.paths,
    })
}

/// `commit-msg`: the message is what it will be.
pub fn finish(app: &App, client: &Client, file: &Path) -> CliResult<Answer> {
    let message = Message::read(app, file);
    let untouched = message.is_template(app)?;
    if untouched || trailers::has_any(&message.text) || message.is_blank(app)? {
        return Ok(Answer::default());
    }
    let Some(session) = client.session_at_work()? else { return Ok(Answer::default()) };
    let paths = changes::staged(&app.place.repo, app.env.git.index_file.as_deref())?.paths;
    message.write(app, &session, paths, (git_call::amends().unwrap_or(false), Vec::new()))
}

/// A setting of git. Hardly anybody has these, and git takes longer to say so than all else that the hook
/// does: it is asked when a file of its configuration has the word, or includes others.
fn setting(app: &App, name: &str) -> CliResult<Option<String>> {
    let word = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let local = [app.place.repo.common_dir.join("config"), app.place.repo.git_dir.join("config.worktree")];
    let mut files = local.iter().chain(&app.env.global_config);
    let has = |file: &PathBuf| {
        let text = std::fs::read(file).unwrap_or_default().to_ascii_lowercase();
        [word.as_bytes(), b"[include"].iter().any(|word| text.windows(word.len()).any(|w| w == *word))
    };
    if !files.any(has) {
        return Ok(None);
    }
    Ok(app.place.repo.git().args(["config", "--get", name]).optional()?)
}

/// A message in the making.
struct Message {
    file: PathBuf,
    text: Vec<u8>,
}

/// Where it is kept what a template said, from before the editor until git has its message.
fn template_file(app: &App) -> PathBuf {
    let repo = &app.place.repo;
    let main = repo.git_dir == repo.common_dir;
    let worktree =
        if main { "main".into() } else { repo.git_dir.file_name().unwrap_or_default().to_string_lossy() };
    repo.common_dir.join(STORE_DIR).join(format!("template-{worktree}"))
}

impl Message {
    fn read(app: &App, file: &Path) -> Self {
        let file = app.place.repo.root.join(file);
        let text = std::fs::read(&file).unwrap_or_default();
        Message { file, text }
    }

    /// What begins lines that git will take out, if it will.
    fn comment(&self, app: &App) -> CliResult<Option<String>> {
        let setting = |name: &str| setting(app, name);
        // What was not written in an editor has no comments, unless the user wants them taken out.
        if app.env.no_editor && setting("commit.cleanup")?.is_none_or(|c| c != "strip") {
            return Ok(None);
        }
        let sign = setting("core.commentString")?.or(setting("core.commentChar")?);
        Ok(Some(sign.filter(|c| c != "auto").unwrap_or_else(|| "#".into())))
    }

    fn is_blank(&self, app: &App) -> CliResult<bool> {
        let comment = self.comment(app)?;
        Ok(trailers::text_of(&self.text, comment.as_deref()).is_empty())
    }

    /// git takes a template that nobody has changed for a message that nobody has written.
    fn remember_template(&self, app: &App, is_template: bool) -> CliResult<()> {
        let path = template_file(app);
        let io = |e: std::io::Error| CliError::failed("io", format!("{}: {e}", path.display()));
        if is_template {
            return std::fs::write(&path, &self.text).map_err(io);
        }
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io(e)),
            _ => Ok(()),
        }
    }

    fn is_template(&self, app: &App) -> CliResult<bool> {
        let Ok(template) = std::fs::read(template_file(app)) else { return Ok(false) };
        self.remember_template(app, false)?;
        let comment = self.comment(app)?;
        let comment = comment.as_deref();
        Ok(trailers::text_of(&template, comment) == trailers::text_of(&self.text, comment))
    }

    /// Where a rebase joins commits, their trailers are in the middle of the message, and git sees the last
    /// only.
    fn fold(&self, app: &App) -> CliResult<Answer> {
        let found = trailers::in_message(&self.text);
        let here = app.place.session_if_any()?.filter(|name| trailers::are_of(&found, name));
        let joined = trailers::joined(found.iter().cloned(), here.as_ref());
        if joined.len() != found.len() || found.iter().filter(|(key, _)| key == trailers::SESSION).count() > 1
        {
            self.replace(app, &joined)?;
        }
        Ok(Answer::default())
    }

    /// Writes the trailers of a commit of these paths. One that takes the place of the last one changes what
    /// that has changed as well, under leases that may have ended in good order since.
    fn write(
        &self,
        app: &App,
        session: &Session,
        mut paths: Vec<RepoPath>,
        (amends, mut kept): (bool, Vec<(String, String)>),
    ) -> CliResult<Answer> {
        if let Some(head) = amends.then(|| changes::last(&app.place.repo)).transpose()?.flatten() {
            kept.extend(trailers::of(&head));
            paths.extend(head.paths);
        }
        self.replace(app, &trailers::for_commit(session, &paths, kept))?;
        Ok(Answer::default())
    }

    fn replace(&self, app: &App, trailers: &[(String, String)]) -> CliResult<()> {
        let comment = self.comment(app)?;
        let text = trailers::with(&self.text, trailers, comment.as_deref());
        std::fs::write(&self.file, text)
            .map_err(|e| CliError::failed("io", format!("{}: {e}", self.file.display())))
    }
}
