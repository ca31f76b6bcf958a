//! The whole list: headings, tasks and what is below them.

use std::collections::HashMap;

use super::clause::{self, Clause};
use super::entry::{self, Entry, Mark};
use super::files::files;
use super::ids::{self, Candidate};
use crate::import::place::Places;
use crate::model::{ItemId, RepoPath};

/// Level of the headings that begin a phase, where none says so.
const PHASE_LEVEL: usize = 2;

/// Bytes of the text below a task that are kept.
const DETAILS_MAX: usize = 64 * 1024;

/// What there is to do about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Done,
    GivenUp,
}

/// A task of the list.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) line: u64,
    pub(super) id: Option<ItemId>,
    pub(super) state: State,
    pub(super) optional: bool,
    pub(super) parallel: bool,
    /// Position in [`Document::phases`].
    pub(super) phase: usize,
    pub(super) group: Option<String>,
    pub(super) title: String,
    pub(super) files: Vec<RepoPath>,
    /// Tasks that it says it waits for, as positions; `None`: it does not say.
    pub(super) named: Option<Vec<usize>>,
    /// The task that it is a part of.
    pub(super) parent: Option<usize>,
    /// Lines below it.
    pub(super) details: Vec<String>,
    indent: usize,
    mark: Mark,
    /// The text with the id and the labels.
    text: String,
}

/// A phase.
#[derive(Debug, Default)]
pub(super) struct Phase {
    pub(super) name: Option<String>,
    /// Tasks that its heading says it waits for; `None`: it does not say.
    pub(super) named: Option<Vec<usize>>,
    /// It is a user story, which can go beside others.
    pub(super) story: bool,
    line: u64,
    clause: Option<Clause>,
}

/// The whole list.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) tasks: Vec<Task>,
    pub(super) phases: Vec<Phase>,
    /// What was not understood, by line.
    pub(super) notes: Vec<(u64, String)>,
    /// Entries with an id and without a box.
    loose: Vec<Task>,
    by_id: HashMap<String, Vec<usize>>,
    /// Level of the headings that begin a phase.
    level: usize,
    named: bool,
    group: Option<String>,
    /// The code block that is open: its character and length.
    fence: Option<(char, usize)>,
    comment: bool,
    /// A task is open, to which indented lines belong.
    inside: bool,
}

impl Default for Document {
    fn default() -> Self {
        Document {
            tasks: Vec::new(),
            phases: vec![Phase::default()],
            notes: Vec::new(),
            loose: Vec::new(),
            by_id: HashMap::new(),
            level: PHASE_LEVEL,
            named: false,
            group: None,
            fence: None,
            comment: false,
            inside: false,
        }
    }
}

impl Document {
    /// Takes the next line.
    pub(super) fn add(&mut self, number: u64, text: &str) {
        let trimmed = text.trim_start();
        if self.comment {
            self.comment = !trimmed.contains("-->");
            return;
        }
        if let Some((mark, length)) = self.fence {
            // CommonMark: at least as many of the same character, and nothing behind them.
            let run = trimmed.len() - trimmed.trim_start_matches(mark).len();
            if run >= length && trimmed[run..].trim().is_empty() {
                self.fence = None;
            }
            return self.detail(text);
        }
        if let Some(fence) = fence(trimmed) {
            self.fence = Some(fence);
            return self.detail(text);
        }
        if trimmed.starts_with("<!--") {
            self.comment = !trimmed.contains("-->");
        } else if let Some((level, heading)) = heading(trimmed) {
            self.inside = false;
            self.heading(number, level, heading);
        } else if let Some(entry) = entry::parse(text).filter(|entry| entry.state.is_some()) {
            let task = self.task(number, &entry, entry.state.unwrap_or(Mark::Open), entry.text);
            self.tasks.push(task);
            self.inside = true;
        } else if let Some((entry, found)) =
            entry::parse(text).and_then(|entry| Some((entry.clone(), entry.loose()?)))
        {
            self.loose_entry(number, &entry, found);
            self.detail(text);
        } else {
            self.detail(text);
        }
    }

    /// A line below a task belongs to it when it is indented more.
    fn detail(&mut self, text: &str) {
        let tasks = if self.tasks.is_empty() { &mut self.loose } else { &mut self.tasks };
        let Some(task) = tasks.last_mut().filter(|_| self.inside) else { return };
        let indent = text.len() - text.trim_start().len();
        if indent <= task.indent {
            self.inside = false;
        } else if task.details.iter().map(String::len).sum::<usize>() < DETAILS_MAX {
            task.details.push(text.trim().to_owned());
        }
    }

