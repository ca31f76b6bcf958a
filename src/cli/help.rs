//! `git coord -h`: all commands on one screen, in groups.
//!
//! clap knows no groups of subcommands. The list is made from its definitions all the same: names
//! and summaries are those of the commands, and a command that no group names stands under
//! "More", so that none can be forgotten.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Args, Command};
use serde_json::json;

use crate::cli::error::{CliError, CliResult};
use crate::cli::output::{Answer, STRONG, Text, paint};

/// Name of the program's file.
pub const PROGRAM: &str = "git-coord";

/// Groups of commands, in the order in which one comes to need them.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Begin", &["init", "session"]),
    ("Files", &["claim", "release", "claims", "check"]),
    ("Work", &["queue", "next", "done", "run", "land"]),
    ("See", &["status", "log"]),
];

/// Title of the commands without a group. They are only named.
const MORE: &str = "More";

/// Columns of a terminal.
const WIDTH: usize = 80;

/// The short help, when these words ask for it; `None` when they ask for any other help.
pub fn short(words: &[OsString], program: &Command) -> Option<clap::Error> {
    if words.iter().any(|w| w == "--help") {
        return None;
    }
    let text = Text::from(lines(program)).to_string();
    // Only the help of the program itself is replaced; that of its commands stays clap's.
    let error = program.clone().override_help(text).try_get_matches_from(words).err()?;
    (error.kind() == ErrorKind::DisplayHelp).then_some(error)
}

/// Explain a command
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// Which one, such as: queue list; agents: the text for a file of instructions [default: all, on one screen]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs `help`: the same that `-h` shows.
pub fn help(args: &HelpArgs, mut program: Command) -> CliResult<Answer> {
    if args.command == ["agents"] {
        let text = crate::agent::setup::INSTRUCTIONS;
        return Ok(Answer::new(json!({ "text": text }), Text::block(text)));
    }
    program.build();
    let mut command = &program;
    for word in &args.command {
        let Some(inner) = command.find_subcommand(word) else {
            return Err(CliError::usage(format!("there is no command {}", args.command.join(" ")))
                .hint("see which there are: git coord help"));
        };
        command = inner;
    }
    let text = match &args.command[..] {
        [] => Text::from(lines(&program)),
        _ => Text::from(command.clone().render_help()),
    };
    Ok(Answer::new(json!({ "text": text.words() }), text))
}

/// Where the help is that a call with these words should have looked at. `git coord --help` is
/// none: git looks for a man page then.
pub fn place(words: &[OsString], program: &Command) -> String {
    let (mut command, mut place) = (program, "git coord".to_owned());
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(inner) = command.find_subcommand(word).filter(|inner| !inner.is_hide_set()) {
            command = inner;
            place = format!("{place} {word}");
        }
    }
    format!("{place} -h")
}

/// The groups with the commands that there are; those without a group come last.
pub fn groups(program: &Command) -> Vec<(&'static str, Vec<&Command>)> {
    let visible = || program.get_subcommands().filter(|c| !c.is_hide_set());
    let mut list = Vec::new();
    for (title, names) in GROUPS {
        list.push((title, names.iter().filter_map(|n| visible().find(|c| c.get_name() == *n)).collect()));
    }
    let known = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    list.push((MORE, visible().filter(|c| !known(c.get_name())).collect()));
    list
}

fn lines(program: &Command) -> Vec<String> {
    let mut lines = vec![summary(program), "Usage: git coord [OPTIONS] <COMMAND>".to_owned(), String::new()];
    let wide = program.get_subcommands().map(|c| c.get_name().len()).max().unwrap_or(0);
    for (title, commands) in groups(program) {
        if title == MORE {
            let names: Vec<&str> = commands.iter().map(|c| c.get_name()).collect();
            lines.extend(folded(title, &names, ", "));
            continue;
        }
        for (n, command) in commands.iter().enumerate() {
            let title = if n == 0 { title } else { "" };
            let name = paint(STRONG, format!("{:wide$}", command.get_name()));
            lines.push(format!("{} {name}  {}", paint(STRONG, format!("{title:6}")), summary(command)));
        }
    }
    lines.extend(folded("Flags", &flags(program), "  "));
    lines.push("git coord COMMAND -h explains a command; git coord demo shows all of it at work.".into());
    lines
}

