//! A clone that dies while it meets a remote, or before it meets it again under another name.

use std::path::PathBuf;

use super::clones::sessions;
use crate::common::clones::Hub;
use crate::common::{Call, TestEnv, wait_until};

/// Whether its last push has come through is found out under the new name.
#[test]
fn a_push_that_was_cut_off_is_settled_under_the_remotes_new_name() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    sessions(&hub, &["alice", "bob"]);
    for n in 1..40 {
        let path = format!("p{n}");
        let call = a.run(&a.root).args(["claim", &path]).crash_at(n).call();
        let (old, new) = if n % 2 == 1 { ("origin", "hub") } else { ("hub", "origin") };
        a.git(&["remote", "rename", old, new]);
        a.coord(&["init", "--remote", new]).ok();
        a.coord(&["claim", &path]).ok();
        b.coord(&["claim", &path]).fails(4, "held");
        if !call.crashed() {
            // And where the server is a new one.
            let fresh = hub.bare.with_extension("fresh");
            a.git_in(a.temp(), &["init", "-q", "--bare", fresh.to_str().unwrap()]);
            let crashed = a.run(&a.root).args(["claim", "last"]).crash_at(n / 2).call();
            assert!(crashed.crashed());
            a.git(&["remote", "set-url", new, fresh.to_str().unwrap()]);
            a.git(&["remote", "rename", new, "fresh"]);
            a.coord(&["init", "--remote", "fresh"]).ok();
            a.coord(&["claim", "last"]).ok();
            a.check("on a new server");
            return hub.clones[1].check("at the end");
        }
    }
    panic!("a claim takes more than 40 steps");
}

/// Joins in four ways, and dies at each step of them; then the same call makes up for it.
#[test]
fn joining_can_be_repeated_after_a_death_at_any_step() {
    joining_survives("the first clone", |_, _| {}, &[]);
    joining_survives(
        "a clone that has worked by itself",
        |a, _| {
            a.coord(&["init"]).ok();
            a.coord(&["session", "start", "alice"]).ok();
            a.coord(&["claim", "kept"]).ok();
        },
        &[],
    );
    joining_survives(
        "a new clone beside others",
        |_, b| {
            b.coord(&["init", "--remote", "origin"]).ok();
            b.coord(&["session", "start", "bob"]).ok();
            b.coord(&["claim", "theirs"]).ok();
        },
        &[],
    );
    joining_survives(
        "a clone that gives up what it has",
        |a, b| {
            a.coord(&["init"]).ok();
            a.coord(&["session", "start", "gone"]).ok();
            b.coord(&["init", "--remote", "origin"]).ok();
            b.coord(&["session", "start", "bob"]).ok();
            b.coord(&["claim", "theirs"]).ok();
        },
        &["--discard"],
    );
}

fn joining_survives(what: &str, prepare: fn(&TestEnv, &TestEnv), more: &[&str]) {
    let join = [&["init", "--remote", "origin"], more].concat();
    for n in 1..60 {
        let when = format!("{what}: died at {n}");
        let hub = Hub::unjoined(2, &[]).unwrap();
        let [a, b] = &hub.clones[..] else { unreachable!() };
        prepare(a, b);
        let had_store = a.store_dir().exists();
        let call = a.run(&a.root).args(&join).crash_at(n).call();
        // A store that was not there before never decides by itself.
        let (store, authority) = (a.store_dir().exists(), a.store_dir().join("arbiter.json").exists());
        assert!(!store || authority || had_store, "{when}");
        assert_eq!(a.coord(&join).ok()["remote"], "origin", "{when}");
        a.coord(&["hooks", "status"]).ok();
        b.coord(&["init", "--remote", "origin"]).ok();
        a.coord(&["session", "start", "alice"]).ok();
        b.coord(&["session", "start", "bob"]).ok();
        a.coord(&["claim", "x"]).ok();
        b.coord(&["claim", "x"]).fails(4, "held");
        let held: Vec<String> = a.claimed().into_iter().map(|(path, _)| path).collect();
        let kept = ["kept", "theirs"].into_iter().find(|path| held.iter().any(|h| h == path));
        let expected = match what {
            "the first clone" => None,
            "a clone that has worked by itself" => Some("kept"),
            _ => Some("theirs"),
        };
        assert_eq!(kept, expected, "{when}");
        a.coord(&["doctor", "--remote"]).ok();
        hub.check(&when);
        if !call.crashed() {
            assert!(n > 3, "{what}: only {n} steps");
            return;
        }
    }
    panic!("{what}: more than 60 steps");
}

/// Killed while the remote does not answer. The next call, without a doctor, finds what it has left:
/// a store does not exist. A join that is still at work is left alone.
#[test]
fn what_a_killed_join_has_left_is_swept_up_by_the_next() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    a.git(&["config", "coord.remoteTimeout", "20s"]);
    a.git(&["config", "remote.origin.uploadpack", "exec sleep 30; :"]);
    let made = || -> Vec<PathBuf> {
        let all = std::fs::read_dir(a.common_dir()).unwrap().map(|e| e.unwrap().path());
        all.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("coord.new-")).collect()
    };
    let join = || a.run(&a.root).args(["init", "--remote", "origin"]).in_own_group().spawn();
    let mut killed = join();
    wait_until("it asks the remote", || made().iter().any(|p| p.join("coord.lock").exists()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let dead = made();
    let alive = join();
    wait_until("another asks the remote", || {
        made().iter().any(|p| !dead.contains(p) && p.join("coord.lock").exists())
    });
    for folder in made() {
        a.command("touch", &a.root).args(["-d", "1 hour ago"]).args([&folder]).output().unwrap();
    }
    a.git(&["config", "--unset", "remote.origin.uploadpack"]);
    let before = made();
    a.coord(&["init", "--remote", "origin"]).ok();
    let left = made();
    assert!(!left.contains(&dead[0]), "the dead one's is left");
    assert!(
        before.iter().filter(|p| !dead.contains(p)).all(|p| left.contains(p)),
        "the living one's is gone"
    );
    Call::wait(alive);
    assert_eq!(made(), Vec::<PathBuf>::new());
}
