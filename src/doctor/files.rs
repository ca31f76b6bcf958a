//! The store's own files, lock files, and what killed processes have left.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gix::ObjectId;

use crate::git::{Git, HostRepo};
use crate::store::raw::{file_name, files_in, try_lock_upkeep};
use crate::store::{
    HEAD, HINTS_DIR, STORE_DIR, StoreError, StoreLock, config, leftovers, outbox, write_queue,
};

use super::{DoctorError, Finding, Report, stale_files};

/// What the parts of this examination share.
struct Files<'a> {
    place: &'a Path,
    guard: Option<&'a StoreLock>,
    report: &'a mut Report,
}

/// Looks at the files of the store, and mends them when the lock is held for that.
///
/// # Errors
/// When a repair cannot be written.
pub fn examine(
    repo: &HostRepo,
    place: &Path,
    guard: Option<&StoreLock>,
    report: &mut Report,
) -> Result<(), DoctorError> {
    let mut files = Files { place, guard, report };
    if guard.is_some() {
        // What searches found out in a state that is mended now.
        let _ = fs::remove_dir_all(place.join(HINTS_DIR));
    }
    files.folders()?;
    files.head()?;
    files.settings(repo)?;
    files.packed_refs()?;
    files.locks()?;
    files.locking()?;
    files.leftovers(&repo.common_dir)?;
    files.room()?;
    Ok(())
}

