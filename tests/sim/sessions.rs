//! What sessions want, and what they make of the answers. They behave as people and programs with
//! the command line do: they repeat what nobody knows, and go on with what they have lost.

use std::collections::BTreeMap;
use std::rc::Rc;

use git_coord::model::claim::Mode;
use git_coord::model::op::{ClaimPaths, Finish, RenewWhat, StartSession, TakeNext};
use git_coord::model::{ItemId, NewItem, Op, Outcome, QueueName, RepoPath, SessionName, session};

use super::clone::{Answer, Ms, Report};
use super::state::{Act, State};
use super::{Event, Invariant, Sim};

const PATHS: [&str; 10] =
    ["src", "src/a", "src/a/x", "src/b", "docs", "docs/one", "lib", "lib/c", "tests", "README"];

/// Items in the world, brought in by and by.
const ITEMS: u64 = 800;

/// How long a command waits for the writer before it.
const LOCK_PATIENCE: Ms = 60_000;

/// A session in its clone.
pub struct Session {
    pub name: SessionName,
    pub clone: usize,
    pub doing: Doing,
    /// Only the look with this number counts.
    token: u64,
    started: bool,
    /// What it thinks it holds.
    items: Vec<ItemId>,
    paths: Vec<RepoPath>,
    /// What it has to say again, because nobody knows whether it was done.
    repeat: Option<(Act, Rc<Op>)>,
    /// Until when each lease is safe, by its own reckoning.
    pub safe: BTreeMap<u64, Safe>,
}

/// What a session's process is at.
pub enum Doing {
    Thinking,
    /// In the write queue.
    Waiting {
        act: Act,
        op: Rc<Op>,
        ticket: u64,
        since: Ms,
        /// Until when being refused is not an answer.
        until: Option<Ms>,
        /// True when it was refused once.
        refused: bool,
    },
    /// With the lock.
    Writing,
}

#[derive(Clone, Copy)]
pub struct Safe {
    /// By the clock of its clone, which counts while the machine sleeps.
    pub until: Ms,
    /// How often the wall clock had been set forward then, and a little back.
    pub forward: u32,
    pub back: u32,
}

impl Session {
    pub fn new(number: usize, clone: usize) -> Self {
        Session {
            name: SessionName::parse(&format!("s{number}")).expect("a name"),
            clone,
            doing: Doing::Thinking,
            token: 0,
            started: false,
            items: Vec::new(),
            paths: Vec::new(),
            repeat: None,
            safe: BTreeMap::new(),
        }
    }

    /// Keeps in mind what an answer says about what it holds.
    pub fn learn(&mut self, op: &Op, outcome: &Outcome) {
        match (op, outcome) {
            (Op::StartSession(_), Outcome::Session { .. }) => self.started = true,
            (Op::EndSession { .. }, Outcome::Session { .. }) => {
                self.started = false;
                self.items.clear();
                self.paths.clear();
            }
            (_, Outcome::Claimed { claims }) => self.paths.extend(claims.iter().map(|c| c.path.clone())),
            (_, Outcome::Released { paths }) => self.paths.retain(|p| !paths.contains(p)),
            (_, Outcome::Taken { items, .. }) => self.items.extend(items.iter().map(|t| t.item.id.clone())),
            (_, Outcome::Finished { items, .. }) => {
                self.items.retain(|i| !items.iter().any(|(id, _)| id == i))
            }
            (_, Outcome::Refused { .. } | Outcome::Unknown { .. }) => self.started = false,
            _ => {}
        }
    }
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).expect("a path")
}

/// An item; what it touches and needs follows from its number.
fn item(number: u64) -> NewItem {
    let files: Vec<&str> = match number % 4 {
        0 => vec![PATHS[(number / 4 % 10) as usize]],
        1 => vec!["src/a/x", "lib/c"],
        _ => Vec::new(),
    };
    let needs: Vec<String> = if number % 9 == 8 { vec![format!("i{}", number - 1)] } else { Vec::new() };
    let value = serde_json::json!({
        "item": { "id": format!("i{number}"), "title": "an item", "files": files, "needs": needs },
        "queue": if number.is_multiple_of(2) { "even" } else { "odd" },
        "priority": number % 3,
    });
    serde_json::from_value(value).expect("an item")
}

