//! Which items a session may take.

use serde::Deserialize;

use crate::model::base::{ItemId, RepoPath, SessionName, View, ViewError};
use crate::model::ops::choice::{Choice, ChosenBecause, NotTaken};
use crate::model::ops::filter::Filter;
use crate::model::records::Item;
use crate::model::records::area::Areas;
use crate::model::records::claim::{self, Claim, Holder};
use crate::model::records::queue::Slot;
use crate::model::records::session::Session;
use crate::model::records::shard::Shard;

/// What may be taken.
pub(super) struct Eligibility<'a> {
    pub session: &'a Session,
    /// Whose claims are not in the way; `None`: all are.
    pub holder: Option<&'a SessionName>,
    pub choice: &'a Choice,
    pub filter: &'a Filter,
    /// The session's own areas; none while it helps others.
    pub own: &'a Areas,
    /// The areas of this call.
    pub asked: &'a Areas,
    pub help: bool,
}

/// The part of an item that decides whether it may be taken.
#[derive(Deserialize)]
pub(super) struct Facts {
    pub(super) id: ItemId,
    #[serde(default)]
    pub(super) category: Option<String>,
    #[serde(default)]
    pub(super) rule: Option<String>,
    #[serde(default)]
    pub(super) files: Vec<RepoPath>,
    #[serde(default)]
    pub(super) run: Option<String>,
}

impl Facts {
    pub(super) fn of(item: &Item) -> Self {
        Facts {
            id: item.id.clone(),
            category: item.category.clone(),
            rule: item.rule.clone(),
            files: item.files.clone(),
            run: item.run.clone(),
        }
    }
}

impl Eligibility<'_> {
    /// The holds of a claim that are in the way.
    pub(super) fn against<'a>(&'a self, claim: &'a Claim) -> impl Iterator<Item = &'a Holder> {
        let mine = |session: &SessionName| self.holder == Some(session);
        claim.holders.iter().filter(move |h| !mine(&h.session))
    }

    /// The claims that overlap one of the files and are in the way.
    pub(super) fn in_the_way(&self, view: &dyn View, files: &[RepoPath]) -> Result<Vec<Claim>, ViewError> {
        for file in files {
            let mut found = claim::overlapping(view, file)?;
            let landed_only = self.choice.fresh.as_ref().is_some_and(|f| f.until_landed);
            let waits =
                |claim: &Claim| landed_only && claim.unlanded.iter().any(|u| u.session != self.session.name);
            found.retain(|claim| self.against(claim).next().is_some() || waits(claim));
            if !found.is_empty() {
                // One file that is held is enough.
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Why an item is not for this session, whoever holds what.
    pub(super) fn reject(&self, facts: &Facts) -> Option<NotTaken> {
        let one_of = |list: &[String], word: &Option<String>| {
            list.is_empty() || word.as_ref().is_some_and(|w| list.contains(w))
        };
        let kind = one_of(&self.choice.categories, &facts.category)
            && one_of(&self.choice.rules, &facts.rule)
            && (!self.filter.run || facts.run.is_some())
            && !self.filter.except.contains(&facts.id)
            && self.asked.admits(&facts.files);
        if !kind {
            return Some(NotTaken::OtherKind);
        }
        let other = |shard: Shard| !shard.has_files(&facts.files, &facts.id);
        if self.filter.shard.is_some_and(other) {
            return Some(NotTaken::OtherShard);
        }
        if self.help {
            return None;
        }
        if !self.own.admits(&facts.files) {
            return Some(NotTaken::OutsideArea);
        }
        self.session.shard.is_some_and(other).then_some(NotTaken::OtherShard)
    }
}

/// An item to be taken.
pub(super) struct Found {
    pub slot: Slot,
    pub item: Item,
    pub priority: u32,
    pub because: ChosenBecause,
}
