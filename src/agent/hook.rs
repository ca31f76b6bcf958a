//! `git coord hook agent`: one event in, one answer out.

use std::path::Path;

use crate::git::HostRepo;

use super::answer::{self, Reply};
use super::desk::{Desk, Failure, store_of};
use super::dialect::Hint;
use super::event::{Event, Kind};
use super::ignored::GitConfigs;
use super::tools::{self, Writes};
use super::{after, brief, edit, notices, objection, places, worktree};

/// How the hook was called.
#[derive(Debug)]
pub struct Call<'c> {
    /// Standard input.
    pub payload: &'c [u8],
    /// The event's name on the command line.
    pub named: Option<&'c str>,
    /// What the environment says about the program.
    pub hint: Hint,
    /// The session that the environment names.
    pub session: Option<&'c str>,
    /// The user's home folder.
    pub home: Option<&'c Path>,
    /// Where the user's and the system's settings of git are.
    pub configs: GitConfigs,
    /// The folder that the hook runs in.
    pub here: &'c Path,
}

/// Answers one event. What is not known is not objected to.
pub fn answer(call: &Call<'_>) -> Reply {
    let Some(mut event) = Event::parse(call.payload, call.named, call.hint) else { return Reply::silent() };
    event.cwd = Some(event.cwd.as_ref().map_or_else(|| call.here.to_owned(), |cwd| call.here.join(cwd)));
    let result = match event.kind {
        Kind::Before => return before(call, &event),
        Kind::After => ran(call, &event),
        Kind::SessionStart | Kind::WorktreeReady => at_cwd(call, &event, started),
        Kind::Prompt => at_cwd(call, &event, prompted),
        Kind::Stop => at_cwd(call, &event, stopped),
        Kind::SessionEnd => at_cwd(call, &event, ended),
        Kind::SubagentStop => at_cwd(call, &event, sub_agent_ended),
        Kind::WorktreeRemove => removed(&event),
        Kind::Other => Ok(Reply::silent()),
    };
    result.unwrap_or_else(|e| Reply::aside(&e.to_string()))
}

/// Before a tool runs.
fn before(call: &Call<'_>, event: &Event) -> Reply {
    let Writes { list, may_write_more } = tools::writes(event, call.home);
    let mut strict = false;
    let judged = (|| {
        if may_write_more && event.tool.as_ref().is_some_and(tools::is_shell) {
            remember(call, event)?;
        }
        for place in places::of(&list, call.here) {
            // Whether a failure refuses is known before anything else of the repository is needed.
            strict |= store_of(&place.repo)?.is_some_and(|(settings, _)| settings.on_edit.strict);
            let Some(mut desk) = Desk::open(&place.repo, event, call)? else { continue };
            if let Some(words) = edit::judge(&mut desk, event, &place.paths)? {
                return Ok(Some(words));
            }
        }
        Ok(None)
    })();
    match judged {
        Ok(None) => Reply::silent(),
        Ok(Some(words)) => answer::deny(event, &words),
        Err(e) if strict => answer::deny(event, &objection::of_failure(&Failure::to_string(&e))),
        Err(e) => Reply::aside(&Failure::to_string(&e)),
    }
}

/// Notes when a command begins whose changes will be looked for.
fn remember(call: &Call<'_>, event: &Event) -> Result<(), Failure> {
    let Some(repo) = folder(event) else { return Ok(()) };
    let Some(desk) = Desk::open(&repo, event, call)? else { return Ok(()) };
    let now = desk.now;
    desk.roster(|roster| roster.see(&desk.key, event.dialect.traits().name, now).command = Some(now))
}

/// The worktree in which the agent is at work.
fn folder(event: &Event) -> Option<HostRepo> {
    let cwd = event.cwd.as_deref()?;
    places::find(cwd.ancestors().find(|dir| dir.is_dir())?)
}

fn at_cwd(
    call: &Call<'_>,
    event: &Event,
    act: fn(&mut Desk, &Event) -> Result<Reply, Failure>,
) -> Result<Reply, Failure> {
    let place = event.worktree.as_deref().and_then(places::find).or_else(|| folder(event));
    let Some(repo) = place else { return Ok(Reply::silent()) };
    match Desk::open(&repo, event, call)? {
        Some(mut desk) => act(&mut desk, event),
        None => Ok(Reply::silent()),
    }
}

/// After a tool has run. Only commands may have written what is not known.
fn ran(call: &Call<'_>, event: &Event) -> Result<Reply, Failure> {
    let shell = event.tool.as_ref().is_none_or(tools::is_shell);
    let looks = shell && (event.tool.is_none() || tools::writes(event, call.home).may_write_more);
    at_cwd(call, event, if looks { looked } else { prompted })
}

fn looked(desk: &mut Desk, event: &Event) -> Result<Reply, Failure> {
    let mut lines: Vec<String> = after::look(desk, event)?.into_iter().collect();
    lines.extend(notices::take(desk)?);
    Ok(answer::context(event, &lines.join("\n")))
}

fn prompted(desk: &mut Desk, event: &Event) -> Result<Reply, Failure> {
    Ok(answer::context(event, &notices::take(desk)?.join("\n")))
}

fn started(desk: &mut Desk, event: &Event) -> Result<Reply, Failure> {
    // Agent programs set core.hooksPath in worktrees that they make, which would switch ours off.
    if let Ok(program) = crate::process::own_program() {
        let _ = crate::hook::install(&desk.repo, &program);
    }
    let words = brief::begin(desk)?;
    let (key, now) = (desk.key.clone(), desk.now);
    desk.roster(|roster| {
        roster.see(&key, event.dialect.traits().name, now);
    })?;
    Ok(answer::context(event, &words))
}

fn stopped(desk: &mut Desk, event: &Event) -> Result<Reply, Failure> {
    if event.stop_active {
        return Ok(Reply::silent());
    }
    Ok(answer::at_stop(event, &brief::end(desk)?.unwrap_or_default()))
}

/// The end of a conversation: files without changes are free for others at once, the rest when its time is
/// over.
fn ended(desk: &mut Desk, _event: &Event) -> Result<Reply, Failure> {
    edit::give_back_clean(desk)?;
    desk.reread()?;
    let key = desk.key.clone();
    desk.roster(|roster| {
        let own = format!("{key}/");
        roster.agents.retain(|other, _| *other != key && !other.starts_with(&own));
    })?;
    Ok(match brief::end(desk)? {
        Some(words) => Reply { stderr: format!("{words}\n"), ..Reply::default() },
        None => Reply::silent(),
    })
}

fn sub_agent_ended(desk: &mut Desk, _event: &Event) -> Result<Reply, Failure> {
    let key = desk.key.clone();
    desk.roster(|roster| {
        if key.contains('/') {
            roster.agents.remove(&key);
        }
    })?;
    Ok(Reply::silent())
}

/// A worktree is about to go, and with it what its session would have to commit.
fn removed(event: &Event) -> Result<Reply, Failure> {
    let Some(repo) = event.worktree.as_deref().and_then(places::find) else { return Ok(Reply::silent()) };
    let Some((_, store)) = store_of(&repo)? else { return Ok(Reply::silent()) };
    if event.worktree.as_deref() != Some(repo.root.as_path()) || worktree::is_main(&repo) {
        return Ok(Reply::silent());
    }
    worktree::end_if_by_agent(&store, &repo)?;
    Ok(Reply::silent())
}
