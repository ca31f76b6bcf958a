//! Headlines of Org mode: `** TODO [#A] Write the parser :code:`.
//!
//! - A headline with a word such as `TODO`, `NEXT` or `WAITING` is a task, one with `DONE` or `CANCELLED` is
//!   finished; `#+TODO:` names other words, with a `|` before the finished ones.
//! - `[#A]` is the priority 0, `[#B]` 2, `[#C]` 4. The first tag is the category, the nearest headline that is not a task the group.
//! - A task waits for the tasks below it, as Org does with `org-enforce-todo-dependencies`, and with the property
//!   `ORDERED` below it for the one before; otherwise they are free. The property `ID` is the id.

use std::io::BufRead;

use crate::import::ImportError;
use crate::import::collect::Collector;
use crate::import::format::{Read, Spec};
use crate::import::lines::for_each_line;
use crate::model::{Item, ItemId, NewItem};

pub(in crate::import) const SPEC: Spec = Spec {
    name: "org",
    about: "headlines of Org mode: * TODO [#A] text",
    sniff: |head| {
        head.lines()
            .any(|line| headline(line).is_some_and(|(_, text)| Words::default().split(text).is_some()))
    },
    read: Read::By(read),
    skipped: "tasks that are done",
};

/// Words that make a headline a task.
struct Words {
    open: Vec<String>,
    done: Vec<String>,
}

impl Default for Words {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect();
        Words {
            open: words(&[
                "TODO",
                "NEXT",
                "WAITING",
                "WAIT",
                "STARTED",
                "DOING",
                "INPROGRESS",
                "IN-PROGRESS",
                "HOLD",
                "STRT",
                "PROJ",
            ]),
            done: words(&["DONE", "CANCELLED", "CANCELED", "KILL"]),
        }
    }
}

impl Words {
    /// Whether it is finished, and what follows the word.
    fn split<'t>(&self, text: &'t str) -> Option<(bool, &'t str)> {
        let (word, rest) = text.split_once(' ')?;
        let is = |list: &[String]| list.iter().any(|w| w == word);
        if is(&self.open) { Some((false, rest.trim())) } else { is(&self.done).then(|| (true, rest.trim())) }
    }

    /// `#+TODO: TODO(t) REVIEW(r) | DONE(d)`
    fn declare(&mut self, line: &str) {
        let list = ["#+TODO:", "#+SEQ_TODO:", "#+TYP_TODO:"].iter().find_map(|key| line.strip_prefix(key));
        let Some(list) = list else { return };
        let (open, done) =
            list.split_once('|').or_else(|| list.trim().rsplit_once(' ')).unwrap_or((list, ""));
        let words = |text: &str| {
            text.split_whitespace().map(|w| w.split('(').next().unwrap_or(w).to_owned()).collect::<Vec<_>>()
        };
        self.open.extend(words(open));
        self.done.extend(words(done));
    }
}

/// Level and text of a headline.
fn headline(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('*');
    let level = line.len() - text.len();
    (level > 0 && text.starts_with(' ')).then(|| (level, text.trim()))
}

struct Task {
    line: u64,
    level: usize,
    done: bool,
    new: NewItem,
    id: Option<ItemId>,
    ordered: bool,
    text: Vec<String>,
}

fn read(input: Box<dyn BufRead + '_>, collector: &mut Collector<'_>) -> Result<(), ImportError> {
    let (mut words, mut tasks, mut headings) =
        (Words::default(), Vec::<Task>::new(), Vec::<(usize, String)>::new());
    let mut inside = false;
    for_each_line(input, collector, |number, line, _| {
        let line = String::from_utf8_lossy(line).into_owned();
        words.declare(&line);
        let Some((level, text)) = headline(&line) else {
            if let Some(task) = tasks.last_mut().filter(|_| inside) {
                detail(task, line.trim());
            }
            return Ok(());
        };
        headings.retain(|(l, _)| *l < level);
        inside = false;
        match words.split(text) {
            None => headings.push((level, text.to_owned())),
            Some((done, rest)) => {
                let group = headings.last().map(|(_, text)| text.clone());
                tasks.push(task(number, level, done, rest, group));
                inside = true;
            }
        }
        Ok(())
    })?;
    give(tasks, collector);
    Ok(())
}

