//! The five severities, and what follows from one: the priority.

/// How bad a finding is. The order is that of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Blocker,
    Critical,
    Major,
    Minor,
    Info,
}

impl Severity {
    /// What a finding has whose tool does not say.
    pub(crate) const UNKNOWN: Severity = Severity::Major;

    /// The severity of a word: one of the five names, one of SARIF's four levels, or what other tools say
    /// (npm audit, Bandit, Trivy, …).
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "blocker" | "fatal" => Severity::Blocker,
            "critical" | "error" | "high" => Severity::Critical,
            "major" | "warning" | "medium" | "moderate" => Severity::Major,
            "minor" | "note" | "low" => Severity::Minor,
            "info" | "information" | "informational" | "none" => Severity::Info,
            _ => return None,
        })
    }

    /// The severity of a CVSS score (SARIF's `security-severity`), in the bands of CVSS 3.
    pub(crate) fn from_score(score: f64) -> Option<Self> {
        Some(match score {
            s if !(0.0..=10.0).contains(&s) => return None,
            s if s >= 9.0 => Severity::Blocker,
            s if s >= 7.0 => Severity::Critical,
            s if s >= 4.0 => Severity::Major,
            s if s > 0.0 => Severity::Minor,
            _ => Severity::Info,
        })
    }

    /// 0 is most urgent.
    pub(crate) fn priority(self) -> u32 {
        self as u32
    }

    /// The name that items carry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Blocker => "BLOCKER",
            Severity::Critical => "CRITICAL",
            Severity::Major => "MAJOR",
            Severity::Minor => "MINOR",
            Severity::Info => "INFO",
        }
    }
}

/// True for two words of one severity, such as `error` and `CRITICAL`.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (Severity::parse(a).is_some() && Severity::parse(a) == Severity::parse(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_case_and_sarif_levels_give_priorities_0_to_4() {
        let words = ["blocker", "CRITICAL", "Major", "MINOR", "info"];
        for (priority, word) in (0..).zip(words) {
            assert_eq!(Severity::parse(word).map(Severity::priority), Some(priority), "{word}");
        }
        for (priority, word) in (1..).zip(["error", "warning", "note", "none"]) {
            assert_eq!(Severity::parse(word).map(Severity::priority), Some(priority), "{word}");
        }
        for (priority, word) in (0..).zip(["fatal", "High", "MODERATE", "low", "information"]) {
            assert_eq!(Severity::parse(word).map(Severity::priority), Some(priority), "{word}");
        }
        assert_eq!(Severity::parse("urgent"), None);
    }

    #[test]
    fn a_score_falls_into_its_band() {
        let name = |score| Severity::from_score(score).map(Severity::name);
        assert_eq!(name(9.8), Some("BLOCKER"));
        assert_eq!(name(7.0), Some("CRITICAL"));
        assert_eq!(name(6.9), Some("MAJOR"));
        assert_eq!(name(0.1), Some("MINOR"));
        assert_eq!(name(0.0), Some("INFO"));
        assert_eq!(name(11.0), None);
        assert_eq!(name(f64::NAN), None);
    }
}
