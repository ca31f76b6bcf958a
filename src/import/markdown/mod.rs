//! Task lists in Markdown, such as `tasks.md` of spec-kit.
//!
//! ```text
//! ## Phase 2: Core
//! - [ ] T004 Set up the schema in `src/db/schema.rs`
//! - [ ] T005 [P] [US1] Model of users in src/models/user.rs
//! - [ ] T006 Routes (depends on T004, T007-T009)
//! - [x] T007 Done long ago
//! ## Phase 3: Docs (depends on Phase 1)
//! ```
//!
//! **What is read.** A task is a list entry with a box. Its id is the first word if that is
//! letters and digits (`T001`, `WS-2`); without one it gets its fingerprint. `[P]` marks it as
//! parallel; another label (`[US1]`) is its group, else the nearest heading inside the phase. Files
//! are what stands in backticks and looks like a path, and words with a slash and an ending.
//! Tasks that are ticked are not imported. Code blocks and comments are passed over.
//!
//! **Phases.** A heading that begins with `Phase` begins one, and so does any heading on its level
//! or above, below the title of the document. Where no heading says `Phase`, those of the second
//! level do. A phase without tasks is none.
//!
//! **What waits for what**, among the tasks that are not ticked:
//! 1. `(depends on T004, T007-T009)` says it for one task. Ticked ones are done; one that is not
//!    in the file makes the line a bad one. `(depends on Phase 1)` names all tasks of a phase,
//!    `(depends on nothing)` none.
//! 2. Otherwise, a task without `[P]` waits for the task without `[P]` before it in its phase. One
//!    with `[P]` waits for none of its phase.
//! 3. Each phase waits for all phases before it, unless its heading says `(depends on …)`: then
//!    for those alone. What a task says (1) never lets it start before its phase.

mod line;
mod order;

use std::collections::HashMap;
use std::io::BufRead;

use crate::model::{Item, ItemId, NewItem};

use super::ImportError;
use super::collect::Collector;
use super::format::Head;
use super::lines::for_each_line;
use super::severity::Severity;
use line::{Clause, Document, Task};

pub(super) fn sniff(head: &Head) -> bool {
    head.text.lines().any(|text| line::task(text).is_some())
        && !matches!(head.shape, super::format::Shape::Object { .. } | super::format::Shape::Array(_))
}

pub(super) fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut document = Document::default();
    for_each_line(input, collector, |number, line, collector| {
        document.add(number, &String::from_utf8_lossy(line), &collector.places);
        Ok(())
    })?;
    let mut items: Vec<Item> = document.tasks.iter().map(|task| item(task, &document)).collect();
    for (task, item) in document.tasks.iter().zip(&mut items) {
        item.id = match &task.id {
            Some(id) => id.clone(),
            None => collector.identify(item),
        };
    }
    let needs = order::needs(&document);
    for (index, needs) in needs.into_iter().enumerate() {
        let task = &document.tasks[index];
        match needs {
            _ if task.done => collector.skip(),
            Ok(needs) => {
                let mut item = items[index].clone();
                item.needs = needs.into_iter().map(|need| items[need].id.clone()).collect();
                let id = item.id.clone();
                let priority = Severity::UNKNOWN.priority();
                collector.item(task.line, NewItem { item, queue: None, priority }, Some(id));
            }
            Err(reason) => collector.bad(task.line, reason),
        }
    }
    Ok(())
}

fn item(task: &Task, document: &Document) -> Item {
    Item {
        id: ItemId::from_digest([0; 8]),
        title: task.title.clone(),
        severity: None,
        category: None,
        phase: document.phases[task.phase].name.clone(),
        group: task.group.clone(),
        rule: None,
        line: None,
        files: task.files.clone(),
        needs: Vec::new(),
        run: None,
        timeout: None,
        payload: None,
    }
}

/// The tasks and phases that a clause names, as positions.
///
/// # Errors
/// When one of them is not in the document, with the reason.
fn resolve(clause: &Clause, document: &Document, by_id: &HashMap<&str, usize>) -> Result<Vec<usize>, String> {
    let find = |id: &str| {
        by_id.get(id).copied().ok_or_else(|| format!("depends on {id}, which is not in this file"))
    };
    let mut found = Vec::new();
    for (first, last) in &clause.tasks {
        match last {
            None => found.push(find(first)?),
            Some(last) => {
                let (from, to) = (find(first)?, find(last)?);
                let inside = |task: &&usize| line::in_range(document.tasks[**task].id.as_ref(), first, last);
                found.extend([from, to]);
                found.extend(by_id.values().filter(inside));
            }
        }
    }
    for name in &clause.phases {
        let phase = document.phase(name);
        let phase = phase.ok_or_else(|| format!("depends on Phase {name}, which is not in this file"))?;
        found.extend((0..document.tasks.len()).filter(|t| document.tasks[*t].phase == phase));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests;
