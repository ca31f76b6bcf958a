//! Import and export: one operation, however large; many formats; and back again.
//!
//! Debug builds take 512 items at once, so that these imports are several batches.

use std::collections::BTreeSet;
use std::io;
use std::process::Output;

use git_coord::model::import_survey::Survey;
use git_coord::model::{NewItem, Outcome, QueueName};
use git_coord::store::{Batches, Import};
use serde_json::Value;

use crate::common::{PROGRAM, TestEnv, name};

/// Items of several batches. Every third waits for the one before it, every seventh for one that
/// comes much later.
fn backlog(count: usize) -> String {
    let line = |n: usize| {
        let needs = match n {
            _ if n.is_multiple_of(7) && n + 900 < count => format!(r#","needs":["i{}"]"#, n + 900),
            _ if n % 3 == 2 => format!(r#","needs":["i{}"]"#, n - 1),
            _ => String::new(),
        };
        format!(r#"{{"id":"i{n}","title":"t {n}","queue":"q{}","files":["f/{n}"]{needs}}}"#, n % 2) + "\n"
    };
    (0..count).map(line).collect()
}

fn commits(env: &TestEnv) -> usize {
    let log = env.git_in(&env.store_dir(), &["--git-dir=.", "rev-list", "--count", "refs/coord/state"]);
    log.trim().parse().unwrap()
}

fn totals(env: &TestEnv) -> u64 {
    let call = env.coord(&["status"]);
    call.ok()["queues"].as_array().unwrap().iter().map(|q| q["total"].as_u64().unwrap()).sum()
}

fn counts(call: &crate::common::Call) -> (i64, i64) {
    (call.ok()["added"].as_i64().unwrap(), call.ok()["known"].as_i64().unwrap())
}

#[test]
fn an_import_of_several_batches_is_one_operation_and_repeated_it_is_none() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let (before, text) = (commits(&env), backlog(1500));
    let import =
        || env.run(&env.root).session("me").args(["queue", "import", "-"]).stdin(text.as_str()).call();
    assert_eq!(counts(&import()), (1500, 0));
    assert_eq!(commits(&env), before + 1, "one commit for all of it");
    env.check("after the import");
    env.fsck("after the import");
    let events: Vec<_> =
        env.events().into_iter().filter(|e| e.event == git_coord::model::EventKind::Import).collect();
    assert_eq!(events.len(), 1, "one event for all of it");
    let queues = serde_json::json!({"q0": 750, "q1": 750});
    assert_eq!((&events[0].data["added"], &events[0].data["queues"]), (&Value::from(1500), &queues));
    assert_eq!(counts(&import()), (0, 1500));
    assert_eq!(commits(&env), before + 1, "nothing is new, nothing is written");
    // It does not even wait for a writer.
    let lock = std::fs::File::open(env.store_dir().join("coord.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(counts(&import()), (0, 1500));
    lock.unlock().unwrap();
    // What is new comes on top of what is known.
    let more = backlog(1600);
    let call = env.run(&env.root).args(["queue", "import", "-"]).stdin(more).call();
    assert_eq!(counts(&call), (100, 1500));
    env.check("after more of it");
    env.coord(&["upkeep"]).ok();
    env.check("after upkeep");
}

#[test]
fn what_is_new_is_kept_when_only_known_items_come_after_it() {
    let env = TestEnv::new();
    let import = |text: String| env.run(&env.root).args(["queue", "import", "-"]).stdin(text).call();
    assert_eq!(counts(&import(backlog(600))), (600, 0));
    let new: String = (0..512).map(|n| format!("{{\"id\":\"n{n}\",\"title\":\"t\"}}\n")).collect();
    assert_eq!(counts(&import(new + &backlog(600))), (512, 600));
    assert_eq!(totals(&env), 1112);
    env.check("new items before known ones");
}

#[test]
fn an_import_that_dies_has_imported_nothing_or_all() {
    let env = TestEnv::new();
    let text = backlog(600);
    let snapshot = crate::common::Snapshot::take(&env);
    let dies = |n: u32| {
        let call = env.run(&env.root).args(["queue", "import", "-"]).stdin(text.as_str()).crash_at(n).call();
        let when = format!("import died at {n}, {}", call.stderr.trim());
        env.check(&when);
        let found = totals(&env);
        assert!(found == 0 || found == 600, "{when}: {found} items");
        let again = env.run(&env.root).args(["queue", "import", "-"]).stdin(text.as_str()).call();
        let expected = if found == 0 { (600, 0) } else { (0, 600) };
        assert_eq!(counts(&again), expected, "{when}");
        env.check(&format!("{when}, after it was repeated"));
        snapshot.restore(&env);
        (call.crashed(), found > 0)
    };
    let mut survives = 1;
    while dies(survives).0 {
        survives *= 3;
    }
    let mut last = survives / 3;
    while survives - last > 1 {
        let middle = last.midpoint(survives);
        *(if dies(middle).0 { &mut last } else { &mut survives }) = middle;
    }
    assert!(last > 100, "only {last} crash points: the batches are not written one by one");
    let ends: Vec<bool> = (last - 7..=last).map(|n| dies(n).1).collect();
    assert!(!ends[0] && ends[7], "the last crash points are around the swap of the ref: {ends:?}");
}

#[test]
fn a_circle_through_several_batches_is_refused_and_leaves_nothing() {
    let env = TestEnv::new();
    let tip = || std::fs::read_to_string(env.store_dir().join("refs/coord/state")).unwrap();
    let before = tip();
    // 0 → 1 → … → 1299 → 0, and the same written backwards.
    let line =
        |n: usize| format!("{{\"id\":\"i{n}\",\"title\":\"t\",\"needs\":[\"i{}\"]}}\n", (n + 1) % 1300);
    for text in [(0..1300).map(line).collect::<String>(), (0..1300).rev().map(line).collect()] {
        let call = env.run(&env.root).args(["queue", "import", "-"]).stdin(text).call();
        let error = call.fails(5, "refused");
        assert_eq!(error["details"]["rule"], "cycle");
        assert!(error["message"].as_str().unwrap().len() < 300, "a long circle is cut: {error}");
        assert_eq!(tip(), before, "nothing is changed");
    }
    let chain = (0..1299).map(line).collect::<String>();
    let call = env.run(&env.root).args(["queue", "import", "-"]).stdin(chain).call();
    assert_eq!(counts(&call), (1299, 0));
    env.import(&line(1299)).fails(5, "refused");
    env.check("after a circle through known items was refused");
}

/// In a task list most needs follow from the order of the tasks, and are not in the file to be taken out.
#[test]
fn a_circle_in_a_task_list_names_the_needs_that_nobody_wrote() {
    let env = TestEnv::new();
    let text = "## Phase 1: A\n- [ ] T001 a\n- [ ] T002 b (depends on T003)\n- [ ] T003 c\n";
    let call = env.run(&env.root).args(["queue", "import", "-"]).stdin(text).call();
    let error = call.fails(5, "refused");
    assert!(error["message"].as_str().unwrap().contains("T002 → T003 → T002"), "{error}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("[P]") && hint.contains("comes after those before it in its phase"), "{hint}");
    // Where all needs are written, that would be confusing.
    let text = "{\"id\":\"a\",\"title\":\"a\",\"needs\":[\"a\"]}\n";
    let call = env.run(&env.root).args(["queue", "import", "-"]).stdin(text).call();
    assert!(!call.fails(5, "refused")["hint"].as_str().unwrap().contains("phase"));
}

/// Batches that move the ref away in their second pass: the first is a look without the lock.
struct Moved<'e> {
    env: &'e TestEnv,
    to: Option<String>,
    passes: usize,
    /// The passes during which others could write.
    free: Vec<usize>,
    batches: Vec<Vec<NewItem>>,
    at: usize,
}

impl Batches for Moved<'_> {
    fn rewind(&mut self) -> io::Result<()> {
        self.at = 0;
        self.passes += 1;
        let lock = std::fs::File::open(self.env.store_dir().join("coord.lock"))?;
        if lock.try_lock().is_ok() {
            self.free.push(self.passes);
        }
        Ok(())
    }

    fn next_batch(&mut self) -> io::Result<Option<&[NewItem]>> {
        if self.passes == 2
            && let Some(to) = self.to.take()
        {
            let store = self.env.store_dir();
            self.env.git_in(&store, &["--git-dir=.", "update-ref", "refs/coord/state", to.trim()]);
        }
        self.at += 1;
        Ok(self.batches.get(self.at - 1).map(Vec::as_slice))
    }
}

#[test]
fn an_import_that_loses_the_swap_starts_again_on_the_new_state() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let tip = || std::fs::read_to_string(env.store_dir().join("refs/coord/state")).unwrap();
    env.claim("me", &["a"], 3600);
    let other = tip();
    env.claim("me", &["b"], 3600);
    let item = |n: usize| {
        let json = format!(r#"{{"item":{{"id":"i{n}","title":"t"}},"queue":null,"priority":2}}"#);
        serde_json::from_str::<NewItem>(&json).unwrap()
    };
    let batches = vec![vec![item(1), item(2)], vec![item(3), item(1)]];
    let mut moved = Moved { env: &env, to: Some(other), passes: 0, free: Vec::new(), batches, at: 0 };
    let import = Import {
        session: Some(name("me")),
        queue: QueueName::parse("main").unwrap(),
        again: false,
        follow: None,
    };
    let outcome = env.store().import(&import, &mut moved).unwrap();
    assert_eq!(
        outcome,
        Outcome::Imported { added: 3, known: 1, unknown_needs: BTreeSet::new(), survey: Survey::default() }
    );
    assert_eq!(moved.passes, 5, "a look, a lost swap, a won one, the ids and a look at what was known");
    assert_eq!(moved.free, [1, 4, 5], "nobody waits for what is only reported");
    env.check("after a lost swap");
    let held: Vec<String> = env.claimed().into_iter().map(|(path, _)| path).collect();
    assert_eq!((held, totals(&env)), (vec!["a".to_owned()], 3), "on top of what the other writer left");
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
        .stdout
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect()
}

fn export(env: &TestEnv, args: &[&str]) -> Output {
    env.command(PROGRAM, &env.root).args(["queue", "export"]).args(args).output().unwrap()
}

/// A store with items in all states.
fn worked_at() -> TestEnv {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    env.import(
        r#"{"id":"done","title":"t","priority":0}
{"id":"failed","title":"t","priority":0,"queue":"q"}
{"id":"held","title":"t","priority":1,"files":["a"]}
{"id":"free","title":"ü \"t\"","severity":"MINOR","category":"c","rule":"r","line":3,"files":["b","c d"],"run":"make","timeout":9,"phase":"p","group":"g","payload":{"k":[1,null],"extra":{"x":1}},"queue":"q","priority":7,"needs":["done"]}
{"id":"waits","title":"t","needs":["done","held","later"]}
{"id":"never","title":"t","needs":["failed"]}
"#,
    )
    .ok();
    for expected in ["done", "held"] {
        assert_eq!(env.coord_as("me", &["next", "--queue", "main"]).items(), [expected]);
    }
    assert_eq!(env.coord_as("me", &["next", "--queue", "q"]).items(), ["failed"]);
    env.coord_as("me", &["done", "done"]).ok();
    env.coord_as("me", &["fail", "failed", "--reason", "no", "--final"]).ok();
    env
}

#[test]
fn what_is_exported_gives_the_same_open_items_elsewhere() {
    let from = worked_at();
    let exported = export(&from, &[]);
    let states: Vec<_> = lines(&exported).iter().map(|l| (l["id"].clone(), l["state"].clone())).collect();
    let expected = [
        ("done", "done"),
        ("held", "claimed"),
        ("waits", "blocked"),
        ("never", "blocked"),
        ("failed", "failed"),
        ("free", "pending"),
    ];
    assert_eq!(states, expected.map(|(id, state)| (Value::from(id), Value::from(state))));
    let to = TestEnv::new();
    to.sessions(&["me"]);
    let call = to.run(&to.root).args(["queue", "import", "-"]).stdin(exported.stdout.as_slice()).call();
    assert_eq!(counts(&call), (4, 0));
    assert_eq!(call.ok()["skipped"], 2);
    to.check("after the import of an export");
    let item = |env: &TestEnv, id: &str| {
        let mut item = env.coord(&["queue", "show", id]).ok()["item"].clone();
        let fields = item.as_object_mut().unwrap();
        for field in ["session", "attempt", "lease"] {
            fields.remove(field);
        }
        item
    };
    let mut free = item(&from, "free");
    free.as_object_mut().unwrap().remove("needs");
    assert_eq!(item(&to, "free"), free, "all of its content, and free because what it needed is done");
    assert_eq!((&item(&to, "held")["state"], &item(&to, "held")["priority"]), (&"pending".into(), &1.into()));
    assert_eq!(item(&to, "waits")["needs"], serde_json::json!(["held", "later"]));
    assert_eq!(to.coord_as("me", &["next", "--count", "9"]).items(), ["held", "free"]);
    let back = from.run(&from.root).args(["queue", "import", "-"]).stdin(export(&to, &[]).stdout).call();
    assert_eq!(counts(&back), (0, 4), "nothing is new where it came from");
}

#[test]
fn an_export_leaves_out_what_is_over_and_where_an_item_rests() {
    let from = TestEnv::new();
    from.sessions(&["me"]);
    let begin = "{\"id\":\"a\",\"title\":\"t\",\"group\":\"G\",\"phase\":\"P q\"}\n\
                 {\"id\":\"taken\",\"title\":\"t\",\"needs\":[\"phase:P q\"]}\n\
                 {\"id\":\"w\",\"title\":\"t\",\"needs\":[\"group:G\",\"phase:P q\",\"b\"]}\n\
                 {\"id\":\"b\",\"title\":\"t\"}\n{\"id\":\"rests\",\"title\":\"t\"}\n";
    from.import(begin).ok();
    from.coord(&["queue", "set", "main", "--cool-down", "1d"]).ok();
    from.coord_as("me", &["next", "--item", "a"]).ok();
    from.coord_as("me", &["done", "a"]).ok();
    for id in ["taken", "rests"] {
        from.coord_as("me", &["next", "--item", id]).ok();
    }
    from.coord_as("me", &["fail", "rests", "--reason", "r"]).ok();
    // Its phase is open again, so it would wait if it were given back.
    from.import("{\"id\":\"late\",\"title\":\"t\",\"phase\":\"P q\"}\n").ok();
    let exported = export(&from, &[]);
    let rests = lines(&exported).into_iter().find(|line| line["id"] == "rests").unwrap();
    assert!(rests["until"].is_string(), "{rests}");
    let to = TestEnv::new();
    to.sessions(&["me"]);
    let call = to.run(&to.root).args(["queue", "import", "-"]).stdin(exported.stdout.as_slice()).call();
    assert_eq!(counts(&call), (5, 0));
    let list = to.coord(&["queue", "list"]);
    let item = |id: &str| list.ok()["items"].as_array().unwrap().iter().find(|i| i["id"] == id).unwrap();
    assert_eq!(item("w")["needs"], serde_json::json!(["phase:P q", "b"]), "all of the group is done");
    assert_eq!(item("taken")["needs"], serde_json::json!(["phase:P q"]));
    assert_eq!((&item("rests")["payload"], &item("rests")["until"]), (&Value::Null, &Value::Null));
    assert_eq!(to.coord_as("me", &["next", "--count", "9"]).items(), ["b", "rests", "late"]);
    to.coord_as("me", &["done", "b", "late"]).ok();
    assert_eq!(to.coord_as("me", &["next", "--count", "9"]).items(), ["taken", "w"]);
}

#[test]
fn an_export_can_be_part_of_it_and_one_document() {
    let env = worked_at();
    let ids = |output: &Output| lines(output).iter().map(|l| l["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&export(&env, &["--queue", "q"])), ["failed", "free"]);
    assert_eq!(ids(&export(&env, &["--state", "blocked"])), ["waits", "never"]);
    assert_eq!(env.coord(&["queue", "export", "--state", "done"]).items(), ["done"]);
    assert_eq!(env.coord(&["queue", "export", "--queue", "q", "--state", "done"]).items(), [""; 0]);
    env.coord(&["queue", "export", "--queue", "none"]).fails(1, "unknown-queue");
}

#[test]
fn a_task_list_is_worked_off_in_its_order() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let list = "# Tasks\n## Phase 1\n- [x] T001 Begin\n- [ ] T002 [P] Lints in `lint.toml`\n- [ ] T003 Build\n\
                ## Phase 2\n- [ ] T004 Ship (depends on T002-T003)\n";
    std::fs::write(env.root.join("tasks.md"), list).unwrap();
    let call = env.coord(&["queue", "import", "tasks.md"]);
    assert_eq!((counts(&call), &call.ok()["skipped"]), ((3, 0), &Value::from(1)));
    assert_eq!(env.coord_as("me", &["next", "--count", "9"]).items(), ["T002"]);
    let item = env.coord(&["queue", "show", "T002"]).ok()["item"].clone();
    assert_eq!(item["files"][0], "lint.toml");
    assert_eq!(item["payload"]["source"], serde_json::json!({"file": "tasks.md", "line": 4}));
    env.coord_as("me", &["done", "T002"]).ok();
    assert_eq!(env.coord_as("me", &["next", "--count", "9"]).items(), ["T003"]);
    env.coord_as("me", &["done", "T003"]).ok();
    assert_eq!(env.coord_as("me", &["next"]).items(), ["T004"]);
    let text = env.command(PROGRAM, &env.root).args(["queue", "import", "tasks.md"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&text.stdout), "imported 0 new, 3 known (markdown)\n");
    let notes = "1 entry passed over: tasks that are done or given up\n2 known items are done (T002, T003): as new work they come with --again\n";
    assert_eq!(String::from_utf8_lossy(&text.stderr), notes, "no bar where nobody watches");
}

#[test]
fn rules_send_findings_where_they_belong() {
    let env = TestEnv::new();
    let rules = "[[rule]]\nmatch = { path = \"gen/**\" }\nskip = true\n\
                 [[rule]]\nmatch = { severity = \"error\" }\nset = { queue = \"urgent\", priority = 0 }\n";
    std::fs::write(env.root.join("rules.toml"), rules).unwrap();
    std::fs::create_dir(env.root.join("sub")).unwrap();
    let csv = "file,message,level\ngen/a.c,x,error\nsrc/b.c,y,error\nsrc/c.c,z,note\n";
    let import = |args: &[&str]| {
        let run = env.run(&env.root.join("sub")).args(["queue", "import", "-", "--rules", "../rules.toml"]);
        run.args(args).stdin(csv).call()
    };
    let call = import(&["--partition", "folder"]);
    assert_eq!((counts(&call), &call.ok()["dropped"]), ((2, 0), &Value::from(1)));
    let list = env.coord(&["queue", "list"]);
    let place = |i: &Value| (i["title"].clone(), i["queue"].clone(), i["priority"].clone());
    let places: Vec<_> = list.ok()["items"].as_array().unwrap().iter().map(place).collect();
    assert_eq!(places, [("z".into(), "src".into(), 3.into()), ("y".into(), "urgent".into(), 0.into())]);
    std::fs::write(env.root.join("rules.toml"), "[[rule]]\nmatch = { file = \"x\" }\nskip = true\n").unwrap();
    let error = import(&[]).fails(1, "bad-input").clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("../rules.toml: ") && message.contains("line 2"), "{message}");
}

#[test]
fn a_compressed_file_with_a_bad_line_names_the_line_and_imports_nothing() {
    let env = TestEnv::new();
    let text = backlog(700) + "{\"title\":[5]}\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
    std::fs::write(env.root.join("items.gz"), packed.finish().unwrap()).unwrap();
    let error = env.coord(&["queue", "import", "items.gz"]).fails(1, "bad-input").clone();
    assert_eq!(error["details"]["bad"][0]["line"], 701);
    assert_eq!(totals(&env), 0);
    assert_eq!(counts(&env.coord(&["queue", "import", "--skip-bad", "items.gz"])), (700, 0));
    env.check("without the bad line");
}
