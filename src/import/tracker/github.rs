//! Issues of GitHub: `gh issue list --json number,title,body,state,labels,url`, or what its API answers.
//!
//! - The id is `GH-12`, GitHub's own form for a reference outside of a text.
//! - Closed issues are finished; pull requests are passed over.
//! - `depends on #12`, `blocked by #12` in the body are needs. A priority comes from a label (`P1`, `priority: high`),
//!   the category is the first of the other labels.

use std::io::BufRead;

use super::{Entry, names};
use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::json::walk::{Lists, Scope, walk};
use crate::import::status::{self, Standing, standing};
use crate::model::ItemId;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "github-issues",
    about: "gh issue list --json number,title,body,state,labels,url; GitHub's API",
    sniff: |head| {
        let has = |key: &str| head.has(key) || head.elements_have(key);
        has("number") && has("title")
    },
    read: Read::By(read),
    skipped: "closed issues and pull requests",
};

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    walk(input, &Lists::of(&["[]"]), collector, &mut |scope, collector| {
        let Some(number) = scope.number(&["number"]) else {
            return collector.bad(scope.line, "number: missing".into());
        };
        let id = format!("GH-{number}");
        let state = scope.text("state").unwrap_or_default();
        if scope.get("pull_request").is_some() {
            collector.skip();
        } else if standing(&state) == Standing::Closed {
            collector.finished(ItemId::parse(&id).ok());
        } else {
            entry(scope, id).give(collector);
        }
    })
}

fn entry(scope: &Scope<'_>, id: String) -> Entry {
    let labels = names(scope.get("labels"));
    let word = |label: &String| {
        let label = label.to_lowercase();
        let named =
            label.strip_prefix("priority").map(|rest| rest.trim_start_matches([':', '/', '-', ' ', '_']));
        status::priority(named.unwrap_or(&label))
            .filter(|_| named.is_some() || label.starts_with('p') || label == "critical" || label == "urgent")
    };
    let body = scope.text("body").unwrap_or_default();
    Entry {
        line: scope.line,
        id,
        title: scope.text("title").unwrap_or_default(),
        priority: labels.iter().find_map(word),
        category: labels.iter().find(|label| word(label).is_none()).cloned(),
        group: scope.text("milestone.title"),
        needs: references(&body),
        texts: vec![("url", scope.first(&["url", "html_url"])), ("body", Some(body))],
    }
}

/// The issues that a body says to wait for.
fn references(body: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in body.lines().map(str::to_lowercase) {
        let after =
            ["depends on", "blocked by"].iter().find_map(|word| line.split_once(word)).map(|(_, rest)| rest);
        let words = after.unwrap_or_default().split(|c: char| c.is_whitespace() || ",;:&()".contains(c));
        let listed = words.filter(|word| !word.is_empty() && *word != "and").map_while(|word| {
            let number = word.trim_end_matches('.').strip_prefix('#')?;
            number.parse::<u64>().ok().map(|n| format!("GH-{n}"))
        });
        for id in listed {
            if !found.contains(&id) {
                found.push(id);
            }
        }
    }
    found
}
