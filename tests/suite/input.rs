//! Wrong words and wrong files: a clear answer, and nothing changed.

use crate::common::{Call, TestEnv};

/// Runs a command that must fail in this way and change nothing.
#[track_caller]
fn refused(env: &TestEnv, words: &[&str], exit: i32, code: &str) -> Call {
    let before = std::fs::read(env.store_dir().join("refs/coord/state")).unwrap();
    let call = env.coord(words);
    let error = call.fails(exit, code);
    assert!(!error["message"].as_str().unwrap().is_empty(), "{words:?} says what is wrong");
    let after = std::fs::read(env.store_dir().join("refs/coord/state")).unwrap();
    assert_eq!(before, after, "{words:?} was refused and has changed something");
    call
}

fn bad_lines(call: &Call) -> Vec<u64> {
    let list = call.json["error"]["details"]["bad"].as_array().expect("bad lines are listed");
    assert!(list.iter().all(|b| b["reason"].is_string()), "each bad line has a reason: {list:?}");
    list.iter().map(|b| b["line"].as_u64().unwrap()).collect()
}

#[test]
fn bad_lines_are_named_and_nothing_is_imported() {
    let env = TestEnv::new();
    let file = env.temp().join("items.jsonl");
    let text = "{\"title\":\"good\"}\n\nnot json\n{\"title\":\"\"}\n{\"title\":\"t\",\"priority\":-1}\n\
                {\"title\":\"t\",\"files\":[\"../outside\"]}\n{\"title\":\"t\",\"files\":[\".git/config\"]}\n\
                {\"title\":\"t\",\"id\":\"no spaces\"}\n[1]\n{\"title\":\"also good\"}\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let call = refused(&env, &["queue", "import", file], 1, "bad-input");
    assert_eq!(bad_lines(&call), [3, 4, 5, 6, 7, 8, 9], "every bad line by its number: {}", call.json);
    assert_eq!(env.coord(&["queue", "list"]).items(), Vec::<String>::new());
    let call = env.coord(&["queue", "import", file, "--skip-bad"]);
    assert_eq!(call.ok()["added"], 2, "the good lines are imported on demand");
    assert_eq!(call.ok()["bad"].as_array().unwrap().len(), 7);
    env.check("after a partial import");
}

#[test]
fn an_id_that_is_used_twice_for_different_work_is_not_two_items() {
    let env = TestEnv::new();
    let call = env.import("{\"id\":\"x\",\"title\":\"one\"}\n{\"id\":\"x\",\"title\":\"two\"}\n");
    assert_eq!(bad_lines(&call), [2], "the second use is called bad");
    env.import("{\"id\":\"x\",\"title\":\"one\"}\n").ok();
    assert_eq!(env.coord(&["queue", "list"]).items(), ["x"]);
    env.check("after a doubled id");
}

