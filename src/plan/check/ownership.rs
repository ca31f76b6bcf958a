//! Who owns what: two workstreams must not own one path, unless a conflict rule covers it.

use crate::model::RepoPath;
use crate::model::plan::Ownership;
use crate::model::plan::{Located, PlanFile, Rule, Workstream};
use crate::plan::problem::{Code, Problems, position};

use super::Facts;
use super::example::example;

pub(super) fn check(problems: &mut Problems<'_>, plan: &PlanFile, facts: &Facts) {
    let files: Vec<RepoPath> = facts.files.iter().filter_map(|f| RepoPath::parse(f).ok()).collect();
    let mut owners: Vec<(&Workstream, Ownership)> = Vec::new();
    for ws in &plan.workstreams {
        match Ownership::new(&texts(&ws.owns)) {
            Ok(ownership) => owners.push((ws, ownership)),
            Err((index, reason)) => {
                let path = format!("workstream.{}.owns", ws.id.value);
                problems.add(ws.owns[index].at, Code::Pattern, path, reason);
            }
        }
    }
    let covered = rules(problems, plan);
    for (n, a) in owners.iter().enumerate() {
        for b in &owners[n + 1..] {
            if let Some(path) = common(a, b, &files, &covered) {
                overlap(problems, a.0, b.0, &path);
            }
        }
    }
    let owned = |file: &RepoPath| owners.iter().any(|(_, ownership)| ownership.contains(file));
    let unowned = files.iter().filter(|f| !owned(f)).count();
    if unowned > 0 && plan.workstreams.iter().any(|ws| !ws.owns.is_empty()) {
        let reason = format!(
            "{unowned} of {} files of the base do not have an owner: any session may claim them",
            files.len()
        );
        problems.add(0, Code::Unowned, "workstream", reason);
    }
}

fn texts(list: &[Located<String>]) -> Vec<&str> {
    list.iter().map(|p| p.value.as_str()).collect()
}

/// The paths that conflict rules cover.
fn rules(problems: &mut Problems<'_>, plan: &PlanFile) -> Vec<Ownership> {
    let mut covered = Vec::new();
    for (n, rule) in plan.conflicts.iter().enumerate() {
        let path = format!("conflict.{}.paths", n + 1);
        match Ownership::new(&texts(&rule.paths)) {
            Ok(ownership) => covered.push(ownership),
            Err((index, reason)) => problems.add(rule.paths[index].at, Code::Pattern, path.clone(), reason),
        }
        if rule.rule == Rule::Both {
            for code in rule.paths.iter().filter(|p| !is_data(&p.value)) {
                let reason = format!(
                    "keeping both sides of {:?} can give text that is wrong; only gates will notice",
                    code.value
                );
                problems.add(code.at, Code::KeepBoth, path.clone(), reason);
            }
        }
    }
    covered
}

/// True for kinds of files in which lines of both sides are usually right.
fn is_data(pattern: &str) -> bool {
    let ending = pattern.rsplit('.').next().unwrap_or_default();
    matches!(ending, "md" | "txt" | "rst" | "csv" | "tsv" | "jsonl" | "gitignore" | "gitattributes")
}

/// A path that both own and that no rule covers: a file of the base, or one made up from a pattern.
fn common(
    a: &(&Workstream, Ownership),
    b: &(&Workstream, Ownership),
    files: &[RepoPath],
    covered: &[Ownership],
) -> Option<RepoPath> {
    let both = |path: &RepoPath| {
        a.1.contains(path) && b.1.contains(path) && !covered.iter().any(|rule| rule.contains(path))
    };
    let patterns = a.0.owns.iter().chain(&b.0.owns);
    let examples = patterns.filter_map(|p| RepoPath::parse(&example(&p.value)?).ok());
    files.iter().find(|f| both(f)).cloned().or_else(|| examples.into_iter().find(|p| both(p)))
}

fn overlap(problems: &mut Problems<'_>, a: &Workstream, b: &Workstream, path: &RepoPath) {
    let pattern = |ws: &Workstream| {
        let matching = |p: &&Located<String>| {
            Ownership::new(&[p.value.as_str()]).is_ok_and(|ownership| ownership.contains(path))
        };
        ws.owns.iter().find(matching).cloned().unwrap_or_default()
    };
    let (first, second) = (pattern(a), pattern(b));
    let (line, _) = position(problems.text(), first.at);
    let reason = format!(
        "{} ({}, line {line}) and {} ({}) both own {path}; exclude it from one with \"!{path}\", or add a [[conflict]] rule",
        first.value, a.id.value, second.value, b.id.value
    );
    problems.add(second.at, Code::Overlap, format!("workstream.{}.owns", b.id.value), reason);
}
