//! Looking at the state, and the one commit that mends it.

use crate::model::event::Event;
use crate::model::{Txn, header};
use crate::store::raw::{Onto, Scope, file_name, keep_events};
use crate::store::remote::Refetched;
use crate::store::{Store, StoreError, StoreLock};

use super::host_repo::Sessions;
use super::inspect::{Inspection, Tip, inspect, tip};
use super::recovery::{self, Base};
use super::{DoctorError, Finding, Report, records, stale_files};

/// How often a repair begins anew because somebody writes the store without its lock.
const ATTEMPTS: usize = 3;

/// Looks at the state, and mends it when the lock is held for that. Returns the sessions, if
/// they can be read in the end.
///
/// # Errors
/// When a repair cannot be written.
pub fn examine(
    store: &Store,
    guard: Option<&StoreLock>,
    report: &mut Report,
) -> Result<Option<Sessions>, DoctorError> {
    let Some(guard) = guard else {
        let look = steady_inspection(store, report)?;
        report.findings.extend(look.findings);
        return Ok(look.sessions);
    };
    for _ in 0..ATTEMPTS {
        let fresh = store.reopened()?;
        let look = self::inspect(&fresh, report);
        if look.newer {
            report.findings.extend(look.findings);
            return Ok(look.sessions);
        }
        let found = look.findings.clone();
        put_damaged_aside(&fresh, guard, &look)?;
        // Opened anew, because gix remembers which objects and packs there are.
        let fresh = fresh.reopened()?;
        let (fresh, look, scope) = match from_remote(&fresh, guard, look, report)? {
            Some(found) => found,
            None => continue,
        };
        let mended = match recovery::base(&fresh, &look)? {
            Some(base) => mend(&fresh, guard, scope, &look, base, report)?,
            None => Written::Nothing,
        };
        if mended == Written::Lost {
            continue;
        }
        let after = self::inspect(&fresh.reopened()?, &mut Report::default());
        report.findings.extend(compare(found, &after.findings));
        return Ok(after.sessions);
    }
    Err(StoreError::Contended { path: store.path().to_owned() }.into())
}

/// Where a remote decides, it has what is damaged here: the state is fetched from there, and
/// looked at again. `None`: somebody has moved the ref meanwhile.
fn from_remote(
    store: &Store,
    guard: &StoreLock,
    look: Inspection,
    report: &mut Report,
) -> Result<Option<(Store, Inspection, Scope)>, DoctorError> {
    let old = match look.tip {
        Tip::At(id) => Some(id),
        Tip::Missing | Tip::Garbage => None,
    };
    let is_whole = old.is_some() && look.commit.is_some() && look.bad.is_empty() && look.history_sound;
    if is_whole {
        return Ok(Some((store.reopened()?, look, Scope::Everywhere)));
    }
    match store.refetch(guard, old)? {
        Refetched::Alone => Ok(Some((store.reopened()?, look, Scope::Everywhere))),
        Refetched::Absent => Ok(Some((store.reopened()?, look, Scope::Here))),
        Refetched::Lost => Ok(None),
        Refetched::Done => {
            report.notes.push("the state was fetched again from the remote".to_owned());
            let fresh = store.reopened()?;
            let look = self::inspect(&fresh, &mut Report::default());
            Ok(Some((fresh, look, Scope::Everywhere)))
        }
    }
}

/// Looks without a lock. Upkeep may remove an old state while it is looked at: then once more.
fn steady_inspection(store: &Store, report: &mut Report) -> Result<Inspection, DoctorError> {
    let mut last = inspect(store, report);
    for _ in 0..ATTEMPTS {
        let fresh = store.reopened()?;
        if last.findings.is_empty() || tip(&fresh) == last.tip {
            break;
        }
        last = inspect(&fresh, report);
    }
    Ok(last)
}

/// What was found, marked as mended where a second look does not find it any more.
fn compare(before: Vec<Finding>, after: &[Finding]) -> Vec<Finding> {
    let same = |a: &Finding, b: &Finding| a.code == b.code && a.place == b.place;
    let mut list: Vec<Finding> = before
        .into_iter()
        .map(|f| if after.iter().any(|a| same(a, &f)) { f.beyond_repair() } else { f.mended() })
        .collect();
    let new: Vec<Finding> = after.iter().filter(|a| !list.iter().any(|b| same(a, b))).cloned().collect();
    list.extend(new);
    list
}