    fn heading(&mut self, line: u64, level: usize, text: &str) {
        let named = phase_number(text).is_some();
        if named {
            (self.level, self.named) = (level, true);
        } else if level > self.level {
            self.group = Some(text.to_owned());
            return;
        } else if level == 1 && !self.named {
            // The title of the document.
            return;
        }
        let (text, clause) = clause::split(text);
        self.group = None;
        let story = named && is_story(&text);
        self.phases.push(Phase { name: Some(text), named: None, story, line, clause });
    }

    fn task(&self, line: u64, entry: &Entry<'_>, mark: Mark, text: &str) -> Task {
        Task {
            line,
            id: None,
            state: State::Open,
            optional: entry.optional,
            parallel: false,
            phase: self.phases.len() - 1,
            group: self.group.clone(),
            title: String::new(),
            files: Vec::new(),
            named: None,
            parent: None,
            details: Vec::new(),
            indent: entry.indent,
            mark,
            text: text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        }
    }

    fn loose_entry(&mut self, line: u64, entry: &Entry<'_>, (first, last, text): (&str, Option<&str>, &str)) {
        let mark = if entry.is_ticked() { Mark::Done } else { Mark::Open };
        let text = text.trim_end_matches(['✅', '~', ' ']);
        let all = last.map_or_else(|| vec![first.to_owned()], |last| ids::expand(first, last));
        for id in all {
            let task = self.task(line, entry, mark, &format!("{id}: {text}"));
            self.loose.push(task);
        }
        self.inside = self.tasks.is_empty();
    }

    /// Finds out ids, parts and what the tasks say that they wait for.
    pub(super) fn finish(&mut self, places: &Places) {
        if self.tasks.is_empty() {
            self.tasks = std::mem::take(&mut self.loose);
        }
        self.find_ids();
        self.find_parents();
        for index in 0..self.tasks.len() {
            let (title, clause) = clause::split(&self.tasks[index].title);
            let mut all = clause.clone();
            for line in &self.tasks[index].details {
                if let Some(more) = clause::split(line).1 {
                    all.get_or_insert_default().add(more);
                }
            }
            let line = self.tasks[index].line;
            let named = all.and_then(|clause| self.resolve(line, &clause));
            let task = &mut self.tasks[index];
            if clause.is_some() && named.is_some() {
                task.title = title;
            }
            let detailed = [task.title.as_str()].into_iter().chain(task.details.iter().map(String::as_str));
            let mut found: Vec<RepoPath> = Vec::new();
            for path in detailed.flat_map(|text| files(text, places)) {
                if !found.contains(&path) {
                    found.push(path);
                }
            }
            (task.named, task.files) = (named, found);
        }
        for phase in 0..self.phases.len() {
            let (line, clause) = (self.phases[phase].line, self.phases[phase].clause.take());
            self.phases[phase].named = clause.and_then(|clause| self.resolve(line, &clause));
        }
    }

