//! The plan: applying it, and the life of its workstreams.

mod applying;
pub(super) mod landed;
#[cfg(test)]
mod tests;

pub use applying::changes;

use crate::model::base::{Event, QueueName, RuleId, SessionName, Txn, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::plan::PlanOp;
use crate::model::records::plan::{
    self as plans, Applied, Blocked, Progress, Report, Stage, Submitted, Workstream,
};
use crate::model::records::{header, session as sessions};

use crate::model::base::Context;

/// Carries out an operation on the plan.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn plan(txn: &mut Txn<'_>, op: &PlanOp, context: &Context) -> Result<Outcome, ViewError> {
    match op {
        PlanOp::Apply(words) => applying::apply(txn, words, context),
        PlanOp::Archive { by } => applying::archive(txn, by.as_ref(), context),
        PlanOp::Launch { workstream, session, base, despite } => {
            launch(txn, workstream, (session, base, despite), context)
        }
        PlanOp::Submit { workstream, session, commit, tree } => {
            change(txn, workstream, context, Some(session), "submit", |_, progress| {
                let by = session.clone();
                let (commit, tree) = (commit.clone(), tree.clone());
                progress.submitted = Some(Submitted { commit, tree, at: context.now, by });
                progress.stage = Stage::Submitted;
                progress.handed_back = None;
                Ok(())
            })
        }
        PlanOp::Withdraw { workstream, session } => {
            change(txn, workstream, context, Some(session), "withdraw", |_, progress| {
                if progress.submitted.take().is_some() {
                    progress.stage = Stage::Active;
                }
                Ok(())
            })
        }
        PlanOp::Block { workstream, session, text, by } => {
            let name = if text.is_some() { "block" } else { "unblock" };
            change(txn, workstream, context, Some(session), name, |_, progress| {
                progress.blocked = text.clone().map(|text| Blocked {
                    since: context.now,
                    text,
                    by: by.clone(),
                    session: session.clone(),
                });
                Ok(())
            })
        }
        PlanOp::Report { workstream, session, percent, text, milestone } => {
            change(txn, workstream, context, Some(session), "progress", |ws, progress| {
                report(ws, progress, (*percent, text.as_deref(), milestone.as_deref()), session, context)
            })
        }
        PlanOp::Pause { workstream, paused, by } => {
            let name = if *paused { "plan pause" } else { "plan resume" };
            change(txn, workstream, context, by.as_ref(), name, |_, progress| {
                progress.paused = *paused;
                Ok(())
            })
        }
        PlanOp::Drop { workstream, by } => {
            change(txn, workstream, context, by.as_ref(), "plan drop", |_, progress| {
                progress.stage = Stage::Dropped;
                progress.submitted = None;
                Ok(())
            })
        }
        PlanOp::Grant { workstream, path, by } => {
            change(txn, workstream, context, by.as_ref(), "plan grant", |_, progress| {
                if !progress.granted.contains(path) {
                    progress.granted.push(path.clone());
                }
                Ok(())
            })
        }
        PlanOp::HandBack { workstream, wave: _, why } => {
            change(txn, workstream, context, None, "handed back", |_, progress| {
                progress.stage = Stage::Active;
                progress.submitted = None;
                progress.handed_back = Some(why.clone());
                progress.hand_backs += 1;
                Ok(())
            })
        }
    }
}

/// The plan that binds, or the outcome that says that there is not one.
fn current(txn: &Txn<'_>) -> Result<Result<Applied, Outcome>, ViewError> {
    Ok(match plans::applied(txn)? {
        Some(applied) if applied.archived.is_none() => Ok(applied),
        _ => Err(Outcome::Refused {
            rule: RuleId::NoPlan,
            message: "a plan is not in force here".into(),
            hint: "git coord plan apply coord.toml".into(),
        }),
    })
}

fn unknown(id: &str) -> Outcome {
    Outcome::Unknown { what: "workstream".into(), name: id.to_owned() }
}

