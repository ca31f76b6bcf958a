//! From a result to a finding, with the help of what the run knows.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::rules::Rules;
use super::schema::{Artifact, ArtifactLocation, Lenient, Location, Properties, Region, Rule, SarifResult};
use crate::import::finding::{Finding, rule_group};
use crate::import::fingerprint::{Basis, canonical_json};
use crate::import::place::{FileName, NoPlace, Places, is_foreign_path, scheme};
use crate::import::severity::Severity;

/// Base URIs may refer to each other; deeper than this they do so in a circle.
const BASES_MAX: usize = 8;

/// What semgrep writes in place of a fingerprint for users without an account.
const NO_FINGERPRINT: &str = "requires login";

/// What results refer to.
pub(super) struct Context<'a> {
    pub rules: &'a Rules,
    pub bases: &'a HashMap<String, ArtifactLocation>,
    pub artifacts: &'a [Lenient<Artifact>],
    pub places: &'a Places,
    /// The name of the tool.
    pub tool: Option<&'a str>,
}

/// The finding that a result is about.
///
/// # Errors
/// When there is no text, or the first location is not the name of a file, with the reason.
pub(super) fn convert(mut result: SarifResult, context: &Context<'_>) -> Result<Finding, String> {
    let (rule, level) = context.rules.find(&result);
    let message = message(&mut result, rule, context.rules).ok_or("message: no text")?;
    let (files, region) = context.files(result.locations.as_deref().unwrap_or_default())?;
    let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let line = positive(region.and_then(|r| r.start_line));
    let column = positive(region.and_then(|r| r.start_column));
    let severity = severity(&result, rule, level);
    let basis = basis(&mut result);
    let properties = [result.properties.as_ref(), rule.and_then(|r| r.properties.as_ref())];
    let category = properties.into_iter().flatten().find_map(category);
    let id = result.rule_id.or(result.rule.and_then(|r| r.id)).filter(|id| !id.trim().is_empty());
    let id = id.or_else(|| rule.and_then(|r| r.id.clone()));
    Ok(Finding {
        tool: context.tool.map(str::to_owned),
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

fn message(result: &mut SarifResult, rule: Option<&Rule>, rules: &Rules) -> Option<String> {
    let message = result.message.take().unwrap_or_default();
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let by_id = || {
        let id = message.id.as_deref()?;
        let of_rule = rule.and_then(|rule| rule.message_strings.as_ref()?.get(id)?.0.text.clone());
        of_rule.or_else(|| rules.message(id).map(str::to_owned))
    };
    let of_rule = || {
        let rule = rule?;
        let texts = [&rule.short_description, &rule.full_description].into_iter().flatten();
        texts.map(|text| text.0.text.clone()).find_map(filled).or_else(|| filled(rule.name.clone()))
    };
    let text = filled(message.text.clone()).or_else(|| filled(by_id()));
    let text = text.or_else(|| filled(message.markdown.clone())).or_else(of_rule)?;
    Some(match message.arguments {
        Some(arguments) if !arguments.is_empty() => {
            let word = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fill_in(&text, &arguments.into_iter().map(word).collect::<Vec<_>>())
        }
        _ => text,
    })
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

fn severity(result: &SarifResult, rule: Option<&Rule>, configured: Option<&str>) -> Severity {
    let score = |properties: &Option<Properties>| match properties.as_ref()?.security_severity.as_ref()? {
        Value::String(text) => Severity::from_score(text.trim().parse().ok()?),
        other => Severity::from_score(other.as_f64()?),
    };
    let default = || rule?.default_configuration.as_ref()?.level.as_deref();
    score(&result.properties)
        .or_else(|| score(&rule?.properties))
        .or_else(|| Severity::parse(result.level.as_deref()?))
        // What is to be looked at is not known to be a fault: its level is "none".
        .or_else(|| result.kind.as_deref().filter(|kind| *kind != "fail").map(|_| Severity::Info))
        .or_else(|| Severity::parse(configured?))
        .or_else(|| Severity::parse(default()?))
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
    let usable = |prints: Option<BTreeMap<String, Value>>| {
        let mut prints = prints.unwrap_or_default();
        // One that is not a text is against the schema, and may hold anything, such as the time.
        prints.retain(|_, value| value.as_str().is_some_and(|text| text != NO_FINGERPRINT));
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
    fn files<'l>(&self, locations: &'l [Location]) -> Result<(Vec<FileName>, Option<&'l Region>), String> {
        let places = locations.iter().filter_map(|l| l.physical_location.as_ref());
        let places = places.filter_map(|p| Some((p.artifact_location.as_ref()?, p.region.as_ref())));
        let (mut files, mut first) = (Vec::new(), None);
        for (position, (location, region)) in places.enumerate() {
            match self.file(location) {
                Ok(None) => {}
                Ok(Some(file)) => {
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

    /// The file of a location; `None` for what is not a file: a page, or the top.
    fn file(&self, location: &ArtifactLocation) -> Result<Option<FileName>, String> {
        let of_index = |index: i64| {
            let artifact = self.artifacts.get(usize::try_from(index).ok()?)?;
            artifact.0.location.as_ref().filter(|l| l.uri.is_some())
        };
        let named = if location.uri.is_some() { Some(location) } else { location.index.and_then(of_index) };
        let named = named.ok_or("locations: a file without a URI")?;
        let own = named.uri.clone().unwrap_or_default();
        if scheme(&own)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
        {
            return Ok(None);
        }
        let (uri, below) = self.based(own, named.uri_base_id.as_deref());
        let mapped = match (self.places.uri(&uri), below) {
            // A base elsewhere is, by definition, the top of the worktree on the other machine.
            (Err(NoPlace::Outside(name)), Some(below)) if !is_foreign_path(&name) => self.places.uri(&below),
            (mapped, _) => mapped,
        };
        Ok(match mapped {
            Ok(path) if path.is_root() => None,
            Ok(path) => Some(FileName::Found(path)),
            Err(_) => Some(FileName::Uri(uri)),
        })
    }

    /// The URI with the bases before it, and without the one that is absolute.
    fn based<'b>(&'b self, mut uri: String, mut base_id: Option<&'b str>) -> (String, Option<String>) {
        // A base that the run does not define is, by custom (`%SRCROOT%`), the top.
        for _ in 0..BASES_MAX {
            let base = base_id.and_then(|id| self.bases.get(id));
            let Some(base) = base.filter(|_| scheme(&uri).is_none() && !uri.starts_with('/')) else { break };
            if let Some(prefix) = base.uri.as_deref().filter(|p| !p.is_empty()) {
                let whole = format!("{}/{uri}", prefix.strip_suffix('/').unwrap_or(prefix));
                if scheme(prefix).is_some() || prefix.starts_with('/') {
                    return (whole, Some(uri));
                }
                uri = whole;
            }
            base_id = base.uri_base_id.as_deref();
        }
        (uri, None)
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
