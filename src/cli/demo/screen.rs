//! What one sees while the demonstration goes on: bars on a terminal, else a line now and then.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use anstyle::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::demo::{Happening, Report, Step};

use super::super::output::{BAD, FAINT, GOOD, STRONG, Ui, WARN, paint};
use super::super::text;

/// The live part of the screen.
struct Live {
    multi: MultiProgress,
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
    ui: Ui,
    live: Option<Live>,
    colour: bool,
    width: usize,
    items: usize,
    done: usize,
    told: usize,
    holder: String,
}

impl Screen {
    /// A screen for so many items.
    pub(super) fn new(ui: Ui, items: usize) -> Self {
        let stderr = std::io::stderr();
        let live = (stderr.is_terminal() && !ui.quiet).then(|| {
            let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
            Live { multi, all: ProgressBar::hidden(), sessions: BTreeMap::new() }
        });
        Screen {
            ui,
            live,
            colour: anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never,
            width: text::terminal_width(&stderr),
            items,
            done: 0,
            told: 0,
            holder: String::new(),
        }
    }

    fn paint(&self, style: Style, words: &str) -> String {
        if self.colour { paint(style, words) } else { words.to_owned() }
    }

    /// A line that stays.
    fn say(&self, line: &str) {
        match &self.live {
            // A bar that scrolls away is no reason to stop.
            Some(live) => drop(live.multi.println(line)),
            None => self.ui.narrate(line),
        }
    }

    /// A message with a heading, wrapped and indented.
    fn tell(&self, sign: &str, style: Style, heading: &str, body: &str) {
        for (n, line) in text::wrap(heading, self.width.saturating_sub(3)).iter().enumerate() {
            let sign = if n == 0 { sign } else { " " };
            self.say(&format!("{} {}", self.paint(style, sign), self.paint(style, line)));
        }
        for line in body.lines() {
            for line in text::wrap(line.trim_end(), self.width.saturating_sub(5)) {
                self.say(&self.paint(FAINT, &format!("  | {line}")));
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
                self.set(session, &self.paint(BAD, "killed"));
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
            Happening::Finished { session } => self.set(session, &self.paint(FAINT, "nothing left to do")),
        }
    }

    fn begin(&mut self, sessions: &[String]) {
        let Some(live) = &mut self.live else { return };
        let width = sessions.iter().map(String::len).max().unwrap_or(0).min(12);
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        live.all = live.multi.add(ProgressBar::new(self.items as u64));
        live.all.set_style(style("{wide_bar:.green} {pos}/{len} {elapsed}").progress_chars("=> "));
        live.all.enable_steady_tick(Duration::from_millis(250));
        for name in sessions {
            let bar = live.multi.add(ProgressBar::new_spinner());
            bar.set_style(style(&format!("{{prefix:{width}}} {{wide_msg}}")));
            bar.set_prefix(name.clone());
            bar.set_message("starts");
            live.sessions.insert(name.clone(), (bar, 0));
        }
    }

    /// Sets the line of a session: items done, and what it does now.
    fn set(&self, session: &str, now: &str) {
        if let Some((bar, done)) = self.live.as_ref().and_then(|l| l.sessions.get(session)) {
            bar.set_message(format!("{done:>3} {now}"));
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
        if quarter > self.told {
            self.told = quarter;
            self.tell("*", Style::new(), &format!("{} of {} items done", self.done, self.items), "");
        }
    }

    /// Takes the live part away.
    pub(super) fn finish(&mut self) {
        if let Some(live) = self.live.take() {
            live.all.finish_and_clear();
            let _ = live.multi.clear();
        }
    }
}
