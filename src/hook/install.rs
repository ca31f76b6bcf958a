//! Putting shims in place.
//!
//! The steps for one hook, and what is there when the process dies after each:
//! 1. The existing hook `H` gets a second name, `H.coord-chained` (a hard link, never over
//!    another file). *`H` works as before; the next installation sees that both are one file and
//!    goes on, uninstalling drops the second name.*
//! 2. The shim is written under a name of its own. *As before; the leftover is swept up by the
//!    next installation or removal.*
//! 3. The shim is renamed over `H`. *Done.*
//!
//! Where the file system has no hard links, step 1 is a rename, and between 1 and 3 git finds no
//! hook; the next installation or removal completes or undoes that.

use std::fs;
use std::path::{Path, PathBuf};

use crate::git::HostRepo;

use super::hook_file::{self, Foreign, Found, HookFile};
use super::hooks_dir::{self, HooksDir};
use super::shim::{self, Tool};
use super::{Hook, HookError, InstallLock, io, watch};

/// What installing did to one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was there already.
    Unchanged,
    /// No hook was there before.
    Created,
    /// There was one; it is kept, and run first.
    Chained(Tool),
    /// A shim of another version or for another program was replaced.
    Updated,
    /// This tool is in front and runs our shim as `<hook>.legacy`.
    BehindTool(Tool),
    /// A hook of the user's calls us; nothing to install.
    Manual,
    /// The hooks here are not ours to touch, and this one does not call us.
    NotCalled,
}

/// One hook after installing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which.
    pub hook: Hook,
    /// Where git looks for it.
    pub path: PathBuf,
    /// The worktrees in which it runs.
    pub worktrees: Vec<PathBuf>,
    /// What was done.
    pub change: Change,
    /// Where an older original was moved, because a tool had put a newer hook over our shim.
    pub saved: Option<PathBuf>,
}

/// Installs all hooks for all worktrees of the clone. `binary` is called when `git-coord` is not
/// on `PATH`.
///
/// # Errors
/// When `core.hooksPath` leads where we may not write, for any worktree (then nothing at all is
/// changed), or a file cannot be written.
pub fn install(repo: &HostRepo, binary: &Path) -> Result<Vec<Installed>, HookError> {
    let _lock = InstallLock::wait(&repo.common_dir)?;
    // All folders are judged before anything is written: half an installation would look like one.
    let dirs = hooks_dir::all(repo)?;
    let mut list = Vec::new();
    for dir in &dirs {
        if dir.ours {
            dir.make()?;
            hook_file::sweep(&dir.dir);
        }
        for hook in Hook::ALL {
            let file = HookFile { hook, dir: dir.dir.clone() };
            let (change, saved) = if dir.ours { install_one(&file, binary)? } else { (manual(&file)?, None) };
            list.push(done(dir, &file, change, saved));
        }
    }
    watch::expect(repo);
    Ok(list)
}

fn done(dir: &HooksDir, file: &HookFile, change: Change, saved: Option<PathBuf>) -> Installed {
    Installed { hook: file.hook, path: file.path(), worktrees: dir.worktrees.clone(), change, saved }
}

fn manual(file: &HookFile) -> Result<Change, HookError> {
    Ok(match hook_file::inspect(&file.path())? {
        Found::Foreign(f) if f.runs && shim::calls_us(&f.text, file.hook) => Change::Manual,
        _ => Change::NotCalled,
    })
}

pub(super) type Outcome = (Change, Option<PathBuf>);

/// Installs one hook. What a step finds changed under its hands starts it over.
pub(super) fn install_one(file: &HookFile, binary: &Path) -> Result<Outcome, HookError> {
    let mut saved = None;
    for _ in 0..8 {
        let change = match hook_file::inspect(&file.path())? {
            Found::Nothing => create(file, binary)?,
            Found::Ours { version, text } => Some(update(file, &file.path(), binary, version, &text)?),
            Found::Foreign(found) if shim::calls_us(&found.text, file.hook) => Some(Change::Manual),
            Found::Foreign(found) => match behind_tool(file, binary, &found)? {
                Some(change) => Some(change),
                None => chain(file, binary, &found, &mut saved)?,
            },
        };
        if let Some(change) = change {
            // lefthook moved a shim of ours there; it would refuse to replace the next one.
            if matches!(hook_file::inspect(&file.old()), Ok(Found::Ours { .. })) {
                hook_file::remove(&file.old())?;
            }
            return Ok((change, saved));
        }
    }
    Err(HookError::Unsteady { path: file.path() })
}

