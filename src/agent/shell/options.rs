//! Options and operands of a program's arguments.

use super::token::Word;

/// Arguments, taken apart.
#[derive(Debug, Default)]
pub struct Parsed<'w> {
    /// What is not an option.
    pub operands: Vec<&'w Word>,
    /// How many of these come before `--`.
    pub behind: Option<usize>,
    options: Vec<(String, Option<Word>)>,
}

impl Parsed<'_> {
    /// True when one of these options is given.
    pub fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    /// The value of the last of these options.
    pub fn value(&self, names: &[&str]) -> Option<&Word> {
        let given = self.options.iter().rev().find(|(name, _)| names.contains(&name.as_str()));
        given.and_then(|(_, value)| value.as_ref())
    }
}

/// Takes arguments apart. `valued`: the options with a value, such as `-t` and `--target-directory`.
pub fn parse<'w>(args: &'w [Word], valued: &[&str]) -> Parsed<'w> {
    let mut parsed = Parsed::default();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if parsed.behind.is_some() || text == "-" || !text.starts_with('-') || text.is_empty() {
            parsed.operands.push(word);
        } else if text == "--" {
            parsed.behind = Some(parsed.operands.len());
        } else if text.starts_with("--") {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(literal(value, word))),
                None if valued.contains(&text) => (text, rest.next().cloned()),
                None => (text, None),
            };
            parsed.options.push((name.to_owned(), value));
        } else {
            cluster(text, word, valued, &mut rest, &mut parsed);
        }
    }
    parsed
}

/// `-rf`, `-t DIR`, `-tDIR`.
fn cluster<'w>(
    text: &str,
    word: &Word,
    valued: &[&str],
    rest: &mut std::slice::Iter<'w, Word>,
    parsed: &mut Parsed<'w>,
) {
    for (at, letter) in text.char_indices().skip(1) {
        let name = format!("-{letter}");
        if valued.contains(&name.as_str()) {
            let own = &text[at + letter.len_utf8()..];
            let value = if own.is_empty() { rest.next().cloned() } else { Some(literal(own, word)) };
            parsed.options.push((name, value));
            return;
        }
        parsed.options.push((name, None));
    }
}

/// A part of a word as a word.
fn literal(text: &str, of: &Word) -> Word {
    Word {
        text: text.to_owned(),
        pattern: text.to_owned(),
        is_pattern: of.is_pattern,
        is_dynamic: of.is_dynamic,
        is_quoted: of.is_quoted,
        inner: Vec::new(),
    }
}
