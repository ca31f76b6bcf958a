//! Death at every crash point of every command: the state is the old one or the new one, the next
//! command just works, and the same command can be repeated.

use git_coord::model::ItemState;

use crate::common::{Call, Run, Snapshot, TestEnv};

/// One command that dies at its first, second, third … crash point, until it survives.
struct Case {
    /// The words of the command, run by session `me`.
    words: &'static [&'static str],
    /// What it reads.
    stdin: &'static str,
    /// Checks the answer to the repeated command; true: the one that died had done its work.
    repeat: fn(&Call, bool),
    /// Checks the state after the repeated command.
    after: fn(&TestEnv, bool),
}

const DEFAULT: Case = Case {
    words: &[],
    stdin: "",
    repeat: |call, _| {
        call.ok();
    },
    after: |_, _| {},
};

/// `me` holds path `mine` and items t0 and t1; `other` has a claim in nobody's way.
fn world() -> (TestEnv, Snapshot) {
    let env = TestEnv::new();
    env.sessions(&["me", "other"]);
    let lines: String =
        (0..8).map(|i| format!("{{\"id\":\"t{i}\",\"title\":\"t\",\"files\":[\"f/{i}\"]}}\n")).collect();
    env.import(&lines).ok();
    assert_eq!(env.coord_as("me", &["next", "--count", "2"]).items(), ["t0", "t1"]);
    env.claim("me", &["mine"], 3600);
    env.claim("me", &["read"], 3600);
    env.claim("other", &["theirs"], 3600);
    let snapshot = Snapshot::take(&env);
    (env, snapshot)
}

fn tip(env: &TestEnv) -> String {
    std::fs::read_to_string(env.store_dir().join("refs/coord/state")).unwrap()
}

/// Runs a case to its end, once where its change fits into the message of its commit, once where
/// it does not and is folded into trees; returns the number of crash points of the latter.
fn survive(case: &Case) -> u32 {
    let (env, snapshot) = world();
    let small = survive_in(case, &env, &snapshot);
    fill(&env);
    let folded = survive_in(case, &env, &Snapshot::take(&env));
    assert!(folded > small, "{:?}: a change that is folded takes more steps", case.words);
    folded
}

/// Makes the delta so full that nothing more fits in.
fn fill(env: &TestEnv) {
    env.store().fold().unwrap();
    let empty = Snapshot::take(env);
    for size in (14_000..16_400).rev().step_by(40) {
        env.coord_as("other", &["claim", "filler", "--reason", &"x".repeat(size)]).ok();
        let message =
            env.git_in(&env.store_dir(), &["--git-dir=.", "log", "-1", "--format=%B", "refs/coord/state"]);
        if message.contains("\ndelta ") {
            return;
        }
        empty.restore(env);
    }
    panic!("nothing fits into a delta");
}

fn survive_in(case: &Case, env: &TestEnv, snapshot: &Snapshot) -> u32 {
    let words = case.words;
    let command = || -> Run { env.run(&env.root).session("me").args(words).stdin(case.stdin) };
    for n in 1..200 {
        let before = (tip(env), env.generation());
        let call = command().crash_at(n).call();
        if !call.crashed() {
            call.ok();
            env.check(&format!("{words:?} without a crash"));
            snapshot.restore(env);
            return n - 1;
        }
        let when = format!("{words:?} died at {n}, {}", call.stderr.trim());
        env.check(&when);
        let happened = env.generation() > before.1;
        assert!(happened || tip(env) == before.0, "{when}: something was changed, but not all");
        env.coord_as("other", &["claims"]).ok();
        env.coord_as("other", &["claim", "elsewhere"]).ok();
        env.check(&format!("{when}, after the next command"));
        (case.repeat)(&command().call(), happened);
        (case.after)(env, happened);
        env.check(&format!("{when}, after it was repeated"));
        snapshot.restore(env);
    }
    panic!("{words:?} has no end of crash points");
}

/// The state of an item and how often it was tried.
fn item(env: &TestEnv, id: &str) -> (String, u64) {
    let call = env.coord(&["queue", "show", id]);
    let item = &call.ok()["item"];
    (item["state"].as_str().unwrap().to_owned(), item["attempt"].as_u64().unwrap())
}

