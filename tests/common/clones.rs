//! Several clones of one bare repository, with that repository as the arbiter.

use std::path::PathBuf;

use git_coord::store::{Store, StoreOptions};

use super::TestEnv;

/// A bare repository and clones of it, each in a temporary folder of its own.
pub struct Hub {
    /// The clones.
    pub clones: Vec<TestEnv>,
    /// The bare repository.
    pub bare: PathBuf,
    _temp: tempfile::TempDir,
}

impl Hub {
    /// `n` clones that have joined, and a server that checks every object.
    pub fn new(n: usize) -> Self {
        let hub = Self::unjoined(n, &[]).expect("this git makes plain repositories");
        for clone in &hub.clones {
            clone.coord(&["init", "--remote", "origin"]).ok();
        }
        hub
    }

    /// `n` clones that have not joined. `None` when this git knows no such kind of repository.
    pub fn unjoined(n: usize, init: &[&str]) -> Option<Self> {
        let temp = tempfile::Builder::new().prefix("coord hub ").tempdir_in(super::memory()).unwrap();
        let bare = temp.path().canonicalize().unwrap().join("hub.git");
        let mut clones: Vec<TestEnv> = Vec::new();
        for i in 0..n {
            let clone = TestEnv::empty_in(&super::memory());
            let dir = clone.root.to_str().unwrap().to_owned();
            if i == 0 {
                let make = clone.command("git", clone.temp()).args(["init", "-q", "--bare", "-b", "main"]);
                if !make.args(init).args([&bare]).output().unwrap().status.success() {
                    return None;
                }
                clone.git_in(&bare, &["config", "transfer.fsckObjects", "true"]);
                assert!(clone.with_commit(init));
                clone.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
                clone.git(&["push", "-q", "-u", "origin", "main"]);
            } else {
                clone.git_in(clone.temp(), &["clone", "-q", bare.to_str().unwrap(), &dir]);
            }
            clones.push(clone);
        }
        Some(Hub { clones, bare, _temp: temp })
    }

    /// The state that the remote has; empty when there is none.
    pub fn state(&self) -> String {
        let refs = self.clones[0]
            .git_in(&self.bare, &["for-each-ref", "--format=%(objectname)", "refs/coord/state"]);
        refs.trim().to_owned()
    }

    /// Checks every state that the remote's history holds, or one in `step` of them: how often
    /// each was sound is not seen at the end.
    #[track_caller]
    pub fn replay(&self, step: usize, when: &str) -> usize {
        let clone = &self.clones[0];
        let copy = tempfile::tempdir_in(super::memory()).unwrap();
        super::copy_tree(&clone.store_dir(), &copy.path().join("coord"));
        let ids = clone.git_in(&self.bare, &["rev-list", "refs/coord/state"]);
        let mut seen = 0;
        for id in ids.lines().step_by(step) {
            std::fs::write(copy.path().join("coord/refs/coord/state"), format!("{id}\n")).unwrap();
            let store = Store::open(copy.path(), StoreOptions::default()).unwrap();
            let problems = store.read(|view| super::invariants::problems(view)).unwrap();
            assert!(problems.is_empty(), "{when}: state {id}:\n{}", problems.join("\n"));
            seen += 1;
        }
        seen
    }

    /// Makes enough states that upkeep cuts a shared history, without a push for each.
    pub fn many_states(&self, clone: usize, session: &str) {
        let clone = &self.clones[clone];
        clone.coord(&["sync"]).ok();
        let authority = clone.store_dir().join("arbiter.json");
        let aside = authority.with_extension("aside");
        std::fs::rename(&authority, &aside).unwrap();
        for n in 0..1010 {
            clone.claim(session, &[&format!("many/{n}")], 600);
        }
        std::fs::rename(&aside, &authority).unwrap();
        let store = clone.store_dir();
        // Not a push: hooks of the server have no say in it.
        let words = ["fetch", "-q", store.to_str().unwrap(), "+refs/coord/state:refs/coord/state"];
        clone.git_in(&self.bare, &words);
    }

    /// Brings every clone up to the remote's state and checks that all agree on it.
    #[track_caller]
    pub fn check(&self, when: &str) {
        // Twice: what the first rounds push, the others have to fetch.
        for clone in self.clones.iter().chain(&self.clones) {
            clone.coord(&["sync"]).ok();
        }
        let state = self.state();
        for (i, clone) in self.clones.iter().enumerate() {
            let own = clone.git_in(&clone.store_dir(), &["--git-dir=.", "rev-parse", "refs/coord/state"]);
            assert_eq!(own.trim(), state, "{when}: clone {i} and the remote differ");
            clone.fsck(when);
        }
        self.clones[0].check(when);
        self.clones[0].git_in(&self.bare, &["fsck", "--strict", "--no-dangling"]);
    }
}
