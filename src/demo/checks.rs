//! The proof: claims about what happened, each computed from the [`Observations`] alone.
//!
//! Nothing that a worker said goes in. A claim that does not hold names what contradicts it.

use std::collections::{BTreeMap, BTreeSet};

use super::observations::{Commit, Edit, Entry, Merged, Observations};

/// One claim, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed.
    pub claim: String,
    /// What contradicts it; empty when it holds.
    pub against: Vec<String>,
}

impl Claim {
    /// True when nothing contradicts it.
    pub fn holds(&self) -> bool {
        self.against.is_empty()
    }
}

/// Draws up all claims. `killed` is the item in the hands of the worker that was killed.
pub fn check(observed: &Observations, killed: Option<&str>) -> Vec<Claim> {
    let (grants, overlaps) = replay(observed);
    let claim = |claim: String, against: Vec<String>| Claim { claim, against };
    let (items, commits) = (count(observed.items.len(), "item"), count(observed.commits.len(), "commit"));
    let mut claims = vec![
        claim(format!("{items}: each finished exactly once"), finished_once(observed)),
        claim(
            format!("{}: each fixed exactly once, by one commit", count(observed.wanted.len(), "line")),
            fixed_once(observed),
        ),
        claim(
            format!("{commits}: each edits only what its session held then"),
            commits_covered(observed, &grants),
        ),
        claim("no two sessions ever held the same file at a time".into(), overlaps),
        claim("the refused edit is in no commit".into(), observed.trespasses.clone()),
        claim(
            format!("{} merged: no conflict, every line fixed", count(observed.sessions.len(), "branch")),
            merged_whole(observed),
        ),
        claim("no branch or tag was touched but those of the sessions".into(), refs_kept(observed)),
    ];
    if let Some(item) = killed {
        // Alone, nobody takes over: a new worker of the session goes on under its lease.
        let (how, events): (_, &[&str]) = match observed.sessions.len() {
            1 => ("taken up again", &["next", "done"]),
            _ => ("taken over", &["next", "expired", "next", "done"]),
        };
        let against = came_back(observed, item, events);
        claims.insert(1, claim(format!("the killed worker's item was {how} and finished"), against));
    }
    if let Some(findings) = &observed.doctor {
        claims.push(claim("git coord doctor finds nothing".into(), findings.clone()));
    }
    claims
}

fn count(n: usize, one: &str) -> String {
    match (n, one) {
        (1, _) => format!("1 {one}"),
        (_, "branch") => format!("{n} branches"),
        _ => format!("{n} {one}s"),
    }
}

/// Every item is done, and the log has one `done` of it.
fn finished_once(observed: &Observations) -> Vec<String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in observed.log.iter().filter(|e| e.event == "done") {
        for item in &entry.items {
            *times.entry(item).or_default() += 1;
        }
    }
    let mut against = Vec::new();
    if observed.items.len() != observed.wanted.len() {
        let (got, wanted) = (observed.items.len(), observed.wanted.len());
        against.push(format!("the queue has {got} items for {wanted} findings"));
    }
    for item in &observed.items {
        let n = times.remove(item.id.as_str()).unwrap_or(0);
        if item.state != "done" || n != 1 {
            against.push(format!("item {} is {}, finished {n} times", item.id, item.state));
        }
    }
    against.extend(times.keys().map(|id| format!("item {id} was finished and is in no queue")));
    against
}

/// These things happened to the item, in this order.
fn came_back(observed: &Observations, item: &str, expected: &[&str]) -> Vec<String> {
    let about = |e: &&Entry| e.items.iter().any(|i| i == item);
    let events: Vec<&str> = observed.log.iter().filter(about).map(|e| e.event.as_str()).collect();
    let mut rest = events.iter();
    if expected.iter().all(|word| rest.any(|e| e == word)) {
        return Vec::new();
    }
    vec![format!("the log says of item {item}: {}", events.join(", "))]
}

/// The lines that commits have changed are those that were to be fixed, each by one commit.
fn fixed_once(observed: &Observations) -> Vec<String> {
    let mut times: BTreeMap<&Edit, Vec<&Commit>> = observed.wanted.iter().map(|e| (e, Vec::new())).collect();
    let mut against = Vec::new();
    for commit in &observed.commits {
        against.extend(commit.other.iter().map(|what| format!("{} changes {what}", short(&commit.id))));
        for edit in &commit.edits {
            match times.get_mut(edit) {
                Some(list) => list.push(commit),
                None => against.push(format!(
                    "{} changes {}:{}, which was not to be fixed",
                    short(&commit.id),
                    edit.file,
                    edit.line
                )),
            }
        }
    }
    for (edit, commits) in times.iter().filter(|(_, commits)| commits.len() != 1) {
        let by: Vec<String> = commits.iter().map(|c| format!("{} on {}", short(&c.id), c.branch)).collect();
        let by = if by.is_empty() { "nobody".to_owned() } else { by.join(" and ") };
        against.push(format!("{}:{} was fixed by {by}", edit.file, edit.line));
    }
    against
}

/// A lease, as the log shows it.
#[derive(Debug, Default)]
struct Grant {
    session: String,
    items: Vec<String>,
    paths: Vec<String>,
    /// Positions in the log between which it was held.
    from: usize,
    to: Option<usize>,
}

