//! What counters amount to: rates, the estimated end, shares. All from counters, none by reading
//! items.

use jiff::Timestamp;

use crate::model::records::counters::{self, Named, Names, QueueStats, Tally};
use crate::model::records::queue::{self, Counts, Queue};
use crate::model::records::session::{Session, later};

/// Shortest time over which a rate is taken, in seconds: the first item of all would otherwise
/// promise thousands an hour.
const SHORTEST: i64 = 60;

/// Counters of some items, to be added up and turned into figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Number of items in each state.
    pub counts: Counts,
    /// Failed attempts; `None` where they were not counted.
    pub fails: Option<u64>,
    /// Items finished in the last hour: when each span began, in seconds since 1970, and how many.
    pub lately: Vec<(i64, u64)>,
    /// From when on these tell what was finished, in seconds since 1970: a span that is only partly
    /// in the hour is left out. An hour in which little was finished is as long as any other.
    pub since: i64,
    /// When work on them began.
    pub begun: Option<Timestamp>,
    /// When one was finished last.
    pub last: Option<Timestamp>,
}

impl Default for Measure {
    fn default() -> Self {
        Measure {
            counts: Counts::default(),
            fails: Some(0),
            lately: Vec::new(),
            since: i64::MIN,
            begun: None,
            last: None,
        }
    }
}

impl Measure {
    /// The counters of a queue.
    pub fn of_queue(queue: &Queue, now: Timestamp) -> Self {
        let first = counters::first_span(now, queue::SPAN);
        Measure {
            counts: queue.counts,
            fails: queue.stats.as_ref().map(|s| s.fails),
            lately: queue.lately.range(first..).map(|(span, n)| (span * queue::SPAN, *n)).collect(),
            since: first * queue::SPAN,
            begun: queue.stats.as_ref().and_then(|s| s.begun),
            last: queue.stats.as_ref().and_then(|s| s.last),
        }
    }

    /// The counters of a category or phase of a queue.
    fn of_name(named: &Named, stats: &QueueStats, now: Timestamp) -> Self {
        Measure {
            counts: named.tally.counts,
            fails: Some(named.tally.fails),
            lately: named.pace.spans(now).collect(),
            since: counters::first_span(now, counters::SPAN) * counters::SPAN,
            begun: stats.begun,
            last: stats.last,
        }
    }

    /// Adds the counters of other items.
    pub fn add(&mut self, other: &Measure) {
        self.counts += other.counts;
        self.fails = self.fails.zip(other.fails).map(|(own, others)| own + others);
        self.lately.extend(&other.lately);
        self.since = self.since.max(other.since);
        self.begun = self.begun.into_iter().chain(other.begun).min();
        self.last = self.last.into_iter().chain(other.last).max();
    }

    /// Items finished per hour, over the last hour or since the first one if that is shorter;
    /// `None` when none was finished in it.
    pub fn per_hour(&self, now: Timestamp) -> Option<f64> {
        per_hour(&self.lately, self.since, self.begun, now)
    }

    /// Items finished per hour since work on them began, until now or until all was finished.
    pub fn since_start(&self, now: Timestamp) -> Option<f64> {
        let end = if self.counts.left() == 0 { self.last } else { None };
        over(self.counts.done, self.begun?, end, now)
    }

    /// When everything will be finished at the rate of the last hour; `None` also when all that is
    /// left waits, and nothing is being done that it could wait for.
    pub fn eta(&self, now: Timestamp) -> Option<Timestamp> {
        let goes_on = self.counts.pending + self.counts.claimed > 0;
        let rate = self.per_hour(now).filter(|_| goes_on)?;
        Some(later(now, (self.counts.left() as f64 / rate * 3600.0) as u64))
    }

    /// Attempts that ended well, of all that ended; `None` when none has.
    pub fn success(&self) -> Option<f64> {
        share(self.counts.done, self.fails?)
    }
}

fn per_hour(lately: &[(i64, u64)], since: i64, begun: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    let done: u64 = lately.iter().map(|(_, n)| n).sum();
    let oldest = lately.iter().map(|(at, _)| *at).min()?;
    // Records of older versions do not tell when work began.
    let from = begun.map_or(oldest, |begun| begun.as_second().max(since));
    let seconds = now.as_second().saturating_sub(from).clamp(SHORTEST, 3600);
    (done > 0).then(|| done as f64 * 3600.0 / seconds as f64)
}

