//! Commits of the slots: a slot's branch has what belongs to items that are done, all of it
//! and nothing else, whatever commands do to git and however a run ends.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::run::{import, outside, states};
use super::run_faults::away_and_back;
use super::run_stop::{pid_in, vanish};
use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, script};

/// The subjects of the commits that a slot's branch has and `main` has not, newest first.
fn subjects(env: &TestEnv) -> String {
    env.git(&["log", "--format=%s", "main..coord/run-1"])
}

fn state(env: &TestEnv, id: &str) -> String {
    states(env).into_iter().find(|(i, _)| i == id).expect("the item is known").1
}

/// The attempts of a run that failed: (item, reason).
fn reasons(call: &Call) -> Vec<(&str, &str)> {
    let list = call.fails(5, "refused")["details"]["failed"].as_array().unwrap();
    let mut list: Vec<_> =
        list.iter().map(|i| (i["id"].as_str().unwrap(), i["reason"].as_str().unwrap())).collect();
    list.sort_unstable();
    list
}

#[test]
fn an_item_is_not_done_while_its_commit_is_on_no_branch() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let item = |id: &str, run: &str| json!({"id":id,"title":format!("Make {id}"),"files":["a"],"run":run});
    let items = [
        item("detached", "git checkout -q --detach; echo x > a"),
        item("itself", "git checkout -q --detach; echo x > a; git add a; git commit -qm 'By itself'"),
        item("other", "git checkout -q -b other; echo x > a"),
        item(
            "stopped",
            "echo 1 > a; git add a; git commit -qm one; \
             GIT_SEQUENCE_EDITOR='sed -i s/^pick/edit/' git rebase -q -i HEAD~1; echo 2 > a",
        ),
        item("good", "echo good > a"),
    ];
    import(&env, &items);
    let why = "the command left branch coord/run-1";
    let wanted = [("detached", why), ("itself", why), ("other", why), ("stopped", why)];
    assert_eq!(reasons(&env.coord(&["run", "-j", "1"])), wanted);
    assert_eq!(state(&env, "good"), "done", "the slot is of use afterwards");
    assert_eq!(subjects(&env), "Make good\n", "nothing of the failed attempts stays");
    // Also without a commit by the run: what the command commits is all that counts.
    import(&env, &[item("bare", "git checkout -q --detach; echo y > a; git commit -qam 'By itself'")]);
    let call = env.coord(&["run", "-j", "1", "--no-commit"]);
    assert_eq!(reasons(&call), [("bare", why)]);
    // What an item was finished with counts, so it comes onto the branch.
    let run = "git checkout -q --detach; echo z > a; git commit -qam 'Own end'; git-coord done own";
    import(&env, &[item("own", run)]);
    env.coord(&["run", "-j", "1"]).ok();
    assert_eq!(subjects(&env), "Own end\nMake good\n");
    env.check("after commands that left the branch");
}

/// Whatever a command does to its branch and worktree: it fails, and costs the items before it and
/// after it nothing.
#[test]
fn what_earlier_items_committed_stays() {
    let env = TestEnv::new();
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let item = |id: &str, run: &str| json!({"id":id,"title":format!("Make {id}"),"files":["a"],"run":run});
    let (rewound, left) = ("the command took earlier commits off", "the command left");
    let branch = |what: &str| format!("{what} branch coord/run-1");
    let gone = "the command removed its worktree".to_owned();
    let cases = [
        ("reset", "git reset -q --hard HEAD~2", branch(rewound)),
        ("again", "git reset -q --hard HEAD~1; echo x > a; git commit -qam Again", branch(rewound)),
        ("amended", "git commit -q --amend --no-verify -m Amended", branch(rewound)),
        ("moved", "git checkout -q -B coord/run-1 main", branch(rewound)),
        ("unborn", "git update-ref -d refs/heads/coord/run-1", branch(rewound)),
        ("renamed", "git branch -m mine", branch(left)),
        ("deleted", "git checkout -q --detach; git branch -q -D coord/run-1", branch(left)),
        ("bisected", "git bisect start HEAD HEAD~2 >/dev/null", branch(left)),
        ("unlinked", "rm .git", gone.clone()),
        ("erased", "rm -rf \"$PWD\"", gone.clone()),
        ("removed", "git worktree remove --force .", gone.clone()),
        ("another", "rm .git; git init -q", gone),
    ];
    let mut items = vec![item("one", "echo 1 > a"), item("two", "echo 2 > a")];
    items.extend(cases.iter().map(|(id, run, _)| item(id, run)));
    items.push(item("three", "test \"$(cat a)\" = 2 && echo 3 > a"));
    import(&env, &items);
    let call = env.coord(&["run", "-j", "1"]);
    let mut wanted: Vec<_> = cases.iter().map(|(id, _, why)| (*id, why.as_str())).collect();
    wanted.sort_unstable();
    assert_eq!(reasons(&call), wanted);
    assert_eq!(subjects(&env), "Make three\nMake two\nMake one\n");
    let tree = env.common_dir().join("coord-pool/run-1");
    assert_eq!(env.git_in(&tree, &["status", "--porcelain", "--branch"]), "## coord/run-1\n");
    env.check("after commands that destroy");
}

