//! Lists of spec-kit, Kiro, OpenSpec and of people.

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
    expect("T004", &["T002", "T003"]);
    // Phase 2 waits for the ends of phase 1.
    for entry in ["T010", "T011", "T012"] {
        expect(entry, &["T004"]);
    }
    expect("T014", &["T010", "T011", "T012"]);
    expect("T015", &["T014"]);
    // Phase 3 says that it waits for phase 1 alone; what T021 depends on is done.
    for entry in ["T020", "T021"] {
        expect(entry, &["T002", "T003", "T004"]);
    }
    // Phase 4 waits for both that no other phase waits for yet.
    expect("T030", &["T015", "T020", "T021"]);
    expect("Tidy up `docs/a.md`", &["T030"]);
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
fn a_phase_is_awaited_by_the_next_unless_all_that_ends_it_is() {
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
fn a_need_that_no_task_has_is_a_word_and_noted() {
    let text = "- [ ] T1 a (depends on T9)\n- [ ] T2 b (depends on Phase 7)\n- [ ] T3 c\n- [ ] T3 d\n- [ ] T4 e (depends on T3)\n";
    let (items, report) = run(text, &options());
    assert_eq!((items.len(), report.bad_total), (5, 0));
    let expected = [
        (1, "depends on T9, which is not a task of this file"),
        (2, "depends on Phase 7, which is not in this file"),
        (4, "T3 is on line 3, too: neither task has it as its id"),
    ];
    let mut notes: Vec<_> = report.notes.iter().map(|n| (n.line, n.reason.as_str())).collect();
    notes.sort_unstable();
    assert_eq!(notes, expected);
    assert_eq!(items[4].item.needs.len(), 2, "both that have this name");
}

#[test]
fn a_large_chain_is_read_at_once() {
    let text: String = (0..20_000).map(|n| format!("- [ ] T{n} do it\n")).collect();
    let (items, _) = run(text, &options());
    assert_eq!(items.iter().filter(|i| i.item.needs.len() == 1).count(), 19_999);
}

fn notes(text: &str) -> Vec<(u64, String)> {
    run(text, &options()).1.notes.into_iter().map(|n| (n.line, n.reason)).collect()
}

#[test]
fn a_task_without_p_waits_for_all_since_the_last_one() {
    let found = needs(
        "## Phase 2: User Story 2\n- [ ] T010 [P] a\n- [ ] T020 [P] b\n- [ ] T021 c\n- [ ] T022 [P] d\n- [ ] T023 e\n",
    );
    assert_eq!(found["T021"], ["T010", "T020"]);
    assert_eq!(found["T022"], [""; 0]);
    assert_eq!(found["T023"], ["T021", "T022"]);
}

#[test]
fn user_stories_wait_for_their_foundation_and_not_for_each_other() {
    let found = needs(
        "## Phase 1: Setup\n- [ ] T001 a\n## Phase 2: Foundational\n- [ ] T002 b\n## Phase 3: User Story 1 - Cart (P1)\n- [ ] T003 c\n\
         ## Phase 4: User Story 2 - Mail\n- [ ] T004 d\n- [ ] T005 e\n## Phase 5: Polish\n- [ ] T006 f\n",
    );
    assert_eq!(
        (&found["T002"][..], &found["T003"][..]),
        (&["T001".to_owned()][..], &["T002".to_owned()][..])
    );
    assert_eq!(found["T004"], ["T002"]);
    assert_eq!(found["T006"], ["T003", "T005"]);
}

#[test]
fn every_form_of_dependency_is_read_and_other_mentions_are_noted() {
    let text = "- [ ] T001 [P] a\n- [ ] T002 [P] b — depends on T001\n- [ ] T003 [P] c **[Depends: T001, T002]**\n\
        - [ ] T004 [P] d\n  - **Depends on**: T003\n- [ ] T005 [P] make T004 green\n";
    let found = needs(text);
    assert_eq!(found["T002"], ["T001"]);
    assert_eq!(found["T003"], ["T001", "T002"]);
    assert_eq!(found["T004"], ["T003"]);
    assert_eq!(notes(text), [(6, "T004 is mentioned, which is not read as a dependency".to_owned())]);
}

#[test]
fn kiro_lists_have_parts_and_optional_tasks() {
    let text = "# Implementation Plan\n\n- [x] 1. Set up\n- [ ] 2. Cart\n- [-] 2.1 Model\n  - Write src/cart.ts\n  - _Requirements: 1.1, 2_\n\
        - [ ]* 2.2 Tests of the model\n- [ ] 2.3 View\n- [ ] 3. Mail\n";
    let (items, report) = run(text, &options());
    assert_eq!((items.len(), report.skipped, report.bad_total), (5, 1, 0));
    let of = |id: &str| &items.iter().find(|i| i.item.id.as_str() == id).expect(id).item;
    let waits = |id: &str| of(id).needs.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(waits("2.1"), [""; 0]);
    assert_eq!(waits("2.2"), ["2.1"]);
    assert_eq!(waits("2.3"), ["2.1"], "nobody waits for an optional task");
    assert_eq!(waits("2"), ["2.1", "2.3"], "parts come before the whole");
    assert_eq!(waits("3"), ["2"]);
    let payload = of("2.1").payload.clone().expect("more");
    assert_eq!(
        payload,
        serde_json::json!({"source": {"line": 5}, "text": "- Write src/cart.ts\n- _Requirements: 1.1, 2_"})
    );
    assert_eq!(of("2.1").files[0].as_str(), "src/cart.ts");
    assert_eq!(report.notes[0].reason, "[-] is read as in progress: to do");
}

#[test]
fn openspec_lists_follow_their_numbers() {
    let found = run(
        "## 1. Database\n- [ ] 1.1 Schema\n- [ ] 1.2 Migration\n\n## 2. API\n- [ ] 2.1 Routes\n",
        &options(),
    )
    .0;
    let short: Vec<_> = found
        .iter()
        .map(|i| (i.item.id.as_str(), i.item.needs.iter().map(|n| n.as_str()).collect::<Vec<_>>()))
        .collect();
    assert_eq!(short, [("1.1", vec![]), ("1.2", vec!["1.1"]), ("2.1", vec!["1.2"])]);
}

#[test]
fn a_list_without_order_is_free_when_that_is_wanted() {
    let text = "# TODO\n- [ ] Fix the footer\n- [ ] Update\n  - [ ] the logo\n- [ ] T1 a\n- [ ] T2 b (depends on T1)\n";
    let unordered = crate::import::Options { unordered: true, ..options() };
    let count = |options: &crate::import::Options| {
        run(text, options).0.iter().filter(|i| i.item.needs.is_empty()).count()
    };
    assert_eq!((count(&options()), count(&unordered)), (1, 3));
}

#[test]
fn fences_are_those_of_commonmark() {
    let text = "- [ ] Before\n````markdown\n```ts\n- [ ] inside\n```\n- [ ] still inside\n````\n- [ ] After\n~~~\n```\n- [ ] no\n~~~\n- [ ] Last\n";
    let titles: Vec<_> = run(text, &options()).0.into_iter().map(|i| i.item.title).collect();
    assert_eq!(titles, ["Before", "After", "Last"]);
}

#[test]
fn words_that_look_like_ids_stay_in_the_title() {
    let text =
        "# TODO\n- [ ] S3 upload\n- [ ] S3 download\n- [ ] P1 Fix\n- [ ] Write docs (requires S3 bucket)\n";
    let titles: Vec<_> = run(text, &options()).0.into_iter().map(|i| i.item.title).collect();
    assert_eq!(titles, ["S3 upload", "S3 download", "P1 Fix", "Write docs (requires S3 bucket)"]);
}

#[test]
fn entries_with_an_id_need_no_box_where_none_has_one() {
    let text = "### Tests\n- T002: Unit tests (`tests/card.test.tsx`)\n- T003-T005: The rest\n- T006: Card (depends on T002)\n- ✅ T007: Done\n";
    let (items, report) = run(text, &options());
    let ids: Vec<_> = items.iter().map(|i| i.item.id.as_str()).collect();
    assert_eq!((ids, report.skipped), (vec!["T002", "T003", "T004", "T005", "T006"], 1));
    assert_eq!(run("- [ ] T1 a\n- T002: b\n", &options()).0.len(), 1, "a reference, beside boxes");
}

#[test]
fn a_list_in_windows_1252_is_read() {
    let (items, report) = run(b"- [ ] Gr\xf6\xdfe\n".as_slice(), &options());
    assert_eq!((items[0].item.title.as_str(), report.notes_total), ("Größe", 1));
}

#[test]
fn a_box_of_another_kind_is_noted() {
    let text = "- [x] T001 a\n- [-] T002 b\n- [ ] T003 c (depends on T002)\n- [~] T004 d\n";
    let (items, report) = run(text, &options());
    assert_eq!((items.len(), report.skipped), (2, 2));
    assert!(items[0].item.needs.is_empty(), "what was given up is not waited for");
    assert_eq!(
        notes(text),
        [(2, "[-] is read as given up".to_owned()), (4, "[~] is read as to do".to_owned())]
    );
}
