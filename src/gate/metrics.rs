//! Measured values: OpenMetrics or Prometheus text, `name value` lines, JSON by path.

use serde_json::Value;

use crate::model::plan::Limit;

/// The values of a name: a metric may have several series.
///
/// # Errors
/// When the report is not readable.
pub fn values(bytes: &[u8], name: &str) -> Result<Vec<f64>, String> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim_start().starts_with(['{', '[']) {
        let value: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        return Ok(at(&value, name).and_then(number).into_iter().collect());
    }
    Ok(text.lines().filter_map(|line| series(line, name)).collect())
}

/// `name{label="x"} 1.5 1700000000`, `name 1.5`, `name: 1.5`, `name = 1.5`.
fn series(line: &str, name: &str) -> Option<f64> {
    let line = line.trim();
    let rest = line.strip_prefix(name)?;
    let rest = match rest.strip_prefix('{') {
        // Braces may stand in the values of labels, which are quoted.
        Some(labels) => labels.rsplit_once('}')?.1,
        None => rest,
    };
    let rest = rest.trim_start_matches([':', '=']);
    if !rest.starts_with([' ', '\t']) && rest.len() == line.len() - name.len() {
        return None;
    }
    rest.trim_start_matches([':', '=', ' ', '\t']).split_whitespace().next()?.parse().ok()
}

/// The value at `a.b[0].c`, or of the member of that very name.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let mut value = value;
    for part in path.split(['.', '[']) {
        let part = part.trim_end_matches(']');
        value = match value {
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    Some(value)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Why a value is not within its limits, if it is not.
pub fn fault(name: &str, values: &[f64], limit: Limit) -> Option<String> {
    if values.is_empty() {
        return Some(format!("{name} is not in the report"));
    }
    values.iter().find_map(|value| {
        // What is not a number is within no limit.
        if limit.min.is_some_and(|min| value.is_nan() || *value < min) {
            return Some(format!(
                "{name} is {value}, and must be at least {}",
                limit.min.unwrap_or_default()
            ));
        }
        limit
            .max
            .filter(|max| value.is_nan() || value > max)
            .map(|max| format!("{name} is {value}, and must be at most {max}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_path() {
        let text = b"# TYPE p95 gauge\np95{path=\"/a}\"} 0.25 1700000000\np95{path=\"/b\"} 0.75\np95_count 3\n# EOF\n";
        assert_eq!(values(text, "p95").unwrap(), [0.25, 0.75]);
        assert_eq!(values(b"hits 80\nhits_total 9\n", "hits").unwrap(), [80.0]);
        assert_eq!(values(b"hits: 80\nrate=0.5\n", "rate").unwrap(), [0.5]);
        let json = br#"{"latency":{"p95":"412","all":[{"v":1},{"v":2}]},"a.b":3}"#;
        assert_eq!(values(json, "latency.p95").unwrap(), [412.0]);
        assert_eq!(values(json, "latency.all[1].v").unwrap(), [2.0]);
        assert_eq!(values(json, "a.b").unwrap(), [3.0]);
    }

    #[test]
    fn a_value_out_of_its_limits_is_named() {
        let limit = Limit { min: Some(1.0), max: Some(2.0) };
        assert_eq!(fault("x", &[1.0, 2.0], limit), None);
        assert!(fault("x", &[1.5, 2.5], limit).unwrap().contains("2.5"));
        assert!(fault("x", &[], limit).is_some() && fault("x", &[f64::NAN], limit).is_some());
    }
}
