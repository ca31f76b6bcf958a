//! `run` and `work`: items worked off with commands.

use std::collections::BTreeSet;
use std::path::Path;

use git_coord::model::ItemId;
use git_coord::model::shard::Shard;
use serde_json::{Value, json};

use super::run_stop::{pid_in, vanish};
use crate::common::{Call, TestEnv};

/// Imports items with commands.
pub fn import(env: &TestEnv, items: &[Value]) {
    let lines: String = items.iter().map(|i| format!("{i}\n")).collect();
    env.import(&lines).ok();
}

/// The states of all items, by id.
pub fn states(env: &TestEnv) -> Vec<(String, String)> {
    let call = env.coord(&["queue", "list", "--limit", "1000"]);
    let word = |i: &Value, key: &str| i[key].as_str().unwrap().to_owned();
    let mut list: Vec<_> =
        call.ok()["items"].as_array().unwrap().iter().map(|i| (word(i, "id"), word(i, "state"))).collect();
    list.sort();
    list
}

/// Items that were given up, and why.
pub fn failed(call: &Call) -> Vec<(String, String)> {
    let list = call.fails(5, "refused")["details"]["failed"].as_array().unwrap();
    let mut list: Vec<_> = list
        .iter()
        .map(|i| (i["id"].as_str().unwrap().to_owned(), i["reason"].as_str().unwrap().to_owned()))
        .collect();
    list.sort();
    list
}

/// A file outside the repository, as a word for the shell.
pub fn outside(env: &TestEnv, name: &str) -> String {
    format!("'{}'", env.temp().join(name).display())
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn what_fails_is_tried_again_and_one_failure_stops_nothing() {
    let env = TestEnv::new();
    let tries = outside(&env, "tries");
    let (hung, left) = (outside(&env, "hung"), outside(&env, "left"));
    env.coord(&["queue", "set", "once", "--max-attempts", "1"]).ok();
    import(
        &env,
        &[
            json!({"id":"good","title":"Mend a","files":["a"],"run":"echo mended > a"}),
            json!({"id":"bad","title":"t","run":format!("echo x >> {tries}; echo trying; echo 'no luck' >&2; exit 3")}),
            json!({"id":"later","title":"Mend b","files":["b"],"run":"echo b > b; test $GIT_COORD_ATTEMPT -ge 2"}),
            json!({"id":"hang","title":"t","queue":"once","timeout":1,
                "run":format!("sleep 1000 & echo $! > {hung}.tmp; mv {hung}.tmp {hung}; sleep 1000")}),
            json!({"id":"suicide","title":"t","queue":"once","run":"kill -9 $$"}),
            json!({"id":"trespass","title":"t","queue":"once","files":["c"],"run":"echo x > c; echo x > README"}),
            json!({"id":"leaves","title":"t","run":format!("sleep 1000 & echo $! > {left}")}),
            json!({"id":"last","title":"t","priority":9,"run":"test ! -e b-of-nobody"}),
            json!({"id":"without","title":"no command"}),
        ],
    );
    let call = env.coord(&["run", "-j", "3"]);
    let reasons: Vec<(String, String)> = failed(&call);
    let expected = [
        ("bad", "exit status 3: no luck"),
        ("hang", "time limit of 1s"),
        ("suicide", "killed by signal 9"),
        ("trespass", "its changes were not committed: 1 changed path not claimed by this session: README"),
    ];
    assert_eq!(reasons, expected.map(|(id, why)| (id.to_owned(), why.to_owned())));
    let details = &call.json["error"]["details"];
    assert_eq!(details["rule"], "items-failed");
    assert_eq!(details["done"], 4, "good, later, leaves and last are done: {details}");
    assert_eq!(lines(&env.temp().join("tries")), 3, "it was tried up to the queue's limit");
    for (id, state) in states(&env) {
        let wanted = match id.as_str() {
            "bad" | "hang" | "suicide" | "trespass" => "failed",
            "without" => "pending",
            _ => "done",
        };
        assert_eq!(state, wanted, "{id}");
    }
    // What a command leaves behind dies with it, whether it succeeds or not.
    for file in ["hung", "left"] {
        vanish(pid_in(&env.temp().join(file)), file);
    }
    let log = details["failed"].as_array().unwrap().iter().find(|i| i["id"] == "bad").unwrap();
    let log = std::fs::read_to_string(log["log"].as_str().unwrap()).unwrap();
    assert_eq!(log, "trying\nno luck\n", "both outputs are in the log");
    commits_are_those_of_success(&env);
    assert!(env.claimed().is_empty(), "nothing is held: {:?}", env.claimed());
    env.check("after a run");
    env.coord(&["doctor"]).ok();
}

fn commits_are_those_of_success(env: &TestEnv) {
    let format = "--format=%s|%(trailers:key=Coord-Item,valueonly,separator=%x2C)";
    let log = env.git(&["log", "--branches=coord/*", "--not", "main", format, "--name-only"]);
    let mut said: Vec<&str> = log.lines().filter(|l| !l.is_empty()).collect();
    said.sort_unstable();
    assert_eq!(said, ["Mend a|good", "Mend b|later", "a", "b"], "only what succeeded was committed: {log}");
    for slot in 1..=3 {
        let tree = env.common_dir().join(format!("coord-pool/run-{slot}"));
        assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "", "slot {slot} is clean");
    }
    assert_eq!(env.git(&["status", "--porcelain"]), "", "the user's worktree is untouched");
}

