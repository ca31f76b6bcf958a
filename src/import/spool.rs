//! The items of one import between reading and storing.
//!
//! All of the input is read and judged before anything is stored, and the store is locked for the
//! storing only. Items that do not fit into memory wait in a temporary file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek as _, Write as _};

use serde_json::Value;

use crate::model::need_syntax::{RANGE_MAX, Range};
use crate::model::{ItemId, NewItem};
use crate::store::Batches;

/// Bytes of items that stay in memory. Few in debug builds, so that tests use the file and
/// several batches, too.
const MEMORY_MAX: usize = if cfg!(debug_assertions) { 1 << 19 } else { 128 << 20 };

/// Most items in a batch. Each batch writes the index of ids once more, so few large ones are
/// faster than many small ones.
const BATCH_ITEMS: usize = if cfg!(debug_assertions) { 512 } else { 65_536 };

/// Most bytes in a batch.
const BATCH_BYTES: usize = 48 << 20;

/// Limits, so that tests can reach them.
#[derive(Debug, Clone, Copy)]
struct Limits {
    memory: usize,
    items: usize,
    bytes: usize,
}

/// Takes items one by one and gives them out in batches, as often as wanted.
#[derive(Debug)]
pub struct Spool {
    limits: Limits,
    /// What is in memory: all, or the batch that is given out.
    items: Vec<NewItem>,
    bytes: usize,
    /// Where the next batch begins in `items`, when all is there.
    at: usize,
    file: Option<Spilled>,
    /// Ids that nobody has to wait for.
    finished: HashSet<ItemId>,
}

#[derive(Debug)]
enum Spilled {
    Writing(BufWriter<File>),
    Reading(BufReader<File>),
}

impl Default for Spool {
    fn default() -> Self {
        Self::with(Limits { memory: MEMORY_MAX, items: BATCH_ITEMS, bytes: BATCH_BYTES })
    }
}

impl Spool {
    fn with(limits: Limits) -> Self {
        Spool { limits, items: Vec::new(), bytes: 0, at: 0, file: None, finished: HashSet::new() }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn push(&mut self, item: NewItem) -> io::Result<()> {
        if let Some(Spilled::Writing(file)) = &mut self.file {
            return write(file, &item);
        }
        self.bytes += weight(&item);
        self.items.push(item);
        if self.bytes > self.limits.memory {
            let mut file = BufWriter::with_capacity(1 << 18, tempfile::tempfile()?);
            std::mem::take(&mut self.items).iter().try_for_each(|item| write(&mut file, item))?;
            self.file = Some(Spilled::Writing(file));
        }
        Ok(())
    }

    /// Takes out what items need and what is finished where they come from; to be called when all items are there.
    pub fn finish(&mut self, finished: HashSet<ItemId>) {
        self.finished = finished;
        for new in &mut self.items {
            settle(new, &self.finished);
        }
    }

    /// Reads the next batch from the file.
    fn fill(&mut self) -> io::Result<()> {
        self.items.clear();
        let Some(Spilled::Reading(file)) = &mut self.file else { return Ok(()) };
        let (mut line, mut bytes) = (Vec::new(), 0);
        while self.items.len() < self.limits.items && bytes < self.limits.bytes {
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let mut item = serde_json::from_slice(&line)?;
            settle(&mut item, &self.finished);
            bytes += weight(&item);
            self.items.push(item);
        }
        Ok(())
    }
}

impl Batches for Spool {
    fn rewind(&mut self) -> io::Result<()> {
        self.at = 0;
        self.file = match self.file.take() {
            None => None,
            Some(Spilled::Writing(file)) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                Some(Spilled::Reading(BufReader::with_capacity(1 << 18, file)))
            }
            Some(Spilled::Reading(mut file)) => {
                file.rewind()?;
                Some(Spilled::Reading(file))
            }
        };
        Ok(())
    }

    fn next_batch(&mut self) -> io::Result<Option<&[NewItem]>> {
        if self.file.is_some() {
            self.fill()?;
            return Ok((!self.items.is_empty()).then_some(self.items.as_slice()));
        }
        let (start, mut end, mut bytes) = (self.at, self.at, 0);
        while let Some(item) = self.items.get(end) {
            if end - start >= self.limits.items || bytes >= self.limits.bytes {
                break;
            }
            bytes += weight(item);
            end += 1;
        }
        self.at = end;
        Ok((start < end).then(|| &self.items[start..end]))
    }
}

