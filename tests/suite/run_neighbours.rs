//! What one item, one repository or one neighbour has that is odd must cost nobody else anything.

use serde_json::json;

use super::run::{import, states};
use crate::common::TestEnv;

fn state(env: &TestEnv, id: &str) -> String {
    states(env).into_iter().find(|(item, _)| item == id).unwrap().1
}

/// A file that is modified in every fresh checkout.
fn never_clean(env: &TestEnv) {
    std::fs::write(env.root.join("win.txt"), "a\r\nb\r\n").unwrap();
    env.git(&["add", "win.txt"]);
    env.git(&["commit", "-q", "--no-verify", "-m", "crlf"]);
    std::fs::write(env.root.join(".gitattributes"), "*.txt text eol=lf\n").unwrap();
    env.git(&["add", ".gitattributes"]);
    env.git(&["commit", "-q", "--no-verify", "-m", "attributes"]);
}

#[test]
fn what_is_never_clean_is_nobodys_work() {
    let env = TestEnv::new();
    never_clean(&env);
    import(
        &env,
        &[
            json!({"id":"a","title":"t","files":["a.md"],"run":"echo a > a.md"}),
            json!({"id":"idle","title":"t","run":"true"}),
        ],
    );
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["done"], 2, "{call:?}");
    assert_eq!(env.git(&["show", "--format=", "--name-only", "coord/run-1"]).trim(), "a.md");
    // Work on such a file is work.
    import(&env, &[json!({"id":"b","title":"t","files":["win.txt"],"run":"echo c >> win.txt"})]);
    env.coord(&["run", "-j", "1"]).ok();
    assert_eq!(env.git(&["show", "coord/run-1:win.txt"]).trim(), "a\nb\nc");
    env.git(&["update-ref", "refs/heads/main", "coord/run-1"]);
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["kept"], json!([]), "it would stay for ever: {pool}");
}

#[test]
fn what_an_item_leaves_in_a_submodule_or_on_the_stash_goes_with_it() {
    let env = TestEnv::new();
    let library = env.temp().join("library");
    let git = |dir: &std::path::Path, words: &[&str]| {
        let out =
            env.command("git", dir).args(["-c", "protocol.file.allow=always"]).args(words).output().unwrap();
        assert!(out.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    std::fs::create_dir(&library).unwrap();
    git(&library, &["init", "-q", "-b", "main"]);
    std::fs::write(library.join("f"), "1\n").unwrap();
    git(&library, &["add", "f"]);
    git(&library, &["commit", "-q", "-m", "one"]);
    git(&env.root, &["submodule", "--quiet", "add", library.to_str().unwrap(), "lib"]);
    git(&env.root, &["commit", "-q", "--no-verify", "-m", "a submodule"]);
    std::fs::write(env.root.join("mine"), "mine\n").unwrap();
    git(&env.root, &["add", "mine"]);
    git(&env.root, &["stash", "-q"]);
    let dirty = "git -c protocol.file.allow=always submodule --quiet update --init && echo dirt >> lib/f && touch lib/new \
                 && echo wip > a && git add a && git stash -q && echo a > a";
    let clean = "test \"$(cat lib/f)\" = 1 && test ! -e lib/new && echo b > b";
    import(
        &env,
        &[
            json!({"id":"a","title":"t","files":["a"],"run":dirty}),
            json!({"id":"b","title":"t","files":["b"],"run":clean,"needs":["a"]}),
        ],
    );
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["done"], 2, "{call:?}");
    let stash = env.git(&["stash", "list"]);
    assert!(stash.contains("WIP on main") && stash.lines().count() == 1, "the user's stash alone: {stash}");
    env.git(&["merge", "-q", "coord/run-1"]);
    let removed = env.coord(&["uninstall", "--yes"]);
    assert_eq!(removed.ok()["removed"]["pool"]["worktrees"], json!([".git/coord-pool/run-1"]), "{removed:?}");
    assert!(!env.store_dir().exists());
}

#[test]
fn an_item_that_kills_its_run_is_given_up() {
    let env = TestEnv::new();
    import(
        &env,
        &[
            json!({"id":"poison","title":"t","priority":0,"run":"kill -9 $PPID; sleep 5"}),
            json!({"id":"good","title":"t","priority":5,"run":"true"}),
        ],
    );
    for _ in 0..4 {
        if state(&env, "good") == "done" {
            break;
        }
        let _ = env.run(&env.root).args(["run", "-j", "1"]).output();
    }
    assert_eq!((state(&env, "poison").as_str(), state(&env, "good").as_str()), ("failed", "done"));
    let shown = env.coord(&["queue", "show", "poison"]);
    assert!(shown.ok().to_string().contains("the run was killed while its command ran"), "{shown:?}");
    env.check("after the poison");
}

#[test]
fn an_item_whose_leases_run_out_again_and_again_is_given_up() {
    let env = TestEnv::new();
    import(&env, &[json!({"id":"x","title":"t"})]);
    env.coord(&["session", "start", "alice"]).ok();
    let mut hours = 0;
    let mut at = |words: &[&str]| {
        hours += 2;
        env.run(&env.root)
            .session("alice")
            .env("GIT_COORD_CLOCK_OFFSET", (3600 * hours).to_string())
            .args(words)
            .call()
    };
    for n in 1..=5 {
        assert_eq!(at(&["next", "--ttl", "1m"]).items(), ["x"], "hand-out {n}");
        // Somebody else's command sees that the lease is over.
        hours_later(&env, n);
    }
    assert_eq!(at(&["next"]).items(), Vec::<String>::new());
    assert_eq!(at(&["queue", "list", "--state", "failed"]).items(), ["x"]);
}

fn hours_later(env: &TestEnv, n: u64) {
    // Nothing shows that the session was at work a moment ago, whatever its clock says.
    let _ = std::fs::remove_file(env.store_dir().join("seen/alice"));
    let offset = (3600 * (2 * n + 1)).to_string();
    let call =
        env.run(&env.root).session("bob").env("GIT_COORD_CLOCK_OFFSET", offset).args(["status"]).call();
    call.ok();
}

#[test]
fn a_command_may_fail_its_own_item() {
    let env = TestEnv::new();
    import(
        &env,
        &[json!({"id":"own","title":"t","run":"git-coord fail own --final --reason no-such-rule; exit 0"})],
    );
    let call = env.coord(&["run", "-j", "1"]);
    let failed = &call.fails(5, "refused")["details"]["failed"][0];
    assert_eq!((&failed["id"], &failed["reason"]), (&json!("own"), &json!("no-such-rule")));
    assert_eq!(call.json["error"]["details"]["lost"], 0);
}

#[test]
fn an_item_that_gives_itself_back_stops_nobody() {
    let env = TestEnv::new();
    import(
        &env,
        &[
            json!({"id":"back","title":"t","priority":0,"run":"git-coord drop back"}),
            json!({"id":"good","title":"t","priority":5,"run":"true"}),
        ],
    );
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.fails(1, "lost-again")["details"]["done"], 1);
    assert_eq!(state(&env, "good"), "done");
    assert_eq!(state(&env, "back"), "pending");
}

