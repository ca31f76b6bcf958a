//! What the branches have that the target lacks, and what that changes.

use std::collections::{HashMap, HashSet};

use crate::git::Git;
use crate::land::LandError;
use crate::land::workshop::Workshop;

use super::batch::Quarantine;
use super::filter::Touched;

/// One branch against the target.
#[derive(Debug, Clone, Default)]
pub struct Ahead {
    /// The commits that the target lacks.
    pub commits: HashSet<String>,
    /// Its merge base with the target; `None` when there are several, or none.
    pub base: Option<String>,
    /// What it changes since `base`.
    pub touched: Option<Touched>,
}

/// Looks at each of `tips` against `target`, with a fixed number of git processes, and one more for
/// each branch that has taken over the target since it began.
///
/// # Errors
/// When git fails.
pub fn ahead(
    (workshop, quarantine): (&Workshop, &Quarantine),
    target: &str,
    tips: &[String],
) -> Result<HashMap<String, Ahead>, LandError> {
    let git = || quarantine.git(workshop);
    let parents = parents(git(), target, tips)?;
    let mut found = HashMap::new();
    for tip in tips {
        let (commits, boundary) = reach(&parents, tip);
        let base = match &boundary[..] {
            [] => None,
            [one] => Some(one.clone()),
            many => independent(git(), many)?,
        };
        found.insert(tip.clone(), Ahead { commits, base, touched: None });
    }
    let wanted: Vec<(String, String)> = found
        .iter()
        .filter_map(|(tip, ahead)| Some((tip.clone(), ahead.base.clone()?)))
        .chain(found.values().filter_map(|ahead| Some((target.to_owned(), ahead.base.clone()?))))
        .collect();
    for ((tip, base), touched) in differences(git(), &wanted)? {
        if let Some(ahead) = found.get_mut(&tip).filter(|ahead| ahead.base.as_ref() == Some(&base)) {
            ahead.touched = Some(touched);
        }
    }
    Ok(found)
}

/// Commits that the target lacks, with their parents.
fn parents(git: Git, target: &str, tips: &[String]) -> Result<HashMap<String, Vec<String>>, LandError> {
    let revisions: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
    let git = git.args(["rev-list", "--parents", "--stdin"]);
    let text = git.stdin(format!("{revisions}^{target}\n")).text()?;
    let read = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        Some((words.next()?, words.collect()))
    };
    Ok(text.lines().filter_map(read).collect())
}

/// The commits below `tip` that the target lacks, and those that they begin at.
fn reach(parents: &HashMap<String, Vec<String>>, tip: &str) -> (HashSet<String>, Vec<String>) {
    let (mut commits, mut boundary, mut todo) = (HashSet::new(), Vec::new(), vec![tip.to_owned()]);
    while let Some(commit) = todo.pop() {
        let Some(list) = parents.get(&commit) else {
            if !boundary.contains(&commit) {
                boundary.push(commit);
            }
            continue;
        };
        if commits.insert(commit) {
            todo.extend(list.iter().cloned());
        }
    }
    boundary.sort_unstable();
    (commits, boundary)
}

/// The one of these commits that has all others in its history.
fn independent(git: Git, many: &[String]) -> Result<Option<String>, LandError> {
    let text = git.args(["merge-base", "--independent"]).args(many).text()?;
    let mut lines = text.lines();
    Ok(lines.next().filter(|_| lines.next().is_none()).map(str::to_owned))
}

type Difference = ((String, String), Touched);

/// What changes from each base to its tip, in one process.
fn differences(git: Git, pairs: &[(String, String)]) -> Result<Vec<Difference>, LandError> {
    let mut unique = pairs.to_vec();
    unique.sort_unstable();
    unique.dedup();
    // `<commit> <commit>` is compared with what the line names as the first one's parents.
    let input: String = unique.iter().map(|(tip, base)| format!("{tip} {base}\n")).collect();
    let words = ["diff-tree", "--stdin", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", "--always"];
    let out = git.args(words).stdin(input).run()?;
    let mut touched: HashMap<String, Touched> = HashMap::new();
    let mut at = String::new();
    let mut list: Vec<Difference> = Vec::new();
    let mut pairs = unique.into_iter();
    let mut words = out.split(|b| *b == 0);
    while let Some(word) = words.next() {
        if let Some(entry) = word.strip_prefix(b":") {
            let (Some(status), Some(path)) = (entry.last(), words.next()) else { break };
            let now = touched.entry(at.clone()).or_default();
            let set = match status {
                b'A' => &mut now.added,
                b'D' => &mut now.removed,
                _ => &mut now.changed,
            };
            set.insert(path.to_vec());
        } else if !word.is_empty() {
            // The commit's id, once for each line of input.
            close(&mut list, &mut touched, &at, &mut pairs);
            at = String::from_utf8_lossy(word).trim().to_owned();
        }
    }
    close(&mut list, &mut touched, &at, &mut pairs);
    Ok(list)
}

/// Ends the answer of one pair.
fn close(
    list: &mut Vec<Difference>,
    touched: &mut HashMap<String, Touched>,
    at: &str,
    pairs: &mut impl Iterator<Item = (String, String)>,
) {
    if !at.is_empty()
        && let Some(pair) = pairs.next()
    {
        list.push((pair, touched.remove(at).unwrap_or_default()));
    }
}
