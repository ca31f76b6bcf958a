//! `queue import`.

use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::import::{Format, Options, Partition, Report, read};
use crate::model::{NewItem, Op, Outcome, QueueName};
use crate::store::Store;

use super::app::App;
use super::error::{CliError, CliResult};
use super::output::{Answer, GOOD, paint};
use super::text;

/// Most items in memory at once. A larger file of findings is read twice, first to see whether all of
/// it is good, and imported in several acts; importing it again after a break adds the rest. Items
/// that need each other go in as one act, however many.
const BATCH: usize = 100_000;

/// Queue of items that name none.
const DEFAULT_QUEUE: &str = "main";

/// See the command's help.
#[derive(Debug, Args)]
#[command(
    after_help = "Formats: jsonl (one object a line, only \"title\" is required), sarif (2.1.0), ruff\n\
                        (its json-lines). Importing again adds only what is new."
)]
pub struct ImportArgs {
    /// The file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put all items into this queue [default: the one that an item names, else main]
    #[arg(long, value_name = "Q", conflicts_with = "partition")]
    queue: Option<QueueName>,
    /// Read it as this format [default: told from the content]
    #[arg(long, value_name = "F")]
    format: Option<Format>,
    /// Give items that name no queue one by severity, category, folder or rule
    #[arg(long, value_name = "BY")]
    partition: Option<Partition>,
    /// Items of this group go one after the other, in the order of the file; may be given several
    /// times, and be a pattern: '*' for every group
    #[arg(long, value_name = "GROUP", value_parser = parse_pattern)]
    sequential: Vec<globset::Glob>,
    /// Import the good items although there are bad ones
    #[arg(long)]
    skip_bad: bool,
}

fn parse_pattern(text: &str) -> Result<globset::Glob, String> {
    globset::Glob::new(text).map_err(|e| e.kind().to_string())
}

/// Runs `queue import`.
pub fn import(app: &App, args: &ImportArgs) -> CliResult<Answer> {
    let store = app.store()?;
    let source = Source::new(app, args)?;
    let mut batch = Batch { app, store: &store, args, items: Vec::new(), added: 0, known: 0, failed: None };
    let mut too_many = false;
    let mut has_needs = false;
    let report = source.read(&mut |item| {
        has_needs |= !item.item.needs.is_empty();
        too_many |= batch.items.len() >= BATCH;
        if too_many && !has_needs {
            // Read on, only to see whether everything is good.
            batch.items = Vec::new();
        } else {
            batch.items.push(item);
        }
    })?;
    if report.bad_total > 0 && !args.skip_bad {
        return Err(bad_input(&source.name, &report));
    }
    if too_many {
        batch.items.clear();
        source.read(&mut |item| {
            batch.items.push(item);
            if !has_needs && batch.items.len() >= BATCH {
                batch.submit();
            }
        })?;
    }
    batch.submit();
    if let Some(error) = batch.failed {
        return Err(error);
    }
    let (added, known) = (batch.added, batch.known + report.duplicates);
    let text = format!("{} {added} new, {known} known ({})", paint(GOOD, "imported"), report.format);
    let data = json!({
        "added": added, "known": known, "bad": bad_json(&report), "bad_total": report.bad_total,
        "skipped": report.skipped, "format": report.format.to_string(),
    });
    let mut answer = Answer::new(data, text);
    if report.skipped > 0 {
        let results = text::count(report.skipped as usize, "result");
        answer = answer.note(format!("{results} of the file are no findings"));
    }
    if report.bad_total > 0 {
        let lines = text::count(report.bad_total as usize, "bad line");
        answer = answer.note(format!("{lines} left out:\n{}", bad_lines(&report)));
    }
    Ok(answer)
}

/// What is imported: a file that can be read twice.
struct Source {
    name: String,
    file: File,
    options: Options,
}

impl Source {
    fn new(app: &App, args: &ImportArgs) -> CliResult<Self> {
        let name = args.file.display().to_string();
        let base = app.repo.root.join(app.repo.prefix.to_native());
        let opened = if args.file == Path::new("-") {
            // Standard input comes once; a large one is read a second time from here.
            tempfile::tempfile().and_then(|mut file| {
                std::io::copy(&mut std::io::stdin(), &mut file)?;
                Ok(file)
            })
        } else {
            File::open(base.join(&args.file))
        };
        let mut groups = globset::GlobSetBuilder::new();
        for pattern in &args.sequential {
            groups.add(pattern.clone());
        }
        let options = Options {
            format: args.format,
            root: app.repo.root.clone(),
            sequential: groups.build().map_err(|e| CliError::usage(e.to_string()))?,
            partition: args.partition,
        };
        let file = opened.map_err(|e| unreadable(&name, &e))?;
        Ok(Source { name, file, options })
    }

    fn read(&self, sink: &mut dyn FnMut(NewItem)) -> CliResult<Report> {
        (&self.file).rewind().map_err(|e| unreadable(&self.name, &e))?;
        let input = BufReader::with_capacity(1 << 18, &self.file);
        read(Box::new(input), &self.options, sink).map_err(|e| unreadable(&self.name, &e))
    }
}

fn unreadable(name: &str, reason: &dyn std::fmt::Display) -> CliError {
    CliError::failed("bad-input", format!("{name}: {reason}"))
        .hint("nothing was imported; mend the file, or name its format: --format jsonl")
}

/// Items on their way into the store.
struct Batch<'a> {
    app: &'a App,
    store: &'a Store,
    args: &'a ImportArgs,
    items: Vec<NewItem>,
    added: u64,
    known: u64,
    failed: Option<CliError>,
}

impl Batch<'_> {
    fn submit(&mut self) {
        let mut items = std::mem::take(&mut self.items);
        if self.failed.is_some() {
            return;
        }
        let queue = match &self.args.queue {
            Some(queue) => {
                items.iter_mut().for_each(|item| item.queue = None);
                Ok(queue.clone())
            }
            None => QueueName::parse(DEFAULT_QUEUE).map_err(CliError::from),
        };
        let result = queue.and_then(|queue| {
            let op = Op::Import { session: self.app.session_if_any()?, items, queue };
            self.app.submit(self.store, &op, None)
        });
        match result {
            Ok(Outcome::Imported { added, known }) => {
                self.added += added;
                self.known += known;
            }
            Ok(other) => self.failed = Some(CliError::from_refusal(other)),
            Err(error) => self.failed = Some(error),
        }
    }
}

fn bad_json(report: &Report) -> Value {
    report.bad.iter().map(|b| json!({ "line": b.line, "reason": b.reason })).collect()
}

fn bad_lines(report: &Report) -> String {
    let mut lines: Vec<String> =
        report.bad.iter().take(20).map(|b| format!("  line {}: {}", b.line, b.reason)).collect();
    if report.bad_total > lines.len() as u64 {
        lines.push(format!("  and {} more", report.bad_total - lines.len() as u64));
    }
    lines.join("\n")
}

fn bad_input(name: &str, report: &Report) -> CliError {
    let what = text::count(report.bad_total as usize, "bad line");
    CliError::failed("bad-input", format!("{name}: {what}, nothing was imported\n{}", bad_lines(report)))
        .hint("mend them, or import the rest with --skip-bad")
        .detail("bad", bad_json(report))
        .detail("bad_total", json!(report.bad_total))
}
