//! Rules that say where findings go: a TOML file in which the first rule that matches counts.
//!
//! ```toml
//! [[rule]]                                      # generated code is nobody's work
//! match = { path = ["**/migrations/**", "**/*.min.js"] }
//! skip = true
//!
//! [[rule]]
//! match = { severity = ["BLOCKER", "CRITICAL"], category = "security" }
//! set = { queue = "security", priority = 0 }
//!
//! [[rule]]
//! match = { rule = "D*" }
//! set = { queue = "docs", priority = 4, category = "docs" }
//! ```
//!
//! All that `match` names must fit, for each any one of the words; without `match` a rule fits
//! everything. `rule`, `category` and `path` are patterns (`*` in a path stops at a slash, `**`
//! does not), `severity` is a word of the item or its equal (`error` is `CRITICAL`). A path fits
//! when one of the item's files does.

use std::fmt;
use std::path::Path;

use globset::{GlobSet, GlobSetBuilder};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::model::{NewItem, QueueName, condition};

use super::severity::same;

/// The rules of one file.
#[derive(Debug, Clone)]
pub struct Rules(Vec<Rule>);

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It is no TOML, or has something in it that no rule has.
    #[error("{0}")]
    Toml(#[from] Box<toml::de::Error>),
    /// A rule that cannot mean anything.
    #[error("rule {number}: {reason}")]
    Rule {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}

/// What the rules say of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Drop,
}

#[derive(Debug, Clone)]
struct Rule {
    severity: Vec<String>,
    category: Option<GlobSet>,
    rule: Option<GlobSet>,
    path: Option<GlobSet>,
    skip: bool,
    set: Set,
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// When it cannot be read, or is not a list of rules.
    pub fn read(path: &Path) -> Result<Self, RulesError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    fn parse(text: &str) -> Result<Self, RulesError> {
        let file: RuleFile = toml::from_str(text).map_err(Box::new)?;
        let rule = |(index, text): (usize, RuleText)| {
            Rule::new(text).map_err(|reason| RulesError::Rule { number: index + 1, reason })
        };
        file.rule.into_iter().enumerate().map(rule).collect::<Result<_, _>>().map(Rules)
    }

    /// Changes an item as the first rule that fits says.
    pub(super) fn apply(&self, new: &mut NewItem) -> Verdict {
        let Some(rule) = self.0.iter().find(|rule| rule.fits(new)) else { return Verdict::Keep };
        if rule.skip {
            return Verdict::Drop;
        }
        let Set { queue, priority, category } = rule.set.clone();
        new.queue = queue.or(new.queue.take());
        new.priority = priority.unwrap_or(new.priority);
        new.item.category = category.or(new.item.category.take());
        Verdict::Keep
    }
}

impl Rule {
    fn new(text: RuleText) -> Result<Self, String> {
        let RuleText { matches, set, skip } = text;
        if skip && set != Set::default() {
            return Err("`skip` and `set` exclude each other".into());
        }
        if !skip && set == Set::default() {
            return Err("it does nothing: add `set = { queue = \"…\" }` or `skip = true`".into());
        }
        Ok(Rule {
            severity: matches.severity.map(|words| words.0).unwrap_or_default(),
            category: matches.category.map(|c| globs("category", c, false)).transpose()?,
            rule: matches.rule.map(|r| globs("rule", r, false)).transpose()?,
            path: matches.path.map(|p| globs("path", p, true)).transpose()?,
            skip,
            set,
        })
    }

    fn fits(&self, new: &NewItem) -> bool {
        let item = &new.item;
        let pattern = |globs: &Option<GlobSet>, text: &Option<String>| {
            globs.as_ref().is_none_or(|globs| text.as_ref().is_some_and(|text| globs.is_match(text)))
        };
        let severity = || item.severity.as_deref().is_some_and(|s| self.severity.iter().any(|w| same(w, s)));
        let path = |globs: &GlobSet| item.files.iter().any(|f| globs.is_match(f.as_str()));
        (self.severity.is_empty() || severity())
            && pattern(&self.category, &item.category)
            && pattern(&self.rule, &item.rule)
            && self.path.as_ref().is_none_or(path)
    }
}

