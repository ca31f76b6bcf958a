//! Taskwarrior's export: an array, or one task a line.
//!
//! `[{"uuid":"…","description":"…","status":"pending","depends":["…"],"priority":"H","project":"shop","tags":["x"]}]`
//!
//! The id is the UUID. `completed` and `deleted` are finished; `waiting` and `recurring` are not offered by
//! Taskwarrior either, so they are passed over with a note.

use std::io::BufRead;

use serde_json::Value;

use super::{Entry, names};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::json::walk::{Lists, Scope, walk};
use crate::import::status::{Standing, standing};
use crate::model::ItemId;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "taskwarrior",
    about: "task export",
    sniff: |head| {
        let has = |key: &str| head.has(key) || head.elements_have(key);
        ["uuid", "description", "status"].iter().all(|key| has(key)) && !has("title")
    },
    read: Read::By(read),
    skipped: "tasks that are completed, deleted or waiting",
};

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    walk(input, &Lists::of(&["[]"]), collector, &mut |scope, collector| {
        let id = scope.text("uuid").unwrap_or_default();
        let status = scope.text("status").unwrap_or_default();
        if matches!(status.as_str(), "waiting" | "recurring") {
            collector.note(scope.line, format!("{id}: {status}, not imported"));
            collector.skip();
        } else if standing(&status) == Standing::Closed {
            collector.finished(ItemId::parse(&id).ok());
        } else {
            entry(scope, id).give(collector);
        }
    })
}

fn entry(scope: &Scope<'_>, id: String) -> Entry {
    // Until version 2.6 one text with commas.
    let depends = match scope.get("depends") {
        Some(Value::String(list)) => list.split(',').map(|id| id.trim().to_owned()).collect(),
        other => names(other),
    };
    let notes = scope.get("annotations").and_then(Value::as_array).into_iter().flatten();
    let notes: Vec<&str> = notes.filter_map(|note| note.get("description")?.as_str()).collect();
    Entry {
        line: scope.line,
        id,
        title: scope.text("description").unwrap_or_default(),
        priority: scope.text("priority").and_then(|word| match word.as_str() {
            "H" => Some(1),
            "M" => Some(2),
            "L" => Some(3),
            _ => None,
        }),
        category: names(scope.get("tags")).into_iter().next(),
        group: scope.text("project"),
        needs: depends,
        texts: vec![("due", scope.text("due")), ("notes", Some(notes.join("\n")))],
    }
}