#[test]
fn a_branch_named_coord_is_the_users() {
    let env = TestEnv::new();
    env.git(&["branch", "coord"]);
    import(&env, &[json!({"id":"a","title":"t","files":["a"],"run":"echo a > a"})]);
    env.coord(&["run", "-j", "1"]).ok();
    assert_eq!(env.git(&["log", "-1", "--format=%s", "coord-run-1"]).trim(), "t");
    env.git(&["merge", "-q", "coord-run-1"]);
    let pool = env.coord(&["uninstall", "--yes"]).ok()["removed"]["pool"].clone();
    assert_eq!(pool["branches"], json!(["coord-run-1"]), "{pool}");
    assert_eq!(env.git(&["branch", "--list", "--format=%(refname:short)"]).trim(), "coord\nmain");
}

#[test]
fn a_slot_whose_work_was_squashed_into_the_base_begins_there_again() {
    let env = TestEnv::new();
    let item =
        |id: &str| json!({"id":id,"title":"t","files":[id],"run":format!("cat README; echo {id} > {id}")});
    import(&env, &[item("a")]);
    env.coord(&["run", "-j", "1"]).ok();
    env.git(&["merge", "-q", "--squash", "coord/run-1"]);
    env.git(&["commit", "-q", "--no-verify", "-m", "one"]);
    import(&env, &[item("b")]);
    env.coord(&["run", "-j", "1"]).ok();
    assert_eq!(env.git(&["rev-parse", "coord/run-1~"]), env.git(&["rev-parse", "main"]));
    // What is not in the base stays, and the run says how far it is behind.
    env.git(&["commit", "-q", "--no-verify", "--allow-empty", "-m", "on it goes"]);
    import(&env, &[item("c")]);
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!((&call.ok()["slots"][0]["commits"], &call.ok()["slots"][0]["behind"]), (&json!(2), &json!(1)));
}

#[test]
fn a_session_whose_folder_was_moved_is_not_gone() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "alice"]).ok();
    let moved = env.temp().join("moved");
    std::fs::rename(&env.root, &moved).unwrap();
    let call = env.coord_in(&moved, &["claim", "a"]);
    call.ok();
    let doctor = env.coord_in(&moved, &["doctor"]);
    assert!(!doctor.json.to_string().contains("session end alice"), "{doctor:?}");
    std::fs::rename(&moved, &env.root).unwrap();
}
