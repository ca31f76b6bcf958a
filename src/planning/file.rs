//! The plan's file, read and checked against the repository.

use std::path::Path;

use crate::git::HostRepo;
use crate::model::plan::{Applied, PlanFile};
use crate::plan::{Problem, check, parse};

use super::{PlanError, facts};

/// A plan that was read.
#[derive(Debug, Clone)]
pub struct PlanText {
    /// The file's name as it was given, relative to the top of the repository where it is in it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub plan: PlanFile,
    /// What keeps it from being applied.
    pub mistakes: Vec<Problem>,
    /// What is worth a warning.
    pub warnings: Vec<Problem>,
}

impl PlanText {
    /// The plan, if it can be applied.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn good(self) -> Result<Self, PlanError> {
        if self.mistakes.is_empty() {
            return Ok(self);
        }
        Err(PlanError::Bad { file: self.file, problems: self.mistakes })
    }
}

/// Reads a plan and checks it. `applied` is the one in force: what belongs to it may be there.
///
/// # Errors
/// When the file cannot be read, or git fails. Mistakes in it are part of the answer.
pub fn read_file(repo: &HostRepo, path: &Path, applied: Option<&Applied>) -> Result<PlanText, PlanError> {
    let fail = |source| PlanError::Read { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(fail)?;
    // Windows editors begin files with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (plan, mut problems) = parse(&text);
    let broken = problems.iter().any(|p| p.code == crate::plan::Code::Toml);
    if !broken {
        problems.extend(check(&text, &plan, &facts(repo, &plan, applied)?));
    }
    problems.sort_by_key(|p| (p.line, p.column));
    problems.dedup();
    let (warnings, mistakes) = problems.into_iter().partition(|p| p.code.is_warning());
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = absolute.strip_prefix(&repo.root).unwrap_or(&absolute);
    Ok(PlanText { file: name.to_string_lossy().into_owned(), text, plan, mistakes, warnings })
}