impl Files<'_> {
    /// Notes a fault, and mends it when that is what is asked for.
    fn fault(
        &mut self,
        finding: Finding,
        mend: impl FnOnce(&StoreLock) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let finding = match self.guard {
            None => finding,
            Some(guard) => {
                mend(guard)?;
                finding.mended()
            }
        };
        self.report.findings.push(finding);
        Ok(())
    }

    fn folders(&mut self) -> Result<(), StoreError> {
        for dir in ["objects/info", "objects/pack", "refs/coord", "write-queue", "seen"] {
            let dir = self.place.join(dir);
            if !dir.is_dir() {
                let finding = Finding::at_path("store-folder", &dir, "the folder is missing");
                self.fault(finding, |_| fs::create_dir_all(&dir).map_err(StoreError::io("make", &dir)))?;
            }
        }
        Ok(())
    }

    /// Where locks keep nobody out, writers of this program disturb each other.
    fn locking(&mut self) -> Result<(), StoreError> {
        let path = self.place.join("worktree.lock");
        if !crate::store::excludes(&path)? {
            let what =
                "locks do not exclude each other on this file system; keep the repository on a local one";
            self.report.findings.push(Finding::at_path("store-locks", &path, what).beyond_repair());
        }
        Ok(())
    }

    fn head(&mut self) -> Result<(), StoreError> {
        let path = self.place.join("HEAD");
        let found = fs::read(&path);
        if found.as_ref().is_ok_and(|text| text == HEAD.as_bytes()) {
            return Ok(());
        }
        let what = if found.is_ok() { "it is not as it was made" } else { "it is missing" };
        let finding = Finding::at_path("store-head", &path, what);
        self.fault(finding, |_| write_whole(&path, HEAD.as_bytes()))
    }

    fn settings(&mut self, repo: &HostRepo) -> Result<(), DoctorError> {
        let path = self.place.join("config");
        let made = config(repo.is_sha256().unwrap_or(false));
        let readable = Git::new(self.place).args(["config", "--list", "-z", "--file"]).arg(&path).output()?;
        if readable.status != Some(0) || fs::metadata(&path).is_ok_and(|m| m.len() == 0) {
            let finding = Finding::at_path("store-config", &path, "the configuration cannot be read");
            return Ok(self.fault(finding, |_| write_whole(&path, made.as_bytes()))?);
        }
        let text = String::from_utf8_lossy(&readable.stdout).into_owned();
        for (key, wanted) in settings_of(&made) {
            // The last value counts, as for git.
            let found = text
                .split('\0')
                .filter_map(|pair| pair.split_once('\n'))
                .filter_map(|(name, value)| name.eq_ignore_ascii_case(&key).then_some(value))
                .next_back()
                .unwrap_or_default();
            if found == wanted {
                continue;
            }
            let found = if found.is_empty() { "not set" } else { found };
            let message = format!("{key} is {found}; it must be {wanted}");
            let place = self.place;
            self.fault(Finding::at_path("store-config", &path, message), |_| {
                let git = Git::new(place).args(["config", "--file"]).arg(&path);
                git.args(["--replace-all", &key, &wanted]).run()?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Refs that somebody has packed go back into files of their own. The file of a ref, where
    /// there is one, is newer than the packed value.
    fn packed_refs(&mut self) -> Result<(), StoreError> {
        let path = self.place.join("packed-refs");
        let Ok(bytes) = fs::read(&path) else { return Ok(()) };
        let message = "somebody has packed the store's refs; compare-and-swap is not safe with that";
        let place = self.place;
        self.fault(Finding::at_path("packed-refs", &path, message), |guard| {
            // git's own lock for this file: no git packs or prunes meanwhile.
            let lock = place.join("packed-refs.lock");
            if lock.exists() && stale_files::outlives_its_owner(&lock) {
                stale_files::remove(&lock, place, guard)?;
            }
            let _file = fs::File::create_new(&lock).map_err(StoreError::io("lock packed-refs", &lock))?;
            let written = unpack_refs(place, &String::from_utf8_lossy(&bytes));
            let done = written
                .and_then(|()| fs::remove_file(&path).map_err(StoreError::io("remove packed-refs", &path)));
            let _ = fs::remove_file(&lock);
            done
        })
    }

    /// Lock files of git and gix whose owner is dead. The kernel locks of git-coord are files
    /// that stay.
    fn locks(&mut self) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for dir in ["refs", "objects"] {
            find_below(&self.place.join(dir), &mut |path| {
                if path.extension().is_some_and(|e| e == "lock") {
                    found.push(path.to_owned());
                }
            });
        }
        for name in ["HEAD.lock", "config.lock", "packed-refs.lock"] {
            found.extend(Some(self.place.join(name)).filter(|p| p.exists()));
        }
        for path in found.iter().filter(|p| stale_files::outlives_its_owner(p)) {
            let finding = Finding::at_path("stale-lock", path, "its owner is dead; git would wait for it");
            let place = self.place;
            self.fault(finding, |guard| stale_files::remove(path, place, guard))?;
        }
        Ok(())
    }

    fn leftovers(&mut self, common_dir: &Path) -> Result<(), StoreError> {
        let old = |path: &Path| stale_files::is_older(path, stale_files::LEFTOVER_AGE);
        let mut found: Vec<PathBuf> = leftovers(self.place, stale_files::LEFTOVER_AGE);
        // No pack is being written while upkeep does not run.
        let upkeep = try_lock_upkeep(self.place)?;
        let is_pack_part = |name: &str| name.starts_with("tmp_") || name.starts_with(".tmp-");
        find_below(&self.place.join("objects"), &mut |path| {
            let name = file_name(path);
            let temporary = name.starts_with(".tmp") || (upkeep.is_some() && is_pack_part(&name));
            if temporary && old(path) {
                found.push(path.to_owned());
            }
        });
        for path in found {
            let finding = Finding::at_path("leftover", &path, "left by a process that died");
            self.fault(finding, |_| fs::remove_file(&path).map_err(StoreError::io("remove", &path)))?;
        }
        drop(upkeep);
        for path in files_in(common_dir) {
            let name = file_name(&path);
            let ours = [".new-", ".removed-"].iter().any(|s| name.starts_with(&format!("{STORE_DIR}{s}")));
            if ours && old(&path) {
                let finding = Finding::at_path("leftover", &path, "left by a process that died");
                self.fault(finding, |_| fs::remove_dir_all(&path).map_err(StoreError::io("remove", &path)))?;
            }
        }
        Ok(())
    }

    /// What dead processes have left in the write queue.
    fn room(&mut self) -> Result<(), StoreError> {
        let dir = self.place.join("write-queue");
        for path in files_in(&dir) {
            let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if outbox::is_deferred(&path) && ending != "tmp" {
                self.deferred(&path, &ending);
                continue;
            }
            let left = match ending.as_str() {
                // Its process keeps it locked as long as it lives.
                "op" | "withdrawn" => is_unlocked(&path),
                "tmp" => is_unlocked(&path) && stale_files::is_older(&path, stale_files::LEFTOVER_AGE),
                "out" => stale_files::is_older(&path, stale_files::ANSWER_AGE) && owner_is_gone(&path),
                // Whether it holds is known to the next writer alone, which settles it.
                _ => false,
            };
            if left {
                let finding = Finding::at_path("room-leftover", &path, "its process has died");
                self.fault(finding, |_| match fs::remove_file(&path) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                        Err(StoreError::io("remove", &path)(e))
                    }
                    _ => Ok(()),
                })?;
            }
        }
        Ok(())
    }

    /// A posted act was acknowledged and is nowhere else: it stays, whatever is wrong with it. So
    /// does its answer, without which it would be carried out once more.
    fn deferred(&mut self, path: &Path, ending: &str) {
        if ending == "op" && !write_queue::is_readable(path) && path.exists() {
            let what = "an act that waits for the remote cannot be read; a newer git-coord may be able to";
            self.report.findings.push(Finding::at_path("deferred-unreadable", path, what).beyond_repair());
        }
    }
}