/// Each command waits for the two others: one after the other they would never end.
#[test]
fn commands_really_run_side_by_side() {
    let env = TestEnv::new();
    let items: Vec<Value> = ["a", "b", "c"]
        .iter()
        .map(|id| {
            let place = env.temp().display();
            let run = format!(
                "cd '{place}'; touch here-{id}; \
                 until [ -e here-a ] && [ -e here-b ] && [ -e here-c ]; do sleep 0.05; done"
            );
            json!({"id":id,"title":"t","run":run,"timeout":120})
        })
        .collect();
    import(&env, &items);
    let call = env.coord(&["run", "-j", "3", "--max-failed", "1"]);
    assert_eq!(call.ok()["done"], 3);
    let by: BTreeSet<&str> =
        call.ok()["items"].as_array().unwrap().iter().map(|i| i["session"].as_str().unwrap()).collect();
    assert_eq!(by.len(), 3, "three sessions did one each");
}

#[test]
fn tasks_in_phases_run_in_the_order_of_their_needs() {
    let env = TestEnv::new();
    let id = |n: usize| format!("T{n:03}");
    // Seven phases of ten: each task needs two of the phase before; in every third phase they
    // also form a chain.
    let needs = |n: usize| -> Vec<String> {
        let (phase, place) = ((n - 1) / 10, (n - 1) % 10);
        let mut list = Vec::new();
        if phase > 0 {
            list.push(id(phase * 10 - 9 + place));
            list.push(id(phase * 10 - 9 + (place + 3) % 10));
        }
        if phase % 3 == 1 && place > 0 {
            list.push(id(n - 1));
        }
        list
    };
    let items: Vec<Value> =
        (1..=70).map(|n| json!({"id":id(n),"title":"t","needs":needs(n),"run":"true"})).collect();
    import(&env, &items);
    assert_eq!(env.coord(&["run", "-j", "4"]).ok()["done"], 70);
    let events = env.events();
    let at = |kind: &str, item: &str| {
        let found: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(_, e)| {
                e.event.as_str() == kind && e.data["items"].as_array().unwrap().contains(&json!(item))
            })
            .map(|(n, _)| n)
            .collect();
        assert_eq!(found.len(), 1, "{kind} {item} is in the log once");
        found[0]
    };
    for n in 1..=70 {
        for need in needs(n) {
            let (done, next) = (at("done", &need), at("next", &id(n)));
            assert!(done < next, "{} was handed out before {need} was done", id(n));
        }
    }
    env.check("after 70 tasks");
}

#[test]
fn work_hands_the_item_to_its_command_and_leaves_the_worktree_alone() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "me"]).ok();
    import(
        &env,
        &[
            json!({"id":"x/1","title":"Say","files":["a b","c"],"queue":"q","payload":{"n":1}}),
            json!({"id":"y","title":"fail","queue":"q"}),
        ],
    );
    std::fs::write(env.root.join("mine"), "not committed\n").unwrap();
    let place = env.temp().display();
    let script = format!(
        "test $GIT_COORD_ITEM != y || exit 7; cat > '{place}/stdin'; \
         printf '%s|' \"$GIT_COORD_ITEM\" \"$GIT_COORD_TITLE\" \"$GIT_COORD_FILES\" \"$GIT_COORD_QUEUE\" \
         \"$GIT_COORD_ATTEMPT\" \"$GIT_COORD_SESSION\" > '{place}/env'; pwd > '{place}/pwd'"
    );
    let call = env.coord(&["work", "--queue", "q", "--", "sh", "-c", &script]);
    assert_eq!(failed(&call), [("y".to_owned(), "exit status 7".to_owned())]);
    let read = |name: &str| std::fs::read_to_string(env.temp().join(name)).unwrap();
    let item: Value = serde_json::from_str(&read("stdin")).expect("the item is one JSON document");
    assert_eq!((&item["id"], &item["payload"]["n"]), (&json!("x/1"), &json!(1)));
    assert_eq!(item["files"], json!(["a b", "c"]));
    assert!(item["lease"].is_u64() && item["expires"].is_string(), "{item}");
    assert_eq!(read("env"), "x/1|Say|a b\nc|q|1|me|");
    assert_eq!(read("pwd").trim_end(), env.root.to_str().unwrap(), "it runs in the current worktree");
    assert_eq!(env.git(&["status", "--porcelain"]), "?? mine\n", "nothing was committed or thrown away");
    assert!(env.session("me").leases.is_empty(), "the session goes on and holds nothing");
    env.check("after work");
}

