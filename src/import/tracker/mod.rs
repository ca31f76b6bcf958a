//! Lists of work that trackers write as JSON.
//!
//! Each keeps its own rules: which states are offered, and what waits for what.

pub(super) mod beads;
pub(super) mod github;
pub(super) mod task_master;
pub(super) mod taskwarrior;

use std::io::BufRead;

use serde_json::{Map, Value};

use super::ImportError;
use super::collect::Collector;
use super::finding::title;
use super::json::walk::{Lists, Scope, walk};
use crate::model::{Item, ItemId, NewItem};

/// The priority of an entry without one.
const PRIORITY: u32 = 2;

/// An entry of a tracker, on its way to an item.
#[derive(Debug, Clone, Default)]
struct Entry {
    line: u64,
    id: String,
    title: String,
    priority: Option<u32>,
    category: Option<String>,
    group: Option<String>,
    needs: Vec<String>,
    /// What else a worker should read, by name.
    texts: Vec<(&'static str, Option<String>)>,
}

impl Entry {
    /// Gives the item, or a bad line.
    fn give(self, collector: &mut Collector<'_>) {
        let line = self.line;
        match self.item() {
            Ok((new, id)) => collector.item(line, new, Some(id)),
            Err(reason) => collector.bad(line, reason),
        }
    }

    fn item(self) -> Result<(NewItem, ItemId), String> {
        let id = ItemId::parse(&self.id).map_err(|e| format!("id: {e}"))?;
        if self.title.trim().is_empty() {
            return Err("title: missing".into());
        }
        let (text, whole) = title("", &self.title);
        let mut payload = Map::new();
        if !whole {
            payload.insert("title".into(), Value::String(self.title.clone()));
        }
        for (name, text) in self.texts {
            if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                payload.insert(name.into(), Value::String(text));
            }
        }
        let needs: Result<Vec<ItemId>, _> = self.needs.iter().map(|need| ItemId::parse(need)).collect();
        let item = Item {
            category: self.category,
            group: self.group,
            needs: needs.map_err(|e| format!("needs: {e}"))?,
            payload: (!payload.is_empty()).then_some(Value::Object(payload)),
            ..Item::new(id.clone(), text)
        };
        Ok((NewItem { item, queue: None, priority: self.priority.unwrap_or(PRIORITY) }, id))
    }
}

/// Reads the entries of lists, all of them before the first is given: what one means depends on others.
///
/// # Errors
/// As for [`walk`].
fn entries<T>(
    input: Box<dyn BufRead + '_>,
    lists: &Lists,
    collector: &mut Collector<'_>,
    take: impl Fn(&Scope<'_>) -> Result<T, String>,
) -> Result<Vec<T>, ImportError> {
    let mut all = Vec::new();
    walk(input, lists, collector, &mut |scope, collector| match take(scope) {
        Ok(entry) => all.push(entry),
        Err(reason) => collector.bad(scope.line, reason),
    })?;
    Ok(all)
}

/// The names in an array of objects or of texts.
fn names(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|v| v.as_str().or_else(|| v.get("name")?.as_str()).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests;
