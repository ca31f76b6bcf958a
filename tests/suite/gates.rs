//! Gates: commands that have to pass, what they came to on which tree, and who shares it.

use serde_json::{Value, json};

use crate::common::clones::Hub;
use crate::common::{Call, TestEnv};

/// Commits `coord.toml` and other files on the current branch.
fn commit(env: &TestEnv, files: &[(&str, &str)]) {
    for (path, text) in files {
        std::fs::write(env.root.join(path), text).unwrap();
        env.git(&["add", path]);
    }
    env.git(&["commit", "-q", "--no-verify", "-m", "files"]);
}

/// A gate that prints what the file `tests` says, and exits with 1 when a test of it failed.
const TESTS: &str = "[gate.unit]\nrun = \"cat tests; ! grep -q FAILED tests\"\nresults = \"cargo\"\n";

fn with_gates(text: &str) -> TestEnv {
    let env = TestEnv::new();
    commit(&env, &[("coord.toml", text), ("tests", "test a ... ok\ntest b ... ok\n")]);
    env.git(&["switch", "-q", "-c", "work"]);
    env.git(&["config", "coord.target", "main"]);
    env
}

fn approved(env: &TestEnv) {
    env.coord(&["trust", "allow", "--all"]).ok();
}

fn verdict(call: &Call) -> (String, Value) {
    let body = if call.json["ok"] == true { &call.json["data"] } else { &call.json["error"]["details"] };
    (body["result"].as_str().unwrap_or_default().to_owned(), body["rule"].clone())
}

#[test]
fn a_gate_runs_only_when_its_command_is_approved_here() {
    let env = with_gates("[gate.g]\nrun = \"touch ran\"\n");
    let refused = env.coord(&["gate", "run", "g"]);
    assert_eq!(refused.fails(5, "refused")["details"]["rule"], "untrusted");
    assert!(refused.json["error"]["message"].as_str().unwrap().contains("touch ran"), "it is shown");
    assert_eq!(env.coord(&["verify", "--gate", "g"]).fails(5, "refused")["details"]["rule"], "untrusted");
    assert!(!env.root.join("ran").exists());
    approved(&env);
    assert_eq!(verdict(&env.coord(&["gate", "run", "g"])), ("passed".into(), Value::Null));
    // Changed on the target, it asks again.
    env.git(&["switch", "-q", "main"]);
    commit(&env, &[("coord.toml", "[gate.g]\nrun = \"touch ran twice\"\n")]);
    assert_eq!(env.coord(&["gate", "run", "g"]).fails(5, "refused")["details"]["rule"], "untrusted");
}

#[test]
fn what_passed_for_a_tree_is_not_run_again_also_in_another_clone() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let count = format!("echo x >> '{}'", a.temp().join("runs").display());
    commit(a, &[("coord.toml", &format!("[gate.g]\nrun = \"{count}\"\n"))]);
    a.git(&["push", "-q", "--no-verify", "origin", "main"]);
    b.git(&["pull", "-q", "origin", "main"]);
    for env in [a, b] {
        approved(env);
    }
    let runs = || std::fs::read_to_string(a.temp().join("runs")).unwrap().lines().count();
    let first = a.coord(&["gate", "run", "g"]);
    assert_eq!((&first.ok()["cached"], runs()), (&json!(false), 1));
    a.coord(&["sync"]).ok();
    b.coord(&["sync"]).ok();
    let second = b.coord(&["gate", "run", "g"]);
    assert_eq!((&second.ok()["cached"], runs()), (&json!(true), 1), "{second:?}");
    assert_eq!(second.ok()["tree"], first.ok()["tree"]);
    b.coord(&["gate", "run", "g", "--fresh"]).ok();
    assert_eq!(runs(), 2);
    // Another tree is another question.
    commit(b, &[("other", "1\n")]);
    b.coord(&["gate", "run", "g"]).ok();
    assert_eq!(runs(), 3);
    hub.check("after gates");
}

#[test]
fn red_is_compared_with_the_base() {
    let env = with_gates(TESTS);
    approved(&env);
    // Passed there, fails here.
    commit(&env, &[("tests", "test a ... FAILED\ntest b ... ok\n")]);
    let call = env.coord(&["verify"]);
    assert_eq!(call.fails(5, "refused")["details"]["rule"], "regression", "{call:?}");
    assert_eq!(call.json["error"]["details"]["regressions"], json!([{"gate":"unit","test":"a"}]));
    // Gone, and nothing that was changed accounts for it.
    commit(&env, &[("tests", "test b ... ok\n")]);
    assert_eq!(env.coord(&["verify"]).fails(5, "refused")["details"]["rule"], "vanished-tests");
    // A new one that fails is a failure.
    commit(&env, &[("tests", "test a ... ok\ntest b ... ok\ntest c ... FAILED\n")]);
    assert_eq!(env.coord(&["verify"]).fails(5, "refused")["details"]["rule"], "gate-failed");
    // Red on the base as well.
    env.git(&["switch", "-q", "main"]);
    commit(&env, &[("tests", "test a ... FAILED\ntest b ... ok\n")]);
    env.git(&["switch", "-q", "-c", "later"]);
    commit(&env, &[("x", "1\n")]);
    let call = env.coord(&["verify"]);
    assert_eq!(call.ok()["gates"][0]["result"], "known-red", "{call:?}");
    assert_eq!(call.ok()["known"], json!([{"gate":"unit","test":"a"}]));
    env.coord(&["gate", "allow", "unit", "b", "--until", "2199-12-31", "--reason", "known bug"]).ok();
    commit(&env, &[("tests", "test a ... FAILED\ntest b ... FAILED\n")]);
    assert_eq!(env.coord(&["verify"]).ok()["gates"][0]["result"], "known-red");
}

