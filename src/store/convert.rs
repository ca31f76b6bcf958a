//! Stores of format 1: their files and their state, made over by the first command of this version.
//!
//! - The *layout* is this clone's own: names of files beside the state. `config` says which one a
//!   store has, so that a store of today costs no look. Converting it can be repeated after a death
//!   at any step; `config` is written last.
//! - The *state* is converted by one commit like any other, under the lock and, with a remote, by one
//!   push. Readers see it converted before that. A program of format 1 reads the new state and refuses
//!   to write it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde_json::Value;

use crate::model::event::Event;
use crate::model::view::View;
use crate::model::{EventKind, Txn, ViewError, header};

use super::commit::lock;
use super::commit::write_queue::QUEUE_DIR;
use super::files::{file_name, files_in};
use super::{Store, StoreError};

/// The line of `config` that names the layout.
pub(super) const LAYOUT: &str = "\tlayout = 2\n";

/// Files of format 1 with their names of today.
const RENAMED: [(&str, &str); 4] = [
    ("authority.json", "arbiter.json"),
    ("push.pending", "push.in-doubt"),
    ("refused", "conflicts"),
    ("room", QUEUE_DIR),
];

/// Files of format 1 that are made anew when they are needed.
const DROPPED: [&str; 4] = ["watch.json", "courtesy.json", "pool.json", "pool.lock"];

/// How the ids of deferred operations ended in format 1, and end today. The longer ones first.
const ENDINGS: [(&str, &str); 3] =
    [("-handed-posted", "-grant"), ("-act-posted", "-change"), ("-posted", "-record")];

/// True when the store has a layout of before. `config` is the text of its configuration.
pub(super) fn is_due(config: &str) -> bool {
    !config.contains(LAYOUT.trim())
}

/// Gives the files of a store their names of today.
///
/// # Errors
/// When one of them cannot be read or written.
pub(super) fn layout(store: &Path, config: &str) -> Result<(), StoreError> {
    let _guard = lock::lock(&store.join("coord.lock"))?;
    for (old, new) in RENAMED {
        let (old, new) = (store.join(old), store.join(new));
        let renamed = match fs::rename(&old, &new) {
            // Merged below: a process of this version was faster to make it.
            Err(_) if old.is_dir() && new.is_dir() => merge(&old, &new),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        };
        renamed.map_err(StoreError::io("give today's name to", &old))?;
    }
    for old in DROPPED {
        let _ = fs::remove_file(store.join(old));
    }
    for file in files_in(&store.join(QUEUE_DIR)) {
        operation(&file).map_err(StoreError::io("convert an operation", &file))?;
    }
    let in_doubt = store.join("push.in-doubt");
    rewrite(&in_doubt, |note| rename_key(note, "drains", "evicts"))
        .map_err(StoreError::io("convert a noted push", &in_doubt))?;
    let (path, text) = (store.join("config"), format!("{config}[coord]\n{LAYOUT}"));
    super::side_files::write(&path, text.as_bytes()).map_err(StoreError::io("convert", &path))
}

fn merge(old: &Path, new: &Path) -> io::Result<()> {
    for file in files_in(old) {
        fs::rename(&file, new.join(file_name(&file)))?;
    }
    fs::remove_dir(old)
}

/// Converts the file of an operation that waits: first its content, then its name.
fn operation(file: &Path) -> io::Result<()> {
    let name = file_name(file);
    let Some((id, kind)) = name.rsplit_once('.') else { return Ok(()) };
    rewrite(file, |entry| {
        let Some(op) = entry.get_mut("op") else { return };
        rename_key(op, "hand_out", "prefetch_grant");
        for next in ["/next/choice", "/prefetch_grant/next/choice"] {
            if let Some(choice) = op.pointer_mut(next) {
                rename_key(choice, "skips", "hints");
            }
        }
    })?;
    for (old, new) in ENDINGS {
        if let Some(start) = id.strip_suffix(old) {
            return fs::rename(file, file.with_file_name(format!("{start}{new}.{kind}")));
        }
    }
    Ok(())
}

/// Changes a file of JSON in its place: whoever keeps it locked goes on doing so. One that cannot be
/// parsed stays as it is.
fn rewrite(file: &Path, change: impl FnOnce(&mut Value)) -> io::Result<()> {
    let bytes = match fs::read(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let Ok(before) = serde_json::from_slice::<Value>(&bytes) else { return Ok(()) };
    let mut after = before.clone();
    change(&mut after);
    if after == before { Ok(()) } else { fs::write(file, crate::model::to_json(&after)) }
}

fn rename_key(value: &mut Value, old: &str, new: &str) {
    if let Some(fields) = value.as_object_mut()
        && let Some(content) = fields.remove(old)
    {
        fields.insert(new.to_owned(), content);
    }
}

/// Converts the records of a state of format 1; false when it has today's format.
///
/// A clone's prefetched items stay where they are, as those of a session that is not filled again:
/// grants that were made of them may wait in an outbox somewhere. Their leases run out.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn state(txn: &mut Txn<'_>) -> Result<bool, ViewError> {
    let mut head = header::read(txn)?;
    if head.format >= header::FORMAT {
        return Ok(false);
    }
    for entry in txn.list("sessions")?.into_iter().filter(|e| !e.is_tree) {
        let key = format!("sessions/{}", entry.name);
        let Some(mut record) = crate::model::read_json::<Value>(txn, &key)? else { continue };
        rename_key(&mut record, "pool", "prefetch");
        shard(&mut record);
        txn.put_json(key, &record);
    }
    let from = std::mem::replace(&mut head.format, header::FORMAT);
    txn.put_json(header::KEY, &head);
    txn.record(
        Event::new(crate::clock::now(), None, EventKind::Convert).with("from", from).with("to", head.format),
    );
    Ok(true)
}

/// `share` is `shard` today. One that stood beyond its split was told by `split_over`.
fn shard(record: &mut Value) {
    rename_key(record, "share", "shard");
    let Some(over) = record.as_object_mut().and_then(|fields| fields.remove("split_over")) else { return };
    let number = record.get("shard").and_then(Value::as_str).and_then(|s| s.split('/').next());
    if let (Some(number), Some(over)) = (number.map(str::to_owned), over.as_u64()) {
        record["shard"] = Value::String(format!("{number}/{over}"));
    }
}

impl Store {
    /// Refuses to write what a newer version has written; true when the state must be converted.
    pub(super) fn is_outdated(&self, view: &dyn View) -> Result<bool, StoreError> {
        let found = header::read(view)?.format;
        if found > header::FORMAT {
            return Err(StoreError::Newer { path: self.path.clone(), found, known: header::FORMAT });
        }
        Ok(found < header::FORMAT)
    }
}