fn globs(field: &str, patterns: Words, is_path: bool) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in &patterns.0 {
        set.add(condition::glob(pattern, is_path).map_err(|e| format!("{field}: {e}"))?);
    }
    set.build().map_err(|e| format!("{field}: {e}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    rule: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    #[serde(default, rename = "match")]
    matches: Match,
    #[serde(default)]
    set: Set,
    #[serde(default)]
    skip: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Match {
    severity: Option<Words>,
    category: Option<Words>,
    rule: Option<Words>,
    path: Option<Words>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Set {
    queue: Option<QueueName>,
    priority: Option<u32>,
    category: Option<String>,
}

/// A word or a list of words.
struct Words(Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element()? {
                    words.push(word);
                }
                if words.is_empty() {
                    Err(de::Error::custom("an empty list fits nothing"))
                } else {
                    Ok(Words(words))
                }
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{options, run};
    use super::super::{Options, Partition};
    use super::*;

    const RULES: &str = r#"
        [[rule]]
        match = { path = ["**/gen/**", "*.min.js"] }
        skip = true
        [[rule]]
        match = { severity = "critical", rule = ["S*", "B?"] }
        set = { queue = "security", priority = 0 }
        [[rule]]
        match = { category = "doc*" }
        set = { category = "docs" }
        [[rule]]
        set = { priority = 9 }
    "#;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = Some(Rules::parse(RULES).expect("rules"));
        let with = Options { rules, partition: Some(Partition::Category), ..options() };
        let text = r#"{"title":"1","files":["a/gen/x.js"]}
            {"title":"2","files":["a/x.min.js","y.min.js"]}
            {"title":"3","severity":"error","rule":"S1","queue":"mine"}
            {"title":"4","severity":"MAJOR","rule":"S1","queue":"mine"}
            {"title":"5","category":"docstrings","priority":1}
            {"title":"6","severity":"error","category":"x"}"#;
        let (items, report) = run(text, &with);
        assert_eq!((report.read, report.items, report.dropped), (6, 4, 2));
        let found: Vec<_> = items
            .iter()
            .map(|i| (i.item.title.as_str(), i.queue.as_ref().map(|q| q.as_str()), i.priority))
            .collect();
        let expected =
            [("3", Some("security"), 0), ("4", Some("mine"), 9), ("5", Some("docs"), 1), ("6", Some("x"), 9)];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_item_keeps_its_identity_whatever_the_rules() {
        let text = "{\"title\":\"a\"}\n{\"title\":\"a\"}\n";
        let ids = |options: &Options| run(text, options).0.into_iter().map(|i| i.item.id).collect::<Vec<_>>();
        let rules = Rules::parse("[[rule]]\nset = { queue = \"q\", category = \"c\" }").expect("rules");
        assert_eq!(ids(&Options { rules: Some(rules), ..options() }), ids(&options()));
    }

    #[test]
    fn a_rule_that_cannot_mean_anything_is_refused() {
        for (text, words) in [
            ("[[rule]]\nmatch = { path = \"[\" }\nskip = true", "rule 1: path: "),
            ("[[rule]]\nskip = true\n[[rule]]\n", "rule 2: it does nothing"),
            ("[[rule]]\nskip = true\nset = { priority = 1 }", "rule 1: `skip` and `set`"),
            ("[[rule]]\nmatch = { paths = \"x\" }\nskip = true", "unknown field `paths`"),
            ("[[rule]]\nmatch = { path = [] }\nskip = true", "an empty list fits nothing"),
            ("[[rule]]\nset = { queue = \"a/b\" }", "no valid queue name"),
            ("", "missing field `rule`"),
        ] {
            let error = Rules::parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
