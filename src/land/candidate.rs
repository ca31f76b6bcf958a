//! The candidate: the chain of commits that the target would become, made in the workshop.
//!
//! Commits get the time at which the landing began, so that the same chain made again has the same ids.

use jiff::Timestamp;

use crate::model::landing::{HandedBack, LandMode, Member, Resolved};

use super::LandError;
use super::integrator::Integrator;
use super::members::Work;
use super::merge::Merged;

/// What the target would become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its commit before.
    pub from: String,
    /// Its commit after; the same when nothing lands.
    pub to: String,
    /// What lands, in order.
    pub landed: Vec<Member>,
    /// What does not.
    pub handed_back: Vec<HandedBack>,
}

/// How a chain is made.
#[derive(Debug, Clone)]
pub struct Style {
    /// The landing's id.
    pub landing: String,
    /// The target branch, for messages.
    pub target: String,
    /// The mode.
    pub mode: LandMode,
    /// The time of all commits.
    pub at: Timestamp,
}

/// One commit to be made.
pub(super) struct NewCommit<'a> {
    /// Its tree.
    pub tree: &'a str,
    /// Its parents.
    pub parents: &'a [&'a str],
    /// Its message.
    pub message: &'a str,
    /// Its time.
    pub at: Timestamp,
    /// Name, address and date of an author other than the integrator.
    pub author: Option<[&'a str; 3]>,
}

/// Whether a branch could be put on top of the chain.
enum Put {
    /// It is: the new end of the chain, and what was resolved.
    On(String, Vec<Resolved>),
    /// It is not.
    Back(HandedBack),
}