#[test]
fn a_misspelt_program_costs_no_attempt() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    import(&env, &[json!({"id":"a","title":"t"})]);
    env.coord_as("me", &["work", "--", "no-such-program"]).fails(2, "usage");
    env.coord_as("me", &["work", "--", "./no-such-program"]).fails(2, "usage");
    assert_eq!(env.coord(&["queue", "show", "a"]).ok()["item"]["state"], "pending");
    assert!(
        env.events().iter().all(|e| e.event != git_coord::model::EventKind::Next),
        "it was not even handed out"
    );
}

#[test]
fn shares_divide_the_items_among_ci_jobs() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let ids: Vec<String> = (0..12).map(|n| format!("i{n:02}")).collect();
    import(&env, &ids.iter().map(|id| json!({"id":id,"title":"t"})).collect::<Vec<_>>());
    let first: Shard = "1/2".parse().unwrap();
    let wanted: Vec<&String> =
        ids.iter().filter(|id| first.has_files(&[], &ItemId::parse(id).unwrap())).collect();
    assert!((1..12).contains(&wanted.len()), "the ids of this test fall into both shares");
    let call = env.coord_as("me", &["work", "--shard", "1/2", "--", "true"]);
    assert_eq!(call.items().iter().collect::<Vec<_>>(), wanted, "share 1 was done, nothing else");
    let call = env.coord_as("me", &["work", "--shard", "2/2", "--", "true"]);
    assert_eq!(call.ok()["done"], 12 - wanted.len(), "share 2 is the rest");
    assert!(states(&env).iter().all(|(_, state)| state == "done"));
}

#[test]
fn max_and_max_failed_end_a_run_early() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let items: Vec<Value> = (0..9).map(|n| json!({"id":format!("i{n}"),"title":"t"})).collect();
    import(&env, &items);
    let call = env.coord_as("me", &["work", "--max", "2", "--", "true"]);
    assert_eq!((&call.ok()["done"], &call.ok()["left"]["pending"]), (&json!(2), &json!(7)));
    let call = env.coord_as("me", &["work", "--max-failed", "3", "--", "false"]);
    assert_eq!(failed(&call).len(), 3, "it ends after the third");
    assert_eq!(call.json["error"]["details"]["left"]["pending"], 4);
}

/// Of a session that is ended under a command's hands, the command is stopped and what it did
/// is gone.
#[test]
fn a_command_whose_item_was_taken_away_is_stopped() {
    let env = TestEnv::new();
    let pid = outside(&env, "pid");
    let run = format!("echo x > a; echo $$ > {pid}; git-coord session end run-1; sleep 1000");
    import(&env, &[json!({"id":"i","title":"t","files":["a"],"run":run})]);
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "session-ended");
    vanish(pid_in(&env.temp().join("pid")), "the command");
    assert_eq!(states(&env), [("i".to_owned(), "pending".to_owned())]);
    let tree = env.common_dir().join("coord-pool/run-1");
    assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "", "its edits are gone");
    assert_eq!(env.git_in(&tree, &["rev-parse", "HEAD"]), env.git(&["rev-parse", "main"]));
}

#[test]
fn commands_may_commit_by_themselves_in_the_pool_and_in_place() {
    let env = TestEnv::new();
    env.git(&["config", "coord.freshBase", "off"]);
    let run = "echo x > a; git add a; git commit -qm 'By itself'; echo y > README";
    import(&env, &[json!({"id":"i","title":"t","files":["a"],"run":run})]);
    let call = env.coord(&["run", "-j", "1", "--no-commit"]);
    assert_eq!(call.ok()["slots"][0]["commits"], 1);
    assert_eq!(env.git(&["log", "-1", "--format=%s", "coord/run-1"]), "By itself\n");
    let tree = env.common_dir().join("coord-pool/run-1");
    assert_eq!(env.git_in(&tree, &["status", "--porcelain"]), "", "the rest was thrown away");
    env.coord(&["session", "start", "me"]).ok();
    import(
        &env,
        &[json!({"id":"here","title":"t","files":["a"],"run":"echo here > a; echo $GIT_COORD_SESSION > b"})],
    );
    let call = env.coord(&["run", "--in-place"]);
    assert_eq!(call.items(), ["here"]);
    assert_eq!(env.git(&["status", "--porcelain"]), "?? a\n?? b\n", "in place nothing is committed");
    assert_eq!(std::fs::read_to_string(env.root.join("b")).unwrap(), "me\n");
    env.check("after both");
}

