//! One run: what its results refer to, and the results that wait for that.

use std::collections::HashMap;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::convert::{Context, convert};
use super::rules::Rules;
use super::schema::{Artifact, ArtifactLocation, Invocation, Lenient, Override, SarifResult, Tool};
use crate::import::collect::Collector;
use crate::import::shelf::Shelf;

/// Where a result is in the file.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub(super) struct Spot {
    /// Line on which it begins.
    pub line: u64,
    /// Index in `runs`.
    pub run: usize,
    /// Index in `results`.
    pub index: u64,
}

impl Spot {
    /// A log on one line is common, so the line alone may not be enough to find the result.
    fn reason(self, what: &str) -> String {
        format!("runs[{}].results[{}]: {what}", self.run, self.index)
    }
}

/// The state of the run that is being read.
#[derive(Default)]
pub(super) struct Run {
    rules: Option<Rules>,
    bases: Option<HashMap<String, ArtifactLocation>>,
    artifacts: Option<Vec<Lenient<Artifact>>>,
    /// Levels of rules that are configured, until the rules are known.
    overrides: Vec<Override>,
    configured: bool,
    /// Results in the order of the file. Once one waits, all after it wait too, so that
    /// the order of the items is that of the file.
    waiting: Shelf<(Spot, SarifResult)>,
}

impl Run {
    pub(super) fn set_tool(&mut self, tool: Option<Lenient<Tool>>) {
        let mut rules = Rules::new(tool.unwrap_or_default().0);
        rules.configure(std::mem::take(&mut self.overrides));
        self.rules = Some(rules);
    }

    /// The name of the tool, once it is known.
    pub(super) fn tool(&self) -> Option<&str> {
        self.rules.as_ref()?.tool.as_deref()
    }

    pub(super) fn set_invocations(&mut self, invocations: Option<Vec<Lenient<Invocation>>>) {
        self.configured = true;
        let all = invocations.unwrap_or_default().into_iter();
        let overrides =
            all.flat_map(|i| i.0.rule_configuration_overrides.unwrap_or_default()).map(|o| o.0).collect();
        match &mut self.rules {
            Some(rules) => rules.configure(overrides),
            None => self.overrides = overrides,
        }
    }

    /// Some tools write a text for an object; it is the URI then.
    pub(super) fn set_bases(&mut self, bases: Option<HashMap<String, Value>>) {
        let base = |(id, value): (String, Value)| match value {
            Value::String(uri) => (id, ArtifactLocation { uri: Some(uri), ..ArtifactLocation::default() }),
            other => (id, serde_json::from_value(other).unwrap_or_default()),
        };
        self.bases = Some(bases.unwrap_or_default().into_iter().map(base).collect());
    }

    pub(super) fn set_artifacts(&mut self, artifacts: Option<Vec<Lenient<Artifact>>>) {
        self.artifacts = Some(artifacts.unwrap_or_default());
    }

    /// Takes the text of a result.
    ///
    /// # Errors
    /// When it has to wait and cannot be kept.
    pub(super) fn take(&mut self, text: &str, spot: Spot, collector: &mut Collector<'_>) -> io::Result<()> {
        let result: SarifResult = match serde_json::from_str(text) {
            Ok(result) => result,
            Err(error) => {
                let error = error.to_string();
                let what = error.rsplit_once(" at line ").map_or(error.as_str(), |(message, _)| message);
                collector.bad(spot.line, spot.reason(what));
                return Ok(());
            }
        };
        if !is_finding(&result) {
            collector.skip();
        } else if self.waiting.is_empty() && self.knows_all_of(&result) {
            self.settle(result, spot, collector);
        } else {
            self.waiting.push(&(spot, result))?;
        }
        Ok(())
    }

    /// Takes the results that waited for the run to be complete.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub(super) fn finish(mut self, collector: &mut Collector<'_>) -> io::Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.take(|(spot, result)| self.settle(result, spot, collector))
    }

    fn settle(&self, result: SarifResult, spot: Spot, collector: &mut Collector<'_>) {
        let (rules, bases) = (Rules::default(), HashMap::new());
        let context = Context {
            rules: self.rules.as_ref().unwrap_or(&rules),
            bases: self.bases.as_ref().unwrap_or(&bases),
            artifacts: self.artifacts.as_deref().unwrap_or_default(),
            places: &collector.places,
            tool: self.rules.as_ref().and_then(|rules| rules.tool.as_deref()),
        };
        match convert(result, &context) {
            Ok(finding) => collector.finding(spot.line, finding),
            Err(what) => collector.bad(spot.line, spot.reason(&what)),
        }
    }

    /// True when nothing that the result refers to can still come.
    fn knows_all_of(&self, result: &SarifResult) -> bool {
        let places = result.locations.iter().flatten().filter_map(|l| l.physical_location.as_ref());
        let by_default = result.level.is_none() && result.kind.as_deref().is_none_or(|kind| kind == "fail");
        self.rules.is_some()
            && (self.configured || !by_default)
            && places.filter_map(|p| p.artifact_location.as_ref()).all(|file| {
                (file.uri.is_some() || file.index.is_none() || self.artifacts.is_some())
                    && (file.uri_base_id.is_none() || self.bases.is_some())
            })
    }
}

fn is_finding(result: &SarifResult) -> bool {
    let is = |field: &Option<String>, words: &[&str]| field.as_deref().is_some_and(|f| words.contains(&f));
    let accepted = |status: &Option<String>| status.is_none() || is(status, &["accepted"]);
    (result.kind.is_none() || is(&result.kind, &["fail", "review", "open"]))
        && !is(&result.baseline_state, &["absent"])
        && !result.suppressions.iter().flatten().any(|s| accepted(&s.status))
}
