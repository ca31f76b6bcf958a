//! The head's times and numbers, and the log's length.

use jiff::Timestamp;

use crate::doctor::Finding;
use crate::model::event::Event;
use crate::model::header::{self, StateHeader};
use crate::model::session::Lease;
use crate::model::{Txn, View, ViewError};
use crate::store::{LOG_SEGMENT, log_key};

use super::scan::{Scan, keys_below};

/// What is wrong.
pub fn findings(view: &dyn View, scan: &Scan) -> Vec<Finding> {
    let Some(found) = &scan.head else { return Vec::new() };
    let mut findings = Vec::new();
    let right = correct(found, scan);
    if found.generation != right.generation {
        let message =
            format!("the last number given is {}, but {} was given", found.generation, right.generation);
        findings.push(Finding::at_key("generation", header::KEY, message));
    }
    if found.sweep_at != right.sweep_at {
        let message = "a lease runs out before anybody would look for it";
        findings.push(Finding::at_key("sweep-at", header::KEY, message));
    }
    findings.extend(log_faults(view, found.logged).into_iter().map(|f| f.finding()));
    findings
}

/// Makes the head and the log say what is so.
///
/// # Errors
/// When a record cannot be read.
pub fn mend(txn: &mut Txn<'_>, scan: &Scan, now: Timestamp) -> Result<(), ViewError> {
    let Some(found) = &scan.head else { return Ok(()) };
    let mut right = correct(found, scan);
    for fault in log_faults(txn, found.logged) {
        match fault {
            LogFault::Short { key, lines, wanted, .. } => {
                let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                // Places of events are counted: what is lost leaves a line that says so.
                let gap = Event::new(now, None, crate::model::EventKind::Lost)
                    .with("text", "this event could not be read any more");
                let line = serde_json::Value::Object(gap.to_value()).to_string();
                for _ in lines.len()..wanted {
                    text.push_str(&line);
                    text.push('\n');
                }
                txn.put(key, text.into_bytes());
            }
            LogFault::Long { surplus, .. } => right.logged += surplus,
            LogFault::Full { key, lines } => {
                let kept = lines.iter().take(usize::try_from(LOG_SEGMENT).unwrap_or(usize::MAX));
                let text: String = kept.map(|line| format!("{line}\n")).collect();
                txn.put(key, text.into_bytes());
            }
            LogFault::Beyond { key } => txn.remove(key),
        }
    }
    if right != *found {
        txn.put_json(header::KEY, &right);
    }
    Ok(())
}

fn correct(found: &StateHeader, scan: &Scan) -> StateHeader {
    let leases = || scan.sessions.values().flat_map(|s| &s.leases);
    let mut right = found.clone();
    right.generation = leases()
        .map(|l| l.id)
        .chain(found.restored.iter().map(|r| r.to))
        .chain([found.generation])
        .max()
        .unwrap_or_default();
    // Looking too early costs a look; looking too late keeps what has run out from others.
    if let Some(first) = leases().map(Lease::expires).chain(super::cooldown::first(scan)).min() {
        right.sweep_at = Some(found.sweep_at.map_or(first, |at| at.min(first)));
    }
    right
}

enum LogFault {
    /// Events are missing.
    Short { key: String, why: String, lines: Vec<String>, wanted: usize },
    /// The last file holds more than the head counts.
    Long { key: String, surplus: u64 },
    /// A file holds more than a file may.
    Full { key: String, lines: Vec<String> },
    /// A file after the last one.
    Beyond { key: String },
}

impl LogFault {
    fn finding(self) -> Finding {
        match self {
            LogFault::Short { key, why, lines, wanted } => {
                Finding::at_key("log", key, format!("{why}: it holds {} events of {wanted}", lines.len()))
            }
            LogFault::Long { key, surplus } => {
                Finding::at_key("log", key, format!("{surplus} events more than the head counts"))
            }
            LogFault::Full { key, lines } => {
                Finding::at_key("log", key, format!("{} events in one file", lines.len()))
            }
            LogFault::Beyond { key } => Finding::at_key("log", key, "the log ends before this file"),
        }
    }
}

fn log_faults(view: &dyn View, logged: u64) -> Vec<LogFault> {
    let mut faults = Vec::new();
    let mut keys = std::collections::BTreeSet::new();
    let files = logged.div_ceil(LOG_SEGMENT);
    for file in 0..files {
        let key = log_key(file * LOG_SEGMENT);
        keys.insert(key.clone());
        let wanted = (logged - file * LOG_SEGMENT).min(LOG_SEGMENT);
        let (bytes, why) = match view.blob(&key) {
            Ok(Some(bytes)) => (bytes.to_vec(), "lines are missing".to_owned()),
            Ok(None) => (Vec::new(), "it is missing".to_owned()),
            Err(e) => (Vec::new(), e.to_string()),
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = lines.len() as u64;
        if found < wanted {
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            faults.push(LogFault::Short { key, why, lines, wanted });
        } else if found > LOG_SEGMENT {
            faults.push(LogFault::Full { key, lines });
        } else if found > wanted {
            faults.push(LogFault::Long { key, surplus: found - wanted });
        }
    }
    for key in keys_below(view, "log", &mut Vec::new()) {
        if !keys.contains(&key) {
            faults.push(LogFault::Beyond { key });
        }
    }
    faults
}
