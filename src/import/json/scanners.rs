//! Audits of dependencies and images. The file of a finding is the lock file or manifest that names the package.

use super::row::{ROW, Row};
use super::walk::Scope;
use crate::import::finding::Finding;
use crate::import::format::{Read, Spec};
use crate::import::place::FileName;
use crate::import::severity::Severity;

/// What all audits share: no place in a file, and a category.
const AUDIT: Row = Row { line: &[], column: &[], ..ROW };

/// Completes a finding about a package.
fn package(finding: &mut Finding, name: Option<String>, version: Option<String>, file: Option<&str>) -> bool {
    let name = [name.unwrap_or_default(), version.unwrap_or_default()].join(" ");
    finding.message = format!("{}: {}", name.trim(), finding.message.trim());
    finding.category = Some("security".to_owned());
    finding.files.extend(file.map(|file| FileName::Path(file.to_owned())));
    true
}

pub(in crate::import) const NPM: Spec = Spec {
    name: "npm-audit",
    about: "npm audit --json, pnpm audit --json",
    sniff: |head| {
        (head.has("auditReportVersion") && head.has("vulnerabilities"))
            || (head.has("advisories") && head.has("metadata"))
    },
    read: Read::Json(&[
        Row {
            tool: Some("npm-audit"),
            list: "vulnerabilities.{}",
            rule: &["@"],
            fit: |scope, finding| {
                let via =
                    scope.get("via").and_then(|via| via.as_array()).map(Vec::as_slice).unwrap_or_default();
                let said = via
                    .iter()
                    .filter_map(|v| v.get("title").or(Some(v)).and_then(|t| t.as_str().map(str::to_owned)));
                let mut said: Vec<String> = said.collect();
                said.dedup();
                finding.url = via.iter().find_map(|v| Some(v.get("url")?.as_str()?.to_owned()));
                let depends = if via.iter().any(|v| v.is_object()) { "" } else { "depends on " };
                finding.message = format!("{depends}{}", said.join("; "));
                let range = scope.text("range");
                // The rule is the package: what is wrong with it changes with every new advisory.
                package(finding, scope.text("@"), range, Some("package-lock.json"))
            },
            ..AUDIT
        },
        Row {
            tool: Some("npm-audit"),
            list: "advisories.{}",
            rule: &["github_advisory_id", "id", "@"],
            message: &["title"],
            url: &["url"],
            fit: |scope, finding| {
                let lock = scope.text("lockfile").unwrap_or_else(|| "package.json".to_owned());
                package(finding, scope.text("module_name"), scope.text("vulnerable_versions"), Some(&lock))
            },
            ..AUDIT
        },
    ]),
    ..Spec::DEFAULT
};

const CARGO_ROW: Row = Row {
    tool: Some("cargo-audit"),
    rule: &["advisory.id", "kind"],
    message: &["advisory.title", "kind"],
    url: &["advisory.url"],
    fit: |scope, finding| {
        let score = scope.text("advisory.cvss").as_deref().and_then(cvss);
        finding.severity = score.and_then(Severity::from_score).unwrap_or(finding.severity);
        package(finding, scope.text("package.name"), scope.text("package.version"), Some("Cargo.lock"))
    },
    ..AUDIT
};

pub(in crate::import) const CARGO_AUDIT: Spec = Spec {
    name: "cargo-audit",
    about: "cargo audit --json",
    sniff: |head| head.has("vulnerabilities") && (head.has("lockfile") || head.has("database")),
    read: Read::Json(&[
        Row { list: "vulnerabilities.list.[]", unknown: Severity::Critical, ..CARGO_ROW },
        Row { list: "warnings.{}.[]", ..CARGO_ROW },
    ]),
    ..Spec::DEFAULT
};

pub(in crate::import) const PIP_AUDIT: Spec = Spec {
    name: "pip-audit",
    about: "pip-audit -f json",
    sniff: |head| {
        (head.has("dependencies") && head.mentions("\"vulns\""))
            || (head.elements_have("vulns") && head.elements_have("name"))
    },
    read: Read::Json(&[PIP_ROW, Row { list: "[].vulns.[]", ..PIP_ROW }]),
    ..Spec::DEFAULT
};

const PIP_ROW: Row = Row {
    tool: Some("pip-audit"),
    list: "dependencies.[].vulns.[]",
    rule: &["id"],
    message: &["description", "id"],
    around: &[(1, "name"), (1, "version")],
    unknown: Severity::Critical,
    fit: |scope, finding| {
        let fixed = scope.first(&["fix_versions.0"]);
        let known = package(finding, scope.text("^name"), scope.text("^version"), None);
        if let Some(version) = fixed {
            finding.message = format!("{} (fixed in {version})", finding.message);
        }
        known
    },
    ..AUDIT
};

