//! What the commands of git write in the worktree.

use super::super::tools::Target;
use super::options::parse;
use super::run::Run;
use super::token::Word;

/// Commands that change no file of the worktree.
const READERS: &[&str] = &[
    "add",
    "annotate",
    "blame",
    "branch",
    "bundle",
    "cat-file",
    "check-ignore",
    "commit",
    "config",
    "coord",
    "count-objects",
    "describe",
    "diff",
    "diff-tree",
    "fetch",
    "for-each-ref",
    "fsck",
    "gc",
    "grep",
    "help",
    "log",
    "ls-files",
    "ls-remote",
    "ls-tree",
    "merge-base",
    "name-rev",
    "notes",
    "push",
    "reflog",
    "remote",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "show-ref",
    "status",
    "symbolic-ref",
    "tag",
    "update-ref",
    "var",
    "verify-commit",
    "version",
    "whatchanged",
];

/// Notes what `git …` writes.
pub(super) fn command(run: &mut Run<'_>, args: &[Word]) {
    let mut at = 0;
    let cwd = run.cwd.clone();
    while let Some(word) = args.get(at).filter(|word| word.text.starts_with('-')) {
        match word.text.as_str() {
            "-C" => {
                let to = args.get(at + 1).map(|word| run.paths(word)).unwrap_or_default();
                run.cwd = match (to.as_slice(), &run.cwd) {
                    ([one], Some(cwd)) => Some(cwd.join(one)),
                    ([one], None) if one.is_absolute() => Some(one.clone()),
                    _ => None,
                };
                at += 2;
            }
            "-c" => at += 2,
            "--no-pager" | "-p" | "--paginate" | "--no-optional-locks" | "--literal-pathspecs" => at += 1,
            _ => {
                run.unsure();
                return;
            }
        }
    }
    if let Some(word) = args.get(at) {
        subcommand(run, &word.text, &args[at + 1..]);
    }
    run.cwd = cwd;
}

fn subcommand(run: &mut Run<'_>, name: &str, args: &[Word]) {
    match name {
        "mv" => moved(run, args),
        "rm" => {
            let parsed = parse(args, &["--pathspec-from-file"]);
            match parsed.has(&["-n", "--dry-run"]) {
                true => {}
                false if parsed.has(&["--pathspec-from-file"]) => run.unsure(),
                false => pathspecs(run, &parsed.operands, Target::Entry, true),
            }
        }
        "checkout" => {
            let parsed = parse(args, &["-b", "-B", "--orphan", "--conflict", "--pathspec-from-file"]);
            match parsed.behind.filter(|_| !parsed.has(&["-p", "--patch"])) {
                Some(behind) => pathspecs(run, &parsed.operands[behind..], Target::Content, false),
                None => run.unsure(),
            }
        }
        "restore" => {
            let parsed = parse(args, &["-s", "--source", "--conflict", "--pathspec-from-file"]);
            let index_only = parsed.has(&["-S", "--staged"]) && !parsed.has(&["-W", "--worktree"]);
            match index_only {
                true => {}
                false if parsed.has(&["-p", "--patch", "--pathspec-from-file"]) => run.unsure(),
                false => pathspecs(run, &parsed.operands, Target::Content, false),
            }
        }
        name if READERS.contains(&name) => {}
        "stash" | "worktree" if matches!(args.first().map(|w| w.text.as_str()), Some("list" | "show")) => {}
        _ => run.unsure(),
    }
}

fn moved(run: &mut Run<'_>, args: &[Word]) {
    let parsed = parse(args, &[]);
    let mut from = parsed.operands.clone();
    let Some(last) = from.pop().filter(|_| !parsed.has(&["-n", "--dry-run"])) else { return };
    let from: Vec<_> = from.iter().flat_map(|word| run.paths(word)).collect();
    for to in run.paths(last) {
        let folder = from.len() > 1 || last.text.ends_with('/') || run.is_dir(&to);
        for path in &from {
            run.write(path.clone(), Target::Entry);
            match path.file_name().filter(|_| folder) {
                Some(name) => run.write(to.join(name), Target::Entry),
                None => run.write(to.clone(), Target::Entry),
            }
        }
    }
}

/// Paths of files. Of a folder, only what has changed there would be written, which is not known here;
/// unless the whole of it is, as by `git rm -r`.
fn pathspecs(run: &mut Run<'_>, words: &[&Word], target: Target, whole: bool) {
    for word in words {
        let magic = word.text.starts_with(':') || (word.is_quoted && word.text.contains(['*', '?', '[']));
        if magic {
            run.unsure();
            continue;
        }
        for path in run.paths(word) {
            match run.is_dir(&path) && !whole {
                true => run.unsure(),
                false => run.write(path, target),
            }
        }
    }
}
