//! The rules that a run describes, and how they are configured.

use std::collections::HashMap;

use super::schema::{Component, ComponentReference, Lenient, Message, Override, Rule, SarifResult, Tool};

/// The rules of a run.
#[derive(Default)]
pub(super) struct Rules {
    driver: Vec<Lenient<Rule>>,
    extensions: Vec<Vec<Lenient<Rule>>>,
    /// Component (0: the driver) and index of each id.
    by_id: HashMap<String, (usize, usize)>,
    /// Levels that an invocation has configured, by component and index.
    levels: HashMap<(usize, usize), String>,
    /// The name of the driver.
    pub(super) tool: Option<String>,
    messages: HashMap<String, Lenient<Message>>,
}

impl Rules {
    pub(super) fn new(tool: Tool) -> Self {
        let rules_of = |c: Component| c.rules.unwrap_or_default();
        let mut driver = tool.driver.unwrap_or_default();
        let mut rules = Rules {
            tool: driver.name.take(),
            messages: driver.global_message_strings.take().unwrap_or_default(),
            driver: rules_of(driver),
            extensions: tool.extensions.unwrap_or_default().into_iter().map(rules_of).collect(),
            by_id: HashMap::new(),
            levels: HashMap::new(),
        };
        let components = std::iter::once(&rules.driver).chain(&rules.extensions).enumerate();
        let all =
            components.flat_map(|(c, list)| list.iter().enumerate().map(move |(i, rule)| ((c, i), rule)));
        for (at, rule) in all {
            if let Some(id) = &rule.0.id {
                rules.by_id.entry(id.clone()).or_insert(at);
            }
        }
        rules
    }

    /// Takes in levels that are configured.
    pub(super) fn configure(&mut self, overrides: Vec<Override>) {
        for Override { descriptor, configuration } in overrides {
            let at =
                self.position(descriptor.id.as_deref(), descriptor.index, descriptor.tool_component.as_ref());
            if let (Some(at), Some(level)) = (at, configuration.level) {
                self.levels.insert(at, level);
            }
        }
    }

    /// The rule of a result, and the level that is configured for it.
    pub(super) fn find(&self, result: &SarifResult) -> (Option<&Rule>, Option<&str>) {
        let reference = result.rule.as_ref();
        let id = result.rule_id.as_deref().or_else(|| reference?.id.as_deref());
        let index = result.rule_index.or_else(|| reference?.index);
        let component = reference.and_then(|r| r.tool_component.as_ref());
        let at = self.position(id, index, component);
        (at.and_then(|at| self.at(at)), at.and_then(|at| self.levels.get(&at)).map(String::as_str))
    }

    /// A message that the tool has for all its rules.
    pub(super) fn message(&self, id: &str) -> Option<&str> {
        self.messages.get(id)?.0.text.as_deref()
    }

    /// Where a rule is. Two may have one id, so the index decides, unless the rule there has another one.
    fn position(
        &self,
        id: Option<&str>,
        index: Option<i64>,
        component: Option<&ComponentReference>,
    ) -> Option<(usize, usize)> {
        let id = id.filter(|id| !id.is_empty());
        let component = match component.and_then(|c| c.index) {
            Some(extension) => usize::try_from(extension).ok()?.checked_add(1)?,
            None => 0,
        };
        let indexed = index.and_then(|index| Some((component, usize::try_from(index).ok()?)));
        let fits = |at: &(usize, usize)| {
            let of = self.at(*at).and_then(|rule| rule.id.as_deref());
            of.is_some()
                && id.is_none_or(|id| {
                    of.is_some_and(|of| id == of || id.strip_prefix(of).is_some_and(|r| r.starts_with('/')))
                })
        };
        indexed.filter(fits).or_else(|| self.by_id(id?))
    }

    /// The rule with the id, or the nearest one above it: `a/b/c`, `a/b`, `a`.
    fn by_id(&self, mut id: &str) -> Option<(usize, usize)> {
        loop {
            if let Some(at) = self.by_id.get(id) {
                return Some(*at);
            }
            id = id.rsplit_once('/')?.0;
        }
    }

    fn at(&self, (component, index): (usize, usize)) -> Option<&Rule> {
        let rules = match component.checked_sub(1) {
            None => &self.driver,
            Some(extension) => self.extensions.get(extension)?,
        };
        rules.get(index).map(|rule| &rule.0)
    }
}
