//! Making the store.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use crate::model::header::StateHeader;
use crate::model::{Changes, MemView, Txn, header};

use crate::git::Git;
use crate::store::commit::lock;
use crate::store::files::files_in;
use crate::store::state::write::{Writer, message};
use crate::store::{STORE_DIR, Store, StoreError, StoreOptions};

/// How the line of the configuration begins that shares the store; it comes last, in `[coord]`.
pub(super) const SHARED: &str = "\tshared = ";

/// Content of the store's `HEAD`. git wants one, and fsck calls it an error when it names anything
/// but a branch.
pub(crate) const HEAD: &str = "ref: refs/heads/none\n";

/// What the name of a store has at its end while it is being made; hex digits follow.
const BEING_MADE: &str = ".new-";

/// A folder that is older than this and that nobody keeps locked has no living maker.
const LEFTOVER_AGE: Duration = Duration::from_secs(2);

/// Configuration of the store.
///
/// Refs are never packed: gix reads `packed-refs` before it locks it, so its compare-and-swap is
/// only sound where no such file exists. Hooks and automatic maintenance are off: what happens
/// here is no business of the user's hooks, and upkeep knows what may be removed.
pub(crate) fn config(sha256: bool) -> String {
    let (version, extension) = if sha256 { (1, "[extensions]\n\tobjectFormat = sha256\n") } else { (0, "") };
    format!(
        "[core]\n\trepositoryFormatVersion = {version}\n\tfilemode = true\n\tbare = true\n\
         \tlogAllRefUpdates = false\n\thooksPath = /dev/null\n\tfilesRefLockTimeout = 1000\n{extension}\
         [gc]\n\tauto = 0\n\tpackRefs = false\n[maintenance]\n\tauto = false\n[coord]\n{}",
        crate::store::convert::LAYOUT
    )
}

/// Makes the store of the repository whose common git folder is `common_dir`, or opens the one
/// that is there. Two processes that do this at once get the same store.
///
/// # Errors
/// When it cannot be written.
pub fn create(common_dir: &Path, sha256: bool, options: StoreOptions) -> Result<Store, StoreError> {
    create_as(common_dir, sha256, options, |_| Ok(()))
}

/// The same with what has to be done with a new store before anybody sees it: when that fails, or
/// this process dies, there is none.
///
/// # Errors
/// When it cannot be written, and those of `first`.
pub fn create_as<E: From<StoreError>>(
    common_dir: &Path,
    sha256: bool,
    options: StoreOptions,
    first: impl FnOnce(&Store) -> Result<(), E>,
) -> Result<Store, E> {
    match Store::open(common_dir, options) {
        Err(StoreError::Absent { .. }) => {}
        other => return Ok(other?),
    }
    sweep(common_dir);
    // Built whole under another name: nobody ever sees half a store.
    let path = common_dir.join(format!("{STORE_DIR}{BEING_MADE}{}", crate::store::random_hex(4)));
    fs::create_dir(&path).map_err(StoreError::io("make the store", &path))?;
    let _alive = sign_of_life(&path);
    let made = build(&path, sha256, options).map_err(E::from).and_then(|store| first(&store));
    let place = common_dir.join(STORE_DIR);
    let moved = made.and_then(|()| match fs::rename(&path, &place) {
        // Another process was first: its store is the one.
        Err(_) if place.join("HEAD").exists() => Ok(()),
        other => Ok(other.map_err(StoreError::io("make the store", &place))?),
    });
    let _ = fs::remove_dir_all(&path);
    moved?;
    Ok(Store::open(common_dir, options)?)
}

/// True for the folder of a store that is not at its place yet.
pub(in crate::store) fn is_being_made(store: &Path) -> bool {
    let name = store.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(STORE_DIR).is_some_and(|rest| rest.starts_with(BEING_MADE))
}

/// Shows others, as long as it is kept, that the store in this folder is being made: the kernel takes
/// the lock from a process that dies. `None` when another has it, or where folders cannot be locked.
fn sign_of_life(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    file.try_lock().ok().map(|()| file)
}

