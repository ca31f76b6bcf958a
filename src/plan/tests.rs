//! The example plans as they are, and one broken plan for each kind of problem.

use std::collections::BTreeMap;

use super::*;
use crate::model::plan::{Estimate, PlanFile};

fn example(name: &str) -> (String, PlanFile) {
    let path = format!("{}/examples/plans/{name}/coord.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (plan, problems) = parse(&text);
    assert_eq!(problems, [], "{name}");
    (text, plan)
}

/// Codes and lines of all problems of a text.
fn problems(text: &str) -> Vec<(Code, usize, String)> {
    let (plan, mut found) = parse(text);
    found.extend(check(text, &plan, &Facts::default()));
    found.into_iter().map(|p| (p.code, p.line, p.reason)).collect()
}

#[track_caller]
fn has(text: &str, code: Code, line: usize, word: &str) {
    let found = problems(text);
    let fits = |(c, l, reason): &(Code, usize, String)| *c == code && *l == line && reason.contains(word);
    assert!(found.iter().any(fits), "{code:?} in line {line} with {word:?} is not among {found:#?}");
}

#[test]
fn seven_workstreams_take_seven_days_and_one_has_to_be_quick() {
    let (text, plan) = example("seven");
    let schedule = schedule(&plan, &BTreeMap::new());
    assert_eq!(schedule.sequence_days, [25.0, 26.0]);
    assert_eq!((schedule.length_days.estimates, schedule.length_days.waves), (7.0, Some(7)));
    assert_eq!(schedule.critical, ["TD4"]);
    assert!(schedule.fits);
    let chain = schedule.chains.iter().find(|c| c.ids == ["TD2", "TD1", "TD3"]).unwrap();
    assert_eq!(chain.days, [5.0, 6.0]);
    let late: Vec<String> = check(&text, &plan, &Facts::default())
        .into_iter()
        .filter(|p| p.code == Code::LateWave)
        .map(|p| p.reason)
        .collect();
    assert_eq!(
        late,
        [
            "TD1 ends on day 3 to 4 by its estimate, but wave 2 is on day 3",
            "TD3 ends on day 5 to 6 by its estimate, but wave 3 is on day 5",
        ]
    );
    assert!(check(&text, &plan, &Facts::default()).iter().all(|p| p.code.is_warning()));
}

#[test]
fn four_workstreams_by_estimates_by_waves_and_in_hours() {
    let (text, mut plan) = example("four");
    let days = schedule(&plan, &BTreeMap::new());
    assert_eq!(days.sequence_days, [13.0, 13.0]);
    assert_eq!((days.length_days.estimates, days.length_days.waves), (5.0, Some(7)));
    let warnings = |plan: &PlanFile| -> Vec<(Code, String)> {
        check(&text, plan, &Facts::default()).into_iter().map(|p| (p.code, p.reason)).collect()
    };
    let late = "W1 ends on day 5 by its estimate, but wave 1 is on day 3";
    assert_eq!(warnings(&plan), [(Code::LateWave, late.to_owned())]);
    for (id, hours) in [("W1", "8h-12h"), ("W2", "6h-8h"), ("W3", "4h-6h"), ("W4", "6h-8h")] {
        plan.workstreams.iter_mut().find(|w| w.id.value == id).unwrap().estimate =
            Estimate::parse(hours).ok();
    }
    assert_eq!(schedule(&plan, &BTreeMap::new()).sequence_days, [3.0, 4.25], "24 to 34 hours");
    assert_eq!(warnings(&plan), []);
}

#[test]
fn what_if_moves_what_depends_on_it() {
    let (_, plan) = example("seven");
    let late = BTreeMap::from([("TD2".to_owned(), Estimate::parse("3d").unwrap())]);
    let (before, after) = (schedule(&plan, &BTreeMap::new()), schedule(&plan, &late));
    let moved: Vec<&str> = (before.rows.iter().zip(&after.rows))
        .filter(|(a, b)| a.end != b.end)
        .map(|(a, _)| a.id.as_str())
        .collect();
    assert_eq!(moved, ["TD2", "TD1", "TD3", "WS2"]);
    assert_eq!(after.length_days.estimates, 7.0);
    let row = |s: &Schedule, id: &str| s.rows.iter().find(|r| r.id == id).unwrap().clone();
    assert_eq!((row(&before, "TD3").slack, row(&after, "TD3").slack), (1.0, 0.0));
    assert_eq!(row(&before, "TD1").slack, 1.0);
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let head = "[plan]\nname = \"p\"\ndays = 5\n";
    has(
        "[plan]\nname = \"p\"\n[workstream.A]\nneds = [\"B\"]\n",
        Code::UnknownField,
        4,
        "did you mean \"needs\"?",
    );
    has("[plan]\nname = 7\n", Code::Type, 2, "expected a string");
    has("[plan]\ndays = 5\n", Code::Missing, 1, "needs a name");
    has("[workstream.A]\nestimate = \"2w\"\n", Code::Duration, 2, "is not an estimate");
    has("[gate.g]\nrun = \"x\"\ntime = \"soon\"\n", Code::Duration, 3, "soon");
    has(&format!("{head}[[wave]]\nday = 9\nmerge = []\n"), Code::Day, 4, "after the plan's 5 days");
    has("[[wave]]\nmerge = [\"TD9\"]\n", Code::UnknownWorkstream, 2, "wave 1 merges \"TD9\"");
    has("[[wave]]\nmerge = []\ngates = [\"tests\"]\n", Code::UnknownGate, 3, "tests");
    has(
        "[workstream.A]\nneeds = [\"B\"]\n[workstream.B]\nneeds = [\"A\"]\n",
        Code::Cycle,
        2,
        "B needs A (line 4)",
    );
    has(
        "[workstream.A]\n[workstream.B]\n[[wave]]\nmerge = [\"A\"]\n",
        Code::NeverMerged,
        2,
        "B is not merged",
    );
    let order = "[workstream.A]\nneeds = [\"B\"]\n[workstream.B]\n[[wave]]\nmerge = [\"A\"]\n[[wave]]\nmerge = [\"B\"]\n";
    has(order, Code::WaveOrder, 5, "lands in wave 2 only");
    has(
        "[workstream.A]\n[[wave]]\nmerge = [\"A\"]\n[[wave]]\nmerge = [\"A\"]\n",
        Code::MergedTwice,
        5,
        "continuous",
    );
    let overlap = "[workstream.A]\nowns = [\"src/a.py\"]\n[workstream.B]\nowns = [\"src/**\"]\n";
    has(overlap, Code::Overlap, 4, "src/a.py (A, line 2) and src/** (B)");
    has("[workstream.A]\nowns = [\"src/[\"]\n", Code::Pattern, 2, "src/[");
    has("[workstream.A]\nbranch = \"x\"\n[workstream.B]\nbranch = \"x\"\n", Code::SameBranch, 4, "A");
    has(
        "[workstream.A]\nworktree = \"../x\"\n[workstream.B]\nworktree = \"../x\"\n",
        Code::SameWorktree,
        4,
        "A",
    );
    has("[workstream.A]\nbranch = \"a..b\"\n", Code::BadRef, 2, "a..b");
    has("[workstream.\"a b\"]\n", Code::Name, 1, "letters");
    has("[gate.g]\ntime = \"5m\"\n", Code::GateEmpty, 1, "checks nothing");
    has("[gate.g]\nrun = \"pytest\"\ntests = \"j.xml\"\n", Code::GateFile, 1, "{results}/j.xml");
    has("[gate.g]\nrun = \"x\"\nresults = \"nunit:x\"\n", Code::Type, 3, "junit");
    has("[[conflict]]\npaths = [\"a\"]\n", Code::Missing, 1, "prefer");
    has(
        "[[conflict]]\npaths = [\"a\"]\nprefer = \"A\"\nkeep = \"both\"\n",
        Code::Type,
        4,
        "not prefer and keep",
    );
    has("[[conflict]]\npaths = [\"a.py\"]\nkeep = \"both\"\n", Code::KeepBoth, 2, "gates");
    has("[target.t]\nvalue = \"x\"\nmax = 1\n", Code::Type, 2, "gate:");
    has("[risk.R]\nseverity = \"bad\"\n", Code::Type, 2, "critical");
    has("a = \n[plan]\nname = \"p\"\n", Code::Toml, 1, "");
    has(
        &format!("{head}[workstream.A]\nestimate = \"9d\"\n"),
        Code::DoesNotFit,
        1,
        "9 d do not fit into 5 d",
    );
    has("[workstream.A]\n[[wave]]\nmerge = [\"A\"]\n", Code::NoGate, 2, "without a gate");
}

#[test]
fn a_rule_for_the_common_path_allows_two_owners() {
    let owners = "[workstream.A]\nowns = [\"src/a.py\"]\n[workstream.B]\nowns = [\"src/**\"]\n";
    let rule = "[[conflict]]\npaths = [\"src/a.py\"]\nask = [\"A\", \"B\"]\n";
    assert!(problems(owners).iter().any(|p| p.0 == Code::Overlap));
    assert!(problems(&format!("{owners}{rule}")).iter().all(|p| p.0.is_warning()));
}

#[test]
fn facts_of_the_repository_are_checked() {
    let text =
        "[workstream.A]\nbranch = \"x\"\nworktree = \"../x\"\nprompt = \"docs/a.md\"\nowns = [\"src\"]\n";
    let (plan, none) = parse(text);
    assert_eq!(none, []);
    let set = |word: &str| [word.to_owned()].into();
    let facts = Facts {
        files: vec!["src/a".into(), "README".into()],
        branches: set("x"),
        folders: set("../x"),
        missing_prompts: set("docs/a.md"),
    };
    let codes: Vec<Code> = check(text, &plan, &facts).iter().map(|p| p.code).collect();
    assert_eq!(codes, [Code::Unowned, Code::BranchTaken, Code::WorktreeTaken, Code::PromptMissing]);
}

#[test]
fn a_plan_is_the_same_after_it_was_stored() {
    for name in ["seven", "four"] {
        let (_, plan) = example(name);
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<PlanFile>(&stored).unwrap(), plan, "{name}");
    }
}
