//! What one sees while the demonstration goes on: bars on a terminal, else a line now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::Style;
use indicatif::ProgressBar;

use crate::demo::{Happening, Report, Step};

use crate::cli::output::{BAD, FAINT, GOOD, STRONG, Ui, WARN};
use crate::cli::progress_lines::Lines;
use crate::cli::text;

/// The live part of the screen.
struct Live {
    all: ProgressBar,
    sessions: BTreeMap<String, (ProgressBar, u64)>,
}

/// A step in words, with the command where there is one.
fn step_text(step: Step) -> String {
    match step {
        Step::Repository(n) => {
            format!("a repository with {}, cloned from a bare remote", text::count(n, "file"))
        }
        Step::Imported(n) => format!("git coord queue import findings.sarif: {}", text::count(n, "item")),
        Step::Sessions(n) => {
            format!("git coord session start NAME --worktree DIR: {}", text::count(n, "session"))
        }
        Step::Pushed(1) => "git push: 1 branch".to_owned(),
        Step::Pushed(n) => format!("git push: {n} branches"),
    }
}

/// Shows what happens.
pub(super) struct Screen {
    lines: Lines,
    live: Option<Live>,
    items: usize,
    done: usize,
    quarters: usize,
    holder: String,
}

impl Screen {
    /// A screen for `items` items.
    pub(super) fn new(ui: Ui, items: usize) -> Self {
        Screen { lines: Lines::new(ui), live: None, items, done: 0, quarters: 0, holder: String::new() }
    }

    /// A message with a heading, wrapped and indented.
    fn tell(&self, sign: &str, style: Style, heading: &str, body: &str) {
        for (n, line) in self.lines.wrap(heading, 3).iter().enumerate() {
            let sign = if n == 0 { sign } else { " " };
            self.lines.say(&format!("{} {}", self.lines.paint(style, sign), self.lines.paint(style, line)));
        }
        for line in body.lines() {
            for line in self.lines.wrap(line.trim_end(), 5) {
                self.lines.say(&self.lines.paint(FAINT, &format!("  | {line}")));
            }
        }
    }

    /// Shows one thing that happened.
    pub(super) fn show(&mut self, happening: &Happening) {
        match happening {
            Happening::Step(step) => self.tell("*", Style::new(), &step_text(*step), ""),
            Happening::Begin(sessions) => self.begin(sessions),
            Happening::Report { session, report } => self.report(session, report),
            Happening::Killed { session, item } => {
                self.set(session, &self.lines.paint(BAD, "killed"));
                let heading = format!("{session} is killed (SIGKILL) in the middle of item {item}");
                self.tell("x", BAD, &heading, "");
            }
            Happening::CameBack { session, after, .. } => {
                let seconds = after.as_secs_f64();
                let heading = if *session == self.holder {
                    format!("{session} has a new worker, which takes up what the session holds")
                } else {
                    let dead = &self.holder;
                    format!("{session} takes over {dead}'s item {seconds:.1} s later: its lease ran out")
                };
                self.tell("+", GOOD, &heading, "");
            }
            Happening::Finished { session } => {
                self.set(session, &self.lines.paint(FAINT, "nothing left to do"))
            }
        }
    }

    fn begin(&mut self, sessions: &[String]) {
        let total = "{wide_bar:.green} {pos}/{len} {elapsed}";
        let Some(all) = self.lines.add(ProgressBar::new(self.items as u64), total) else { return };
        all.enable_steady_tick(Duration::from_millis(250));
        let width = sessions.iter().map(String::len).max().unwrap_or(0).min(12);
        let template = format!("{{prefix:{width}}} {{wide_msg}}");
        let mut live = Live { all, sessions: BTreeMap::new() };
        for name in sessions {
            let Some(bar) = self.lines.add(ProgressBar::new_spinner(), &template) else { return };
            bar.set_prefix(name.clone());
            bar.set_message("starts");
            live.sessions.insert(name.clone(), (bar, 0));
        }
        self.live = Some(live);
    }

    /// Sets the line of a session: items done, and what it does now.
    fn set(&self, session: &str, now: &str) {
        if let Some((bar, done)) = self.live.as_ref().and_then(|l| l.sessions.get(session)) {
            self.lines.set(bar, &format!("{done:>3} {now}"));
        }
    }

    fn report(&mut self, session: &str, report: &Report) {
        match report {
            Report::Took { file, title, .. } => {
                let file = file.rsplit('/').next().unwrap_or(file);
                self.set(session, &format!("{file}: {title}"));
            }
            Report::Holds { file, .. } => {
                if self.holder.is_empty() {
                    let heading = format!("{session} takes long over {file} and renews the lease");
                    self.tell("~", STRONG, &heading, "");
                }
                self.holder = session.to_owned();
            }
            Report::Done { .. } => self.done(session),
            Report::Lost { item, why } => {
                self.tell("!", WARN, &format!("{session} has lost item {item}"), why);
            }
            Report::CommitRefused { file, said } => {
                let heading = format!("{session} commits {file} without a claim; the hook refuses:");
                self.tell("!", WARN, &heading, said);
            }
            Report::ClaimRefused { file, status, said, .. } => {
                let heading = format!("{session} claims {file}; exit {status}:");
                self.tell("!", WARN, &heading, said);
            }
            Report::Wrong { what } => self.tell("!", BAD, &format!("{session}: {what}"), ""),
        }
    }

    fn done(&mut self, session: &str) {
        self.done += 1;
        if let Some(live) = &mut self.live {
            live.all.set_position(self.done as u64);
            if let Some((_, done)) = live.sessions.get_mut(session) {
                *done += 1;
            }
            return;
        }
        let quarter = self.done * 4 / self.items.max(1);
        if quarter > self.quarters {
            self.quarters = quarter;
            self.tell("*", Style::new(), &format!("{} of {} items done", self.done, self.items), "");
        }
    }

    /// Takes the live part away.
    pub(super) fn finish(&mut self) {
        if let Some(live) = self.live.take() {
            live.all.finish_and_clear();
        }
        self.lines.clear();
    }
}
