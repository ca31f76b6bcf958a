//! Which of the free items a session wants.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Item, ItemId};

/// What [`super::op::TakeNext`] passes over. The default takes everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    /// Only items that carry a command.
    #[serde(default)]
    pub run: bool,
    /// Only the items of one share.
    #[serde(default)]
    pub share: Option<Share>,
}

impl Filter {
    /// False when the item of this line is surely not wanted. Looking at the text costs a tenth
    /// of reading it, and a backlog of findings may hold few items with a command.
    pub fn may_want(&self, line: &[u8]) -> bool {
        const KEY: &[u8] = b"\"run\":";
        !self.run || line.windows(KEY.len()).any(|w| w == KEY)
    }

    /// True when the item is wanted.
    pub fn wants(&self, item: &Item) -> bool {
        (!self.run || item.run.is_some()) && self.share.is_none_or(|s| s.contains(&item.id))
    }
}

/// One of `of` equal shares of all items, by their ids: the same everywhere and at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which, from 1.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    /// Reads `K/N`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no share: write 1/4 for the first of four");
        let (part, of) = text.split_once('/').ok_or_else(wrong)?;
        let share = Share { part: part.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
        if (1..=share.of).contains(&share.part) { Ok(share) } else { Err(wrong()) }
    }

    /// True when the item belongs to this share.
    pub fn contains(self, id: &ItemId) -> bool {
        let digest = Sha256::digest(id.as_str().as_bytes());
        let number = digest.iter().take(8).fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
        number % u64::from(self.of.max(1)) + 1 == u64::from(self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_in_exactly_one_share() {
        let mut sizes = [0; 3];
        for n in 0..300 {
            let id = ItemId::parse(&format!("T{n:03}")).unwrap();
            let parts: Vec<u32> = (1..=3).filter(|part| Share { part: *part, of: 3 }.contains(&id)).collect();
            assert_eq!(parts.len(), 1, "{id} is in the shares {parts:?}");
            sizes[parts[0] as usize - 1] += 1;
        }
        assert!(sizes.iter().all(|n| (60..=140).contains(n)), "the shares are about equal: {sizes:?}");
    }

    #[test]
    fn shares_are_counted_from_one() {
        assert_eq!(Share::parse("2/4"), Ok(Share { part: 2, of: 4 }));
        for bad in ["", "1", "0/4", "5/4", "0/0", "a/b", "1/2/3", "-1/2"] {
            assert!(Share::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_is_passed_over_only_when_its_item_has_no_command() {
        let filter = Filter { run: true, share: None };
        assert!(filter.may_want(br#"{"id":"a","title":"t","run":"make"}"#));
        assert!(!filter.may_want(br#"{"id":"a","title":"run it"}"#));
        assert!(Filter::default().may_want(br#"{"id":"a"}"#));
    }
}
