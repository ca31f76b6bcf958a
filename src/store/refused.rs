//! How often a session was refused what it asked for by name, because others hold it: paths of a
//! claim, or one certain item. A call for any item has no such conflict: `next` passes over what is
//! taken, and who waits for work is in nobody's way.
//!
//! A refused act leaves nothing in the state, so its count cannot stand there. `refused/<session>`
//! grows by one byte with each: appending is atomic, needs no lock, and a death loses one at most.
//! The length is the number, on this clone.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use crate::model::{Op, Outcome, SessionName};

use super::{Store, StoreError};

impl Store {
    /// Carries out an operation. With `wait`, an operation that is refused because others hold
    /// what it needs stays in line until it is granted or the time is over.
    ///
    /// # Errors
    /// When the store cannot be read or written. Nothing is changed then, unless the error says
    /// that the ref could not be read back.
    pub fn submit(&self, op: &Op, wait: Option<Duration>) -> Result<Outcome, StoreError> {
        let outcome = self.carry_out(op, wait)?;
        if let Some(session) = in_the_way_of(op, &outcome) {
            self.count_refusal(session);
        }
        Ok(outcome)
    }

    /// How many claims, and calls for one certain item, of a session were refused on this clone
    /// because others held what they needed.
    pub fn refused(&self, session: &SessionName) -> u64 {
        fs::metadata(self.path.join("refused").join(session.as_str())).map_or(0, |m| m.len())
    }

    fn count_refusal(&self, session: &SessionName) {
        let dir = self.path.join("refused");
        let append = || {
            let file = OpenOptions::new().create(true).append(true).open(dir.join(session.as_str()));
            file.and_then(|mut file| file.write_all(b"."))
        };
        // A number for people is not worth failing for.
        if append().is_err() {
            let _ = fs::create_dir(&dir).and_then(|()| append());
        }
    }
}

/// The session whose claim, or call for a certain item, was refused because of others.
fn in_the_way_of<'a>(op: &'a Op, outcome: &Outcome) -> Option<&'a SessionName> {
    match (op, outcome) {
        (Op::Claim(claim), Outcome::Held { .. }) => Some(&claim.session),
        (Op::Next(next), Outcome::Held { .. }) => Some(&next.session),
        _ => None,
    }
}
