//! Lists of work that people write, beside Markdown.

pub(super) mod backlog_md;
pub(super) mod org;
pub(super) mod todo_txt;

use serde_json::{Map, Value};

use super::finding::title;
use crate::model::{Item, ItemId, NewItem};

/// An item of a list: a title, which is cut to one line, and what else there is to read.
fn item(text: &str, priority: u32, texts: Vec<(&'static str, String)>) -> NewItem {
    let (title, whole) = title("", text);
    let mut payload = Map::new();
    if !whole {
        payload.insert("title".into(), Value::String(text.to_owned()));
    }
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.trim().is_empty()) {
        payload.insert(name.into(), Value::String(text));
    }
    let payload = (!payload.is_empty()).then_some(Value::Object(payload));
    NewItem { item: Item { payload, ..Item::new(ItemId::from_digest([0; 8]), title) }, queue: None, priority }
}