/// Takes finished items out of the needs. Of a range, its ids are written out then.
fn settle(new: &mut NewItem, finished: &HashSet<ItemId>) {
    if finished.is_empty() || new.item.needs.is_empty() {
        return;
    }
    let mut needs = Vec::with_capacity(new.item.needs.len());
    for need in std::mem::take(&mut new.item.needs) {
        match Range::parse(&need).filter(|range| range.count() <= RANGE_MAX) {
            Some(range) if range.ids().any(|id| finished.contains(&id)) => {
                needs.extend(range.ids().filter(|id| !finished.contains(id)));
            }
            _ if finished.contains(&need) => {}
            _ => needs.push(need),
        }
    }
    new.item.needs = needs;
}

fn write(file: &mut BufWriter<File>, item: &NewItem) -> io::Result<()> {
    serde_json::to_writer(&mut *file, item)?;
    file.write_all(b"\n")
}

/// About the bytes that an item takes in memory.
fn weight(new: &NewItem) -> usize {
    const TEXT: usize = 32;
    let item = &new.item;
    let texts = [&item.severity, &item.category, &item.phase, &item.group, &item.rule, &item.run];
    let texts = texts.into_iter().flatten().map(|t| t.len() + TEXT).sum::<usize>();
    let files = item.files.iter().map(|f| f.as_str().len() + TEXT).sum::<usize>();
    let needs = item.needs.iter().map(|n| n.as_str().len() + TEXT).sum::<usize>();
    let payload = item.payload.as_ref().map_or(0, value_weight);
    size_of::<NewItem>() + item.title.len() + texts + files + needs + payload
}

fn value_weight(value: &Value) -> usize {
    let below = match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(value_weight).sum(),
        Value::Object(fields) => fields.iter().map(|(k, v)| k.len() + 64 + value_weight(v)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    below + size_of::<Value>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(n: usize) -> NewItem {
        let json = format!(
            r#"{{"item":{{"id":"i{n}","title":"t","payload":{{"k":[1,"x"]}}}},"queue":null,"priority":{n}}}"#
        );
        serde_json::from_str(&json).expect("an item")
    }

    fn drain(spool: &mut Spool) -> Vec<Vec<NewItem>> {
        let mut all = Vec::new();
        while let Some(batch) = spool.next_batch().expect("readable") {
            all.push(batch.to_vec());
        }
        all
    }

    #[test]
    fn batches_are_the_same_from_memory_and_file_and_each_time() {
        let items: Vec<NewItem> = (0..25).map(item).collect();
        let mut seen = Vec::new();
        for memory in [usize::MAX, 5000] {
            let mut spool = Spool::with(Limits { memory, items: 10, bytes: usize::MAX });
            items.iter().for_each(|i| spool.push(i.clone()).expect("kept"));
            assert_eq!(spool.file.is_some(), memory == 5000);
            for _ in 0..2 {
                spool.rewind().expect("rewound");
                seen.push(drain(&mut spool));
            }
        }
        assert!(seen.iter().all(|batches| batches == &seen[0]));
        assert_eq!(seen[0].iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(seen[0].concat(), items);
    }

    #[test]
    fn large_items_make_small_batches() {
        let one = weight(&item(1));
        for memory in [usize::MAX, 10] {
            let mut spool = Spool::with(Limits { memory, items: 100, bytes: one * 2 });
            (0..5).for_each(|n| spool.push(item(n)).expect("kept"));
            spool.rewind().expect("rewound");
            assert_eq!(drain(&mut spool).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        }
    }

    #[test]
    fn what_is_finished_is_not_waited_for() {
        for memory in [usize::MAX, 10] {
            let mut spool = Spool::with(Limits { memory, items: 10, bytes: usize::MAX });
            let mut new = item(1);
            new.item.needs = ["T1", "T2", "T4-T6"].map(|id| ItemId::parse(id).expect("valid")).into();
            spool.push(new).expect("kept");
            spool.finish(["T1", "T5"].map(|id| ItemId::parse(id).expect("valid")).into());
            spool.rewind().expect("rewound");
            let found = drain(&mut spool).concat().remove(0).item.needs;
            assert_eq!(found.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["T2", "T4", "T6"]);
        }
    }
}
