//! One attempt at an item: its command, what that is given, and the lease while it runs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::item_json;

use super::heartbeat::Heartbeat;
use super::hold::Hold;
use super::{AttemptReport, AttemptResult, Job, RunnerError, SESSION};
use crate::exec::{CommandSpec, End, supervise};

/// Bytes of a variable that a command is given. The system's limit is 128 KiB for each.
const LONGEST: usize = 100_000;

/// One attempt at an item: what it holds, where its branch was, and where its output goes.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) hold: Hold<'a>,
    /// Where the slot's branch was before; `None` outside the pool.
    pub(super) before: Option<String>,
    /// The log of the command.
    pub(super) log: PathBuf,
}

impl Attempt<'_> {
    /// Runs the command to its end.
    pub(super) fn command(&self, log: File) -> Result<End, RunnerError> {
        let spec = self.hold.desk.shared.spec;
        let words: Vec<OsString> = match (&spec.job, &self.hold.taken.item.run) {
            (Job::Same(words), _) => words.clone(),
            (Job::Own, run) => vec!["sh".into(), "-c".into(), run.clone().unwrap_or_default().into()],
        };
        self.supervised(&words, spec.job != Job::Own, log)
    }

    /// Runs a program for an item to its end, within the item's time. `reads`: it gets the item on
    /// its standard input.
    pub(super) fn supervised(&self, words: &[OsString], reads: bool, log: File) -> Result<End, RunnerError> {
        let json = self.hold.desk.store.run_dir().join(format!("{}.json", self.hold.desk.slot.session));
        let mut text = crate::model::to_json(&item_json::taken(self.hold.taken));
        text.push(b'\n');
        std::fs::write(&json, text).map_err(RunnerError::io("write", &json))?;
        let nothing = PathBuf::from("/dev/null");
        let spec = CommandSpec {
            words,
            dir: &self.hold.desk.slot.root,
            env: &self.variables(&json),
            stdin: if reads { &json } else { &nothing },
            log,
            complaints: None,
        };
        let end = self.watched(spec);
        let _ = std::fs::remove_file(&json);
        end
    }

    /// Runs a program for an item within the item's time, and keeps the lease meanwhile.
    pub(super) fn watched(&self, order: CommandSpec<'_>) -> Result<End, RunnerError> {
        let limit =
            self.hold.taken.item.timeout.or(self.hold.desk.shared.spec.time_limit).map(Duration::from_secs);
        let mut heartbeat = Heartbeat::new(self.hold);
        let stop = || self.hold.desk.shared.scheduler.stop_level();
        supervise(order, limit, self.hold.desk.shared.guardian, stop, || heartbeat.look())
    }

    /// What the run reports of it.
    pub(super) fn report(
        &self,
        (result, reason, commit): (AttemptResult, Option<String>, Option<String>),
        took: Duration,
    ) -> AttemptReport {
        let Hold { desk, taken } = self.hold;
        AttemptReport {
            item: taken.item.id.clone(),
            title: taken.item.title.clone(),
            queue: taken.queue.clone(),
            session: desk.slot.session.clone(),
            number: taken.attempt,
            result,
            reason,
            took,
            log: self.log.clone(),
            commit: commit.filter(|_| result == AttemptResult::Done),
        }
    }

    fn variables(&self, json: &Path) -> Vec<(OsString, OsString)> {
        let files: Vec<_> =
            self.hold.taken.item.files.iter().map(|f| f.to_native().into_os_string()).collect();
        let list: Vec<(&str, OsString)> = vec![
            (SESSION, self.hold.desk.slot.session.as_str().into()),
            ("GIT_COORD_ITEM", self.hold.taken.item.id.as_str().into()),
            ("GIT_COORD_ITEM_JSON", json.into()),
            ("GIT_COORD_TITLE", self.hold.taken.item.title.clone().into()),
            ("GIT_COORD_FILES", files.join(OsStr::new("\n"))),
            ("GIT_COORD_QUEUE", self.hold.taken.queue.as_str().into()),
            ("GIT_COORD_ATTEMPT", self.hold.taken.attempt.to_string().into()),
            ("GIT_COORD_LEASE", self.hold.taken.lease.to_string().into()),
        ];
        // No process could be started with one that is longer. A part of the files would be taken for all.
        let fits = |value: &OsString| value.len() <= LONGEST;
        list.into_iter().filter(|(_, value)| fits(value)).map(|(name, value)| (name.into(), value)).collect()
    }
}