#[test]
fn other_files_that_are_no_items_are_refused() {
    let env = TestEnv::new();
    let sarif = env.temp().join("broken.sarif");
    std::fs::write(&sarif, "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":").unwrap();
    refused(&env, &["queue", "import", sarif.to_str().unwrap()], 1, "bad-input");
    refused(&env, &["queue", "import", "--format", "sarif", sarif.to_str().unwrap()], 1, "bad-input");
    refused(&env, &["queue", "import", "no/such/file"], 1, "bad-input");
    let binary = env.temp().join("binary");
    std::fs::write(&binary, [0u8, 159, 146, 150, 10, 0, 1]).unwrap();
    refused(&env, &["queue", "import", binary.to_str().unwrap()], 1, "bad-input");
    let folder = env.temp().to_str().unwrap().to_owned();
    refused(&env, &["queue", "import", &folder], 1, "bad-input");
}

#[test]
fn items_that_wait_for_each_other_are_refused_by_name() {
    let env = TestEnv::new();
    let call = env.import("{\"id\":\"a\",\"title\":\"t\",\"needs\":[\"b\"]}\n{\"id\":\"b\",\"title\":\"t\",\"needs\":[\"a\"]}\n");
    let error = call.fails(5, "refused");
    assert_eq!(error["details"]["rule"], "cycle");
    let call = env.import("{\"id\":\"self\",\"title\":\"t\",\"needs\":[\"self\"]}\n");
    call.fails(5, "refused");
    assert_eq!(env.coord(&["queue", "list"]).items(), Vec::<String>::new());
}

#[test]
fn sessions_that_are_missing_or_unknown_are_distinguished() {
    let env = TestEnv::new();
    for words in
        [&["claim", "x"][..], &["release", "x"], &["next"], &["done", "x"], &["renew"], &["claims", "--mine"]]
    {
        let call = refused(&env, words, 1, "no-session");
        assert!(call.json["error"]["hint"].as_str().unwrap().contains("session start"), "{}", call.json);
    }
    for words in
        [&["claim", "x"][..], &["release", "x"], &["next"], &["done", "x"], &["renew"], &["session", "end"]]
    {
        let words: Vec<&str> = [&["--session", "ghost"], words].concat();
        let call = refused(&env, &words, 1, "unknown-session");
        assert!(
            call.json["error"]["message"].as_str().unwrap().contains("ghost"),
            "it is named: {}",
            call.json
        );
    }
    env.sessions(&["done"]);
    env.coord(&["session", "end", "done"]).ok();
    let call = refused(&env, &["--session", "done", "claim", "x"], 5, "refused");
    assert!(call.json["error"]["hint"].as_str().unwrap().contains("session start done"), "{}", call.json);
    env.sessions(&["me"]);
    refused(&env, &["--session", "me", "done", "nothing"], 1, "unknown-item");
    refused(&env, &["--session", "me", "next", "--queue", "nowhere"], 1, "unknown-queue");
    refused(&env, &["queue", "list", "--queue", "nowhere"], 1, "unknown-queue");
    refused(&env, &["queue", "show", "nothing"], 1, "unknown-item");
}

#[test]
fn paths_that_nobody_can_claim_are_refused() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let outside = env.temp().join("elsewhere");
    for path in ["../x", "a/../../x", ".git/config", "sub/.GIT/x", outside.to_str().unwrap(), "/etc/passwd"] {
        refused(&env, &["--session", "me", "claim", path], 1, "bad-path");
        refused(&env, &["--session", "me", "claim", "fine", path], 1, "bad-path");
    }
    assert!(env.claimed().is_empty(), "nothing was claimed along with a bad path");
}

#[test]
fn wrong_words_are_a_json_document_too() {
    let env = TestEnv::new();
    let cases: &[&[&str]] = &[
        &["claim"],
        &["claim", "--no-such-flag", "x"],
        &["no-such-command"],
        &["next", "--count", "0"],
        &["next", "--count", "many"],
        &["claim", "x", "--ttl", "soon"],
        &["claim", "x", "--ttl", "0s"],
        &["claim", "x", "--wait", "-5s"],
        &["queue", "list", "--state", "lost"],
        &["session", "start", "bad name"],
        &["session", "start", ".."],
        &["session", "start", "x", "--area", "a["],
        &["release"],
        &["release", "--all", "x"],
        &["fail", "x"],
        &[],
        &["session"],
        &["--session", "not/a/name", "claims", "--mine"],
    ];
    for words in cases {
        refused(&env, words, 2, "usage");
    }
}

#[test]
fn global_flags_stand_anywhere_and_a_path_may_begin_with_a_dash() {
    let env = TestEnv::new();
    env.sessions(&["me"]);
    let plain = || env.command(crate::common::PROGRAM, env.temp());
    let root = env.root.to_str().unwrap();
    plain().args(["claim", "-C", root, "--session", "me", "a", "--json"]).call().ok();
    plain().args(["--json", "-C", root, "--session", "me", "claim", "--", "-b", "--json"]).call().ok();
    let held: Vec<String> = env.claimed().into_iter().map(|(p, _)| p).collect();
    assert_eq!(held, ["--json", "-b", "a"]);
    plain().args(["release", "--all", "--json", "-C", root, "--session=me"]).call().ok();
    assert!(env.claimed().is_empty());
}

