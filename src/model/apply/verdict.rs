//! Keeping verdicts, baselines and tests that may fail.

use crate::model::base::{Context, Event, EventKind, RuleId, Txn, View as _, ViewError};
use crate::model::ops::Outcome;
use crate::model::ops::verdict::GateOp;
use crate::model::records::header;
use crate::model::records::verdict::{self, ALLOWED_KEY, AllowedTest, Baseline, KEPT, Verdict};

use super::refusal::{Ruling, Stop, refused};

/// Applies one of them.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn gate(txn: &mut Txn<'_>, op: &GateOp, context: &Context) -> Ruling {
    match op {
        GateOp::Verdict { verdict, tests } => keep(txn, verdict, tests, context),
        GateOp::Baseline(baseline) => record(txn, baseline, context),
        GateOp::Allow(allowed) => allow(txn, allowed, context),
    }
}

fn unnamed(gate: &str) -> Stop {
    let message = format!("{gate:?} cannot be the name of a gate");
    refused(RuleId::GateName, message, "use letters, digits, '-', '_' and '.'")
}

fn keep(txn: &mut Txn<'_>, found: &Verdict, tests: &str, context: &Context) -> Ruling {
    if !verdict::is_name(&found.gate) || !verdict::is_name(&found.tree) || !verdict::is_name(&found.key) {
        return Err(unnamed(&found.gate));
    }
    make_room(txn, found)?;
    let stem = verdict::stem(&found.gate, &found.tree, &found.key);
    txn.put_json(format!("{stem}.json"), found);
    let list = format!("{stem}.tests");
    if tests.is_empty() {
        txn.remove(list)
    } else {
        txn.put(list, tests.as_bytes())
    }
    header::next_generation(txn)?;
    let event = Event::new(context.now, found.by.as_ref(), EventKind::Gate)
        .with("gate", &found.gate)
        .with("tree", &found.tree)
        .with("result", found.result);
    txn.record(event);
    Ok(Outcome::Done)
}

/// Lets others go when a gate has too many verdicts. Which does not matter: they are a memory.
fn make_room(txn: &mut Txn<'_>, found: &Verdict) -> Result<(), ViewError> {
    let folder = format!("verdicts/{}", found.gate);
    let kept: Vec<String> =
        txn.list(&folder)?.into_iter().map(|e| e.name).filter(|name| name.ends_with(".json")).collect();
    for name in kept.iter().take((kept.len() + 1).saturating_sub(KEPT)) {
        let stem = name.trim_end_matches(".json");
        txn.remove(format!("{folder}/{stem}.json"));
        txn.remove(format!("{folder}/{stem}.tests"));
    }
    Ok(())
}

fn record(txn: &mut Txn<'_>, baseline: &Baseline, context: &Context) -> Ruling {
    txn.put_json(verdict::baseline_key(&baseline.branch), baseline);
    header::next_generation(txn)?;
    let event = Event::new(context.now, None, EventKind::Baseline)
        .with("branch", &baseline.branch)
        .with("tree", &baseline.tree);
    txn.record(event);
    Ok(Outcome::Done)
}

fn allow(txn: &mut Txn<'_>, allowed: &AllowedTest, context: &Context) -> Ruling {
    if !verdict::is_name(&allowed.gate) {
        return Err(unnamed(&allowed.gate));
    }
    let mut list = verdict::allowed(txn)?;
    list.retain(|a| a.until > context.now && (&a.gate, &a.test) != (&allowed.gate, &allowed.test));
    list.push(allowed.clone());
    txn.put_json(ALLOWED_KEY, &list);
    header::next_generation(txn)?;
    let event = Event::new(context.now, allowed.by.as_ref(), EventKind::Allow)
        .with("gate", &allowed.gate)
        .with("test", &allowed.test)
        .with("reason", &allowed.reason);
    txn.record(event);
    Ok(Outcome::Done)
}
