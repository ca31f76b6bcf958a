//! Which paths a workstream owns: patterns such as `src/retry/**`, less those that begin with `!`.

use crate::model::base::RepoPath;
use crate::model::records::area::Areas;

/// The compiled patterns of one workstream.
#[derive(Debug, Clone)]
pub struct Ownership {
    owned: Areas,
    excluded: Areas,
}

impl Ownership {
    /// Compiles patterns. Without any, nothing is owned.
    ///
    /// # Errors
    /// When a pattern is malformed: its position in the list, and why.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, (usize, String)> {
        let mut owned = Vec::new();
        let mut excluded = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let pattern = pattern.as_ref();
            let (list, pattern) = match pattern.strip_prefix('!') {
                Some(pattern) => (&mut excluded, pattern),
                None => (&mut owned, pattern),
            };
            Areas::new(&[pattern.to_owned()]).map_err(|e| (index, e.to_string()))?;
            list.push(pattern.to_owned());
        }
        let compile = |list: &[String]| Areas::new(list).map_err(|e| (0, e.to_string()));
        Ok(Ownership { owned: compile(&owned)?, excluded: compile(&excluded)? })
    }

    /// True when the path is owned.
    pub fn contains(&self, path: &RepoPath) -> bool {
        self.owned.contains(path) && !self.excluded.contains(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_take_paths_out() {
        let tests = Ownership::new(&["tests/**", "!tests/unit/test_config.py"]).unwrap();
        let has = |p: &str| tests.contains(&RepoPath::parse(p).unwrap());
        assert!(has("tests/a.py") && has("tests/unit/test_x.py"));
        assert!(!has("tests/unit/test_config.py") && !has("src/a.py"));
        assert_eq!(Ownership::new(&["a", "b["]).unwrap_err().0, 1);
    }
}
