//! `completions`, and `generate`: what is made from the definitions of the command line.
//!
//! Man pages and completions are made when somebody installs the program; `docs/cli.md` is kept in
//! the repository, and a test compares it with what would be made now.

mod man;
mod markdown;

use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;
use serde_json::json;

use crate::cli::error::{CliError, CliResult};
use crate::cli::help::PROGRAM;
use crate::cli::output::{Answer, GOOD, Text, paint};
use crate::cli::text::count;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "For bash, write it to ~/.local/share/bash-completion/completions/git-coord: it completes\n\
                        'git-coord' and 'git coord' alike. For zsh, to a file _git-coord in a folder of $fpath;\n\
                        for fish, to ~/.config/fish/completions/git-coord.fish."
)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What `generate` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One page for each command, to be copied to a folder man1.
    Man,
    /// The reference `cli.md`.
    Markdown,
}

/// Write man pages or the reference (for packagers, and for docs/cli.md)
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// What to write
    kind: Kind,
    /// Where to; made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Runs `completions`.
pub fn completions(args: &CompletionsArgs, program: &Command) -> CliResult<Answer> {
    let script = script(args.shell, program);
    let text = Text::block(&script);
    Ok(Answer::new(json!({ "shell": args.shell.to_string(), "script": script }), text))
}

fn script(shell: Shell, program: &Command) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut visible(program), PROGRAM, &mut bytes);
    let script = String::from_utf8_lossy(&bytes).into_owned();
    if shell != Shell::Bash {
        return script;
    }
    // clap_complete writes the dash of the program's name in two ways, so that its script never
    // finds the words of a command of ours.
    script.replace("git__subcmd__coord", "git__coord") + GIT_COMPLETION
}

/// The program without its hidden commands, which completions would offer.
fn visible(whole: &Command) -> Command {
    Command::new(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(whole.get_arguments().cloned())
        .subcommands(whole.get_subcommands().filter(|c| !c.is_hide_set()).cloned())
}

/// git's own completion for bash calls `_git_coord` after `git coord`. The words after it are
/// handed on as if they followed `git-coord`.
const GIT_COMPLETION: &str = r#"
# Called by git's completion for `git coord`.
_git_coord() {
    local first=${__git_cmd_idx:-1}
    local COMP_WORDS=(git-coord "${words[@]:first+1}")
    local COMP_CWORD=$((cword - first))
    _git__coord git-coord "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
}
"#;

/// Runs `generate`.
pub fn generate(args: &GenerateArgs, program: &Command) -> CliResult<Answer> {
    let files = match args.kind {
        Kind::Man => man::pages(program).map_err(|e| failed(&args.dir, &e))?,
        Kind::Markdown => vec![("cli.md".to_owned(), markdown::reference(program).into_bytes())],
    };
    std::fs::create_dir_all(&args.dir).map_err(|e| failed(&args.dir, &e))?;
    for (name, bytes) in &files {
        let path = args.dir.join(name);
        std::fs::write(&path, bytes).map_err(|e| failed(&path, &e))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let text = format!("{} {} in {}", paint(GOOD, "wrote"), count(files.len(), "file"), args.dir.display());
    Ok(Answer::new(json!({ "dir": args.dir, "files": names }), text))
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::failed("io", format!("{}: {error}", path.display())).hint("name a folder that can be written")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::command::Cli;

    #[test]
    fn the_reference_in_docs_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == markdown::reference(&Cli::command()),
            "docs/cli.md differs from the command line; run: cargo run -- generate markdown docs"
        );
    }

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let script = script(*shell, &Cli::command());
            assert!(script.contains("session") && script.contains("claim"), "{shell}");
            assert!(
                !script.contains("demo-worker") && !script.contains("upkeep"),
                "{shell}: hidden commands"
            );
        }
    }

    #[test]
    fn every_command_has_a_page_and_hidden_ones_have_none() {
        let names: Vec<String> =
            man::pages(&Cli::command()).expect("memory").into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"git-coord.1".to_owned()) && names.contains(&"git-coord-claim.1".to_owned()));
        assert!(names.contains(&"git-coord-session-start.1".to_owned()));
        assert!(!names.iter().any(|n| n.contains("demo-worker") || n.contains("upkeep")));
    }

    #[test]
    fn bash_completes_the_words_of_commands_too() {
        let lib = r#"
            COMP_WORDS=(git-coord session start --w); COMP_CWORD=3
            _git__coord git-coord --w start; echo "${COMPREPLY[*]}"
            words=(git -C x coord session st); cword=5; __git_cmd_idx=3
            _git_coord; echo "${COMPREPLY[*]}"
        "#;
        let output = crate::process::command("bash")
            .args(["-c", &(script(Shell::Bash, &Cli::command()) + lib)])
            .output();
        // Nothing to be tested where there is no bash.
        let Ok(output) = output else { return };
        assert_eq!(String::from_utf8_lossy(&output.stdout), "--worktree\nstart\n");
    }

    /// The commands that a document shows: lines of code that begin with `$ git coord` or with
    /// `git coord`.
    fn commands(text: &str) -> Vec<Vec<String>> {
        let mut code = false;
        let mut list = Vec::new();
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                code = !code;
            }
            let line = line.trim_start().trim_start_matches("$ ");
            if !code || !line.starts_with("git coord ") {
                continue;
            }
            let end = [" | ", " > ", " && ", "   #"].iter().filter_map(|e| line.find(e)).min();
            let words = shlex::split(&line[..end.unwrap_or(line.len())]).expect("words of a shell");
            list.push(words[1..].to_vec());
        }
        list
    }

    #[test]
    fn the_commands_in_the_documents_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![root.join("README.md")];
        files.extend(std::fs::read_dir(root.join("docs")).expect("docs").flatten().map(|e| e.path()));
        let mut seen = 0;
        // The reference shows usages, not calls.
        let is_prose = |f: &&PathBuf| f.extension().is_some_and(|e| e == "md") && !f.ends_with("cli.md");
        for file in files.iter().filter(is_prose) {
            for words in commands(&std::fs::read_to_string(file).expect("readable")) {
                seen += 1;
                if let Err(e) = Cli::try_parse_from(&words) {
                    let shown = matches!(e.kind(), clap::error::ErrorKind::DisplayHelp);
                    assert!(shown, "{}: git {}\n{e}", file.display(), words.join(" "));
                }
            }
        }
        assert!(seen > 10, "only {seen} commands were found");
    }
}
