//! `queue import`.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::import::{
    ColumnMap, Format, ImportError, Options, Partition, Report, Rules, RulesError, Spool, read,
};
use crate::model::{Outcome, QueueName, RepoPath, Scope};
use crate::store::Import;
use clap::Args;

use crate::cli::app::App;
use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, Text, Ui};
use crate::cli::progress_bar::Progress;
use crate::cli::queue::import_answer;
use crate::cli::sanitize::visible;
use crate::client::ClientError;

/// Queue of items that name none.
const DEFAULT_QUEUE: &str = "main";

/// Import items: findings of a scanner, tasks of a plan
#[derive(Debug, Args)]
#[command(after_help = "Formats, also compressed with gzip; docs/import.md has all of them:\n\
          \x20 jsonl       one object a line or an array of them, only \"title\" is required\n\
          \x20 csv         a table with a header, of Jira, Linear, GitHub, scanners …\n\
          \x20 markdown    a task list: - [ ] T001 [P] text (depends on T002-T004)\n\
          \x20 sarif, checkstyle, junit, codeclimate, rdjson    what most tools can write\n\
          \x20 ruff, eslint, cargo, pylint, mypy, semgrep, go-test, trivy …    the JSON of one tool\n\
          \x20 gcc, tsc, msbuild, lines, actions    what compilers and linters print\n\
          \x20 github-issues, beads, task-master, backlog-md, taskwarrior, todotxt, org    other lists of work\n\
          Importing again adds only what is new. All of a file is imported, or nothing.")]
pub struct ImportArgs {
    /// The file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put all items into this queue [default: the one that an item names, else main]
    #[arg(long, value_name = "Q", conflicts_with = "partition")]
    queue: Option<QueueName>,
    /// Read it as this format [default: recognised by the content]
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
    /// Paths below this folder of another machine start from the top of the repository; may be given several times
    #[arg(long, value_name = "PREFIX")]
    strip: Vec<String>,
    /// Leave out findings in files outside the repository
    #[arg(long)]
    skip_outside: bool,
    /// Which column of a table, or field of an object, is which field of an item, such as
    /// title=issue_text,file=filename; may be given several times
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,
    /// Tasks of a list do not wait for those before them; what they say that they depend on still counts
    #[arg(long)]
    unordered: bool,
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
    /// Make the queue follow this report: cancel what the same tool has reported before and no longer does, and offer
    /// again what came back; with --queue in this queue, else in all
    #[arg(long)]
    sync: bool,
    /// Import nothing if something was not understood
    #[arg(long)]
    strict: bool,
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
    let session = app.place.session_if_any()?;
    let mut import = Import { session, queue, again: args.again || args.sync, follow: None };
    let options = options(app, args)?;
    let mut spool = Spool::default();
    let (mut report, progress) = read_all(app, ui, args, &options, &mut spool)?;
    if report.bad_total > 0 && (!args.skip_bad || args.sync) {
        return Err(import_answer::bad_input(&args.file, &report));
    }
    if report.notes_total > 0 && args.strict {
        return Err(import_answer::not_understood(&args.file, &report));
    }
    if args.sync {
        import.follow = Some(scope(args, &report)?);
    }
    spool.finish(std::mem::take(&mut report.finished));
    progress.storing();
    let outcome = client.import(&import, &mut spool).map_err(|e| explained(e, &report))?;
    progress.finish();
    let Outcome::Imported { added, known, unknown_needs, survey } = outcome else {
        return Err(CliError::from_refusal(outcome));
    };
    let answer = import_answer::answer(added, known + report.duplicates, &unknown_needs, &report);
    let answer = import_answer::astray_note(answer, &report, args.base.as_deref());
    Ok(import_answer::survey_notes(answer, &survey))
}

/// What a report is about, so that items that it no longer has are known.
fn scope(args: &ImportArgs, report: &Report) -> CliResult<Scope> {
    let mut tools = report.tools.clone();
    if report.read == 0 && args.format.is_none() && tools.is_empty() {
        let message =
            format!("{}: it is empty, so it is not known which tool's items to cancel", args.file.display());
        return Err(CliError::failed("bad-input", message)
            .hint("nothing was changed; if the tool has found nothing, name its format: --format eslint"));
    }
    if tools.is_empty() && !report.format.is_list() {
        tools.insert(report.format.name().to_owned());
    }
    Ok(Scope { queue: args.queue.clone(), untagged: tools.is_empty(), tools })
}

/// How the file is to be read.
fn options(app: &App, args: &ImportArgs) -> CliResult<Options> {
    let mut map = ColumnMap::default();
    args.map.iter().try_for_each(|text| map.add(text)).map_err(|e| CliError::usage(format!("--map {e}")))?;
    let rules = args.rules.as_ref().map(|file| read_rules(app, file)).transpose()?;
    Ok(Options {
        format: args.format,
        base: args.base.as_deref().map(|folder| base(app, folder)).transpose()?,
        strip: args.strip.clone(),
        skip_outside: args.skip_outside,
        map,
        unordered: args.unordered,
        source: app.place.repo.repo_path(&args.file).ok().filter(|path| !path.is_root()),
        sequential: sequential(args)?,
        partition: args.partition,
        rules,
        ..Options::new(app.place.repo.root.clone())
    })
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

/// Why nothing was imported. In a task list most needs follow from its order: they are not written in
/// the file, so they cannot be taken out.
fn explained(error: ClientError, report: &Report) -> CliError {
    let cycle = error.is_rule(crate::model::RuleId::Cycle);
    let error = CliError::from(error);
    if cycle && report.format == Format::Markdown {
        error.hint(
            "without [P] or '(depends on …)', a task comes after those before it in its phase, and all of \
             a phase after the phases before it: mark tasks with [P], change what they depend on, or import with \
             --unordered",
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
            ImportError::Read(cause) => unreadable_hint(cause).to_owned(),
            ImportError::Spool(_) => NO_ROOM.to_owned(),
            ImportError::UnknownFormat { hint, .. } => hint.clone(),
            ImportError::Unmapped(_) => {
                "--map is for csv and jsonl: name one of them with --format".to_owned()
            }
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
        // A compressed file shows when something of it is missing or was changed.
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