impl Integrator<'_> {
    /// Puts the branches on top of `from`, one after the other. A branch that does not go on is handed
    /// back, and the others go on without it.
    ///
    /// # Errors
    /// When git fails.
    pub fn chain(&self, from: &str, work: &[Work], style: &Style) -> Result<Chain, LandError> {
        let mut chain =
            Chain { from: from.to_owned(), to: from.to_owned(), landed: Vec::new(), handed_back: Vec::new() };
        for one in work {
            match self.put(&chain, one, style)? {
                Put::On(commit, resolved) => {
                    chain.landed.push(member(one, commit.clone(), resolved));
                    chain.to = commit;
                    if matches!(style.mode, LandMode::Squash | LandMode::Rebase)
                        && !self.workshop.contains(&chain.to, &one.tip)?
                    {
                        // The next member may have these commits: from here on it counts as having them.
                        self.stand_for(&chain.to, &one.tip)?;
                    }
                }
                Put::Back(back) => chain.handed_back.push(back),
            }
        }
        Ok(chain)
    }

    /// Puts one branch on top of the chain.
    fn put(&self, chain: &Chain, one: &Work, style: &Style) -> Result<Put, LandError> {
        let mut at = chain.to.clone();
        for reverted in &one.reinstate {
            let name = one.session.as_ref().map_or(one.branch.as_str(), |s| s.as_str());
            let message = format!(
                "Reinstate landing {} of {name}\n\nCoord-Landing: {}\nCoord-Merges: {}\n",
                reverted.landing, style.landing, reverted.tip
            );
            let before = format!("{}^1", reverted.revert);
            at = match self.inverse(&at, &reverted.revert, &before, &message, style.at) {
                Err(LandError::Rule { message, .. }) => {
                    return Ok(Put::Back(back(one, "conflict", message, Vec::new())));
                }
                other => other?,
            };
        }
        // The branch before may have brought this one along.
        if self.workshop.contains(&at, &one.tip)? {
            return Ok(Put::On(at, Vec::new()));
        }
        match style.mode {
            LandMode::Merge => self.merged(&at, one, style, &[&at, &one.tip]),
            LandMode::Squash => self.merged(&at, one, style, &[&at]),
            LandMode::Rebase => self.rebased(&at, one, style),
            LandMode::FfOnly => self.forwarded(&at, one, style),
        }
    }

    fn stand_for(&self, commit: &str, tip: &str) -> Result<(), LandError> {
        let pair = crate::model::landing::Squashed { commit: commit.to_owned(), tip: tip.to_owned() };
        self.workshop.know_squashed(&[pair])
    }

    fn merged(&self, onto: &str, one: &Work, style: &Style, parents: &[&str]) -> Result<Put, LandError> {
        let merged = self.workshop.merge(onto, &one.tip, None)?;
        if !merged.clean {
            return Ok(Put::Back(self.conflict(onto, one, &style.target, &merged)?));
        }
        let message = self.message(one, style, onto)?;
        let new = NewCommit { tree: &merged.tree, parents, message: &message, at: style.at, author: None };
        Ok(Put::On(self.write_commit(&new)?, Vec::new()))
    }

    fn forwarded(&self, onto: &str, one: &Work, style: &Style) -> Result<Put, LandError> {
        if self.workshop.contains(&one.tip, onto)? {
            return Ok(Put::On(one.tip.clone(), Vec::new()));
        }
        let reason = format!("it lacks commits of {}, so {0} cannot be moved forward to it", style.target);
        Ok(Put::Back(back(one, "stale", reason, Vec::new())))
    }

    /// Puts the branch's own commits on top, one by one, with their authors.
    fn rebased(&self, onto: &str, one: &Work, style: &Style) -> Result<Put, LandError> {
        let range = format!("{onto}..{}", one.tip);
        let words = ["rev-list", "--reverse", "--topo-order", "--no-merges", &range];
        let list = self.workshop.git().args(words).text()?;
        let mut at = onto.to_owned();
        for commit in list.lines() {
            let merged = self.workshop.merge(&at, commit, Some(&format!("{commit}^")))?;
            if !merged.clean {
                return Ok(Put::Back(self.conflict(onto, one, &style.target, &merged)?));
            }
            if merged.tree == self.workshop.tree(&at)? {
                continue;
            }
            let text =
                self.workshop.git().args(["log", "-1", "--format=%an%x00%ae%x00%aI%x00%B", commit]).text()?;
            let mut words = text.splitn(4, '\0');
            let mut word = || words.next().unwrap_or_default();
            let author = [word(), word(), word()];
            let message = word();
            let new = NewCommit {
                tree: &merged.tree,
                parents: &[&at],
                message,
                at: style.at,
                author: Some(author),
            };
            at = self.write_commit(&new)?;
        }
        Ok(Put::On(at, Vec::new()))
    }

    /// Makes a commit in the workshop, with the identity, encoding and signature of the user's
    /// repository.
    pub(super) fn write_commit(&self, new: &NewCommit<'_>) -> Result<String, LandError> {
        let date = format!("@{} +0000", new.at.as_second());
        let mut git = self.workshop.host_git().for_user().env("GIT_COMMITTER_DATE", &date);
        match new.author {
            Some([name, address, when]) => {
                for (key, value) in [("NAME", name), ("EMAIL", address), ("DATE", when)] {
                    git = git.env(format!("GIT_AUTHOR_{key}"), value);
                }
            }
            None => git = git.env("GIT_AUTHOR_DATE", &date),
        }
        git = git.args(["commit-tree", new.tree]);
        for parent in new.parents {
            git = git.args(["-p", parent]);
        }
        let host = self.workshop.host();
        let sign = host.git().args(["config", "--type=bool", "--get", "commit.gpgSign"]).optional()?;
        if sign.as_deref() == Some("true") {
            git = git.arg("-S");
        }
        Ok(git.stdin(new.message).text()?)
    }

    /// The message of the commit that brings a branch.
    fn message(&self, one: &Work, style: &Style, onto: &str) -> Result<String, LandError> {
        let name = match &one.session {
            Some(session) => session.to_string(),
            None => format!("branch {}", one.branch),
        };
        let subject = match (&one.items[..], &one.titles[..]) {
            _ if one.subject.is_some() => one.subject.clone().unwrap_or_default(),
            ([item], [title]) => format!("Land {name}: {item} {title}"),
            ([], _) => format!("Land {name}"),
            (items, _) => format!("Land {name}: {} items", items.len()),
        };
        let mut text = subject.replace(['\n', '\r'], " ");
        text.push_str("\n\n");
        if one.items.len() > 1 {
            for (item, title) in one.items.iter().zip(&one.titles) {
                text.push_str(&format!("- {item} {title}\n"));
            }
            text.push('\n');
        }
        text.push_str(&format!("Coord-Landing: {}\nCoord-Merges: {}\n", style.landing, one.tip));
        for item in &one.items {
            text.push_str(&format!("Coord-Item: {item}\n"));
        }
        if style.mode == LandMode::Squash {
            text.push_str(&self.leases(onto, &one.tip)?);
        }
        Ok(text)
    }

    /// The trailers of the leases under which the squashed commits were made, for the guard.
    fn leases(&self, onto: &str, tip: &str) -> Result<String, LandError> {
        let keys = ["Coord-Session", "Coord-Lease"].map(|key| format!("%(trailers:key={key},unfold)"));
        let format = format!("--format=tformat:{}", keys.concat());
        let text = self.workshop.git().args(["log", &format, &format!("{onto}..{tip}"), "--"]).text()?;
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        lines.sort_unstable();
        lines.dedup();
        // The last session counts, and there is one.
        let sessions = lines.iter().filter(|line| line.starts_with("Coord-Session")).count();
        if sessions > 1 {
            return Ok(String::new());
        }
        lines.sort_by_key(|line| !line.starts_with("Coord-Session"));
        Ok(lines.iter().map(|line| format!("{line}\n")).collect())
    }

    /// The hand-back of a branch that conflicts, with who has changed these files on the target.
    fn conflict(
        &self,
        onto: &str,
        one: &Work,
        target: &str,
        merged: &Merged,
    ) -> Result<HandedBack, LandError> {
        let mut reasons = Vec::new();
        for (file, kind) in merged.conflicts.iter().take(3) {
            let format = "--format=%(trailers:key=Coord-Session,valueonly,unfold)%x00%an";
            let native = crate::model::RepoPath::parse(file).map(|path| path.to_native()).unwrap_or_default();
            let git = self.workshop.git().args(["log", "-1", "--no-merges", format]);
            let text =
                git.arg(format!("{}..{onto}", one.tip)).arg("--").arg(native).text().unwrap_or_default();
            let (session, author) = text.split_once('\0').unwrap_or_default();
            let who = if session.trim().is_empty() { author } else { session.trim() };
            let who = if who.is_empty() { String::new() } else { format!(", changed there by {who}") };
            let kind = if kind.is_empty() { "conflict" } else { kind };
            reasons.push(format!("{file} ({kind}{who})"));
        }
        let more = merged.conflicts.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let reason = format!("it conflicts with {target} in {}{more}", reasons.join(", "));
        Ok(back(one, "conflict", reason, merged.conflicts.keys().cloned().collect()))
    }
}

fn member(one: &Work, commit: String, resolved: Vec<Resolved>) -> Member {
    Member {
        session: one.session.clone(),
        branch: one.branch.clone(),
        tip: one.tip.clone(),
        commit,
        items: one.items.clone(),
        resolved,
    }
}

/// A branch that is handed back.
pub(super) fn back(one: &Work, rule: &str, reason: String, files: Vec<String>) -> HandedBack {
    HandedBack {
        session: one.session.clone(),
        branch: one.branch.clone(),
        rule: rule.to_owned(),
        reason,
        files,
        log: None,
    }
}
