//! A table of the file while it is read: takes fields by type, notes what does not fit, and names
//! at the end the fields that nothing has asked for.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::problem::{Code, Problems};
use crate::model::plan::Located;

/// One table and what was asked of it.
pub(super) struct Table<'t, 'a> {
    table: &'t DeTable<'a>,
    /// Its name in messages: `workstream.TD1`.
    pub path: String,
    /// Where it begins, as a byte offset.
    pub at: usize,
    asked: Vec<&'static str>,
}

impl<'t, 'a> Table<'t, 'a> {
    pub fn new(table: &'t DeTable<'a>, path: impl Into<String>, span: Range<usize>) -> Self {
        Table { table, path: path.into(), at: span.start, asked: Vec::new() }
    }

    /// The entries of the table, in the order of the text.
    pub fn entries(&self) -> Vec<(Located<String>, &'t Spanned<DeValue<'a>>)> {
        let mut list: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (Located::new(key.get_ref().to_string(), key.span().start), value))
            .collect();
        list.sort_by_key(|(key, _)| key.at);
        list
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// The name of a field in messages.
    pub fn field(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A problem with one of its fields, at the value if it is there, else at the table.
    pub fn wrong(&self, problems: &mut Problems<'_>, key: &str, code: Code, reason: impl Into<String>) {
        let at = self.table.get(key).map_or(self.at, |v| v.span().start);
        problems.add(at, code, self.field(key), reason);
    }

    fn typed<T>(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'t DeValue<'a>) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = self.get(key)?;
        let found = read(value.get_ref());
        if found.is_none() {
            let reason = format!("expected {expected}, found {}", shown(value.get_ref()));
            problems.add(value.span().start, Code::Type, self.field(key), reason);
        }
        found.map(|found| Located::new(found, value.span().start))
    }

    /// A text.
    pub fn string(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<String>> {
        self.typed(problems, key, "a string", |v| v.as_str().map(str::to_owned))
    }

    /// A whole number that is not negative.
    pub fn number(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<u32>> {
        self.typed(problems, key, "a whole number", integer)
    }

    /// A number, whole or not.
    pub fn float(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<f64>> {
        self.typed(problems, key, "a number", float)
    }

    /// True or false.
    pub fn boolean(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<bool>> {
        self.typed(problems, key, "true or false", DeValue::as_bool)
    }

    /// A date: `2025-10-16`.
    pub fn date(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
    ) -> Option<Located<jiff::civil::Date>> {
        self.typed(problems, key, "a date such as 2025-10-16", |v| match v.as_datetime() {
            Some(at) => at.date.and_then(|d| {
                jiff::civil::Date::new(i16::try_from(d.year).ok()?, d.month as i8, d.day as i8).ok()
            }),
            None => v.as_str()?.parse().ok(),
        })
    }

    /// Texts: one, or a list.
    pub fn strings(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Vec<Located<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        if let Some(text) = value.get_ref().as_str() {
            return vec![Located::new(text.to_owned(), value.span().start)];
        }
        let Some(list) = value.get_ref().as_array() else {
            let reason = format!("expected a list of strings, found {}", shown(value.get_ref()));
            problems.add(value.span().start, Code::Type, self.field(key), reason);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for entry in list.iter() {
            match entry.get_ref().as_str() {
                Some(text) => texts.push(Located::new(text.to_owned(), entry.span().start)),
                None => {
                    let reason = format!("expected a string, found {}", shown(entry.get_ref()));
                    problems.add(entry.span().start, Code::Type, self.field(key), reason);
                }
            }
        }
        texts
    }

    /// One of a few words.
    pub fn word<T: Copy>(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.string(problems, key)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let reason = format!("{:?} is not one of {}", text.value, list.join(", "));
            problems.add(text.at, Code::Type, self.field(key), reason);
        }
        found
    }

    /// A length of time in seconds: `90s`, `20m`.
    pub fn duration(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<u64>> {
        let text = self.string(problems, key)?;
        match crate::duration::parse(&text.value) {
            Ok(seconds) => Some(Located::new(seconds, text.at)),
            Err(reason) => {
                problems.add(text.at, Code::Duration, self.field(key), reason);
                None
            }
        }
    }

    /// A table within it.
    pub fn table(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Table<'t, 'a>> {
        let value = self.get(key)?;
        let path = self.field(key);
        Table::of(problems, value, path)
    }

    /// The tables of a list: `[[wave]]`. Their names count from 1.
    pub fn tables(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Vec<Table<'t, 'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            let reason = format!("expected [[{key}]], found {}", shown(value.get_ref()));
            problems.add(value.span().start, Code::Type, self.field(key), reason);
            return Vec::new();
        };
        let named = |n: usize| format!("{}.{}", self.field(key), n + 1);
        list.iter().enumerate().filter_map(|(n, value)| Table::of(problems, value, named(n))).collect()
    }

    /// A value as a table.
    pub fn of(problems: &mut Problems<'_>, value: &'t Spanned<DeValue<'a>>, path: String) -> Option<Self> {
        match value.get_ref().as_table() {
            Some(table) => Some(Table::new(table, path, value.span())),
            None => {
                let reason = format!("expected a table, found {}", shown(value.get_ref()));
                problems.add(value.span().start, Code::Type, path, reason);
                None
            }
        }
    }

    /// True when the field is there, whatever it is.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// True when the field is there and a table.
    pub fn is_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|v| v.get_ref().is_table())
    }

    /// Notes the fields that nothing has asked for.
    pub fn finish(self, problems: &mut Problems<'_>) {
        for (key, _) in self.entries() {
            if self.asked.contains(&key.value.as_str()) {
                continue;
            }
            let hint = match nearest(&key.value, self.asked.iter().copied()) {
                Some(word) => format!("did you mean {word:?}?"),
                None => format!("the fields are {}", self.asked.join(", ")),
            };
            let of = if self.path.is_empty() { "the file" } else { self.path.as_str() };
            let reason = format!("{of} does not have a field {:?}; {hint}", key.value);
            problems.add(key.at, Code::UnknownField, self.field(&key.value), reason);
        }
    }
}

pub(super) fn integer(value: &DeValue<'_>) -> Option<u32> {
    let number = value.as_integer()?;
    u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

pub(super) fn float(value: &DeValue<'_>) -> Option<f64> {
    let number = match value.as_float() {
        Some(float) => float.as_str().replace('_', "").parse().ok()?,
        None => f64::from(integer(value)?),
    };
    f64::is_finite(number).then_some(number)
}

fn shown(value: &DeValue<'_>) -> String {
    match value.as_str() {
        Some(text) => format!("{text:?}"),
        None => format!("a value of type {}", value.type_str()),
    }
}