#[test]
fn two_runs_at_once_take_different_slots() {
    let env = TestEnv::new();
    let (at, go) = (outside(&env, "at"), outside(&env, "go"));
    let wait = format!("touch {at}; until [ -e {go} ]; do sleep 0.05; done");
    import(
        &env,
        &[
            json!({"id":"slow","title":"t","queue":"one","run":wait,"timeout":120}),
            json!({"id":"quick","title":"t","queue":"two","run":format!("until [ -e {at} ]; do sleep 0.05; done"),"timeout":120}),
        ],
    );
    let first = env.run(&env.root).args(["run", "-j", "1", "--queue", "one"]).spawn();
    let started = std::time::Instant::now();
    while !env.temp().join("at").exists() {
        assert!(started.elapsed().as_secs() < 120, "the first run never started its command");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let second = env.coord(&["run", "-j", "1", "--queue", "two"]);
    assert_eq!(second.ok()["items"][0]["session"], "run-2");
    std::fs::write(env.temp().join("go"), "").unwrap();
    assert_eq!(Call::wait(first).ok()["items"][0]["session"], "run-1");
    env.check("after two runs");
}

/// An agent may finish its item itself, and then tidy up.
#[test]
fn a_command_may_finish_its_own_item_but_not_give_it_back_for_ever() {
    let env = TestEnv::new();
    import(&env, &[json!({"id":"own","title":"t","run":"git-coord done own; sleep 3; echo end"})]);
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["done"], 1);
    let log = call.ok()["items"][0]["log"].as_str().unwrap();
    assert!(std::fs::read_to_string(log).unwrap().ends_with("end\n"), "it was not stopped");
    import(&env, &[json!({"id":"back","title":"t","run":"git-coord drop back"})]);
    env.coord(&["run", "-j", "1"]).fails(1, "lost-again");
    env.check("after that");
}

#[test]
fn slots_go_on_where_they_stand_and_uninstall_loses_no_commit() {
    let env = TestEnv::new();
    let together = |id: &str, other: &str| {
        let place = env.temp().display();
        let run = format!(
            "echo {id} > {id}; touch '{place}/at-{id}'; until [ -e '{place}/at-{other}' ]; do sleep 0.05; done"
        );
        json!({"id":id,"title":format!("Make {id}"),"files":[id],"run":run,"timeout":120})
    };
    import(&env, &[together("a", "b"), together("b", "a")]);
    let call = env.coord(&["run", "-j", "2"]);
    let slots = call.ok()["slots"].as_array().unwrap();
    assert!(slots.iter().all(|s| s["commits"] == 1), "each slot has one commit: {slots:?}");
    // What is merged begins at the base again, what is not goes on.
    env.git(&["merge", "-q", "--no-ff", "-m", "Merge one", "coord/run-1"]);
    let unmerged = env.git(&["rev-parse", "coord/run-2"]);
    import(&env, &[together("c", "d"), together("d", "c")]);
    env.coord(&["run", "-j", "2"]).ok();
    assert_eq!(env.git(&["rev-parse", "coord/run-1~"]), env.git(&["rev-parse", "main"]));
    assert_eq!(env.git(&["rev-parse", "coord/run-2~"]), unmerged);
    env.git(&["merge", "-q", "-m", "Merge one", "coord/run-1"]);
    std::fs::write(env.common_dir().join("coord-pool/run-1/by-hand"), "x").unwrap();
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["worktrees"], json!([".git/coord-pool/run-2"]), "{pool}");
    let kept: Vec<&str> =
        pool["kept"].as_array().unwrap().iter().map(|k| k["what"].as_str().unwrap()).collect();
    assert_eq!(kept.len(), 2, "{pool}");
    assert!(kept[0].ends_with("coord-pool/run-1"), "changes by hand stay: {pool}");
    assert_eq!(kept[1], "coord/run-2", "commits that are nowhere else stay: {pool}");
    std::fs::remove_file(env.common_dir().join("coord-pool/run-1/by-hand")).unwrap();
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["branches"], json!(["coord/run-1"]), "what is merged goes: {pool}");
    assert!(!env.common_dir().join("coord-pool").exists());
    assert_eq!(env.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
}