/// Removes what dead processes have left that were making the store. `doctor` does not: without a
/// store it has nothing to look at.
fn sweep(common_dir: &Path) {
    // Younger ones may be about to be locked.
    let is_old = |path: &Path| {
        let written = fs::symlink_metadata(path).and_then(|m| m.modified());
        written.is_ok_and(|at| at.elapsed().is_ok_and(|passed| passed >= LEFTOVER_AGE))
    };
    for path in files_in(common_dir).iter().filter(|path| is_being_made(path) && is_old(path)) {
        if let Some(_dead) = sign_of_life(path) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Lets others of the user's group write the store, as `core.sharedRepository` asks for: git does the
/// same with what it makes. New folders are to belong to that group, too.
fn share(common_dir: &Path, path: &Path) -> Result<Option<String>, StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    let git = Git::new(common_dir).args(["--git-dir=.", "config", "--get", "core.sharedRepository"]);
    let Some(value) = git.optional()?.filter(|value| sharing(value).is_some()) else { return Ok(None) };
    take_on(&value);
    let mode = 0o2777 & !sharing(&value).unwrap_or(0);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(StoreError::io("share", path))?;
    Ok(Some(value))
}

/// The bits that new files of a shared store do not have; `None` when it is not shared.
fn sharing(value: &str) -> Option<u32> {
    match value.trim().to_ascii_lowercase().as_str() {
        "group" | "true" | "yes" | "on" | "1" => Some(0o002),
        "all" | "world" | "everybody" | "2" => Some(0o000),
        mode if mode.starts_with('0') && mode.len() == 4 => {
            u32::from_str_radix(mode, 8).ok().map(|mode| !(mode | mode >> 2 & 0o111) & 0o777)
        }
        _ => None,
    }
}

/// Makes what this process writes from now on as readable and writable as a shared store wants it.
pub(super) fn take_on(value: &str) {
    if let Some(mask) = sharing(value) {
        rustix::process::umask(rustix::fs::Mode::from_bits_truncate(mask));
    }
}

fn build(path: &Path, sha256: bool, options: StoreOptions) -> Result<Store, StoreError> {
    let shared = share(path.parent().unwrap_or(path), path)?;
    if !lock::excludes(&path.join("coord.lock"))? {
        return Err(StoreError::NoLocks { path: path.join("coord.lock") });
    }
    for dir in
        ["objects/info", "objects/pack", "refs/coord", crate::store::commit::write_queue::QUEUE_DIR, "seen"]
    {
        let dir = path.join(dir);
        fs::create_dir_all(&dir).map_err(StoreError::io("make the store", &dir))?;
    }
    let file = |name: &str, text: &str| {
        let file = path.join(name);
        fs::write(&file, text).map_err(StoreError::io("make the store", &file))
    };
    let shared = shared.map(|value| format!("{SHARED}{value}\n")).unwrap_or_default();
    file("config", &(config(sha256) + &shared))?;
    file("HEAD", HEAD)?;
    let store = Store::at(path.to_owned(), options)?;
    let base = MemView::default();
    let mut txn = Txn::new(&base);
    let mut first = StateHeader::new(super::random_hex(16));
    first.nonce = crate::store::random_hex(8);
    txn.put_json(header::KEY, &first);
    let time = crate::clock::now();
    txn.record(
        crate::model::event::Event::new(time, None, crate::model::EventKind::Init)
            .with("store", &first.store),
    );
    let (changes, events) = txn.finish();
    let empty = gix::ObjectId::empty_tree(store.objects.hash());
    let mut writer = Writer::new(&store);
    let tree = writer
        .tree(&crate::store::state::view::GitView::new(&store.objects, empty, Changes::new()), &changes)?;
    let commit = writer.commit(tree, None, message(&events), time)?;
    crate::store::state::durable::sync_objects(&store, writer.written())?;
    crate::store::commit::locked::LockedStore::unseen(&store).swap_from(None, commit)?;
    crate::store::state::durable::sync_ref(&store)?;
    Ok(store)
}
