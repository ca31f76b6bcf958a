//! Our own format: one item a line. `title` is all that a line needs.
//!
//! `{"id":"T001","title":"…","queue":"critical","priority":1,"category":"types","severity":"MAJOR",
//! "rule":"…","line":12,"files":["src/a.ts"],"needs":["T000"],"run":"…","payload":{…}}`

use std::collections::HashSet;
use std::io::BufRead;

use serde_json::{Map, Value};

use crate::model::{Item, ItemId, ItemState, NewItem, QueueName, RepoPath};

use super::collect::Collector;
use super::csv::ColumnMap;
use super::format::{Read, Spec};
use super::json::walk::{Lists, walk};
use super::lines::for_each_line;
use super::object::Object;
use super::place::NoPlace;
use super::severity::Severity;
use super::sniff::Shape;
use super::{ImportError, fields, finding, scale, status};

/// Bytes of a title that is kept as it is; of a longer one the first line is the title.
const TITLE_MAX: usize = 4 * 1024;

/// Value of the field `export` in the lines of `queue export`.
pub(crate) const EXPORT: u64 = 1;

pub(super) const SPEC: Spec = Spec {
    name: "jsonl",
    about: "our own: one object a line, or an array of objects; only a title is required",
    sniff: |head| match &head.shape {
        Shape::Blank => true,
        Shape::Object { .. } => TITLES.iter().any(|key| head.a_line_has(key)),
        Shape::Array(keys) => TITLES.iter().any(|key| keys.iter().any(|k| k == key)),
        _ => false,
    },
    read: Read::By(read),
    skipped: "items that are finished",
};

/// Keys of which one makes an object an item.
const TITLES: [&str; 4] = ["title", "summary", "message", "description"];

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut telling: HashSet<String> = HashSet::new();
    let mut each = |line: u64, mut object: Object, collector: &mut Collector<'_>| {
        let exported = exported(&mut object)?;
        if exported == Some(Exported::Failed) {
            // What needs it stays blocked, as it was.
            collector.skip();
            return Ok(());
        }
        let finished = exported == Some(Exported::Done)
            || (exported.is_none()
                && object.fields_mut().iter().any(|(name, value)| is_finished(name, value, collector)));
        if exported.is_none() {
            let map = &collector.options().map;
            rename(&mut object, map);
            for (name, _) in object.fields_mut().iter() {
                let known = fields::own(name).is_some() || name == "payload";
                if !known && fields::is_telling(name) && telling.len() < 100 && telling.insert(name.clone()) {
                    collector.note(line, format!("{name}: not a field of an item, kept in payload.extra"));
                }
            }
        }
        take(line, object, finished, collector)
    };
    let array = {
        let mut input = input;
        let first = input.fill_buf().map_err(ImportError::Read)?.trim_ascii_start().first().copied();
        if first != Some(b'[') {
            return for_each_line(input, collector, |number, line, collector| {
                each(number, Object::parse(line.trim_ascii())?, collector)
            });
        }
        input
    };
    walk(array, &Lists::of(&["[]"]), collector, &mut |scope, collector| {
        let object = match scope.value {
            Value::Object(fields) => Ok(Object::of(fields.clone().into_iter().collect())),
            _ => Err("expected an object".to_owned()),
        };
        if let Err(reason) = object.and_then(|object| each(scope.line, object, collector)) {
            collector.bad(scope.line, reason);
        }
    })
}

fn is_finished(name: &str, value: &Value, collector: &Collector<'_>) -> bool {
    let name = collector.options().map.field(name).filter(|field| *field == "status").unwrap_or(name);
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Bool(true) => "true",
        Value::Number(_) => return false,
        _ => "",
    };
    fields::is_finished(name, text)
}

/// Gives fields their own names: as the user maps them, else by the names that are known (`fields.rs`). Of several
/// for one field the best counts.
fn rename(object: &mut Object, map: &ColumnMap) {
    let fields = object.fields_mut();
    let ranks: Vec<Option<(&str, usize)>> = fields
        .iter()
        .map(|(name, value)| match map.field(name) {
            _ if value.is_null() => None,
            Some(field) => Some((field, 0)),
            None => fields::field(name)
                .filter(|(field, _)| !map.has(field))
                .map(|(field, rank)| (field, rank + 1)),
        })
        .collect();
    for (at, rank) in ranks.iter().enumerate() {
        let Some((field, rank)) = rank else { continue };
        let best = ranks.iter().flatten().filter(|(f, _)| f == field).map(|(_, r)| *r).min();
        let own = fields[at].0 == *field;
        if best == Some(*rank)
            && !own
            && !ranks.iter().enumerate().any(|(n, r)| n > at && *r == Some((*field, *rank)))
        {
            fields[at].0 = (*field).to_owned();
        } else if best != Some(*rank) && own {
            // Another field is mapped to this one.
            fields[at].0 = format!("{field} (not used)");
        }
    }
}