fn task(line: u64, level: usize, done: bool, text: &str, group: Option<String>) -> Task {
    let (urgency, text) = match text.strip_prefix("[#").and_then(|t| t.split_once(']')) {
        Some(("A", rest)) => (0, rest.trim()),
        Some(("C", rest)) => (4, rest.trim()),
        Some((_, rest)) => (2, rest.trim()),
        None => (2, text),
    };
    let tags = text.rsplit_once(' ').filter(|(_, t)| t.len() > 2 && t.starts_with(':') && t.ends_with(':'));
    let (title, tag) = match tags {
        Some((title, tags)) => (title.trim(), tags.split(':').find(|t| !t.is_empty()).map(str::to_owned)),
        None => (text, None),
    };
    let mut new = super::item(title, urgency, Vec::new());
    new.item = Item { category: tag, group, ..new.item };
    Task { line, level, done, new, id: None, ordered: false, text: Vec::new() }
}

/// A line below a task: a property, or its text.
fn detail(task: &mut Task, line: &str) {
    let property = line.strip_prefix(':').and_then(|l| l.split_once(": "));
    match property {
        Some(("ID" | "CUSTOM_ID", value)) => task.id = ItemId::parse(value.trim()).ok(),
        Some(("ORDERED", value)) => task.ordered = value.trim() == "t",
        _ if line.starts_with(':') || line.is_empty() => {}
        _ => task.text.push(line.to_owned()),
    }
}

fn give(mut tasks: Vec<Task>, collector: &mut Collector<'_>) {
    for task in &mut tasks {
        task.id = task.id.take().or_else(|| Some(collector.identify(&task.new.item)));
    }
    let parent = |at: usize| (0..at).rev().find(|above| tasks[*above].level < tasks[at].level);
    let parents: Vec<Option<usize>> = (0..tasks.len()).map(parent).collect();
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    for at in 0..tasks.len() {
        let Some(above) = parents[at] else { continue };
        needs[above].push(at);
        if tasks[above].ordered {
            needs[at].extend(
                (above + 1..at).rev().find(|before| parents[*before] == Some(above) && !tasks[*before].done),
            );
        }
    }
    let ids: Vec<Option<ItemId>> = tasks.iter().map(|task| task.id.clone()).collect();
    for (mut task, needs) in tasks.into_iter().zip(needs) {
        if task.done {
            collector.finished(task.id);
            continue;
        }
        task.new.item.needs = needs.into_iter().filter_map(|at| ids[at].clone()).collect();
        if !task.text.is_empty() {
            let text = serde_json::json!({ "text": task.text.join("\n") });
            task.new.item.payload.get_or_insert(text);
        }
        collector.item(task.line, task.new, task.id);
    }
}

#[cfg(test)]
mod tests {
    use crate::import::Format;
    use crate::import::tests::{options, run};

    #[test]
    fn headlines_are_tasks_and_wait_for_those_below() {
        let text = "#+TODO: TODO REVIEW | DONE\n* Shop\n** TODO [#A] Cart :ui:web:\n:PROPERTIES:\n:ID: cart\n:ORDERED: t\n:END:\nThe whole cart.\n\
            *** DONE Model\n*** REVIEW View\n- [ ] a box\n*** TODO Tests\n** TODO Mail\n";
        let (items, report) = run(text, &options());
        assert_eq!((report.format, report.items, report.skipped), (Format::Org, 4, 1));
        let id = |title: &str| items.iter().find(|i| i.item.title == title).expect("known").item.id.clone();
        let needs =
            |title: &str| items.iter().find(|i| i.item.title == title).expect("known").item.needs.clone();
        assert_eq!((items[0].item.id.as_str(), items[0].priority), ("cart", 0));
        assert_eq!(
            (items[0].item.category.as_deref(), items[0].item.group.as_deref()),
            (Some("ui"), Some("Shop"))
        );
        assert!(needs("Cart").contains(&id("View")) && needs("Cart").contains(&id("Tests")));
        assert_eq!(needs("Tests"), [id("View")]);
        assert!(needs("Mail").is_empty() && needs("View").is_empty());
    }
}