#[test]
fn what_could_not_run_never_passes() {
    let gates = "[gate.gone]\nrun = \"no-such-program-here\"\n[gate.silent]\nrun = \"true\"\nresults = \"cargo\"\n\
                 [gate.report]\nrun = \"true\"\nresults = \"junit:out.xml\"\n[gate.slow]\nrun = \"sleep 60\"\ntime = \"1s\"\n\
                 [gate.flaky]\nrun = \"test -e once || { touch once; exit 1; }\"\n";
    let env = with_gates(gates);
    approved(&env);
    let of = |gate: &str| verdict(&env.coord(&["gate", "run", gate]));
    for gate in ["gone", "silent", "report"] {
        assert_eq!(of(gate), ("broken".into(), json!("gate-broken")), "{gate}");
    }
    assert_eq!(of("slow").0, "timeout");
    let flaky = env.coord(&["gate", "run", "flaky"]);
    assert_eq!((&flaky.ok()["result"], &flaky.ok()["attempts"]), (&json!("flaky"), &json!(2)));
}

#[test]
fn a_branch_cannot_loosen_its_own_gate() {
    let env = with_gates("[gate.g]\nrun = \"exit 1\"\n");
    approved(&env);
    commit(&env, &[("coord.toml", "[gate.g]\nrun = \"true\"\n")]);
    env.coord(&["gate", "run", "g"]).fails(5, "refused");
    assert_eq!(env.coord(&["gate", "list"]).ok()["gates"][0]["run"], "exit 1");
}

#[test]
fn coverage_and_metrics_have_limits() {
    let gates = "[gate.cov]\nrun = \"printf 'SF:a\\\\nDA:1,1\\\\nDA:2,0\\\\n' > $GIT_COORD_RESULTS/l.info; echo 'p95 0.7' > $GIT_COORD_RESULTS/m\"\n\
                 coverage = { file = \"l.info\", min = 60 }\nmetrics = { file = \"m\", p95 = { max = 0.5 } }\n";
    let env = with_gates(gates);
    approved(&env);
    let call = env.coord(&["gate", "run", "cov"]);
    let why = call.fails(5, "refused")["details"]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("50.0 %") && why.contains("60 %"), "{call:?}");
}

#[test]
fn done_wants_a_verification_of_exactly_this_tree() {
    let env = with_gates("[gate.g]\nrun = \"grep -q good file\"\n");
    approved(&env);
    env.coord(&["queue", "set", "main", "--verify"]).ok();
    env.import("{\"id\":\"T1\",\"title\":\"t\",\"files\":[\"file\"]}\n").ok();
    env.coord(&["session", "start", "alice"]).ok();
    assert_eq!(env.coord(&["next"]).items(), ["T1"]);
    assert_eq!(env.coord(&["done", "T1"]).fails(5, "refused")["details"]["rule"], "verification-required");
    commit(&env, &[("file", "good\n")]);
    let call = env.coord(&["verify", "T1"]);
    assert_eq!((&call.ok()["ok"], &call.ok()["item"]), (&json!(true), &json!("T1")));
    commit(&env, &[("file", "broken\n")]);
    assert_eq!(env.coord(&["done", "T1"]).fails(5, "refused")["details"]["rule"], "verification-stale");
    commit(&env, &[("file", "good\n")]);
    env.coord(&["done", "T1"]).ok();
}

#[test]
fn a_baseline_is_recorded_and_shown() {
    let env = with_gates(TESTS);
    approved(&env);
    env.coord(&["baseline", "show"]).fails(1, "unknown");
    let recorded = env.coord(&["baseline", "record"]);
    let gate = &recorded.ok()["gates"][0];
    assert_eq!((&gate["gate"], &gate["passed"], &gate["failed"]), (&json!("unit"), &json!(2), &json!(0)));
    assert_eq!(env.coord(&["baseline", "show"]).ok()["tree"], recorded.ok()["tree"]);
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["worktrees"], json!([".git/coord-pool/gate-1"]), "{pool}");
}
