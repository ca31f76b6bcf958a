//! Estimates of work: `2d`, `1d-2d`, `8h-12h`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How long something takes, between two lengths, in hours or days of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The shorter length.
    pub low: f64,
    /// The longer one; equal when only one is given.
    pub high: f64,
    /// True when both are in hours, else they are in days.
    pub hours: bool,
}

impl Estimate {
    /// Reads `2d`, `1.5d`, `1d-2d`, `8h-12h`, `1-2d`.
    ///
    /// # Errors
    /// When it is not an estimate, with the forms that are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an estimate: write 2d, 1d-2d or 8h-12h");
        let (low, high) = match text.split_once('-') {
            Some((low, high)) => (low.trim(), high.trim()),
            None => (text.trim(), text.trim()),
        };
        let (high, unit) = amount(high).ok_or_else(wrong)?;
        let (low, low_unit) = amount(low).ok_or_else(wrong)?;
        let unit = unit.ok_or_else(wrong)?;
        if low_unit.is_some_and(|u| u != unit) {
            return Err(format!("{text:?} mixes hours and days"));
        }
        if low > high || high <= 0.0 || high > 10_000.0 {
            return Err(format!("{text:?} is not between 0 and 10000, shorter length first"));
        }
        Ok(Estimate { low, high, hours: unit == 'h' })
    }

    /// Both lengths in days of so many hours.
    pub fn days(self, hours_per_day: f64) -> (f64, f64) {
        let unit = if self.hours { hours_per_day } else { 1.0 };
        (self.low / unit, self.high / unit)
    }
}

/// A number with its unit, if one follows.
fn amount(text: &str) -> Option<(f64, Option<char>)> {
    let unit = text.chars().last().filter(|c| matches!(c, 'h' | 'd'));
    let digits = text.strip_suffix(['h', 'd']).unwrap_or(text).trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    Some((digits.parse().ok()?, unit))
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.hours { 'h' } else { 'd' };
        if self.low < self.high {
            write!(f, "{}{unit}-{}{unit}", self.low, self.high)
        } else {
            write!(f, "{}{unit}", self.high)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_read_and_shown() {
        for (text, low, high, hours) in [
            ("2d", 2.0, 2.0, false),
            ("1d-2d", 1.0, 2.0, false),
            ("1-2d", 1.0, 2.0, false),
            ("8h-12h", 8.0, 12.0, true),
        ] {
            assert_eq!(Estimate::parse(text), Ok(Estimate { low, high, hours }), "{text}");
        }
        assert_eq!(Estimate::parse("1-2d").unwrap().to_string(), "1d-2d");
        assert_eq!(Estimate::parse("1.5d").unwrap().to_string(), "1.5d");
        assert_eq!(Estimate::parse("8h-12h").unwrap().days(8.0), (1.0, 1.5));
        for bad in ["", "2", "d", "2d-1d", "1h-2d", "-1d", "2w", "0d", "1e3d"] {
            assert!(Estimate::parse(bad).is_err(), "{bad}");
        }
    }
}
