//! Needs as people write them, turned into the ids that are stored.
//!
//! - `T007-T012` stands for all ids with this prefix and width from the first to the last;
//! - `previous` stands for the item of the same group that was imported last before it;
//! - an item that really has such an id wins.

use crate::model::base::ItemId;

/// Most ids that one range may stand for: a slip of the pen should not block a backlog.
pub const RANGE_MAX: u64 = 10_000;

/// The need that stands for the item before, in the same group.
pub const PREVIOUS: &str = "previous";

/// True when a need does not name an item, but stands for some, unless an item has that id.
pub fn is_special(need: &ItemId) -> bool {
    need.as_str() == PREVIOUS || Range::parse(need).is_some()
}

/// Ids with one prefix and one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    prefix: String,
    width: usize,
    first: u64,
    last: u64,
}

impl Range {
    /// Reads `T007-T012`; `None` when the text has another form. Both ends have the same prefix
    /// and as many digits, so the dash stands in the middle, whatever else the prefix holds.
    pub fn parse(need: &ItemId) -> Option<Self> {
        let text = need.as_str();
        let middle = text.len() / 2;
        if text.len().is_multiple_of(2) || text.as_bytes()[middle] != b'-' {
            return None;
        }
        let (from, to) = (&text[..middle], &text[middle + 1..]);
        let prefix = from.trim_end_matches(|c: char| c.is_ascii_digit());
        let (from, to) = (&from[prefix.len()..], to.strip_prefix(prefix)?);
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(from) || !digits(to) {
            return None;
        }
        let (first, last) = (from.parse().ok()?, to.parse().ok()?);
        let range = Range { prefix: prefix.to_owned(), width: from.len(), first, last };
        (first <= last).then_some(range)
    }

    /// Number of ids.
    pub fn count(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = ItemId> {
        let name = |n| format!("{}{n:0width$}", self.prefix, width = self.width);
        (self.first..=self.last).filter_map(move |n| ItemId::parse(&name(n)).ok())
    }
}

/// Needs for people: consecutive ids as ranges.
pub fn shown(needs: &[ItemId]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut at = 0;
    while at < needs.len() {
        let mut end = at;
        let range = |end: usize| {
            let word = ItemId::parse(&format!("{}-{}", needs[at], needs[end])).ok()?;
            Range::parse(&word).filter(|r| r.count() == (end - at + 1) as u64)
        };
        while end + 1 < needs.len() && range(end + 1).is_some() {
            end += 1;
        }
        // Two are as long as a range.
        if end > at + 1 {
            words.push(format!("{}-{}", needs[at], needs[end]));
        } else {
            words.extend(needs[at..=end].iter().map(ToString::to_string));
        }
        at = end + 1;
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ItemId {
        ItemId::parse(text).expect("valid")
    }

    fn ids(text: &str) -> Option<Vec<String>> {
        Range::parse(&id(text)).map(|r| r.ids().map(|i| i.to_string()).collect())
    }

    #[test]
    fn a_range_has_one_prefix_and_one_width() {
        assert_eq!(ids("T009-T011"), Some(vec!["T009".into(), "T010".into(), "T011".into()]));
        assert_eq!(ids("ws-1-ws-2"), Some(vec!["ws-1".into(), "ws-2".into()]));
        assert_eq!(ids("T5-T5"), Some(vec!["T5".into()]));
        for other in ["T9-T11", "T1-U2", "T2-T1", "Ta-Tb", "T001", "a-b", "-"] {
            let Ok(need) = ItemId::parse(other) else { continue };
            assert_eq!(Range::parse(&need), None, "{other}");
        }
        let long = Range::parse(&id("T000000001-T999999999")).expect("a range");
        assert_eq!(long.count(), 999_999_999);
    }

    #[test]
    fn people_see_ranges_again() {
        let list: Vec<ItemId> = ["T1", "T2", "T3", "x", "T8", "T9"].map(id).into();
        assert_eq!(shown(&list), "T1-T3, x, T8, T9");
        assert_eq!(shown(&[]), "");
    }
}
