//! Where people and agents stumble: each error says what to do instead.

use crate::common::TestEnv;

fn hint(error: &serde_json::Value) -> &str {
    error["hint"].as_str().unwrap_or_default()
}

fn write(env: &TestEnv, path: &str, text: &str) {
    let path = env.root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_pattern_is_not_claimed_unless_a_file_is_called_so() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    for (pattern, meant) in [("src/**", "git coord claim src"), ("*.md", "git ls-files '*.md'")] {
        let call = env.coord(&["claim", pattern]);
        let error = call.fails(2, "usage");
        assert!(hint(error).contains(meant), "{error}");
    }
    assert!(env.claimed().is_empty());
    write(&env, "odd[1].txt", "x");
    env.coord(&["claim", "odd[1].txt"]).ok();
}

#[test]
fn a_claim_of_what_is_not_there_says_so() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    let call = env.coord(&["claim", "scr/a.txt"]);
    assert_eq!(call.ok()["absent"][0], "scr/a.txt");
}

#[test]
fn paths_that_answers_print_are_arguments_in_every_folder() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    write(&env, "src/deep/a.txt", "x");
    let below = env.root.join("src/deep");
    let claim = env.coord_in(&below, &["claim", "src/deep/a.txt"]);
    assert_eq!(claim.ok()["claims"][0]["path"], "src/deep/a.txt");
    assert_eq!(claim.ok()["from_top"][0], "src/deep/a.txt");
    let again = env.coord_in(&below, &["claim", "a.txt"]);
    assert_eq!(again.ok()["claims"][0]["path"], "src/deep/a.txt");
    let top = env.coord_in(&below, &["claim", ":/README"]);
    assert_eq!(top.ok()["claims"][0]["path"], "README");
    let released = env.coord_in(&below, &["release", "src/deep/a.txt"]);
    assert_eq!(released.ok()["released"][0], "src/deep/a.txt");
}

#[test]
fn next_says_what_is_held_already_and_why_there_is_nothing_as_a_word() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    assert_eq!(env.coord(&["next"]).ok()["empty"], "no-queue");
    env.import("{\"id\":\"a1\",\"title\":\"t\"}\n{\"id\":\"b1\",\"title\":\"t\",\"needs\":[\"a1\"]}\n").ok();
    let first = env.coord(&["next"]);
    assert_eq!(
        (&first.ok()["held"], &first.ok()["empty"]),
        (&serde_json::json!([]), &serde_json::Value::Null)
    );
    let second = env.coord(&["next"]);
    assert_eq!(second.ok()["held"], serde_json::json!(["a1"]));
    assert_eq!(second.ok()["empty"], "yours");
    env.sessions(&["bob"]);
    assert_eq!(env.coord_as("bob", &["next"]).ok()["empty"], "held");
    env.coord(&["done", "a1"]).ok();
    env.coord(&["next"]).ok();
    env.coord(&["done", "b1"]).ok();
    assert_eq!(env.coord(&["next"]).ok()["empty"], "finished");
}

#[test]
fn ids_may_be_given_by_a_prefix_that_only_one_item_has() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    env.import("{\"id\":\"alpha-1\",\"title\":\"t\"}\n{\"id\":\"alpha-2\",\"title\":\"t\"}\n{\"id\":\"beta-9\",\"title\":\"t\"}\n")
        .ok();
    assert_eq!(env.coord(&["queue", "show", "beta"]).ok()["item"]["id"], "beta-9");
    let several = env.coord(&["queue", "show", "alpha"]);
    assert_eq!(several.fails(1, "ambiguous")["details"]["items"], serde_json::json!(["alpha-1", "alpha-2"]));
    env.coord(&["queue", "show", "bet"]).fails(1, "unknown-item");
    env.coord(&["next"]).ok();
    // Of what one holds, the prefix is enough.
    assert_eq!(env.coord(&["done", "alph"]).ok()["items"][0]["id"], "alpha-1");
}