/// Takes one item apart, of which it is known whether it is finished where it comes from.
///
/// # Errors
/// When a field is not what it must be, with the reason.
pub(super) fn take(
    line: u64,
    mut object: Object,
    finished: bool,
    collector: &mut Collector<'_>,
) -> Result<(), String> {
    let id = object.word("id")?.map(|id| ItemId::parse(&id).map_err(|e| format!("id: {e}"))).transpose();
    if finished {
        collector.finished(id.ok().flatten());
        return Ok(());
    }
    let id = id?;
    let title = object.word("title")?.ok_or("title: missing")?;
    let (title, whole) = one_line(title)?;
    let queue = object.parsed("queue", QueueName::parse)?;
    let severity = object.word("severity")?;
    let by_severity = || severity.as_deref().and_then(scale::word).unwrap_or(Severity::UNKNOWN).priority();
    let priority = priority(line, &mut object, collector)?.unwrap_or_else(by_severity);
    let mut item = Item {
        severity,
        category: object.word("category")?,
        phase: object.word("phase")?,
        group: object.word("group")?,
        rule: object.word("rule")?,
        line: object.number("line", 1)?,
        files: files(line, &mut object, collector)?,
        needs: needs(&mut object)?,
        run: object.parsed("run", command)?,
        timeout: object.seconds("timeout")?,
        tool: object.text("tool")?,
        payload: object.value("payload"),
        ..Item::new(ItemId::from_digest([0; 8]), title)
    };
    item.payload = with_extra(item.payload, object.rest());
    if let Some(whole) = whole {
        item.payload = with_message(item.payload, whole);
    }
    collector.item(line, NewItem { item, queue, priority }, id);
    Ok(())
}

/// The title, and the whole text if that is more than a line.
fn one_line(title: String) -> Result<(String, Option<String>), String> {
    if title.trim().is_empty() {
        return Err("title: empty".into());
    }
    if title.len() <= TITLE_MAX && !title.contains(char::is_control) {
        return Ok((title, None));
    }
    let (line, _) = finding::title("", &title);
    Ok((line, Some(title)))
}

/// A number, or a word for one. A word that is not known is noted.
fn priority(line: u64, object: &mut Object, collector: &mut Collector<'_>) -> Result<Option<u32>, String> {
    let Some(Value::String(word)) = object.get("priority").cloned() else {
        return object.number("priority", 0);
    };
    object.value("priority");
    let priority = status::priority(&word);
    if priority.is_none() && !word.trim().is_empty() {
        collector
            .note(line, format!("priority: {word:?} is not known, and the priority comes from the severity"));
    }
    Ok(priority)
}

/// The files, all of which have to be in the repository, unless those outside may be left out.
fn files(line: u64, object: &mut Object, collector: &mut Collector<'_>) -> Result<Vec<RepoPath>, String> {
    let names = object.list("files", |name| Ok::<_, String>(name.to_owned()))?;
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        match collector.places.path(&name) {
            Ok(path) => files.push(path),
            Err(NoPlace::Outside(_)) if collector.options().skip_outside => {
                collector.note(line, format!("{name}: outside the repository, left out"));
            }
            Err(reason) => {
                collector.outside(&reason);
                return Err(format!("files: {reason}"));
            }
        }
    }
    Ok(files)
}

/// The needs: a list, or one text with commas or blanks between them. Some write an object for each.
fn needs(object: &mut Object) -> Result<Vec<ItemId>, String> {
    let words = match object.value("needs") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => text
            .split([',', ';', ' ', '\n'])
            .filter(|w| !w.is_empty())
            .map(|w| Value::String(w.to_owned()))
            .collect(),
        Some(Value::Array(values)) => values,
        Some(other) => vec![other],
    };
    let word = |value: Value| match value {
        Value::Object(fields) => {
            let named = ["depends_on_id", "id", "key"].iter().find_map(|name| fields.get(*name).cloned());
            named.unwrap_or(Value::Object(fields))
        }
        other => other,
    };
    let mut list =
        Object::of(vec![("needs".to_owned(), Value::Array(words.into_iter().map(word).collect()))]);
    list.list("needs", ItemId::parse)
}

/// The payload with the whole text of a title.
fn with_message(payload: Option<Value>, message: String) -> Option<Value> {
    let mut fields = match payload {
        Some(Value::Object(fields)) => fields,
        None => Map::new(),
        Some(other) => Map::from_iter([("value".to_owned(), other)]),
    };
    fields.entry("message").or_insert(Value::String(message));
    Some(Value::Object(fields))
}

/// The words of a command. A process cannot be given one with a NUL; one of blanks would do nothing and
/// succeed, and its item would be done.
fn command(text: &str) -> Result<String, &'static str> {
    match text {
        _ if text.contains('\0') => Err("a command cannot contain a NUL character"),
        _ if text.trim().is_empty() => Err("empty"),
        _ => Ok(text.to_owned()),
    }
}

/// What an exported item was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exported {
    Done,
    Failed,
    Open,
}

/// Looks at the fields that only `queue export` writes, and takes them out: where an item was in
/// another store is not part of it. Other files may have fields of these names.
fn exported(object: &mut Object) -> Result<Option<Exported>, String> {
    if object.get("export").and_then(Value::as_u64) != Some(EXPORT) {
        return Ok(None);
    }
    let state = object.text("state")?;
    for field in ["export", "state", "session", "attempt", "lease", "at", "why", "until"] {
        object.value(field);
    }
    let was = |of: ItemState| state.as_deref() == Some(of.word());
    Ok(Some(if was(ItemState::Done) {
        Exported::Done
    } else if was(ItemState::Failed) {
        Exported::Failed
    } else {
        Exported::Open
    }))
}

/// The payload with the fields that we do not know under `extra`, so that nothing gets lost. One
/// that cannot take a field `extra` goes under `value` first.
fn with_extra(payload: Option<Value>, extra: Map<String, Value>) -> Option<Value> {
    if extra.is_empty() {
        return payload;
    }
    let mut fields = match payload {
        None => Map::new(),
        Some(Value::Object(fields)) if !fields.contains_key("extra") => fields,
        Some(other) => Map::from_iter([("value".to_owned(), other)]),
    };
    fields.insert("extra".into(), Value::Object(extra));
    Some(Value::Object(fields))
}

#[cfg(test)]
mod tests;
