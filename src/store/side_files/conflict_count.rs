//! How often a session was refused what it asked for by name, because others hold it: paths of a
//! claim, or one certain item. A call for any item has no such conflict: `next` passes over what is
//! taken, and who waits for work is in nobody's way.
//!
//! A refused act leaves nothing in the state, so its count cannot stand there. `conflicts/<session>`
//! grows by one byte with each: appending is atomic, needs no lock, and a death loses one at most.
//! The length is the number, on this clone.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use crate::model::SessionName;

use crate::store::Store;

impl Store {
    /// How many claims, and calls for one certain item, of a session were refused on this clone
    /// because others held what they needed.
    pub fn conflict_count(&self, session: &SessionName) -> u64 {
        fs::metadata(self.path.join("conflicts").join(session.as_str())).map_or(0, |m| m.len())
    }

    pub(in crate::store) fn count_conflict(&self, session: &SessionName) {
        let dir = self.path.join("conflicts");
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
