//! The audit log: the events of every state, newest first.
//!
//! Each commit carries its events in its message. When upkeep cuts the history, it moves the
//! events of the commits that go to `log/` in the state, in the same compare-and-swap; so each
//! event stands in exactly one place.

use gix::ObjectId;

use crate::model::event::Event;
use crate::model::view::View;
use crate::model::{ViewError, header};

use crate::store::{Store, StoreError};

/// Events in one file of `log/`.
pub(crate) const LOG_SEGMENT: u64 = 1000;

/// A commit and what hangs on it.
pub(in crate::store) struct State {
    pub parent: Option<ObjectId>,
    pub events: Vec<String>,
}

/// Key of the log file that holds event number `n`.
pub(crate) fn log_key(n: u64) -> String {
    let segment = n / LOG_SEGMENT;
    format!("log/{:04}/{:02}.jsonl", segment / 100, segment % 100)
}

impl Store {
    /// Reads parent and events of a commit.
    pub(in crate::store) fn state_at(&self, commit: ObjectId) -> Result<State, StoreError> {
        let object = self.objects.find(commit).map_err(|e| self.unreadable(commit, e))?;
        let parsed = gix::objs::CommitRef::from_bytes(&object.data, commit.kind())
            .map_err(|e| self.unreadable(commit, e))?;
        let message = String::from_utf8_lossy(parsed.message);
        let events = message.lines().filter(|l| l.starts_with('{')).map(str::to_owned).collect();
        Ok(State { parent: parsed.parents().next(), events })
    }

    /// The log, newest first. `visit` returns false to stop.
    ///
    /// Upkeep may cut the history meanwhile. The events of the commits are therefore read before
    /// the first of them is told; the rest stands in `log/`, where number and place of an event
    /// never change, so that any newer state serves as well.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn log(&self, mut visit: impl FnMut(Event) -> bool) -> Result<(), StoreError> {
        let (lines, mut left) = self.unless_cut(|store, tip| {
            let mut lines = Vec::new();
            let mut at = Some(tip);
            while let Some(commit) = at {
                let state = store.state_at(commit)?;
                lines.extend(state.events.into_iter().rev());
                at = state.parent;
            }
            Ok((lines, header::read(&store.view_of(tip)?)?.logged))
        })?;
        let mut tell = |line: &str| Event::from_line(line).is_none_or(&mut visit);
        if !lines.iter().all(|line| tell(line)) {
            return Ok(());
        }
        while left > 0 {
            let key = log_key(left - 1);
            let first = (left - 1) / LOG_SEGMENT * LOG_SEGMENT;
            let blob = self.unless_cut(|store, tip| {
                let blob = store.view_of(tip)?.blob(&key)?;
                blob.ok_or_else(|| ViewError::damaged(&*key, "it is missing").into())
            })?;
            let text = String::from_utf8_lossy(&blob);
            let known: Vec<&str> =
                text.lines().take(usize::try_from(left - first).unwrap_or(usize::MAX)).collect();
            if !known.into_iter().rev().all(&mut tell) {
                return Ok(());
            }
            left = first;
        }
        Ok(())
    }

    /// Reads from the tip; once more, from the new tip, when upkeep has removed what was to be
    /// read.
    fn unless_cut<T>(
        &self,
        read: impl Fn(&Self, ObjectId) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tip = self.require_tip()?;
        loop {
            let result = read(self, tip);
            let now = match result {
                Err(StoreError::View(ViewError::Unreadable { .. })) => self.require_tip()?,
                other => return other,
            };
            if now == tip {
                return result;
            }
            tip = now;
        }
    }
}
