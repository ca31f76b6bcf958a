//! The plan in force with the progress of everything, read at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::plan::{self as plans, Applied, PlanFile, Progress, WaveRecord};
use crate::plan::Standing;
use crate::store::Store;

use super::PlanError;

/// One version of it all.
#[derive(Debug, Clone)]
pub struct State {
    /// The plan.
    pub applied: Applied,
    /// How far each workstream is.
    pub progress: BTreeMap<String, Progress>,
    /// What has landed of each wave; the first is wave 1.
    pub waves: Vec<WaveRecord>,
}

impl State {
    /// The plan's content.
    pub fn plan(&self) -> &PlanFile {
        &self.applied.plan
    }

    /// The day of the plan, counted from 1, in UTC.
    pub fn day(&self, now: Timestamp) -> i64 {
        let date = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let start = self.plan().plan.as_ref().and_then(|p| p.start).unwrap_or_else(|| date(self.applied.at));
        let span = start.until(date(now)).map(|span| i64::from(span.get_days())).unwrap_or_default();
        span + 1
    }

    /// How far the plan is at a time.
    pub fn standing(&self, now: Timestamp) -> Standing<'_> {
        Standing { plan: self.plan(), progress: &self.progress, day: self.day(now) }
    }

    /// The progress of a workstream; the default when it has not begun.
    pub fn of(&self, id: &str) -> Progress {
        self.progress.get(id).cloned().unwrap_or_default()
    }

    /// The workstream that a session works on.
    pub fn workstream_of(&self, session: &crate::model::SessionName) -> Option<&str> {
        let works = |id: &&String| self.of(id).sessions.contains(session);
        self.plan().workstreams.iter().map(|w| &w.id.value).find(works).map(String::as_str)
    }
}

/// Reads the plan in force and all progress.
///
/// # Errors
/// When a plan is not in force, or the state cannot be read.
pub fn current(store: &Store) -> Result<State, PlanError> {
    let found = store.read(|view| {
        let Some(applied) = plans::applied(view)? else { return Ok(None) };
        let mut progress = BTreeMap::new();
        for workstream in &applied.plan.workstreams {
            let id = workstream.id.value.clone();
            progress.insert(id.clone(), plans::progress(view, &id)?);
        }
        let waves = (1..=applied.plan.waves.len()).map(|n| plans::wave(view, n)).collect::<Result<_, _>>()?;
        Ok(Some(State { applied, progress, waves }))
    })?;
    found.ok_or(PlanError::None)
}
