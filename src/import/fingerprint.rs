//! Identity from content: the id of an item that comes without one.
//!
//! # The bytes
//!
//! The fingerprint is the first 8 bytes of a SHA-256, written as 16 lower-case hex digits. What is
//! hashed is a sequence of *netstrings* without anything between them. A netstring is the length
//! of a text in UTF-8 bytes as a decimal number, `:`, the text, `,`.
//!
//! A finding (SARIF, ruff, …) has six:
//!
//! 1. `finding`
//! 2. the rule's id, or empty
//! 3. the path of the first file as [`RepoPath`] writes it, or empty
//! 4. `message` or `tool`: what the next one is
//! 5. for `message`: the whole message, with `#` for the numbers of lines in it (`stable.rs`); for `tool`: the fingerprints that the tool itself gave, as
//!    canonical JSON
//! 6. the occurrence: 1 for the first item of this import whose first five are these, 2 for the
//!    second, …
//!
//! ```text
//! 7:finding,4:D104,18:django/__init__.py,7:message,35:Missing docstring in public package,1:1,
//! ```
//!
//! Any other item has three: `item`; canonical JSON of an object with those of `title`, `files`
//! (sorted, each once), `rule`, `run` and `payload` that the item has; and the occurrence.
//!
//! Canonical JSON has no white space, the keys of each object sorted by their bytes, and numbers
//! and strings as serde_json writes them: only `"`, `\` and control characters are escaped, by
//! their short form where there is one.
//!
//! # What follows
//!
//! - No line or column is in it: an item keeps its identity when the code above it grows.
//! - Neither are queue, priority, severity, category and needs: classifying the backlog anew does
//!   not import it twice. Two items that differ in nothing else are two occurrences, so both stay.
//! - The occurrence makes three equal findings in one file three items, whatever their order. When
//!   one of them is fixed, the next import has the occurrences 1 and 2, both known.
//!
//! [`RepoPath`]: crate::model::RepoPath

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::{Item, ItemId};

use super::stable::stable;

/// What distinguishes the findings of a rule in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Basis {
    /// The message of the finding.
    Message,
    /// Canonical JSON of the tool's own fingerprints.
    Tool(String),
}

/// Makes fingerprints and counts occurrences, for one import.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    /// By the first half of the hash of all but the occurrence. Kept short: one entry for each
    /// item of an import.
    seen: HashMap<[u8; 16], u32>,
}

impl Fingerprints {
    /// The id of a finding.
    pub(super) fn finding(&mut self, rule: &str, file: &str, basis: &Basis, message: &str) -> ItemId {
        let (kind, text) = match basis {
            Basis::Message => ("message", stable(message)),
            Basis::Tool(canonical) => ("tool", Cow::Borrowed(canonical.as_str())),
        };
        self.of(&["finding", rule, file, kind, &text])
    }

    /// The id of any other item. The item's own id is not looked at.
    pub(super) fn item(&mut self, item: &Item) -> ItemId {
        let mut files: Vec<&str> = item.files.iter().map(|f| f.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        let content = Content {
            files,
            payload: item.payload.as_ref().map(Canonical),
            rule: item.rule.as_deref(),
            run: item.run.as_deref(),
            title: &item.title,
        };
        self.of(&["item", &json(&content)])
    }

    fn of(&mut self, parts: &[&str]) -> ItemId {
        let mut bytes = String::new();
        for part in parts {
            netstring(&mut bytes, part);
        }
        let mut hasher = Sha256::new();
        hasher.update(&bytes);
        let occurrence = self.seen.entry(head(hasher.clone())).or_insert(0);
        *occurrence += 1;
        bytes.clear();
        netstring(&mut bytes, &occurrence.to_string());
        hasher.update(&bytes);
        ItemId::from_digest(head(hasher))
    }
}

fn netstring(out: &mut String, text: &str) {
    out.push_str(&text.len().to_string());
    out.push(':');
    out.push_str(text);
    out.push(',');
}

/// The first bytes of a hash.
fn head<const N: usize>(hasher: Sha256) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(hasher.finalize()) {
        *to = from;
    }
    out
}

/// What an item's identity rests on. The fields are sorted, as canonical JSON has them.
#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Canonical<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    title: &'a str,
}

/// Writes a value with the keys of its objects sorted.
struct Canonical<'a>(&'a Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(values) => serializer.collect_seq(values.iter().map(Canonical)),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().map(|(key, value)| (key, Canonical(value))).collect();
                fields.sort_unstable_by_key(|(key, _)| *key);
                serializer.collect_map(fields)
            }
            other => other.serialize(serializer),
        }
    }
}

/// JSON in the one form that equal values share, as the module says.
pub(super) fn canonical_json(value: &Value) -> String {
    json(&Canonical(value))
}

fn json(value: &impl Serialize) -> String {
    // Only a map with keys that are not strings could fail, and JSON does not have any.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(json: &str) -> Item {
        serde_json::from_str(json).expect("an item")
    }

    #[test]
    fn golden_findings() {
        // By another implementation: `printf '7:finding,…' | sha256sum`.
        let mut prints = Fingerprints::default();
        let message = "Missing docstring in public package";
        let mut d104 = || prints.finding("D104", "django/__init__.py", &Basis::Message, message).to_string();
        assert_eq!(d104(), "c365c6bfced53a4f");
        assert_eq!(d104(), "3511b1eb2bc83dba");
        let tool = Basis::Tool(r#"{"primaryLocationLineHash":"39fa2ee980eb94b0:1"}"#.into());
        assert_eq!(prints.finding("", "", &tool, "not looked at").as_str(), "c4a66e9af9a9204d");
    }

    #[test]
    fn golden_items() {
        let mut prints = Fingerprints::default();
        let full = item(
            r#"{"id":"x","title":"Do \"it\"","files":["b","a","b"],"line":7,"severity":"INFO","category":"c",
                "needs":["y"],"payload":{"z":[true,null],"a":{"c":"é","b":1}}}"#,
        );
        assert_eq!(prints.item(&full).as_str(), "8712d9f5ef094760");
        assert_eq!(prints.item(&item(r#"{"id":"x","title":"t"}"#)).as_str(), "89485de7caa39f22");
    }

    #[test]
    fn classification_and_place_are_no_part_of_the_identity() {
        let id = |json: &str| Fingerprints::default().item(&item(json));
        let plain = id(r#"{"id":"x","title":"t"}"#);
        let classified = r#"{"id":"y","title":"t","severity":"INFO","category":"c","line":3,"needs":["z"]}"#;
        assert_eq!(id(classified), plain);
        assert_ne!(id(r#"{"id":"x","title":"t","rule":"r"}"#), plain);
        assert_ne!(id(r#"{"id":"x","title":"t","run":"make"}"#), plain);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let id = |rule, file| Fingerprints::default().finding(rule, file, &Basis::Message, "m");
        assert_ne!(id("ab", "c"), id("a", "bc"));
    }
}
