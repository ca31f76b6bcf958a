//! One run: what its results refer to, and the results that wait for that.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::convert::{Context, convert};
use super::schema::{Artifact, ArtifactLocation, Lenient, Rule, SarifResult, Tool};
use crate::import::collect::Collector;

/// Bytes of waiting results that stay in memory. Few in tests, so that these use the file too.
const WAITING_MAX: usize = if cfg!(test) { 512 } else { 16 * 1024 * 1024 };

/// Where a result stands in the file.
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
    /// Results in the order of the file, one a line. Once one waits, all after it wait too, so that
    /// the order of the items is that of the file.
    waiting: Option<BufWriter<SpooledTempFile>>,
}

impl Run {
    pub(super) fn set_tool(&mut self, tool: Option<Tool>) {
        self.rules = Some(Rules::new(tool.unwrap_or_default()));
    }

    pub(super) fn set_bases(&mut self, bases: Option<HashMap<String, ArtifactLocation>>) {
        self.bases = Some(bases.unwrap_or_default());
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
        } else if self.waiting.is_none() && self.knows_all_of(&result) {
            self.settle(result, spot, collector);
        } else {
            let waiting =
                self.waiting.get_or_insert_with(|| BufWriter::new(SpooledTempFile::new(WAITING_MAX)));
            serde_json::to_writer(&mut *waiting, &(spot, result))?;
            waiting.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Takes the results that waited for the run to be complete.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub(super) fn finish(mut self, collector: &mut Collector<'_>) -> io::Result<()> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let mut file = waiting.into_inner().map_err(|e| e.into_error())?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            let (spot, result) = serde_json::from_slice(&line)?;
            self.settle(result, spot, collector);
            line.clear();
        }
        Ok(())
    }

    fn settle(&self, result: SarifResult, spot: Spot, collector: &mut Collector<'_>) {
        let (rules, bases) = (Rules::default(), HashMap::new());
        let context = Context {
            rules: self.rules.as_ref().unwrap_or(&rules),
            bases: self.bases.as_ref().unwrap_or(&bases),
            artifacts: self.artifacts.as_deref().unwrap_or_default(),
            places: &collector.places,
        };
        match convert(result, &context) {
            Ok(finding) => collector.finding(finding),
            Err(what) => collector.bad(spot.line, spot.reason(&what)),
        }
    }

    /// True when nothing that the result refers to can still come.
    fn knows_all_of(&self, result: &SarifResult) -> bool {
        let places = result.locations.iter().flatten().filter_map(|l| l.physical_location.as_ref());
        self.rules.is_some()
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

/// The rules of a run.
#[derive(Default)]
pub(super) struct Rules {
    driver: Vec<Lenient<Rule>>,
    extensions: Vec<Vec<Lenient<Rule>>>,
    /// Component (0: the driver) and index of each id.
    by_id: HashMap<String, (usize, usize)>,
}

impl Rules {
    fn new(tool: Tool) -> Self {
        let rules_of = |c: super::schema::Component| c.rules.unwrap_or_default();
        let mut rules = Rules {
            driver: tool.driver.map(rules_of).unwrap_or_default(),
            extensions: tool.extensions.unwrap_or_default().into_iter().map(rules_of).collect(),
            by_id: HashMap::new(),
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

    /// The rule of a result. Without an id it goes by the index.
    pub(super) fn find(&self, result: &SarifResult) -> Option<&Rule> {
        let reference = result.rule.as_ref();
        if let Some(id) = result.rule_id.as_deref().or_else(|| reference?.id.as_deref()) {
            return self.by_id(id);
        }
        let component = reference.and_then(|r| r.tool_component.as_ref()).and_then(|c| c.index);
        let index = result.rule_index.or_else(|| reference?.index)?;
        self.at(component.map_or(Some(0), |c| usize::try_from(c).ok()?.checked_add(1))?, index)
    }

    /// The rule with the id, or the nearest one above it: `a/b/c`, `a/b`, `a`.
    fn by_id(&self, mut id: &str) -> Option<&Rule> {
        loop {
            if let Some(&(component, index)) = self.by_id.get(id) {
                return self.at(component, index as i64);
            }
            id = id.rsplit_once('/')?.0;
        }
    }

    fn at(&self, component: usize, index: i64) -> Option<&Rule> {
        let rules = match component.checked_sub(1) {
            None => &self.driver,
            Some(extension) => self.extensions.get(extension)?,
        };
        rules.get(usize::try_from(index).ok()?).map(|rule| &rule.0)
    }
}