#[test]
fn done_refuses_changes_that_are_not_committed() {
    let env = TestEnv::new();
    env.coord(&["init"]).ok();
    env.coord(&["session", "start", "ada"]).ok();
    env.import("{\"id\":\"i1\",\"title\":\"t\",\"files\":[\"work.txt\"]}\n{\"id\":\"i2\",\"title\":\"t\",\"files\":[\"more.txt\"]}\n")
        .ok();
    env.coord(&["next"]).ok();
    write(&env, "work.txt", "edited");
    let call = env.coord(&["done", "i1"]);
    let error = call.fails(5, "refused");
    assert_eq!(
        (&error["details"]["rule"], &error["details"]["files"][0]),
        (&"uncommitted".into(), &"work.txt".into())
    );
    assert!(hint(error).contains("--anyway"), "{error}");
    env.git(&["add", "work.txt"]);
    env.coord(&["done", "i1"]).fails(5, "refused");
    env.git(&["commit", "-qm", "work"]);
    env.coord(&["done", "i1"]).ok();
    env.coord(&["next"]).ok();
    write(&env, "more.txt", "edited");
    env.coord(&["done", "--anyway", "i2"]).ok();
}

#[test]
fn a_check_says_what_is_not_staged() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    write(&env, "loose.txt", "x");
    let call = env.coord(&["check"]);
    assert_eq!((&call.ok()["checked"], &call.ok()["unstaged"][0]), (&0.into(), &"loose.txt".into()));
}

#[test]
fn words_that_are_tried_lead_to_the_command() {
    let env = TestEnv::new();
    for (word, meant) in
        [("lock", "git coord claim"), ("whoami", "git coord session show"), ("start", "session start")]
    {
        let call = env.coord(&[word]);
        let error = call.fails(2, "usage");
        assert!(hint(error).contains(meant), "{word}: {error}");
    }
    let call = env.coord(&["claim"]);
    assert!(call.fails(2, "usage")["message"].as_str().unwrap().contains("<PATH>"), "the whole message");
}

#[test]
fn an_end_names_what_is_left_behind() {
    let env = TestEnv::new();
    env.coord(&["init"]).ok();
    env.coord(&["session", "start", "ada", "--worktree", "../wa"]).ok();
    let tree = env.root.parent().unwrap().join("wa");
    env.coord_in(&tree, &["claim", "one.txt", "two.txt"]).ok();
    std::fs::write(tree.join("one.txt"), "x").unwrap();
    env.git_in(&tree, &["add", "one.txt"]);
    env.git_in(&tree, &["commit", "-qm", "one"]);
    std::fs::write(tree.join("two.txt"), "x").unwrap();
    let call = env.coord_in(&tree, &["session", "end"]);
    assert_eq!(call.ok()["uncommitted"], serde_json::json!(["two.txt"]));
    assert_eq!(call.ok()["unmerged"], serde_json::json!({ "branch": "ada", "commits": 1 }));
}

/// An item that was handed out to nobody would be held until its lease expires.
#[test]
#[cfg(target_os = "linux")]
fn what_nobody_can_read_is_not_handed_out() {
    let env = TestEnv::new();
    env.coord(&["session", "start", "ada"]).ok();
    env.import("{\"id\":\"a1\",\"title\":\"t\"}\n").ok();
    for words in ["--json next", "next", "queue export", "status"] {
        let line = format!("git-coord {words} >/dev/full");
        let out = env.command("sh", &env.root).args(["-c", &line]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{words}: {said}");
        assert!(said.contains("the answer cannot be written"), "{words}: {said}");
    }
    assert_eq!(env.coord(&["queue", "show", "a1"]).ok()["item"]["state"], "pending");
}

#[test]
fn a_session_that_was_moved_with_its_folder_is_not_called_gone() {
    let env = TestEnv::new();
    env.coord(&["init"]).ok();
    env.coord(&["session", "start", "ada"]).ok();
    env.coord(&["claim", "a.txt"]).ok();
    let moved = env.root.with_file_name("moved");
    std::fs::rename(&env.root, &moved).unwrap();
    env.coord_in(&moved, &["claim", "b.txt"]).ok();
    let call = env.coord_in(&moved, &["doctor"]);
    assert!(!call.ok().to_string().contains("is gone"), "{}", call.ok());
    std::fs::rename(&moved, &env.root).unwrap();
}

#[test]
fn a_prompt_is_short_and_never_an_error() {
    let env = TestEnv::new();
    let bare = tempfile::tempdir().unwrap();
    assert!(env.coord_in(bare.path(), &["prompt"]).ok()["session"].is_null());
    env.coord(&["session", "start", "ada"]).ok();
    env.coord(&["claim", "x"]).ok();
    let data = env.coord(&["prompt"]);
    assert_eq!((&data.ok()["session"], &data.ok()["paths"]), (&"ada".into(), &1.into()));
    assert!(env.coord(&["config"]).ok()["settings"].as_array().unwrap().len() >= 8);
}