fn create(file: &HookFile, binary: &Path) -> Result<Option<Change>, HookError> {
    // A hook kept from before without a shim: somebody deleted the shim. It is run again.
    let earlier = file.earlier_text()?;
    let text = shim::render(file.hook, binary, earlier.as_deref())?;
    let change = earlier.map_or(Change::Created, |text| Change::Chained(shim::tool(&text)));
    Ok(hook_file::create(&file.path(), &file.dir, &text)?.then_some(change))
}

/// Brings a shim of ours at `path` up to date.
fn update(
    file: &HookFile,
    path: &Path,
    binary: &Path,
    version: u32,
    text: &[u8],
) -> Result<Change, HookError> {
    use std::os::unix::fs::PermissionsExt;
    let want = shim::render(file.hook, binary, file.earlier_text()?.as_deref())?;
    let mode = fs::metadata(path).map_err(io("look at", path))?.permissions().mode();
    let runs = mode & 0o111 == 0o111;
    if runs && (text == want || version > shim::VERSION) {
        return Ok(Change::Unchanged);
    }
    hook_file::replace(path, &file.dir, &want)?;
    Ok(Change::Updated)
}

/// pre-commit and prek, installed over our shim, run it as `<hook>.legacy`. To chain them as well
/// would make the two run each other in a circle.
fn behind_tool(file: &HookFile, binary: &Path, found: &Foreign) -> Result<Option<Change>, HookError> {
    if !found.tool.runs_legacy() || !found.runs {
        return Ok(None);
    }
    let Found::Ours { version, text } = hook_file::inspect(&file.legacy())? else { return Ok(None) };
    // What the tool had made before, when we were in front of it: superseded by what it made now.
    if let Found::Foreign(earlier) = hook_file::inspect(&file.earlier())?
        && earlier.tool == found.tool
    {
        hook_file::remove(&file.earlier())?;
    }
    update(file, &file.legacy(), binary, version, &text)?;
    Ok(Some(Change::BehindTool(found.tool)))
}

/// Takes the place of a hook that is not ours. `None` when it must be tried again.
fn chain(
    file: &HookFile,
    binary: &Path,
    found: &Foreign,
    saved: &mut Option<PathBuf>,
) -> Result<Option<Change>, HookError> {
    let (path, earlier) = (file.path(), file.earlier());
    let kept = match hook_file::inspect(&earlier)? {
        Found::Nothing => false,
        // The name is taken by a shim of ours, which can only have been moved there by hand.
        Found::Ours { .. } => {
            hook_file::remove(&earlier)?;
            false
        }
        Found::Foreign(before) if found.is_same_file(&before) || found.is_equal(&before) => true,
        Found::Foreign(before) => {
            // A tool has put its hook over our shim. Had we not been there, it would have put it
            // over the older one, so the newer one counts; but we delete nothing that the tool
            // would not write again.
            if before.tool.is_known() && before.tool == found.tool {
                hook_file::remove(&earlier)?;
            } else {
                *saved = Some(file.put_aside(&earlier)?);
            }
            false
        }
    };
    let text = shim::render(file.hook, binary, Some(&found.text))?;
    if !kept && !hook_file::link(&path, &earlier)? {
        return Ok(None);
    }
    // Written meanwhile by somebody who does not know our lock: theirs must be kept instead.
    match hook_file::inspect(&path)? {
        Found::Nothing => {}
        Found::Foreign(now) if now.is_same_file(found) && now.is_equal(found) => {}
        Found::Foreign(_) | Found::Ours { .. } => return Ok(None),
    }
    hook_file::replace(&path, &file.dir, &text)?;
    Ok(Some(Change::Chained(found.tool)))
}
