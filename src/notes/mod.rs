//! Notes on the user's commits: which session made them, for which items, with what progress.
//!
//! They are stored in the user's repository under `refs/notes/coord/<session>`, so that
//! `git log --notes='coord/*'` shows them. The ref points straight at the notes *tree*: git reads
//! such notes, and `git log --all` shows no extra commits. Only objects are written through gix;
//! the ref is moved by the `git` program with an expected old value, because gix cannot write
//! reftable and is not safe beside `pack-refs`. `git notes` itself is not used: it has no
//! compare-and-swap and loses notes when two processes write.

pub mod sync;

use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind};

use crate::git::{Git, GitError, HostRepo};
use crate::model::SessionName;

/// Most attempts against other processes of the same session.
const MAX_TRIES: u32 = 20;

/// Why a note could not be written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The remote could not be used.
    #[error(transparent)]
    Remote(GitError),
    /// gix could not read or write an object.
    #[error("cannot write a note on {commit}: {reason}")]
    Objects {
        /// The commit.
        commit: String,
        /// What gix said.
        reason: String,
    },
    /// Others of the same session were always faster.
    #[error("cannot write a note on {commit}: {reference} keeps changing")]
    Contended {
        /// The commit.
        commit: String,
        /// The ref.
        reference: String,
    },
}

/// The ref of a session's notes.
pub fn reference(session: &SessionName) -> String {
    format!("refs/notes/coord/{session}")
}

/// Adds a line to a session's note on a commit; `commit` is a full object id.
///
/// # Errors
/// When the user's repository cannot be written.
pub fn append(repo: &HostRepo, session: &SessionName, commit: &str, line: &str) -> Result<(), NoteError> {
    edit(repo, session, commit, |before| {
        let mut text = before.unwrap_or_default().to_vec();
        text.extend(line.as_bytes());
        text.push(b'\n');
        Some(text)
    })
}

/// Copies a session's notes to the commits that have taken others' places: pairs of old and new. All in one
/// step, as a rebase replaces many.
///
/// # Errors
/// When the user's repository cannot be read or written.
pub fn copy_all(repo: &HostRepo, session: &SessionName, pairs: &[(&str, &str)]) -> Result<(), NoteError> {
    let Some((first, _)) = pairs.first() else { return Ok(()) };
    let notes = Notes::open(repo, first)?;
    update(repo, session, &notes, |mut root| {
        for (from, to) in pairs {
            let Some(text) = root.map(|root| notes.note(root, from)).transpose()?.flatten() else { continue };
            root = notes.changed(root, to, |before| match before {
                // The hook after the commit may have written a note of its own already.
                Some(own) if own.starts_with(&text) => None,
                Some(own) => Some([text.as_slice(), own].concat()),
                None => Some(text.clone()),
            })?;
        }
        Ok(root)
    })
}

/// A session's note on a commit, if there is one.
///
/// # Errors
/// When the user's repository cannot be read.
pub fn read(repo: &HostRepo, session: &SessionName, commit: &str) -> Result<Option<Vec<u8>>, NoteError> {
    let Some(root) = tip(repo, session)? else { return Ok(None) };
    Notes::open(repo, commit)?.note(root, commit)
}

/// Takes over what is in another version of a session's notes and not in its own; true when its
/// own then say more than that version. `other` is a notes tree whose objects are here.
///
/// Own notes that say nothing more become that version as it is: two clones that each put the same
/// lines together in an order of their own would otherwise never agree.
///
/// # Errors
/// When the user's repository cannot be read or written.
fn unite(repo: &HostRepo, session: &SessionName, other: &str) -> Result<bool, NoteError> {
    let notes = Notes::open(repo, other)?;
    let bad = |e: String| NoteError::Objects { commit: other.to_owned(), reason: e };
    let other = ObjectId::from_hex(other.as_bytes()).map_err(|e| bad(e.to_string()))?;
    for _ in 0..MAX_TRIES {
        let own = tip(repo, session)?;
        if own == Some(other) {
            return Ok(false);
        }
        let says_more = own.map_or(Ok(true), |own| notes.missing(own, other).map(|m| m.is_empty()))?;
        if says_more && notes.is_proper(other)? {
            match set(repo, session, own, other)? {
                None => return Ok(false),
                Some(_) => continue,
            }
        }
        let within = own.unwrap_or_else(|| ObjectId::empty_tree(other.kind()));
        for (commit, lines) in notes.missing(other, within)? {
            edit(repo, session, &commit, |before| {
                let before = before.unwrap_or_default();
                let missing: Vec<&[u8]> =
                    lines.iter().map(Vec::as_slice).filter(|line| !has(before, line)).collect();
                (!missing.is_empty())
                    .then(|| [missing.join(&b'\n'), b"\n".to_vec(), before.to_vec()].concat())
            })?;
        }
        return Ok(true);
    }
    Err(NoteError::Contended { commit: other.to_string(), reference: reference(session) })
}

