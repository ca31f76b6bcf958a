//! What a command prints: the answer on stdout, everything else on stderr.

use std::fs::File;
use std::io::{self, BufRead as _, Seek as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::mail::Mail;
pub use crate::cli::sanitize::{Text, paint};

/// Emphasis for what matters most in a line.
pub const STRONG: Style = Style::new().bold();
/// For what is good.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// For what needs attention.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// For what is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what may be overlooked.
pub const FAINT: Style = Style::new().dimmed();

/// The two output streams.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// True: one JSON document instead of text.
    pub json: bool,
    /// True: no narration.
    pub quiet: bool,
}

/// What a verb has to say: data for programs, lines for people.
#[derive(Debug, Default)]
pub struct Answer {
    /// The `data` of the JSON document.
    pub data: Value,
    /// The answer for people.
    pub text: Text,
    /// Narration for people: not part of the answer.
    pub notes: Vec<Text>,
    /// Messages of others for the session, that wait for its next command.
    pub mail: Vec<Mail>,
    /// Instead of the others: a file of JSON lines, too many for memory.
    pub lines: Option<File>,
    /// What to take back when nobody can read the answer.
    pub undo: Option<Undo>,
}

/// Takes back what a command has done.
pub struct Undo(Box<dyn FnOnce()>);

impl Undo {
    /// Calls `back` when the answer cannot be written.
    pub fn new(back: impl FnOnce() + 'static) -> Self {
        Undo(Box::new(back))
    }
}

impl std::fmt::Debug for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Undo")
    }
}

impl Answer {
    /// An answer with both forms.
    pub fn new(data: Value, text: impl Into<Text>) -> Self {
        Answer { data, text: text.into(), ..Answer::default() }
    }

    /// An answer of a use case, with its form for people.
    pub fn of(data: &impl serde::Serialize, text: impl Into<Text>) -> Self {
        // Answers have names and words as keys, so that each of them has a JSON form.
        Answer::new(serde_json::to_value(data).unwrap_or_default(), text)
    }

    /// Adds narration.
    pub fn note(mut self, words: impl Into<Text>) -> Self {
        self.notes.push(words.into());
        self
    }
}

impl Ui {
    /// Prints an answer. What a command has handed out is taken back when nobody can read of it.
    ///
    /// # Errors
    /// When it cannot be written. A reader that has gone away is not an error: `git coord log | head`.
    pub fn answer(self, answer: Answer) -> io::Result<()> {
        let written = self.write_answer(&answer);
        if let (Err(_), Some(Undo(back))) = (&written, answer.undo) {
            back();
        }
        match written {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e),
            _ => Ok(()),
        }
    }

    fn write_answer(self, answer: &Answer) -> io::Result<()> {
        if let Some(lines) = &answer.lines {
            return self.json_lines(lines);
        }
        if self.json {
            let mut document = json!({ "schema": 1, "ok": true, "data": answer.data });
            if !answer.mail.is_empty() {
                document["messages"] = answer.mail.iter().map(|mail| mail.json.clone()).collect();
            }
            return json_document(&document);
        }
        if !answer.text.is_empty() {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{}", answer.text)?;
            out.flush()?;
        }
        for note in &answer.notes {
            self.narrate(note.clone());
        }
        for mail in &answer.mail {
            self.narrate(mail.line.clone());
        }
        Ok(())
    }

    /// Prints to stderr, unless asked to be quiet.
    pub fn narrate(self, words: impl Into<Text>) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr().lock(), "{}", words.into());
        }
    }

    /// Prints an error: JSON on stdout, or text on stderr.
    pub fn error(self, error: &CliError) {
        if self.json {
            let mut body = json!({ "code": error.code, "message": error.message.words() });
            if let Some(hint) = &error.hint {
                body["hint"] = json!(hint);
            }
            body["details"] = Value::Object(error.details.clone());
            // Where that cannot be written either, the text for people is printed at least.
            if json_document(&json!({ "schema": 1, "ok": false, "error": body })).is_ok() {
                return;
            }
        }
        let mut err = anstream::stderr().lock();
        let mut lines = error.message.lines();
        let name = Text::from(paint(BAD, "git coord:"));
        let _ = writeln!(err, "{name} {}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(err, "           {line}");
        }
        if let Some(hint) = &error.hint {
            let hint = Text::from(hint.as_str());
            let _ = writeln!(err, "{} {hint}", Text::from(paint(STRONG, "     hint:")));
        }
    }

    /// Prints a file of JSON lines as it is, or as the `items` of one document.
    fn json_lines(self, mut file: &File) -> io::Result<()> {
        file.rewind()?;
        let mut out = io::BufWriter::with_capacity(1 << 18, io::stdout().lock());
        if !self.json {
            io::copy(&mut file, &mut out)?;
            return out.flush();
        }
        out.write_all(br#"{"schema":1,"ok":true,"data":{"items":["#)?;
        let mut lines = io::BufReader::with_capacity(1 << 18, file);
        let (mut line, mut between) = (Vec::new(), "");
        while lines.read_until(b'\n', &mut line)? > 0 {
            out.write_all(between.as_bytes())?;
            out.write_all(line.trim_ascii_end())?;
            line.clear();
            between = ",";
        }
        out.write_all(b"]}}\n")?;
        out.flush()
    }
}

fn json_document(document: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{document}")?;
    out.flush()
}

/// Prints one line of JSON to the program that started this process to listen to it. Not for answers:
/// those are one document.
///
/// # Errors
/// When the reader has gone.
pub fn print_event(event: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{event}")?;
    out.flush()
}
