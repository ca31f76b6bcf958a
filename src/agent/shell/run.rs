//! Going through a script command by command.

use std::path::{Path, PathBuf};

use super::super::tools::{Target, Write, Writes};
use super::expand;
use super::lexer;
use super::token::{Redirect, Token, Word};

/// How deep scripts within scripts are followed.
const DEPTH: usize = 6;

/// Words of the grammar that stand before a command.
const BEFORE: &[&str] = &["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"];
/// Words of the grammar that are not followed by a command.
const HEADS: &[&str] = &["for", "select", "case", "done", "fi", "esac", "}"];

/// The script as far as it has been read.
pub struct Run<'p> {
    /// Where it is; `None` when that is not known.
    pub cwd: Option<PathBuf>,
    home: Option<&'p Path>,
    out: Writes,
}

/// One command.
pub struct Command {
    /// Its words.
    pub words: Vec<Word>,
    /// The text of its here-document.
    pub body: Option<String>,
}

impl<'p> Run<'p> {
    /// Begins in `base`.
    pub fn new(base: Option<&Path>, home: Option<&'p Path>) -> Self {
        Run { cwd: base.map(Path::to_owned), home, out: Writes::default() }
    }

    /// What has been found.
    pub fn finish(self) -> Writes {
        self.out
    }

    /// Notes that the script may write what is not known.
    pub fn unsure(&mut self) {
        self.out.may_write_more = true;
    }

    /// Notes a path that is written.
    pub fn write(&mut self, path: PathBuf, target: Target) {
        if path.starts_with("/dev") || path.as_os_str().is_empty() {
            return;
        }
        if path.is_relative() && self.cwd.is_none() {
            return self.unsure();
        }
        let path = self.cwd.as_ref().map_or(path.clone(), |cwd| cwd.join(&path));
        let write = Write::new(path, target);
        if !self.out.list.contains(&write) {
            self.out.list.push(write);
        }
    }

    /// Notes all paths of these words.
    pub fn write_all<'w>(&mut self, words: impl IntoIterator<Item = &'w Word>, target: Target) {
        for word in words {
            self.paths(word).into_iter().for_each(|path| self.write(path, target));
        }
    }

    /// The paths of a word; none when they are not known, which is noted.
    pub fn paths(&mut self, word: &Word) -> Vec<PathBuf> {
        let found = expand::paths(word, self.cwd.as_deref(), self.home);
        if found.is_none() {
            self.unsure();
        }
        found.unwrap_or_default()
    }

    /// True when a path is a folder.
    pub fn is_dir(&self, path: &Path) -> bool {
        self.cwd.as_ref().is_some_and(|cwd| cwd.join(path).is_dir()) || (path.is_absolute() && path.is_dir())
    }

    /// Reads a script that runs where this one is.
    pub fn script(&mut self, script: &str, depth: usize) {
        let Some(tokens) = lexer::tokens(script).filter(|_| depth < DEPTH) else { return self.unsure() };
        let mut outer: Vec<Option<PathBuf>> = Vec::new();
        let mut command = Command { words: Vec::new(), body: None };
        let mut targets = Vec::new();
        for token in tokens.into_iter().chain([Token::End]) {
            match token {
                Token::Word(word) => command.words.push(word),
                Token::Redirect(Redirect::Write(word)) => targets.push(word),
                Token::Redirect(Redirect::HereDoc(body)) => command.body = Some(body),
                Token::Redirect(Redirect::Other) => {}
                Token::Open if !command.words.is_empty() => {
                    // A function: whether it is called is not followed.
                    return self.unsure();
                }
                Token::Open => outer.push(self.cwd.clone()),
                Token::End | Token::Close => {
                    self.redirects(std::mem::take(&mut targets), depth);
                    let done = std::mem::replace(&mut command, Command { words: Vec::new(), body: None });
                    self.command(done, depth);
                    if token == Token::Close
                        && let Some(cwd) = outer.pop()
                    {
                        self.cwd = cwd;
                    }
                }
            }
        }
    }

    fn redirects(&mut self, targets: Vec<Word>, depth: usize) {
        for word in targets {
            word.inner.iter().for_each(|inner| self.aside(inner, depth));
            match self.paths(&word) {
                one if one.len() == 1 => self.write_all([&word], Target::Content),
                _ => self.unsure(),
            }
        }
    }

    /// A script that cannot change where this one is.
    pub fn aside(&mut self, script: &str, depth: usize) {
        let cwd = self.cwd.clone();
        self.script(script, depth + 1);
        self.cwd = cwd;
    }

    fn command(&mut self, mut command: Command, depth: usize) {
        for inner in command.words.iter().flat_map(|word| word.inner.clone()).collect::<Vec<_>>() {
            self.aside(&inner, depth);
        }
        let begins = |word: &Word| !BEFORE.iter().any(|before| word.is(before)) && !is_assignment(word);
        let at = command.words.iter().position(begins).unwrap_or(command.words.len());
        command.words.drain(..at);
        let Some(first) = command.words.first() else { return };
        if HEADS.iter().any(|head| first.is(head)) {
            return;
        }
        if first.is("function") {
            return self.unsure();
        }
        self.program(command, depth);
    }
}

/// `NAME=value` before a command.
fn is_assignment(word: &Word) -> bool {
    let Some((name, _)) = word.text.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
