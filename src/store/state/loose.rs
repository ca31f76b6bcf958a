//! Writing loose objects.
//!
//! A change of the state writes about ten objects of some hundred bytes. gix (and git) set up a
//! new compressor for each of them, 380 kB of memory that the kernel has to hand out page by
//! page: more work than all the rest of a claim. Here small objects are *stored* (zlib allows
//! blocks without compression, RFC 1950 and 1951), and larger ones share one compressor. Upkeep
//! packs, and so compresses, whatever is still needed later.
//!
//! Every object is written under another name and renamed: a writer that dies in between leaves
//! nothing that `git fsck` would complain about. A power cut can still leave an empty file under
//! an object's name, and the same content may get that name again; so an object counts as
//! present only when it is whole.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compress, Compression, FlushCompress, Status};
use gix::ObjectId;
use gix::objs::Kind;

use crate::crash_point;

use crate::store::StoreError;

/// Objects up to this size are stored: below it, setting a compressor up costs more time than
/// writing. Commits with a delta are to be among them.
const STORED: usize = 32 * 1024;

/// How the names of unfinished objects begin; git's `prune` knows them by it, too.
pub(in crate::store) const TEMPORARY: &str = "tmp_obj_";

/// Writes loose objects into one object database.
pub(in crate::store) struct LooseWriter {
    dir: PathBuf,
    compressor: Option<Compress>,
}

impl LooseWriter {
    pub fn new(store: &Path) -> Self {
        LooseWriter { dir: store.join("objects"), compressor: None }
    }

    /// Writes an object whose id is known, unless it is there. One that is in a pack alone is
    /// written once more, which costs less than looking, and upkeep removes it again.
    pub fn write(&mut self, id: ObjectId, kind: Kind, data: &[u8]) -> Result<(), StoreError> {
        let mut plain = gix::objs::encode::loose_header(kind, data.len() as u64).to_vec();
        plain.extend_from_slice(data);
        let hex = id.to_string();
        let folder = self.dir.join(&hex[..2]);
        let path = folder.join(&hex[2..]);
        if is_complete(&path) {
            return Ok(());
        }
        let bytes = if plain.len() <= STORED { stored(&plain) } else { self.compressed(&plain)? };
        put(&folder, &path, &bytes).map_err(StoreError::io("write an object", &path))
    }

    fn compressed(&mut self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let compressor = self.compressor.get_or_insert_with(|| Compress::new(Compression::fast(), true));
        compressor.reset();
        // WriteQueue for the worst case: data that does not compress grows by a few bytes a block.
        let mut out = Vec::with_capacity(plain.len() + plain.len() / 1000 + 128);
        match compressor.compress_vec(plain, &mut out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => Ok(out),
            Ok(_) => Err(self.failed("the compressor came to no end")),
            Err(e) => Err(self.failed(&e.to_string())),
        }
    }

    fn failed(&self, reason: &str) -> StoreError {
        StoreError::objects("compress an object", &self.dir)(reason)
    }
}

/// True when a file holds a whole zlib stream.
fn is_complete(path: &Path) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    io::copy(&mut flate2::read::ZlibDecoder::new(bytes.as_slice()), &mut io::sink()).is_ok()
}

/// Writes an object under another name and renames it.
fn put(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY}{}", crate::store::random_hex(6)));
    let mut file = match create(&temporary) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            // Two writers may make the folder at once; upkeep never removes it.
            make(folder)?;
            create(&temporary)?
        }
        other => other?,
    };
    let written = file.write_all(bytes).and_then(|()| {
        crash_point!("object not yet named");
        fs::rename(&temporary, path)
    });
    written.inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Makes the folder of objects that begin alike. Not with the folders above it: a store that has
/// been removed must not come back.
fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn create(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o444).open(path)
}

/// A zlib stream of stored blocks: header, blocks of at most 65,535 bytes, Adler-32.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + 16);
    // Deflate with a 32 kB window, fastest level: the pair is a multiple of 31, as RFC 1950 asks.
    out.extend_from_slice(&[0x78, 0x01]);
    let mut blocks = plain.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&adler32(plain).to_be_bytes());
    out
}

/// The checksum of RFC 1950.
fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    // The sums stay below 2^32 for 5,552 bytes, as zlib's own NMAX says.
    for chunk in data.chunks(5552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn an_object_that_a_dead_writer_left_empty_is_written_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let hash = gix::hash::Kind::Sha1;
        let id = gix::objs::compute_hash(hash, Kind::Blob, b"content").expect("hashed");
        let objects = super::super::objects::Objects::new(dir.path(), hash);
        let path = objects.loose_path(id);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, "").expect("written");
        assert!(objects.find(id).is_err());
        LooseWriter::new(dir.path()).write(id, Kind::Blob, b"content").expect("written");
        assert_eq!(objects.find(id).expect("whole").data, b"content");
    }

    #[test]
    fn stored_streams_are_read_by_any_zlib() {
        for size in [0, 1, 300, 5552, 65_535, 65_536, 200_000] {
            let plain: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            let bytes = stored(&plain);
            if size == 0 {
                // No object is empty: each begins with its header.
                continue;
            }
            let mut back = Vec::new();
            flate2::read::ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut back).expect("valid zlib");
            assert!(back == plain, "{size} bytes");
        }
    }
}
