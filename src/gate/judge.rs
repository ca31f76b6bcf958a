//! What the runs of a gate come to, compared with the base. Pure.
//!
//! Red is red when it fails, fails again in the same place, and passes on the base: a gate that blames the
//! innocent is switched off by those it blames. What could not run, or does not say what it had to, is
//! broken: it never passes and blames nobody.

use std::collections::BTreeSet;

use crate::exec::End;
use crate::model::RuleId;
use crate::model::plan::{Flaky, Gate};
use crate::model::verdict::{GateResult, NAMED, TestCounts};

use super::execute::{Ran, how};
use super::results::{Outcomes, Status};

/// One run, judged by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Single {
    Passed,
    /// These tests failed; empty: its exit status or a limit says so.
    Failed(BTreeSet<String>, String),
    Broken(String),
    Timeout,
}

/// The shells' words for "not found" and "cannot be executed".
const COULD_NOT_RUN: [i32; 2] = [126, 127];

/// Judges one run by itself.
pub(super) fn single(gate: &Gate, ran: &Ran) -> Single {
    match &ran.end {
        End::NotStarted(why) => return Single::Broken(why.clone()),
        End::Exit(status) if COULD_NOT_RUN.contains(status) => return Single::Broken(how(ran)),
        End::TimeLimit => return Single::Timeout,
        _ => {}
    }
    let outcomes = match &ran.outcomes {
        Ok(outcomes) => outcomes.as_ref(),
        Err(why) => return Single::Broken(format!("{why} ({})", how(ran))),
    };
    if let Some(why) = ran.broken.first() {
        return Single::Broken(why.clone());
    }
    let mut failing = BTreeSet::new();
    if let Some(outcomes) = outcomes {
        let findings = gate.results.iter().all(|file| file.format.as_deref() == Some("sarif"));
        let least = gate.min_tests.unwrap_or(u32::from(!findings)) as usize;
        if outcomes.executed() < least {
            return Single::Broken(format!(
                "{} of at least {least} tests ran ({})",
                outcomes.executed(),
                how(ran)
            ));
        }
        if let Some(gone) =
            gate.must_pass.iter().find(|id| !matches!(outcomes.get(id), Some(s) if s != Status::Skipped))
        {
            return Single::Broken(format!("{gone} must pass, and did not run"));
        }
        failing.extend(outcomes.iter().filter(|(_, s)| *s == Status::Failed).map(|(id, _)| id.to_owned()));
    }
    match (&ran.end, failing.is_empty(), ran.faults.first()) {
        (End::Exit(0), true, None) => Single::Passed,
        (_, false, _) => Single::Failed(failing, how(ran)),
        (_, true, Some(fault)) => Single::Failed(failing, fault.clone()),
        (_, true, None) => Single::Failed(failing, how(ran)),
    }
}

/// What is known of the base.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    /// True when the gate failed there.
    pub red: bool,
    /// Its tests there, when it reports any.
    pub tests: Option<Outcomes>,
}

/// What all runs come to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub result: GateResult,
    pub rule: Option<RuleId>,
    pub why: Option<String>,
    pub tests: TestCounts,
    pub failing: Vec<String>,
    pub known: Vec<String>,
    pub regressions: Vec<String>,
}

impl Judged {
    fn of(result: GateResult, rule: Option<RuleId>, why: Option<String>) -> Self {
        let none = Vec::new;
        let (failing, known, regressions) = (none(), none(), none());
        Judged { result, rule, why, tests: TestCounts::default(), failing, known, regressions }
    }
}

/// What red needs to be known of: whether another run is of use.
pub(super) fn is_red(single: &Single) -> bool {
    matches!(single, Single::Failed(..) | Single::Timeout)
}

/// Judges runs of one tree, the last of which has `last` as its tests. `base`: `None`, nothing is known of it.
/// `excused`: true for a test that is allowed to fail or to be gone.
pub(super) fn judge(
    gate: &Gate,
    runs: &[Single],
    last: Option<&Outcomes>,
    base: Option<&Base>,
    allowed: &dyn Fn(&str) -> bool,
    moved: &dyn Fn(&str) -> bool,
) -> Judged {
    let mut judged = verdict(gate, runs, base, allowed);
    if let Some(last) = last {
        judged.tests = counts(last, base.and_then(|base| base.tests.as_ref()), moved);
        if judged.result.passes() && !judged.tests.vanished.is_empty() {
            judged.result = GateResult::Failed;
            judged.rule = Some(RuleId::VanishedTests);
            let gone = judged.tests.vanished.len();
            judged.why = Some(format!("{gone} tests that passed on the base are gone"));
        }
    }
    for list in [&mut judged.failing, &mut judged.known, &mut judged.regressions] {
        list.truncate(NAMED);
    }
    judged.tests.new.truncate(NAMED);
    judged.tests.vanished.truncate(NAMED);
    judged
}

