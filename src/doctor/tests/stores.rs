//! Real stores, damaged as disks, power cuts and people damage them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{claim, finish, import, item, next, start};
use crate::doctor::{Options, Report, examine};
use crate::git::testrepo::TestRepo;
use crate::model::{self, header, session};
use crate::store::{self, STATE_REF, Store, StoreOptions};

struct Clinic {
    repo: TestRepo,
    store: PathBuf,
}

impl Clinic {
    fn new() -> Self {
        let repo = TestRepo::new();
        repo.commit("first");
        let common = repo.root.join(".git");
        store::create(&common, false, StoreOptions::default()).unwrap();
        let clinic = Clinic { store: common.join("coord"), repo };
        crate::hook::install(&clinic.repo.host(), Path::new("/bin/true")).unwrap();
        let open = clinic.open();
        let items = [
            item("A", &["a"], &[], 0),
            item("B", &["b"], &[], 0),
            item("C", &[], &["A", "B"], 1),
            item("D", &[], &[], 2),
        ];
        for op in [
            start("one"),
            import(&items),
            claim("one", &["docs"], "exclusive"),
            next("one", 2),
            finish("one", &["A"], json!("done")),
            claim("one", &["lib", "lib/deep"], "exclusive"),
        ] {
            assert!(!open.submit(&op, None).unwrap().is_refusal());
            // Every record is an object of its own then, and can be damaged by itself.
            open.fold().unwrap();
        }
        clinic
    }

    fn open(&self) -> Store {
        Store::open(&self.repo.root.join(".git"), StoreOptions::default()).unwrap()
    }

    fn examine(&self, repair: bool) -> Report {
        // Hooks only have to be able to call something.
        let options =
            Options { repair, remote: false, store: StoreOptions::default(), program: "/bin/true".into() };
        examine(&self.repo.host(), &options).unwrap()
    }

    fn git(&self, args: &[&str]) -> String {
        let out = self.repo.git_in(&self.store, [&["--git-dir=."], args].concat());
        String::from_utf8(out).unwrap().trim().to_owned()
    }

    fn object(&self, name: &str) -> PathBuf {
        let id = self.git(&["rev-parse", name]);
        self.store.join("objects").join(&id[..2]).join(&id[2..])
    }

    fn empty(&self, name: &str) {
        overwrite(&self.object(name), b"");
    }

    fn ref_file(&self) -> PathBuf {
        self.store.join(STATE_REF)
    }

    fn generation(&self) -> u64 {
        self.open().read(|v| header::read(v)).unwrap().generation
    }

    /// Is found, is repaired, is not found again; and work goes on.
    fn heals(&self, code: &str) -> Report {
        let found = self.examine(false);
        assert!(found.findings.iter().any(|f| f.code == code && f.repairable), "{code}: {found:#?}");
        let repaired = self.examine(true);
        assert!(repaired.is_well(), "{code}: {repaired:#?}");
        assert!(repaired.findings.iter().any(|f| f.code == code), "{code}: {repaired:#?}");
        let after = self.examine(false);
        assert!(after.findings.is_empty(), "{code}: {after:#?}");
        let open = self.open();
        assert!(!open.submit(&next("one", 5), None).unwrap().is_refusal());
        assert!(!open.submit(&claim("one", &["new"], "exclusive"), None).unwrap().is_refusal());
        open.upkeep().unwrap();
        assert!(self.examine(false).findings.is_empty(), "after upkeep");
        repaired
    }

    fn holds(&self, path: &str) -> bool {
        let name = model::SessionName::parse("one").unwrap();
        let path = model::RepoPath::parse(path).unwrap();
        self.open().read(|v| session::get(v, &name)).unwrap().unwrap().path_lease(&path).is_some()
    }
}

fn overwrite(path: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(path);
    std::fs::write(path, bytes).unwrap();
}

fn make_old(path: &Path) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    std::fs::File::open(path).unwrap().set_modified(at).unwrap();
}

#[test]
fn a_sound_store_is_well() {
    let clinic = Clinic::new();
    let report = clinic.examine(false);
    assert!(report.findings.is_empty(), "{report:#?}");
    let before = clinic.git(&["rev-parse", STATE_REF]);
    clinic.examine(true);
    assert_eq!(clinic.git(&["rev-parse", STATE_REF]), before, "a repair of what is well writes nothing");
}

#[test]
fn after_a_power_cut_the_newest_readable_state_counts() {
    let clinic = Clinic::new();
    let before = clinic.generation();
    // The last claim, and the same state once more, folded.
    clinic.empty(&format!("{STATE_REF}~1"));
    clinic.empty(STATE_REF);
    let report = clinic.heals("state-unreadable");
    assert!(report.notes.iter().any(|n| n.contains("lost")), "{report:#?}");
    assert!(clinic.holds("docs") && !clinic.holds("lib"));
    assert!(clinic.generation() > before + 1000, "numbers of lost leases are not given again");
}