    fn find_ids(&mut self) {
        let texts: Vec<String> = self.tasks.iter().map(|task| task.text.clone()).collect();
        let starts: Vec<entry::Start<'_>> = texts.iter().map(|text| entry::start(text)).collect();
        let candidates: Vec<Option<Candidate<'_>>> = starts.iter().map(|start| start.id).collect();
        let accepted = ids::accepted(&candidates);
        let numbered = accepted.iter().filter(|id| ids::is_number(id)).count() * 2 >= self.tasks.len().max(1);
        let mut lines: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, start) in starts.iter().enumerate() {
            let id = start.id.filter(|c| accepted.contains(c.id));
            if let Some(id) = id {
                lines.entry(id.id).or_default().push(index);
            }
            let task = &mut self.tasks[index];
            task.parallel = start.parallel;
            task.group = start.label.map(str::to_owned).or(task.group.take());
            task.title = match (id, start.id) {
                // The word is a part of the text.
                (None, Some(word)) => format!("{} {}", word.word, start.rest),
                _ => start.rest.to_owned(),
            };
            task.state = task.mark.state(numbered);
            match task.mark {
                Mark::Dash if numbered => {
                    self.notes.push((task.line, "[-] is read as in progress: to do".into()))
                }
                Mark::Dash => self.notes.push((task.line, "[-] is read as given up".into())),
                Mark::Other(mark) => self.notes.push((task.line, format!("[{mark}] is read as to do"))),
                Mark::Open | Mark::Done => {}
            }
        }
        for (id, found) in lines {
            match found.as_slice() {
                [one] => self.tasks[*one].id = ItemId::parse(id).ok(),
                [first, others @ ..] => {
                    let line = self.tasks[*first].line;
                    for other in others {
                        let reason = format!("{id} is on line {line}, too: neither task has it as its id");
                        self.notes.push((self.tasks[*other].line, reason));
                    }
                    for index in &found {
                        let task = &mut self.tasks[*index];
                        task.title = format!("{id} {}", task.title);
                    }
                }
                [] => {}
            }
            self.by_id.insert(id.to_owned(), found);
        }
        self.notes.sort();
    }

    /// A task is a part of the nearest one before it that is indented less, or whose number it continues.
    fn find_parents(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        for index in 0..self.tasks.len() {
            let task = &self.tasks[index];
            let is_part = |above: &usize| {
                let above = &self.tasks[*above];
                let number = |task: &Task| {
                    task.id.as_ref().map(|id| id.as_str().to_owned()).filter(|id| ids::is_number(id))
                };
                let by_number = number(above)
                    .zip(number(task))
                    .map(|(a, b)| b.strip_prefix(&a).is_some_and(|rest| rest.starts_with('.')));
                above.phase == task.phase
                    && (by_number == Some(true) || (by_number.is_none() && above.indent < task.indent))
            };
            while open.last().is_some_and(|above| !is_part(above)) {
                open.pop();
            }
            self.tasks[index].parent = open.last().copied();
            open.push(index);
        }
    }

    /// The tasks that a clause names, as positions; `None` when it names none of this list. Names that no task has
    /// are noted.
    fn resolve(&mut self, line: u64, clause: &Clause) -> Option<Vec<usize>> {
        let (mut found, mut known) = (Vec::new(), clause.nothing);
        for (first, last) in &clause.tasks {
            let named: Vec<usize> = match last {
                None => self.with_id(first).to_vec(),
                Some(last) => self.in_range(first, last),
            };
            if named.is_empty() {
                let name = last.as_ref().map_or(first.clone(), |last| format!("{first}-{last}"));
                self.notes.push((line, format!("depends on {name}, which is not a task of this file")));
            }
            known |= !named.is_empty();
            found.extend(named);
        }
        for name in &clause.phases {
            match self.phases.iter().position(|p| p.name.as_deref().and_then(phase_number) == Some(name)) {
                Some(phase) => {
                    known = true;
                    found.extend((0..self.tasks.len()).filter(|t| self.tasks[*t].phase == phase));
                }
                None => {
                    self.notes.push((line, format!("depends on Phase {name}, which is not in this file")))
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        known.then_some(found)
    }

    /// The tasks with an id; several, when it is repeated.
    pub(super) fn with_id(&self, id: &str) -> &[usize] {
        self.by_id.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    fn in_range(&self, first: &str, last: &str) -> Vec<usize> {
        let (Some((prefix, from)), Some((_, to))) = (ids::split(first), ids::split(last)) else {
            return Vec::new();
        };
        let inside = |(id, _): &(&String, &Vec<usize>)| {
            ids::split(id).is_some_and(|(p, n)| p == prefix && (from..=to).contains(&n))
        };
        self.by_id.iter().filter(inside).flat_map(|(_, tasks)| tasks.iter().copied()).collect()
    }
}

/// Character and length of the fence that begins a code block.
fn fence(line: &str) -> Option<(char, usize)> {
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    (length >= 3 && !(mark == '`' && line[length..].contains('`'))).then_some((mark, length))
}

/// Level and text of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let text = text.trim_end().trim_end_matches('#').trim();
    ((1..=6).contains(&level) && line[level..].starts_with(' ')).then_some((level, text))
}

/// What comes after the word `Phase` in a heading: `2` of `Phase 2: Core`.
fn phase_number(heading: &str) -> Option<&str> {
    let rest = heading.get(..5).filter(|w| w.eq_ignore_ascii_case("phase")).map(|_| &heading[5..])?;
    let number = rest.strip_prefix(' ')?.split(|c: char| !c.is_alphanumeric() && c != '.').next()?;
    Some(number.trim_end_matches('.')).filter(|n| !n.is_empty())
}

/// True for the heading of a user story: `Phase 3: User Story 1 - …`, `Phase 4: US2`.
fn is_story(heading: &str) -> bool {
    let lower = heading.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    words.windows(2).any(|pair| pair[0] == "story" && number(pair[1]))
        || words.iter().any(|w| w.strip_prefix("us").is_some_and(number))
}