/// How often an event of `me` is in the log.
fn logged(env: &TestEnv, event: &str) -> usize {
    env.events()
        .iter()
        .filter(|e| e.event.as_str() == event && e.session.as_ref().is_none_or(|s| s.as_str() == "me"))
        .count()
}

fn holds(env: &TestEnv, path: &str) -> bool {
    env.claimed().contains(&(path.to_owned(), "me".to_owned()))
}

#[test]
fn claiming_survives_every_crash() {
    let points = survive(&Case {
        words: &["claim", "a/b", "c"],
        after: |env, _| assert!(holds(env, "a/b") && holds(env, "c"), "both paths are claimed"),
        ..DEFAULT
    });
    assert!(points >= 8, "only {points} crash points: they are not compiled in");
    survive(&Case {
        words: &["claim", "--shared", "a/b"],
        after: |env, _| assert!(holds(env, "a/b"), "the path is shared"),
        ..DEFAULT
    });
}

#[test]
fn releasing_survives_every_crash() {
    survive(&Case {
        words: &["release", "mine"],
        repeat: |call, happened| {
            if happened {
                call.fails(3, "lost");
            } else {
                call.ok();
            }
        },
        after: |env, _| {
            assert!(!holds(env, "mine") && holds(env, "read"), "one path is released, the other is not");
            assert_eq!(logged(env, "release"), 1, "it was released once");
        },
        ..DEFAULT
    });
}

#[test]
fn taking_items_survives_every_crash() {
    for (words, count) in [(&["next"][..], 1), (&["next", "--count", "2"], 2)] {
        survive(&Case {
            words,
            after: if count == 1 { |env, h| took(env, h, 1) } else { |env, h| took(env, h, 2) },
            ..DEFAULT
        });
    }
}

/// `next` hands out new work each time; what the one that died was given is not forgotten.
fn took(env: &TestEnv, happened: bool, count: usize) {
    let held = env.coord_as("me", &["queue", "list", "--mine"]).items();
    let expected = 2 + count * if happened { 2 } else { 1 };
    assert_eq!(held.len(), expected, "what the session holds: {held:?}");
}

#[test]
fn finishing_items_survives_every_crash() {
    survive(&Case {
        words: &["done", "t0"],
        after: |env, _| {
            assert_eq!(item(env, "t0").0, "done");
            assert_eq!((logged(env, "done"), env.session("me").done), (1, 1), "it was finished once");
            assert!(
                !holds(env, "f/0") && holds(env, "f/1"),
                "its files are free, those of the other are not"
            );
        },
        ..DEFAULT
    });
    survive(&Case {
        words: &["fail", "t0", "--reason", "r"],
        after: |env, _| {
            assert_eq!(item(env, "t0"), (ItemState::Pending.word().to_owned(), 1), "one attempt has failed");
            assert_eq!((logged(env, "fail"), env.session("me").failed), (1, 1), "it failed once");
        },
        ..DEFAULT
    });
    survive(&Case {
        words: &["drop", "t0", "t1"],
        after: |env, _| {
            assert_eq!((item(env, "t0").0, item(env, "t1").0), ("pending".to_owned(), "pending".to_owned()));
            assert_eq!(logged(env, "drop"), 1, "they were given back once");
        },
        ..DEFAULT
    });
}

#[test]
fn renewing_survives_every_crash() {
    survive(&Case {
        words: &["renew", "--all", "--ttl", "5h"],
        after: |env, _| {
            assert!(env.session("me").leases.iter().all(|l| l.ttl == 5 * 3600), "all leases are renewed");
        },
        ..DEFAULT
    });
}

#[test]
fn importing_survives_every_crash() {
    survive(&Case {
        words: &["queue", "import", "-"],
        stdin: "{\"id\":\"n1\",\"title\":\"t\",\"queue\":\"new\"}\n{\"id\":\"n2\",\"title\":\"t\",\"needs\":[\"n1\"]}\n",
        repeat: |call, happened| {
            let expected = if happened { (0, 2) } else { (2, 0) };
            let data = call.ok();
            let found = (data["added"].as_i64().unwrap(), data["known"].as_i64().unwrap());
            assert_eq!(found, expected, "an import is all or nothing (it had happened: {happened})");
        },
        after: |env, _| {
            assert_eq!((item(env, "n1").0.as_str(), item(env, "n2").0.as_str()), ("pending", "blocked"))
        },
    });
}

