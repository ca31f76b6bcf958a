//! Signs of life: a session's commands write a file, which is not a git object.
//!
//! It says when the session was last at work by the steady clock of this machine, which nobody sets
//! and which all processes of a clone share. So a process whose wall clock is ahead cannot end the
//! leases of sessions that are at work.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use crate::clock;
use crate::model::{SessionName, View, ViewError, header, session};
use crate::store::Store;

/// The folder of the files, one for each session.
const DIR: &str = "seen";

fn steady_ms() -> u64 {
    u64::try_from(clock::steady().as_millis()).unwrap_or(u64::MAX)
}

impl Store {
    fn sign_of(&self, name: &SessionName) -> PathBuf {
        self.path().join(DIR).join(name.as_str())
    }

    /// Notes that a session is alive.
    pub fn touch_session(&self, name: &SessionName) {
        let path = self.sign_of(name);
        let text = format!("{:020} {}\n", steady_ms(), clock::boot());
        // A sign of life is not worth failing for. The text has the same length each time.
        let touch = || {
            let options = File::options().write(true).create(true).truncate(false).open(&path);
            options.and_then(|mut f| {
                f.write_all(text.as_bytes())?;
                f.set_modified(clock::system_now())
            })
        };
        if touch().is_err() {
            let _ = fs::create_dir(self.path().join(DIR)).and_then(|()| touch());
        }
    }

    /// When a session's last command ran on this clone, if any has.
    pub fn last_seen(&self, name: &SessionName) -> Option<jiff::Timestamp> {
        let modified = fs::metadata(self.sign_of(name)).and_then(|m| m.modified()).ok()?;
        let at = jiff::Timestamp::try_from(modified).ok()?;
        jiff::Timestamp::from_millisecond(at.as_millisecond()).ok()
    }

    /// Milliseconds since a session's last command by the steady clock; `None` when that is not known,
    /// or the machine has started anew since.
    fn idle(&self, name: &SessionName) -> Option<u64> {
        let text = fs::read_to_string(self.sign_of(name)).ok()?;
        let (at, boot) = text.trim_end().split_once(' ')?;
        let now = steady_ms();
        let at = at.parse::<u64>().ok().filter(|at| boot == clock::boot() && *at <= now)?;
        Some(now - at)
    }

    /// Leases of this clone that have run out by the wall clock, and whose sessions were at work within
    /// the time that they last: lease and number of renewals. The wall clock of this process, or of the
    /// one that granted them, is wrong then.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(in crate::store) fn leases_at_work(
        &self,
        view: &dyn View,
        clone: Option<&str>,
    ) -> Result<BTreeSet<(u64, u64)>, ViewError> {
        let now = clock::now();
        if header::read(view)?.sweep_at.is_none_or(|at| at > now) {
            return Ok(BTreeSet::new());
        }
        let mut at_work = BTreeSet::new();
        for session in session::all(view)? {
            let own = session.leases.iter().filter(|l| l.clone.as_deref() == clone && l.expires() <= now);
            let mut own = own.peekable();
            if own.peek().is_none() {
                continue;
            }
            let Some(idle) = self.idle(&session.name) else { continue };
            let lasting = own.filter(|lease| idle < lease.ttl.saturating_mul(1000));
            at_work.extend(lasting.map(|lease| (lease.id, lease.renewals)));
        }
        Ok(at_work)
    }
}
