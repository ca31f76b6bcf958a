//! `hook NAME`: what the shims call.
//!
//! In a repository without a store every hook is silent and succeeds: shared hooks may call it
//! everywhere. Hooks that only record never fail, because what they record has happened.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::fresh;
use crate::git::changes::{self, Edits};
use crate::guard::carry::Rewritten;
use crate::guard::{self, RefRefusal, trailers};
use crate::hook::{self, Hook, git_call};
use crate::model::claim::Mode;
use crate::model::op::ClaimPaths;
use crate::model::session::Session;
use crate::model::unlanded_op::{Committed, UnlandedOp};
use crate::model::{ItemId, Op, RepoPath, SessionName};
use crate::notes::{self, NoteError};
use crate::store::{STATE_REF, StoreError};

use crate::cli::app::App;
use crate::cli::check::{NOT_CLAIMED, range_refusal, refusal, taken_off_refusal};
use crate::cli::error::{CliError, CliResult};
use crate::cli::message;
use crate::cli::output::{Answer, Text};
use crate::cli::sanitize::visible;
use crate::client::{Client, ClientError};

/// Do the work of a git hook (called by the hooks)
#[derive(Debug, Args)]
pub struct HookArgs {
    /// The hook's name
    name: String,
    /// What git gave to the hook
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl HookArgs {
    /// What git gave to the hook of a server; `None` for the hooks of a clone.
    pub fn on_server(&self) -> Option<&[OsString]> {
        (self.name == Hook::Update.command()).then_some(&self.args)
    }

    /// The words after `hook agent`; `None` for the hooks of git.
    pub fn of_agent(&self) -> Option<&[OsString]> {
        (self.name == "agent").then_some(&self.args)
    }
}

/// Runs `hook`.
pub fn run(app: &App, args: &HookArgs) -> CliResult<Answer> {
    let Some(which) = Hook::parse(&args.name) else {
        return Err(CliError::usage(format!("there is no hook {:?}", args.name)));
    };
    // git writes to a hook once; what other tools have there reads it too.
    let reads = matches!(which, Hook::PrePush | Hook::PostRewrite);
    let input = if reads { read_input()? } else { String::new() };
    let others = || {
        let ran = hook::run_others(&app.place.repo, which, &args.args, input.as_bytes());
        ran.map_err(|e| CliError::failed("hooks", e.to_string()))
    };
    match which {
        // What it stages is to be judged too.
        Hook::PreCommit => others().and_then(|()| own(app, which, &args.args, &input)),
        Hook::PrePush => own(app, which, &args.args, &input).and_then(|answer| others().map(|()| answer)),
        _ => {
            let answer = own(app, which, &args.args, &input)?;
            Ok(match others() {
                Ok(()) => answer,
                Err(e) => answer.note(e.message.after("git coord: ")),
            })
        }
    }
}

fn read_input() -> CliResult<String> {
    let mut input = String::new();
    std::io::stdin()
        .read_to_string(&mut input)
        .map_err(|e| CliError::failed("io", format!("cannot read what git gives to the hook: {e}")))?;
    Ok(input)
}

/// What git-coord itself does in a hook.
fn own(app: &App, which: Hook, args: &[OsString], input: &str) -> CliResult<Answer> {
    let client = match Client::open(app.place.clone(), app.listener()) {
        Err(ClientError::Store(StoreError::Absent { .. })) => return Ok(Answer::default()),
        other => other,
    };
    if app.env.displaced
        && let Ok(program) = crate::process::own_program()
    {
        hook::install(&app.place.repo, &program).map_err(CliError::from)?;
    }
    let arg = |n: usize| args.get(n).map(OsString::as_os_str).unwrap_or_default();
    match which {
        Hook::PreCommit => guard_commit(app, &client?, &[]),
        Hook::PreMergeCommit => guard_commit(app, &client?, &app.env.merging),
        Hook::PrepareCommitMsg => {
            // `--amend` passes this on, as does `-C HEAD`.
            let like_head = arg(1) == "commit" && arg(2) == "HEAD";
            let source = arg(1).to_string_lossy();
            message::prepare(app, &client?, Path::new(arg(0)), (&source, like_head))
        }
        Hook::CommitMsg => message::finish(app, &client?, Path::new(arg(0))),
        Hook::PrePush => guard_push(app, &client?, (&arg(0).to_string_lossy(), arg(1)), input),
        Hook::PostCommit => only_record(client.map_err(CliError::from).and_then(|c| record_commit(app, &c))),
        Hook::PostRewrite => {
            only_record(client.map_err(CliError::from).and_then(|c| record_rewrite(app, &c, input)))
        }
        Hook::PostCheckout => only_record(greet(app, &arg(0).to_string_lossy())),
        // Not parsed: it has a name of its own, and no worktree; see `server`.
        Hook::Update => Ok(Answer::default()),
    }
}

/// It is too late to refuse what has happened: a failure is reported and the hook succeeds.
fn only_record(result: CliResult<Answer>) -> CliResult<Answer> {
    result.or_else(|e| Ok(Answer::default().note(e.message.after("git coord: not recorded: "))))
}

/// The branch that a commit goes to; `None` for a detached HEAD.
fn branch(app: &App) -> CliResult<Option<String>> {
    Ok(crate::git::branch(&app.place.repo)?)
}

/// `pre-commit` and `pre-merge-commit`.
fn guard_commit(app: &App, client: &Client, merging: &[String]) -> CliResult<Answer> {
    let session = client.session_at_work()?;
    if session.is_some() && !app.place.settings.protect.is_empty() {
        guard_branch(app)?;
    }
    let changes = changes::staged_with_parents(&app.place.repo, app.env.git.index_file.as_deref(), merging)?;
    judge(client, session.as_ref(), &changes.paths)
}

fn guard_branch(app: &App) -> CliResult<()> {
    let Some(branch) = branch(app)? else { return Ok(()) };
    if app.place.settings.protects(&branch) {
        return Err(CliError::refused(format!("{branch} is protected: sessions do not commit on it"))
            .hint("commit on a branch of your own: git switch -c NAME")
            .detail("rule", json!("protected-branch")));
    }
    Ok(())
}

pub fn judge(client: &Client, session: Option<&Session>, paths: &[RepoPath]) -> CliResult<Answer> {
    if paths.is_empty() {
        return Ok(Answer::default());
    }
    let verdict = match session {
        Some(session) => {
            let session = client.alive(&session.name)?;
            let found = client.store.read(|view| guard::check_paths(view, &session, paths))?;
            if found.is_fine() {
                claim_contested(client, &session, paths)?;
            }
            found
        }
        None => client
            .store
            .read(|view| guard::check_unbound(view, paths))?
            .without(client.session_if_any()?.as_ref()),
    };
    match (verdict.is_fine(), session) {
        (true, _) => Ok(Answer::default()),
        (false, Some(_)) => Err(refusal(&verdict, NOT_CLAIMED)),
        (false, None) => Err(refusal(&verdict, "held by sessions")
            .hint("take these files out of the commit (git restore --staged), or wait until they are free")),
    }
}

/// Claims what lies in the areas of two sessions, so that one of them changes it at a time.
fn claim_contested(client: &Client, session: &Session, paths: &[RepoPath]) -> CliResult<()> {
    let paths = client.store.read(|view| guard::contested(view, session, paths))?;
    if paths.is_empty() {
        return Ok(());
    }
    let op = Op::Claim(ClaimPaths {
        session: session.name.clone(),
        paths,
        mode: Mode::Exclusive,
        ttl: client.place.settings.ttl,
        reason: Some("committed in an area that another session has too".into()),
        fresh: None,
    });
    client.submit(&op, None)?;
    Ok(())
}

/// `pre-push`.
fn guard_push(app: &App, client: &Client, (remote, url): (&str, &OsStr), input: &str) -> CliResult<Answer> {
    let pushed = changes::parse_push(input)?;
    let pusher = pusher(app, client)?;
    let protects = |branch: &str| app.place.settings.protects(branch);
    if let Some(refusal) = guard::check_refs(&pushed, pusher.is_some().then_some(&protects)) {
        return Err(ref_refusal(&refusal));
    }
    if mirrors(app, remote)? && changes::has_state(&app.place.repo, url)? {
        return Err(ref_refusal(&RefRefusal::State(STATE_REF.to_owned())));
    }
    let arrival = changes::in_push(&app.place.repo, remote, &pushed, protects)?;
    if arrival.is_empty() {
        return Ok(Answer::default());
    }
    // The server and the checks of others judge by what they know: what was committed under leases, and who
    // was handed an item of this clone's pool, has to be there before the commits come.
    client.send_deferred()?;
    // What was committed while this clone did not look may stand under a lease that is lost.
    client.refresh_now()?;
    let known = guard::Known::in_clone(&app.place.repo);
    let faults = guard::check_commits(&client.store, &arrival.commits, pusher.as_ref(), &known)?;
    if !faults.is_empty() {
        return Err(range_refusal(&faults));
    }
    match guard::check_taken_off(&client.store, &arrival.taken_off, pusher.as_ref())?.first() {
        Some((branch, holders)) => Err(taken_off_refusal(branch, holders)),
        None => Ok(Answer::default()),
    }
}

/// The session that pushes. A worktree that is bound to what a session was pushes as nobody; so does one
/// whose session has ended, in whose name nothing is held.
fn pusher(app: &App, client: &Client) -> CliResult<Option<SessionName>> {
    let Some(name) = app.place.session_if_any()? else { return Ok(None) };
    Ok(client.record_of(&name).is_ok().then_some(name))
}

/// True for a push that deletes what is not here, of which git does not tell its hook.
fn mirrors(app: &App, remote: &str) -> CliResult<bool> {
    if git_call::mirrors() == Some(true) {
        return Ok(true);
    }
    let key = format!("remote.{remote}.mirror");
    Ok(app
        .place
        .repo
        .git()
        .args(["config", "--type=bool", "--get", &key])
        .optional()?
        .is_some_and(|v| v == "true"))
}

fn ref_refusal(refusal: &RefRefusal) -> CliError {
    match refusal {
        RefRefusal::State(name) => CliError::refused(format!(
            "{name} is the shared state, which git coord alone pushes"
        ))
        .hint("push your branches by name: git push REMOTE BRANCH (--mirror pushes and deletes all refs)")
        .detail("rule", json!("state")),
        RefRefusal::Notes(name) => CliError::refused(format!(
            "{name} has notes of sessions, and would be deleted"
        ))
        .hint("push your branches by name: git push REMOTE BRANCH (--mirror pushes and deletes all refs)")
        .detail("rule", json!("notes")),
        RefRefusal::Protected(branch) => {
            CliError::refused(format!("{branch} is protected: sessions do not push to it"))
                .hint("push a branch of your own: git push REMOTE HEAD:NAME")
                .detail("rule", json!("protected-branch"))
        }
    }
}

/// `post-commit`: a note on the commit, an event in the log.
fn record_commit(app: &App, client: &Client) -> CliResult<Answer> {
    let Some(session) = client.session_at_work()? else { return Ok(Answer::default()) };
    // The same for every commit of a rebase: they are noted by post-rewrite. Not for those that are made by
    // hand where it has stopped, of which that hears nothing.
    let state = |name: &str| app.place.repo.git_dir.join(name).exists();
    if (state("rebase-merge") || state("rebase-apply")) && !state("rebase-merge/stopped-sha") {
        return Ok(Answer::default());
    }
    let Some(head) = crate::git::head_commit(&app.place.repo)? else { return Ok(Answer::default()) };
    let commit = head.id.clone();
    let trailers = trailers::in_message(&head.message);
    let words = |key: &str| -> Vec<String> {
        trailers.iter().filter(|(k, _)| k == key).map(|(_, value)| value.clone()).collect()
    };
    let (items, leases) = (words(trailers::ITEM), words(trailers::LEASE));
    // What is committed on the target itself is there.
    let target = fresh::target_name(&app.place.repo, &app.place.settings);
    let landed = head.branch.is_some() && head.branch == target;
    let made = if landed { None } else { changes::last(&app.place.repo)? };
    let paths = made.map(|made| made.paths).unwrap_or_default();
    let contained = client.contained(&session.name, &commit, &paths)?;
    let op = Op::Unlanded(UnlandedOp::Committed(Committed {
        session: session.name.clone(),
        branch: head.branch.clone(),
        commit: commit.clone(),
        text: head.subject().to_owned(),
        paths,
        items: items.iter().filter_map(|item| ItemId::parse(item).ok()).collect(),
        leases: leases.iter().filter_map(|l| l.parse().ok()).collect(),
        contained,
    }));
    client.record(&op)?;
    client.store.touch_session(&session.name);
    let mut note = format!("{} {} committed", crate::clock::now(), session.name);
    if !items.is_empty() {
        note.push_str(&format!(" for item {}", items.join(", ")));
    }
    if !leases.is_empty() {
        note.push_str(&format!(" under lease {}", leases.join(", ")));
    }
    write_note(app, &session.name, &commit, &note)?;
    Ok(Answer::default())
}

/// Adds a line to the session's note on a commit.
pub fn write_note(app: &App, session: &SessionName, commit: &str, line: &str) -> CliResult<()> {
    // Notes are read with git, which shows them as they are.
    notes::append(&app.place.repo, session, commit, &visible(line)).map_err(|e| note_error(&e))
}

fn note_error(error: &NoteError) -> CliError {
    CliError::failed("notes", Text::block(&error.to_string()))
}

/// `post-rewrite`: notes go along when an amend or rebase replaces commits, and what the new ones carry on
/// is recorded.
fn record_rewrite(app: &App, client: &Client, input: &str) -> CliResult<Answer> {
    let Some(session) = client.session_at_work()? else { return Ok(Answer::default()) };
    let pairs: Vec<(&str, &str)> = input
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    notes::copy_all(&app.place.repo, &session.name, &pairs).map_err(|e| note_error(&e))?;
    let commits: Vec<(String, String)> =
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    client.record(&Op::Unlanded(UnlandedOp::Rewritten { session: session.name.clone(), commits }))?;
    record_carried(app, client, &session, &pairs)?;
    Ok(Answer::default())
}

/// Records the commits that carry on what others were, so that their leases count although they have ended.
fn record_carried(app: &App, client: &Client, session: &Session, pairs: &[(&str, &str)]) -> CliResult<()> {
    let ids: BTreeSet<&str> = pairs.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let commits = changes::these(&app.place.repo, ids.iter().copied())?;
    let find = |id: &str| commits.iter().find(|c| c.id == id);
    let news: BTreeSet<&str> = pairs.iter().map(|(_, to)| *to).collect();
    let rewritten: Vec<Rewritten<'_>> = news
        .into_iter()
        .filter_map(|id| find(id).filter(|new| !new.leases.is_empty()))
        .map(|new| {
            let old = pairs.iter().filter(|(_, to)| *to == new.id).filter_map(|(from, _)| find(from));
            Rewritten { new, old: old.collect() }
        })
        .collect();
    let is_held = |one: &Rewritten<'_>| one.new.paths.iter().all(|path| session.may_edit(path));
    let edits = match rewritten.iter().all(is_held) {
        true => Edits::default(),
        false => Edits::read(&app.place.repo, ids.into_iter())?,
    };
    let carried = guard::carry::carried_on(&client.store, session, &rewritten, &edits)?;
    if carried.is_empty() {
        return Ok(());
    }
    let list: Vec<Value> =
        carried.iter().map(|(id, leases)| json!({ "commit": id, "leases": leases })).collect();
    let mut data = Map::new();
    data.insert("text".into(), json!(crate::cli::text::count(list.len(), "commit")));
    data.insert("commits".into(), Value::Array(list));
    Ok(client.record(&Op::Record {
        session: Some(session.name.clone()),
        event: crate::model::EventKind::Rewrite.into(),
        data,
    })?)
}

/// `post-checkout`: says in a new worktree what to do there.
fn greet(app: &App, before: &str) -> CliResult<Answer> {
    let fresh = !before.is_empty() && before.bytes().all(|b| b == b'0');
    if !fresh || app.place.session_if_any()?.is_some() {
        return Ok(Answer::default());
    }
    let data = Value::Null;
    Ok(Answer::new(data, "").note(format!(
        "git coord: no session is at work in {} yet; start one there: git coord session start NAME",
        app.place.repo.root.display()
    )))
}
