//! The command of an item: what it is given, and who looks after it while it runs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::item_json;
use crate::model::outcome::Taken;

use super::keep::Keeper;
use super::supervise::{End, Order, supervise};
use super::worker::Worker;
use super::{Job, RunnerError, SESSION};

/// Bytes of a variable that a command is given. The system's limit is 128 KiB for each.
const LONGEST: usize = 100_000;

impl Worker<'_> {
    /// Runs the command to its end.
    pub(super) fn command(&self, taken: &Taken, log: File) -> Result<End, RunnerError> {
        let plan = self.common.plan;
        let words: Vec<OsString> = match (&plan.job, &taken.item.run) {
            (Job::Same(words), _) => words.clone(),
            (Job::Own, run) => vec!["sh".into(), "-c".into(), run.clone().unwrap_or_default().into()],
        };
        self.supervised(taken, &words, plan.job != Job::Own, log)
    }

    /// Runs a program for an item to its end, within the item's time. `reads`: it gets the item on
    /// its standard input.
    pub(super) fn supervised(
        &self,
        taken: &Taken,
        words: &[OsString],
        reads: bool,
        log: File,
    ) -> Result<End, RunnerError> {
        let json = self.store.run_dir().join(format!("{}.json", self.slot.session));
        let mut text = crate::model::to_json(&item_json::taken(taken));
        text.push(b'\n');
        std::fs::write(&json, text).map_err(RunnerError::io("write", &json))?;
        let nothing = PathBuf::from("/dev/null");
        let order = Order {
            words,
            dir: &self.slot.root,
            env: &self.variables(taken, &json),
            stdin: if reads { &json } else { &nothing },
            log,
            complaints: None,
        };
        let end = self.watched(taken, order);
        let _ = std::fs::remove_file(&json);
        end
    }

    /// Runs a program for an item within the item's time, and keeps the lease meanwhile.
    pub(super) fn watched(&self, taken: &Taken, order: Order<'_>) -> Result<End, RunnerError> {
        let limit = taken.item.timeout.or(self.common.plan.time_limit).map(Duration::from_secs);
        let mut keeper = Keeper::new(self, taken);
        let stop = || self.common.crew.stop_level();
        supervise(order, limit, self.common.guardian, stop, || keeper.look())
    }

    fn variables(&self, taken: &Taken, json: &Path) -> Vec<(OsString, OsString)> {
        let files: Vec<_> = taken.item.files.iter().map(|f| f.to_native().into_os_string()).collect();
        let list: Vec<(&str, OsString)> = vec![
            (SESSION, self.slot.session.as_str().into()),
            ("GIT_COORD_ITEM", taken.item.id.as_str().into()),
            ("GIT_COORD_ITEM_JSON", json.into()),
            ("GIT_COORD_TITLE", taken.item.title.clone().into()),
            ("GIT_COORD_FILES", files.join(OsStr::new("\n"))),
            ("GIT_COORD_QUEUE", taken.queue.as_str().into()),
            ("GIT_COORD_ATTEMPT", taken.attempt.to_string().into()),
            ("GIT_COORD_LEASE", taken.lease.to_string().into()),
        ];
        // No process could be started with one that is longer. A part of the files would be taken for all.
        let fits = |value: &OsString| value.len() <= LONGEST;
        list.into_iter().filter(|(_, value)| fits(value)).map(|(name, value)| (name.into(), value)).collect()
    }
}
