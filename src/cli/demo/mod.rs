//! `demo`, and the workers that it starts.

mod screen;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::demo::{self, DemoError, DemoSpec, Part};

use crate::cli::env;
use crate::cli::error::{CliError, CliResult};
use crate::cli::init;
use crate::cli::output::{Answer, Ui, print_event};
use screen::Screen;

/// See all of it at work in a temporary folder
#[derive(Debug, Args)]
#[command(after_help = "Everything happens in a temporary folder and goes with it. The sessions are real\n\
                        processes in real worktrees. On the way one of them is killed, one commits what\n\
                        another holds, one claims it; at the end it is proved from the repository that\n\
                        nothing was lost or done twice.")]
pub struct DemoArgs {
    /// Let this many sessions work
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=64))]
    sessions: u16,
    /// Give them this many items of work [default: all bundled findings]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    items: Option<u32>,
    /// Keep the temporary folder, to look around in it
    #[arg(long)]
    keep: bool,
}

/// Work for the demonstration (started by it)
#[derive(Debug, Args)]
pub struct WorkerArgs {
    #[arg(long)]
    hold_after: Option<usize>,
    #[arg(long)]
    trespass: Option<String>,
    #[arg(long)]
    grab: Option<String>,
    #[arg(long, default_value_t = 0)]
    patience: usize,
    #[arg(long)]
    resume: bool,
}

/// Runs `demo`.
pub fn run(ui: Ui, args: &DemoArgs) -> CliResult<Answer> {
    init::require_git()?;
    let items = match args.items {
        Some(n) => n as usize,
        None => demo::embedded().map_err(|e| CliError::failed("damaged", e.to_string()))?,
    };
    let spec = DemoSpec { sessions: usize::from(args.sessions), items };
    let stop = stop_flag()?;
    let folder = tempfile::Builder::new()
        .prefix("git-coord-demo-")
        .tempdir()
        .map_err(|e| CliError::failed("io", format!("cannot make a temporary folder: {e}")))?;
    // git prints paths without symbolic links, such as /tmp on macOS.
    let root = folder.path().canonicalize().unwrap_or_else(|_| folder.path().to_owned());
    let mut screen = Screen::new(ui, items);
    let result = demo::run(&root, &spec, &env::surroundings(), &stop, &mut |h| screen.show(h));
    screen.finish();
    let interrupted = matches!(result, Err(DemoError::Interrupted));
    let kept = if args.keep && !interrupted { Some(folder.keep()) } else { remove(folder, &root)? };
    let summary = result.map_err(|e| failed(e, kept.as_deref()))?;
    summary::answer(ui, &summary, kept.as_deref())
}

/// A flag that is set by Ctrl-C and its like.
pub(super) fn stop_flag() -> CliResult<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || set.store(true, Ordering::SeqCst))
        .map_err(|e| CliError::failed("io", format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(stop)
}

fn failed(error: DemoError, kept: Option<&Path>) -> CliError {
    match error {
        DemoError::Interrupted => CliError::interrupted("interrupted"),
        error => {
            let failed = CliError::failed("demo", error.to_string());
            match kept {
                Some(kept) => failed.hint(format!("look around in {}", kept.display())),
                None => failed.hint("see what is left behind with: git coord demo --keep"),
            }
        }
    }
}

/// Removes the temporary folder. A command that a killed worker had started may still be writing
/// there for a moment.
fn remove(folder: tempfile::TempDir, root: &Path) -> CliResult<Option<PathBuf>> {
    let _ = folder.close();
    for _ in 0..30 {
        match std::fs::remove_dir_all(root) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    if root.exists() {
        let message = format!("cannot remove {}", root.display());
        return Err(CliError::failed("io", message).hint("remove it by hand"));
    }
    Ok(None)
}

/// Runs `demo-worker`: works in the current folder until nothing is left.
pub fn worker(args: WorkerArgs) -> CliResult<Answer> {
    let WorkerArgs { hold_after, trespass, grab, patience, resume } = args;
    let part = Part { hold_after, trespass, grab, patience, resume };
    let mut tell = |report: &demo::Report| print_event(&json!(report)).map_err(|_| DemoError::Interrupted);
    demo::work(Path::new("."), part, &mut tell).map_err(|e| failed(e, None))?;
    Ok(Answer::default())
}
