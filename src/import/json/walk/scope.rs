//! The lists of a document, and what an element of one knows of the objects around it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The lists to go down to.
pub(in crate::import) struct Lists {
    /// The steps of each list.
    pub(in crate::import) steps: Vec<Vec<&'static str>>,
    /// Fields of the objects around an element that it refers to: how many objects up, and the name.
    pub(in crate::import) wanted: Vec<(usize, &'static str)>,
}

impl Lists {
    /// The lists of these names, whose elements do not refer to what is around them.
    pub(in crate::import) fn of(names: &[&'static str]) -> Self {
        let steps = |name: &&'static str| name.split('.').filter(|step| !step.is_empty()).collect();
        Lists { steps: names.iter().map(steps).collect(), wanted: Vec::new() }
    }
}

/// One element of a list, and what is around it.
#[derive(Debug)]
pub(in crate::import) struct Scope<'a> {
    /// The position of the list in [`Lists::steps`].
    pub(in crate::import) list: usize,
    /// Line on which the element begins.
    pub(in crate::import) line: u64,
    /// The element.
    pub(in crate::import) value: &'a Value,
    pub(super) key: Option<&'a str>,
    /// The objects around it, outermost first.
    pub(super) around: &'a [Frame],
}

impl<'a> Scope<'a> {
    /// What a path leads to: `a.b.0`, in an object further up with a `^` for each step. `@` is the key under
    /// which an object was found. `null` counts as absent.
    pub(in crate::import) fn get(&self, path: &str) -> Option<&'a Value> {
        let rest = path.trim_start_matches('^');
        let up = path.len() - rest.len();
        let mut steps = rest.split('.');
        let first = match up {
            0 => step(self.value, steps.next()?)?,
            _ => self.around.get(self.around.len().checked_sub(up)?)?.fields.get(steps.next()?)?,
        };
        steps.try_fold(first, step).filter(|value| !value.is_null())
    }

    /// A text, or a number as one.
    pub(in crate::import) fn text(&self, path: &str) -> Option<String> {
        if let Some(rest) = path.strip_suffix('@') {
            let key = match rest.len() {
                0 => self.key,
                up => self.around.get(self.around.len().checked_sub(up)?)?.key.as_deref(),
            };
            return key.map(str::to_owned);
        }
        match self.get(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The first of several paths that leads to a text that is not blank.
    pub(in crate::import) fn first(&self, paths: &[&str]) -> Option<String> {
        paths.iter().filter_map(|path| self.text(path)).find(|text| !text.trim().is_empty())
    }

    /// The first of several paths that leads to a whole number, which may be written as a text.
    pub(in crate::import) fn number(&self, paths: &[&str]) -> Option<u64> {
        let number = |path: &&str| match self.get(path)? {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64().or_else(|| other.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)),
        };
        paths.iter().find_map(number)
    }
}

fn step<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(values) => values.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// An object around an element: the fields that are wanted of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Frame {
    pub(super) key: Option<String>,
    pub(super) fields: Map<String, Value>,
}
