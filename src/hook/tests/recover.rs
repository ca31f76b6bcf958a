//! Killed, repeated, at once, and of another version.

use std::fs;
use std::path::Path;

use super::super::*;
use super::{Scene, script, snapshot};

#[test]
fn whatever_a_killed_process_leaves_is_healed() {
    // Each leaves the folder as it is after one step; `first` is the hook from before.
    type Leave = fn(&Path);
    let cases: &[(&str, Leave)] = &[
        ("second name", |dir| {
            fs::hard_link(dir.join("pre-commit"), dir.join("pre-commit.coord-chained")).unwrap()
        }),
        ("moved away, no hard links", |dir| {
            fs::rename(dir.join("pre-commit"), dir.join("pre-commit.coord-chained")).unwrap()
        }),
        ("shim unfinished", |dir| {
            fs::hard_link(dir.join("pre-commit"), dir.join("pre-commit.coord-chained")).unwrap();
            fs::write(dir.join(".git-coord-hook-Ab12"), "#!/bin/sh").unwrap();
        }),
    ];
    for (name, leave) in cases {
        for heal_by_install in [true, false] {
            let scene = Scene::new();
            script(&scene.hooks().join("pre-commit"), &scene.logging("first", ""));
            let before = snapshot(&scene.hooks());
            leave(&scene.hooks());
            if heal_by_install {
                scene.install();
                assert_eq!(scene.commit(&scene.repo.root).1, ["first ", "coord hook pre-commit"], "{name}");
            }
            scene.uninstall();
            assert_eq!(snapshot(&scene.hooks()), before, "{name}");
        }
    }
    // A shim deleted by hand, as its message says for the case of no earlier hook.
    let scene = Scene::new();
    script(&scene.hooks().join("pre-commit"), &scene.logging("first", ""));
    let before = snapshot(&scene.hooks());
    scene.install();
    fs::remove_file(scene.hooks().join("pre-commit")).unwrap();
    assert_eq!(scene.install()["pre-commit"], Change::Chained(Tool::Unknown));
    fs::remove_file(scene.hooks().join("pre-commit")).unwrap();
    scene.uninstall();
    assert_eq!(snapshot(&scene.hooks()), before);
}

#[test]
fn many_at_once_do_what_one_does() {
    let scene = Scene::new();
    script(&scene.hooks().join("pre-commit"), &scene.logging("first", ""));
    let before = snapshot(&scene.hooks());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| install(&scene.repo.host(), &scene.binary).unwrap());
        }
    });
    assert_eq!(scene.commit(&scene.repo.root).1, ["first ", "coord hook pre-commit"]);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let scene = &scene;
            scope.spawn(move || match n % 2 {
                0 => drop(install(&scene.repo.host(), &scene.binary).unwrap()),
                _ => drop(uninstall(&scene.repo.host()).unwrap()),
            });
        }
    });
    scene.uninstall();
    assert_eq!(snapshot(&scene.hooks()), before);
}

#[test]
fn an_older_shim_is_replaced_and_a_newer_one_left() {
    let scene = Scene::new();
    let hook = scene.hooks().join("pre-commit");
    script(&hook, "#!/bin/sh\n# git-coord hook shim v0\nexit 1\n");
    assert_eq!(scene.install()["pre-commit"], Change::Updated);
    script(&hook, "#!/bin/sh\n# git-coord hook shim v99\nexit 0\n");
    assert_eq!(scene.install()["pre-commit"], Change::Unchanged);
    assert_eq!(scene.state(&scene.repo.root, Hook::PreCommit).version, Some(99));
    scene.uninstall();
    assert!(!hook.exists());
}