/// The item is done, and so its commits count. But they are kept beside those of the items before it.
#[test]
fn commits_of_a_done_item_beside_the_branch_get_a_branch_of_their_own() {
    let env = TestEnv::new();
    let item = |id: &str, run: &str| json!({"id":id,"title":format!("Make {id}"),"files":["a"],"run":run});
    let beside = |id: &str, git: &str| {
        item(id, &format!("{git}; echo {id} > a; git add a; git commit -qm 'Own {id}'; git-coord done {id}"))
    };
    import(
        &env,
        &[
            item("one", "echo 1 > a"),
            beside("reset", "git reset -q --hard HEAD~1"),
            beside("detached", "git checkout -q --detach HEAD~1"),
            item("only", "git reset -q --hard HEAD~1; git-coord done only"),
            item("two", "test \"$(cat a)\" = 1 && echo 2 > a"),
        ],
    );
    let call = env.coord(&["run", "-j", "1"]);
    assert_eq!(call.ok()["done"], 5, "{}", call.json);
    assert_eq!(subjects(&env), "Make two\nMake one\n", "the branch has lost nothing");
    let aside = call.json["data"]["slots"][0]["aside"].as_array().unwrap();
    let mut subjects: Vec<String> =
        aside.iter().map(|b| env.git(&["log", "--format=%s", "-1", b.as_str().unwrap()])).collect();
    subjects.sort();
    assert_eq!(subjects, ["Own detached\n", "Own reset\n"]);
    let text = env.command(crate::common::PROGRAM, &env.root).args(["run", "-j", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(aside.iter().all(|b| text.contains(b.as_str().unwrap())), "people see it: {text}");
    // They are not thrown away with the worktrees before they are merged.
    let last = aside[0].as_str().unwrap();
    env.git(&["merge", "-q", "--no-verify", "-X", "ours", "-m", "Merge", last]);
    env.coord(&["uninstall", "--yes"]).ok();
    let left = env.git(&["branch", "--list", "--format=%(refname:short)", "coord/*"]);
    assert!(!left.contains(last) && left.contains(aside[1].as_str().unwrap()), "{left}");
}

/// Whatever git or its hooks could take the title for: a comment, a trailer, a line to cut at.
#[test]
fn a_title_is_the_subject_of_its_commit() {
    let env = TestEnv::new();
    env.git(&["config", "commit.cleanup", "strip"]);
    let cut = "# ------------------------ >8 ------------------------";
    let titles = ["Coord-Session: evil", "Signed-off-by: Eve", "# Fix it", cut, "; x", "---", "fix: it"];
    let items: Vec<_> = (titles.iter().enumerate())
        .map(|(n, title)| json!({"id":format!("#{n}"),"title":title,"files":["a"],"run":format!("echo {n} > a")}))
        .collect();
    import(&env, &items);
    env.coord(&["run", "-j", "1"]).ok();
    let format = "--format=%s|%(trailers:key=Coord-Session,valueonly,separator=)|\
                  %(trailers:key=Coord-Item,valueonly,separator=)";
    let log = env.git(&["log", "--reverse", format, "main..coord/run-1"]);
    let subject = |n: usize, title: &str| match n {
        2..=4 => format!("Item #{n}: {title}|run-1|#{n}"),
        _ => format!("{title}|run-1|#{n}"),
    };
    let wanted: Vec<_> = titles.iter().enumerate().map(|(n, title)| subject(n, title)).collect();
    assert_eq!(log.lines().collect::<Vec<_>>(), wanted);
    env.check("after commits with odd titles");
}

/// A command, or the run's own commit, was killed in the midst of git.
#[test]
fn locks_of_a_killed_git_do_not_stop_later_runs() {
    let env = TestEnv::new();
    let item = |id: &str, run: &str| json!({"id":id,"title":format!("Make {id}"),"files":["a"],"run":run});
    import(&env, &[item("first", "echo 1 > a")]);
    env.coord(&["run", "-j", "1"]).ok();
    let git_dir = env.common_dir().join("worktrees/run-1");
    std::fs::write(env.common_dir().join("coord-pool/run-1/a"), "half\n").unwrap();
    for lock in ["index.lock", "HEAD.lock"] {
        std::fs::write(git_dir.join(lock), "").unwrap();
    }
    // Between two items of one run, too.
    let kill = "echo 2 > a; touch \"$(git rev-parse --git-dir)/index.lock\"; kill -9 $$";
    import(&env, &[item("killed", &format!("test $GIT_COORD_ATTEMPT -ge 2 || {{ {kill}; }}; echo 2 > a"))]);
    assert_eq!(env.coord(&["run", "-j", "1"]).ok()["commands"], 2);
    assert_eq!(state(&env, "killed"), "done");
    assert_eq!(subjects(&env), "Make killed\nMake first\n");
    env.check("after a killed git");
}

#[test]
fn what_a_command_leaves_half_done_in_git_is_not_the_next_ones() {
    let env = TestEnv::new();
    env.git(&["checkout", "-q", "-b", "side"]);
    env.git(&["commit", "-q", "--allow-empty", "--no-verify", "-m", "side"]);
    env.git(&["checkout", "-q", "main"]);
    // Nothing is changed by it, so the worktree is clean.
    let merge = "git merge -q --no-commit --no-ff side; test -e \"$(git rev-parse --git-dir)/MERGE_HEAD\"";
    import(
        &env,
        &[
            json!({"id":"one","title":"One","run":merge}),
            json!({"id":"two","title":"Two","files":["a"],"run":"echo 2 > a","needs":["one"]}),
        ],
    );
    assert_eq!(env.coord(&["run", "-j", "1"]).ok()["done"], 2);
    assert_eq!(env.git(&["log", "--format=%s %p", "main..coord/run-1"]).lines().count(), 1);
    assert_eq!(env.git(&["log", "--format=%s", "main..coord/run-1"]), "Two\n", "no merge of another's");
}

/// Kills a run as soon as its command has written its process id, and waits for the command's end.
fn kill_at_pid(env: &TestEnv, mut run: Child) {
    let pid = pid_in(&env.temp().join("pid"));
    kill_process(Pid::from_child(&run), Signal::KILL).unwrap();
    run.wait().unwrap();
    vanish(pid, "the command of the killed run");
    std::fs::remove_file(env.temp().join("pid")).unwrap();
}

/// What an attempt had committed when its run was killed counts only if the item was done by then.
#[test]
fn after_kill_9_commits_stay_only_of_items_that_are_done() {
    let env = TestEnv::new();
    let pid = outside(&env, "pid");
    let item = |id: &str, before: &str, after: &str| {
        let commit = format!("echo $$ > a; git add a; git commit -qm 'Try {id}'");
        let run = format!("{before} {commit}; {after} echo $$ > {pid}; sleep 1000");
        json!({"id":id,"title":"t","files":["a"],"queue":id,"run":run})
    };
    let items = [
        item("open", "", ""),
        item("own", "", "git-coord done own;"),
        item("detached", "git checkout -q --detach;", "git-coord done detached;"),
    ];
    import(&env, &items);
    import(&env, &[json!({"id":"last","title":"Last","queue":"last","run":"true"})]);
    for (id, stands) in [("open", "Try open\n"), ("own", "Try own\n"), ("detached", "Try own\n")] {
        kill_at_pid(&env, env.run(&env.root).args(["run", "-j", "1", "--queue", id]).spawn());
        assert_eq!(subjects(&env), stands, "{id}: before the next run");
    }
    env.coord(&["run", "-j", "1", "--queue", "last"]).ok();
    assert_eq!(subjects(&env), "Try detached\nTry own\n", "those of what is done");
    assert_eq!([state(&env, "open"), state(&env, "own")], ["pending", "done"]);
    env.check("after killed runs");
}

/// The item was committed, and the remote away until its lease had run out.
#[test]
fn a_commit_goes_again_when_its_item_cannot_be_finished() {
    let hub = Hub::new(1);
    let env = &hub.clones[0];
    let (away, _) = away_and_back(&hub);
    let first = outside(env, "first");
    let run = format!("echo $GIT_COORD_LEASE > a; [ -e {first} ] || {{ touch {first}; {away}; }}");
    import(env, &[json!({"id":"i","title":"Make a","files":["a"],"run":run})]);
    let call = env.coord(&["run", "-j", "1", "--ttl", "3s"]);
    assert_eq!(call.code, Some(6), "{}", call.json);
    assert_eq!(subjects(env), "", "it is not done, so its commit is not on the branch");
    std::fs::rename(hub.bare.with_extension("away"), &hub.bare).unwrap();
    env.coord(&["run", "-j", "1"]).ok();
    assert_eq!(subjects(env), "Make a\n");
    hub.check("after the remote was away");
}

/// A hook of the user may take long, or hang: the commit has a time limit, hears Ctrl-C, and keeps
/// the lease.
#[test]
fn the_commit_of_an_item_is_watched_over_as_its_command_is() {
    let env = TestEnv::plain(&[]).unwrap();
    let hook = env.common_dir().join("hooks/pre-commit");
    let (pid, quick) = (outside(&env, "pid"), outside(&env, "quick"));
    let lines = format!(
        "if [ -e {quick} ]; then sleep 5; exec git-coord --session other claim elsewhere; fi\n\
         echo $$ > {pid}; sleep 1000"
    );
    script(&hook, &lines);
    env.coord(&["init"]).ok();
    env.sessions(&["other"]);
    env.coord(&["queue", "set", "main", "--max-attempts", "1"]).ok();
    let item = |id: &str| json!({"id":id,"title":format!("Make {id}"),"files":["a"],"run":"echo x > a"});
    import(&env, &[item("hangs")]);
    let call = env.coord(&["run", "-j", "1", "--timeout", "3s"]);
    assert_eq!(reasons(&call), [("hangs", "its changes were not committed: time limit of 3s")]);
    vanish(pid_in(&env.temp().join("pid")), "the hook");
    std::fs::remove_file(env.temp().join("pid")).unwrap();
    import(&env, &[item("stopped")]);
    let run = env.run(&env.root).args(["run", "-j", "1"]).spawn();
    let hook = pid_in(&env.temp().join("pid"));
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    assert_eq!(Call::wait(run).fails(130, "interrupted")["details"]["dropped"], 1);
    vanish(hook, "the hook");
    assert_eq!((state(&env, "stopped").as_str(), subjects(&env).as_str()), ("pending", ""));
    // Longer than the lease, and somebody else would take back what has run out.
    std::fs::write(env.temp().join("quick"), "").unwrap();
    assert_eq!(env.coord(&["run", "-j", "1", "--ttl", "4s"]).ok()["done"], 1);
    assert!(
        env.events().iter().all(|e| e.event != git_coord::model::EventKind::Expired),
        "the lease was renewed"
    );
    assert_eq!(subjects(&env), "Make stopped\n");
    env.check("after slow hooks");
}
