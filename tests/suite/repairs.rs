//! A remote's state that is damaged, and a clone's.

use super::remote::{finds, joined, repairs, set};
use crate::common::clones::Hub;

/// The server names its state and cannot send it; git speaks of "possible repository corruption".
#[test]
fn a_server_in_trouble_keeps_its_newer_state() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    b.coord(&["claim", "only-b-knows"]).ok();
    let newer = hub.state();
    let global = a.temp().join("global");
    std::fs::write(&global, "[uploadpack]\n\tpackObjectsHook = false\n").unwrap();
    for words in [&["doctor", "--remote"][..], &["doctor", "--remote", "--repair"]] {
        let call = a.run(&a.root).args(words).env("GIT_CONFIG_GLOBAL", &global).call();
        call.fails(6, "remote");
        assert_eq!(hub.state(), newer, "nobody has put an older state in its place");
    }
    a.coord(&["claim", "only-b-knows"]).fails(4, "held");
    hub.check("the server is well again");
}

/// What was fetched is damaged here, and not there.
#[test]
fn a_clone_with_damaged_objects_does_not_blame_the_remote() {
    for name in ["head.json", "queues/main/queue.json"] {
        let hub = joined();
        let [a, b] = &hub.clones[..] else { unreachable!() };
        a.coord(&["sync"]).ok();
        b.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
        b.store().fold().unwrap();
        let newer = hub.state();
        a.coord(&["doctor", "--remote"]).ok();
        let id = a.git_in(&hub.bare, &["rev-parse", &format!("{newer}:{name}")]);
        let file = a.store_dir().join("objects").join(&id[..2]).join(id[2..].trim());
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "").unwrap();
        for words in [&["doctor", "--remote"][..], &["doctor", "--remote", "--repair"]] {
            let call = a.coord(words);
            let error = call.fails(6, "remote")["message"].as_str().unwrap();
            assert!(error.contains("objects of this clone are damaged"), "{error}");
            assert_eq!(hub.state(), newer, "{name}: nobody has put an older state in its place");
        }
        a.coord(&["doctor", "--repair"]).ok();
        a.coord(&["doctor", "--remote"]).ok();
        assert_eq!(a.coord(&["next"]).items(), ["T1"]);
        hub.check("repaired here");
    }
}

#[test]
fn objects_that_the_server_has_lost_are_proof_enough() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let lose = |name: &str| {
        let id = a.git_in(&hub.bare, &["rev-parse", name]);
        let file = hub.bare.join("objects").join(&id[..2]).join(id[2..].trim());
        std::fs::remove_file(file).unwrap();
    };
    for name in ["refs/coord/state:head.json", "refs/coord/state~1"] {
        a.coord(&["sync"]).ok();
        for path in ["one", "two"] {
            b.coord(&["claim", path]).ok();
            b.coord(&["release", path]).ok();
        }
        b.store().fold().unwrap();
        let generation = b.generation();
        lose(name);
        finds(a, "remote-unreadable");
        repairs(a, "remote-unreadable");
        if name.ends_with("~1") {
            assert!(a.generation() >= generation + 1_000_000, "the number that is there was seen");
        }
        b.coord(&["init", "--remote", "origin", "--discard"]).ok();
    }
    b.coord(&["claim", "y"]).ok();
}

#[test]
fn a_damaged_clone_is_fetched_again() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.import("{\"id\":\"T1\",\"title\":\"one\"}\n").ok();
    a.coord(&["claim", "x"]).ok();
    a.store().fold().unwrap();
    b.coord(&["claim", "y"]).ok();
    a.coord(&["sync"]).ok();
    let state = a.store_dir().join("refs/coord/state");
    let good = std::fs::read(&state).unwrap();
    let objects = a.store_dir().join("objects");
    let damage: [(&str, &dyn Fn()); 3] = [
        ("the ref is gone", &|| std::fs::remove_file(&state).unwrap()),
        ("the ref is garbage", &|| std::fs::write(&state, "garbage").unwrap()),
        ("all objects are gone", &|| {
            std::fs::remove_dir_all(&objects).unwrap();
            std::fs::create_dir_all(objects.join("pack")).unwrap();
            std::fs::create_dir_all(objects.join("info")).unwrap();
        }),
    ];
    for (what, harm) in damage {
        harm();
        a.coord(&["doctor"]).fails(5, "refused");
        a.coord(&["doctor", "--repair"]).ok();
        assert_eq!(std::fs::read(&state).unwrap(), good, "{what}: nothing but the remote's state");
        a.coord(&["claim", "y"]).fails(4, "held");
        hub.check(what);
        a.coord(&["doctor", "--remote"]).ok();
    }
    // Without the remote nothing is made up that would part from it.
    std::fs::remove_file(&state).unwrap();
    let away = hub.bare.with_extension("away");
    std::fs::rename(&hub.bare, &away).unwrap();
    a.coord(&["doctor", "--repair"]).fails(6, "remote");
    a.coord(&["--offline", "doctor", "--repair"]).fails(6, "remote");
    assert!(!state.exists());
    std::fs::rename(&away, &hub.bare).unwrap();
    a.coord(&["doctor", "--repair"]).ok();
    hub.check("after all");
    // Both have lost it: what is left here counts, and is put there.
    a.claim("alice", &["last"], 600);
    let tip = a.git_in(&a.store_dir(), &["--git-dir=.", "rev-parse", "refs/coord/state"]);
    std::fs::remove_file(objects.join(&tip[..2]).join(tip[2..].trim())).unwrap();
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    a.coord(&["doctor", "--repair"]).ok();
    repairs(a, "remote-missing");
    b.coord(&["claim", "x"]).fails(4, "held");
    hub.check("from what was left");
}

/// A repair that cannot continue the history: other clones must see that what they know is in it.
#[test]
fn a_history_that_begins_anew_is_followed_by_clones_that_knew_it() {
    let hub = Hub::new(3);
    let [a, b, c] = &hub.clones[..] else { unreachable!() };
    c.coord(&["session", "start", "carol"]).ok();
    a.coord(&["session", "start", "alice"]).ok();
    for path in ["one", "two", "three"] {
        a.coord(&["claim", path]).ok();
    }
    b.coord(&["sync"]).ok();
    a.coord(&["claim", "four"]).ok();
    let id = a.git_in(&a.store_dir(), &["--git-dir=.", "rev-parse", "refs/coord/state~3"]);
    std::fs::remove_file(a.store_dir().join("objects").join(&id[..2]).join(id[2..].trim())).unwrap();
    a.git_in(&hub.bare, &["update-ref", "-d", "refs/coord/state"]);
    a.coord(&["doctor", "--repair"]).ok();
    repairs(a, "remote-missing");
    let history = a.git_in(&hub.bare, &["rev-list", "refs/coord/state"]);
    assert!(history.lines().count() < 4, "it begins anew");
    b.coord(&["session", "start", "bob"]).ok();
    c.coord(&["claim", "four"]).fails(4, "held");
    hub.check("all have followed");
}

#[test]
fn what_is_no_state_is_replaced() {
    let hub = joined();
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["claim", "x"]).ok();
    let main = a.git(&["rev-parse", "HEAD"]);
    set(&hub, main.trim());
    finds(a, "remote-unreadable");
    repairs(a, "remote-unreadable");
    b.coord(&["claim", "y"]).ok();
    hub.check("a state again");
}
