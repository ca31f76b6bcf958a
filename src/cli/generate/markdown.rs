//! `docs/cli.md`: every command with its words, from the definitions.

use clap::{Arg, Command};

use crate::cli::help;

/// The whole reference.
pub fn reference(program: &Command) -> String {
    let mut program = program.clone();
    program.build();
    let mut out = String::from(
        "<!-- Made from the program's definitions: cargo run -- generate markdown docs -->\n\
         # Commands\n\n\
         `git-coord` on `PATH` is `git coord`. What the commands print with `--json`, and their exit\n\
         statuses, are in [json.md](json.md).\n",
    );
    for (title, commands) in help::groups(&program) {
        if commands.is_empty() {
            continue;
        }
        out.push_str(&format!("\n## {title}\n\n"));
        for command in &commands {
            let name = command.get_name();
            out.push_str(&format!("- [`{name}`](#{}) — {}\n", anchor(name), help::summary(command)));
        }
    }
    out.push_str("\n## Flags of every command\n\nThey may stand before or after the command's name.\n\n");
    table(&mut out, program.get_arguments().filter(|a| !a.is_positional()));
    for (_, commands) in help::groups(&program) {
        for command in commands {
            section(&mut out, command, command.get_name());
        }
    }
    out
}

fn anchor(name: &str) -> String {
    format!("git-coord-{}", name.replace(' ', "-"))
}

fn section(out: &mut String, command: &Command, name: &str) {
    out.push_str(&format!("\n## git coord {name}\n\n{}.\n", help::summary(command)));
    let inner: Vec<&Command> =
        command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").collect();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").lines().map(str::trim).collect::<Vec<_>>().join("\n");
    out.push_str(&format!("\n```text\n{usage}\n```\n"));
    let own = || command.get_arguments().filter(|a| !a.is_global_set() && a.get_id() != "help");
    if own().next().is_some() {
        out.push('\n');
        table(out, own());
    }
    if let Some(more) = command.get_after_help() {
        let text = more.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        out.push_str(&format!("\n{}\n", lines.join("\n")));
    }
    for command in inner {
        section(out, command, &format!("{name} {}", command.get_name()));
    }
}

fn table<'a>(out: &mut String, args: impl Iterator<Item = &'a Arg>) {
    out.push_str("| | |\n|---|---|\n");
    for arg in args.filter(|a| !a.is_hide_set()) {
        let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
        if !defaults.is_empty() && help::takes_value(arg) {
            text.push_str(&format!(" [default: {}]", defaults.join(" ")));
        }
        let choices: Vec<String> =
            arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        if !choices.is_empty() && help::takes_value(arg) {
            text.push_str(&format!(" [{}]", choices.join(", ")));
        }
        out.push_str(&format!("| `{}` | {} |\n", words(arg).replace('|', "\\|"), text.replace('|', "\\|")));
    }
}

/// How an argument is written: `-C DIR`, `--count N`, `PATH…`.
fn words(arg: &Arg) -> String {
    let many = if arg.get_num_args().is_some_and(|n| n.max_values() > 1) { "…" } else { "" };
    if arg.is_positional() {
        return format!("{}{many}", help::value_of(arg).trim_start());
    }
    let names = [arg.get_short().map(|c| format!("-{c}")), arg.get_long().map(|l| format!("--{l}"))];
    let names: Vec<String> = names.into_iter().flatten().collect();
    format!("{}{}", names.join(", "), help::value_of(arg))
}
