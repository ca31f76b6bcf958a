//! `landed`: which finished work is in a commit.
//!
//! In this order: the record of a landing, the commits that name the item (in the history, or standing
//! for something in it), and for those outside their patches. What was rolled back is not in, even where
//! its commits are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::model::landing;
use crate::model::{ItemId, ItemState, SessionName, item_index, queue, session};

use super::LandError;
use super::integrator::Integrator;
use super::target;

/// Where an item stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The item.
    pub id: ItemId,
    /// The session that has finished it.
    pub session: Option<SessionName>,
    /// The landing that has brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landing: Option<String>,
    /// The commit that has brought it, or names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why it is not in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The commit.
    pub rev: String,
    /// Finished items that are in it.
    pub landed: Vec<Standing>,
    /// Finished items, or those that were asked for, that are not.
    pub not_landed: Vec<Standing>,
}

/// The landing and commit that brought an item, or why it is not in.
type Recorded = Result<(String, String), String>;

/// What git says of the items that commits name.
#[derive(Default)]
struct Named {
    /// In the history: one of the commits.
    inside: HashMap<ItemId, String>,
    /// On a session's branch only, with a change that the history does not have.
    outside: HashMap<ItemId, String>,
}

impl Integrator<'_> {
    /// Looks up which finished items are in `rev`, by default the target; `items`: only these.
    ///
    /// # Errors
    /// When there is no such commit or item, or git or the store fails.
    pub fn landed(&self, rev: Option<&str>, items: &[ItemId]) -> Result<Answer, LandError> {
        let rev = self.revision(rev)?;
        let named = self.named(&rev)?;
        let (landings, finished) = self.store.read(|view| {
            let mut finished: BTreeMap<ItemId, (ItemState, Option<SessionName>)> = BTreeMap::new();
            let landings = landing::all(view)?;
            let of_landings = landings.iter().flat_map(|l| &l.landed).flat_map(|m| &m.items);
            let all: BTreeSet<&ItemId> =
                of_landings.chain(named.inside.keys()).chain(named.outside.keys()).chain(items).collect();
            for item in all {
                if let Some(slot) = item_index::find(view, item)? {
                    let (state, meta, _) = queue::placement(view, &slot)?;
                    finished.insert(item.clone(), (state, meta.by));
                }
            }
            Ok((landings, finished))
        })?;
        if let Some(unknown) = items.iter().find(|item| !finished.contains_key(item)) {
            return Err(LandError::Unknown {
                message: format!("there is no item {unknown}"),
                hint: "list items with: git coord queue list".into(),
            });
        }
        let mut answer = Answer { rev: rev.clone(), landed: Vec::new(), not_landed: Vec::new() };
        let by_record = self.by_record(&rev, &landings)?;
        for (id, (state, by)) in finished {
            if !items.is_empty() && !items.contains(&id) || items.is_empty() && state != ItemState::Done {
                continue;
            }
            let standing = Standing { session: by, landing: None, commit: None, reason: None, id };
            judge(standing, state, &by_record, &named, &mut answer);
        }
        Ok(answer)
    }

    /// The commit that is meant.
    fn revision(&self, rev: Option<&str>) -> Result<String, LandError> {
        let host = self.workshop.host();
        let name = match rev {
            Some(rev) => rev.to_owned(),
            None => {
                let remote = self.remote.as_deref();
                let branch = target::branch(&self.workshop, None, self.target.as_deref(), remote)?;
                self.look(&branch)?.tip
            }
        };
        if let Some(found) = self.workshop.commit(&name)? {
            return Ok(found);
        }
        let word = format!("{name}^{{commit}}");
        let found = host.git().args(["rev-parse", "--verify", "-q", "--end-of-options", &word]).optional()?;
        found.ok_or_else(|| LandError::Unknown {
            message: format!("there is no commit {name:?}"),
            hint: "name a branch, a tag or a commit".into(),
        })
    }

    /// What the records say: the landing and commit that brought an item, or that it was taken off.
    fn by_record(
        &self,
        rev: &str,
        landings: &[landing::Landing],
    ) -> Result<HashMap<ItemId, Recorded>, LandError> {
        let mut known = HashMap::new();
        for one in landings {
            for member in &one.landed {
                let is_in = self.workshop.commit(&member.commit)?.is_some()
                    && self.workshop.contains(rev, &member.commit)?;
                for item in &member.items {
                    let here = Ok((one.id.clone(), member.commit.clone()));
                    match &one.undone {
                        Some(_) => {
                            known.insert(item.clone(), Err(format!("landing {} was rolled back", one.id)))
                        }
                        None if is_in => known.insert(item.clone(), here),
                        None => continue,
                    };
                }
            }
        }
        Ok(known)
    }

    /// Items that commits name, in the history of `rev` and on the branches of sessions.
    fn named(&self, rev: &str) -> Result<Named, LandError> {
        let mut named = Named { inside: self.trailers(&[rev.to_owned()])?, ..Named::default() };
        for record in self.store.read(|view| session::all(view))?.iter().filter(|s| !s.prefetch) {
            let Some(branch) = record.branch.as_ref().map(|name| format!("refs/heads/{name}")) else {
                continue;
            };
            let host = self.workshop.host();
            let tip = host.git().args(["rev-parse", "--verify", "-q", &branch]).optional()?;
            let Some(tip) = tip.filter(|tip| tip != rev) else { continue };
            let outside = self.trailers(&[tip.clone(), format!("^{rev}")])?;
            if outside.is_empty() {
                continue;
            }
            // `-`: the same change is in the history, cherry-picked for one.
            let cherry = self.workshop.git().args(["cherry", rev, &tip]).text()?;
            let same: BTreeSet<&str> = cherry.lines().filter_map(|line| line.strip_prefix("- ")).collect();
            for (item, commit) in outside {
                if same.contains(commit.as_str()) {
                    named.inside.entry(item).or_insert(commit);
                } else {
                    named.outside.insert(item, commit);
                }
            }
        }
        Ok(named)
    }

    /// The newest commit of a range that names each item.
    fn trailers(&self, range: &[String]) -> Result<HashMap<ItemId, String>, LandError> {
        let format = "--format=tformat:%H%x00%(trailers:key=Coord-Item,valueonly,unfold,separator=%x1f)";
        let git = self.workshop.git().args(["log", "--fixed-strings", "--grep=Coord-Item:", format]);
        let text = git.args(range).arg("--").text()?;
        let mut found = HashMap::new();
        for (commit, items) in text.lines().filter_map(|line| line.split_once('\0')) {
            for item in items.split('\u{1f}').filter_map(|item| ItemId::parse(item.trim()).ok()) {
                found.entry(item).or_insert_with(|| commit.to_owned());
            }
        }
        Ok(found)
    }
}

/// Puts one item where it belongs.
fn judge(
    mut standing: Standing,
    state: ItemState,
    by_record: &HashMap<ItemId, Recorded>,
    named: &Named,
    answer: &mut Answer,
) {
    let id = &standing.id;
    let outside = named.outside.get(id);
    let reason = match (by_record.get(id), outside, named.inside.get(id)) {
        _ if state != ItemState::Done => format!("it is {state}"),
        (Some(Ok((landing, commit))), None, _) => {
            standing.landing = Some(landing.clone());
            standing.commit = Some(commit.clone());
            answer.landed.push(standing);
            return;
        }
        (Some(Err(why)), ..) => why.clone(),
        (_, Some(commit), _) => {
            standing.commit = Some(commit.clone());
            "its commit is on its session's branch only".to_owned()
        }
        (None, None, Some(commit)) => {
            standing.commit = Some(commit.clone());
            answer.landed.push(standing);
            return;
        }
        (None, None, None) => "no commit names it".to_owned(),
    };
    standing.reason = Some(reason);
    answer.not_landed.push(standing);
}
