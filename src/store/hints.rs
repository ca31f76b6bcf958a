//! What searches found out, beside the store: see [`Skips`].
//!
//! Losing or damaging such a file costs one long search and nothing else, so nothing here fails.

use crate::model::SessionName;
use crate::model::choice::Skips;

use super::Store;

/// The folder of the files, one for each session.
pub const HINTS_DIR: &str = "hints";

impl Store {
    /// What the last search of a session found out.
    pub fn hint(&self, session: &SessionName) -> Option<Skips> {
        let bytes = std::fs::read(self.path.join(HINTS_DIR).join(session.as_str())).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps what a search found out, if that is more than what was known.
    pub fn keep_hint(&self, session: &SessionName, known: Option<&Skips>, new: Option<&Skips>) {
        let same = |a: &Skips, b: &Skips| {
            (&a.store, &a.wishes, a.released, &a.ranges) == (&b.store, &b.wishes, b.released, &b.ranges)
        };
        let Some(new) = new.filter(|new| !known.is_some_and(|known| same(known, new))) else { return };
        let Ok(text) = serde_json::to_vec(new) else { return };
        let folder = self.path.join(HINTS_DIR);
        let file = folder.join(session.as_str());
        if std::fs::write(&file, &text).is_err() {
            let _ = std::fs::create_dir(&folder).and_then(|()| std::fs::write(&file, &text));
        }
    }
}
