//! What an examination finds.

use std::path::{Path, PathBuf};

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A record of the state.
    Key(String),
    /// A file or folder.
    Path(PathBuf),
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A word for programs; `docs/doctor.md` lists them.
    pub code: &'static str,
    /// Where.
    pub place: Place,
    /// What is wrong, and what mending it does or costs.
    pub message: String,
    /// True when `--repair` can mend it.
    pub repairable: bool,
    /// True when it has been mended.
    pub repaired: bool,
}

impl Finding {
    /// Something wrong with a record, which can be mended.
    pub fn at_key(code: &'static str, key: impl Into<String>, message: impl Into<String>) -> Self {
        let place = Place::Key(key.into());
        Finding { code, place, message: message.into(), repairable: true, repaired: false }
    }

    /// Something wrong with a file, which can be mended.
    pub fn at_path(code: &'static str, path: &Path, message: impl Into<String>) -> Self {
        let place = Place::Path(path.to_owned());
        Finding { code, place, message: message.into(), repairable: true, repaired: false }
    }

    /// The same, but beyond what a repair can do.
    #[must_use]
    pub fn beyond_repair(mut self) -> Self {
        self.repairable = false;
        self
    }

    /// The same, mended.
    #[must_use]
    pub fn mended(mut self) -> Self {
        self.repairable = true;
        self.repaired = true;
        self
    }

    /// The key of the record, when it is about one.
    pub fn key(&self) -> Option<&str> {
        match &self.place {
            Place::Key(key) => Some(key),
            Place::Path(_) => None,
        }
    }
}
