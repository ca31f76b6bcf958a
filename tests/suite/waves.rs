//! Waves through the real binary: submitted work lands in order, is taken back, and the plan is finished.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::{PROGRAM, TestEnv};

const PLAN: &str = r#"
[plan]
name = "w"
base = "main"
integration = "integration/w"
target = "main"
tags = ["w-complete"]
[workstream.A]
title = "First"
owns = ["a"]
[workstream.B]
title = "Second"
needs = ["A"]
owns = ["b"]
[workstream.C]
title = "Third"
owns = ["c"]
[[wave]]
day = 2
merge = ["A"]
gates = ["unit"]
[[wave]]
day = 3
merge = ["C", "B"]
[gate.unit]
run = "true"
[target.rollbacks]
value = "plan:rollbacks"
max = 0
"#;

struct Plan {
    env: TestEnv,
}

impl Plan {
    fn new() -> Self {
        let env = TestEnv::new();
        std::fs::write(env.root.join("coord.toml"), PLAN).unwrap();
        env.git(&["add", "."]);
        env.git(&["commit", "-q", "--no-verify", "-m", "plan"]);
        env.coord(&["plan", "apply"]).ok();
        Plan { env }
    }

    fn dir(&self, name: &str) -> PathBuf {
        let repo = self.env.root.file_name().unwrap().to_str().unwrap();
        self.env.root.parent().unwrap().join(format!("{repo}-{name}"))
    }

    /// The workstream is launched, writes its file, and submits it.
    fn submits(&self, id: &str) {
        self.env.coord(&["launch", id]).ok();
        let name = id.to_lowercase();
        let dir = self.dir(&name);
        std::fs::write(dir.join(&name), format!("{id}\n")).unwrap();
        self.env.git_in(&dir, &["add", "."]);
        self.env.git_in(&dir, &["commit", "-q", "-m", &format!("work of {id}")]);
        self.env.coord_in(&dir, &["submit"]).ok();
    }

    fn rev(&self, name: &str) -> String {
        self.env.git(&["rev-parse", name]).trim().to_owned()
    }

    fn subjects(&self, branch: &str) -> Vec<String> {
        let log = self.env.git(&["log", "--first-parent", "--format=%s", &format!("main..{branch}")]);
        log.lines().map(str::to_owned).collect()
    }

    fn state(&self, id: &str) -> Value {
        let status = self.env.coord(&["plan", "status"]).ok().clone();
        status["workstreams"].as_array().unwrap().iter().find(|w| w["id"] == id).unwrap()["state"].clone()
    }
}

#[test]
fn waves_land_in_order_with_the_messages_of_the_plan() {
    let plan = Plan::new();
    let early = plan.env.coord(&["wave", "integrate", "1"]).fails(5, "refused").clone();
    assert_eq!(early["details"]["rule"], "not-submitted");
    plan.submits("A");
    let one = plan.env.coord(&["wave", "integrate", "1"]).ok().clone();
    assert_eq!(
        (&one["wave"], &one["target"], &one["again"]),
        (&json!(1), &json!("integration/w"), &json!(false))
    );
    assert_eq!(one["ready_now"], json!(["B"]));
    assert_eq!(one["gates_not_run"], json!(["unit"]), "nobody takes it for a green one");
    assert_eq!(
        (plan.state("A"), plan.env.coord(&["wave", "integrate", "1"]).ok()["again"].clone()),
        (json!("landed"), json!(true))
    );
    plan.submits("C");
    plan.submits("B");
    plan.env.coord(&["wave", "integrate", "2"]).ok();
    let messages = ["Merge Wave 2b: B Second", "Merge Wave 2a: C Third", "Merge Wave 1: A First"];
    assert_eq!(plan.subjects("integration/w"), messages);
    // B began where A had landed.
    assert!(plan.env.git(&["show", "workstream/b:a"]).contains('A'));
    let waves = plan.env.coord(&["wave", "list"]).ok()["waves"].clone();
    assert!(waves.as_array().unwrap().iter().all(|w| w["state"] == "landed"), "{waves}");
}

#[test]
fn a_wave_is_taken_back_to_the_byte_and_lands_again() {
    let plan = Plan::new();
    plan.submits("A");
    plan.env.coord(&["wave", "integrate", "1"]).ok();
    let before = plan.rev("integration/w");
    plan.submits("C");
    plan.submits("B");
    plan.env.coord(&["wave", "integrate", "2"]).ok();
    assert_ne!(plan.rev("integration/w"), before);
    let back = plan.env.coord(&["wave", "rollback", "2"]).ok().clone();
    assert_eq!((plan.rev("integration/w"), &back["to"]), (before.clone(), &json!(before)));
    assert_eq!(
        (plan.state("B"), plan.state("C"), plan.state("A")),
        (json!("submitted"), json!("submitted"), json!("landed"))
    );
    plan.env.coord(&["wave", "integrate", "2"]).ok();
    assert_eq!(plan.subjects("integration/w").len(), 3);
    let report = plan.env.coord(&["report"]).ok().clone();
    assert_eq!((&report["rollbacks"], &report["targets"][0]["state"]), (&json!(1), &json!("missed")));
    plan.env.coord(&["wave", "rollback", "7"]).fails(1, "unknown-wave");
}

#[test]
fn a_member_that_conflicts_is_handed_back_and_the_rest_lands() {
    let plan = Plan::new();
    plan.submits("A");
    plan.env.coord(&["wave", "integrate", "1"]).ok();
    plan.submits("C");
    plan.submits("B");
    // Somebody's commit on the integration branch has another version of C's file.
    plan.env.git(&["worktree", "add", "-q", "../by-hand", "integration/w"]);
    let by_hand = plan.env.root.parent().unwrap().join("by-hand");
    std::fs::write(by_hand.join("c"), "other\n").unwrap();
    plan.env.git_in(&by_hand, &["add", "."]);
    plan.env.git_in(&by_hand, &["commit", "-q", "--no-verify", "-m", "by hand"]);
    let refused = plan.env.coord(&["wave", "integrate", "2"]).fails(5, "refused").clone();
    let details = &refused["details"];
    assert_eq!(
        (&details["rule"], &details["handed_back"][0]["rule"]),
        (&json!("handed-back"), &json!("conflict"))
    );
    assert_eq!((plan.state("B"), plan.state("C")), (json!("landed"), json!("active")));
    assert_eq!(plan.env.coord(&["report"]).ok()["hand_backs"], 1);
}

#[test]
fn a_plan_is_finished_once_everything_has_landed() {
    let plan = Plan::new();
    plan.submits("A");
    let open = plan.env.coord(&["finish"]).fails(5, "refused").clone();
    assert_eq!(open["details"]["rule"], "needs-open");
    plan.env.coord(&["wave", "integrate", "1"]).ok();
    plan.submits("C");
    plan.submits("B");
    plan.env.coord(&["wave", "integrate", "2"]).ok();
    let finished = plan.env.coord(&["finish", "--tag", "v2"]).ok().clone();
    assert_eq!(finished["tags"], json!(["w-complete", "v2"]));
    assert_eq!(plan.rev("w-complete^{commit}"), plan.rev("main"));
    assert_eq!(
        std::fs::read_to_string(plan.env.root.join("b")).unwrap(),
        "B\n",
        "the checkout of main follows"
    );
    plan.env.coord(&["finish"]).ok();
    assert_eq!(plan.env.coord(&["teardown"]).ok()["removed"], json!(["A", "B", "C"]));
    let out = plan.env.command(PROGRAM, &plan.env.root).args(["report", "--md"]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("| A First | landed |"), "{text}");
}
