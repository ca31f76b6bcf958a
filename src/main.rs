//! The `git coord` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    git_coord::cli::run(std::env::args_os())
}
