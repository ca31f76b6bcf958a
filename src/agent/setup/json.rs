//! Entries in a file of JSON, with or without comments, that others write to as well.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::Value;

use super::State;

/// An element of an array, and the keys that lead to the array.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The keys from the top.
    pub at: Vec<&'static str>,
    /// The element.
    pub value: Value,
}

/// Why a file was not understood.
pub type Reason = String;

/// True for an element of ours, whatever version wrote it: something in it calls our hook.
fn is_ours(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("git-coord") && text.contains("hook agent"),
        Value::Array(list) => list.iter().any(is_ours),
        Value::Object(map) => map.values().any(is_ours),
        _ => false,
    }
}

fn parse(text: &str) -> Result<CstRootNode, Reason> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    CstRootNode::parse(text, &ParseOptions::default()).map_err(|e| e.to_string())
}

/// How the entries are in a text.
///
/// # Errors
/// When it is not JSON.
pub fn state(text: &str, entries: &[Entry], fixed: &[(&'static str, Value)]) -> Result<State, Reason> {
    let root = parse(text)?;
    let Some(top) = root.object_value() else { return Ok(State::Missing) };
    let mut found = Vec::new();
    ours(&CstNode::from(top.clone()), &mut found);
    let found: Vec<Value> = found.iter().filter_map(CstNode::to_serde_value).collect();
    if found.is_empty() {
        return Ok(State::Missing);
    }
    let there = |entry: &Entry| array(&top, &entry.at).is_some_and(|a| has(&a, &entry.value));
    let has_fixed = fixed.iter().all(|(key, _)| top.get(key).is_some());
    let current = entries.iter().all(there) && found.len() == entries.len() && has_fixed;
    Ok(if current { State::Current } else { State::Stale })
}

fn has(array: &CstArray, value: &Value) -> bool {
    array.elements().iter().any(|element| element.to_serde_value().as_ref() == Some(value))
}

fn array(top: &CstObject, at: &[&str]) -> Option<CstArray> {
    let (last, folders) = at.split_last()?;
    let mut object = top.clone();
    for key in folders {
        object = object.object_value(key)?;
    }
    object.array_value(last)
}

/// The elements of arrays that are ours.
fn ours(node: &CstNode, found: &mut Vec<CstNode>) {
    if let Some(array) = node.as_array() {
        for element in array.elements() {
            match element.to_serde_value().is_some_and(|value| is_ours(&value)) {
                true => found.push(element),
                false => ours(&element, found),
            }
        }
    }
    for property in node.as_object().iter().flat_map(CstObject::properties) {
        property.value().iter().for_each(|value| ours(value, found));
    }
}

/// The text with the entries, each once. `fixed`: what else the file must have at its top.
///
/// # Errors
/// When it is not JSON, or something else is in the place of an entry.
pub fn with(text: &str, entries: &[Entry], fixed: &[(&'static str, Value)]) -> Result<String, Reason> {
    let text = without(text, false)?.unwrap_or_default();
    let root = parse(&text)?;
    let top = root.object_value_or_create().ok_or("its top is not an object")?;
    for (key, value) in fixed {
        if top.get(key).is_none() {
            top.append(key, input(value));
        }
    }
    for entry in entries {
        let wrong = || format!("{} is not what it should be", entry.at.join("."));
        let Some((last, folders)) = entry.at.split_last() else { continue };
        let mut object = top.clone();
        for key in folders {
            object = object.object_value_or_create(key).ok_or_else(wrong)?;
        }
        let array = object.array_value_or_create(last).ok_or_else(wrong)?;
        array.ensure_multiline();
        array.append(input(&entry.value));
    }
    Ok(root.to_string())
}

/// The text without entries of ours, and without what is empty then; `None` when nothing is left.
///
/// # Errors
/// When it is not JSON.
pub fn without(text: &str, drop_version: bool) -> Result<Option<String>, Reason> {
    let root = parse(text)?;
    let Some(top) = root.object_value() else { return Ok(Some(text.to_owned())) };
    let mut found = Vec::new();
    ours(&CstNode::from(top.clone()), &mut found);
    if found.is_empty() {
        return Ok(Some(text.to_owned()));
    }
    for element in found {
        let parents: Vec<_> = element.ancestors().collect();
        element.remove();
        remove_empty(parents);
    }
    let left = top.properties();
    let only_version = left.iter().all(|p| p.decoded_name().as_deref() == Some("version"));
    let nothing = left.is_empty() || (drop_version && only_version);
    Ok((!nothing).then(|| root.to_string()))
}

/// Removes the containers around an element that are empty without it, up to the top.
fn remove_empty(parents: Vec<jsonc_parser::cst::CstContainerNode>) {
    for parent in parents {
        if let Some(array) = parent.as_array() {
            if !array.elements().is_empty() {
                return;
            }
        } else if let Some(object) = parent.as_object() {
            if !object.properties().is_empty() {
                return;
            }
        } else if let Some(property) = parent.as_object_prop() {
            property.remove();
        }
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(b) => CstInputValue::Bool(*b),
        Value::Number(n) => CstInputValue::Number(n.to_string()),
        Value::String(s) => CstInputValue::String(s.clone()),
        Value::Array(list) => CstInputValue::Array(list.iter().map(input).collect()),
        Value::Object(map) => {
            CstInputValue::Object(map.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> Entry {
        Entry { at: vec!["hooks", "PreToolUse"], value: json!({"command": "/bin/git-coord hook agent"}) }
    }

    #[test]
    fn entries_go_in_and_out_beside_others() {
        let text = "{\r\n  // mine\r\n  \"a\": [1, 2,],\r\n  \"hooks\": {\r\n    \"PreToolUse\": [\r\n      {\"command\": \"other\"} // keep\r\n    ]\r\n  }\r\n}\r\n";
        let new = with(text, &[entry()], &[]).expect("written");
        assert!(new.contains("// mine") && new.contains("// keep") && new.contains("other"), "{new}");
        assert!(!new.replace("\r\n", "").contains('\n'), "line ends stay: {new:?}");
        assert_eq!(state(&new, &[entry()], &[]), Ok(State::Current));
        assert_eq!(with(&new, &[entry()], &[]).as_deref(), Ok(new.as_str()), "twice is once");
        assert_eq!(state(text, &[entry()], &[]), Ok(State::Missing));
        let back = without(&new, false).expect("understood").expect("something is left");
        assert!(back.contains("// keep") && !back.contains("git-coord"), "{back}");
    }

    #[test]
    fn what_is_empty_then_goes_as_well() {
        let new = with("", &[entry()], &[("version", json!(1))]).expect("written");
        assert_eq!(without(&new, true), Ok(None));
        let new = with("{\"x\": 1}", &[entry()], &[]).expect("written");
        assert_eq!(
            without(&new, false).map(|t| t.map(|t| t.replace(['\n', ' '], ""))),
            Ok(Some("{\"x\":1}".into()))
        );
        assert!(with("[1]", &[entry()], &[]).is_err() && with("{", &[entry()], &[]).is_err());
        assert!(with("{\"hooks\": 3}", &[entry()], &[]).is_err());
    }
}
