//! The write queue: group commits, and `--wait`.

use std::fs::File;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use git_coord::store::StoreError;

use crate::common::{Call, TestEnv, claim_op};

/// The store's lock, held by the test as if a writer were at work.
pub fn hold(env: &TestEnv) -> File {
    let file = File::options().create(true).append(true).open(env.store_dir().join("coord.lock")).unwrap();
    file.lock().unwrap();
    file
}

/// The operations that wait now.
pub fn waiting(env: &TestEnv) -> usize {
    let Ok(entries) = std::fs::read_dir(env.store_dir().join("write-queue")) else { return 0 };
    entries.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "op")).count()
}

/// Waits until `n` operations wait; no assumption about how long that takes.
pub fn until_waiting(env: &TestEnv, n: usize) {
    for _ in 0..6000 {
        if waiting(env) >= n {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} of {n} processes have joined the write queue", waiting(env));
}

/// Files that hand over operations and answers.
pub fn left_in_queue(env: &TestEnv) -> Vec<String> {
    let entries = std::fs::read_dir(env.store_dir().join("write-queue")).unwrap();
    entries.flatten().map(|e| e.file_name().into_string().unwrap()).collect()
}

fn commits(env: &TestEnv) -> usize {
    let text = env.git_in(&env.store_dir(), &["--git-dir=.", "rev-list", "--count", "refs/coord/state"]);
    text.trim().parse().unwrap()
}

fn claim(env: &TestEnv, session: &str, paths: &[&str], more: &[&str]) -> Child {
    env.run(&env.root).session(session).args(["claim"]).args(more).args(paths).spawn()
}

#[test]
fn operations_that_wait_are_done_together_and_all_are_answered() {
    let env = TestEnv::new();
    let names: Vec<String> = (0..20).map(|i| format!("s{i}")).collect();
    env.sessions(&names);
    let before = commits(&env);
    let lock = hold(&env);
    let children: Vec<Child> = names.iter().map(|n| claim(&env, n, &["shared-folder", n], &[])).collect();
    until_waiting(&env, names.len());
    drop(lock);
    let calls: Vec<Call> = children.into_iter().map(Call::wait).collect();
    let granted = calls.iter().filter(|c| c.code == Some(0)).count();
    assert_eq!(granted, 1, "one of twenty gets the folder");
    for call in calls.iter().filter(|c| c.code != Some(0)) {
        call.fails(4, "held");
    }
    assert_eq!(env.claimed().len(), 2, "the folder and the winner's own path, nothing of the losers");
    let made = commits(&env) - before;
    assert!(made <= 3, "twenty operations that waited together took {made} commits");
    assert_eq!(left_in_queue(&env), Vec::<String>::new(), "the write queue is empty again");
    env.check("after a group commit");
}

#[test]
fn a_process_that_is_killed_while_it_waits_has_no_effect() {
    let env = TestEnv::new();
    env.sessions(&["dead", "alive"]);
    let lock = hold(&env);
    let mut dead = claim(&env, "dead", &["x"], &[]);
    until_waiting(&env, 1);
    dead.kill().unwrap();
    dead.wait().unwrap();
    let alive = claim(&env, "alive", &["y"], &[]);
    until_waiting(&env, 2);
    drop(lock);
    Call::wait(alive).ok();
    assert_eq!(env.claimed(), [("y".to_owned(), "alive".to_owned())], "only the living process has claimed");
    assert_eq!(left_in_queue(&env), Vec::<String>::new(), "what the dead process left is gone");
}

#[test]
fn sessions_that_wait_for_a_path_get_it_in_order_of_arrival() {
    let env = TestEnv::new();
    let names = ["first", "second", "third", "fourth"];
    env.sessions(&names);
    env.sessions(&["holder"]);
    env.claim("holder", &["x"], 3600);
    let mut children: Vec<Child> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        children.push(claim(&env, name, &["x"], &["--wait", "60s"]));
        until_waiting(&env, i + 1);
    }
    let mut holder = "holder";
    for (name, child) in names.iter().zip(children) {
        assert_eq!(env.claimed(), [("x".to_owned(), holder.to_owned())], "{name} waits for {holder}");
        env.coord_as(holder, &["release", "x"]).ok();
        // The release itself hands the path on: at no time is it free.
        assert_eq!(env.claimed(), [("x".to_owned(), (*name).to_owned())], "{name} is next in line");
        Call::wait(child).ok();
        holder = name;
    }
    env.check("after a line of waiting sessions");
}

#[test]
fn who_waits_gets_the_path_when_the_lease_runs_out() {
    let env = TestEnv::new();
    env.sessions(&["holder", "waiter"]);
    env.claim("holder", &["x/y"], 1);
    // Nobody changes anything meanwhile: the waiting process must notice by itself.
    let call = claim(&env, "waiter", &["x"], &["--wait", "60s"]);
    Call::wait(call).ok();
    assert_eq!(env.claimed(), [("x".to_owned(), "waiter".to_owned())]);
    env.coord_as("holder", &["release", "x/y"]).fails(3, "lost");
}

