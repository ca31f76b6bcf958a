//! Tables of people, trackers and scanners.

use crate::import::Format;
use crate::import::tests::{options, reasons, run};

#[test]
fn columns_have_many_names() {
    let text = "Rule ID,Path,Line Number,Message,Level,Depends-On,Owner,description\r\n\
        D104,src/a.py; src/b.py,12,\"Missing, \"\"docstring\"\"\",error,T1 T2,me,long\r\n\
        ,,,only a title,,,,\r\n";
    let (items, report) = run(text, &options());
    assert_eq!((report.format, report.items, report.bad_total), (Format::Csv, 2, 0));
    let expected = serde_json::json!({"item": {"id": items[0].item.id, "title": "Missing, \"docstring\"",
        "severity": "error", "rule": "D104", "line": 12, "files": ["src/a.py", "src/b.py"],
        "needs": ["T1", "T2"], "payload": {"extra": {"Owner": "me", "description": "long"}}},
        "queue": null, "priority": 1});
    assert_eq!(serde_json::to_value(&items[0]).expect("serialises"), expected);
    assert_eq!(items[1].item.payload, None);
}

#[test]
fn a_time_limit_is_a_number_of_seconds_or_a_length_of_time() {
    let (items, report) = run("title,timeout\na,90\nb, 5m \nc,\nd,soon\n", &options());
    assert_eq!(items.iter().map(|i| i.item.timeout).collect::<Vec<_>>(), [Some(90), Some(300), None]);
    let reason = "timeout: \"soon\" is not a duration: write 90s, 30m, 2h or 1d".to_owned();
    assert_eq!(reasons(&report), [(5, reason)]);
}

#[test]
fn of_two_columns_for_a_field_the_one_with_its_name_counts() {
    let item = |text: &str| {
        let (items, report) = run(text, &options());
        assert_eq!(reasons(&report), [], "{text}");
        let mut item = serde_json::to_value(&items[0].item).expect("serialises");
        item.as_object_mut().expect("an object").remove("id");
        item
    };
    let both = serde_json::json!({"title": "t", "category": "c", "payload": {"extra": {"type": "x"}}});
    assert_eq!(item("type,category,title\nx,c,t\n"), both);
    assert_eq!(item("Category,type,title\nc,x,t\n"), both);
    let files = serde_json::json!({"title": "t", "files": ["b"], "payload": {"extra": {"path": "a"}}});
    assert_eq!(item("title,path,files\nt,a,b\n"), files);
    let line = serde_json::json!({"title": "t", "line": 2, "payload": {"extra": {"row": "one"}}});
    assert_eq!(item("title,row,line\nt,one,2\n"), line);
    let twice = serde_json::json!({"title": "t", "line": 2, "payload": {"extra": {"line": "3"}}});
    assert_eq!(item("title,line,line\nt,2,3\n"), twice);
    assert_eq!(item("title,line,line\nt,,\n"), serde_json::json!({"title": "t"}));
    let other = serde_json::json!({"title": "t", "payload": {"extra": {"line": "3"}}});
    assert_eq!(item("title,line,line\nt,,3\n"), other);
}

#[test]
fn a_quote_that_is_not_closed_does_not_bring_the_file_into_memory() {
    let mut text = b"title,files,kind\nfirst,a,x\nsecond,\"two\nlines\",\"b\n".to_vec();
    while text.len() < 40 * 1024 * 1024 {
        text.extend_from_slice(b"another,src/some/file/that/has/a/long/name.rs\n");
    }
    let (items, report) = run(text, &options());
    assert_eq!(items.len(), 1);
    let expected = "longer than 16 MiB: is a quote not closed? what follows was not read".to_owned();
    assert_eq!(reasons(&report), [(4, expected)], "where the quote stands");
    // As much as a line of any other format may have.
    let mut text = b"title,kind\nt,\"".to_vec();
    text.resize(text.len() + 16 * 1024 * 1024 - 8, b'x');
    text.extend_from_slice(b"\"\n");
    (0..10_000).for_each(|_| text.extend_from_slice(b"u,v\n"));
    let (items, report) = run(text, &options());
    assert_eq!(
        (items.len(), reasons(&report)[0].1.starts_with("category: ")),
        (10_000, true),
        "read whole, and too long for a category"
    );
}

#[test]
fn bad_rows_have_the_line_on_which_they_begin() {
    let text = "id;title;files;line\n1;\"two\nlines\";;\n2;ok;;x\n3;ok\n4;ok;../x;\n5;ok;;1\n";
    let expected = [
        (4, "line: expected a number, found a string"),
        (5, "it has 2 cells, the header has 4"),
        (6, "files: ../x: outside the repository"),
    ];
    for text in [text.to_owned(), text.replace('\n', "\r\n")] {
        let (items, report) = run(text, &options());
        assert_eq!(items.iter().map(|i| i.item.id.as_str()).collect::<Vec<_>>(), ["1", "5"]);
        assert_eq!(reasons(&report), expected.map(|(n, r)| (n, r.to_owned())));
    }
}

