//! A task of Backlog.md: Markdown with front matter. The file is one item; its acceptance criteria are text.
//!
//! ```text
//! ---
//! id: BACK-12
//! title: Show the due date
//! status: To Do
//! dependencies:
//!   - task-11
//! priority: high
//! ---
//! ```
//!
//! Several files behind each other (`cat backlog/tasks/*.md`) are several items.

use std::io::BufRead;

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::lines::for_each_line;
use crate::import::sniff::Head;
use crate::import::status::{self, Standing, standing};
use crate::model::ItemId;

/// Bytes of a task's text that are kept.
const TEXT_MAX: usize = 64 * 1024;

pub(in crate::import) const SPEC: Spec = Spec {
    name: "backlog-md",
    about: "a task of Backlog.md, or several behind each other: front matter with id, title, status, dependencies",
    sniff,
    read: Read::By(read),
    skipped: "tasks that are done",
};

fn sniff(head: &Head) -> bool {
    let mut lines = head.text.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return false;
    }
    let matter: Vec<&str> = lines.take_while(|line| line.trim_end() != "---").collect();
    ["id:", "title:", "status:"].iter().all(|key| matter.iter().any(|line| line.starts_with(key)))
}

/// One file.
#[derive(Default)]
struct Task {
    line: u64,
    /// Each key with its values.
    matter: Vec<(String, Vec<String>)>,
    text: String,
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let mut tasks: Vec<Task> = Vec::new();
    // Whether a line of dashes begins front matter is known from the line after it.
    let (mut inside, mut dashes) = (false, None::<u64>);
    for_each_line(input, collector, |number, line, _| {
        let line = String::from_utf8_lossy(line).into_owned();
        let is_dashes = line.trim_end() == "---";
        if let Some(begin) = dashes.take() {
            if is_key(&line) {
                tasks.push(Task { line: begin, ..Task::default() });
                inside = true;
            } else if let Some(task) = tasks.last_mut() {
                task.text.push_str("---\n");
            }
        }
        match tasks.last_mut().filter(|_| !is_dashes) {
            Some(task) if inside => matter(&mut task.matter, &line),
            Some(task) if task.text.len() < TEXT_MAX && !line.trim_start().starts_with("<!--") => {
                task.text.push_str(line.trim_end());
                task.text.push('\n');
            }
            _ if is_dashes && inside => inside = false,
            _ if is_dashes => dashes = Some(number),
            _ => {}
        }
        Ok(())
    })?;
    for task in tasks {
        let line = task.line;
        if let Err(reason) = give(task, collector) {
            collector.bad(line, reason);
        }
    }
    Ok(())
}

/// True for a line such as `id: task-1`.
fn is_key(line: &str) -> bool {
    let word = |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    line.split_once(':').is_some_and(|(key, value)| word(key) && (value.is_empty() || value.starts_with(' ')))
}

/// A line of the front matter: a key with a value, a list in brackets, or an entry of a list below its key.
fn matter(found: &mut Vec<(String, Vec<String>)>, line: &str) {
    let trimmed = line.trim();
    if let Some(entry) =
        trimmed.strip_prefix("- ").or(trimmed.strip_prefix('-').filter(|_| line.starts_with(' ')))
    {
        if let Some((_, values)) = found.last_mut() {
            values.push(unquoted(entry));
        }
        return;
    }
    match line.split_once(':') {
        Some((key, value)) if !line.starts_with(char::is_whitespace) => {
            let value = value.trim();
            let values = match value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
                Some(list) => list.split(',').map(unquoted).filter(|v| !v.is_empty()).collect(),
                // A text that follows on lines of its own.
                None if value.is_empty() || matches!(value, ">" | ">-" | "|" | "|-") => Vec::new(),
                None => vec![unquoted(value)],
            };
            found.push((key.trim().to_owned(), values));
        }
        _ => {
            if let Some((_, values)) = found.last_mut().filter(|_| !trimmed.is_empty()) {
                match values.last_mut() {
                    Some(text) => *text = format!("{text} {trimmed}"),
                    None => values.push(unquoted(trimmed)),
                }
            }
        }
    }
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(text).replace("''", "'")
}

fn give(task: Task, collector: &mut Collector<'_>) -> Result<(), String> {
    let all = |key: &str| {
        task.matter.iter().find(|(k, _)| k == key).map(|(_, values)| values.clone()).unwrap_or_default()
    };
    let one = |key: &str| all(key).into_iter().next().filter(|text| !text.is_empty());
    let id = one("id").ok_or("id: missing")?;
    let id = ItemId::parse(&id).map_err(|e| format!("id: {e}"))?;
    if one("status").is_some_and(|status| standing(&status) == Standing::Closed) {
        collector.finished(Some(id));
        return Ok(());
    }
    let title = one("title").ok_or("title: missing")?;
    let priority = one("priority").as_deref().and_then(status::priority).unwrap_or(2);
    let mut new = super::item(&title, priority, vec![("text", task.text.trim().to_owned())]);
    let needs: Result<Vec<ItemId>, _> = all("dependencies").iter().map(|need| ItemId::parse(need)).collect();
    new.item.needs = needs.map_err(|e| format!("dependencies: {e}"))?;
    new.item.category = all("labels").into_iter().next();
    new.item.group = one("parent_task_id").or_else(|| one("milestone"));
    collector.item(task.line, new, Some(id));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, run};

    #[test]
    fn a_file_is_one_item_with_its_needs() {
        let file = |id: &str, status: &str, dependencies: &str| {
            format!(
                "---\nid: {id}\ntitle: 'Show the date: it''s due'\nstatus: {status}\n{dependencies}\npriority: high\nlabels: [ui, web]\n---\n\n## Acceptance Criteria\n<!-- AC:BEGIN -->\n- [ ] #1 Shown\n---\n- [ ] #2 Cleared\n"
            )
        };
        let text = file("task-12", "To Do", "dependencies:\n  - task-11\n  - \"task-10\"")
            + &file("task-11", "Done", "dependencies: []");
        let (items, report) = run(text, &options());
        assert_eq!(
            (report.format, report.items, report.skipped, report.bad_total),
            (Format::BacklogMd, 1, 1, 0)
        );
        let item = &items[0].item;
        assert_eq!(
            (item.id.as_str(), item.title.as_str(), items[0].priority),
            ("task-12", "Show the date: it's due", 1)
        );
        assert_eq!(item.needs.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["task-11", "task-10"]);
        let text = item.payload.as_ref().expect("a text")["text"].as_str().expect("a text");
        assert!(text.contains("#1 Shown") && text.contains("#2 Cleared"), "{text}");
        assert!(report.finished.iter().any(|id| id.as_str() == "task-11"));
    }
}
