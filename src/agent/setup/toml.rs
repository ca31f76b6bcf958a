//! The folder of the store as one that Codex's sandbox lets its commands write to. Without it, `.git` is
//! read-only for them, and `git coord claim` typed by the model fails.

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::State;

const TABLE: &str = "sandbox_workspace_write";
const KEY: &str = "writable_roots";

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|e: toml_edit::TomlError| e.message().to_owned())
}

fn roots(document: &DocumentMut) -> Option<&Array> {
    document.get(TABLE)?.get(KEY)?.as_array()
}

/// Whether the folder is there.
///
/// # Errors
/// When the text is not TOML.
pub fn state(text: &str, folder: &str) -> Result<State, String> {
    let document = parse(text)?;
    let there = roots(&document).is_some_and(|array| array.iter().any(|v| v.as_str() == Some(folder)));
    Ok(if there { State::Current } else { State::Missing })
}

/// The text with the folder.
///
/// # Errors
/// When it is not TOML, or something else is in its place.
pub fn with(text: &str, folder: &str) -> Result<String, String> {
    let mut document = parse(text)?;
    if state(text, folder)? == State::Current {
        return Ok(text.to_owned());
    }
    let table = document.entry(TABLE).or_insert_with(|| Item::Table(Table::new()));
    let table = table.as_table_like_mut().ok_or(format!("{TABLE} is not a table"))?;
    let array = table.entry(KEY).or_insert_with(|| Item::Value(Value::Array(Array::new())));
    let array = array.as_array_mut().ok_or(format!("{TABLE}.{KEY} is not a list"))?;
    array.push(folder);
    Ok(document.to_string())
}

/// The text without the folder, and without what is empty then; `None` when nothing is left.
///
/// # Errors
/// When it is not TOML.
pub fn without(text: &str, folder: &str) -> Result<Option<String>, String> {
    let mut document = parse(text)?;
    let Some(array) = document.get_mut(TABLE).and_then(|t| t.get_mut(KEY)).and_then(Item::as_array_mut)
    else {
        return Ok(Some(text.to_owned()));
    };
    array.retain(|value| value.as_str() != Some(folder));
    if array.is_empty()
        && let Some(table) = document.get_mut(TABLE).and_then(Item::as_table_like_mut)
    {
        table.remove(KEY);
        if table.is_empty() {
            document.remove(TABLE);
        }
    }
    let text = document.to_string();
    Ok((!text.trim().is_empty()).then_some(text))
}