#[test]
fn who_waits_in_vain_is_refused_in_the_end_and_leaves_nothing() {
    let env = TestEnv::new();
    env.sessions(&["holder", "waiter"]);
    env.claim("holder", &["x"], 3600);
    let before = env.generation();
    let call = Call::wait(claim(&env, "waiter", &["x", "free"], &["--wait", "1s"]));
    assert_eq!(call.fails(4, "held")["details"]["holders"][0]["session"], "holder");
    assert_eq!(env.claimed(), [("x".to_owned(), "holder".to_owned())], "the free path was not taken either");
    assert_eq!(env.generation(), before, "waiting in vain changes nothing");
    assert_eq!(left_in_queue(&env), Vec::<String>::new());
    env.coord_as("holder", &["release", "x"]).ok();
    assert!(env.claimed().is_empty(), "who has gone away is not given anything later");
}

#[test]
fn a_killed_waiter_is_passed_over() {
    let env = TestEnv::new();
    env.sessions(&["holder", "dead", "alive"]);
    env.claim("holder", &["x"], 3600);
    let mut dead = claim(&env, "dead", &["x"], &["--wait", "60s"]);
    until_waiting(&env, 1);
    let alive = claim(&env, "alive", &["x"], &["--wait", "60s"]);
    until_waiting(&env, 2);
    dead.kill().unwrap();
    dead.wait().unwrap();
    env.coord_as("holder", &["release", "x"]).ok();
    Call::wait(alive).ok();
    assert_eq!(env.claimed(), [("x".to_owned(), "alive".to_owned())], "the dead are given nothing");
}

#[test]
fn next_waits_for_an_item_and_each_goes_to_one_session() {
    let env = TestEnv::new();
    env.sessions(&["a", "b", "c"]);
    env.import("{\"id\":\"first\",\"title\":\"t\"}\n").ok();
    env.coord_as("c", &["next"]).ok();
    let next = |s: &str| env.run(&env.root).session(s).args(["next", "--wait", "60s"]).spawn();
    let children = [next("a"), next("b")];
    until_waiting(&env, 2);
    env.import("{\"id\":\"one\",\"title\":\"t\"}\n{\"id\":\"two\",\"title\":\"t\"}\n").ok();
    let mut got: Vec<String> = children.into_iter().flat_map(|c| Call::wait(c).items()).collect();
    got.sort();
    assert_eq!(got, ["one", "two"], "both who waited got an item of their own");
    env.check("after waiting for items");
}

/// Ends the threads that look at the flag, also when the test fails: they would be waited for.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Somebody moves the ref with git's own commands while we write: the compare-and-swap notices.
#[test]
fn a_writer_that_does_not_know_the_lock_loses_nothing_of_ours() {
    let env = TestEnv::on_disk();
    env.sessions(&["a"]);
    let store = env.store_dir();
    let stop = AtomicBool::new(false);
    let moved = AtomicU32::new(0);
    let (mut ours, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let git = |args: &[&str]| env.git_in(&store, args).trim().to_owned();
            while !stop.load(Relaxed) {
                let old = git(&["--git-dir=.", "rev-parse", "refs/coord/state"]);
                let tree = format!("{old}^{{tree}}");
                // The same state once more: its tree, and what its message has on top of it.
                let message = git(&["--git-dir=.", "log", "-1", "--format=%B", &old]);
                let delta = message.lines().find(|l| l.starts_with("delta ")).unwrap_or_default();
                let text = format!("rival\n\n{delta}");
                let new = git(&["--git-dir=.", "commit-tree", "-p", &old, "-m", &text, &tree]);
                let update = ["--git-dir=.", "update-ref", "refs/coord/state", &new, &old];
                let won = env.command("git", &store).args(update).output().unwrap().status.success();
                moved.fetch_add(u32::from(won), Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let _stop = StopAtEnd(&stop);
        let store = env.store();
        while ours < 60 || (moved.load(Relaxed) < 5 && ours < 1000) {
            match store.submit(&claim_op("a", &[&format!("p{ours}")], 3600), None) {
                Ok(_) => ours += 1,
                // `busy`, the documented answer when the ref keeps changing: nothing was done.
                Err(StoreError::Contended { .. }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            assert!(refused < 60, "busy again and again: the rival starves us");
            std::thread::sleep(Duration::from_millis(ours % 20));
        }
    });
    assert!(moved.load(Relaxed) > 0, "the rival has moved the ref");
    assert_eq!(env.claimed().len() as u64, ours, "every claim that was granted is there");
    env.check("after writes by a rival");
}
