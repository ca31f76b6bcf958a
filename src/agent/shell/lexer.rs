//! Splitting a script into words, redirections and ends of commands.

use std::iter::Peekable;
use std::str::Chars;

use super::token::{Redirect, Token, Word};

/// A here-document whose text has not come yet: its place among the tokens, its end, and whether tabs
/// before that count.
struct Pending {
    token: usize,
    end: String,
    tabs: bool,
}

/// Splits a script. `None` when a quote or bracket is not closed.
pub fn tokens(script: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer { chars: script.chars().peekable(), tokens: Vec::new(), pending: Vec::new() };
    while lexer.step()? {}
    lexer.bodies();
    Some(lexer.tokens)
}

struct Lexer<'s> {
    chars: Peekable<Chars<'s>>,
    tokens: Vec<Token>,
    pending: Vec<Pending>,
}

impl Lexer<'_> {
    fn next_is(&mut self, c: char) -> bool {
        self.chars.next_if_eq(&c).is_some()
    }

    /// Reads one token; false at the end.
    fn step(&mut self) -> Option<bool> {
        let Some(&c) = self.chars.peek() else { return Some(false) };
        match c {
            '\n' => {
                self.chars.next();
                self.tokens.push(Token::End);
                self.bodies();
            }
            c if c.is_whitespace() => _ = self.chars.next(),
            '#' => while self.chars.next_if(|c| *c != '\n').is_some() {},
            ';' | '|' => {
                self.chars.next();
                self.tokens.push(Token::End);
            }
            '&' => self.ampersand()?,
            '(' => self.open()?,
            ')' => {
                self.chars.next();
                self.tokens.push(Token::Close);
            }
            '<' | '>' => self.redirect()?,
            _ => self.word_or_number()?,
        }
        Some(true)
    }

    fn ampersand(&mut self) -> Option<()> {
        self.chars.next();
        if self.next_is('>') {
            self.next_is('>');
            let word = self.target()?;
            self.tokens.push(Token::Redirect(Redirect::Write(word)));
        } else {
            self.tokens.push(Token::End);
        }
        Some(())
    }

    /// `(` of a subshell, or `((` of a calculation, in which `>` compares.
    fn open(&mut self) -> Option<()> {
        self.chars.next();
        let begins = self.tokens.last().is_none_or(|t| matches!(t, Token::End | Token::Open));
        if begins && self.next_is('(') {
            self.balanced(2)?;
            self.tokens.push(Token::End);
        } else {
            self.tokens.push(Token::Open);
        }
        Some(())
    }

    fn redirect(&mut self) -> Option<()> {
        let to = self.chars.next() == Some('>');
        if self.chars.peek() == Some(&'(') {
            // The name of a pipe to another command.
            self.chars.next();
            let inner = self.balanced(1)?;
            let word = Word { is_dynamic: true, inner: vec![inner], ..Word::default() };
            self.tokens.push(Token::Word(word));
            return Some(());
        }
        let redirect = match () {
            () if to && self.next_is('&') => {
                let word = self.target()?;
                let stream = word.text == "-"
                    || (!word.text.is_empty()
                        && word.text.trim_end_matches('-').bytes().all(|b| b.is_ascii_digit()));
                if stream { Redirect::Other } else { Redirect::Write(word) }
            }
            () if to => {
                let _ = self.next_is('>') || self.next_is('|');
                Redirect::Write(self.target()?)
            }
            () if self.next_is('<') => return self.here(),
            () if self.next_is('>') => Redirect::Write(self.target()?),
            () => {
                self.next_is('&');
                self.target()?;
                Redirect::Other
            }
        };
        self.tokens.push(Token::Redirect(redirect));
        Some(())
    }

    /// `<<` has been read.
    fn here(&mut self) -> Option<()> {
        if self.next_is('<') {
            self.target()?;
            self.tokens.push(Token::Redirect(Redirect::Other));
            return Some(());
        }
        let tabs = self.next_is('-');
        let end = self.target()?.text;
        self.pending.push(Pending { token: self.tokens.len(), end, tabs });
        self.tokens.push(Token::Redirect(Redirect::HereDoc(String::new())));
        Some(())
    }

    /// The word after a redirection.
    fn target(&mut self) -> Option<Word> {
        while self.chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        self.word()
    }

    /// Reads the texts of here-documents, which begin on the line after their commands.
    fn bodies(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            while self.chars.peek().is_some() {
                let mut line = String::new();
                while let Some(c) = self.chars.next_if(|c| *c != '\n') {
                    line.push(c);
                }
                self.chars.next();
                let line = line.strip_suffix('\r').unwrap_or(&line);
                let line = if pending.tabs { line.trim_start_matches('\t') } else { line };
                if line == pending.end {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            self.tokens[pending.token] = Token::Redirect(Redirect::HereDoc(body));
        }
    }

    fn word_or_number(&mut self) -> Option<()> {
        let word = self.word()?;
        let number =
            !word.text.is_empty() && !word.is_quoted && word.text.bytes().all(|b| b.is_ascii_digit());
        if number && matches!(self.chars.peek(), Some('<' | '>')) {
            return self.redirect();
        }
        if word.is("[[") {
            // Within it, `<` and `>` compare.
            let mut last = [' '; 2];
            for c in self.chars.by_ref() {
                last = [last[1], c];
                if last == [']', ']'] {
                    break;
                }
            }
        }
        self.tokens.push(Token::Word(word));
        Some(())
    }

    fn word(&mut self) -> Option<Word> {
        let mut word = Word::default();
        while let Some(&c) = self.chars.peek() {
            match c {
                c if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '<' | '>') => break,
                '\'' => {
                    self.chars.next();
                    word.is_quoted = true;
                    self.single(&mut word)?;
                }
                '"' => {
                    self.chars.next();
                    word.is_quoted = true;
                    self.double(&mut word)?;
                }
                '\\' => {
                    self.chars.next();
                    match self.chars.next()? {
                        '\n' => {}
                        c => word.push(c, true),
                    }
                }
                '$' => self.dollar(&mut word)?,
                '`' => self.backtick(&mut word)?,
                c => {
                    self.chars.next();
                    word.push(c, false);
                }
            }
        }
        Some(word)
    }

    fn single(&mut self, word: &mut Word) -> Option<()> {
        loop {
            match self.chars.next()? {
                '\'' => return Some(()),
                c => word.push(c, true),
            }
        }
    }

    fn double(&mut self, word: &mut Word) -> Option<()> {
        loop {
            match *self.chars.peek()? {
                '"' => {
                    self.chars.next();
                    return Some(());
                }
                '$' => self.dollar(word)?,
                '`' => self.backtick(word)?,
                '\\' => {
                    self.chars.next();
                    match self.chars.next()? {
                        '\n' => {}
                        c @ ('$' | '`' | '"' | '\\') => word.push(c, true),
                        c => {
                            word.push('\\', true);
                            word.push(c, true);
                        }
                    }
                }
                c => {
                    self.chars.next();
                    word.push(c, true);
                }
            }
        }
    }

    fn dollar(&mut self, word: &mut Word) -> Option<()> {
        self.chars.next();
        match self.chars.peek() {
            Some('(') => {
                self.chars.next();
                word.is_dynamic = true;
                let calculation = self.next_is('(');
                let inner = self.balanced(if calculation { 2 } else { 1 })?;
                if !calculation {
                    word.inner.push(inner);
                }
            }
            Some('{') => {
                word.is_dynamic = true;
                while self.chars.next()? != '}' {}
            }
            Some('\'') => {
                self.chars.next();
                word.is_quoted = true;
                self.ansi(word)?;
            }
            Some(c) if c.is_alphanumeric() || matches!(c, '_' | '?' | '$' | '!' | '#' | '@' | '*' | '-') => {
                word.is_dynamic = true;
                let name = c.is_alphabetic() || *c == '_';
                self.chars.next();
                while name && self.chars.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
            }
            Some('"') => {}
            _ => word.push('$', true),
        }
        Some(())
    }

    /// `$'…'`, of which the common escapes are understood.
    fn ansi(&mut self, word: &mut Word) -> Option<()> {
        loop {
            match self.chars.next()? {
                '\'' => return Some(()),
                '\\' => match self.chars.next()? {
                    'n' => word.push('\n', true),
                    't' => word.push('\t', true),
                    c @ ('\\' | '\'' | '"') => word.push(c, true),
                    _ => word.is_dynamic = true,
                },
                c => word.push(c, true),
            }
        }
    }

    fn backtick(&mut self, word: &mut Word) -> Option<()> {
        self.chars.next();
        word.is_dynamic = true;
        let mut inner = String::new();
        loop {
            match self.chars.next()? {
                '`' => break,
                '\\' => inner.extend(self.chars.next()),
                c => inner.push(c),
            }
        }
        word.inner.push(inner);
        Some(())
    }

    /// What stands within brackets that are open `depth` deep, up to their end.
    fn balanced(&mut self, mut depth: usize) -> Option<String> {
        let mut text = String::new();
        loop {
            let c = self.chars.next()?;
            text.push(c);
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => text.extend(self.chars.next()),
                '\'' | '"' => loop {
                    let inner = self.chars.next()?;
                    text.push(inner);
                    match inner {
                        '\\' if c == '"' => text.extend(self.chars.next()),
                        _ if inner == c => break,
                        _ => {}
                    }
                },
                _ => {}
            }
            if depth == 0 {
                text.pop();
                return Some(text);
            }
        }
    }
}