/// Key and value of each setting in a configuration of ours. All of them matter: gix's
/// compare-and-swap is sound only where refs are never packed; git's own clearing away knows
/// nothing of our lock; the user's hooks have no business here.
fn settings_of(text: &str) -> Vec<(String, String)> {
    let mut section = "";
    let mut list = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ") {
            list.push((format!("{section}.{key}"), value.to_owned()));
        }
    }
    list
}

fn is_unlocked(path: &Path) -> bool {
    fs::File::open(path).is_ok_and(|f| f.try_lock().is_ok())
}

/// The id of an operation is `<time>-<process>-<random>`.
fn owner_is_gone(path: &Path) -> bool {
    file_name(path).split('-').nth(1).and_then(|pid| pid.parse().ok()).is_some_and(stale_files::is_gone)
}

fn find_below(dir: &Path, visit: &mut impl FnMut(&Path)) {
    for path in files_in(dir) {
        if path.is_dir() && !path.is_symlink() {
            find_below(&path, visit);
        } else {
            visit(&path);
        }
    }
}

/// Writes a file, whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(path);
    let write = || {
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)
    };
    write().map(|_| ()).map_err(StoreError::io("write", path))
}

/// Gives each packed ref a file of its own.
fn unpack_refs(place: &Path, text: &str) -> Result<(), StoreError> {
    for line in text.lines().filter(|l| !l.starts_with(['#', '^'])) {
        let Some((id, name)) = line.split_once(' ') else { continue };
        let sane = ObjectId::from_hex(id.as_bytes()).is_ok()
            && name.starts_with("refs/")
            && !name.split('/').any(|c| c == ".." || c.is_empty());
        let path = place.join(name);
        if !sane || path.exists() {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("make", folder))?;
        }
        // The ref's own lock, as git takes it: a ref that appears meanwhile is not overwritten.
        let lock = place.join(format!("{name}.lock"));
        let mut file = fs::File::create_new(&lock).map_err(StoreError::io("lock a ref", &lock))?;
        let written = file.write_all(format!("{id}\n").as_bytes()).and_then(|()| file.sync_all());
        let done = written
            .and_then(|()| if path.exists() { fs::remove_file(&lock) } else { fs::rename(&lock, &path) });
        done.map_err(StoreError::io("write a ref", &path))?;
    }
    Ok(())
}
