//! Importing again: what is known, what it says now, and what is done and found once more; and where
//! the files are that a tool names.

use serde_json::{Value, json};

use crate::common::{Call, PROGRAM, TestEnv};

fn import(env: &TestEnv, args: &[&str], text: &str) -> Call {
    env.run(&env.root).args(["queue", "import", "-"]).args(args).stdin(text).call()
}

fn counts(call: &Call) -> (u64, u64) {
    (call.ok()["added"].as_u64().unwrap(), call.ok()["known"].as_u64().unwrap())
}

fn files(env: &TestEnv, item: &str) -> Value {
    env.coord(&["queue", "show", item]).ok()["item"]["files"].clone()
}

/// The files of all items, by name.
fn all_files(env: &TestEnv) -> Vec<String> {
    let call = env.coord(&["queue", "list", "--limit", "1000"]);
    let items = call.ok()["items"].as_array().unwrap();
    let mut files: Vec<String> = items
        .iter()
        .flat_map(|i| i["files"].as_array().unwrap())
        .map(|f| f.as_str().unwrap().into())
        .collect();
    files.sort();
    files
}

#[test]
fn another_content_under_a_known_id_is_reported() {
    let env = TestEnv::new();
    let first = "## Phase 1: A\n- [ ] T001 Log in in `src/a.js`\n- [ ] T002 [P] Two\n";
    assert_eq!(import(&env, &[], first).ok()["differing"], json!({ "count": 0, "first": [] }));
    assert_eq!(import(&env, &[], first).ok()["differing"], json!({ "count": 0, "first": [] }));
    let second =
        "## Phase 1: A\n- [ ] T001 Empty the cart in `src/cart.js`\n- [ ] T003 (depends on T001) Three\n";
    std::fs::write(env.root.join("second.md"), second).unwrap();
    let output = env.command(PROGRAM, &env.root).args(["queue", "import", "second.md"]).output().unwrap();
    let notes =
        "1 known item had another content (T001) and stayed as before: other work needs an id of its own\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), notes);
    assert_eq!(files(&env, "T001"), json!(["src/a.js"]), "it has stayed as it was");
    // What is changed here, and not in the file, is not different content.
    env.coord(&["queue", "update", "--where", "id=T002", "--priority", "0", "--queue", "other"]).ok();
    let call = import(&env, &[], first);
    assert_eq!((counts(&call), &call.ok()["differing"]["count"]), ((0, 2), &json!(0)));
    for change in [r#""title":"b""#, r#""title":"a","files":["x"]"#, r#""title":"a","needs":["T001"]"#] {
        import(&env, &[], "{\"id\":\"J1\",\"title\":\"a\"}\n").ok();
        let call = import(&env, &[], &format!("{{\"id\":\"J1\",{change}}}\n"));
        assert_eq!(call.ok()["differing"], json!({ "count": 1, "first": ["J1"] }), "{change}");
    }
    let moved = "{\"id\":\"J1\",\"title\":\"a\",\"line\":7,\"priority\":4,\"queue\":\"q\"}\n";
    assert_eq!(import(&env, &[], moved).ok()["differing"]["count"], 0, "where it stands is not what it is");
}

#[test]
fn a_finding_that_comes_back_is_new_work_when_that_is_wanted() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let found = "file,message,rule\na.py,unused x,W1\nb.py,unused y,W1\n";
    assert_eq!(counts(&import(&env, &[], found)), (2, 0));
    let first = env.coord_as("me", &["next"]).items();
    env.coord_as("me", &["done", &first[0]]).ok();
    let call = import(&env, &[], found);
    assert_eq!(counts(&call), (0, 2));
    assert_eq!(call.ok()["known_done"], json!({ "count": 1, "first": [first[0]] }));

    let call = import(&env, &["--again"], found);
    assert_eq!(counts(&call), (1, 1), "what is not done is known");
    assert_eq!(call.ok()["known_done"]["count"], 0, "it is new work now");
    assert_eq!(counts(&import(&env, &["--again"], found)), (0, 2), "once");
    let again = format!("{}.2", first[0]);
    assert_eq!(files(&env, &again), files(&env, &first[0]));
    let rest = env.coord_as("me", &["next", "--count", "9"]).items();
    assert!(rest.len() == 2 && rest.contains(&again), "{rest:?}");
    env.coord_as("me", &["done", &again]).ok();
    assert_eq!(counts(&import(&env, &["--again"], found)), (1, 1));
    env.check("after work that came back");
}

