//! Pushing, fetching and listing refs of ours: the one place that knows which options git needs for
//! that.
//!
//! The user's remotes, credentials, proxies and ssh settings apply. Their hooks, push options, tags,
//! submodules, filters, mirrors and refspecs have no part in it.

use super::Git;

/// The way to a remote. `git` is where the objects are, and which configuration knows the remote.
#[derive(Debug)]
pub struct RemoteGit {
    git: Git,
    remote: String,
}

impl RemoteGit {
    /// The way to a remote, which may also be given by its address.
    pub fn new(git: Git, remote: &str) -> Self {
        let mut git = git.args(["-c", "core.hooksPath=/dev/null", "-c", "push.pushOption="]);
        // Only a name has settings; a mirror's push takes no refspecs.
        if !is_address(remote) {
            git = git.arg("-c").arg(format!("remote.{remote}.mirror=false"));
        }
        RemoteGit { git, remote: remote.to_owned() }
    }

    /// `git push`, with more options and the refs.
    pub fn push(self, options: &[&str], refs: &[String]) -> Git {
        self.git
            .args(["push", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"])
            .arg("--no-force-if-includes")
            .args(options)
            // A remote's name comes from the command line, or from a variable in CI: it is not an option.
            .arg("--")
            .arg(self.remote)
            .args(refs)
    }

    /// `git fetch`, with more options and the refs.
    pub fn fetch(self, options: &[&str], refs: &[String]) -> Git {
        self.git
            .args(["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-prune", "--refmap="])
            .args(["--no-recurse-submodules", "--no-show-forced-updates", "--no-filter"])
            .arg("--no-write-commit-graph")
            .args(options)
            // A remote's name comes from the command line, or from a variable in CI: it is not an option.
            .arg("--")
            .arg(self.remote)
            .args(refs)
    }

    /// `git ls-remote`. What it prints is for [`listed`]: patterns match the ends of names.
    pub fn list(self, patterns: &[&str]) -> Git {
        self.git.args(["ls-remote", "--quiet", "--"]).arg(self.remote).args(patterns)
    }
}

/// Names and values in the output of `git ls-remote`. A pattern with `refs/` at its beginning is
/// found in the middle of a name, too (`refs/heads/refs/…`), so callers have to compare.
pub fn listed(text: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(text);
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect()
}

/// True for a URL or path, false for the name of a remote.
pub fn is_address(remote: &str) -> bool {
    remote.contains(':') || remote.starts_with(['/', '.', '~'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_remote_that_looks_like_an_option_is_not_one() {
        let name = "--upload-pack=touch x";
        let way = || RemoteGit::new(Git::new(Path::new("/")), name);
        for git in [way().push(&[], &[]), way().fetch(&[], &[]), way().list(&[])] {
            let words = git.words();
            assert!(words.ends_with(&format!(" -- {name}")), "{words}");
        }
    }
}