/// Changes the progress of one workstream and records it.
fn change(
    txn: &mut Txn<'_>,
    id: &str,
    context: &Context,
    session: Option<&SessionName>,
    event: &str,
    edit: impl FnOnce(&Workstream, &mut Progress) -> Result<(), Outcome>,
) -> Result<Outcome, ViewError> {
    let applied = match current(txn)? {
        Ok(applied) => applied,
        Err(refusal) => return Ok(refusal),
    };
    let Some(workstream) = applied.plan.workstream(id) else { return Ok(unknown(id)) };
    let before = plans::progress(txn, id)?;
    let mut after = before.clone();
    if let Err(refusal) = edit(workstream, &mut after) {
        return Ok(refusal);
    }
    if after != before {
        header::next_generation(txn)?;
        txn.put_json(plans::progress_key(id), &after);
        txn.record(Event::new(context.now, session, event).with("name", id));
    }
    Ok(Outcome::Done)
}

fn report(
    workstream: &Workstream,
    progress: &mut Progress,
    (percent, text, milestone): (Option<u32>, Option<&str>, Option<&str>),
    session: &SessionName,
    context: &Context,
) -> Result<(), Outcome> {
    if let Some(id) = milestone {
        if !workstream.milestones.iter().any(|m| m.id == id) {
            let known: Vec<&str> = workstream.milestones.iter().map(|m| m.id.as_str()).collect();
            return Err(Outcome::Refused {
                rule: RuleId::UnknownMilestone,
                message: format!("{id:?} is not a milestone of {}", workstream.id.value),
                hint: format!("its milestones are: {}", known.join(", ")),
            });
        }
        progress.milestones.entry(id.to_owned()).or_insert(context.now);
    }
    let before = progress.report.as_ref();
    progress.report = Some(Report {
        percent: percent.map(|p| p.min(100)).or(before.and_then(|r| r.percent)),
        text: text.map(str::to_owned).or(before.and_then(|r| r.text.clone())),
        at: context.now,
        session: session.clone(),
    });
    Ok(())
}

/// A workstream begins: its session gets its areas and its queue.
fn launch(
    txn: &mut Txn<'_>,
    id: &str,
    (session, base, despite): (&SessionName, &str, &[String]),
    context: &Context,
) -> Result<Outcome, ViewError> {
    let applied = match current(txn)? {
        Ok(applied) => applied,
        Err(refusal) => return Ok(refusal),
    };
    let Some(workstream) = applied.plan.workstream(id) else { return Ok(unknown(id)) };
    let mut open = Vec::new();
    for need in &workstream.needs {
        if !despite.contains(&need.value) && !plans::progress(txn, &need.value)?.has_landed() {
            open.push(need.value.as_str());
        }
    }
    let mut progress = plans::progress(txn, id)?;
    if !open.is_empty() && progress.launched.is_none() {
        return Ok(Outcome::Refused {
            rule: RuleId::NeedsOpen,
            message: format!("{id} needs {}, which has not landed", open.join(", ")),
            hint: format!(
                "see what it waits for with: git coord plan ready; or begin all the same: git coord launch {id} --despite {}",
                open[0]
            ),
        });
    }
    let Some(mut record) = sessions::get(txn, session)? else {
        return Ok(Outcome::Unknown { what: "session".into(), name: session.to_string() });
    };
    record.areas = workstream.owns.iter().map(|o| o.value.clone()).filter(|o| !o.starts_with('!')).collect();
    if let Some(queue) = workstream.queue.as_deref().and_then(|q| QueueName::parse(q).ok()) {
        record.queues = vec![queue];
    }
    sessions::put(txn, &record);
    if !progress.sessions.contains(session) {
        progress.sessions.push(session.clone());
    }
    if progress.launched.is_none() {
        progress.launched = Some(context.now);
        progress.base = Some(base.to_owned());
    }
    if matches!(progress.stage, Stage::Planned | Stage::Dropped) {
        progress.stage = Stage::Active;
    }
    header::next_generation(txn)?;
    txn.put_json(plans::progress_key(id), &progress);
    let mut event = Event::new(context.now, Some(session), "launch").with("name", id).with("base", base);
    if !despite.is_empty() {
        event = event.with("despite", despite);
    }
    txn.record(event);
    Ok(Outcome::Done)
}
