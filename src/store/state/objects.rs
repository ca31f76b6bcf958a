//! The store's object database, opened for a process that lives a millisecond.
//!
//! What a command reads was mostly written a moment ago and is loose. Opening a repository with
//! gix, listing packs and looking into them first would cost more than all the reading. So a
//! loose object is read directly; gix opens the packs when one is needed that is not loose.
//! Upkeep packs before it removes, so looking in this order finds every object that exists.

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flate2::{Decompress, FlushDecompress, Status};
use gix::ObjectId;
use gix::objs::{Find as _, Kind};

/// Bytes that surely hold the header of a loose object: kind, size, NUL.
const HEADER: usize = 64;

/// An object in memory.
#[derive(Debug)]
pub(in crate::store) struct Object {
    pub kind: Kind,
    pub data: Vec<u8>,
}

/// The folder `objects` of a store.
pub(in crate::store) struct Objects {
    dir: PathBuf,
    hash: gix::hash::Kind,
    packs: OnceCell<gix::odb::Handle>,
    inflate: RefCell<Option<Decompress>>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("dir", &self.dir).field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Objects {
    /// The objects of the store at `store`. Nothing is opened yet.
    pub fn new(store: &Path, hash: gix::hash::Kind) -> Self {
        Objects { dir: store.join("objects"), hash, packs: OnceCell::new(), inflate: RefCell::default() }
    }

    /// The hash function of this store.
    pub fn hash(&self) -> gix::hash::Kind {
        self.hash
    }

    /// Where a loose object stands.
    pub fn loose_path(&self, id: ObjectId) -> PathBuf {
        let hex = id.to_string();
        self.dir.join(&hex[..2]).join(&hex[2..])
    }

    /// Reads an object; the error says why it cannot be had.
    pub fn find(&self, id: ObjectId) -> Result<Object, String> {
        if id.is_empty_tree() {
            return Ok(Object { kind: Kind::Tree, data: Vec::new() });
        }
        if let Ok(Some(object)) = self.loose(id) {
            return Ok(object);
        }
        // Not loose, or not readable: a writer that died may have begun to write once more what a
        // pack holds, and the state with it.
        match self.packed(id)? {
            Some(object) => Ok(object),
            // Neither here nor there: it may have been unpacked meanwhile, by hand.
            None => self.loose(id)?.ok_or_else(|| format!("object {id} is missing")),
        }
    }

    fn packed(&self, id: ObjectId) -> Result<Option<Object>, String> {
        let packs = match self.packs.get() {
            Some(packs) => packs,
            None => {
                let opened = gix::odb::at(&self.dir, self.hash).map_err(|e| e.to_string())?;
                self.packs.get_or_init(|| opened)
            }
        };
        let mut data = Vec::new();
        let found = packs.try_find(&id, &mut data).map_err(|e| format!("object {id}: {e}"))?;
        let Some(kind) = found.map(|f| f.kind) else { return Ok(None) };
        Ok(Some(Object { kind, data }))
    }

    fn loose(&self, id: ObjectId) -> Result<Option<Object>, String> {
        let path = self.loose_path(id);
        match fs::read(&path) {
            Ok(bytes) => self.inflate(&bytes).map(Some).map_err(|why| format!("{}: {why}", path.display())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("{}: {e}", path.display())),
        }
    }

    /// Takes a loose object apart: zlib around `<kind> <size>\0<data>`.
    fn inflate(&self, bytes: &[u8]) -> Result<Object, String> {
        let mut slot = self.inflate.borrow_mut();
        let inflate = slot.get_or_insert_with(|| Decompress::new(true));
        inflate.reset(true);
        let mut head = Vec::with_capacity(HEADER);
        inflate.decompress_vec(bytes, &mut head, FlushDecompress::None).map_err(|e| e.to_string())?;
        let (kind, size, start) = gix::objs::decode::loose_header(&head).map_err(|e| e.to_string())?;
        let size = usize::try_from(size).map_err(|e| e.to_string())?;
        // The size is what the file claims; room is made only as far as data really comes.
        let mut data = Vec::with_capacity(size.min(bytes.len().saturating_mul(1100)));
        data.extend_from_slice(&head[start..]);
        while data.len() < size {
            let (used, made) = (inflate.total_in() as usize, data.len());
            if data.capacity() == data.len() {
                data.reserve(64);
            }
            let rest = bytes.get(used..).unwrap_or_default();
            let status = inflate
                .decompress_vec(rest, &mut data, FlushDecompress::Finish)
                .map_err(|e| e.to_string())?;
            if status == Status::StreamEnd || (data.len() == made && inflate.total_in() as usize == used) {
                break;
            }
        }
        if data.len() != size {
            return Err(format!("it is cut off: {} of {size} bytes", data.len()));
        }
        Ok(Object { kind, data })
    }
}
