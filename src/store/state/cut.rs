//! Cutting the history: what a state that begins it anew says and carries on. Pure; the simulator
//! in `tests/sim` runs the same code.

use crate::model::view::View;
use crate::model::{Txn, ViewError, clone, header};

use super::history::{LOG_SEGMENT, log_key};

/// How the line begins that names what was cut off: the oldest generation of it, then the
/// beginnings of the commits' ids. Without it, a remote that was put back to an old state could
/// not be told from one that has only gone on, once somebody cuts its history.
const MARK: &str = "cut off ";

/// Hex digits of an id in that line.
const SHORT: usize = 12;

/// A history that several clones share is cut only when it has so many states: each of them
/// wants upkeep at about the same time, and one cut serves all.
const SHARED_HISTORY: usize = 1000;

/// True when a history of this many states is worth cutting. `shared`: by several clones.
pub(in crate::store) fn is_due(states: usize, shared: bool) -> bool {
    states >= if shared { SHARED_HISTORY } else { 2 }
}

/// What a cut names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Generation of the oldest state that was cut off.
    oldest: u64,
    /// Beginnings of the ids of those states.
    ids: Vec<String>,
}

impl Cut {
    /// The cut of these states, newest first, of which the last one has the generation `oldest`.
    pub fn new<Id: AsRef<str>>(oldest: u64, ids: impl IntoIterator<Item = Id>) -> Self {
        Cut { oldest, ids: ids.into_iter().map(|id| short(id.as_ref()).to_owned()).collect() }
    }

    /// The line in the message of the new first state.
    pub fn line(&self) -> String {
        format!("{MARK}{} {}\n", self.oldest, self.ids.join(" "))
    }

    /// Reads the line from a message, if it has one. The first line of a message is made of names
    /// that users choose, so it is not looked at.
    pub fn parse(message: &str) -> Option<Self> {
        let list = message.lines().skip(1).find_map(|line| line.strip_prefix(MARK))?;
        let mut words = list.split(' ');
        let oldest = words.next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
        Some(Cut { oldest, ids: words.map(str::to_owned).collect() })
    }

    /// True when the state of this id and generation may have been among what was cut off.
    pub fn names(&self, id: &str, generation: u64) -> bool {
        generation < self.oldest || self.ids.iter().any(|known| known == short(id))
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// Carries on what the commits that go have known: their events (`lines`, oldest first) move to the
/// log, and clones that have brought nothing in for long are forgotten when several share it.
///
/// # Errors
/// When the state cannot be read.
pub fn carry_on(txn: &mut Txn<'_>, lines: &[String], shared: bool) -> Result<(), ViewError> {
    append_log(txn, lines)?;
    if shared {
        let generation = header::read(txn)?.generation;
        clone::forget_old(txn, generation)?;
    }
    Ok(())
}

/// Appends log lines, filling the last file first.
///
/// # Errors
/// When the state cannot be read.
pub(in crate::store) fn append_log(txn: &mut Txn<'_>, lines: &[String]) -> Result<(), ViewError> {
    let mut head = header::read(txn)?;
    let mut rest = lines;
    while !rest.is_empty() {
        let key = log_key(head.logged);
        let room = LOG_SEGMENT - head.logged % LOG_SEGMENT;
        let (now, later) = rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        let mut text = match txn.blob(&key)? {
            Some(blob) if head.logged % LOG_SEGMENT != 0 => blob.to_vec(),
            _ => Vec::new(),
        };
        for line in now {
            text.extend(line.as_bytes());
            text.push(b'\n');
        }
        txn.put(key, text);
        head.logged += now.len() as u64;
        rest = later;
    }
    txn.put_json(header::KEY, &head);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_knows_what_it_has_cut_off() {
        let ids = ["aaaaaaaaaaaabbbb", "cccccccccccc"];
        let cut = Cut::new(7, ids);
        let message = format!("upkeep\n\nreplaces x\n{}", cut.line());
        assert_eq!(Cut::parse(&message), Some(cut.clone()));
        assert!(cut.names("aaaaaaaaaaaaffff", 9), "the beginning is enough");
        assert!(cut.names("dddddddddddddddd", 6), "it is older than the oldest");
        assert!(!cut.names("dddddddddddddddd", 7));
        assert_eq!(Cut::parse("cut off 1 a\n\n"), None, "the first line is made of names");
    }
}