/// Where the note on a commit is in a notes tree; `None` for what is not a full object id.
fn place_of(commit: &str) -> Option<(&str, &str)> {
    let is_id = is_hex(commit.as_bytes(), 40) || is_hex(commit.as_bytes(), 64);
    commit.split_at_checked(2).filter(|_| is_id)
}

/// True for a name of `digits` hex digits. Anybody who can push can put other names into a notes tree;
/// they are left where they are, and never get into the user's own notes.
fn is_hex(name: &[u8], digits: usize) -> bool {
    name.len() == digits && name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn has(text: &[u8], line: &[u8]) -> bool {
    text.split(|b| *b == b'\n').any(|known| known == line)
}

/// `git update-ref`. The refs are ours: the user's hooks for refs have no say in them.
fn updating(repo: &HostRepo) -> Git {
    repo.git().args(["-c", "core.hooksPath=/dev/null", "update-ref"])
}

/// Moves the ref of a session's notes; what git says when it is no longer `old`, or cannot be
/// moved.
fn set(
    repo: &HostRepo,
    session: &SessionName,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Option<String>, GitError> {
    let expected = old.map_or_else(|| "0".repeat(new.to_string().len()), |id| id.to_string());
    let output = updating(repo).args([&reference(session), &new.to_string(), &expected]).output()?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((output.status != Some(0)).then(said))
}

fn tip(repo: &HostRepo, session: &SessionName) -> Result<Option<ObjectId>, NoteError> {
    let name = reference(session);
    let text = repo.git().args(["rev-parse", "--verify", "-q", &name]).optional()?;
    Ok(text.and_then(|t| ObjectId::from_hex(t.as_bytes()).ok()))
}

fn edit(
    repo: &HostRepo,
    session: &SessionName,
    commit: &str,
    change: impl Fn(Option<&[u8]>) -> Option<Vec<u8>>,
) -> Result<(), NoteError> {
    let notes = Notes::open(repo, commit)?;
    update(repo, session, &notes, |root| notes.changed(root, commit, &change))
}

/// Moves a session's notes to what `change` makes of them, again when somebody else was faster.
fn update(
    repo: &HostRepo,
    session: &SessionName,
    notes: &Notes,
    change: impl Fn(Option<ObjectId>) -> Result<Option<ObjectId>, NoteError>,
) -> Result<(), NoteError> {
    for _ in 0..MAX_TRIES {
        let old = notes.tip(repo, session)?;
        let Some(root) = change(old)?.filter(|root| Some(*root) != old) else { return Ok(()) };
        let Some(said) = set(repo, session, old, root)? else { return Ok(()) };
        if notes.tip(repo, session)? == old {
            return Err(NoteError::Objects { commit: notes.commit.clone(), reason: said });
        }
    }
    Err(NoteError::Contended { commit: notes.commit.clone(), reference: reference(session) })
}

/// Lines of a note.
type Lines = Vec<Vec<u8>>;

/// The user's object database.
struct Notes {
    repo: gix::Repository,
    commit: String,
}

impl Notes {
    fn open(repo: &HostRepo, commit: &str) -> Result<Self, NoteError> {
        let options = gix::open::Options::isolated().open_path_as_is(true).with(gix::sec::Trust::Full);
        let fail = |e: gix::Error| NoteError::Objects { commit: commit.to_owned(), reason: e.to_string() };
        let repo = gix::open_opts(&repo.common_dir, options).map_err(fail)?;
        Ok(Notes { repo, commit: commit.to_owned() })
    }

    fn fail(&self) -> impl FnOnce(gix::Error) -> NoteError + '_ {
        move |e| NoteError::Objects { commit: self.commit.clone(), reason: e.to_string() }
    }

    /// The tip of a session's notes. Read in this process where refs are files: a process that moves it names the
    /// value that it was expected to have.
    fn tip(&self, repo: &HostRepo, session: &SessionName) -> Result<Option<ObjectId>, NoteError> {
        if !crate::git::has_ref_files(&self.repo) {
            return tip(repo, session);
        }
        match self.repo.try_find_reference(&reference(session)) {
            Ok(found) => Ok(found.and_then(|r| r.target().try_id().map(ToOwned::to_owned))),
            Err(_) => tip(repo, session),
        }
    }

    /// The note on a commit.
    fn note(&self, root: ObjectId, commit: &str) -> Result<Option<Vec<u8>>, NoteError> {
        let Some((fan, rest)) = place_of(commit) else { return Ok(None) };
        let Some(folder) = self.entry(root, fan)? else { return Ok(None) };
        self.entry(folder, rest)?.map(|blob| self.data(blob)).transpose()
    }

    /// The tree with the note on a commit changed; the same one when `change` wants nothing.
    fn changed(
        &self,
        root: Option<ObjectId>,
        commit: &str,
        change: impl Fn(Option<&[u8]>) -> Option<Vec<u8>>,
    ) -> Result<Option<ObjectId>, NoteError> {
        let Some((fan, rest)) = place_of(commit) else {
            let reason = "it is not the id of a commit".to_owned();
            return Err(NoteError::Objects { commit: commit.to_owned(), reason });
        };
        let before = root.map(|root| self.note(root, commit)).transpose()?.flatten();
        let Some(text) = change(before.as_deref()) else { return Ok(root) };
        let folder = root.map(|root| self.entry(root, fan)).transpose()?.flatten();
        let blob = self.write_blob(&text)?;
        let folder = self.with_entry(folder, rest, EntryKind::Blob, blob)?;
        self.with_entry(root, fan, EntryKind::Tree, folder).map(Some)
    }

    fn entries(&self, tree: ObjectId) -> Result<Vec<Entry>, NoteError> {
        let object = self.repo.find_tree(tree).map_err(self.fail())?;
        let mut list = Vec::new();
        for entry in gix::objs::TreeRefIter::from_bytes(&object.data, tree.kind()) {
            let entry = entry
                .map_err(|e| NoteError::Objects { commit: self.commit.clone(), reason: e.to_string() })?;
            list.push(Entry {
                mode: entry.mode,
                filename: entry.filename.to_owned(),
                oid: entry.oid.to_owned(),
            });
        }
        Ok(list)
    }

    fn entry(&self, tree: ObjectId, name: &str) -> Result<Option<ObjectId>, NoteError> {
        Ok(self.entries(tree)?.into_iter().find(|e| e.filename == name.as_bytes()).map(|e| e.oid))
    }

    /// True for a tree that holds nothing but notes: one that becomes the user's own as it is.
    fn is_proper(&self, root: ObjectId) -> Result<bool, NoteError> {
        let rest = root.kind().len_in_hex() - 2;
        for fan in self.entries(root)? {
            if !fan.mode.is_tree() || !is_hex(&fan.filename, 2) {
                return Ok(false);
            }
            if !self.entries(fan.oid)?.iter().all(|e| e.mode.is_blob() && is_hex(&e.filename, rest)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The lines of one notes tree that another lacks, by commit.
    fn missing(&self, from: ObjectId, within: ObjectId) -> Result<Vec<(String, Lines)>, NoteError> {
        let mut list = Vec::new();
        for fan in self.entries(from)?.into_iter().filter(|e| e.mode.is_tree() && is_hex(&e.filename, 2)) {
            let folder = self.entry(within, &fan.filename.to_string())?;
            if folder == Some(fan.oid) {
                continue;
            }
            let rest = from.kind().len_in_hex() - 2;
            for note in
                self.entries(fan.oid)?.into_iter().filter(|e| e.mode.is_blob() && is_hex(&e.filename, rest))
            {
                let there = folder.map(|f| self.entry(f, &note.filename.to_string())).transpose()?.flatten();
                if there == Some(note.oid) {
                    continue;
                }
                let known = there.map(|blob| self.data(blob)).transpose()?.unwrap_or_default();
                let text = self.data(note.oid)?;
                let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty() && !has(&known, line));
                let lines: Lines = lines.map(<[u8]>::to_vec).collect();
                if !lines.is_empty() {
                    list.push((format!("{}{}", fan.filename, note.filename), lines));
                }
            }
        }
        Ok(list)
    }

    fn data(&self, blob: ObjectId) -> Result<Vec<u8>, NoteError> {
        Ok(self.repo.find_blob(blob).map_err(self.fail())?.data.clone())
    }

    fn write_blob(&self, bytes: &[u8]) -> Result<ObjectId, NoteError> {
        Ok(self.repo.write_blob(bytes).map_err(self.fail())?.detach())
    }

    fn with_entry(
        &self,
        tree: Option<ObjectId>,
        name: &str,
        kind: EntryKind,
        id: ObjectId,
    ) -> Result<ObjectId, NoteError> {
        let mut entries = tree.map(|t| self.entries(t)).transpose()?.unwrap_or_default();
        entries.retain(|e| e.filename != name.as_bytes());
        entries.push(Entry { mode: kind.into(), filename: name.into(), oid: id });
        // All entries of one level are of one kind, and hex digits sort the same either way.
        entries.sort_by(|a, b| a.filename.cmp(&b.filename));
        Ok(self.repo.write_object(gix::objs::Tree { entries }).map_err(self.fail())?.detach())
    }
}
