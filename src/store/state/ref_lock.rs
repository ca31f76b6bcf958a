//! The file `state.lock`, by which git and this program exclude each other.
//!
//! The kernel lock keeps writers of ours apart where it works. Where it does not (some network and
//! shared file systems), this file alone has to: a lock whose owner lives is never cleared, however
//! old its file seems (a spare is written long before it becomes a lock), and an owner looks before it
//! moves the ref whether the lock is still its own.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;

use crate::clock;
use crate::crash_point;
use crate::store::StoreError;

/// A lock without a living owner's name is a git's, which holds it for the time of one rename, or one
/// that its owner had no time to write its name into. When it is older than this, it has died.
const NAMELESS: Duration = Duration::from_secs(2);

/// The same for an owner of whom this process cannot find out whether it lives: on another host, in
/// another container, or a number that another process has by now.
const UNSEEN: Duration = Duration::from_secs(60);

/// The file that becomes the ref's lock, in the folder of the store.
const SPARE: &str = "ref.spare";

/// How the name of an owner begins.
const OWNER: &str = "git-coord ";

/// The lock, held. Dropping it gives up.
pub(super) struct RefLock {
    path: PathBuf,
    spare: PathBuf,
    file: File,
    /// True when the name of the lock file is no longer ours.
    given_up: bool,
}

impl Drop for RefLock {
    fn drop(&mut self) {
        if !self.given_up && fs::rename(&self.path, &self.spare).is_err() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl RefLock {
    /// Takes the lock; waits for its owner, and clears one that has none.
    pub fn take(store: &Path, reference: &Path) -> Result<Self, StoreError> {
        let path = reference.with_extension("lock");
        let spare = store.join(SPARE);
        let mut file = OpenOptions::new();
        file.write(true);
        loop {
            // Fails like an exclusive creation when there is a lock, and when there is no spare.
            let opened = match rename_new(&spare, &path) {
                Ok(()) => file.open(&path),
                Err(_) => file.create_new(true).open(&path),
            };
            match opened {
                Ok(file) => {
                    let lock = RefLock { path, spare, file, given_up: false };
                    lock.put(&Owner::this().text()).map_err(StoreError::io("lock", reference))?;
                    return Ok(lock);
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => wait_or_clear(&path)?,
                // Cleared between the two steps.
                Err(e) if e.kind() == ErrorKind::NotFound && path.parent().is_some_and(Path::is_dir) => {}
                Err(e) => return Err(StoreError::io("lock refs/coord/state", &path)(e)),
            }
        }
    }

    /// Makes this text the content of the lock's file.
    fn put(&self, text: &str) -> std::io::Result<()> {
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(text.len() as u64)
    }

    /// True when the file under the lock's name is the one that was taken.
    fn is_ours(&self) -> std::io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(there) => Ok(there.ino() == self.file.metadata()?.ino()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes `new` the value of the ref; false when somebody else has the lock by now, which had seemed
    /// to be a dead process's. With `durable`, the value is on the disk before it takes the ref's place:
    /// otherwise a power cut could leave the exchange and not the value, and the ref would have that of
    /// two states ago.
    pub fn commit(mut self, reference: &Path, new: ObjectId, durable: bool) -> Result<bool, StoreError> {
        let failed = |e| StoreError::io("move refs/coord/state", reference)(e);
        self.put(&format!("{new}\n")).map_err(failed)?;
        if durable {
            self.file.sync_all().map_err(failed)?;
        }
        crash_point!("ref lock written");
        if !self.is_ours().map_err(failed)? {
            self.given_up = true;
            return Ok(false);
        }
        if exchange(&self.path, reference).is_err() {
            fs::rename(&self.path, reference).map_err(failed)?;
            // What may stand under the lock's name from now on is another git's.
            self.given_up = true;
        }
        crash_point!("ref moved");
        // Dropping the lock puts aside what stands under its name after an exchange: the old value.
        Ok(true)
    }
}

/// A process that holds the lock, as far as others can find it.
#[derive(Debug, PartialEq, Eq)]
struct Owner {
    process: u32,
    /// Where process numbers mean the same: the kernel's namespace and the host.
    place: String,
}

impl Owner {
    fn this() -> Self {
        Owner { process: std::process::id(), place: place() }
    }

    fn text(&self) -> String {
        format!("{OWNER}{} {}\n", self.process, self.place)
    }

    fn parse(text: &str) -> Option<Self> {
        let (process, place) = text.strip_prefix(OWNER)?.strip_suffix('\n')?.split_once(' ')?;
        Some(Owner { process: process.parse().ok()?, place: place.to_owned() })
    }

    /// Whether it lives; `None` when that cannot be seen from here.
    fn lives(&self) -> Option<bool> {
        if self.place != place() {
            return None;
        }
        let process = rustix::process::Pid::from_raw(i32::try_from(self.process).ok()?)?;
        // A process of another user exists, too, when it may not be signalled.
        Some(rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH))
    }
}

fn place() -> String {
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |m| m.ino());
    format!("{namespace} {}", rustix::system::uname().nodename().to_string_lossy())
}

/// Waits for the owner of a lock file, or removes the file when its owner must be dead.
///
/// Renamed first and looked at again: the file that is removed is the one that was judged.
fn wait_or_clear(path: &Path) -> Result<(), StoreError> {
    let Some(found) = Found::at(path) else { return Ok(()) };
    if !found.is_stale() {
        std::thread::sleep(Duration::from_millis(20));
        return Ok(());
    }
    let aside = path.with_extension(format!("stale-{}", crate::store::random_hex(4)));
    match fs::rename(path, &aside) {
        Ok(()) if Found::at(&aside).is_some_and(|now| now.is_same(&found)) => {
            fs::remove_file(&aside).map_err(StoreError::io("remove a stale lock", &aside))
        }
        Ok(()) => {
            // Taken in the same instant by somebody alive: give it back.
            let _ = fs::hard_link(&aside, path);
            let _ = fs::remove_file(&aside);
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StoreError::io("remove a stale lock", path)(e)),
    }
}

/// A lock that is in the way.
struct Found {
    inode: u64,
    text: String,
    /// Since nothing about the file has changed. Its name counts, too: a spare that becomes a lock
    /// keeps the time when it was written, and not that of its inode.
    age: Duration,
}

impl Found {
    fn at(path: &Path) -> Option<Self> {
        let text = fs::read(path).ok()?;
        let known = fs::metadata(path).ok()?;
        let changed = i128::from(known.ctime()).max(i128::from(known.mtime())) * 1000;
        let now = clock::system_now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
        let age = i128::try_from(now).unwrap_or(i128::MAX).saturating_sub(changed);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        Some(Found { inode: known.ino(), text: String::from_utf8_lossy(&text).into_owned(), age })
    }

    fn is_stale(&self) -> bool {
        match Owner::parse(&self.text).map(|owner| owner.lives()) {
            Some(Some(false)) => true,
            Some(_) => self.age > UNSEEN,
            None => self.age > NAMELESS,
        }
    }

    fn is_same(&self, other: &Found) -> bool {
        (self.inode, &self.text) == (other.inode, &other.text)
    }
}

/// Renames a file unless the new name is taken.
#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock_of(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.lock");
        fs::write(&path, text).expect("written");
        (dir, path)
    }