#[test]
fn paths_start_from_where_the_tool_ran() {
    let env = TestEnv::new();
    let folder = env.root.join("web app/src");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("b.ts"), "").unwrap();
    let found = "src/b.ts(1,2): error TS1: x\n";
    std::fs::write(env.root.join("web app/tsc.txt"), found).unwrap();
    let output =
        env.command(PROGRAM, &env.root.join("web app")).args(["queue", "import", "tsc.txt"]).output();
    let notes = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(notes.contains("none of the files is in this worktree, such as src/b.ts"), "{notes}");
    assert!(notes.contains("--base DIR"), "{notes}");
    let run = env.run(&env.root.join("web app")).args(["queue", "import", "tsc.txt", "--base", "."]);
    assert_eq!(counts(&run.call()), (1, 0));
    assert_eq!(all_files(&env), ["src/b.ts", "web app/src/b.ts"]);
    // It starts from the current folder, and has to be there.
    let run = env.run(&env.root.join("web app")).args(["queue", "import", "tsc.txt", "--base", "web app"]);
    let call = run.call();
    let error = call.fails(1, "bad-path");
    assert_eq!(error["message"], "--base web app: there is no such folder");
    assert!(error["hint"].as_str().unwrap().contains("relative to the current folder"), "{error}");
    let other = "src/gone.ts(1,2): error TS1: x\n";
    std::fs::write(env.root.join("tsc.txt"), other).unwrap();
    let output = env
        .command(PROGRAM, &env.root)
        .args(["queue", "import", "tsc.txt", "--base", "web app/src"])
        .output();
    let notes = String::from_utf8(output.unwrap().stderr).unwrap();
    let note = "such as web app/src/src/gone.ts: see that the paths start from web app/src\n";
    assert!(notes.ends_with(note), "{notes}");
    env.run(&env.root)
        .args(["queue", "import", "-", "--base", "../x"])
        .stdin(found)
        .call()
        .fails(1, "bad-path");
}

#[test]
fn the_files_of_a_package_are_found_from_its_folder_upwards() {
    let env = TestEnv::new();
    for file in ["backend/src/lib.rs", "backend/crates/x/src/lib.rs", "src/lib.rs"] {
        let path = env.root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let line = |folder: &str, file: &str| {
        let spans = json!([{ "file_name": file, "line_start": 1, "column_start": 1, "is_primary": true,
            "expansion": null }]);
        let message = json!({ "message": format!("{folder} {file}"), "level": "warning", "code": null,
            "spans": spans, "children": [] });
        let manifest = env.root.join(folder).join("Cargo.toml");
        json!({ "reason": "compiler-message", "package_id": "p", "manifest_path": manifest, "message": message })
            .to_string()
            + "\n"
    };
    let text = line("backend", "src/lib.rs")
        + &line("backend/crates/x", "crates/x/src/lib.rs")
        + &line("", "src/lib.rs")
        + &line("backend", "src/gone.rs");
    assert_eq!(counts(&import(&env, &[], &text)), (4, 0));
    let expected = ["backend/crates/x/src/lib.rs", "backend/src/lib.rs", "src/gone.rs", "src/lib.rs"];
    assert_eq!(all_files(&env), expected);
}

#[test]
fn a_file_whose_name_is_no_utf_8_can_be_worked_on() {
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let mut text = b"src/gr\xfcn.c:3:5: warning: unused \xfc [-Wx]\n".to_vec();
    std::fs::write(env.root.join("gcc.txt"), &text).unwrap();
    assert_eq!(counts(&env.coord(&["queue", "import", "gcc.txt"])), (1, 0));
    let call = env.coord_as("me", &["next"]);
    assert_eq!(call.ok()["items"][0]["title"], "-Wx: unused \u{fffd}");
    text.truncate(10);
    let file = std::ffi::OsStr::from_bytes(&text);
    let check = env.run(&env.root).session("me").args([std::ffi::OsStr::new("check"), file]).call();
    check.ok();
}

#[test]
fn a_command_of_blanks_is_a_bad_line() {
    let env = TestEnv::new();
    for text in ["{\"title\":\"x\",\"run\":\"\"}\n", "{\"title\":\"x\",\"run\":\" \\t\"}\n"] {
        let call = import(&env, &[], text);
        assert_eq!(call.fails(1, "bad-input")["details"]["bad"][0]["reason"], "run: empty");
    }
}

#[test]
fn a_linter_that_finds_nothing_is_no_error() {
    let env = TestEnv::new();
    assert_eq!(counts(&import(&env, &[], "[]\n")), (0, 0));
}

/// Does all that is free, until nothing is, and says in which rounds.
fn work(env: &TestEnv) -> Vec<Vec<String>> {
    let mut rounds = Vec::new();
    loop {
        let items = env.coord_as("me", &["next", "--count", "1000"]).items();
        if items.is_empty() {
            return rounds;
        }
        let args: Vec<&str> = ["done"].into_iter().chain(items.iter().map(String::as_str)).collect();
        env.coord_as("me", &args).ok();
        rounds.push(items);
    }
}

#[test]
fn work_that_comes_back_is_done_in_its_order() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let list = "## Phase 1: A\n- [ ] T001 One\n- [ ] T002 Two\n- [ ] T003 [P] (depends on T001-T002) Three\n\
        ## Phase 2: B\n- [ ] T004 Four\n";
    let order = |suffix: &str| -> Vec<Vec<String>> {
        ["T001", "T002", "T003", "T004"].iter().map(|id| vec![format!("{id}{suffix}")]).collect()
    };
    assert_eq!(counts(&import(&env, &[], list)), (4, 0));
    assert_eq!(work(&env), order(""));
    assert_eq!(counts(&import(&env, &["--again"], list)), (4, 0));
    env.check("after a task list that came back");
    assert_eq!(work(&env), order(".2"));
    // Of this one only what another needs is done, and comes back under another id than it had.
    let part = "{\"id\":\"T005\",\"title\":\"a\",\"needs\":[\"T001\",\"T004\"]}\n";
    let first = "{\"id\":\"T001\",\"title\":\"One\",\"phase\":\"1: A\"}\n";
    assert_eq!(counts(&import(&env, &["--again"], first)), (1, 0));
    let call = import(&env, &["--again"], part);
    assert_eq!((counts(&call), &call.ok()["unknown_needs"]["count"]), ((1, 0), &json!(0)));
    assert_eq!(work(&env), [["T001.3"], ["T005"]], "what is not in the file is meant as it is now");
}

