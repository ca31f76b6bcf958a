//! `queue import`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::import::{Format, ImportError, Options, Partition, Report, Rules, RulesError, Spool, read};
use crate::model::import_survey::{Named, Survey};
use crate::model::{ItemId, Outcome, QueueName, RepoPath, need_syntax};
use crate::store::Import;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, GOOD, Text, Ui, paint};
use crate::cli::progress_bar::Progress;
use crate::cli::sanitize::visible;
use crate::cli::text;
use crate::client::ClientError;

/// Queue of items that name none.
const DEFAULT_QUEUE: &str = "main";

/// Needs that nobody has imported of which people and programs are told the names.
const UNKNOWN_SHOWN: usize = 10;

/// Bad lines that people are shown.
const BAD_SHOWN: usize = 20;

/// Import items: findings of a scanner, tasks of a plan
#[derive(Debug, Args)]
#[command(after_help = "Formats, also compressed with gzip:\n\
          \x20 jsonl       one object a line, only \"title\" is required\n\
          \x20 csv         a table with a header: title, file, line, rule, severity, …\n\
          \x20 markdown    a task list: - [ ] T001 [P] text (depends on T002-T004)\n\
          \x20 sarif, ruff, eslint, checkstyle, junit    what these tools write\n\
          \x20 cargo       cargo … --message-format=json\n\
          \x20 tsc, gcc    what compilers print\n\
          Importing again adds only what is new. All of a file is imported, or nothing.")]
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
    /// Give items queue, priority and category by the rules in this TOML file, or leave them out
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Relative paths in the file start from this folder, itself relative to the current one
    /// [default: the top of the repository]
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Items of this group go one after the other, in the order of the file; may be given several
    /// times, and be a pattern: '*' for every group
    #[arg(long, value_name = "GROUP", value_parser = parse_pattern)]
    sequential: Vec<globset::Glob>,
    /// Import what is done as new work: under its id with '.2', '.3', …
    #[arg(long)]
    again: bool,
    /// Import the good items although there are bad ones
    #[arg(long)]
    skip_bad: bool,
}

fn parse_pattern(text: &str) -> Result<globset::Glob, String> {
    globset::Glob::new(text).map_err(|e| e.kind().to_string())
}

/// Runs `queue import`.
pub fn import(app: &App, ui: Ui, args: &ImportArgs) -> CliResult<Answer> {
    let client = app.client()?;
    let queue = match &args.queue {
        Some(queue) => queue.clone(),
        None => QueueName::parse(DEFAULT_QUEUE)?,
    };
    let import = Import { session: app.place.session_if_any()?, queue, again: args.again };
    let rules = args.rules.as_ref().map(|file| read_rules(app, file)).transpose()?;
    let options = Options {
        format: args.format,
        root: app.place.repo.root.clone(),
        base: args.base.as_deref().map(|folder| base(app, folder)).transpose()?,
        sequential: sequential(args)?,
        partition: args.partition,
        rules,
    };
    let mut spool = Spool::default();
    let (report, progress) = read_all(app, ui, args, &options, &mut spool)?;
    if report.bad_total > 0 && !args.skip_bad {
        return Err(bad_input(&args.file, &report));
    }
    progress.storing();
    let outcome = client.import(&import, &mut spool).map_err(|e| explained(e, &report))?;
    progress.finish();
    let Outcome::Imported { added, known, unknown_needs, survey } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    let mut answer = answer(added, known + report.duplicates, &unknown_needs, &report);
    if let Some(file) = &report.astray {
        answer = answer.note(astray(file, args.base.as_deref()));
    }
    answer.data["known_done"] = named_json(&survey.done);
    answer.data["differing"] = named_json(&survey.differing);
    Ok(survey_notes(answer, &survey))
}

/// The folder that relative paths start from.
fn base(app: &App, folder: &Path) -> CliResult<RepoPath> {
    let path = app.place.repo.repo_path(folder)?;
    if app.place.repo.root.join(path.to_native()).is_dir() {
        return Ok(path);
    }
    let name = visible(&folder.to_string_lossy());
    Err(CliError::failed("bad-path", format!("--base {name}: there is no such folder"))
        .hint("nothing was imported; see that the name is right; it is relative to the current folder"))
}