#[test]
fn a_ref_without_an_id_is_found_again_without_loss() {
    for content in [Some(b"".as_slice()), Some(b"nonsense\n"), Some(b"ref: refs/heads/x\n"), None] {
        let clinic = Clinic::new();
        let before = clinic.generation();
        overwrite(&clinic.ref_file(), content.unwrap_or_default());
        if content.is_none() {
            std::fs::remove_file(clinic.ref_file()).unwrap();
        }
        clinic.heals(if content.is_none() { "state-missing" } else { "state-ref" });
        assert!(clinic.holds("docs") && clinic.holds("lib"));
        assert!(clinic.generation() < before + 10, "nothing is lost, so no number is left out");
    }
}

#[test]
fn what_is_in_the_delta_alone_survives_damage_below_it() {
    for key in ["claims", "sessions/one.json", "queues/main/states/0000/00.json", "ids", "head.json"] {
        let clinic = Clinic::new();
        let open = clinic.open();
        assert!(!open.submit(&claim("one", &["fresh"], "exclusive"), None).unwrap().is_refusal());
        clinic.empty(&format!("{STATE_REF}:{key}"));
        assert!(clinic.examine(true).is_well(), "{key}");
        assert!(clinic.examine(false).findings.is_empty(), "{key}");
        assert!(clinic.holds("fresh") && clinic.holds("docs"), "{key}");
    }
}

#[test]
fn derived_records_are_derived_anew_without_loss() {
    for key in ["claims", "claims/docs", "claims/lib", "ids", "queues/main/open", "deps"] {
        let clinic = Clinic::new();
        clinic.empty(&format!("{STATE_REF}:{key}"));
        clinic.heals("record-damaged");
        assert!(clinic.holds("docs") && clinic.holds("lib"), "{key}");
    }
}

#[test]
fn a_deleted_object_of_any_kind_is_survived() {
    let count = {
        let clinic = Clinic::new();
        clinic.git(&["rev-list", "--objects", "--no-object-names", STATE_REF]).lines().count()
    };
    assert!(count > 30);
    // Some of them, to keep it short; different stores have different ids, so all get their turn.
    for n in (0..count).step_by(6) {
        let clinic = Clinic::new();
        let list = clinic.git(&["rev-list", "--objects", STATE_REF]);
        let line = list.lines().nth(n).unwrap().to_owned();
        let id = line.split(' ').next().unwrap();
        std::fs::remove_file(clinic.object(id)).unwrap();
        let report = clinic.examine(true);
        assert!(report.is_well(), "{line}: {report:#?}");
        assert!(clinic.examine(false).findings.is_empty(), "{line}");
        clinic.open().submit(&claim("one", &["new"], "exclusive"), None).unwrap();
    }
}

fn states(clinic: &Clinic) -> BTreeMap<String, String> {
    let open = clinic.open();
    open.read(|view| {
        let mut map = BTreeMap::new();
        for (id, slot) in model::item_index::all(view)? {
            map.insert(id, model::queue::placement(view, &slot)?.0.to_string());
        }
        Ok(map)
    })
    .unwrap()
}

#[test]
fn half_a_segment_is_put_together_from_the_other_half_and_the_log() {
    let clinic = Clinic::new();
    let before = states(&clinic);
    clinic.empty(&format!("{STATE_REF}:queues/main/states/0000/00.json"));
    let report = clinic.examine(true);
    assert!(report.is_well(), "{report:#?}");
    assert_eq!(states(&clinic), before);
    assert!(clinic.holds("docs") && clinic.holds("lib"));

    clinic.empty(&format!("{STATE_REF}:queues/main/items/0000/00.jsonl"));
    clinic.empty(&format!("{STATE_REF}:queues/main/items/0000/01.jsonl"));
    let report = clinic.examine(true);
    assert!(report.is_well(), "{report:#?}");
    assert!(clinic.examine(false).findings.is_empty());
    let after = states(&clinic);
    // Done stays done, what is in work stays there; what nobody had begun can be imported again.
    assert_eq!((after["A"].as_str(), after["B"].as_str()), ("done", "claimed"));
    assert_eq!(after["lost-C"], "failed");
    assert!(!after.contains_key("C"));
    clinic.open().submit(&import(&[item("C", &[], &["A"], 1)]), None).unwrap();
    assert_eq!(states(&clinic)["C"], "pending");
    assert!(clinic.examine(false).findings.is_empty());
}

#[test]
fn damage_in_the_history_costs_history_only() {
    for name in ["~2", "~2^{tree}", "~3:sessions"] {
        let clinic = Clinic::new();
        let mut events = 0;
        clinic
            .open()
            .log(|_| {
                events += 1;
                true
            })
            .unwrap();
        clinic.empty(&format!("{STATE_REF}{name}"));
        clinic.heals("history");
        assert!(clinic.holds("docs") && clinic.holds("lib"), "{name}");
        let mut left = 0;
        clinic
            .open()
            .log(|_| {
                left += 1;
                true
            })
            .unwrap();
        assert!(left + 1 >= events, "{name}: at most one event is lost, {left} of {events}");
    }
}