/// The first line of what a command says of itself.
pub fn summary(command: &Command) -> String {
    let text = command.get_about().map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// A title and words after it, on as many lines as they need.
fn folded(title: &str, words: &[impl AsRef<str>], between: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (n, word) in words.iter().enumerate() {
        let word = word.as_ref();
        let end = if n + 1 < words.len() { between } else { "" };
        let at = lines.len() - 1;
        if !lines[at].is_empty() && 7 + lines[at].len() + word.len() + end.trim_end().len() > WIDTH {
            lines.push(String::new());
        }
        let at = lines.len() - 1;
        lines[at].push_str(word);
        lines[at].push_str(end);
    }
    let title = |n| paint(STRONG, format!("{:6}", if n == 0 { title } else { "" }));
    lines.iter().enumerate().map(|(n, l)| format!("{} {}", title(n), l.trim_end())).collect()
}

/// The flags of every command: `-C DIR`, `-q`.
fn flags(program: &Command) -> Vec<String> {
    let mut program = program.clone();
    program.build();
    let mut list = Vec::new();
    for arg in program.get_opts().chain(program.get_arguments().filter(|a| !takes_value(a))) {
        let names = [arg.get_short().map(|c| format!("-{c}")), arg.get_long().map(|l| format!("--{l}"))];
        // One name of each, so that they fit into a line.
        let Some(name) = names.into_iter().flatten().next() else { continue };
        if !arg.is_hide_set() {
            list.push(format!("{name}{}", value_of(arg)));
        }
    }
    list
}

/// True for an option with a value, false for a flag.
pub fn takes_value(arg: &clap::Arg) -> bool {
    arg.get_action().takes_values()
}

/// The value of an option as its help writes it, with what stands before it: ` NAME`, `[=NAME]`.
pub fn value_of(arg: &clap::Arg) -> String {
    if !takes_value(arg) {
        return String::new();
    }
    let names = arg.get_value_names().unwrap_or_default();
    let names = names.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(" ");
    let optional = arg.get_num_args().is_some_and(|n| n.min_values() == 0) && !arg.is_positional();
    match (optional, arg.is_require_equals_set()) {
        (true, true) => format!("[={names}]"),
        (true, false) => format!(" [{names}]"),
        (false, true) => format!("={names}"),
        (false, false) => format!(" {names}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::command::Cli;

    fn plain() -> String {
        Text::from(lines(&Cli::command())).words()
    }

    #[test]
    fn the_short_help_fits_one_screen() {
        let text = plain();
        assert!(text.lines().count() <= 23, "with the prompt, it is more than 24 lines:\n{text}");
        assert!(text.lines().all(|l| l.chars().count() <= WIDTH), "wider than {WIDTH} columns:\n{text}");
    }

    #[test]
    fn the_short_help_names_every_command_once() {
        let program = Cli::command();
        let mut shown: Vec<&str> =
            groups(&program).into_iter().flat_map(|(_, list)| list).map(Command::get_name).collect();
        let mut all: Vec<&str> =
            program.get_subcommands().filter(|c| !c.is_hide_set()).map(Command::get_name).collect();
        shown.sort_unstable();
        all.sort_unstable();
        assert_eq!(shown, all);
        let text = plain();
        assert!(all.iter().all(|name| text.contains(name)));
    }

    #[test]
    fn only_the_help_of_the_program_is_replaced() {
        let ask = |words: &[&str]| {
            short(&words.iter().map(Into::into).collect::<Vec<_>>(), &Cli::command()).map(|e| e.to_string())
        };
        assert_eq!(ask(&["git-coord", "-h"]), Some(plain() + "\n"));
        assert_eq!(ask(&["git-coord", "--help"]), None);
        let of_claim = ask(&["git-coord", "claim", "-h"]).expect("help");
        assert!(of_claim.contains("Usage: git coord claim"), "{of_claim}");
    }
}
