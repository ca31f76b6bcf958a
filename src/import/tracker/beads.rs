//! beads' `.beads/issues.jsonl`: one issue a line.
//!
//! Its own rules (`bd ready`):
//! - `open` and `in_progress` are offered; `closed` and `tombstone` are finished.
//! - A dependency of type `blocks` (also `conditional-blocks`, `waits-for`) has to be closed first. `parent-child` hands on what the parent
//!   is blocked by; `related`, `discovered-from`, `tracks` say nothing about order.
//! - `deferred`, `blocked`, `pinned` and `hooked` are not offered: they are passed over with a note, and what depends on them waits.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use serde_json::Value;

use super::{Entry, entries, names};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::json::walk::{Lists, Scope};
use crate::model::ItemId;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "beads",
    about: "beads' issues.jsonl, bd list --json",
    sniff: |head| {
        let has = |key: &str| head.has(key) || head.elements_have(key);
        has("issue_type") && has("title") && has("status")
    },
    read: Read::By(read),
    skipped: "issues that are closed, deleted, deferred or blocked",
};

struct Issue {
    status: String,
    blockers: Vec<String>,
    parents: Vec<String>,
    entry: Entry,
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let issues = entries(input, &Lists::of(&["[]"]), collector, issue)?;
    let positions: HashMap<String, usize> =
        issues.iter().enumerate().map(|(n, i)| (i.entry.id.clone(), n)).collect();
    let needs: Vec<Vec<String>> = (0..issues.len()).map(|at| blockers(at, &issues, &positions)).collect();
    for (issue, needs) in issues.into_iter().zip(needs) {
        let mut entry = issue.entry;
        entry.needs = needs;
        match issue.status.as_str() {
            "closed" | "tombstone" => collector.finished(ItemId::parse(&entry.id).ok()),
            "deferred" | "blocked" | "pinned" | "hooked" => {
                collector.note(entry.line, format!("{}: {}, not imported", entry.id, issue.status));
                collector.skip();
            }
            _ => entry.give(collector),
        }
    }
    Ok(())
}

/// What an issue waits for: its own blockers, and those of the parents above it.
fn blockers(at: usize, issues: &[Issue], positions: &HashMap<String, usize>) -> Vec<String> {
    let (mut found, mut seen, mut open) = (Vec::new(), HashSet::new(), vec![at]);
    while let Some(next) = open.pop() {
        if !seen.insert(next) {
            continue;
        }
        let issue = &issues[next];
        for id in &issue.blockers {
            if !found.contains(id) {
                found.push(id.clone());
            }
        }
        open.extend(issue.parents.iter().filter_map(|id| positions.get(id)));
    }
    found
}

fn issue(scope: &Scope<'_>) -> Result<Issue, String> {
    let id = scope.text("id").ok_or("id: missing")?;
    let (mut blockers, mut parents) = (Vec::new(), Vec::new());
    for dependency in scope.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| dependency.get(name).and_then(Value::as_str);
        let Some(on) = text("depends_on_id").or(dependency.as_str()).filter(|on| *on != id) else { continue };
        match text("type").or(text("dependency_type")).unwrap_or("blocks") {
            "blocks" | "conditional-blocks" | "waits-for" => blockers.push(on.to_owned()),
            "parent-child" => parents.push(on.to_owned()),
            _ => {}
        }
    }
    let labels = names(scope.get("labels"));
    Ok(Issue {
        status: scope.text("status").unwrap_or_default().to_lowercase(),
        blockers,
        entry: Entry {
            line: scope.line,
            id,
            title: scope.text("title").unwrap_or_default(),
            priority: scope.number(&["priority"]).and_then(|n| u32::try_from(n).ok()),
            category: scope.text("issue_type"),
            group: parents.first().cloned(),
            needs: Vec::new(),
            texts: vec![
                ("description", scope.text("description")),
                ("design", scope.text("design")),
                ("acceptance_criteria", scope.text("acceptance_criteria")),
                ("notes", scope.text("notes")),
                ("labels", Some(labels.join(", "))),
            ],
        },
        parents,
    })
}