/// Items an hour between two times; `end` is `None` while it goes on.
fn over(done: u64, begun: Timestamp, end: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    let seconds = end.unwrap_or(now).duration_since(begun).as_secs_f64().max(SHORTEST as f64);
    (done > 0).then(|| done as f64 * 3600.0 / seconds)
}

/// `part` of `part` and `rest`; `None` when there is neither.
pub fn share(part: u64, rest: u64) -> Option<f64> {
    (part + rest > 0).then(|| part as f64 / (part + rest) as f64)
}

/// Items finished per hour by a session in the last hour.
pub fn session_per_hour<P>(session: &Session<P>, now: Timestamp) -> Option<f64> {
    let since = counters::first_span(now, counters::SPAN) * counters::SPAN;
    per_hour(&session.stats.pace.spans(now).collect::<Vec<_>>(), since, session.stats.first, now)
}

/// Items finished per hour by a session since it was first given something; until its last act
/// when it holds nothing.
pub fn session_since_start<P>(session: &Session<P>, now: Timestamp) -> Option<f64> {
    let end = if session.leases.is_empty() { session.stats.last } else { None };
    over(session.done, session.stats.first?, end, now)
}

/// What items are counted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// A name of their own.
    Name(String),
    /// One of the names that are counted together, because there are too many.
    Others,
    /// None.
    Nothing,
}

/// The counters by category or phase over several queues, in the order in which the names came.
/// Empty when no item has one. Queues of which these are not known are left out.
pub fn by_name(
    queues: &[Queue],
    pick: impl Fn(&QueueStats) -> &Names,
    now: Timestamp,
) -> Vec<(Group, Measure)> {
    let mut list: Vec<(Group, Measure)> = Vec::new();
    let mut others = Measure::default();
    let mut nothing = Measure::default();
    for queue in queues {
        let Some(stats) = &queue.stats else { continue };
        let names = pick(stats);
        let mut named = Tally::default();
        for entry in names.list.iter().chain(names.other.as_deref()) {
            named += entry.tally;
        }
        for entry in &names.list {
            let measure = Measure::of_name(entry, stats, now);
            let group = Group::Name(entry.name.clone());
            match list.iter_mut().find(|(known, _)| *known == group) {
                Some((_, sum)) => sum.add(&measure),
                None => list.push((group, measure)),
            }
        }
        if let Some(entry) = &names.other {
            others.add(&Measure::of_name(entry, stats, now));
        }
        nothing.add(&rest(queue, stats, &named));
    }
    for (group, measure) in [(Group::Others, others), (Group::Nothing, nothing)] {
        if measure.counts.total() > 0 && (group == Group::Others || !list.is_empty()) {
            list.push((group, measure));
        }
    }
    list
}

