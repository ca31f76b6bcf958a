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

use super::place::{self, Place};
use super::shim::{self, Tool};
use super::slot::{self, Foreign, Found, Slot};
use super::{Hook, HookError, Turn, io};

/// What installing did to one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was there already.
    Unchanged,
    /// There was no hook before.
    Created,
    /// There was one; it is kept, and run first.
    Chained(Tool),
    /// A shim of another version or for another program was replaced.
    Updated,
    /// This tool stands in front and runs our shim as `<hook>.legacy`.
    Through(Tool),
    /// A hook of the user's calls us; nothing to install.
    ByHand,
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
    let _turn = Turn::wait(&repo.common_dir)?;
    // All places are judged before anything is written: half an installation would look like one.
    let places = place::places(repo)?;
    let mut list = Vec::new();
    for place in &places {
        if place.ours {
            place.make()?;
            slot::sweep(&place.dir);
        }
        for hook in Hook::ALL {
            let slot = Slot { hook, dir: place.dir.clone() };
            let (change, saved) = if place.ours { put(&slot, binary)? } else { (by_hand(&slot)?, None) };
            list.push(done(place, &slot, change, saved));
        }
    }
    Ok(list)
}

fn done(place: &Place, slot: &Slot, change: Change, saved: Option<PathBuf>) -> Installed {
    Installed { hook: slot.hook, path: slot.path(), worktrees: place.worktrees.clone(), change, saved }
}

fn by_hand(slot: &Slot) -> Result<Change, HookError> {
    Ok(match slot::inspect(&slot.path())? {
        Found::Foreign(f) if f.runs && shim::calls_us(&f.text, slot.hook) => Change::ByHand,
        _ => Change::NotCalled,
    })
}

pub(super) type Outcome = (Change, Option<PathBuf>);

/// Installs one hook. What a step finds changed under its hands starts it over.
pub(super) fn put(slot: &Slot, binary: &Path) -> Result<Outcome, HookError> {
    let mut saved = None;
    for _ in 0..8 {
        let change = match slot::inspect(&slot.path())? {
            Found::Nothing => create(slot, binary)?,
            Found::Ours { version, text } => Some(update(slot, &slot.path(), binary, version, &text)?),
            Found::Foreign(found) if shim::calls_us(&found.text, slot.hook) => Some(Change::ByHand),
            Found::Foreign(found) => match through(slot, binary, &found)? {
                Some(change) => Some(change),
                None => chain(slot, binary, &found, &mut saved)?,
            },
        };
        if let Some(change) = change {
            // lefthook moved a shim of ours there; it would refuse to replace the next one.
            if matches!(slot::inspect(&slot.old()), Ok(Found::Ours { .. })) {
                slot::remove(&slot.old())?;
            }
            return Ok((change, saved));
        }
    }
    Err(HookError::Unsteady { path: slot.path() })
}

fn create(slot: &Slot, binary: &Path) -> Result<Option<Change>, HookError> {
    // A hook kept from before without a shim: somebody deleted the shim. It is run again.
    let earlier = slot.earlier_text()?;
    let text = shim::render(slot.hook, binary, earlier.as_deref())?;
    let change = earlier.map_or(Change::Created, |text| Change::Chained(shim::tool(&text)));
    Ok(slot::create(&slot.path(), &slot.dir, &text)?.then_some(change))
}

/// Brings a shim of ours at `path` up to date.
fn update(slot: &Slot, path: &Path, binary: &Path, version: u32, text: &[u8]) -> Result<Change, HookError> {
    use std::os::unix::fs::PermissionsExt;
    let want = shim::render(slot.hook, binary, slot.earlier_text()?.as_deref())?;
    let mode = fs::metadata(path).map_err(io("look at", path))?.permissions().mode();
    let runs = mode & 0o111 == 0o111;
    if runs && (text == want || version > shim::VERSION) {
        return Ok(Change::Unchanged);
    }
    slot::replace(path, &slot.dir, &want)?;
    Ok(Change::Updated)
}

/// pre-commit and prek, installed over our shim, run it as `<hook>.legacy`. To chain them as well
/// would make the two run each other in a circle.
fn through(slot: &Slot, binary: &Path, found: &Foreign) -> Result<Option<Change>, HookError> {
    if !found.tool.runs_legacy() || !found.runs {
        return Ok(None);
    }
    let Found::Ours { version, text } = slot::inspect(&slot.legacy())? else { return Ok(None) };
    // What the tool had made before, when we were in front of it: superseded by what it made now.
    if let Found::Foreign(earlier) = slot::inspect(&slot.earlier())?
        && earlier.tool == found.tool
    {
        slot::remove(&slot.earlier())?;
    }
    update(slot, &slot.legacy(), binary, version, &text)?;
    Ok(Some(Change::Through(found.tool)))
}

/// Takes the place of a hook that is not ours. `None` when it must be tried again.
fn chain(
    slot: &Slot,
    binary: &Path,
    found: &Foreign,
    saved: &mut Option<PathBuf>,
) -> Result<Option<Change>, HookError> {
    let (path, earlier) = (slot.path(), slot.earlier());
    let kept = match slot::inspect(&earlier)? {
        Found::Nothing => false,
        // The name is taken by a shim of ours, which can only have been moved there by hand.
        Found::Ours { .. } => {
            slot::remove(&earlier)?;
            false
        }
        Found::Foreign(before) if found.is_same_file(&before) || found.is_equal(&before) => true,
        Found::Foreign(before) => {
            // A tool has put its hook over our shim. Had we not been there, it would have put it
            // over the older one, so the newer one counts; but we delete nothing that the tool
            // would not write again.
            if before.tool.is_known() && before.tool == found.tool {
                slot::remove(&earlier)?;
            } else {
                *saved = Some(slot.put_aside(&earlier)?);
            }
            false
        }
    };
    let text = shim::render(slot.hook, binary, Some(&found.text))?;
    if !kept && !slot::link(&path, &earlier)? {
        return Ok(None);
    }
    // Written meanwhile by somebody who does not know our lock: theirs must be kept instead.
    match slot::inspect(&path)? {
        Found::Nothing => {}
        Found::Foreign(now) if now.is_same_file(found) && now.is_equal(found) => {}
        Found::Foreign(_) | Found::Ours { .. } => return Ok(None),
    }
    slot::replace(&path, &slot.dir, &text)?;
    Ok(Some(Change::Chained(found.tool)))
}
