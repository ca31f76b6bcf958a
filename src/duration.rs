//! Lengths of time as people write them: on the command line, in settings, in files of items.

use jiff::{SignedDuration, Unit};

/// The seconds of a length of time: `90s`, `30m`, `2h`, `1d`.
///
/// # Errors
/// When it is none, or not between a second and ten years.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a duration: write 90s, 30m, 2h or 1d");
    let seconds = match text.parse::<jiff::Span>() {
        Ok(span) => {
            let days = jiff::SpanRelativeTo::days_are_24_hours();
            span.total((Unit::Second, days)).map_err(|_| wrong())?
        }
        Err(_) => text.parse::<SignedDuration>().map_err(|_| wrong())?.as_secs_f64(),
    };
    if (1.0..=315_360_000.0).contains(&seconds) {
        Ok(seconds as u64)
    } else {
        Err(format!("{text:?} is not between a second and ten years"))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_of_the_contract_are_understood() {
        assert_eq!(parse("90s"), Ok(90));
        assert_eq!(parse("30m"), Ok(1800));
        assert_eq!(parse("2h"), Ok(7200));
        assert_eq!(parse("1d"), Ok(86_400));
        for bad in ["", "5", "0s", "-5m", "soon", "100000d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
