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
fn another_content_under_a_known_id_is_told() {
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
    // What is changed here, and not in the file, is no other content.
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