#[test]
fn a_table_needs_a_title() {
    let csv = crate::import::Options { format: Some(Format::Csv), ..options() };
    let expected = "the header has no column for the title: title, message, description, …; name one with --map title=COLUMN".to_owned();
    assert_eq!(reasons(&run("a,b\n1,2\n", &csv).1), [(1, expected)]);
    assert_eq!(run("", &csv).1.bad_total, 0);
    assert_eq!(run("title\nx\n\"y\"\n", &csv).0.len(), 2);
}

#[test]
fn tables_of_trackers() {
    let jira = "Summary,Issue key,Issue id,Status,Priority,Labels,Labels,Inward issue link (Blocks),Inward issue link (Blocks)\n\
        Old,SHOP-1,1,Done,High,a,b,,\nNew,SHOP-2,2,To Do,Highest,a,b,SHOP-1,SHOP-3\nThird,SHOP-3,3,In Progress,Lowest,,,,\n";
    let (items, report) = run(jira, &options());
    assert_eq!((reasons(&report), report.skipped), (vec![], 1));
    let short: Vec<_> = items.iter().map(|i| (i.item.id.as_str(), i.priority, i.item.needs.len())).collect();
    assert_eq!(short, [("SHOP-2", 0, 2), ("SHOP-3", 4, 0)]);
    assert_eq!(items[0].item.payload.as_ref().expect("more")["extra"]["Labels"], "a, b");
    let youtrack = "ID,Project,Summary,Priority,State,Resolved\nS-1,S,a,Show-stopper,Open,\nS-2,S,b,Normal,Fixed,2026-01-01\n";
    let (items, report) = run(youtrack, &options());
    assert_eq!((items.len(), items[0].priority, report.skipped), (1, 0, 1));
}

#[test]
fn tables_of_scanners() {
    let text = "Plugin ID,Risk,Host,Name,Description\n10,High,h1,\"Old TLS\",\"two\nlines\"\n10,High,h2,\"Old TLS\",x\n,,,,\n;\n";
    let (items, report) = run(text, &options());
    assert_eq!(items.len(), 2);
    let first = &items[0].item;
    assert_eq!((first.title.as_str(), first.rule.as_deref(), items[0].priority), ("Old TLS", Some("10"), 1));
    assert_eq!(
        reasons(&report),
        [(6, "it has 1 cells, the header has 5".to_owned())],
        "separators alone are not a row"
    );
    let long = "title,severity\n\"first line\nsecond\",High\n";
    let item = run(long, &options()).0.remove(0).item;
    assert_eq!(
        (item.title.as_str(), &item.payload.expect("all of it")["message"]),
        ("first line", &"first line\nsecond".into())
    );
}

#[test]
fn an_id_that_repeats_is_a_word_unless_others_refer_to_it() {
    let text = "ID,Title,Needs\nA,one,\nA,two,\nB,three,\n";
    let (items, report) = run(text, &options());
    assert_eq!((items.len(), report.bad_total, report.notes_total), (3, 0, 1));
    assert!(items.iter().all(|i| i.item.id.is_digest()));
    let (items, report) = run(text.replace("three,", "three,A"), &options());
    assert_eq!(
        (items.len(), reasons(&report)),
        (2, vec![(3, "id: A is on line 2 with another content".to_owned())])
    );
    let (items, report) = run("ID,Title\nA,one\nA,one\n", &options());
    assert_eq!((items.len(), report.duplicates), (1, 1));
}

#[test]
fn columns_are_what_the_user_says() {
    let mut map = super::ColumnMap::default();
    map.add("title=issue,file=where").expect("a map");
    map.add("status=phase of it").expect("a map");
    let mapped = crate::import::Options { map, ..options() };
    let text = "issue,where,title,Phase of it\na,src/a.py,ignored,open\nb,src/b.py,ignored,done\n";
    let (items, report) = run(text, &mapped);
    assert_eq!((report.format, items.len(), report.skipped), (Format::Csv, 1, 1));
    assert_eq!((items[0].item.title.as_str(), items[0].item.files[0].as_str()), ("a", "src/a.py"));
    let (items, _) = run("{\"issue\":\"a\",\"where\":\"src/a.py\"}\n", &mapped);
    assert_eq!((items[0].item.title.as_str(), items[0].item.files[0].as_str()), ("a", "src/a.py"));
    let missing = run("issue,title\na,b\n", &mapped).1;
    assert_eq!(reasons(&missing), [(1, "--map: the header has no column where, phase of it".to_owned())]);
    assert!(super::ColumnMap::default().add("nothing=x").expect_err("unknown").contains("title"));
    assert!(super::ColumnMap::default().add("title").is_err());
}
