//! The part of a branch that is finished: the commits that the target lacks, and the last of them
//! whose whole history is done.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{ItemId, ItemState, View, ViewError, item_index, queue};

use super::LandError;
use super::integrator::Integrator;

/// A commit that the target lacks.
pub(super) struct Commit {
    /// Its id.
    pub id: String,
    /// Its parents.
    pub parents: Vec<String>,
    /// When it was committed, in seconds.
    pub time: i64,
    /// The items that it names.
    pub items: Vec<ItemId>,
}

impl Integrator<'_> {
    /// The commits that the target lacks, parents first.
    pub(super) fn commits(&self, target: &str, tip: &str) -> Result<Vec<Commit>, LandError> {
        let format =
            "--format=tformat:%H%x00%P%x00%ct%x00%(trailers:key=Coord-Item,valueonly,unfold,separator=%x1f)";
        let range = format!("{target}..{tip}");
        let text =
            self.workshop.git().args(["log", "--topo-order", "--reverse", format, &range, "--"]).text()?;
        let read = |line: &str| {
            let mut words = line.split('\0');
            Some(Commit {
                id: words.next()?.to_owned(),
                parents: words.next()?.split_whitespace().map(str::to_owned).collect(),
                time: words.next()?.parse().ok()?,
                items: words
                    .next()?
                    .split('\u{1f}')
                    .filter_map(|item| ItemId::parse(item.trim()).ok())
                    .collect(),
            })
        };
        Ok(text.lines().filter_map(read).collect())
    }
}

/// The items that these commits name and that are not done.
pub(super) fn unfinished(view: &dyn View, commits: &[Commit]) -> Result<BTreeSet<ItemId>, ViewError> {
    let named: BTreeSet<&ItemId> = commits.iter().flat_map(|commit| &commit.items).collect();
    let mut open = BTreeSet::new();
    for item in named {
        // An item that is not known here is of another store: nobody will finish it here.
        let Some(slot) = item_index::find(view, item)? else { continue };
        if queue::placement(view, &slot)?.0 != ItemState::Done {
            open.insert(item.clone());
        }
    }
    Ok(open)
}

/// The items that are known, with their titles.
pub(super) fn titles(view: &dyn View, items: &[ItemId]) -> Result<Vec<(ItemId, String)>, ViewError> {
    let mut list = Vec::new();
    for item in items {
        if let Some(slot) = item_index::find(view, item)? {
            list.push((item.clone(), queue::item(view, &slot)?.title));
        }
    }
    Ok(list)
}

/// The newest commit on the way of first parents down from `tip` whose whole history is finished, and
/// which is the last of one of `until`, if any are named.
pub(super) fn finished<'c>(
    commits: &'c [Commit],
    open: &BTreeSet<ItemId>,
    tip: &str,
    until: &BTreeSet<ItemId>,
) -> Option<&'c Commit> {
    let mut tainted: HashSet<&str> = HashSet::new();
    let by_id: BTreeMap<&str, &Commit> = commits.iter().map(|c| (c.id.as_str(), c)).collect();
    for commit in commits {
        let bad_parent = commit.parents.iter().any(|p| tainted.contains(p.as_str()));
        if bad_parent || commit.items.iter().any(|item| open.contains(item)) {
            tainted.insert(&commit.id);
        }
    }
    let mut at = by_id.get(tip).copied();
    while let Some(commit) = at {
        let wanted = until.is_empty() || commit.items.iter().any(|item| until.contains(item));
        if wanted && !tainted.contains(commit.id.as_str()) {
            return Some(commit);
        }
        at = commit.parents.first().and_then(|parent| by_id.get(parent.as_str()).copied());
    }
    None
}

/// The commits that `last` brings with it.
pub(super) fn reachable<'c>(commits: &'c [Commit], last: &'c Commit) -> Vec<&'c Commit> {
    let mut wanted: HashSet<&str> = HashSet::from([last.id.as_str()]);
    for commit in commits.iter().rev() {
        if wanted.contains(commit.id.as_str()) {
            wanted.extend(commit.parents.iter().map(String::as_str));
        }
    }
    commits.iter().filter(|commit| wanted.contains(commit.id.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(id: &str, parents: &[&str], items: &[&str]) -> Commit {
        Commit {
            id: id.into(),
            parents: parents.iter().map(|p| (*p).to_owned()).collect(),
            time: 0,
            items: items.iter().map(|i| ItemId::parse(i).expect("valid")).collect(),
        }
    }

    fn ids(list: &[&str]) -> BTreeSet<ItemId> {
        list.iter().map(|i| ItemId::parse(i).expect("valid")).collect()
    }

    #[test]
    fn what_follows_unfinished_work_waits_with_it() {
        let list = [commit("1", &["0"], &["a"]), commit("2", &["1"], &["b"]), commit("3", &["2"], &["c"])];
        let last = |open: &[&str], until: &[&str]| {
            finished(&list, &ids(open), "3", &ids(until)).map(|c| c.id.as_str())
        };
        assert_eq!(last(&[], &[]), Some("3"));
        assert_eq!(last(&["b"], &[]), Some("1"));
        assert_eq!(last(&["a"], &[]), None);
        assert_eq!(last(&[], &["b"]), Some("2"));
        assert_eq!(last(&["a"], &["b"]), None);
    }

    #[test]
    fn unfinished_work_that_was_merged_in_counts() {
        // 3 merges another branch with an unfinished commit into this one.
        let list = [
            commit("1", &["0"], &["a"]),
            commit("x", &["0"], &["theirs"]),
            commit("3", &["1", "x"], &[]),
            commit("4", &["3"], &["b"]),
        ];
        let last = finished(&list, &ids(&["theirs"]), "4", &ids(&[])).map(|c| c.id.as_str());
        assert_eq!(last, Some("1"));
        let all = finished(&list, &ids(&[]), "4", &ids(&[])).expect("all is finished");
        assert_eq!(reachable(&list, all).len(), 4);
        assert_eq!(reachable(&list, &list[0]).len(), 1);
    }
}
