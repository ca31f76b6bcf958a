//! Shares: an even split of the files over several sessions.
//!
//! Which of N shares an item belongs to follows from its first file alone, or from its id when it
//! has none: nothing is stored, items that are added later fall into place, and two items that
//! begin with the same file are in the same share. Of all shares the one with the highest weight
//! wins (rendezvous hashing), so a share that is added takes its part evenly from all others, and
//! nothing moves between those.
//!
//! When the split is made anew over fewer, a share that is left over stands beyond it (`3/2`): no
//! item belongs to it. A record has another form of it, see `stored`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, RepoPath};
use crate::model::records::Item;

/// Most shares that a split may have.
const MOST: u32 = 1000;

/// One of several shares, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share {
    number: u32,
    of: u32,
}

/// Why a text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no share: write 2/5 for the second of five, at most {MOST}")]
pub struct ShareError(String);

impl Share {
    /// All shares of a split over `of` sessions.
    pub fn all(of: u32) -> impl Iterator<Item = Share> {
        (1..=of).map(move |number| Share { number, of })
    }

    /// The share as it is when the split is over so many only.
    pub fn beyond(self, of: u32) -> Share {
        Share { number: self.number, of }
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

    /// True when an item belongs to this share.
    pub fn has(self, item: &Item) -> bool {
        self.has_files(&item.files, &item.id)
    }

    /// True when an item with these files and this id belongs to this share.
    pub fn has_files(self, files: &[RepoPath], id: &ItemId) -> bool {
        number_of(files, id, self.of) == self.number
    }
}

/// The number of the share that an item belongs to, from 1 to `of`.
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

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Share {
    type Err = ShareError;
    fn from_str(text: &str) -> Result<Self, ShareError> {
        Share::try_from(text.to_owned())
            .and_then(|share| if share.is_gone() { Err(ShareError(text.to_owned())) } else { Ok(share) })
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
}

impl TryFrom<String> for Share {
    type Error = ShareError;
    fn try_from(text: String) -> Result<Self, ShareError> {
        let parts = text.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=MOST).contains(&number) && (1..=MOST).contains(&of) => {
                Ok(Share { number, of })
            }
            _ => Err(ShareError(text)),
        }
    }
}

/// A share in a session's record. One beyond its split has two fields there: versions that know no such
/// share would take it for damage, and so they find one that the split might have.
pub(crate) mod stored {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Share;

    #[derive(Serialize, Deserialize)]
    struct Fields {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<Share>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split_over: Option<u32>,
    }

    pub(crate) fn serialize<S: Serializer>(share: &Option<Share>, to: S) -> Result<S::Ok, S::Error> {
        let split_over = share.filter(|share| share.is_gone()).map(Share::of);
        let share = share.map(|share| Share { of: share.of.max(share.number), ..share });
        Fields { share, split_over }.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Share>, D::Error> {
        let Fields { share, split_over } = Fields::deserialize(from)?;
        Ok(share.map(|share| split_over.map_or(share, |of| share.beyond(of))))
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
        assert_eq!("2/5".parse::<Share>().map(|s| s.to_string()), Ok("2/5".into()));
        for bad in ["0/5", "6/5", "5", "a/b", "1/0", "1/1001", "-1/2"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
        // Nobody asks for a share beyond the split, but a record may have one.
        let gone: Share = serde_json::from_value("3/2".into()).expect("readable");
        assert_eq!((gone.is_gone(), gone), (true, "3/3".parse::<Share>().expect("valid").beyond(2)));
        assert!((0..100).all(|n| !gone.has(&item(&format!("i{n}"), None))));
    }

    #[test]
    fn a_record_has_no_share_that_older_versions_cannot_read() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Record {
            #[serde(flatten, with = "stored")]
            share: Option<Share>,
        }
        let share = |text: &str| Some(text.parse::<Share>().expect("valid"));
        let gone = share("3/5").map(|share| share.beyond(2));
        for (share, fields) in [
            (None, serde_json::json!({})),
            (share("3/5"), serde_json::json!({ "share": "3/5" })),
            (gone, serde_json::json!({ "share": "3/3", "split_over": 2 })),
        ] {
            let record = Record { share };
            assert_eq!(serde_json::to_value(&record).expect("JSON"), fields);
            assert_eq!(serde_json::from_value::<Record>(fields).expect("readable"), record);
        }
    }
}
