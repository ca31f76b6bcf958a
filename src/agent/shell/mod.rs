//! Which files a shell command is certain to write.
//!
//! Not a shell: words are split, quotes, here-documents, redirections and patterns are understood, `cd` is
//! followed, and the common programs that write files are known. Whatever depends on a variable, on the
//! output of a program or on a program that is not known here is left out, and the answer says that the
//! command may write more than what it lists.

mod expand;
mod git;
mod known;
mod lexer;
mod options;
mod programs;
mod run;
mod token;

#[cfg(test)]
mod tests;

use std::path::Path;

use super::tools::Writes;

/// What a script writes that is run in `base`; `home` is the value of `~`.
pub fn writes(script: &str, base: Option<&Path>, home: Option<&Path>) -> Writes {
    let mut run = run::Run::new(base, home);
    run.script(script, 0);
    run.finish()
}
