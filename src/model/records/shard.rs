//! Shards: an even split of the files over several sessions.
//!
//! Which of N shards an item belongs to follows from its first file alone, or from its id when it
//! has none: nothing is stored, items that are added later fall into place, and two items that
//! begin with the same file are in the same shard. Of all shards the one with the highest weight
//! wins (rendezvous hashing), so a shard that is added takes its part evenly from all others, and
//! nothing moves between those.
//!
//! When the split is made anew over fewer, a shard that is left over stands beyond it (`3/2`): no
//! item belongs to it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, RepoPath};
use crate::model::records::Item;

/// Most shards that a split may have.
const MOST: u32 = 1000;

/// One of several shards, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: u32,
    of: u32,
}

/// Why a text is no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no shard: write 2/5 for the second of five, at most {MOST}")]
pub struct ShardError(String);

impl Shard {
    /// All shards of a split over `of` sessions.
    pub fn all(of: u32) -> impl Iterator<Item = Shard> {
        (1..=of).map(move |number| Shard { number, of })
    }

    /// The shard as it is when the split is over so many only.
    pub fn beyond(self, of: u32) -> Shard {
        Shard { number: self.number, of }
    }

    /// True when it stands beyond its split, so that no item belongs to it.
    pub fn is_gone(self) -> bool {
        self.number > self.of
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Of how many it is one.
    pub fn of(self) -> u32 {
        self.of
    }

    /// True when an item belongs to this shard.
    pub fn has(self, item: &Item) -> bool {
        self.has_files(&item.files, &item.id)
    }

    /// True when an item with these files and this id belongs to this shard.
    pub fn has_files(self, files: &[RepoPath], id: &ItemId) -> bool {
        number_of(files, id, self.of) == self.number
    }
}

/// The number of the shard that an item belongs to, from 1 to `of`.
pub fn number_of(files: &[RepoPath], id: &ItemId, of: u32) -> u32 {
    let key = files.first().map_or_else(|| id.as_str(), |file| file.as_str());
    let key = fnv(key);
    (1..=of).max_by_key(|n| mix(key ^ mix(u64::from(*n)))).unwrap_or(1)
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The finalizer of splitmix64: every bit of the result depends on every bit of `x`.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = ShardError;
    fn from_str(text: &str) -> Result<Self, ShardError> {
        Shard::try_from(text.to_owned())
            .and_then(|shard| if shard.is_gone() { Err(ShardError(text.to_owned())) } else { Ok(shard) })
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = ShardError;
    fn try_from(text: String) -> Result<Self, ShardError> {
        let parts = text.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=MOST).contains(&number) && (1..=MOST).contains(&of) => {
                Ok(Shard { number, of })
            }
            _ => Err(ShardError(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, file: Option<&str>) -> Item {
        let files: Vec<&str> = file.into_iter().collect();
        serde_json::from_value(serde_json::json!({ "id": id, "title": "t", "files": files })).expect("valid")
    }

    fn number(item: &Item, of: u32) -> u32 {
        number_of(&item.files, &item.id, of)
    }

    #[test]
    fn items_on_one_file_are_in_one_share() {
        for n in 0..50 {
            let file = format!("src/{n}.rs");
            let [a, b] = ["a", "b"].map(|id| number(&item(id, Some(&file)), 5));
            assert_eq!(a, b, "{file}");
        }
    }

    #[test]
    fn shares_are_even_and_a_new_one_takes_only_what_it_gets() {
        let items: Vec<Item> = (0..5000).map(|n| item(&format!("i{n}"), Some(&format!("f{n}")))).collect();
        let mut counts = [0; 6];
        for item in &items {
            counts[number(item, 5) as usize] += 1;
            let (before, after) = (number(item, 5), number(item, 6));
            assert!(after == before || after == 6, "{} moved from {before} to {after}", item.id);
        }
        assert!(counts[1..].iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn the_hash_never_changes() {
        // Sessions of several versions share one store.
        let numbers: Vec<u32> = (0..12).map(|n| number(&item(&format!("i{n}"), None), 5)).collect();
        assert_eq!(numbers, [1, 2, 5, 2, 5, 5, 1, 4, 4, 1, 5, 4]);
    }

    #[test]
    fn a_share_is_written_as_a_fraction() {
        assert_eq!("2/5".parse::<Shard>().map(|s| s.to_string()), Ok("2/5".into()));
        for bad in ["0/5", "6/5", "5", "a/b", "1/0", "1/1001", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
        // Nobody asks for a shard beyond the split, but a record may have one.
        let gone: Shard = serde_json::from_value("3/2".into()).expect("readable");
        assert_eq!((gone.is_gone(), gone), (true, "3/3".parse::<Shard>().expect("valid").beyond(2)));
        assert!((0..100).all(|n| !gone.has(&item(&format!("i{n}"), None))));
    }
}