impl Sim {
    /// A session's process will look around; earlier appointments are forgotten.
    pub fn wake(&mut self, session: usize, delay: Ms) {
        let token = self.number();
        self.sessions[session].token = token;
        self.schedule(delay, Event::Wake { session, token });
    }

    pub fn look_around(&mut self, session: usize, token: u64) {
        let at = &self.sessions[session];
        if at.token != token {
            return;
        }
        match &at.doing {
            Doing::Writing => {}
            Doing::Thinking if self.calm => {}
            Doing::Thinking => self.act(session),
            Doing::Waiting { .. } => self.wait(session),
        }
    }

    /// Looks whether the operation in the write queue was answered, or the lock is free.
    fn wait(&mut self, session: usize) {
        let Doing::Waiting { act, ref op, ticket, since, until, refused } = self.sessions[session].doing
        else {
            return;
        };
        let op = op.clone();
        let silent = self.config.mistake == Some(super::Mistake::GivesUpSilently);
        let clone = &mut self.clones[self.sessions[session].clone];
        let guest = clone.room.get(&ticket);
        if let Some(answer) = guest.and_then(|g| g.out.clone()) {
            clone.room.remove(&ticket);
            return self.report(session, act, &op, Report::Answer(answer));
        }
        if clone.turn.is_none() {
            self.sessions[session].doing = Doing::Writing;
            return self.begin(session, act, op, Some(ticket), until);
        }
        if refused || self.now < since + LOCK_PATIENCE {
            let left = (since + LOCK_PATIENCE).saturating_sub(self.now);
            return self.wake(session, left.max(3_000));
        }
        // Taken by the writer: nobody can say what will become of it.
        let prepared = guest.is_some_and(|g| g.pre.is_some());
        if !silent {
            clone.room.remove(&ticket);
        }
        let words = "the process before is still at work".to_owned();
        self.report(
            session,
            act,
            &op,
            if prepared { Report::Unknown(words) } else { Report::Unchanged(words) },
        );
    }

    /// Runs a command.
    fn act(&mut self, session: usize) {
        let op = match &self.sessions[session].repeat {
            Some((_, op)) => op.clone(),
            None => Rc::new(self.choose(session)),
        };
        let act = self.number();
        let clone = self.sessions[session].clone;
        self.note(|| format!("clone{clone}: operation {act}: {}", short(&op)));
        if let Op::Claim(claim) = &*op {
            // A session that asks for a shorter time may have it before the answer comes.
            let until = self.clones[clone].clock.elapsed(self.now) + claim.ttl * 985;
            self.sessions[session].safe.values_mut().for_each(|safe| safe.until = safe.until.min(until));
        }
        if self.take_prefetched(session, act, &op) {
            return self.think(session);
        }
        if matches!(&*op, Op::Record { .. }) {
            self.enter(clone, act, op, None, false);
            self.judge.deferred(act);
            return self.think(session);
        }
        let may_wait = matches!(&*op, Op::Claim(_) | Op::Next(_)) && self.dice.chance(250);
        let until = may_wait.then(|| self.now + self.dice.between(2_000, 60_000));
        if self.clones[clone].turn.is_none() {
            self.sessions[session].doing = Doing::Writing;
            return self.begin(session, act, op, None, until);
        }
        if matches!(&*op, Op::Import { .. }) {
            // Too large to be passed from hand to hand.
            return self.wake(session, 300);
        }
        let ticket = self.enter(clone, act, op.clone(), Some(session), until.is_some());
        let since = self.now;
        self.sessions[session].doing = Doing::Waiting { act, op, ticket, since, until, refused: false };
        self.wake(session, LOCK_PATIENCE);
    }