/// Why nothing was imported. In a task list most needs follow from its order: they stand nowhere in
/// the file, so they cannot be taken out.
fn explained(error: ClientError, report: &Report) -> CliError {
    let cycle = error.is_rule(crate::model::RuleId::Cycle);
    let error = CliError::from(error);
    if cycle && report.format == Format::Markdown {
        error.hint(
            "without [P] or '(depends on …)', a task comes after the one before it in its phase, and all of \
             a phase after the phases before it: mark tasks with [P], or change what they depend on",
        )
    } else {
        error
    }
}

/// The groups whose items go one after the other.
fn sequential(args: &ImportArgs) -> CliResult<globset::GlobSet> {
    let mut groups = globset::GlobSetBuilder::new();
    for pattern in &args.sequential {
        groups.add(pattern.clone());
    }
    groups.build().map_err(|e| CliError::usage(e.to_string()))
}

/// Reads the whole file. Nothing is stored before all of it is known to be good.
fn read_all(
    app: &App,
    ui: Ui,
    args: &ImportArgs,
    options: &Options,
    spool: &mut Spool,
) -> CliResult<(Report, Progress)> {
    let name = args.file.display();
    let unreadable = |error: ImportError| {
        let hint = match &error {
            ImportError::Read(cause) => unreadable_hint(cause),
            ImportError::Spool(_) => NO_ROOM,
            ImportError::UnknownFormat => "mend the file, or name its format, such as: --format csv",
        };
        CliError::failed("bad-input", format!("{name}: {error}"))
            .hint(format!("nothing was imported; {hint}"))
    };
    let (input, bytes) = open(app, &args.file).map_err(|e| unreadable(ImportError::Read(e)))?;
    let mut progress = Progress::new(ui, bytes);
    let input = BufReader::with_capacity(1 << 18, progress.reader(input));
    let mut kept = Ok(());
    let report = read(Box::new(input), options, &mut |mut item| {
        if args.queue.is_some() {
            item.queue = None;
        }
        progress.item();
        if kept.is_ok() {
            kept = spool.push(item);
        }
    });
    let report = report.map_err(unreadable)?;
    kept.map_err(|e| {
        CliError::failed("io", format!("{name}: cannot keep its items in a temporary file: {e}"))
            .hint(format!("nothing was imported; {NO_ROOM}"))
    })?;
    Ok((report, progress))
}

/// The input and its length, as far as that is known.
fn open(app: &App, file: &Path) -> io::Result<(Box<dyn Read>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let opened = File::open(current_dir(app).join(file))?;
    let about = opened.metadata()?;
    Ok((Box::new(opened), about.is_file().then_some(about.len())))
}

/// The folder that relative names on the command line start from.
fn current_dir(app: &App) -> PathBuf {
    app.place.repo.root.join(app.place.repo.prefix.to_native())
}

/// What helps when items cannot be kept.
const NO_ROOM: &str = "see that the folder for temporary files has room (TMPDIR)";

/// What helps when a file cannot be read.
fn unreadable_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "see that the name is right; it is relative to the current folder",
        ErrorKind::PermissionDenied => "see that you may read it",
        ErrorKind::IsADirectory => "name a file in this folder",
        // What gzip has compressed tells when something of it is missing or is another than it was.
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => {
            "the file is damaged or not all there; make it again, or copy it again"
        }
        _ => "see that the file can be read",
    }
}

fn read_rules(app: &App, file: &Path) -> CliResult<Rules> {
    Rules::read(&current_dir(app).join(file)).map_err(|e| {
        let message = format!("{}: {}", visible(&file.to_string_lossy()), e.to_string().trim_end());
        let hint = match &e {
            RulesError::Read(cause) => unreadable_hint(cause),
            RulesError::Toml(_) | RulesError::Rule { .. } => {
                "a rule reads: [[rule]] match = { path = \"src/**\" } set = { queue = \"src\" }"
            }
        };
        CliError::failed("bad-input", Text::block(&message)).hint(format!("nothing was imported; {hint}"))
    })
}

