//! Help, and mistakes in the words of a call.

use std::ffi::OsString;
use std::io::Write as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::help;
use crate::cli::output::Ui;

/// Words that people and agents try, and the command that they mean.
const TRIED: &[(&str, &str)] = &[
    ("start", "git coord session start NAME"),
    ("begin", "git coord session start NAME"),
    ("join", "git coord session start NAME, or for a remote: git coord init --remote NAME"),
    ("stop", "git coord session end"),
    ("end", "git coord session end"),
    ("lock", "git coord claim PATH"),
    ("acquire", "git coord claim PATH"),
    ("reserve", "git coord claim PATH"),
    ("checkout", "git coord claim PATH, or for an item: git coord next"),
    ("unlock", "git coord release PATH"),
    ("free", "git coord release PATH"),
    ("unclaim", "git coord release PATH"),
    ("locks", "git coord claims"),
    ("who", "git coord claims, or: git coord session list"),
    ("whoami", "git coord session show"),
    ("list", "git coord queue list, git coord claims, or: git coord session list"),
    ("ls", "git coord queue list, git coord claims, or: git coord session list"),
    ("items", "git coord queue list"),
    ("tasks", "git coord queue list"),
    ("show", "git coord queue show ITEM, or: git coord session show"),
    ("import", "git coord queue import FILE"),
    ("why", "git coord queue why ITEM"),
    ("take", "git coord next"),
    ("pop", "git coord next"),
    ("get", "git coord next"),
    ("complete", "git coord done ITEM"),
    ("close", "git coord done ITEM"),
    ("resolve", "git coord done ITEM"),
    ("abandon", "git coord drop ITEM, or after a failure: git coord fail ITEM --reason TEXT"),
    ("cancel", "git coord queue update --where id=ITEM --cancel"),
    ("install", "git coord init"),
    ("setup-hooks", "git coord hooks install"),
    ("push", "git coord sync"),
    ("pull", "git coord sync"),
    ("history", "git coord log"),
];

/// Prints help and version as they are, and a mistake in the words as an error like any other.
pub fn report(words: &[OsString], error: &clap::Error, program: &Command) -> ExitStatus {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = help::short(words, program).as_ref().unwrap_or(error).print();
        return ExitStatus::Done;
    }
    let json = words.iter().take_while(|w| *w != "--").any(|w| w == "--json");
    let hint = hint(words, error, program);
    if json {
        Ui { json, quiet: true }.error(&CliError::usage(whole(error)).hint(hint));
        return ExitStatus::Usage;
    }
    // Its last line names `--help`, with which git looks for a man page.
    let text = error.render().ansi().to_string();
    let kept = text.lines().filter(|line| !line.starts_with("For more information"));
    let shown: Vec<&str> = kept.collect();
    // A call without a command is shown all of them, and needs no hint.
    let all = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let hint = if all { String::new() } else { format!("\n\n{hint}") };
    let _ = writeln!(anstream::stderr().lock(), "{}{hint}", shown.join("\n").trim_end());
    ExitStatus::Usage
}

/// The next step: the command that was meant, or where its help is.
fn hint(words: &[OsString], error: &clap::Error, program: &Command) -> String {
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, meant)) = TRIED.iter().find(|(tried, _)| tried == word)
    {
        return format!("you may mean: {meant}");
    }
    format!("see: {}", help::place(words, program))
}

/// The whole message in one line: what is wrong, with what is missing or allowed.
fn whole(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let about = text.split("\nUsage:").next().unwrap_or_default();
    let lines = about.lines().map(str::trim).filter(|line| !line.is_empty());
    let kept: Vec<&str> = lines.filter(|line| !line.starts_with("For more information")).collect();
    kept.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::command::Cli;

    #[test]
    fn no_word_that_is_tried_is_a_command_and_each_leads_to_commands_that_exist() {
        let program = Cli::command();
        for (word, meant) in TRIED {
            if let Some(command) = program.find_subcommand(word) {
                panic!("{word} is a command by now: {:?}", command.get_name());
            }
            let first = meant.split([',', ';']).next().unwrap();
            let words: Vec<&str> = first.trim_start_matches("git ").split_whitespace().collect();
            assert!(Cli::try_parse_from(&words).is_ok(), "{word}: {meant}");
        }
    }

    #[test]
    fn a_message_for_programs_is_whole() {
        let error = Cli::try_parse_from(["git-coord", "claim"]).unwrap_err();
        assert_eq!(whole(&error), "the following required arguments were not provided: <PATH>...");
        let error = Cli::try_parse_from(["git-coord", "next", "--count", "0"]).unwrap_err();
        assert!(whole(&error).contains("1..=10000") || whole(&error).contains("10000"), "{}", whole(&error));
    }
}
