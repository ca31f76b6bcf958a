//! Reports in JSON: `go test -json`, `jest --json`, SARIF.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Outcomes, Status};

/// `go test -json`: one event a line; the last one of a test counts.
pub(super) fn go(bytes: &[u8]) -> Result<Outcomes, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut outcomes = Outcomes::default();
    let mut packages: BTreeMap<String, bool> = BTreeMap::new();
    let mut any = false;
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let Some(action) = event["Action"].as_str() else { continue };
        any = true;
        let package = event["Package"].as_str().unwrap_or_default();
        let status = match action {
            "pass" => Status::Passed,
            "fail" => Status::Failed,
            "skip" => Status::Skipped,
            _ => continue,
        };
        match event["Test"].as_str() {
            Some(test) => {
                *packages.entry(package.to_owned()).or_default() |= status == Status::Failed;
                outcomes.set(&format!("{package} {test}"), status);
            }
            // A package that fails without a test that does: it was not built, or it exited.
            None if status == Status::Failed && packages.get(package) != Some(&true) => {
                outcomes.set(package, Status::Failed);
            }
            None => {}
        }
    }
    if any { Ok(outcomes) } else { Err("it has no events of go test -json".into()) }
}

/// `jest --json`, and vitest's JSON reporter.
pub(super) fn jest(bytes: &[u8]) -> Result<Outcomes, String> {
    // Other output may stand before it.
    let start = bytes.iter().position(|b| *b == b'{').unwrap_or_default();
    let mut stream = serde_json::Deserializer::from_slice(bytes.get(start..).unwrap_or_default()).into_iter();
    let report: Value = stream.next().ok_or("it is empty")?.map_err(|e| e.to_string())?;
    let files = report["testResults"].as_array().ok_or("it has no testResults")?;
    let mut outcomes = Outcomes::default();
    for file in files {
        let path = file["name"].as_str().unwrap_or_default();
        let path = path
            .rsplit_once("/coord-pool/")
            .map_or(path, |(_, below)| below.split_once('/').map_or(below, |(_, path)| path));
        let tests = file["assertionResults"].as_array().map(Vec::as_slice).unwrap_or_default();
        for test in tests {
            let name = test["fullName"].as_str().or(test["title"].as_str()).unwrap_or_default();
            let status = match test["status"].as_str() {
                Some("passed") => Status::Passed,
                Some("failed") => Status::Failed,
                _ => Status::Skipped,
            };
            outcomes.add(&format!("{path} {name}"), status);
        }
        if tests.is_empty() && file["status"] == "failed" {
            outcomes.add(path, Status::Failed);
        }
    }
    Ok(outcomes)
}

/// SARIF: each finding is a failure by its rule and file, wherever its line is today.
pub(super) fn sarif(bytes: &[u8]) -> Result<Outcomes, String> {
    let log: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let runs = log["runs"].as_array().ok_or("it has no runs")?;
    let mut outcomes = Outcomes::default();
    for result in runs.iter().filter_map(|run| run["results"].as_array()).flatten() {
        let rule = result["ruleId"].as_str().unwrap_or("finding");
        let file = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let skipped = matches!(result["kind"].as_str(), Some("pass" | "notApplicable" | "informational"))
            || result["suppressions"].as_array().is_some_and(|list| !list.is_empty());
        let status = if skipped { Status::Skipped } else { Status::Failed };
        outcomes.add(&format!("{rule} {}", file.as_str().unwrap_or_default()), status);
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_go_are_read() {
        let text = br#"{"Action":"run","Package":"x","Test":"TestA"}
{"Action":"pass","Package":"x","Test":"TestA","Elapsed":0}
{"Action":"fail","Package":"x","Test":"TestB"}
{"Action":"fail","Package":"x"}
{"Action":"skip","Package":"y","Test":"TestC/sub"}
{"Action":"fail","Package":"z"}
"#;
        let outcomes = go(text).unwrap();
        let found: Vec<_> = outcomes.iter().collect();
        let (ok, bad) = (Status::Passed, Status::Failed);
        assert_eq!(found, [("x TestA", ok), ("x TestB", bad), ("y TestC/sub", Status::Skipped), ("z", bad)]);
        assert!(go(b"ok  \tx\t0.1s\n").is_err());
    }

    #[test]
    fn reports_of_jest_and_sarif_are_read() {
        let text = br#"{"success":false,"testResults":[
            {"name":"/r/.git/coord-pool/gate-1/a.test.js","status":"failed","assertionResults":[
              {"fullName":"sum adds","status":"passed"},{"fullName":"sum fails","status":"failed"},
              {"fullName":"later","status":"todo"}]},
            {"name":"b.test.js","status":"failed","message":"SyntaxError","assertionResults":[]}]}"#;
        let outcomes = jest(text).unwrap();
        assert_eq!(outcomes.get("a.test.js sum adds"), Some(Status::Passed));
        assert_eq!(outcomes.get("a.test.js sum fails"), Some(Status::Failed));
        assert_eq!(outcomes.get("a.test.js later"), Some(Status::Skipped));
        assert_eq!(outcomes.get("b.test.js"), Some(Status::Failed));
        let sarif = sarif(br#"{"runs":[{"results":[{"ruleId":"R1","locations":[{"physicalLocation":
            {"artifactLocation":{"uri":"src/a.c"}}}]},{"ruleId":"R2","suppressions":[{"kind":"inSource"}]}]}]}"#);
        assert_eq!(sarif.unwrap().count(Status::Failed), 1);
    }
}
