//! Audits of dependencies.

use super::cvss;
use crate::import::tests::{options, reasons, run};

type Row = (&'static str, &'static str, &'static str, &'static str, u32);

const ROWS: [Row; 7] = [
    (
        "npm-audit",
        r#"{"auditReportVersion":2,"vulnerabilities":{"lodash":{"name":"lodash","severity":"critical","via":[{"title":"Prototype Pollution","url":"https://x","severity":"high"},"other"],"range":"<4.17.21","fixAvailable":true}}}"#,
        "package-lock.json",
        "lodash: lodash <4.17.21: Prototype Pollution; other",
        1,
    ),
    (
        "npm-audit",
        r#"{"advisories":{"1":{"module_name":"lodash","severity":"moderate","title":"Pollution","github_advisory_id":"GHSA-1","vulnerable_versions":"<4"}},"metadata":{}}"#,
        "package.json",
        "GHSA-1: lodash <4: Pollution",
        2,
    ),
    (
        "cargo-audit",
        r#"{"database":{},"lockfile":{},"vulnerabilities":{"found":true,"count":1,"list":[{"advisory":{"id":"RUSTSEC-2020-1","title":"Bad","cvss":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},"package":{"name":"x","version":"1.0.0"}}]},"warnings":{}}"#,
        "Cargo.lock",
        "RUSTSEC-2020-1: x 1.0.0: Bad",
        0,
    ),
    (
        "pip-audit",
        r#"{"dependencies":[{"name":"flask","version":"0.5","vulns":[{"id":"PYSEC-1","fix_versions":["1.0"],"description":"Bad"}]}],"fixes":[]}"#,
        "",
        "PYSEC-1: flask 0.5: Bad (fixed in 1.0)",
        1,
    ),
    (
        "osv-scanner",
        r#"{"results":[{"source":{"path":"/repo/go.mod","type":"lockfile"},"packages":[{"package":{"name":"x","version":"1"},"vulnerabilities":[{"id":"GHSA-2","summary":"Bad","database_specific":{"severity":"MODERATE"}}]}]}]}"#,
        "go.mod",
        "GHSA-2: x 1: Bad",
        2,
    ),
    (
        "trivy",
        r#"{"SchemaVersion":2,"ArtifactName":".","Results":[{"Target":"go.mod","Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"x","InstalledVersion":"1","Title":"Bad","Severity":"HIGH"}]}]}"#,
        "go.mod",
        "CVE-1: x 1: Bad",
        1,
    ),
    (
        "trivy",
        r#"{"SchemaVersion":2,"ArtifactName":"img","Results":[{"Target":"img (debian 12)","Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"libc","InstalledVersion":"1","Title":"Bad","Severity":"LOW"}]}]}"#,
        "",
        "CVE-1: libc 1: Bad in img (debian 12)",
        3,
    ),
];

#[test]
fn audits_name_package_advisory_and_lock_file() {
    for (format, text, file, title, priority) in ROWS {
        let (items, report) = run(text, &options());
        assert_eq!((report.format.name(), reasons(&report)), (format, vec![]), "{text}");
        assert_eq!(items.len(), 1, "{text}");
        let found = items[0].item.files.first().map(|f| f.as_str()).unwrap_or_default();
        assert_eq!((found, items[0].item.title.as_str(), items[0].priority), (file, title, priority));
        assert_eq!(items[0].item.category.as_deref(), Some("security"));
    }
}

#[test]
fn scores_are_those_of_the_calculator() {
    for (vector, score) in [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("7.5", 7.5),
    ] {
        assert_eq!(cvss(vector), Some(score), "{vector}");
    }
    assert_eq!(cvss("CVSS:4.0/AV:N"), None);
}