fn answer(added: u64, known: u64, unknown: &BTreeSet<ItemId>, report: &Report) -> Answer {
    let text = format!("{} {added} new, {known} known ({})", paint(GOOD, "imported"), report.format);
    let first: Vec<&ItemId> = unknown.iter().take(UNKNOWN_SHOWN).collect();
    let data = json!({
        "added": added, "known": known, "bad": bad_json(report), "bad_total": report.bad_total,
        "skipped": report.skipped, "dropped": report.dropped, "format": report.format.to_string(),
        "unknown_needs": { "count": unknown.len(), "first": first },
    });
    let mut answer = Answer::new(data, text);
    if !unknown.is_empty() {
        answer = answer.note(unknown_needs(unknown));
    }
    if report.skipped > 0 {
        answer = answer.note(skipped(report));
    }
    if report.dropped > 0 {
        answer = answer.note(format!("{} left out by rules", text::count(report.dropped as usize, "item")));
    }
    if report.bad_total > 0 {
        let lines = text::count(report.bad_total as usize, "bad line");
        answer = answer.note(bad_lines(format!("{lines} left out:"), report));
    }
    answer
}

fn named_json(items: &Named) -> Value {
    json!({ "count": items.count, "first": items.first })
}

/// What a user may not expect of the items that were known.
fn survey_notes(mut answer: Answer, survey: &Survey) -> Answer {
    let known = |items: &Named| {
        let more = if items.count > items.first.len() as u64 { ", …" } else { "" };
        let (count, ids) =
            (text::count(items.count as usize, "known item"), need_syntax::shown(&items.first));
        (count, format!("({ids}{more})"), if items.count == 1 { "is" } else { "are" })
    };
    if survey.done.count > 0 {
        let (count, ids, are) = known(&survey.done);
        answer = answer.note(format!("{count} {are} done {ids}: as new work they come with --again"));
    }
    if survey.differing.count > 0 {
        let (count, ids, _) = known(&survey.differing);
        answer = answer.note(format!(
            "{count} had another content {ids} and stayed as before: other work needs an id of its own"
        ));
    }
    answer
}

/// What nobody has imported, in words.
fn unknown_needs(unknown: &BTreeSet<ItemId>) -> String {
    let first: Vec<ItemId> = unknown.iter().take(UNKNOWN_SHOWN).cloned().collect();
    let more = if unknown.len() > first.len() { ", …" } else { "" };
    let are = if unknown.len() == 1 { "is" } else { "are" };
    format!(
        "{} {are} unknown ({}{more}): what needs them waits until they are imported and done",
        text::count(unknown.len(), "need"),
        need_syntax::shown(&first)
    )
}

/// That no file is there, in words.
fn astray(file: &RepoPath, base: Option<&Path>) -> String {
    let why = match base {
        Some(base) => format!("see that the paths start from {}", visible(&base.to_string_lossy())),
        None => {
            "if the paths do not start from the top of the repository, say from where with --base DIR".into()
        }
    };
    format!("none of the files is in this worktree, such as {file}: {why}")
}

/// What was passed over, in words.
fn skipped(report: &Report) -> String {
    let count = |one: &str| text::count(report.skipped as usize, one);
    match report.format {
        Format::Markdown => format!("{} done already", count("task")),
        Format::Junit => format!("{} did not fail", count("test")),
        Format::Cargo => format!("{} passed over: no warnings or errors", count("line")),
        Format::Jsonl => format!("{} finished where they were exported", count("item")),
        _ => format!("{} passed over: no findings", count("result")),
    }
}

fn bad_json(report: &Report) -> Value {
    report.bad.iter().map(|b| json!({ "line": b.line, "reason": b.reason })).collect()
}

/// The first bad lines of a report below a headline.
fn bad_lines(head: String, report: &Report) -> Vec<String> {
    let first = &report.bad[..report.bad.len().min(BAD_SHOWN)];
    let mut lines = vec![head];
    lines.extend(first.iter().map(|b| format!("  line {}: {}", b.line, b.reason)));
    if report.bad_total > first.len() as u64 {
        lines.push(format!("  and {} more", report.bad_total - first.len() as u64));
    }
    lines
}

fn bad_input(file: &Path, report: &Report) -> CliError {
    let what = text::count(report.bad_total as usize, "bad line");
    let head = format!("{}: {what}, nothing was imported", file.display());
    CliError::failed("bad-input", bad_lines(head, report))
        .hint("mend them, or import the rest with --skip-bad")
        .detail("bad", bad_json(report))
        .detail("bad_total", json!(report.bad_total))
}
