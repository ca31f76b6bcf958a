//! Formats in which many tools exchange findings: Code Climate, reviewdog, SonarQube, GitLab's security reports.

use super::row::{ROW, Row};
use crate::import::format::{Read, Spec};
use crate::import::place::FileName;
use crate::import::scale;

pub(in crate::import) const CODE_CLIMATE: Spec = Spec {
    name: "codeclimate",
    about: "Code Climate, GitLab Code Quality",
    sniff: |head| {
        let has = |key: &str| head.has(key) || head.elements_have(key);
        has("location") && has("description") && (has("check_name") || has("fingerprint"))
    },
    read: Read::Json(&[Row {
        file: &["location.path"],
        line: &["location.lines.begin", "location.positions.begin.line", "location.lines.begin.line"],
        column: &["location.positions.begin.column", "location.lines.begin.column"],
        rule: &["check_name"],
        message: &["description"],
        category: &["categories.0"],
        // Other entries of such a stream are measurements.
        fit: |scope, _| scope.text("type").is_none_or(|kind| kind.eq_ignore_ascii_case("issue")),
        ..ROW
    }]),
    ..Spec::DEFAULT
};

const RD_ROW: Row = Row {
    file: &["location.path"],
    line: &["location.range.start.line"],
    column: &["location.range.start.column"],
    rule: &["code.value"],
    url: &["code.url"],
    severity: &["severity", "^severity"],
    ..ROW
};

pub(in crate::import) const RDJSON: Spec = Spec {
    name: "rdjson",
    about: "reviewdog's rdjson and rdjsonl",
    sniff: |head| {
        (head.has("diagnostics") && (head.has("source") || head.mentions("\"range\"")))
            || (head.has("message") && head.has("location") && head.mentions("\"range\""))
    },
    read: Read::Json(&[
        Row {
            list: "diagnostics.[]",
            around: &[(1, "source")],
            fit: |scope, finding| {
                finding.tool = scope.text("^source.name").or_else(|| scope.text("source.name"));
                true
            },
            ..RD_ROW
        },
        Row {
            list: "[]",
            severity: &["severity"],
            fit: |scope, finding| {
                finding.tool = scope.text("source.name");
                true
            },
            ..RD_ROW
        },
    ]),
    ..Spec::DEFAULT
};

/// `project:src/a.ts`, or a module of it: `project:module:src/a.ts`.
fn component(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

const SONAR_ISSUE: Row = Row {
    list: "issues.[]",
    line: &["line", "textRange.startLine"],
    column: &["textRange.startOffset"],
    offset: (0, 1),
    rule: &["rule"],
    severity: &["severity", "impacts.0.severity"],
    category: &["type"],
    fit: |scope, finding| {
        finding.files.extend(scope.text("component").map(|name| FileName::Path(component(&name))));
        let closed = scope.text("status").is_some_and(|s| matches!(s.as_str(), "RESOLVED" | "CLOSED"));
        !closed && scope.text("resolution").is_none_or(|r| r.is_empty())
    },
    ..ROW
};

pub(in crate::import) const SONAR: Spec = Spec {
    name: "sonarqube",
    about: "SonarQube api/issues/search",
    sniff: |head| head.has("issues") && (head.mentions("\"component\"") || head.has("paging")),
    read: Read::Json(&[SONAR_ISSUE]),
    ..Spec::DEFAULT
};

pub(in crate::import) const SONAR_EXTERNAL: Spec = Spec {
    name: "sonar-external",
    about: "SonarQube's generic external issues",
    sniff: |head| head.has("issues") && head.mentions("\"primaryLocation\""),
    read: Read::Json(&[Row {
        list: "issues.[]",
        file: &["primaryLocation.filePath"],
        line: &["primaryLocation.textRange.startLine"],
        column: &["primaryLocation.textRange.startColumn"],
        offset: (0, 1),
        rule: &["ruleId"],
        message: &["primaryLocation.message"],
        category: &["type"],
        around: &[(1, "rules")],
        fit: |scope, finding| {
            finding.tool = scope.text("engineId");
            // Since SonarQube 10.3 severity and type belong to the rule.
            let rules = scope.get("^rules").and_then(|rules| rules.as_array());
            let rule = rules
                .into_iter()
                .flatten()
                .find(|rule| rule.get("id").and_then(|id| id.as_str()) == finding.rule.as_deref());
            let Some(rule) = rule else { return true };
            let text = |path: &str| rule.pointer(path).and_then(|value| value.as_str());
            let severity = text("/severity").or_else(|| text("/impacts/0/severity"));
            if let Some(severity) = severity.and_then(scale::word).filter(|_| scope.get("severity").is_none())
            {
                finding.severity = severity;
            }
            finding.category = scope.text("type").or_else(|| text("/type").map(str::to_owned));
            finding.tool = finding.tool.take().or_else(|| text("/engineId").map(str::to_owned));
            true
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

pub(in crate::import) const GITLAB_SECURITY: Spec = Spec {
    name: "gitlab-security",
    about: "GitLab's security reports (SAST, secrets, dependencies)",
    sniff: |head| {
        head.has("vulnerabilities")
            && head.has("version")
            && !head.has("vulnerabilities_count")
            && head.mentions("\"location\"")
            || (head.has("vulnerabilities") && head.has("scan"))
    },
    read: Read::Json(&[Row {
        list: "vulnerabilities.[]",
        line: &["location.start_line"],
        column: &[],
        rule: &["identifiers.0.value", "identifiers.0.name", "id"],
        message: &["name", "message", "description"],
        category: &["category"],
        url: &["identifiers.0.url", "links.0.url"],
        fit: |scope, finding| {
            finding.tool = scope.text("scanner.id");
            finding.files.extend(scope.first(&["location.file"]).map(FileName::Path));
            if let Some(package) = scope.text("location.dependency.package.name") {
                let version = scope.text("location.dependency.version").unwrap_or_default();
                finding.message = format!("{package} {version}: {}", finding.message);
            }
            // An image or a page: nothing in the repository.
            if finding.files.is_empty() {
                let place = scope.first(&[
                    "location.image",
                    "location.hostname",
                    "location.kubernetes_resource.name",
                ]);
                finding.message =
                    format!("{} ({})", finding.message, place.as_deref().unwrap_or("without a file"));
            }
            true
        },
        ..ROW
    }]),
    ..Spec::DEFAULT
};

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
