//! Paths, names and ids: what is accepted can be part of a ref, a tree and a line.
#![no_main]

use git_coord::model::{ItemId, QueueName, RepoPath, SessionName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(path) = RepoPath::parse(text) {
        assert_eq!(RepoPath::parse(path.as_str()).as_ref(), Ok(&path));
    }
    let _ = (SessionName::parse(text), QueueName::parse(text), ItemId::parse(text));
});
