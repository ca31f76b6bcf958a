//! Fields of a JSON object that other programs write, with reasons that name the field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::duration;

/// A JSON object; each field is taken out as it is read, so that the rest is what is not known.
///
/// A list rather than a map: with the dozen fields that a line has, hashing costs more than it saves.
#[derive(Debug)]
pub(super) struct Object {
    fields: Vec<(String, Value)>,
    /// Fields that are known to be none of an item.
    extra: Map<String, Value>,
}

impl Object {
    /// Parses the text of one object.
    ///
    /// # Errors
    /// When it is not UTF-8, not JSON, or not an object, with the reason.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| format!("invalid UTF-8 after {} bytes", e.valid_up_to()))?;
        serde_json::from_str(text).map_err(|error| without_line(&error))
    }

    /// An object of fields that come from somewhere else, and of those that nobody asks for.
    pub(super) fn with_extra(fields: Vec<(String, Value)>, extra: Map<String, Value>) -> Self {
        Object { fields, extra }
    }

    /// An object of these fields.
    pub(super) fn of(fields: Vec<(String, Value)>) -> Self {
        Object { fields, extra: Map::new() }
    }

    /// Gives each field another name, or leaves it.
    pub(super) fn fields_mut(&mut self) -> &mut Vec<(String, Value)> {
        &mut self.fields
    }

    /// A text.
    ///
    /// # Errors
    /// When the field is of another type, with the reason; so for all of these methods.
    /// A `null` counts as absent.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a string", &other)),
        }
    }

    /// A text, or a number as one.
    pub(super) fn word(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.get(name) {
            Some(Value::Number(number)) => {
                let text = number.to_string();
                self.value(name);
                Ok(Some(text))
            }
            _ => self.text(name),
        }
    }

    /// A text that is parsed further.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        self.text(name)?.map(|text| parse(&text).map_err(|e| format!("{name}: {e}"))).transpose()
    }

    /// A list of texts, or one of them by itself, each parsed further; empty when there is none.
    pub(super) fn list<T, E: fmt::Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, String> {
        let values = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(text @ (Value::String(_) | Value::Number(_))) => vec![text],
            Some(other) => return Err(wrong(name, "an array of strings", &other)),
        };
        let one = |value: Value| match value {
            Value::String(text) => parse(&text).map_err(|e| format!("{name}: {e}")),
            Value::Number(number) => parse(&number.to_string()).map_err(|e| format!("{name}: {e}")),
            other => Err(format!("{name}: expected strings in the array, found {}", kind(&other))),
        };
        values.into_iter().map(one).collect()
    }

    /// A whole number from `min` on that `T` can hold.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, name: &str, min: u64) -> Result<Option<T>, String> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let written = value.as_str().and_then(|text| text.trim().parse().ok());
        let number = value.as_u64().or(written).filter(|n| *n >= min).and_then(|n| T::try_from(n).ok());
        match (number, &value) {
            (Some(number), _) => Ok(Some(number)),
            (None, Value::Number(n)) => {
                Err(format!("{name}: expected a whole number from {min} on, found {n}"))
            }
            (None, other) => Err(wrong(name, "a number", other)),
        }
    }

    /// Seconds: a whole number of them from 1 on, or a length of time such as `5m`.
    pub(super) fn seconds(&mut self, name: &str) -> Result<Option<u64>, String> {
        match self.get(name) {
            Some(Value::String(text)) if text.trim().parse::<u64>().is_ok() => self.number(name, 1),
            Some(Value::String(_)) => self.parsed(name, duration::parse),
            None | Some(Value::Null | Value::Number(_)) => self.number(name, 1),
            Some(other) => Err(wrong(name, "a number of seconds or a length of time", other)),
        }
    }

    /// An object in the object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Object>, String> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Object::of(map.into_iter().collect()))),
            Some(other) => Err(wrong(name, "an object", &other)),
        }
    }

    /// A list of objects; empty when there is none.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Object>, String> {
        let values = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(other) => return Err(wrong(name, "an array of objects", &other)),
        };
        let one = |value: Value| match value {
            Value::Object(map) => Ok(Object::of(map.into_iter().collect())),
            other => Err(format!("{name}: expected objects in the array, found {}", kind(&other))),
        };
        values.into_iter().map(one).collect()
    }

    /// Whatever is there.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        // The last one, as most parsers have it, should a key be there twice.
        let at = self.fields.iter().rposition(|(key, _)| key == name)?;
        Some(self.fields.remove(at).1).filter(|v| !v.is_null())
    }

    /// Whatever is there, which stays there.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().rfind(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The fields that were not asked for.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.fields.into_iter().chain(self.extra).collect()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::with_capacity(12);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object::of(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// What an error says, without the line, which is always 1 in a text of one line.
fn without_line(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "" } else { "not JSON: " };
    format!("{what}{error}").replace(" at line 1 column", " at column")
}

fn wrong(name: &str, expected: &str, found: &Value) -> String {
    format!("{name}: expected {expected}, found {}", kind(found))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