fn verdict(gate: &Gate, runs: &[Single], base: Option<&Base>, allowed: &dyn Fn(&str) -> bool) -> Judged {
    if let Some(Single::Broken(why)) = runs.iter().find(|run| matches!(run, Single::Broken(_))) {
        return Judged::of(GateResult::Broken, Some(RuleId::GateBroken), Some(why.clone()));
    }
    if runs.iter().all(|run| *run == Single::Passed) {
        return Judged::of(GateResult::Passed, None, None);
    }
    if runs.iter().all(|run| *run == Single::Timeout) {
        let why = format!("it took longer than {} s", gate.time);
        return Judged::of(GateResult::Timeout, Some(RuleId::GateFailed), Some(why));
    }
    let failed: Vec<(&BTreeSet<String>, &String)> = runs
        .iter()
        .filter_map(|run| match run {
            Single::Failed(tests, why) => Some((tests, why)),
            _ => None,
        })
        .collect();
    let steady = failed.len() == runs.len();
    // A test that failed in one run only is flaky, whatever else is red.
    let mut red: BTreeSet<String> = failed.first().map(|(tests, _)| (*tests).clone()).unwrap_or_default();
    for (tests, _) in &failed {
        red.retain(|id| tests.contains(id));
    }
    let by_status = failed.iter().any(|(tests, _)| tests.is_empty());
    let why = failed.last().map(|(_, why)| (*why).clone());
    if !steady || (red.is_empty() && !by_status) {
        return match gate.flaky {
            Flaky::Allow => Judged::of(GateResult::Flaky, None, why),
            Flaky::Refuse => {
                Judged::of(GateResult::Failed, Some(RuleId::GateFailed), why.map(|w| format!("flaky: {w}")))
            }
        };
    }
    compared(gate, red, why, base, allowed)
}

/// What fails steadily, compared with the base.
fn compared(
    gate: &Gate,
    red: BTreeSet<String>,
    why: Option<String>,
    base: Option<&Base>,
    allowed: &dyn Fn(&str) -> bool,
) -> Judged {
    let before = |id: &str| base.and_then(|base| base.tests.as_ref()?.get(id));
    let known: Vec<String> =
        red.iter().filter(|id| before(id) == Some(Status::Failed) || allowed(id)).cloned().collect();
    let regressions: Vec<String> = red
        .iter()
        .filter(|id| matches!(before(id), Some(Status::Passed | Status::Flaky)) && !allowed(id))
        .cloned()
        .collect();
    let failing: Vec<String> = red.iter().cloned().collect();
    let mut judged = if red.is_empty() && base.is_some_and(|base| base.red) {
        if gate.pass_when_base_red {
            Judged::of(GateResult::KnownRed, None, why)
        } else {
            Judged::of(GateResult::Failed, Some(RuleId::BaselineRed), why)
        }
    } else if !red.is_empty() && known.len() == red.len() {
        Judged::of(GateResult::KnownRed, None, why)
    } else if !regressions.is_empty() {
        Judged::of(GateResult::Failed, Some(RuleId::Regression), why)
    } else {
        Judged::of(GateResult::Failed, Some(RuleId::GateFailed), why)
    };
    (judged.failing, judged.known, judged.regressions) = (failing, known, regressions);
    judged
}

fn counts(now: &Outcomes, base: Option<&Outcomes>, moved: &dyn Fn(&str) -> bool) -> TestCounts {
    let count = |status| now.count(status) as u64;
    let mut counts = TestCounts {
        passed: count(Status::Passed) + count(Status::Flaky),
        failed: count(Status::Failed),
        skipped: count(Status::Skipped),
        ..TestCounts::default()
    };
    if let Some(base) = base {
        let fresh = now.iter().filter(|(id, _)| base.get(id).is_none());
        counts.new = fresh.map(|(id, _)| id.to_owned()).collect();
        let gone = base.iter().filter(|(id, status)| {
            matches!(status, Status::Passed | Status::Flaky) && now.get(id).is_none() && !moved(id)
        });
        counts.vanished = gone.map(|(id, _)| id.to_owned()).collect();
    }
    counts
}