#[test]
fn a_file_of_many_batches_is_checked_as_a_whole_first() {
    let env = TestEnv::new();
    let mut lines: String = (0..2_050).map(|i| format!("{{\"id\":\"i{i}\",\"title\":\"t\"}}\n")).collect();
    lines.push_str("{\"no\":\"title\"}\n");
    let error = env.import(&lines);
    assert_eq!(error.fails(1, "bad-input")["details"]["bad"][0]["line"], 2_051);
    assert!(env.coord(&["status"]).ok()["queues"].as_array().unwrap().is_empty(), "nothing is imported");
    let import =
        |lines: &str| env.run(&env.root).args(["queue", "import", "-", "--skip-bad"]).stdin(lines).call();
    assert_eq!(import(&lines).ok()["added"], 2_050);
    assert_eq!(
        env.events().iter().filter(|e| e.event == git_coord::model::EventKind::Import).count(),
        1,
        "it is one operation"
    );
    assert_eq!(import(&lines).ok()["known"], 2_050, "a second time adds nothing");
    assert_eq!(env.coord(&["status"]).ok()["queues"][0]["pending"], 2_050);
    // A circle at the end of it takes back all that came before.
    let mut chain: String = (0..2_050).map(|i| format!("{{\"id\":\"c{i}\",\"title\":\"t\"}}\n")).collect();
    chain.push_str("{\"id\":\"x\",\"title\":\"t\",\"needs\":[\"y\"]}\n{\"id\":\"y\",\"title\":\"t\",\"needs\":[\"x\"]}\n");
    import(&chain).fails(5, "refused");
    assert_eq!(env.coord(&["status"]).ok()["queues"][0]["pending"], 2_050, "nothing of it is imported");
}

/// What people see on stderr.
fn printed(env: &TestEnv, words: &[&str]) -> String {
    let output = env.command(crate::common::PROGRAM, &env.root).session("ada").args(words).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_file_that_cannot_be_read_is_not_said_to_be_in_another_format() {
    let env = TestEnv::new();
    let packed = env.temp().join("items.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &b"{\"title\":\"one\"}\n".repeat(1000)).unwrap();
    let bytes = gzip.finish().unwrap();
    std::fs::write(&packed, &bytes[..bytes.len() - 12]).unwrap();
    let items = env.temp().join("items.jsonl");
    std::fs::write(&items, "{\"title\":\"one\"}\n").unwrap();
    let (packed, items, folder) =
        (packed.to_str().unwrap(), items.to_str().unwrap(), env.temp().to_str().unwrap().to_owned());
    for (words, hint) in [
        (&["no/such/file"] as &[&str], "the name is right"),
        (&[&folder], "name a file"),
        (&[packed], "not all there"),
        (&[items, "--rules", "no/such/file"], "the name is right"),
        (&[items, "--rules", &folder], "name a file"),
    ] {
        let call = refused(&env, &[&["queue", "import"], words].concat(), 1, "bad-input");
        let said = call.json["error"]["hint"].as_str().unwrap();
        assert!(said.contains("nothing was imported") && said.contains(hint), "{words:?}: {said}");
        assert!(!said.contains("--format") && !said.contains("[[rule]]"), "{words:?}: {said}");
    }
}

#[test]
fn no_limit_is_zero() {
    let env = TestEnv::new();
    env.sessions(&["ada"]);
    env.import("{\"id\":\"a\",\"title\":\"t\"}\n").ok();
    let update = ["queue", "update", "--where", "id=a", "--cancel", "--limit", "0"];
    for words in [&["queue", "list", "--limit", "0"] as &[&str], &["log", "--limit", "0"], &update] {
        let call = refused(&env, words, 2, "usage");
        assert!(call.json["error"]["message"].as_str().unwrap().contains("'0'"), "{}", call.json);
    }
}

#[test]
fn help_is_where_it_is_said_to_be() {
    let env = TestEnv::new();
    let all = env.coord(&["help"]).ok()["text"].as_str().unwrap().to_owned();
    assert!(all.contains("Usage: git coord "), "{all}");
    let list = env.coord(&["help", "queue", "list"]).ok()["text"].as_str().unwrap().to_owned();
    assert!(list.contains("Usage: git coord queue list") && list.contains("--limit"), "{list}");
    env.coord(&["help", "no-such"]).fails(2, "usage");
    for (words, place) in [
        (&["queue", "list", "--bad"] as &[&str], "see: git coord queue list -h"),
        (&["claim"], "see: git coord claim -h"),
        (&["no-such"], "see: git coord -h"),
    ] {
        assert_eq!(env.coord(words).fails(2, "usage")["hint"], place);
        let said = printed(&env, words);
        assert!(said.contains(place) && !said.contains("--help"), "{said}");
    }
}
