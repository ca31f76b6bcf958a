//! Names of files that git, file systems or programs find difficult.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::common::{Run, TestEnv};

fn names() -> Vec<Vec<u8>> {
    let mut list: Vec<Vec<u8>> = [
        "with space/a file",
        "quote\"s/'single'",
        "tab\there",
        "new\nline/x",
        "ünïcode/日本語",
        "-dash/--json",
        ".dot/.hidden",
        "x.lock/y",
        "Cargo.lock",
        ".gitmodules",
        "sub/.gitmodules",
        ".gitattributes",
        ".gitignore",
        ".GITMODULES",
        "git~1",
        "GITMOD~1",
        "a\\b",
        "c:",
        "con",
        "nul.txt",
        "%",
        "%25",
        "p/%/x",
        "a%2Fb",
        "*",
        "[x]",
        "?",
        "$HOME",
        "`x`",
        "a;b",
        "HEAD",
        "refs/heads/main",
        "claims",
        "head.json",
        "x.git/config",
        ".gitx",
        "...",
        "..x",
        "a..b",
        "@{0}",
        "~",
        "x~",
        "x^",
        ".g\u{200c}it",
        "\u{feff}bom",
        "e\u{301}",
        "é",
        "\u{ef80}",
    ]
    .iter()
    .map(|s| s.as_bytes().to_vec())
    .collect();
    list.push(b"raw\xff\xfebytes/\x80".to_vec());
    list.push(b"\x01control\x7f".to_vec());
    list.push(vec![b"d".as_slice(); 60].join(&b'/'));
    list.push(vec![b'n'; 255]);
    list
}

fn claim(env: &TestEnv, session: &str, verb: &str, name: &[u8]) -> Run {
    let word = OsString::from_vec(name.to_vec());
    env.run(&env.root).session(session).args([verb, "--"]).args([word])
}

#[test]
fn odd_names_are_claimed_contested_and_released_like_any_other() {
    let env = TestEnv::new();
    env.sessions(&["me", "other"]);
    let names = names();
    for name in &names {
        let shown = String::from_utf8_lossy(name).into_owned();
        if shown.contains(['*', '?', '[']) {
            // Without such a file it is taken for a pattern that the shell has not expanded.
            claim(&env, "me", "claim", name).call().fails(2, "usage");
            std::fs::write(env.root.join(OsString::from_vec(name.clone())), "x").unwrap();
        }
        let call = claim(&env, "me", "claim", name).call();
        assert_eq!(call.code, Some(0), "{shown:?} can be claimed: {}", call.json);
        let call = claim(&env, "other", "claim", name).call();
        assert_eq!(call.fails(4, "held")["details"]["holders"][0]["session"], "me", "{shown:?} is held");
        // The folder above it and a file below it are held by that as well.
        let mut below = name.clone();
        below.extend(b"/below");
        claim(&env, "other", "claim", &below).call().fails(4, "held");
    }
    let held = env.claimed();
    assert_eq!(held.len(), names.len(), "each name is a claim of its own");
    env.check("with odd names");
    env.fsck("with odd names");
    env.coord(&["upkeep"]).ok();
    env.fsck("with odd names after upkeep");
    for name in &names {
        claim(&env, "me", "release", name).call().ok();
        claim(&env, "other", "claim", name).call().ok();
    }
    let held: Vec<_> = held.into_iter().map(|(p, _)| (p, "other".to_owned())).collect();
    assert_eq!(env.claimed(), held, "every name has changed hands and is spelled as before");
    env.coord_as("other", &["release", "--all"]).ok();
    assert!(env.claimed().is_empty());
    env.check("without odd names");
}

#[test]
fn the_same_place_in_other_words_is_the_same_claim() {
    let env = TestEnv::new();
    env.sessions(&["me", "other"]);
    std::fs::create_dir_all(env.root.join("a")).unwrap();
    env.coord_as("me", &["claim", "a/b"]).ok();
    let absolute = env.root.join("a/b");
    for words in ["./a/b", "a//b", "a/b/", "a/./b", "a/c/../b", "x/../a/b", absolute.to_str().unwrap()] {
        env.coord_as("other", &["claim", words]).fails(4, "held");
        env.coord_as("me", &["claim", words]).ok();
    }
    for words in ["a", ".", "a/b/c", "a/b/c/d"] {
        env.coord_as("other", &["claim", words]).fails(4, "held");
    }
    for words in ["a/bc", "a/b.c", "a/B", "ab", "b"] {
        env.coord_as("other", &["claim", words]).ok();
    }
    assert_eq!(env.claimed().iter().filter(|(_, s)| s == "me").count(), 1, "one claim in many words");
    env.check("after many words");
}

#[test]
fn items_touch_files_with_odd_names() {
    let env = TestEnv::new();
    env.sessions(&["me", "other"]);
    let mut lines = String::new();
    for (i, name) in names().iter().filter_map(|n| std::str::from_utf8(n).ok()).enumerate() {
        lines += &format!("{}\n", serde_json::json!({"id": format!("t{i}"), "title": "t", "files": [name]}));
    }
    let count = lines.lines().count();
    assert_eq!(env.import(&lines).ok()["added"], count);
    assert_eq!(env.coord_as("me", &["next", "--count", "1000"]).items().len(), count);
    env.coord_as("other", &["claim", "--", "new\nline"]).fails(4, "held");
    let all = env.coord_as("me", &["queue", "list", "--mine", "--limit", "1000"]).items();
    env.run(&env.root).session("me").args(["done"]).args(all).call().ok();
    assert!(env.claimed().is_empty(), "all files are free again");
    env.check("after items with odd names");
    env.fsck("after items with odd names");
}

/// git has no files below a link: a claim of such a name would protect nothing.
#[test]
fn a_path_below_a_link_is_the_file_that_it_leads_to() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.root.join("src/web")).unwrap();
    std::os::unix::fs::symlink("src/web", env.root.join("link")).unwrap();
    std::os::unix::fs::symlink(env.temp(), env.root.join("away")).unwrap();
    env.sessions(&["me", "you"]);
    env.coord_as("me", &["claim", "src/web/a", "link"]).ok();
    env.coord_as("you", &["claim", "link/a"]).fails(4, "held");
    env.run(&env.root.join("link")).session("you").args(["claim", "a"]).call().fails(4, "held");
    let mut held: Vec<String> = env.claimed().into_iter().map(|(path, _)| path).collect();
    held.sort();
    assert_eq!(held, ["link", "src/web/a"], "the link is a file of its own");
    env.coord_as("you", &["claim", "link/new/b"]).ok();
    assert!(env.claimed().iter().any(|(path, _)| path == "src/web/new/b"));
    env.coord_as("you", &["claim", "away/x"]).fails(1, "bad-path");
}