/// True when a change of these paths accounts for a test that is gone: its file, or its module, is among
/// them.
pub(super) fn accounts_for(changed: &[String], id: &str) -> bool {
    changed.iter().any(|path| {
        if id.contains(path.as_str()) {
            return true;
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = name.split('.').next().unwrap_or(name);
        let words = id.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        !stem.is_empty() && words.into_iter().any(|word| word == stem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(list: &[(&str, Status)]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        list.iter().for_each(|(id, status)| outcomes.add(id, *status));
        outcomes
    }

    fn failed(ids: &[&str]) -> Single {
        Single::Failed(ids.iter().map(|id| (*id).to_owned()).collect(), "exit status 1".into())
    }

    fn gate() -> Gate {
        crate::plan::parse("[gate.t]\nrun = \"true\"\n").0.gates.remove(0)
    }

    fn of(runs: &[Single], base: Option<&Base>) -> (GateResult, Option<RuleId>) {
        let judged = judge(&gate(), runs, None, base, &|_| false, &|_| false);
        (judged.result, judged.rule)
    }

    #[test]
    fn red_is_what_fails_twice_and_passes_on_the_base() {
        let base = Base { red: true, tests: Some(tests(&[("a", Status::Passed), ("old", Status::Failed)])) };
        let red = |ids: &[&str]| of(&[failed(ids), failed(ids)], Some(&base));
        assert_eq!(red(&["a"]), (GateResult::Failed, Some(RuleId::Regression)));
        assert_eq!(red(&["old"]), (GateResult::KnownRed, None));
        assert_eq!(red(&["old", "new"]), (GateResult::Failed, Some(RuleId::GateFailed)));
        assert_eq!(red(&["old", "a"]), (GateResult::Failed, Some(RuleId::Regression)));
        // By its exit status alone.
        assert_eq!(red(&[]), (GateResult::Failed, Some(RuleId::BaselineRed)));
        assert_eq!(of(&[failed(&[]), failed(&[])], None), (GateResult::Failed, Some(RuleId::GateFailed)));
        assert_eq!(
            of(&[failed(&["a"]), failed(&["a"])], None),
            (GateResult::Failed, Some(RuleId::GateFailed))
        );
    }

    #[test]
    fn what_fails_once_is_flaky_and_what_cannot_run_is_broken() {
        assert_eq!(of(&[failed(&["a"]), Single::Passed], None).0, GateResult::Flaky);
        // Another test each time.
        assert_eq!(of(&[failed(&["a"]), failed(&["b"])], None).0, GateResult::Flaky);
        let broken = Single::Broken("exit status 127".into());
        assert_eq!(of(&[failed(&["a"]), broken], None), (GateResult::Broken, Some(RuleId::GateBroken)));
        assert_eq!(of(&[Single::Timeout, Single::Timeout], None).0, GateResult::Timeout);
        let strict = Gate { flaky: Flaky::Refuse, ..gate() };
        let judged = judge(&strict, &[failed(&["a"]), Single::Passed], None, None, &|_| false, &|_| false);
        assert_eq!(judged.result, GateResult::Failed);
    }

    #[test]
    fn tests_that_are_gone_are_red_unless_the_change_accounts_for_it() {
        let base = Base {
            red: false,
            tests: Some(tests(&[("a.py::one", Status::Passed), ("b.py::two", Status::Passed)])),
        };
        let now = tests(&[("b.py::two", Status::Passed), ("c.py::three", Status::Passed)]);
        let of = |changed: &[&str]| {
            let changed: Vec<String> = changed.iter().map(|p| (*p).to_owned()).collect();
            judge(&gate(), &[Single::Passed], Some(&now), Some(&base), &|_| false, &|id| {
                accounts_for(&changed, id)
            })
        };
        let gone = of(&["z.py"]);
        assert_eq!((gone.result, gone.rule), (GateResult::Failed, Some(RuleId::VanishedTests)));
        assert_eq!(
            (gone.tests.vanished, gone.tests.new),
            (vec!["a.py::one".into()], vec!["c.py::three".into()])
        );
        assert_eq!(of(&["tests/a.py"]).result, GateResult::Passed);
    }

    #[test]
    fn a_test_may_be_allowed_to_fail() {
        let runs = [failed(&["a"]), failed(&["a"])];
        let judged = judge(&gate(), &runs, None, None, &|id| id == "a", &|_| false);
        assert_eq!((judged.result, judged.known), (GateResult::KnownRed, vec!["a".to_owned()]));
    }
}
