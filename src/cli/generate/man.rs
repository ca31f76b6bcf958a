//! Man pages: one for the program, one for each command, as git's own commands have them.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::config::SETTINGS;
use crate::cli::exit::ExitStatus;
use crate::cli::help::{PROGRAM, summary};

/// File names and contents of all pages.
///
/// # Errors
/// Never, as they are written to memory.
pub fn pages(program: &Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = program.clone();
    program.build();
    let mut pages = Vec::new();
    add(&mut pages, &program, PROGRAM)?;
    Ok(pages)
}

fn add(pages: &mut Vec<(String, Vec<u8>)>, command: &Command, name: &str) -> io::Result<()> {
    let commands: Vec<&Command> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
    let man = Man::new(command.clone().display_name(name))
        .source(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION")))
        .manual("git-coord manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if !commands.is_empty() {
        listed(&commands, name).to_writer(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if let Some(text) = command.get_after_help() {
        notes(&text.to_string()).to_writer(&mut page)?;
    }
    if name == PROGRAM {
        common().to_writer(&mut page)?;
    } else {
        see_also(&[PROGRAM]).to_writer(&mut page)?;
    }
    pages.push((format!("{name}.1"), page));
    for inner in commands {
        add(pages, inner, &format!("{name}-{}", inner.get_name()))?;
    }
    Ok(())
}

/// The section of commands, each with the name of its page.
fn listed(commands: &[&Command], name: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for command in commands {
        roff.control("TP", []);
        roff.text([bold(format!("{name}-{}", command.get_name())), roman("(1)")]);
        roff.text([roman(summary(command))]);
    }
    roff
}

/// What the help says at its end. Its lines are broken for a terminal, and are joined again.
fn notes(text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]);
    for line in text.lines() {
        roff.text([roman(line.trim())]);
    }
    roff
}

fn see_also(names: &[&str]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    for name in names {
        roff.text([bold(*name), roman("(1)")]);
    }
    roff
}

/// What holds for all commands.
fn common() -> Roff {
    let mut roff = Roff::new();
    let mut section = |title: &str, rows: &[(&str, &str)]| {
        roff.control("SH", [title]);
        for (name, text) in rows {
            roff.control("TP", []);
            roff.text([bold(*name)]);
            roff.text([roman(*text)]);
        }
    };
    let statuses: Vec<(String, &str)> =
        ExitStatus::ALL.iter().map(|(status, text)| (status.code().to_string(), *text)).collect();
    let statuses: Vec<(&str, &str)> = statuses.iter().map(|(code, text)| (code.as_str(), *text)).collect();
    section("EXIT STATUS", &statuses);
    let settings: Vec<(&str, String)> = SETTINGS
        .iter()
        .map(|s| match s.default {
            "" => (s.key, s.text.to_owned()),
            default => (s.key, format!("{} Default: {default}.", s.text)),
        })
        .collect();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, text)| (*key, text.as_str())).collect();
    section("CONFIGURATION", &settings);
    section(
        "ENVIRONMENT",
        &[
            ("GIT_COORD_SESSION", "The session, for commands without --session."),
            ("NO_COLOR", "Print without colours."),
        ],
    );
    section(
        "FILES",
        &[
            (
                "<common git folder>/coord",
                "The store: a bare repository whose ref refs/coord/state is the state.",
            ),
            ("<git folder of a worktree>/coord-session", "The session that the worktree is bound to."),
        ],
    );
    let mut all = roff;
    all.control("SH", ["SEE ALSO"]);
    all.text([
        bold("git"),
        roman("(1), "),
        bold("git-worktree"),
        roman("(1), "),
        bold("githooks"),
        roman("(5)"),
    ]);
    all
}
