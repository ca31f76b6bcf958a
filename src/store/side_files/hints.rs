//! What searches found out, beside the store: see [`SearchHints`].
//!
//! Losing or damaging such a file costs one long search and nothing else, so nothing here fails.

use crate::model::SessionName;
use crate::model::choice::SearchHints;

use crate::store::{Store, StoreError};

/// The folder of the files, one for each session.
pub const HINTS_DIR: &str = "hints";

/// For so many different wishes a session's searches are remembered, the last ones first.
const KEPT: usize = 8;

impl Store {
    /// What the last searches of a session found out.
    pub fn hints(&self, session: &SessionName) -> Vec<SearchHints> {
        let bytes = std::fs::read(self.path.join(HINTS_DIR).join(session.as_str()));
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Forgets them all: the state that they are about is replaced by another.
    ///
    /// # Errors
    /// When they cannot be removed; they would hide items then.
    pub(in crate::store) fn forget_hints(&self) -> Result<(), StoreError> {
        let folder = self.path.join(HINTS_DIR);
        match std::fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("forget what searches found out", &folder)(e))
            }
            _ => Ok(()),
        }
    }

    /// Keeps what a search found out, if that is more than what was known.
    pub fn keep_hint(&self, session: &SessionName, known: Vec<SearchHints>, new: Option<SearchHints>) {
        let same = |a: &SearchHints, b: &SearchHints| {
            (&a.store, &a.eligibility, a.released, &a.ranges)
                == (&b.store, &b.eligibility, b.released, &b.ranges)
        };
        let Some(new) = new.filter(|new| !known.iter().any(|known| same(known, new))) else { return };
        let others = known.into_iter().filter(|k| k.eligibility != new.eligibility).take(KEPT - 1);
        let list: Vec<SearchHints> = others.collect();
        let list: Vec<&SearchHints> = std::iter::once(&new).chain(&list).collect();
        let Ok(text) = serde_json::to_vec(&list) else { return };
        let folder = self.path.join(HINTS_DIR);
        let file = folder.join(session.as_str());
        if std::fs::write(&file, &text).is_err() {
            let _ = std::fs::create_dir(&folder).and_then(|()| std::fs::write(&file, &text));
        }
    }
}
