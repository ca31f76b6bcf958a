//! An item as a JSON document, as programs get it from every command.

use serde_json::{Map, Value, json};

use crate::model::base::QueueName;
use crate::model::ops::outcome::Taken;
use crate::model::records::Item;

/// The content of an item and its place, to which the caller adds where it stands.
pub fn item(item: &Item, queue: &QueueName, priority: u32) -> Map<String, Value> {
    let mut map = match serde_json::to_value(item) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    map.insert("queue".into(), json!(queue));
    map.insert("priority".into(), json!(priority));
    // An item without files says so, too.
    map.insert("files".into(), json!(item.files));
    map
}

/// An item that was handed out.
pub fn taken(taken: &Taken) -> Map<String, Value> {
    let mut map = item(&taken.item, &taken.queue, taken.priority);
    map.insert("attempt".into(), json!(taken.attempt));
    map.insert("lease".into(), json!(taken.lease));
    map.insert("expires".into(), json!(taken.expires.to_string()));
    if !taken.notes.is_empty() {
        map.insert("notes".into(), serde_json::to_value(&taken.notes).unwrap_or_default());
    }
    if taken.help {
        map.insert("help".into(), json!(true));
    }
    map
}