    #[test]
    fn a_lock_of_a_living_process_is_not_stale_however_old_its_file_is() {
        let (_dir, path) = lock_of(&Owner::this().text());
        let found = Found { age: Duration::from_secs(30), ..Found::at(&path).expect("there") };
        assert!(!found.is_stale());
        let old = clock::system_now() - Duration::from_secs(3600);
        File::options().write(true).open(&path).and_then(|f| f.set_modified(old)).expect("set");
        assert!(Found::at(&path).expect("there").age < Duration::from_secs(60), "its inode was changed now");
    }

    #[test]
    fn a_lock_of_a_dead_process_is_stale_at_once() {
        let dead = Owner { process: 0x3fff_fff0, place: place() };
        let (_dir, path) = lock_of(&dead.text());
        assert!(Found::at(&path).expect("there").is_stale());
        assert_eq!(Owner::parse(&dead.text()), Some(dead));
        let elsewhere = Owner { process: 1, place: "0 elsewhere".into() };
        assert_eq!(elsewhere.lives(), None);
    }

    #[test]
    fn an_owner_whose_lock_was_cleared_moves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let reference = dir.path().join("state");
        fs::write(&reference, "before\n").expect("written");
        let lock = RefLock::take(dir.path(), &reference).expect("free");
        fs::remove_file(reference.with_extension("lock")).expect("cleared");
        let other = RefLock::take(dir.path(), &reference).expect("free again");
        let new = ObjectId::null(gix::hash::Kind::Sha1);
        assert!(!lock.commit(&reference, new, false).expect("looked"));
        assert_eq!(fs::read(&reference).expect("read"), b"before\n");
        assert!(other.is_ours().expect("looked"), "the lock of the other one is untouched");
    }
}
