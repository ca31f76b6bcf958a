use std::collections::BTreeMap;

use super::super::Format;
use super::super::tests::{options, reasons, run};

const LIST: &str = "# Tasks: Shop\n\n## Format: `[ID] [P?] [Story] Description`\n\n- **[P]**: can run in parallel\n\n\
## Phase 1: Setup (Shared Infrastructure)\n\n- [x] T001 Create the project\n- [ ] T002 Add `Cargo.toml`\n- [ ] T003 [P] Configure lints\n- [ ] T004 Add CI in `.github/workflows/ci.yml`\n\n\
---\n\n## Phase 2: Story 1\n\n### Tests\n\n- [ ] T010 [P] [US1] Contract test in tests/contract/test_cart.py\n- [ ] T011 [P] Other test\n\n### Implementation\n\n\
- [ ] T012 [P] [US1] Model\n- [ ] T014 [US1] Service (depends on T010-T012)\n- [ ] T015 [US1] Endpoint\n\n\
## Phase 3: Story 2 (depends on Phase 1)\n\n- [ ] T020 Alone\n- [ ] T021 [P] Free (depends on T001)\n\n\
## Phase 4: Polish\n\n- [ ] T030 [P] Docs\n- [ ] Tidy up `docs/a.md`\n\n\
```\n- [ ] T099 an example\n```\n<!--\n- [ ] T098 a comment\n-->\n\n## Dependencies\n\n- Setup: none\n";

/// The needs of each task by its id, or title.
fn needs(text: &str) -> BTreeMap<String, Vec<String>> {
    let (items, report) = run(text, &options());
    assert_eq!((report.format, reasons(&report)), (Format::Markdown, Vec::new()));
    let name = |id: &str| {
        let item = &items.iter().find(|i| i.item.id.as_str() == id).expect("known").item;
        if id.starts_with('T') { id.to_owned() } else { item.title.clone() }
    };
    let of = |i: &crate::model::NewItem| {
        (name(i.item.id.as_str()), i.item.needs.iter().map(|n| name(n.as_str())).collect())
    };
    items.iter().map(of).collect()
}

#[test]
fn phases_follow_each_other_and_marked_tasks_do_not() {
    let found = needs(LIST);
    let expect = |task: &str, list: &[&str]| assert_eq!(found[task], list, "{task}");
    expect("T002", &[]);
    expect("T003", &[]);
    expect("T004", &["T002"]);
    // Phase 2 waits for the ends of phase 1.
    for entry in ["T010", "T011", "T012"] {
        expect(entry, &["T003", "T004"]);
    }
    expect("T014", &["T010", "T011", "T012"]);
    expect("T015", &["T014"]);
    // Phase 3 says that it waits for phase 1 alone; what T021 depends on is done.
    for entry in ["T020", "T021"] {
        expect(entry, &["T002", "T003", "T004"]);
    }
    // Phase 4 waits for both that nobody waits for yet.
    for last in ["T030", "Tidy up `docs/a.md`"] {
        expect(last, &["T015", "T020", "T021"]);
    }
    assert_eq!(found.len(), 12);
}

#[test]
fn tasks_have_phase_group_files_and_no_more() {
    let (items, report) = run(LIST, &options());
    assert_eq!((report.items, report.skipped), (12, 1));
    let of = |id: &str| &items.iter().find(|i| i.item.id.as_str() == id).expect("known").item;
    let t10 = of("T010");
    assert_eq!(t10.title, "Contract test in tests/contract/test_cart.py");
    assert_eq!((t10.phase.as_deref(), t10.group.as_deref()), (Some("Phase 2: Story 1"), Some("US1")));
    assert_eq!(t10.files[0].as_str(), "tests/contract/test_cart.py");
    assert_eq!(of("T011").group.as_deref(), Some("Tests"));
    assert_eq!(
        (of("T014").title.as_str(), of("T020").phase.as_deref()),
        ("Service", Some("Phase 3: Story 2"))
    );
}

#[test]
fn a_phase_is_awaited_by_who_follows_unless_all_that_ends_it_is() {
    let list = |depends: &str| {
        needs(&format!(
            "## Phase 1: A\n- [ ] T001 [P] a\n- [ ] T002 [P] b\n## Phase 2: B (depends on {depends})\n\
             - [ ] T003 c\n## Phase 3: C\n- [ ] T004 d\n"
        ))
    };
    let found = list("T001");
    assert_eq!(found["T003"], ["T001"]);
    assert_eq!(found["T004"], ["T001", "T002", "T003"], "somebody must wait for T002");
    for all in ["T001, T002", "Phase 1"] {
        assert_eq!(list(all)["T004"], ["T003"], "{all}");
    }
}

#[test]
fn headings_without_the_word_phase_are_phases_too() {
    let text = "# Plan\n- [ ] T0 first\n## One\n- [ ] T1 a\n### Sub\n- [ ] T2 b\n## Two (depends on nothing)\n- [ ] T3 c\n";
    let found = needs(text);
    assert_eq!(found["T1"], ["T0"]);
    assert_eq!(found["T2"], ["T1"]);
    assert_eq!(found["T3"], [""; 0]);
}

#[test]
fn done_tasks_hold_nobody_up() {
    let text = "## Phase 1\n- [x] T1 a\n## Phase 2\n- [X] T2 b\n- [ ] T3 c\n- [x] T4 d\n- [ ] T5 e\n## Phase 3\n- [ ] T6 f\n";
    let found = needs(text);
    assert_eq!(found["T3"], [""; 0]);
    assert_eq!(found["T5"], ["T3"]);
    assert_eq!(found["T6"], ["T5"]);
}

#[test]
fn a_task_that_is_nowhere_is_named() {
    let text = "- [ ] T1 a (depends on T9)\n- [ ] T2 b (depends on Phase 7)\n- [ ] T3 c\n- [ ] T3 d\n";
    let (items, report) = run(text, &options());
    assert_eq!(items.len(), 1);
    let expected = [
        (1, "depends on T9, which is not in this file"),
        (2, "depends on Phase 7, which is not in this file"),
        (4, "id: T3 stands on line 3 with another content"),
    ];
    assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
}

#[test]
fn a_large_chain_is_no_trouble() {
    let text: String = (0..20_000).map(|n| format!("- [ ] T{n} do it\n")).collect();
    let (items, _) = run(text, &options());
    assert_eq!(items.iter().filter(|i| i.item.needs.len() == 1).count(), 19_999);
}
