//! Events: what happened, for the audit log and for people who read the history.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::model::base::words::words;
use crate::model::base::{ItemId, RepoPath, SessionName};

words! {
    /// The kinds of events that this version writes.
    EventKind {
        /// A session was assigned queues, areas and a shard.
        Assign = "assign",
        /// A checkpoint was recorded.
        Checkpoint = "checkpoint",
        /// Paths were claimed.
        Claim = "claim",
        /// A commit was made in a session's worktree.
        Commit = "commit",
        /// Items were finished.
        Done = "done",
        /// Items were given back untouched.
        Drop = "drop",
        /// A test of a gate may fail until a day.
        Allow = "allow",
        /// A baseline was recorded.
        Baseline = "baseline",
        /// A gate ran.
        Gate = "gate",
        /// Leases ran out.
        Expired = "expired",
        /// The state was converted from an older format.
        Convert = "convert",
        /// An attempt failed.
        Fail = "fail",
        /// A branch could not land.
        HandedBack = "handed back",
        /// Items were imported.
        Import = "import",
        /// The store was made.
        Init = "init",
        /// Branches have landed.
        Land = "land",
        /// An integrator has finished.
        LandEnd = "land end",
        /// Prefetched items ran out before the remote heard of their grant.
        Late = "late",
        /// The store left its remote.
        Leave = "leave",
        /// A line of the log that could not be read.
        Lost = "lost",
        /// Items were granted.
        Next = "next",
        /// A session reported progress.
        Progress = "progress",
        /// The settings of a queue were changed.
        Queue = "queue",
        /// The command of an item ran.
        Ran = "ran",
        /// Items were prefetched.
        Ready = "ready",
        /// What was accepted offline was refused by the remote.
        Refused = "refused",
        /// Claimed paths were given back.
        Release = "release",
        /// Leases were renewed.
        Renew = "renew",
        /// The state was repaired.
        Repair = "repair",
        /// A remote's state was put back from a clone.
        Restored = "restored",
        /// A power cut had brought an older state back.
        Rewound = "rewound",
        /// Commits were rewritten by amend or rebase.
        Rewrite = "rewrite",
        /// A landing was rolled back.
        Rollback = "rollback",
        /// A session ended.
        SessionEnd = "session end",
        /// A session was resumed.
        SessionResume = "session resume",
        /// A session was started.
        SessionStart = "session start",
        /// Records of unlanded paths were given up or moved.
        Unlanded = "unlanded",
        /// Many items were changed.
        Update = "update",
        /// Something was noted on an item.
        Note = "note",
        /// A message was left for sessions.
        Tell = "tell",
        /// The history was cut.
        Upkeep = "upkeep",
        /// A check of an item was recorded.
        Verify = "verify",
    }
}

/// What happened. Versions to come may write events that this one does not know: they are kept and shown,
/// and nothing is decided by them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventWord {
    /// One that this version writes.
    Known(EventKind),
    /// Another word.
    Other(String),
}

impl EventWord {
    /// Its word.
    pub fn as_str(&self) -> &str {
        match self {
            EventWord::Known(kind) => kind.as_str(),
            EventWord::Other(word) => word,
        }
    }
}

impl From<EventKind> for EventWord {
    fn from(kind: EventKind) -> Self {
        EventWord::Known(kind)
    }
}

impl From<&str> for EventWord {
    fn from(word: &str) -> Self {
        EventKind::from_word(word).map_or_else(|| EventWord::Other(word.to_owned()), EventWord::Known)
    }
}

impl PartialEq<EventKind> for EventWord {
    fn eq(&self, kind: &EventKind) -> bool {
        matches!(self, EventWord::Known(known) if known == kind)
    }
}

impl Serialize for EventWord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(EventWord::from(String::deserialize(from)?.as_str()))
    }
}

/// One operation that changed the state.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, by the clock of the host that did it. For display; the order is that of the log.
    pub time: Timestamp,
    /// Who, when it was a session.
    pub session: Option<SessionName>,
    /// What.
    pub event: EventWord,
    /// The particulars.
    pub data: Map<String, Value>,
}

impl Event {
    /// An event without particulars.
    pub fn new(time: Timestamp, session: Option<&SessionName>, event: impl Into<EventWord>) -> Self {
        Event { time, session: session.cloned(), event: event.into(), data: Map::new() }
    }

    /// The kind, when this version knows it.
    pub fn kind(&self) -> Option<EventKind> {
        match self.event {
            EventWord::Known(kind) => Some(kind),
            EventWord::Other(_) => None,
        }
    }

    /// Adds one particular.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        // Values are strings, numbers and lists of them: they always have a JSON form.
        self.data.insert(key.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// The leases that it is about, in its order. What is not a number is left out.
    pub fn leases(&self) -> Vec<u64> {
        match self.data.get("lease").and_then(Value::as_u64) {
            Some(lease) => vec![lease],
            None => self.list("leases").filter_map(Value::as_u64).collect(),
        }
    }

    /// The items that it is about, in its order.
    pub fn items(&self) -> Vec<ItemId> {
        self.list("items").filter_map(Value::as_str).filter_map(|id| ItemId::parse(id).ok()).collect()
    }

    /// The paths that it is about, in its order.
    pub fn paths(&self) -> Vec<RepoPath> {
        self.list("paths").filter_map(Value::as_str).filter_map(|path| RepoPath::parse(path).ok()).collect()
    }

    /// True when a failed attempt was the last one.
    pub fn is_final(&self) -> bool {
        self.data.get("final").and_then(Value::as_bool) == Some(true)
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.data.get(key).and_then(Value::as_array).into_iter().flatten()
    }

    /// One line for people: who did what to what.
    pub fn headline(&self) -> String {
        let mut line = match &self.session {
            Some(session) => format!("{session}: {}", self.event.as_str()),
            None => self.event.as_str().to_owned(),
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
        map.insert("event".into(), Value::String(self.event.as_str().to_owned()));
        map.extend(self.data.clone());
        map
    }

    /// Reads one log line back, or `None` when it is not one.
    pub fn from_line(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fixed {
            time: Timestamp,
            session: Option<SessionName>,
            event: EventWord,
        }
        let mut data: Map<String, Value> = serde_json::from_str(line).ok()?;
        let fixed: Fixed = serde_json::from_value(Value::Object(data.clone())).ok()?;
        for key in ["time", "session", "event"] {
            data.shift_remove(key);
        }
        Some(Event { time: fixed.time, session: fixed.session, event: fixed.event, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_word() {
        for kind in EventKind::ALL {
            assert_eq!(EventWord::from(kind.as_str()), EventWord::Known(*kind));
            let line = serde_json::Value::Object(Event::new(Timestamp::UNIX_EPOCH, None, *kind).to_value());
            assert_eq!(Event::from_line(&line.to_string()).and_then(|e| e.kind()), Some(*kind));
        }
    }

    #[test]
    fn an_event_of_a_later_version_is_kept_as_it_is() {
        let line = r#"{"time":"1970-01-01T00:00:00Z","session":null,"event":"teleport","lease":7}"#;
        let event = Event::from_line(line).expect("readable");
        assert_eq!((event.kind(), event.event.as_str(), event.leases()), (None, "teleport", vec![7]));
    }
}
