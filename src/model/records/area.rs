//! Areas: patterns of paths that are a session's own.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::model::base::RepoPath;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no valid area pattern: {reason}")]
pub struct AreaError {
    pattern: String,
    reason: String,
}

/// The compiled patterns of a session.
#[derive(Debug, Clone)]
pub struct Areas {
    set: GlobSet,
    none: bool,
}

impl Areas {
    /// Compiles patterns such as `src/payments/**` or `*.md`. `*` stops at a slash, `**` does
    /// not. A pattern without wildcards covers that path and everything below it.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new(patterns: &[String]) -> Result<Self, AreaError> {
        let mut builder = GlobSetBuilder::new();
        for pattern in patterns {
            let trimmed = pattern.trim_start_matches("./").trim_end_matches('/');
            let fail = |reason: String| AreaError { pattern: pattern.clone(), reason };
            if trimmed.is_empty() {
                return Err(fail("it is empty".into()));
            }
            let plain = !trimmed.contains(['*', '?', '[', '{', '\\']);
            let mut forms = vec![trimmed.to_owned()];
            if plain {
                forms.push(format!("{trimmed}/**"));
            }
            for form in forms {
                let glob = GlobBuilder::new(&form).literal_separator(true).backslash_escape(true).build();
                builder.add(glob.map_err(|e| fail(e.kind().to_string()))?);
            }
        }
        let set =
            builder.build().map_err(|e| AreaError { pattern: patterns.join(" "), reason: e.to_string() })?;
        Ok(Areas { set, none: patterns.is_empty() })
    }

    /// True when the session has no areas of its own.
    pub fn is_none(&self) -> bool {
        self.none
    }

    /// True when a path lies in one of the areas.
    pub fn contains(&self, path: &RepoPath) -> bool {
        self.set.is_match(path.as_str())
    }

    /// True when work on these files is offered to the session: it has no areas, or all of the
    /// files lie in them. An item without files belongs to nobody's area.
    pub fn admits(&self, files: &[RepoPath]) -> bool {
        self.none || (!files.is_empty() && files.iter().all(|f| self.contains(f)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_follow_the_slash() {
        let areas = Areas::new(&["src/pay/**".into(), "docs".into(), "*.md".into()]).expect("valid");
        let has = |p: &str| areas.contains(&RepoPath::parse(p).expect("valid"));
        assert!(has("src/pay/a/b.rs") && has("docs/x/y") && has("docs") && has("README.md"));
        assert!(!has("src/payments/a.rs") && !has("src/README.md") && !has("docs2/x"));
        assert!(Areas::new(&["a[".into()]).is_err());
    }
}