pub(in crate::import) const OSV: Spec = Spec {
    name: "osv-scanner",
    about: "osv-scanner --format json",
    sniff: |head| head.has("results") && head.mentions("\"packages\"") && head.mentions("\"source\""),
    read: Read::Json(&[Row {
        tool: Some("osv-scanner"),
        list: "results.[].packages.[].vulnerabilities.[]",
        file: &["^^source.path"],
        rule: &["id"],
        message: &["summary", "details", "id"],
        severity: &["database_specific.severity"],
        around: &[(1, "package")],
        fit: |scope, finding| {
            if scope.get("database_specific.severity").is_none() {
                let score = scope.text("severity.0.score").as_deref().and_then(cvss);
                finding.severity = score.and_then(Severity::from_score).unwrap_or(Severity::Critical);
            }
            finding.url = finding.rule.as_ref().map(|id| format!("https://osv.dev/{id}"));
            package(finding, scope.text("^package.name"), scope.text("^package.version"), None)
        },
        ..AUDIT
    }]),
    ..Spec::DEFAULT
};

const TRIVY_ROW: Row = Row { tool: Some("trivy"), file: &["^Target"], severity: &["Severity"], ..ROW };

pub(in crate::import) const TRIVY: Spec = Spec {
    name: "trivy",
    about: "trivy --format json",
    sniff: |head| head.has("SchemaVersion") && (head.has("ArtifactName") || head.has("Results")),
    read: Read::Json(&[
        Row {
            list: "Results.[].Vulnerabilities.[]",
            rule: &["VulnerabilityID"],
            message: &["Title", "Description", "VulnerabilityID"],
            url: &["PrimaryURL"],
            line: &[],
            column: &[],
            fit: |scope, finding| {
                image(scope, finding);
                package(finding, scope.text("PkgName"), scope.text("InstalledVersion"), None)
            },
            ..TRIVY_ROW
        },
        Row {
            list: "Results.[].Misconfigurations.[]",
            rule: &["ID", "AVDID"],
            message: &["Message", "Title"],
            line: &["CauseMetadata.StartLine"],
            column: &[],
            url: &["PrimaryURL"],
            fit: |scope, finding| {
                finding.category = Some("security".to_owned());
                scope.text("Status").is_none_or(|status| status == "FAIL")
            },
            ..TRIVY_ROW
        },
        Row {
            list: "Results.[].Secrets.[]",
            rule: &["RuleID"],
            message: &["Title"],
            line: &["StartLine"],
            column: &[],
            ..TRIVY_ROW
        },
    ]),
    ..Spec::DEFAULT
};

/// The packages of a system are in an image and not in a file of the repository.
fn image(scope: &Scope<'_>, finding: &mut Finding) {
    if let Some(FileName::Path(target)) = finding.files.first()
        && (target.contains(" (")
            || scope.text("PkgIdentifier.PURL").is_some_and(|purl| {
                ["pkg:deb/", "pkg:apk/", "pkg:rpm/"].iter().any(|kind| purl.starts_with(kind))
            }))
    {
        finding.message = format!("{} in {target}", finding.message);
        finding.files.clear();
    }
}

/// The base score of a CVSS 3 vector, as its specification computes it, or of a plain number.
fn cvss(text: &str) -> Option<f64> {
    if let Ok(score) = text.parse() {
        return Some(score);
    }
    let metric = |name: &str| text.split('/').find_map(|part| part.strip_prefix(name)?.strip_prefix(':'));
    let changed = metric("S")? == "C";
    let of = |name: &str, values: &[(&str, f64)]| {
        let value = metric(name)?;
        values.iter().find(|(word, _)| *word == value).map(|(_, weight)| *weight)
    };
    let loss = |name| of(name, &[("H", 0.56), ("L", 0.22), ("N", 0.0)]);
    let base = 1.0 - (1.0 - loss("C")?) * (1.0 - loss("I")?) * (1.0 - loss("A")?);
    let impact = if changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15) } else { 6.42 * base };
    let privileges = if changed {
        [("N", 0.85), ("L", 0.68), ("H", 0.5)]
    } else {
        [("N", 0.85), ("L", 0.62), ("H", 0.27)]
    };
    let exploitability = 8.22
        * of("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * of("AC", &[("L", 0.77), ("H", 0.44)])?
        * of("PR", &privileges)?
        * of("UI", &[("N", 0.85), ("R", 0.62)])?;
    if impact <= 0.0 {
        return Some(0.0);
    }
    let factor = if changed { 1.08 } else { 1.0 };
    Some((((impact + exploitability) * factor).min(10.0) * 10.0).ceil() / 10.0)
}

#[cfg(test)]
#[path = "scanners_tests.rs"]
mod tests;
