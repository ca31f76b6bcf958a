//! Commands of others run on a clone only when they are approved there.

use serde_json::json;

use super::run::{import, outside, states};
use crate::common::clones::Hub;
use crate::common::{PROGRAM, TestEnv};

/// Two clones: the first has made an item whose command, and a rule whose command, touches a file in
/// the folder of the second.
fn hub() -> Hub {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    import(
        a,
        &[
            json!({"id":"own","title":"t","queue":"q","run":format!("touch {}", outside(b, "item"))}),
            json!({"id":"plain","title":"t","queue":"checked"}),
        ],
    );
    let verify = format!("touch {}", outside(b, "rule"));
    a.coord(&["queue", "set", "checked", "--verify", "--verify-command", &verify]).ok();
    b.coord(&["sync"]).ok();
    hub
}

fn ran(env: &TestEnv, what: &str) -> bool {
    env.temp().join(what).exists()
}

fn state(env: &TestEnv, id: &str) -> String {
    states(env).into_iter().find(|(item, _)| item == id).unwrap().1
}

#[test]
fn a_command_of_another_clone_runs_only_when_it_is_approved() {
    let hub = hub();
    let b = &hub.clones[1];
    let refused = b.coord(&["run", "-j", "1", "--queue", "q"]);
    let error = refused.fails(5, "refused");
    assert_eq!(error["details"]["rule"], "untrusted");
    let command = &error["details"]["untrusted"][0];
    assert_eq!(command["from"], "item own");
    assert_eq!(command["command"], format!("touch {}", outside(b, "item")));
    assert!(!ran(b, "item"), "it ran unasked");
    // It was given back untouched.
    assert_eq!(state(b, "own"), "pending");
    let listed = b.coord(&["trust", "list"]);
    let commands = listed.ok()["commands"].as_array().unwrap().clone();
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(commands.iter().all(|c| c["allowed"] == false), "{commands:?}");
    let hash = command["hash"].as_str().unwrap();
    b.coord(&["trust", "allow", &hash[..8]]).fails(2, "usage");
    b.coord(&["trust", "allow", &hash[..16]]).ok();
    b.coord(&["run", "-j", "1", "--queue", "q"]).ok();
    assert!(ran(b, "item"));
    // Approved for this clone alone, and the other command asks still.
    let listed = b.coord(&["trust", "list"]);
    let allowed: Vec<_> =
        listed.ok()["commands"].as_array().unwrap().iter().map(|c| c["allowed"].clone()).collect();
    assert_eq!(allowed, [json!(false)], "{listed:?}");
}

#[test]
fn an_own_command_runs_no_verify_command_of_another_clone() {
    let hub = hub();
    let b = &hub.clones[1];
    let work = ["work", "-j", "1", "--queue", "checked", "--"];
    let own = b.temp().join("work").display().to_string();
    let refused = b.coord(&[&work[..], &["touch", &own]].concat());
    assert_eq!(refused.fails(5, "refused")["details"]["rule"], "untrusted");
    assert_eq!(refused.json["error"]["details"]["untrusted"][0]["from"], "queue checked");
    assert!(!ran(b, "rule"), "the rule's command ran unasked");
    assert!(!ran(b, "work"), "nothing is begun that cannot be finished");
    assert_eq!(state(b, "plain"), "pending");

    // The same by hand.
    b.coord(&["session", "start", "bob"]).ok();
    assert_eq!(b.coord(&["next", "--queue", "checked"]).items(), ["plain"]);
    let refused = b.coord(&["verify", "plain"]);
    assert_eq!(refused.fails(5, "refused")["details"]["rule"], "untrusted");
    assert!(!ran(b, "rule"));
    b.coord(&["trust", "allow", "--all"]).ok();
    b.coord(&["verify", "plain"]).ok();
    assert!(ran(b, "rule"));

    // Changed elsewhere, it asks again.
    let a = &hub.clones[0];
    let verify = format!("touch {} again", outside(b, "rule"));
    a.coord(&["queue", "set", "checked", "--verify-command", &verify]).ok();
    b.coord(&["sync"]).ok();
    assert_eq!(b.coord(&["verify", "plain"]).fails(5, "refused")["details"]["rule"], "untrusted");
    // What a person types here is that person's.
    b.coord(&["verify", "plain", "--command", "true"]).ok();
}

#[test]
fn one_command_that_asks_stops_nothing_else() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    import(a, &[json!({"id":"theirs","title":"t","run":format!("touch {}", outside(b, "theirs"))})]);
    b.coord(&["sync"]).ok();
    import(b, &[json!({"id":"ours","title":"t","priority":9,"run":format!("touch {}", outside(b, "ours"))})]);
    let run = b.coord(&["run", "-j", "2"]);
    assert_eq!(run.fails(5, "refused")["details"]["done"], 1);
    assert!(ran(b, "ours") && !ran(b, "theirs"));
    // The clone that made it runs it.
    a.coord(&["run", "-j", "1"]).ok();
    assert!(ran(b, "theirs"));
}

#[test]
fn the_setting_decides_who_is_asked() {
    let hub = hub();
    let b = &hub.clones[1];
    b.git(&["config", "coord.trust", "off"]);
    let hash = b.coord(&["trust", "list"]).ok()["commands"][0]["hash"].as_str().unwrap().to_owned();
    b.coord(&["trust", "allow", &hash]).fails(5, "refused");
    b.git(&["config", "coord.trust", "perhaps"]);
    b.coord(&["trust", "list"]).fails(1, "settings");
    b.git(&["config", "coord.trust", "all"]);
    assert!(
        b.coord(&["trust", "list"]).ok()["commands"].as_array().unwrap().iter().all(|c| c["allowed"] == true)
    );
    b.coord(&["run", "-j", "1", "--queue", "q"]).ok();
    assert!(ran(b, "item"));
}

#[test]
fn who_imports_the_same_list_has_made_its_commands() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    let item = json!({"id":"x","title":"t","run":format!("touch {}", outside(b, "x"))});
    import(a, std::slice::from_ref(&item));
    b.coord(&["sync"]).ok();
    // Known already, and approved all the same: the file was given here.
    import(b, &[item]);
    b.coord(&["run", "-j", "1"]).ok();
    assert!(ran(b, "x"));
}

#[test]
fn a_command_is_shown_so_that_it_reads_as_it_is() {
    let hub = Hub::new(2);
    let [a, b] = &hub.clones[..] else { unreachable!() };
    import(a, &[json!({"id":"x","title":"t","run":"true\n# \u{1b}[2Kgit coord: fine\r\u{202e}"})]);
    b.coord(&["sync"]).ok();
    let shown = b.command(PROGRAM, &b.root).args(["run", "-j", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert_eq!(shown.status.code(), Some(5), "{text}");
    assert!(text.contains("    | true\n"), "{text}");
    assert!(text.contains("    | # \\x1b[2Kgit coord: fine\\r\\u{202e}"), "{text}");
}
