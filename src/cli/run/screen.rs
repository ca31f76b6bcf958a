//! What one sees while commands run: a line for each slot on a terminal, else a line for each
//! command that has ended.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::model::queue::Counts;
use crate::runner::{AttemptReport, AttemptResult, Event};

use crate::cli::output::{BAD, FAINT, GOOD, STRONG, Ui, WARN};
use crate::cli::progress_lines::Lines;

/// The live part of the screen.
struct Live {
    all: ProgressBar,
    slots: Vec<ProgressBar>,
}

/// Shows what happens.
pub(super) struct Screen {
    lines: Lines,
    live: Option<Live>,
    started: Instant,
    done: u64,
    failed: u64,
    left: Counts,
}

impl Screen {
    /// A screen on stderr.
    pub(super) fn new(ui: Ui) -> Self {
        Screen {
            lines: Lines::new(ui),
            live: None,
            started: Instant::now(),
            done: 0,
            failed: 0,
            left: Counts::default(),
        }
    }

    /// Shows one thing that happened.
    pub(super) fn show(&mut self, event: &Event) {
        match event {
            Event::Begin(sessions) => {
                let names: Vec<String> = sessions.iter().map(ToString::to_string).collect();
                self.begin(&names);
            }
            Event::LeftOut { session, worktree } => {
                let text = format!("{session} is left out: {} has its branch", worktree.display());
                self.lines.say(&self.lines.paint(WARN, &text));
            }
            Event::Started { slot, item, title, attempt } => {
                let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                self.set(*slot, &format!("{} {title}{again}", self.lines.paint(STRONG, item.as_str())), true);
            }
            Event::Ended { slot, attempt } => {
                self.set(*slot, "", false);
                self.ended(attempt);
            }
            Event::Resting { slot, cooling } => {
                let text = if *cooling { "waits for what cools down" } else { "nothing to take now" };
                self.set(*slot, &self.lines.paint(FAINT, text), false);
            }
            Event::Gone { slot, session } => {
                let text = format!("{session} works no more: its session was ended");
                self.set(*slot, &self.lines.paint(FAINT, "its session was ended"), false);
                self.lines.say(&self.lines.paint(WARN, &text));
            }
            Event::Left(counts) => {
                self.left = *counts;
                self.total();
            }
            Event::Stopping => {
                self.lines
                    .say(&self.lines.paint(WARN, "stopping: commands are ended, their items given back"));
            }
        }
    }

    fn begin(&mut self, sessions: &[String]) {
        let total = "{spinner:.green} {wide_msg} {elapsed}";
        let Some(all) = self.lines.add(ProgressBar::new_spinner(), total) else { return };
        all.enable_steady_tick(Duration::from_millis(250));
        let width = sessions.iter().map(String::len).max().unwrap_or(0);
        let template = format!("  {{prefix:{width}}} {{elapsed:>4}} {{wide_msg}}");
        let mut slots = Vec::new();
        for name in sessions {
            let bar = self.lines.add(ProgressBar::new_spinner(), &template);
            slots.extend(bar.inspect(|bar| bar.set_prefix(name.clone())));
        }
        self.live = Some(Live { all, slots });
        self.total();
    }

    /// Sets the line of a slot; `running`: its time counts from now.
    fn set(&self, slot: usize, now: &str, running: bool) {
        let Some(bar) = self.live.as_ref().and_then(|l| l.slots.get(slot)) else { return };
        bar.reset_elapsed();
        self.lines.set(bar, now);
        if running {
            bar.enable_steady_tick(Duration::from_millis(500));
        } else {
            bar.disable_steady_tick();
        }
    }

    fn total(&self) {
        let Some(live) = &self.live else { return };
        let mut line = format!("{} done", self.lines.paint(GOOD, &self.done.to_string()));
        if self.failed > 0 {
            line.push_str(&format!(", {} failed", self.lines.paint(BAD, &self.failed.to_string())));
        }
        line.push_str(&format!(", {} left", self.left.left()));
        if let Some(rate) = super::summary::per_hour(self.done, self.started.elapsed()) {
            line.push_str(&self.lines.paint(FAINT, &format!(", {rate:.0} an hour")));
        }
        self.lines.set(&live.all, &line);
    }

    fn ended(&mut self, attempt: &AttemptReport) {
        let AttemptReport { item, session, .. } = attempt;
        let time = super::summary::seconds(attempt.took);
        let (sign, style, words) = match attempt.result {
            AttemptResult::Done => ("✓", GOOD, format!("done in {time}")),
            AttemptResult::Retry => ("!", WARN, format!("failed after {time}, will be tried again")),
            AttemptResult::Failed => ("✗", BAD, format!("failed after {time}")),
            AttemptResult::Lost => ("!", WARN, "lost".to_owned()),
            AttemptResult::Dropped => ("-", FAINT, "given back".to_owned()),
        };
        self.done += u64::from(attempt.result == AttemptResult::Done);
        self.failed += u64::from(attempt.result == AttemptResult::Failed);
        self.total();
        // On a terminal what went well shows in the counts.
        if self.live.is_some() && attempt.result == AttemptResult::Done {
            return;
        }
        let who = self.lines.paint(FAINT, &format!("({session})"));
        self.lines.say(&format!("{} {item} {words} {who}", self.lines.paint(style, sign)));
        for line in attempt.reason.iter().flat_map(|r| self.lines.wrap(r, 4)) {
            self.lines.say(&format!("    {line}"));
        }
    }

    /// Takes the live part away.
    pub(super) fn finish(&mut self) {
        if let Some(live) = self.live.take() {
            for bar in live.slots.iter().chain([&live.all]) {
                bar.finish_and_clear();
            }
        }
        self.lines.clear();
    }
}
