//! A remote that is written at one place and read at another, and a clone that is at two places.

use crate::common::TestEnv;
use crate::common::clones::Hub;

#[test]
fn a_remote_that_is_written_elsewhere_cannot_decide() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    let fork = hub.bare.with_file_name("fork.git");
    a.git_in(a.temp(), &["clone", "-q", "--bare", hub.bare.to_str().unwrap(), fork.to_str().unwrap()]);
    a.git(&["remote", "set-url", "--push", "origin", fork.to_str().unwrap()]);
    let error = a.coord(&["init", "--remote", "origin"]).fails(6, "remote").clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("fork.git") && message.contains("hub.git"), "{message}");
    assert_eq!(a.git_in(&fork, &["for-each-ref", "refs/coord"]), "", "nothing is left there");
    assert!(!a.store_dir().exists(), "a store does not decide by itself without being asked to");
    a.git(&["remote", "set-url", "--push", "origin", hub.bare.to_str().unwrap()]);
    a.coord(&["init", "--remote", "origin"]).ok();
}

#[test]
fn a_server_that_hides_the_state_is_not_an_arbiter_and_keeps_nothing() {
    let hub = Hub::unjoined(1, &[]).unwrap();
    let a = &hub.clones[0];
    a.git_in(&hub.bare, &["config", "uploadpack.hideRefs", "refs/coord"]);
    let probe = a.coord(&["remote", "probe", "origin"]);
    assert_ne!(probe.code, Some(0), "{:?}", probe.json);
    a.coord(&["init", "--remote", "origin"]).fails(6, "remote");
    assert_eq!(a.git_in(&hub.bare, &["for-each-ref", "refs/coord"]), "", "nothing is left there");
}

#[test]
fn a_refusal_by_the_server_is_final_at_once_and_shows_its_words() {
    let hub = Hub::new(1);
    let a = &hub.clones[0];
    a.coord(&["session", "start", "alice"]).ok();
    let hook = hub.bare.join("hooks/pre-receive");
    let count = hub.bare.join("count");
    let lines = format!("echo x >>'{}'\necho 'no pushes on Fridays' >&2\nexit 1\n", count.display());
    crate::common::script(&hook, &lines);
    let error = a.coord(&["claim", "x"]).fails(6, "remote").clone();
    assert!(error["message"].as_str().unwrap().contains("no pushes on Fridays"), "{error}");
    assert_eq!(error["details"]["outcome"], "unchanged");
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1, "asked once");
}

/// Two containers of one image: the same folder, inode, host name, and name as a clone.
#[test]
fn two_clones_under_one_name_part() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    a.coord(&["session", "start", "alice"]).ok();
    b.coord(&["session", "start", "bob"]).ok();
    let name = |env: &TestEnv| env.coord(&["remote"]).ok()["clone"].as_str().unwrap().to_owned();
    let (of_a, of_b) = (name(a), name(b));
    // In its place, so that the file's inode stays.
    let file = b.store_dir().join("arbiter.json");
    let text = std::fs::read_to_string(&file).unwrap().replace(&of_b, &of_a);
    std::fs::write(&file, text).unwrap();
    std::fs::copy(a.store_dir().join("brought.json"), b.store_dir().join("brought.json")).unwrap();
    assert_eq!(name(b), of_a);
    a.coord(&["claim", "one"]).ok();
    b.coord(&["claim", "two"]).ok();
    assert_ne!(name(b), of_a, "it goes by a name of its own");
    a.coord(&["claim", "three"]).ok();
    assert_eq!(name(a), of_a, "the other one keeps the name");
    hub.check("two clones");
}
