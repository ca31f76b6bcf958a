//! Many sessions claim overlapping paths at the same moment.

use std::process::Child;

use crate::common::{Call, Dice, TestEnv, path};

const SESSIONS: usize = 24;
const ROUNDS: usize = 8;
const PATHS: [&str; 12] = [
    "src",
    "src/a.rs",
    "src/b.rs",
    "src/deep",
    "src/deep/x.rs",
    "src/deep/y.rs",
    "docs",
    "docs/one.md",
    "docs/two.md",
    "Cargo.toml",
    "tests/t.rs",
    ".",
];

/// One or two paths; the root only now and then, because it is in everybody's way.
fn choose(dice: &mut Dice) -> Vec<&'static str> {
    let root = dice.below(40) == 0;
    if root {
        return vec!["."];
    }
    let mut paths = vec![PATHS[dice.below(11) as usize]];
    if dice.below(2) == 0 {
        paths.push(PATHS[dice.below(11) as usize]);
    }
    paths
}

#[test]
fn of_claims_that_overlap_exactly_one_wins_and_losers_leave_nothing() {
    let env = TestEnv::on_disk();
    let names: Vec<String> = (0..SESSIONS).map(|i| format!("s{i}")).collect();
    env.sessions(&names);
    let mut dice = Dice(0x5eed_1234_5678);
    let mut generation = env.generation();
    for round in 0..ROUNDS {
        let wanted: Vec<Vec<&str>> = names.iter().map(|_| choose(&mut dice)).collect();
        let children: Vec<Child> = names
            .iter()
            .zip(&wanted)
            .map(|(name, paths)| env.run(&env.root).session(name).args(["claim"]).args(paths).spawn())
            .collect();
        let calls: Vec<Call> = children.into_iter().map(Call::wait).collect();
        let mut won: Vec<(String, String)> = Vec::new();
        for (name, (paths, call)) in names.iter().zip(wanted.iter().zip(&calls)) {
            if call.code == Some(0) {
                let mut own: Vec<_> = paths.iter().map(|p| (path(p).to_string(), name.clone())).collect();
                own.sort();
                own.dedup();
                won.extend(own);
            }
        }
        won.sort();
        for (i, (a, one)) in won.iter().enumerate() {
            for (b, other) in won[i..].iter().filter(|(_, other)| other != one) {
                assert!(!path(a).overlaps(&path(b)), "round {round}: {one} won {a} and {other} won {b}");
            }
        }
        assert!(!won.is_empty(), "round {round}: the first session finds nobody in the way");
        assert_eq!(env.claimed(), won, "round {round}: what is claimed is what the winners were granted");
        for (name, (paths, call)) in names.iter().zip(wanted.iter().zip(&calls)) {
            if call.code != Some(0) {
                names_the_winner(call, name, paths, &won);
            }
        }
        env.check(&format!("round {round}"));
        let children: Vec<Child> =
            names.iter().map(|n| env.run(&env.root).session(n).args(["release", "--all"]).spawn()).collect();
        for child in children {
            Call::wait(child).ok();
        }
        assert!(env.claimed().is_empty(), "round {round}: everything was released");
        let now = env.generation();
        assert!(now > generation, "the generation rises with every change");
        generation = now;
    }
    env.fsck("after the races");
}

/// A refusal names paths that the winners of this round hold, and nobody else.
fn names_the_winner(call: &Call, name: &str, paths: &[&str], won: &[(String, String)]) {
    let error = call.fails(4, "held");
    let holders = error["details"]["holders"].as_array().expect("a refusal names the holders");
    assert!(!holders.is_empty(), "{name} was refused and nobody is named");
    for holder in holders {
        let text = |key: &str| holder[key].as_str().unwrap_or_else(|| panic!("{key} in {holder}")).to_owned();
        assert_ne!(text("session"), name, "nobody is in his own way");
        assert!(paths.iter().any(|p| path(p).to_string() == text("path")), "{holder} is not what was asked");
        assert!(path(&text("held")).overlaps(&path(&text("path"))), "{holder} is not in the way");
        assert!(text("expires").ends_with('Z'), "{holder} says until when, in UTC");
        let pair = (text("held"), text("session"));
        assert!(won.contains(&pair), "{holder} is not a winner of this round: {won:?}");
    }
}

/// Two sessions that take paths in opposite order cannot wait for each other for ever.
#[test]
fn sets_of_paths_are_taken_at_once_so_that_nobody_is_stuck_half_way() {
    let env = TestEnv::new();
    env.sessions(&["ab", "ba"]);
    for round in 0..6 {
        let claim = |session: &str, paths: [&str; 2]| {
            env.run(&env.root).session(session).args(["claim", "--wait", "30s"]).args(paths).spawn()
        };
        let children = [("ab", claim("ab", ["a", "b"])), ("ba", claim("ba", ["b", "a"]))];
        let (mut left, mut done) = (Vec::from(children), 0);
        while !left.is_empty() {
            left.retain_mut(|(session, child)| {
                if child.try_wait().unwrap().is_none() {
                    return true;
                }
                env.coord_as(session, &["release", "--all"]).ok();
                done += 1;
                false
            });
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert_eq!(done, 2, "round {round}: both had their turn");
    }
    assert!(env.claimed().is_empty());
    env.check("after claims in opposite order");
}