    fn think(&mut self, session: usize) {
        self.sessions[session].doing = Doing::Thinking;
        let time = if self.dice.chance(15) { self.dice.below(300_000) } else { self.dice.between(200, 8000) };
        self.wake(session, time);
    }

    /// The command ends and says what came of it.
    pub fn report(&mut self, session: usize, act: Act, op: &Rc<Op>, report: Report) {
        let before = self.sessions[session].repeat.take();
        match report {
            Report::Answer(answer) if answer.outcome.is_refusal() => {
                self.stats.refused += 1;
                self.note(|| format!("operation {act}: refused"));
                self.judge.refused(act);
                self.sessions[session].learn(op, &answer.outcome);
            }
            Report::Answer(answer) => {
                self.stats.granted += 1;
                self.note(|| {
                    format!("operation {act}: granted{}", if answer.changed { "" } else { ", nothing new" })
                });
                if answer.changed {
                    let finishes = matches!(&**op, Op::Finish { .. });
                    self.judge.granted(act, before.map(|(act, _)| act).filter(|_| finishes));
                    self.reckon(session, op, &answer);
                }
                self.sessions[session].learn(op, &answer.outcome);
            }
            Report::Unchanged(why) => {
                self.stats.unchanged += 1;
                self.note(|| format!("operation {act}: nothing was changed: {why}"));
                self.judge.refused(act);
            }
            Report::Unknown(why) => {
                self.stats.unknown += 1;
                self.note(|| format!("operation {act}: unknown: {why}"));
                self.sessions[session].repeat = Some((act, op.clone()));
            }
        }
        self.think(session);
    }

    /// How long a session may count on its leases after an operation that was granted: those that were
    /// renewed with it for their whole time, the others for half of it.
    fn reckon(&mut self, session: usize, op: &Op, answer: &Answer) {
        let renews = !matches!(op, Op::Import { .. } | Op::Record { .. } | Op::EndSession { .. } | Op::Sweep);
        let Some(state) = answer.state.as_ref().filter(|_| renews) else { return };
        let at = &mut self.sessions[session];
        let clock = &self.clones[at.clone].clock;
        let record = session::get(&state.view, &at.name).expect("memory can be read");
        let before = std::mem::take(&mut at.safe);
        for lease in record.into_iter().flat_map(|r| r.leases) {
            let renewed = lease.renewed == answer.wall;
            let seconds = if renewed { lease.ttl } else { lease.ttl / 2 };
            // Clocks differ by less than one in a hundred.
            let until = clock.elapsed(answer.at) + seconds * 985;
            let (forward, back) = (answer.forward, answer.back);
            let safe = match before.get(&lease.id) {
                // Whether more than half of it had passed was read from a clock that was set back.
                Some(old) if !renewed && old.back != back => *old,
                None if !renewed && back > 0 => continue,
                _ => Safe { until, forward, back },
            };
            at.safe.insert(lease.id, safe);
        }
    }

    /// Nobody may lose a lease that is safe by his own reckoning.
    pub fn check_expired(&mut self, state: &State) {
        for event in state.events.iter().filter(|e| e.event == git_coord::model::EventKind::Expired) {
            let of_pool = event.session.as_ref().is_some_and(|s| s.as_str().starts_with("prefetch-"));
            let ids = event.data.get("leases").and_then(|l| l.as_array()).into_iter().flatten();
            for lease in ids.filter_map(serde_json::Value::as_u64) {
                // A prefetched lease may have been handed out already.
                let holds = |s: &&Session| match of_pool {
                    true => s.safe.contains_key(&lease),
                    false => event.session.as_ref() == Some(&s.name),
                };
                let Some(at) = self.sessions.iter().find(holds) else { continue };
                let clock = &self.clones[at.clone].clock;
                let Some(safe) = at.safe.get(&lease) else { continue };
                // Within a clone the wall clock decides; who sets it forward ends leases there.
                let own_fault = state.by == at.clone && clock.forward != safe.forward;
                if clock.elapsed(self.now) < safe.until && !own_fault {
                    let left = safe.until - clock.elapsed(self.now);
                    let what = format!(
                        "clone{} has taken lease {lease} from {}, which was safe for {left} ms more",
                        state.by, at.name
                    );
                    self.judge.object(Invariant::LiveHolder, what);
                }
            }
        }
    }

