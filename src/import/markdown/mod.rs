//! Task lists in Markdown, such as `tasks.md` of spec-kit, of Kiro and of OpenSpec.
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
//! **What is read** (`entry.rs`, `document.rs`). A task is a list entry with a box; where no entry has one, an entry
//! that begins with an id (`- T006: …`, `- T007-T011: …`). `[P]` marks it as
//! parallel; another label (`[US1]`) is its group, else the nearest heading inside the phase. Files
//! are what is in backticks and looks like a path, and words with a slash and an ending (`files.rs`).
//! Lines that are indented below a task are its text. Code blocks and comments are passed over.
//!
//! **Boxes.** `[x]` is done. `[ ]*` is optional: nobody waits for it. `[-]` is given up, but in progress in a list
//! with numbers (Kiro). `[~]`, `[/]`, `[>]`, `[!]`, `[?]` are to do. The last three kinds are noted.
//!
//! **Ids** (`ids.rs`): `T001`, `T001.1`, `M5-T030`, `WS-2`; `1.`, `1.1` where at least half of the tasks are numbered. A word that
//! two tasks begin with, such as `P1`, is not an id.
//!
//! **Phases.** A heading that begins with `Phase` begins one, and so does any heading on its level
//! or above, below the title of the document. Where no heading says `Phase`, those of the second
//! level do. A phase without tasks is none.
//!
//! **What waits for what** (`order.rs`), among the tasks that are not ticked:
//! 1. `(depends on T004, T007-T009)`, in any of the forms of `clause.rs`, says it for one task. `(depends on Phase 1)`
//!    names all tasks of a phase, `(depends on nothing)` none. A name that no task has is a word, and noted.
//! 2. A task waits for those below it, by indentation or by number (`2.1` is below `2`). These wait for what it
//!    says that it depends on.
//! 3. Otherwise, a task without `[P]` waits for all before it in its phase since the last one without `[P]`. One
//!    with `[P]` waits for none of its phase.
//! 4. Each phase waits for all phases before it, unless its heading says `(depends on …)`: then
//!    for those alone. Phases of user stories wait for the phases before the first of them, and not for each other.
//!
//! With `--unordered`, 3 and 4 do not hold.

mod clause;
mod document;
mod entry;
mod files;
mod ids;
mod order;

use std::collections::HashSet;
use std::io::BufRead;

use serde_json::{Map, Value, json};

use crate::model::{Item, ItemId, NewItem};

use super::ImportError;
use super::collect::Collector;
use super::encoding::latin;
use super::format::{Read, Spec};
use super::lines::for_each_line;
use super::severity::Severity;
use super::sniff::{Head, Shape};
use document::{Document, State, Task};

/// Characters of a title.
const TITLE_MAX: usize = 1000;

pub(super) const SPEC: Spec = Spec {
    name: "markdown",
    about: "a task list, of spec-kit, Kiro, OpenSpec, TODO.md: - [ ] T001 [P] text (depends on T002-T004)",
    sniff,
    read: Read::By(read),
    skipped: "tasks that are done or given up",
};

fn sniff(head: &Head) -> bool {
    let is_text = !matches!(head.shape, Shape::Object { .. } | Shape::Array(_));
    is_text
        && head
            .text
            .lines()
            .any(|text| entry::parse(text).is_some_and(|e| e.state.is_some() || e.loose().is_some()))
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut document = Document::default();
    for_each_line(input, collector, |number, line, collector| {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                collector.note(number, "not UTF-8: read as Windows-1252");
                latin(line)
            }
        };
        document.add(number, &text);
        Ok(())
    })?;
    document.finish(&collector.places);
    let needs = order::needs(&document, collector.options().unordered);
    let mut ids: Vec<ItemId> = Vec::with_capacity(document.tasks.len());
    for task in &document.tasks {
        ids.push(match &task.id {
            Some(id) => id.clone(),
            None => collector.identify(&item(task, &document, ItemId::from_digest([0; 8]))),
        });
    }
    for (line, reason) in document.notes.drain(..) {
        collector.note(line, reason);
    }
    for (index, needs) in needs.into_iter().enumerate() {
        let task = &document.tasks[index];
        if task.state != State::Open {
            collector.finished(Some(ids[index].clone()));
            continue;
        }
        mentions(index, &document, &needs, collector);
        let mut item = item(task, &document, ids[index].clone());
        item.needs = needs.into_iter().map(|need| ids[need].clone()).collect();
        item.payload = Some(payload(task, collector));
        let priority = Severity::UNKNOWN.priority();
        collector.item(task.line, NewItem { item, queue: None, priority }, Some(ids[index].clone()));
    }
    Ok(())
}

fn item(task: &Task, document: &Document, id: ItemId) -> Item {
    let mut title: String = task.title.chars().take(TITLE_MAX).collect();
    if title.trim().is_empty() {
        title = task.id.as_ref().map(ToString::to_string).unwrap_or_default();
    }
    Item {
        phase: document.phases[task.phase].name.clone(),
        group: task.group.clone(),
        files: task.files.clone(),
        ..Item::new(id, title)
    }
}

/// What else a worker should know: where to read on, and what is below the task.
fn payload(task: &Task, collector: &Collector<'_>) -> Value {
    let mut source = Map::new();
    if let Some(file) = &collector.options().source {
        source.insert("file".into(), json!(file));
    }
    source.insert("line".into(), json!(task.line));
    let mut payload = Map::from_iter([("source".to_owned(), Value::Object(source))]);
    if !task.details.is_empty() {
        payload.insert("text".into(), json!(task.details.join("\n")));
    }
    if task.optional {
        payload.insert("optional".into(), json!(true));
    }
    Value::Object(payload)
}

/// Notes the ids of other tasks in a text that were not read as needs.
fn mentions(index: usize, document: &Document, needs: &[usize], collector: &mut Collector<'_>) {
    let task = &document.tasks[index];
    let mut noted: HashSet<&str> = HashSet::new();
    for word in task.title.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
        let word = word.trim_matches(['.', '-', '_']);
        let others = document.with_id(word);
        let open = !others.contains(&index)
            && others.iter().any(|other| {
                *other != index && !needs.contains(other) && document.tasks[*other].state == State::Open
            });
        if open && ids::is_lettered(word) && noted.insert(word) {
            collector.note(task.line, format!("{word} is mentioned, which is not read as a dependency"));
        }
    }
}

#[cfg(test)]
mod tests;
