//! Small lists of each tracker, and what its own rules offer.

use std::collections::BTreeMap;

use crate::import::Format;
use crate::import::tests::{options, reasons, run};

/// The open items with what they still wait for, and the ids that need not be waited for any longer.
fn ready(text: &str, format: Format) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let (items, report) = run(text, &options());
    assert_eq!((report.format, reasons(&report)), (format, vec![]));
    let waits = |i: &crate::model::NewItem| {
        let open = i.item.needs.iter().filter(|need| !report.finished.contains(*need));
        (i.item.id.to_string(), open.map(ToString::to_string).collect())
    };
    (items.iter().map(waits).collect(), report.notes.iter().map(|n| n.reason.clone()).collect())
}

fn map(expected: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    expected
        .iter()
        .map(|(id, needs)| ((*id).to_owned(), needs.iter().map(|n| (*n).to_owned()).collect()))
        .collect()
}

#[test]
fn beads_offers_what_nothing_open_blocks() {
    let issue = |id: &str, status: &str, dependencies: &[(&str, &str)]| {
        let dependencies: Vec<_> = dependencies
            .iter()
            .map(|(on, kind)| serde_json::json!({"issue_id": id, "depends_on_id": on, "type": kind}))
            .collect();
        format!(
            "{}\n",
            serde_json::json!({"id": id, "title": format!("Do {id}"), "status": status, "priority": 1,
            "issue_type": "task", "dependencies": dependencies})
        )
    };
    let text = [
        issue("bd-1", "closed", &[]),
        issue("bd-2", "open", &[("bd-1", "blocks")]),
        issue("bd-3", "open", &[("bd-2", "blocks"), ("bd-7", "related")]),
        issue("bd-4", "open", &[("bd-3", "parent-child")]),
        issue("bd-5", "tombstone", &[]),
        issue("bd-6", "deferred", &[]),
        issue("bd-7", "in_progress", &[("bd-1", "discovered-from")]),
    ]
    .concat();
    let (found, notes) = ready(&text, Format::Beads);
    let expected: [(&str, &[&str]); 4] =
        [("bd-2", &[]), ("bd-3", &["bd-2"]), ("bd-4", &["bd-2"]), ("bd-7", &[])];
    assert_eq!(found, map(&expected));
    assert_eq!(notes, ["bd-6: deferred, not imported"]);
    let array = format!("[{}]", text.trim_end().replace('\n', ","));
    assert_eq!(ready(&array, Format::Beads).0, map(&expected), "bd list --json");
}

#[test]
fn task_master_offers_what_depends_on_done_tasks() {
    let list = r#"{"tasks":[
        {"id":1,"title":"a","status":"done","dependencies":[],"priority":"high"},
        {"id":2,"title":"b","status":"pending","dependencies":[1],"priority":"high","subtasks":[
            {"id":1,"title":"b1","status":"done","dependencies":[]},
            {"id":2,"title":"b2","status":"pending","dependencies":[1]},
            {"id":3,"title":"b3","status":"pending","dependencies":["2.2"]}]},
        {"id":3,"title":"c","status":"pending","dependencies":[2],"details":"How"},
        {"id":4,"title":"d","status":"deferred","dependencies":[]},
        {"id":5,"title":"e","status":"in-progress","dependencies":[4]}]}"#;
    let expected: [(&str, &[&str]); 5] =
        [("2", &["2.2", "2.3"]), ("2.2", &[]), ("2.3", &["2.2"]), ("3", &["2"]), ("5", &["4"])];
    assert_eq!(
        ready(list, Format::TaskMaster),
        (map(&expected), vec!["4: deferred, not imported".to_owned()])
    );
    let tagged = format!("{{\"master\":{list}}}");
    assert_eq!(ready(&tagged, Format::TaskMaster).0, map(&expected));
    let two = format!(
        "{{\"master\":{list},\"next\":{{\"tasks\":[{{\"id\":1,\"title\":\"x\",\"status\":\"pending\",\"dependencies\":[]}}]}}}}"
    );
    let found = ready(&two, Format::TaskMaster).0;
    assert_eq!((found.len(), &found["master.3"]), (6, &vec!["master.2".to_owned()]));
}

#[test]
fn github_issues_that_are_open_are_items() {
    let text = r#"[{"number":12,"title":"Crash","body":"It crashes.\nDepends on #7, #8 and #9.","state":"OPEN",
        "labels":[{"name":"bug"},{"name":"priority: high"}],"url":"https://x/12"},
        {"number":7,"title":"Old","state":"CLOSED"},{"number":8,"title":"Other","state":"open","html_url":"u"},
        {"number":9,"title":"A change","state":"open","pull_request":{"url":"x"}}]"#;
    let (found, _) = ready(text, Format::GithubIssues);
    assert_eq!(found, map(&[("GH-12", &["GH-8", "GH-9"]), ("GH-8", &[])]));
    let first = run(text, &options()).0.remove(0);
    assert_eq!((first.priority, first.item.category.as_deref()), (1, Some("bug")));
}

#[test]
fn taskwarrior_offers_what_is_pending() {
    let text = r#"[{"uuid":"a","description":"First","status":"pending","priority":"H","project":"shop"},
        {"uuid":"b","description":"Second","status":"pending","depends":["a","c"]},
        {"uuid":"c","description":"Third","status":"completed"},{"uuid":"d","description":"Later","status":"waiting"}]"#;
    let (found, notes) = ready(text, Format::Taskwarrior);
    assert_eq!(found, map(&[("a", &[]), ("b", &["a"])]));
    assert_eq!(notes, ["d: waiting, not imported"]);
}