#[test]
fn ending_a_session_survives_every_crash() {
    survive(&Case {
        words: &["session", "end", "me"],
        after: |env, _| {
            assert_eq!(
                env.claimed().iter().filter(|(_, s)| s == "me").count(),
                0,
                "everything is given back"
            );
            assert_eq!(logged(env, "session end"), 1, "it ended once");
        },
        ..DEFAULT
    });
}

#[test]
fn starting_a_session_survives_every_crash() {
    survive(&Case {
        words: &["session", "start", "fresh", "--queue", "main"],
        after: |env, _| {
            let call = env.coord(&["claim", "by-binding"]);
            assert_eq!(call.ok()["claims"][0]["session"], "fresh", "the worktree is bound to it");
        },
        ..DEFAULT
    });
}

#[test]
fn upkeep_survives_every_crash() {
    let (env, snapshot) = world();
    let log: Vec<String> = env.events().iter().map(|e| format!("{e:?}")).collect();
    for n in 1.. {
        let call = env.run(&env.root).args(["upkeep"]).crash_at(n).call();
        let when = format!("upkeep died at {n}, {}", call.stderr.trim());
        env.check(&when);
        let now: Vec<String> = env.events().iter().map(|e| format!("{e:?}")).collect();
        assert_eq!(now, log, "{when}: the log is as before");
        if !call.crashed() {
            assert!(n > 4, "upkeep has only {} crash points", n - 1);
            break;
        }
        env.coord_as("me", &["claim", "more"]).ok();
        env.coord(&["upkeep"]).ok();
        env.check(&format!("{when}, after it was repeated"));
        env.fsck(&when);
        assert_eq!(env.events().len(), log.len() + 1, "{when}: the log is complete");
        snapshot.restore(&env);
    }
    env.fsck("after upkeep");
}

/// The state may already contain, in a pack, the very object that a dying writer has begun to
/// write: here the tree of open segments, which is the same in both queues.
#[test]
fn an_object_that_is_packed_survives_a_writer_that_dies_while_writing_it_again() {
    let env = TestEnv::new();
    env.sessions(&["me", "other"]);
    env.import(
        "{\"id\":\"a\",\"title\":\"t\",\"queue\":\"q1\"}\n{\"id\":\"b\",\"title\":\"t\",\"queue\":\"q2\"}\n",
    )
    .ok();
    env.coord_as("me", &["next", "--queue", "q1"]).ok();
    env.coord(&["upkeep"]).ok();
    let snapshot = Snapshot::take(&env);
    for n in 1.. {
        let call = env.run(&env.root).session("me").args(["drop", "a"]).crash_at(n).call();
        let when = format!("drop died at {n}, {}", call.stderr.trim());
        env.check(&when);
        assert_eq!(env.coord_as("other", &["next", "--queue", "q2"]).items(), ["b"], "{when}");
        env.coord_as("me", &["drop", "a"]).ok();
        env.coord(&["upkeep"]).ok();
        env.check(&format!("{when}, after upkeep"));
        env.fsck(&when);
        if !call.crashed() {
            break;
        }
        snapshot.restore(&env);
    }
}

#[test]
fn init_survives_every_crash() {
    for n in 1.. {
        let env = TestEnv::plain(&[]).unwrap();
        let call = env.run(&env.root).args(["init"]).crash_at(n).call();
        if !call.crashed() {
            assert!(n > 3, "init has only {} crash points", n - 1);
            break;
        }
        // Either a whole store exists, or none at all.
        let call = env.coord(&["claims"]);
        if call.code != Some(0) {
            call.fails(1, "no-store");
        }
        env.coord(&["init"]).ok();
        env.coord(&["session", "start", "s"]).ok();
        env.coord(&["claim", "x"]).ok();
        env.check(&format!("init died at {n}"));
    }
}
