//! Events: what happened, for the audit log and for people who read the history.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::base::SessionName;

/// One act that changed the state.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, by the clock of the host that did it. For display; the order is that of the log.
    pub time: Timestamp,
    /// Who, when it was a session.
    pub session: Option<SessionName>,
    /// What: `claim`, `release`, `next`, `done`, …
    pub event: String,
    /// The particulars.
    pub data: Map<String, Value>,
}

impl Event {
    /// An event without particulars.
    pub fn new(time: Timestamp, session: Option<&SessionName>, event: &str) -> Self {
        Event { time, session: session.cloned(), event: event.to_owned(), data: Map::new() }
    }

    /// Adds one particular.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        // Values are strings, numbers and lists of them: they always have a JSON form.
        self.data.insert(key.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// One line for people: who did what to what.
    pub fn headline(&self) -> String {
        let mut line = match &self.session {
            Some(session) => format!("{session}: {}", self.event),
            None => self.event.clone(),
        };
        for key in ["paths", "items", "queue", "name", "commit", "added", "shard", "queues", "text"] {
            match self.data.get(key) {
                Some(Value::Array(list)) => {
                    let words: Vec<_> = list.iter().filter_map(Value::as_str).collect();
                    for word in words.iter().take(3) {
                        line.push(' ');
                        line.push_str(word);
                    }
                    if words.len() > 3 {
                        line.push_str(&format!(" (+{})", words.len() - 3));
                    }
                }
                Some(Value::String(text)) => {
                    line.push(' ');
                    // Ten digits tell commits apart for a reader.
                    line.push_str(if key == "commit" { text.get(..10).unwrap_or(text) } else { text });
                }
                Some(Value::Number(n)) => line.push_str(&format!(" {key} {n}")),
                _ => {}
            }
        }
        line.replace(['\n', '\r'], " ")
    }

    /// The JSON object of one log line: `time`, `session`, `event`, then the particulars.
    pub fn to_value(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("time".into(), Value::String(self.time.to_string()));
        if let Some(session) = &self.session {
            map.insert("session".into(), Value::String(session.to_string()));
        }
        map.insert("event".into(), Value::String(self.event.clone()));
        map.extend(self.data.clone());
        map
    }

    /// Reads one log line back, or `None` when it is not one.
    pub fn from_line(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fixed {
            time: Timestamp,
            session: Option<SessionName>,
            event: String,
        }
        let mut data: Map<String, Value> = serde_json::from_str(line).ok()?;
        let fixed: Fixed = serde_json::from_value(Value::Object(data.clone())).ok()?;
        for key in ["time", "session", "event"] {
            data.shift_remove(key);
        }
        Some(Event { time: fixed.time, session: fixed.session, event: fixed.event, data })
    }
}