    /// What a session wants next.
    fn choose(&mut self, number: usize) -> Op {
        let Sim { dice, sessions, config, .. } = self;
        let at = &sessions[number];
        let session = at.name.clone();
        if !at.started {
            return Op::StartSession(StartSession::new(session));
        }
        let ttl = dice.between(20, 120);
        match dice.below(100) {
            0..=1 => Op::EndSession { name: session },
            2..=3 => Op::Sweep,
            4..=8 => {
                let first = dice.below(ITEMS / 5) * 5;
                let items = (first..first + 5).map(item).collect();
                let session = dice.chance(500).then_some(session);
                Op::Import { session, items, queue: QueueName::parse("main").expect("a name") }
            }
            9..=13 => Op::Record {
                session: Some(session),
                event: git_coord::model::EventKind::Progress.into(),
                data: serde_json::Map::new(),
            },
            14..=23 => {
                let what = if dice.chance(500) { RenewWhat::All } else { RenewWhat::Due };
                Op::Renew { session, what, ttl: None }
            }
            24..=48 => {
                let paths = (0..dice.between(1, 2)).map(|_| path(dice.pick::<&str>(&PATHS))).collect();
                let mode = if dice.chance(250) { Mode::Shared } else { Mode::Exclusive };
                Op::Claim(ClaimPaths { session, paths, mode, ttl, reason: None, fresh: None })
            }
            49..=63 if !at.paths.is_empty() => {
                let one = dice.chance(800).then(|| vec![dice.pick(&at.paths).clone()]);
                Op::Release { session, paths: one }
            }
            64..=92 if !at.items.is_empty() => {
                let items = vec![dice.pick(&at.items).clone()];
                let how = match dice.below(6) {
                    0 => Finish::Drop,
                    1 => Finish::Fail { reason: "r".into(), last: false },
                    _ => Finish::Done,
                };
                Op::Finish { session, items, how, lease: None }
            }
            _ => Op::Next(TakeNext {
                session,
                queues: Vec::new(),
                count: dice.between(1, 2) as usize,
                // Prefetched items only go to sessions that want leases of the same length.
                ttl: if config.pool > 0 && dice.chance(900) { 60 } else { ttl },
                filter: Default::default(),
                choice: Default::default(),
            }),
        }
    }

    /// Runs a command that only brings the clone up to date.
    pub fn sync(&mut self, clone: usize) {
        let session = clone * self.config.sessions;
        let act = self.number();
        self.sessions[session].doing = Doing::Writing;
        self.begin(session, act, Rc::new(Op::Sweep), None, None);
    }
}

/// An operation in a few words.
fn short(op: &Op) -> String {
    match op {
        Op::StartSession(start) => format!("start {}", start.name),
        Op::EndSession { name } => format!("end {name}"),
        Op::Claim(c) => {
            let paths: Vec<_> = c.paths.iter().map(ToString::to_string).collect();
            format!("{} claims {} ({:?}, {} s)", c.session, paths.join(" "), c.mode, c.ttl)
        }
        Op::Release { session, paths } => match paths.as_deref() {
            Some([path, ..]) => format!("{session} releases {path}"),
            _ => format!("{session} releases all"),
        },
        Op::Next(next) => format!("{} takes {} ({} s)", next.session, next.count, next.ttl),
        Op::Finish { session, items, how, .. } => format!("{session} {} {}", how.event(), items[0]),
        Op::Renew { session, what, .. } => format!("{session} renews {what:?}"),
        Op::Import { items, .. } => format!("import from {}", items[0].item.id),
        other => format!("{other:?}").chars().take(30).collect(),
    }
}
