//! The parts that a script is split into.

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotes.
    pub text: String,
    /// The same as a pattern: what was quoted has backslashes before characters of patterns.
    pub pattern: String,
    /// True when it has characters of patterns that are not quoted.
    pub is_pattern: bool,
    /// True when a part of it is known only when the script runs.
    pub is_dynamic: bool,
    /// True when a part of it was quoted.
    pub is_quoted: bool,
    /// Scripts that run to make the word: `$(…)`.
    pub inner: Vec<String>,
}

impl Word {
    pub(super) fn push(&mut self, c: char, quoted: bool) {
        self.text.push(c);
        let special = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | ',' | '\\');
        if special && quoted {
            self.pattern.push('\\');
        }
        self.pattern.push(c);
        self.is_pattern |= !quoted && matches!(c, '*' | '?' | '[' | '{');
        self.is_quoted |= quoted;
    }

    /// A word of the shell's grammar, which must not be quoted.
    pub fn is(&self, word: &str) -> bool {
        self.text == word && !self.is_quoted && !self.is_dynamic
    }
}

/// Where a redirection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// Into a file.
    Write(Word),
    /// From a file, a word or another stream: nothing is written.
    Other,
    /// From the text in the script.
    HereDoc(String),
}

/// A part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// See [`Word`].
    Word(Word),
    /// See [`Redirect`].
    Redirect(Redirect),
    /// The end of a command.
    End,
    /// `(`
    Open,
    /// `)`
    Close,
}