#[test]
fn a_damaged_pack_gives_up_what_is_sound_in_it() {
    let clinic = Clinic::new();
    clinic.open().upkeep().unwrap();
    let pack = std::fs::read_dir(clinic.store.join("objects/pack"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "idx"))
        .unwrap();
    std::fs::remove_file(&pack).unwrap();
    clinic.heals("pack-damaged");
    assert!(clinic.holds("docs") && clinic.holds("lib"));
}

#[test]
fn packed_refs_become_files_again() {
    let clinic = Clinic::new();
    clinic.git(&["pack-refs", "--all", "--prune"]);
    assert!(!clinic.ref_file().exists());
    clinic.heals("packed-refs");
    assert!(clinic.ref_file().exists() && !clinic.store.join("packed-refs").exists());
    assert!(clinic.holds("lib"));
}

#[test]
fn what_dead_processes_left_goes_and_what_living_ones_hold_stays() {
    let clinic = Clinic::new();
    let lock = clinic.store.join(format!("{STATE_REF}.lock"));
    let temporary = clinic.store.join("objects/.tmpABCDEF");
    let building = clinic.repo.root.join(".git/coord.new-0badcafe");
    std::fs::create_dir(&building).unwrap();
    for path in [&lock, &temporary] {
        std::fs::write(path, "").unwrap();
    }
    for path in [&lock, &temporary, &building] {
        make_old(path);
    }
    let young = clinic.store.join("objects/.tmpYOUNG1");
    std::fs::write(&young, "").unwrap();
    clinic.heals("stale-lock");
    assert!(!lock.exists() && !temporary.exists() && !building.exists());

    let waiting = clinic.store.join("write-queue/00000000000000000001-1-aa.op");
    let held = std::fs::File::create(&waiting).unwrap();
    held.lock().unwrap();
    assert!(clinic.examine(false).findings.is_empty(), "its process lives");
    drop(held);
    assert!(clinic.examine(false).findings.iter().any(|f| f.code == "room-leftover"));
    clinic.heals("room-leftover");
}

#[test]
fn files_of_the_store_are_as_they_were_made() {
    let clinic = Clinic::new();
    std::fs::remove_file(clinic.store.join("HEAD")).unwrap();
    clinic.heals("store-head");
    std::fs::write(clinic.store.join("config"), "[[[").unwrap();
    clinic.heals("store-config");
    clinic.git(&["config", "gc.auto", "100"]);
    clinic.git(&["config", "coord.mine", "stays"]);
    clinic.heals("store-config");
    assert_eq!(clinic.git(&["config", "coord.mine"]), "stays");
    std::fs::remove_dir_all(clinic.store.join("write-queue")).unwrap();
    clinic.heals("store-folder");
}

#[test]
fn a_worktree_of_a_session_that_nobody_knows_is_set_free() {
    let clinic = Clinic::new();
    let file = clinic.repo.root.join(".git/coord-session");
    std::fs::write(&file, r#"{"session":"ghost","token":"t","worktree":"/nowhere"}"#).unwrap();
    clinic.heals("binding");
    assert!(!file.exists());
}

#[test]
fn hooks_that_were_deleted_come_back() {
    let clinic = Clinic::new();
    std::fs::remove_file(clinic.repo.root.join(".git/hooks/pre-commit")).unwrap();
    clinic.heals("hook");
}

#[test]
fn a_newer_format_is_left_alone() {
    let clinic = Clinic::new();
    let open = clinic.open();
    let tip = open.tip().unwrap().unwrap();
    let commit = open.sound_commit(tip).unwrap();
    let view = open.view_tree(commit.tree, &commit.delta);
    let mut txn = model::Txn::new(&view);
    let mut record = header::read(&txn).unwrap();
    record.format = 99;
    txn.put_json(header::KEY, &record);
    let guard = store::raw::lock_folder(&clinic.store).unwrap();
    let (scope, onto) = (store::raw::Scope::Everywhere, store::raw::Onto::Parent(tip));
    open.write_mended(&guard, scope, &view, txn, onto, Some(tip)).unwrap().unwrap();
    drop(guard);
    let report = clinic.examine(true);
    assert!(report.findings.iter().any(|f| f.code == "newer-format" && !f.repaired), "{report:#?}");
}

#[test]
fn a_store_without_any_object_is_reported_as_beyond_repair() {
    let clinic = Clinic::new();
    std::fs::remove_dir_all(clinic.store.join("objects")).unwrap();
    let report = clinic.examine(true);
    assert!(!report.is_well());
    assert!(report.findings.iter().any(|f| f.code == "state-unreadable" && !f.repairable), "{report:#?}");
    std::fs::remove_dir_all(&clinic.store).unwrap();
    let options =
        Options { repair: true, remote: false, store: StoreOptions::default(), program: "/bin/true".into() };
    assert!(examine(&clinic.repo.host(), &options).is_err());
}
