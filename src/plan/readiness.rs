//! What can start now, and what the rest waits for.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::plan::{PlanFile, Progress, Stage, Workstream};

use super::schedule::{Schedule, schedule};

/// How far a plan is on a day.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// The plan.
    pub plan: &'a PlanFile,
    /// How far each workstream is, by id; one that has not begun may be left out.
    pub progress: &'a BTreeMap<String, Progress>,
    /// The day of the plan, counted from 1; not after its beginning: 0 or less.
    pub day: i64,
}

/// A workstream that cannot start yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its id.
    pub id: String,
    /// What it waits for: ids of workstreams, `day 4`, `paused`, `blocked: …`.
    #[serde(rename = "for")]
    pub what: Vec<String>,
}

/// See [`Standing::readiness`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The ids of workstreams that can start now, most urgent first.
    pub ready: Vec<String>,
    /// Those that have not begun and cannot.
    pub waiting: Vec<Waiting>,
}

impl Standing<'_> {
    fn of(&self, id: &str) -> Progress {
        self.progress.get(id).cloned().unwrap_or_default()
    }

    /// What a workstream waits for; empty: it can start.
    pub fn waits_for(&self, workstream: &Workstream) -> Vec<String> {
        let needs = workstream.needs.iter().map(|n| n.value.clone());
        let mut list: Vec<String> = needs.filter(|id| !self.of(id).has_landed()).collect();
        if let Some(day) = workstream.not_before.filter(|day| i64::from(*day) > self.day) {
            list.push(format!("day {day}"));
        }
        let progress = self.of(&workstream.id.value);
        if progress.paused {
            list.push("paused".into());
        }
        if let Some(blocked) = &progress.blocked {
            list.push(format!("blocked: {}", blocked.text));
        }
        list
    }

    /// The workstreams that have not begun: those that can start, by priority and then by slack,
    /// and those that cannot.
    pub fn readiness(&self) -> Readiness {
        let schedule = schedule(self.plan, &BTreeMap::new());
        let slack = |id: &str| schedule.rows.iter().find(|r| r.id == id).map_or(0.0, |r| r.slack);
        let planned = self.plan.workstreams.iter().filter(|w| self.of(&w.id.value).stage == Stage::Planned);
        let (mut ready, waiting): (Vec<_>, Vec<_>) = planned.partition(|w| self.waits_for(w).is_empty());
        ready.sort_by(|a, b| {
            let by = a.priority.cmp(&b.priority);
            by.then(slack(&a.id.value).total_cmp(&slack(&b.id.value)))
        });
        Readiness {
            ready: ready.into_iter().map(|w| w.id.value.clone()).collect(),
            waiting: waiting
                .into_iter()
                .map(|w| Waiting { id: w.id.value.clone(), what: self.waits_for(w) })
                .collect(),
        }
    }

    /// The workstreams and waves that cannot go on because of one, nearest first.
    pub fn affected(&self, id: &str) -> Vec<String> {
        let mut list: Vec<String> = Vec::new();
        loop {
            let held = |w: &&Workstream| {
                let needs = |n: &str| n == id || list.iter().any(|l| l == n);
                !list.contains(&w.id.value) && w.id.value != id && w.needs.iter().any(|n| needs(&n.value))
            };
            let found: Vec<String> =
                self.plan.workstreams.iter().filter(held).map(|w| w.id.value.clone()).collect();
            if found.is_empty() {
                break;
            }
            list.extend(found);
        }
        let waves = self.plan.waves.iter().enumerate();
        let held = |wave: &crate::model::plan::Wave| {
            wave.merge.iter().any(|m| m.value == id || list.contains(&m.value))
        };
        let waves: Vec<String> =
            waves.filter(|(_, w)| held(w)).map(|(n, _)| format!("wave:{}", n + 1)).collect();
        list.extend(waves);
        list
    }

    /// By how many days a workstream is late: the day of its next wave has passed, or it is
    /// behind what is expected of it. `None`: it is not.
    pub fn late_days(&self, workstream: &Workstream) -> Option<u32> {
        let id = &workstream.id.value;
        let progress = self.of(id);
        if progress.stage == Stage::Dropped {
            return None;
        }
        let in_wave = |n: usize| progress.landed.iter().any(|l| l.wave == u32::try_from(n).ok());
        let next = self.plan.waves_of(id).into_iter().find(|n| !in_wave(*n))?;
        let day = i64::from(self.plan.waves[next - 1].day?);
        u32::try_from(self.day - day).ok().filter(|days| *days > 0)
    }

    /// The schedule that goes with it.
    pub fn schedule(&self) -> Schedule {
        schedule(self.plan, &BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::LandedIn;

    fn seven() -> PlanFile {
        let path = format!("{}/examples/plans/seven/coord.toml", env!("CARGO_MANIFEST_DIR"));
        crate::plan::parse(&std::fs::read_to_string(path).unwrap()).0
    }

    fn landed(wave: u32) -> Progress {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let landing =
            LandedIn { wave: Some(wave), landing: "L1".into(), tip: "t".into(), commit: "c".into(), at };
        Progress { stage: Stage::Landed, landed: vec![landing], ..Progress::default() }
    }

    fn active() -> Progress {
        Progress { stage: Stage::Active, ..Progress::default() }
    }

    #[test]
    fn four_of_seven_can_start_on_the_first_day_and_others_when_waves_have_landed() {
        let plan = seven();
        let mut progress = BTreeMap::new();
        let ready = |progress: &BTreeMap<String, Progress>, day| {
            Standing { plan: &plan, progress, day }.readiness().ready
        };
        assert_eq!(ready(&progress, 1), ["TD2", "TD4", "WS3", "WS1"]);
        for id in ["TD4", "WS1", "WS3"] {
            progress.insert(id.to_owned(), active());
        }
        progress.insert("TD2".to_owned(), landed(1));
        assert_eq!(ready(&progress, 2), ["TD1", "WS2"]);
        progress.insert("WS2".to_owned(), active());
        progress.insert("TD1".to_owned(), landed(2));
        let standing = Standing { plan: &plan, progress: &progress, day: 3 };
        assert_eq!(standing.readiness().waiting, [Waiting { id: "TD3".into(), what: vec!["day 4".into()] }]);
        assert_eq!(ready(&progress, 4), ["TD3"]);
    }

    #[test]
    fn what_a_workstream_holds_up_is_followed_to_the_waves() {
        let plan = seven();
        let progress = BTreeMap::new();
        let standing = Standing { plan: &plan, progress: &progress, day: 4 };
        assert_eq!(standing.affected("TD1"), ["TD3", "wave:2", "wave:3"]);
        let late = |id: &str| standing.late_days(plan.workstream(id).unwrap());
        assert_eq!((late("TD2"), late("TD1"), late("TD3")), (Some(2), Some(1), None));
    }
}