/// What of a queue is under no name.
fn rest(queue: &Queue, stats: &QueueStats, named: &Tally) -> Measure {
    let mut counts = queue.counts;
    for state in crate::model::records::ItemState::ALL {
        let sum = *named.counts.clone().of(state);
        let count = counts.of(state);
        *count = count.saturating_sub(sum);
    }
    let fails = Some(stats.fails.saturating_sub(named.fails));
    Measure { counts, fails, ..Measure::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::base::QueueName;
    use crate::model::records::ItemState;
    use crate::model::records::counters::{Kind, Pace, Step};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("in range")
    }

    fn measure(done: u64, pending: u64, lately: &[(i64, u64)]) -> Measure {
        let counts = Counts { done, pending, ..Counts::default() };
        let lately = lately.iter().map(|(s, n)| (at(*s).as_second(), *n)).collect();
        Measure { counts, lately, begun: Some(at(0)), ..Measure::default() }
    }

    #[test]
    fn the_rate_is_that_of_the_last_hour_and_the_end_follows_from_it() {
        let m = measure(50, 100, &[(0, 20), (900, 30)]);
        assert_eq!(m.per_hour(at(1800)), Some(100.0));
        assert_eq!(m.eta(at(1800)), Some(at(1800 + 3600)));
        assert_eq!(m.since_start(at(7200)), Some(25.0));
        assert_eq!(measure(0, 5, &[]).per_hour(at(10)), None);
        // Begun within a span: the time before counts for nothing.
        let m = Measure { begun: Some(at(500)), ..measure(10, 0, &[(0, 10)]) };
        assert_eq!(m.per_hour(at(600)), Some(360.0));
        // One item in the first second is not 3,600 an hour.
        assert_eq!(measure(1, 9, &[(0, 1)]).per_hour(at(1)), Some(60.0));
    }

    #[test]
    fn an_hour_counts_as_a_whole_also_when_little_was_finished_in_it() {
        let mut queue = Queue::new(QueueName::parse("q").expect("valid"), at(0));
        let stats = queue.stats.as_mut().expect("a new queue has them");
        let record = serde_json::json!({ "name": "s", "token": "", "state": "active", "started": at(0) });
        let mut session: Session = serde_json::from_value(record).expect("a session");
        (stats.begun, session.stats.first) = (Some(at(0)), Some(at(0)));
        let kind = Kind::new(Some("slow"), None);
        for second in [3600, 6900] {
            let to = ItemState::Done;
            stats.count(&kind, &Step { from: None, to, fails: 0, done_at: Some(at(second)) });
            session.stats.pace.note(at(second));
            *queue.lately.entry(at(second).as_second() / queue::SPAN).or_default() += 1;
        }
        for now in 7210..7260 {
            let now = at(now);
            let rates = [
                Measure::of_queue(&queue, now).per_hour(now),
                by_name(std::slice::from_ref(&queue), |s| &s.categories, now)[0].1.per_hour(now),
                session_per_hour(&session, now),
            ];
            // One item, in the 50 minutes at least that whole spans tell of.
            for rate in rates.map(|rate| rate.expect("one was finished")) {
                assert!((1.0..=1.2).contains(&rate), "{rates:?}");
            }
        }
    }

    #[test]
    fn what_is_finished_is_not_diluted_by_the_time_after_it() {
        let m = Measure { last: Some(at(1800)), ..measure(50, 0, &[]) };
        assert_eq!(m.since_start(at(1_000_000)), Some(100.0));
        assert_eq!(m.eta(at(1_000_000)), None);
    }

    #[test]
    fn the_pace_forgets_what_is_older_than_an_hour() {
        let mut pace = Pace::default();
        for second in [0, 1, 1100, 4000, 4100] {
            pace.note(at(second));
        }
        let sum = |now| pace.spans(at(now)).map(|(_, n)| n).sum::<u64>();
        assert_eq!(sum(4100), 3, "the first two are more than an hour old");
        assert_eq!(sum(8000), 0);
        pace.note(at(3000));
        assert_eq!(pace.spans(at(4100)).map(|(_, n)| n).sum::<u64>(), 4, "a clock put back loses nothing");
        pace.note(at(90_000));
        assert_eq!(pace.spans(at(90_000)).map(|(_, n)| n).sum::<u64>(), 1);
    }

    #[test]
    fn names_beyond_the_room_are_counted_together_and_stay_there() {
        let mut queue = Queue::new(QueueName::parse("q").expect("valid"), at(0));
        let stats = queue.stats.as_mut().expect("a new queue has them");
        let kind = |n: usize| Kind::new(Some(&format!("category-{n:04}")), None);
        for n in 0..500 {
            stats.count(&kind(n), &Step { from: None, to: ItemState::Pending, fails: 0, done_at: None });
        }
        let own = stats.categories.list.len();
        assert!((40..100).contains(&own), "{own} names have an entry");
        assert!(crate::model::base::to_json(&stats).len() < 8192, "a delta has room for it");
        for n in [0, 499] {
            let (from, to) = (Some(ItemState::Pending), ItemState::Done);
            stats.count(&kind(n), &Step { from, to, fails: 1, done_at: Some(at(5)) });
        }
        queue.counts = Counts { pending: 498 + 7, done: 2, ..Counts::default() };
        let list = by_name(&[queue], |s| &s.categories, at(10));
        let (group, first) = &list[0];
        assert_eq!((group, first.counts.done), (&Group::Name("category-0000".into()), 1));
        let [.., (Group::Others, others), (Group::Nothing, nothing)] = &list[..] else {
            panic!("the last rows are {:?}", list.last())
        };
        assert_eq!((others.counts.total(), others.counts.done), (500 - own as u64, 1));
        assert_eq!(others.success(), Some(0.5));
        assert_eq!((nothing.counts.total(), nothing.counts.pending), (7, 7));
    }
}