#[test]
fn what_comes_back_in_several_batches_waits_for_what_comes_later() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    // Debug builds take 512 items at once.
    let line = |n: u32| {
        let needs = if n < 100 { format!(r#","needs":["i{}"]"#, n + 600) } else { String::new() };
        format!("{{\"id\":\"i{n}\",\"title\":\"t\"{needs}}}\n")
    };
    let text: String = (0..700).map(line).collect();
    import(&env, &[], &text).ok();
    assert_eq!(work(&env).len(), 2);
    let call = import(&env, &["--again"], &text);
    assert_eq!((counts(&call), &call.ok()["unknown_needs"]["count"]), ((700, 0), &json!(0)));
    let item = env.coord(&["queue", "show", "i7.2"]).ok()["item"].clone();
    assert_eq!((&item["needs"], &item["state"]), (&json!(["i607.2"]), &json!("blocked")));
    assert_eq!(counts(&import(&env, &["--again"], &text)), (0, 700));
    env.check("after several batches that came back");
    assert_eq!(work(&env).len(), 2);
}

#[test]
fn no_id_is_given_twice() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let line = |id: &str| format!("{{\"id\":\"{id}\",\"title\":\"t {id}\"}}\n");
    import(&env, &[], &line("T1")).ok();
    work(&env);
    let text = line("T1") + &line("T1.2") + &line("T1");
    let call = import(&env, &["--again"], &text);
    assert_eq!(counts(&call), (2, 1));
    env.check("after an id that looks like one that came back");
    let call = import(&env, &["--again"], &text);
    assert_eq!((counts(&call), &call.ok()["differing"]["count"]), ((0, 3), &json!(0)));
    assert_eq!(env.coord(&["queue", "show", "T1.2"]).ok()["item"]["title"], "t T1.2");
    assert_eq!(work(&env).concat().len(), 2);
    assert_eq!(counts(&import(&env, &["--again"], &text)), (2, 1));
    let mut ids = work(&env).concat();
    ids.sort();
    assert_eq!(ids, ["T1.2.2", "T1.4"]);
}

#[test]
fn content_is_compared_with_what_an_id_means_now() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let line =
        |id: &str, title: &str| format!("{{\"id\":\"{id}\",\"title\":\"{title}\",\"needs\":[\"n\"]}}\n");
    let need = "{\"id\":\"n\",\"title\":\"n\"}\n".to_owned();
    let (old, new) = (need.clone() + &line("T1", "old"), need + &line("T1", "new"));
    let reported = |call: &Call| (call.ok()["differing"].clone(), call.ok()["known_done"]["count"].clone());
    let nothing = || json!({ "count": 0, "first": [] });
    import(&env, &[], &old).ok();
    work(&env);
    assert_eq!(counts(&import(&env, &["--again"], &new)), (2, 0));
    assert_eq!(reported(&import(&env, &["--again"], &new)), (nothing(), json!(0)));
    assert_eq!(
        reported(&import(&env, &[], &new)),
        (nothing(), json!(0)),
        "it is not done, and says the same"
    );
    for args in [&["--again"][..], &[]] {
        assert_eq!(reported(&import(&env, args, &old)), (json!({ "count": 1, "first": ["T1"] }), json!(0)));
    }
    let first = env.coord_as("me", &["next"]).items();
    env.coord_as("me", &["done", &first[0]]).ok();
    let call = import(&env, &["--again"], &new);
    assert_eq!((counts(&call), reported(&call)), ((1, 1), (nothing(), json!(0))), "its need has come back");
}
