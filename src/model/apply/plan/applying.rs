//! Applying a plan: what has changed since the one before, and what must not change any more.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::base::{Event, RuleId, SessionName, Txn, ViewError, to_json};
use crate::model::ops::Outcome;
use crate::model::ops::plan::{ApplyPlan, PlanChange};
use crate::model::records::header;
use crate::model::records::plan::{self as plans, Applied, PlanFile, Stage};

use crate::model::base::Context;

/// The differences between two plans, in the order of the file.
pub fn changes(before: Option<&PlanFile>, after: &PlanFile) -> Vec<PlanChange> {
    let empty = PlanFile::default();
    let before = before.unwrap_or(&empty);
    let mut list = Vec::new();
    let header = |p: &PlanFile| p.plan.iter().map(|h| (String::new(), value(h))).collect();
    compare(&mut list, "plan", header(before), header(after));
    let named = |p: &PlanFile| p.workstreams.iter().map(|w| (w.id.value.clone(), value(w))).collect();
    compare(&mut list, "workstream", named(before), named(after));
    compare(&mut list, "wave", numbered(&before.waves), numbered(&after.waves));
    let named = |p: &PlanFile| p.gates.iter().map(|g| (g.name.value.clone(), value(g))).collect();
    compare(&mut list, "gate", named(before), named(after));
    compare(&mut list, "conflict", numbered(&before.conflicts), numbered(&after.conflicts));
    let named = |p: &PlanFile| p.targets.iter().map(|t| (t.name.value.clone(), value(t))).collect();
    compare(&mut list, "target", named(before), named(after));
    let named = |p: &PlanFile| p.risks.iter().map(|r| (r.id.value.clone(), value(r))).collect();
    compare(&mut list, "risk", named(before), named(after));
    list
}

type Entries = Vec<(String, Map<String, Value>)>;

fn value<T: Serialize>(record: &T) -> Map<String, Value> {
    match serde_json::from_slice(&to_json(record)) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn numbered<T: Serialize>(list: &[T]) -> Entries {
    list.iter().enumerate().map(|(n, entry)| ((n + 1).to_string(), value(entry))).collect()
}

fn compare(list: &mut Vec<PlanChange>, what: &str, before: Entries, after: Entries) {
    let entry = |id: &str, field: Option<&str>, from: Value, to: Value| PlanChange {
        what: what.to_owned(),
        id: id.to_owned(),
        field: field.map(str::to_owned),
        from,
        to,
    };
    for (id, new) in &after {
        let Some((_, old)) = before.iter().find(|(known, _)| known == id) else {
            list.push(entry(id, None, Value::Null, Value::Object(new.clone())));
            continue;
        };
        let fields = new.keys().chain(old.keys().filter(|k| !new.contains_key(*k)));
        for field in fields {
            let (from, to) = (old.get(field), new.get(field));
            if from != to {
                let or_null = |v: Option<&Value>| v.cloned().unwrap_or(Value::Null);
                list.push(entry(id, Some(field), or_null(from), or_null(to)));
            }
        }
    }
    for (id, old) in before {
        if !after.iter().any(|(known, _)| *known == id) {
            list.push(entry(&id, None, Value::Object(old), Value::Null));
        }
    }
}

/// Makes a plan the plan.
pub(super) fn apply(txn: &mut Txn<'_>, words: &ApplyPlan, context: &Context) -> Result<Outcome, ViewError> {
    let before = plans::applied(txn)?;
    let version = before.as_ref().map_or(0, |a| a.version);
    if let Some(current) = &before
        && current.plan == words.plan
        && current.file == words.file
        && current.archived.is_none()
    {
        return Ok(Outcome::PlanApplied { version, changes: Vec::new() });
    }
    if version != words.based_on {
        return Ok(Outcome::Refused {
            rule: RuleId::PlanMoved,
            message: format!("another plan was applied meanwhile: version {version}, not {}", words.based_on),
            hint: "compare with it, then apply again: git coord plan apply --dry-run".into(),
        });
    }
    let binding = before.filter(|a| a.archived.is_none());
    if let Some(current) = binding.as_ref().filter(|a| a.file != words.file && !words.replace) {
        return Ok(Outcome::Refused {
            rule: RuleId::PlanExists,
            message: format!(
                "a plan from {} is in force; {} would be a second one",
                current.file, words.file
            ),
            hint: "one plan is the source of truth: change that file, or replace it with --replace".into(),
        });
    }
    if let Some(refusal) = history(txn, binding.as_ref(), &words.plan)? {
        return Ok(refusal);
    }
    let list = changes(binding.as_ref().map(|a| &a.plan), &words.plan);
    header::next_generation(txn)?;
    let applied = Applied {
        version: version + 1,
        at: context.now,
        by: words.by.clone(),
        file: words.file.clone(),
        plan: words.plan.clone(),
        archived: None,
    };
    txn.put_json(plans::PLAN, &applied);
    txn.put(plans::SOURCE, words.source.clone().into_bytes());
    txn.record(
        Event::new(context.now, words.by.as_ref(), "plan apply")
            .with("name", &words.file)
            .with("version", applied.version)
            .with("changes", list.len()),
    );
    Ok(Outcome::PlanApplied { version: applied.version, changes: list })
}

/// What has begun keeps its branch; what has landed is history; neither is removed by a new text.
fn history(txn: &Txn<'_>, before: Option<&Applied>, after: &PlanFile) -> Result<Option<Outcome>, ViewError> {
    let Some(before) = before else { return Ok(None) };
    for old in &before.plan.workstreams {
        let id = old.id.value.as_str();
        let progress = plans::progress(txn, id)?;
        if matches!(progress.stage, Stage::Planned | Stage::Dropped) {
            continue;
        }
        let landed = progress.stage == Stage::Landed;
        let refuse = |message: String, hint: String| {
            let rule = if landed { RuleId::Landed } else { RuleId::Launched };
            Ok(Some(Outcome::Refused { rule, message, hint }))
        };
        let Some(new) = after.workstream(id) else {
            let hint = format!("keep it in the file, or give it up first: git coord plan drop {id}");
            return refuse(format!("{id} has begun and is not in the new plan"), hint);
        };
        if new.branch.value != old.branch.value {
            let hint = format!("keep branch = {:?}", old.branch.value);
            return refuse(format!("{id} has begun on branch {}", old.branch.value), hint);
        }
        if landed && new.needs != old.needs {
            return refuse(
                format!("{id} has landed: its needs are history"),
                "leave its needs as they are".into(),
            );
        }
    }
    for (n, old) in before.plan.waves.iter().enumerate() {
        if plans::wave(txn, n + 1)?.landed.is_some()
            && after.waves.get(n).map(|w| &w.merge) != Some(&old.merge)
        {
            return Ok(Some(Outcome::Refused {
                rule: RuleId::Landed,
                message: format!("wave {} has landed: what it merges is history", n + 1),
                hint: "add further waves after it".into(),
            }));
        }
    }
    Ok(None)
}

/// Ends the plan.
pub(super) fn archive(
    txn: &mut Txn<'_>,
    by: Option<&SessionName>,
    context: &Context,
) -> Result<Outcome, ViewError> {
    let mut applied = match super::current(txn)? {
        Ok(applied) => applied,
        Err(refusal) => return Ok(refusal),
    };
    applied.archived = Some(context.now);
    header::next_generation(txn)?;
    txn.put_json(plans::PLAN, &applied);
    txn.record(Event::new(context.now, by, "plan archive").with("version", applied.version));
    Ok(Outcome::Done)
}
