//! Task Master's `.taskmaster/tasks/tasks.json`: `{"tasks": […]}`, or `{tag: {"tasks": […]}}`.
//!
//! Its own rules, in its words:
//! - `next` offers what is pending or in progress and whose dependencies are all done.
//! - A task with subtasks is done through them: they wait for what it depends on, and it waits for them. Ids of
//!   subtasks and their dependencies are local: `2` in task 1 is `1.2`.
//! - `deferred`, `blocked` and `review` are not offered: they are passed over with a note, and what depends on them
//!   waits. So does what depends on a task that was cancelled.
//!
//! With several tags an id begins with its tag, `feature.3`, as each tag counts from 1.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde_json::Value;

use super::{Entry, entries};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::json::walk::{Lists, Scope};
use crate::import::status;
use crate::model::ItemId;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "task-master",
    about: "Task Master's tasks.json",
    sniff: |head| {
        (head.has("tasks") || head.mentions("\"tasks\""))
            && head.mentions("\"dependencies\"")
            && head.mentions("\"status\"")
            && matches!(head.shape, crate::import::sniff::Shape::Object { .. })
            && !head.has("title")
    },
    read: Read::By(read),
    skipped: "tasks that are done, cancelled, deferred, blocked or in review",
};

struct Task {
    tag: String,
    number: String,
    status: String,
    depends: Vec<String>,
    entry: Entry,
    parent: Option<String>,
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let lists = Lists::of(&["tasks.[]", "{}.tasks.[]"]);
    let all = entries(input, &lists, collector, task)?;
    let tags: BTreeSet<String> = all.iter().flatten().map(|task| task.tag.clone()).collect();
    let full = |tag: &str, number: &str| match tags.len() {
        0 | 1 => number.to_owned(),
        _ => format!("{tag}.{number}"),
    };
    let tasks: Vec<Task> = all.into_iter().flatten().collect();
    let mut parts: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut inherited: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for task in &tasks {
        match &task.parent {
            Some(parent) => {
                parts.entry((task.tag.clone(), parent.clone())).or_default().push(task.number.clone())
            }
            None => drop(inherited.insert((task.tag.clone(), task.number.clone()), task.depends.clone())),
        }
    }
    for task in tasks {
        let key = (task.tag.clone(), task.parent.clone().unwrap_or_else(|| task.number.clone()));
        let of_parent = task.parent.as_ref().and_then(|_| inherited.get(&key)).cloned().unwrap_or_default();
        let of_parts =
            if task.parent.is_none() { parts.get(&key).cloned().unwrap_or_default() } else { Vec::new() };
        let needs = [task.depends, of_parent, of_parts].concat();
        let mut entry = task.entry;
        entry.id = full(&task.tag, &task.number);
        entry.needs = needs.iter().map(|need| full(&task.tag, need)).collect();
        entry.needs.dedup();
        match task.status.as_str() {
            "done" | "completed" => collector.finished(ItemId::parse(&entry.id).ok()),
            "cancelled" => collector.skip(),
            "deferred" | "blocked" | "review" => {
                collector.note(entry.line, format!("{}: {}, not imported", entry.id, task.status));
                collector.skip();
            }
            _ => entry.give(collector),
        }
    }
    Ok(())
}

/// A task and its subtasks.
fn task(scope: &Scope<'_>) -> Result<Vec<Task>, String> {
    let tag = scope.text("^@").unwrap_or_default();
    let whole = one(scope.value, &tag, None, scope.line)?;
    let subtasks = scope.get("subtasks").and_then(Value::as_array).into_iter().flatten();
    let parent = whole.number.clone();
    let parts = subtasks.map(|part| one(part, &tag, Some(&parent), scope.line));
    std::iter::once(Ok(whole)).chain(parts).collect()
}

fn one(value: &Value, tag: &str, parent: Option<&str>, line: u64) -> Result<Task, String> {
    let text = |name: &str| value.get(name).and_then(word);
    let id = text("id").ok_or("id: missing")?;
    let number = match parent {
        Some(parent) if !id.contains('.') => format!("{parent}.{id}"),
        _ => id,
    };
    let depends = value.get("dependencies").and_then(Value::as_array).into_iter().flatten().filter_map(word);
    // In a subtask a bare number is one of its siblings.
    let depends = depends.map(|need| match parent {
        Some(parent) if !need.contains('.') => format!("{parent}.{need}"),
        _ => need,
    });
    let entry = Entry {
        line,
        title: text("title").unwrap_or_default(),
        priority: text("priority").as_deref().and_then(status::priority),
        texts: vec![
            ("description", text("description")),
            ("details", text("details")),
            ("test_strategy", text("testStrategy")),
        ],
        ..Entry::default()
    };
    Ok(Task {
        tag: tag.to_owned(),
        number,
        status: text("status").unwrap_or_default().to_lowercase(),
        depends: depends.collect(),
        entry,
        parent: parent.map(str::to_owned),
    })
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