/// Takes damaged objects out of the store's sight. They must go before anything is written: what
/// seems to be present is not written again, so a mended record with the content of a damaged one
/// would refer to the damaged one.
fn put_damaged_aside(store: &Store, guard: &StoreLock, look: &Inspection) -> Result<(), DoctorError> {
    for (_, file) in &look.loose {
        stale_files::put_aside(file, store.path(), guard)?;
    }
    for index in &look.packs {
        // What is sound in the pack becomes loose first: a death in between loses nothing.
        for (file, ids) in store.packs() {
            for id in ids.unwrap_or_default().iter().filter(|_| file == *index) {
                if let Ok((kind, data)) = store.sound(*id) {
                    store.write_loose(*id, kind, &data)?;
                }
            }
        }
        let pack = index.with_extension("pack");
        for ending in ["idx", "rev", "bitmap", "pack"] {
            let file = index.with_extension(ending);
            if file.exists() {
                stale_files::put_aside(&file, store.path(), guard)?;
            }
        }
        let moved = store.path().join("damaged").join(format!("pack-{}", file_name(&pack)));
        if let Ok(bytes) = std::fs::read(moved) {
            // Of a pack whose index is damaged, git gets out what it can. It need not succeed.
            let git = crate::git::Git::new(store.path());
            git.args(["--git-dir=.", "unpack-objects", "-r", "-q"]).stdin(bytes).output()?;
        }
    }
    if look.tip == Tip::Garbage && store.ref_file().exists() {
        // A ref that holds no id cannot be swapped; one that is missing can.
        stale_files::put_aside(&store.ref_file(), store.path(), guard)?;
    }
    Ok(())
}

/// What came of writing.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    /// There was nothing to write.
    Nothing,
    /// The ref points to the mended state.
    Done,
    /// Somebody else has moved the ref.
    Lost,
}

/// Mends the records on top of `base`, in one commit.
fn mend(
    store: &Store,
    guard: &StoreLock,
    scope: Scope,
    look: &Inspection,
    base: Base,
    report: &mut Report,
) -> Result<Written, DoctorError> {
    let now = crate::clock::now();
    let old = match look.tip {
        Tip::At(id) => Some(id),
        Tip::Missing | Tip::Garbage => None,
    };
    let view = store.view_tree(base.tree, &base.delta);
    let mut txn = Txn::new(&view);
    base.rebuilt.iter().for_each(|(key, blob)| txn.put(key.clone(), blob.clone()));
    records::mend(&mut txn, now).map_err(StoreError::from)?;
    let as_it_is = look.commit.as_ref().is_some_and(|c| c.tree == base.tree && c.delta == base.delta)
        && base.parent.is_some();
    if txn.is_empty() && as_it_is {
        return Ok(Written::Nothing);
    }
    if base.parent.is_none() {
        keep_events(&mut txn, &base.events)?;
    }
    let mut head = header::read(&txn).map_err(StoreError::from)?;
    head.generation = head.generation.max(base.numbers_used) + 1;
    txn.put_json(header::KEY, &head);
    let mut codes: Vec<String> = look.findings.iter().map(|f| f.code.to_owned()).collect();
    codes.sort();
    codes.dedup();
    let mut event = Event::new(now, None, crate::model::EventKind::Repair).with("mended", codes);
    if !base.told.is_empty() {
        event = event.with("text", base.told.join("; "));
    }
    if !base.lost_events.is_empty() {
        let lost: Vec<_> = base.lost_events.iter().map(Event::to_value).collect();
        event = event.with("lost_events", lost);
    }
    txn.record(event);
    let onto = base.parent.map_or(Onto::Nothing { ended: &base.ended }, Onto::Parent);
    match store.write_mended(guard, scope, &view, txn, onto, old)? {
        None => Ok(Written::Lost),
        Some(_) => {
            report.notes.extend(base.told);
            report.notes.extend(base.lost_events.iter().map(|e| format!("lost: {}", e.headline())));
            Ok(Written::Done)
        }
    }
}