/// Plays the log: who held what, from when to when, and what overlapped.
fn replay(observed: &Observations) -> (BTreeMap<u64, Grant>, Vec<String>) {
    let files: BTreeMap<&str, &Vec<String>> =
        observed.items.iter().map(|i| (i.id.as_str(), &i.files)).collect();
    let mut grants: BTreeMap<u64, Grant> = BTreeMap::new();
    let mut open: BTreeSet<u64> = BTreeSet::new();
    let mut overlaps = Vec::new();
    for (at, entry) in observed.log.iter().enumerate() {
        let mut new: Vec<(u64, Grant)> = Vec::new();
        match entry.event.as_str() {
            "next" => new.extend(entry.leases.iter().zip(&entry.items).map(|(lease, item)| {
                let paths = files.get(item.as_str()).map(|f| (*f).clone()).unwrap_or_default();
                (*lease, grant(entry, vec![item.clone()], paths, at))
            })),
            "claim" => new.push((entry.lease, grant(entry, Vec::new(), entry.paths.clone(), at))),
            _ => close(&mut grants, &mut open, entry, at),
        }
        for (lease, grant) in new {
            for other in open.iter().filter_map(|l| grants.get(l)).filter(|o| o.session != grant.session) {
                let same = |p: &&String| other.paths.iter().any(|q| overlap(p, q));
                overlaps.extend(grant.paths.iter().filter(same).map(|path| {
                    format!("{path} was given to {} while {} held it", grant.session, other.session)
                }));
            }
            open.insert(lease);
            grants.insert(lease, grant);
        }
    }
    (grants, overlaps)
}

fn grant(entry: &Entry, items: Vec<String>, paths: Vec<String>, from: usize) -> Grant {
    Grant { session: entry.session.clone(), items, paths, from, to: None }
}

/// Ends the leases that an entry ends.
fn close(grants: &mut BTreeMap<u64, Grant>, open: &mut BTreeSet<u64>, entry: &Entry, at: usize) {
    let all = entry.event == "session end";
    if !all && !["done", "fail", "drop", "expired", "release"].contains(&entry.event.as_str()) {
        return;
    }
    open.retain(|lease| {
        let Some(grant) = grants.get_mut(lease).filter(|g| g.session == entry.session) else { return true };
        let ends =
            |words: &[String], by: &[String]| !words.is_empty() && words.iter().all(|w| by.contains(w));
        if all || ends(&grant.items, &entry.items) || ends(&grant.paths, &entry.paths) {
            grant.to = Some(at);
            return false;
        }
        true
    });
}

/// True when two paths are the same or one is a folder above the other.
fn overlap(a: &str, b: &str) -> bool {
    covers(a, b) || covers(b, a)
}

fn covers(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Each commit is in the log while the leases that it names were held by its session, and
/// they cover every path that it touches.
fn commits_covered(observed: &Observations, grants: &BTreeMap<u64, Grant>) -> Vec<String> {
    let mut logged: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, entry) in observed.log.iter().enumerate().filter(|(_, e)| e.event == "commit") {
        logged.insert(&entry.commit, at);
    }
    let mut against = Vec::new();
    for commit in &observed.commits {
        let id = short(&commit.id);
        if commit.session != commit.branch {
            against.push(format!("{id} on {} names session {:?}", commit.branch, commit.session));
        }
        let Some(at) = logged.get(commit.id.as_str()) else {
            against.push(format!("{id} is not in the log"));
            continue;
        };
        let held: Vec<&Grant> = commit
            .leases
            .iter()
            .filter_map(|lease| grants.get(lease))
            .filter(|g| g.session == commit.session && g.from < *at && g.to.is_some_and(|to| *at < to))
            .collect();
        let touched: BTreeSet<&str> = commit.edits.iter().map(|e| e.file.as_str()).collect();
        for path in touched {
            if !held.iter().any(|g| g.paths.iter().any(|p| covers(p, path))) {
                against.push(format!("{id} edits {path}, which {} did not hold then", commit.session));
            }
        }
        for item in &commit.items {
            if !held.iter().any(|g| g.items.contains(item)) {
                against.push(format!("{id} names item {item}, which {} did not hold then", commit.session));
            }
        }
    }
    against
}

/// All branches together are the start with every line fixed, and nothing else.
fn merged_whole(observed: &Observations) -> Vec<String> {
    match &observed.merged {
        Merged::Conflict(branch) => vec![format!("{branch} conflicts with the branches before it")],
        Merged::Clean(edits, other) => {
            let (got, wanted): (BTreeSet<&Edit>, BTreeSet<&Edit>) =
                (edits.iter().collect(), observed.wanted.iter().collect());
            let mut against = other.clone();
            let differ = got.symmetric_difference(&wanted);
            against.extend(differ.map(|e| format!("{}:{} is not as it should be", e.file, e.line)));
            against
        }
    }
}

/// Every ref from before is where it was; new ones belong to the sessions.
fn refs_kept(observed: &Observations) -> Vec<String> {
    let lost = observed.refs_before.iter().filter(|r| !observed.refs_after.contains(r));
    let mut against: Vec<String> = lost.map(|r| format!("{r} was moved or removed")).collect();
    for entry in observed.refs_after.iter().filter(|r| !observed.refs_before.contains(r)) {
        let name = entry.split_once(' ').map_or(entry.as_str(), |(_, name)| name);
        let prefixes = ["refs/heads/", "refs/remotes/origin/", "refs/notes/coord/"];
        let own = prefixes.iter().any(|prefix| {
            name.strip_prefix(prefix).is_some_and(|rest| observed.sessions.iter().any(|s| s == rest))
        });
        if !own {
            against.push(format!("{entry} is new"));
        }
    }
    against
}

/// The beginning of a commit's id.
fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}
