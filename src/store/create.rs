//! Making the store.

use std::fs;
use std::path::Path;

use crate::model::head::Head;
use crate::model::{Changes, MemView, Txn, head};

use super::write::{Writer, message};
use super::{STORE_DIR, Store, StoreError, StoreOptions};

/// Content of the store's `HEAD`. git wants one, and fsck calls it an error when it names anything
/// but a branch.
pub(crate) const HEAD: &str = "ref: refs/heads/none\n";

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
         [gc]\n\tauto = 0\n\tpackRefs = false\n[maintenance]\n\tauto = false\n"
    )
}

/// Makes the store of the repository whose common git folder is `common_dir`, or opens the one
/// that is there. Two processes that do this at once get the same store.
///
/// # Errors
/// When it cannot be written.
pub fn create(common_dir: &Path, sha256: bool, options: StoreOptions) -> Result<Store, StoreError> {
    match Store::open(common_dir, options) {
        Err(StoreError::Absent { .. }) => {}
        other => return other,
    }
    // Built whole under another name: nobody ever sees half a store.
    let building = format!("{STORE_DIR}.new-{}", super::random_hex(4));
    let path = common_dir.join(&building);
    let made = build(common_dir, &building, sha256, options);
    if made.is_err() {
        let _ = fs::remove_dir_all(&path);
    }
    made?;
    let place = common_dir.join(STORE_DIR);
    match fs::rename(&path, &place) {
        Ok(()) => {}
        Err(_) if place.join("HEAD").exists() => {
            // Another process was first: its store is the one.
            let _ = fs::remove_dir_all(&path);
        }
        Err(e) => {
            let _ = fs::remove_dir_all(&path);
            return Err(StoreError::io("make the store", &place)(e));
        }
    }
    Store::open(common_dir, options)
}

fn build(common_dir: &Path, name: &str, sha256: bool, options: StoreOptions) -> Result<(), StoreError> {
    let path = common_dir.join(name);
    for dir in ["objects/info", "objects/pack", "refs/coord", "room", "seen"] {
        let dir = path.join(dir);
        fs::create_dir_all(&dir).map_err(StoreError::io("make the store", &dir))?;
    }
    let file = |name: &str, text: &str| {
        let file = path.join(name);
        fs::write(&file, text).map_err(StoreError::io("make the store", &file))
    };
    file("config", &config(sha256))?;
    file("HEAD", HEAD)?;
    let store = Store::at(path.clone(), options)?;
    let base = MemView::default();
    let mut txn = Txn::new(&base);
    let mut first = Head::new(super::random_hex(16));
    first.nonce = super::random_hex(8);
    txn.put_json(head::KEY, &first);
    let time = crate::clock::now();
    txn.record(crate::model::event::Event::new(time, None, "init").with("store", &first.store));
    let (changes, events) = txn.finish();
    let empty = gix::ObjectId::empty_tree(store.objects.hash());
    let mut writer = Writer::new(&store);
    let tree = writer.tree(&super::view::GitView::new(&store.objects, empty, Changes::new()), &changes)?;
    let commit = writer.commit(tree, None, message(&events), time)?;
    super::durable::sync_objects(&store, writer.written())?;
    super::cas::swap(&store, None, commit)?;
    super::durable::sync_ref(&store)
}
