//! From a result to a finding, with the help of what the run knows.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::run::Rules;
use super::schema::{Artifact, ArtifactLocation, Lenient, Location, Properties, Region, Rule, SarifResult};
use crate::import::finding::{Finding, rule_group};
use crate::import::fingerprint::{Basis, canonical_json};
use crate::import::place::{Places, scheme};
use crate::import::severity::Severity;
use crate::model::RepoPath;

/// Base URIs may refer to each other; nobody nests them deeper than this but in a circle.
const BASES_MAX: usize = 8;

/// What semgrep writes in the place of a fingerprint for users without an account.
const NO_FINGERPRINT: &str = "requires login";

/// What results refer to.
pub(super) struct Context<'a> {
    pub rules: &'a Rules,
    pub bases: &'a HashMap<String, ArtifactLocation>,
    pub artifacts: &'a [Lenient<Artifact>],
    pub places: &'a Places,
}

/// The finding that a result tells of.
///
/// # Errors
/// When there is no text, or the first location is outside the repository, with the reason.
pub(super) fn convert(mut result: SarifResult, context: &Context<'_>) -> Result<Finding, String> {
    let rule = context.rules.find(&result);
    let message = message(&mut result, rule).ok_or("message: no text")?;
    let (files, region) = context.files(result.locations.as_deref().unwrap_or_default())?;
    let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let line = positive(region.and_then(|r| r.start_line));
    let column = positive(region.and_then(|r| r.start_column));
    let severity = severity(&result, rule);
    let basis = basis(&mut result);
    let properties = [result.properties.as_ref(), rule.and_then(|r| r.properties.as_ref())];
    let category = properties.into_iter().flatten().find_map(category);
    let id = result.rule_id.or(result.rule.and_then(|r| r.id)).or_else(|| rule.and_then(|r| r.id.clone()));
    Ok(Finding {
        category: category.or_else(|| id.as_deref().and_then(rule_group)),
        rule: id,
        message,
        files,
        line,
        column,
        severity,
        url: rule.and_then(|r| r.help_uri.clone()),
        basis,
    })
}

fn message(result: &mut SarifResult, rule: Option<&Rule>) -> Option<String> {
    let message = result.message.take()?;
    let of_rule = || {
        let strings = rule?.message_strings.as_ref()?;
        strings.get(message.id.as_deref()?)?.text.clone()
    };
    let text = message.text.or_else(of_rule)?;
    let text = match message.arguments {
        Some(arguments) if !arguments.is_empty() => fill_in(&text, &arguments),
        _ => text,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// Puts the arguments in for `{0}`, `{1}`, …; `{{` and `}}` are single braces.
fn fill_in(text: &str, arguments: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let braces = &rest[at..];
        let argument = || {
            let (number, _) = braces.strip_prefix('{')?.split_once('}')?;
            Some((arguments.get(number.parse::<usize>().ok()?)?, number.len() + 2))
        };
        let (piece, length) = if braces.starts_with("{{") || braces.starts_with("}}") {
            (&braces[..1], 2)
        } else if let Some((argument, length)) = argument() {
            (argument.as_str(), length)
        } else {
            (&braces[..1], 1)
        };
        out.push_str(piece);
        rest = &braces[length..];
    }
    out + rest
}

fn severity(result: &SarifResult, rule: Option<&Rule>) -> Severity {
    let level = |level: &Option<String>| level.as_deref().and_then(Severity::parse);
    let score = |properties: &Option<Properties>| match properties.as_ref()?.security_severity.as_ref()? {
        Value::String(text) => Severity::from_score(text.trim().parse().ok()?),
        other => Severity::from_score(other.as_f64()?),
    };
    level(&result.level)
        .or_else(|| score(&result.properties))
        .or_else(|| score(&rule?.properties))
        .or_else(|| level(&rule?.default_configuration.as_ref()?.level))
        .unwrap_or(Severity::UNKNOWN)
}

fn category(properties: &Properties) -> Option<String> {
    let text = |value: &Value| value.as_str().filter(|t| !t.trim().is_empty()).map(str::to_owned);
    let of_tags = || text(properties.tags.as_ref()?.get(0)?);
    properties.category.as_ref().and_then(text).or_else(of_tags)
}

/// What the identity rests on, by the preference that the module says.
fn basis(result: &mut SarifResult) -> Basis {
    const LINE_HASH: &str = "primaryLocationLineHash";
    let usable = |prints: Option<BTreeMap<String, String>>| {
        let mut prints = prints.unwrap_or_default();
        prints.retain(|_, value| value != NO_FINGERPRINT);
        (!prints.is_empty()).then_some(prints)
    };
    let mut partial = usable(result.partial_fingerprints.take());
    if let Some(hash) = partial.as_mut().and_then(|p| p.remove(LINE_HASH)) {
        return Basis::Tool(canonical_json(&serde_json::json!({ LINE_HASH: hash })));
    }
    match usable(result.fingerprints.take()).or(partial) {
        Some(prints) => Basis::Tool(canonical_json(&prints.into_iter().collect())),
        None => Basis::Message,
    }
}

impl Context<'_> {
    /// The files of all locations, and the region in the first of them.
    fn files<'l>(&self, locations: &'l [Location]) -> Result<(Vec<RepoPath>, Option<&'l Region>), String> {
        let mut files: Vec<RepoPath> = Vec::new();
        let places = locations.iter().filter_map(|l| l.physical_location.as_ref());
        let places = places.filter_map(|p| Some((p.artifact_location.as_ref()?, p.region.as_ref())));
        let mut first = None;
        for (position, (location, region)) in places.enumerate() {
            match self.file(location) {
                // The root is no file, and as one of an item it would lock the whole repository.
                Ok(file) if file.is_root() || files.contains(&file) => {}
                Ok(file) => {
                    if files.is_empty() {
                        first = region;
                    }
                    files.push(file);
                }
                Err(reason) if position == 0 => return Err(reason),
                Err(_) => {}
            }
        }
        Ok((files, first))
    }

    fn file(&self, location: &ArtifactLocation) -> Result<RepoPath, String> {
        let of_index = |index: i64| {
            let artifact = self.artifacts.get(usize::try_from(index).ok()?)?;
            artifact.0.location.as_ref().filter(|l| l.uri.is_some())
        };
        let named = if location.uri.is_some() { Some(location) } else { location.index.and_then(of_index) };
        let named = named.ok_or("locations: a file without a URI")?;
        let mut uri = named.uri.clone().unwrap_or_default();
        let mut base_id = named.uri_base_id.as_deref();
        // A base that the run does not define is, by custom (`%SRCROOT%`), the top.
        for _ in 0..BASES_MAX {
            let base = base_id.and_then(|id| self.bases.get(id));
            let Some(base) = base.filter(|_| scheme(&uri).is_none() && !uri.starts_with('/')) else { break };
            if let Some(prefix) = base.uri.as_deref().filter(|p| !p.is_empty()) {
                uri = format!("{}/{uri}", prefix.strip_suffix('/').unwrap_or(prefix));
            }
            base_id = base.uri_base_id.as_deref();
        }
        self.places.uri(&uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_filled_in() {
        let fill = |text: &str| fill_in(text, &["a".into(), "{0}".into()]);
        assert_eq!(fill("'{0}' and {1}, {{0}}, {2}, {x, }"), "'a' and {0}, {0}, {2}, {x, }");
        assert_eq!(fill(""), "");
    }
}
