//! Immutable states and the register that holds the present one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use git_coord::model::event::Event;
use git_coord::model::view::View;
use git_coord::model::{MemView, Op, Txn, header};

use git_coord::store::cut::Cut;

/// The id of a state: of its content and its parent, as a commit's is.
pub type Id = u64;

/// An id as text, as long as a commit's.
pub fn text(id: Id) -> String {
    format!("{id:016x}")
}

/// The number of an operation of one process. A repeated command is another operation.
pub type Act = u64;

/// One version of the state, with what the simulator knows of how it came to be.
pub struct State {
    pub id: Id,
    pub parent: Id,
    pub view: MemView,
    pub generation: u64,
    pub nonce: String,
    /// Operations that were granted and changed something.
    pub acts: Vec<(Act, Rc<Op>)>,
    pub events: Vec<Event>,
    /// Keys that differ from the parent.
    pub changed: Vec<String>,
    /// The clone that made it.
    pub by: usize,
    /// Nobody sees what was before it.
    pub cut: Option<Rc<Cut>>,
    content: u64,
}

fn digest(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|e| serde_json::Value::Object(e.to_value()).to_string()).collect()
}

impl State {
    /// A store without sessions and items.
    pub fn first() -> Rc<Self> {
        let empty = MemView::default();
        let mut txn = Txn::new(&empty);
        txn.put_json(header::KEY, &header::StateHeader::new("simulated".into()));
        let root = State {
            id: 0,
            parent: 0,
            view: MemView::default(),
            generation: 0,
            nonce: String::new(),
            acts: Vec::new(),
            events: Vec::new(),
            changed: Vec::new(),
            by: 0,
            cut: None,
            content: 0,
        };
        root.child(txn, Vec::new(), 0)
    }

    /// The state that a transaction makes of this one.
    pub fn child(&self, txn: Txn<'_>, acts: Vec<(Act, Rc<Op>)>, by: usize) -> Rc<Self> {
        Rc::new(self.next(txn, acts, by))
    }

    /// The same, but as the beginning of a history.
    pub fn cut(&self, txn: Txn<'_>, by: usize, cut: Cut) -> Rc<Self> {
        Rc::new(State { cut: Some(Rc::new(cut)), ..self.next(txn, Vec::new(), by) })
    }

    /// The events, one line each.
    pub fn lines(&self) -> Vec<String> {
        lines(&self.events)
    }

    fn next(&self, txn: Txn<'_>, acts: Vec<(Act, Rc<Op>)>, by: usize) -> Self {
        let (changes, events) = txn.finish();
        let mut content = self.content;
        for (key, value) in &changes {
            // The digest of a tree is that of its entries, in no order: it can be kept up to date.
            if let Some(old) = self.view.blob(key).expect("memory can be read") {
                content ^= digest((key, &*old));
            }
            if let Some(new) = value {
                content ^= digest((key, &**new));
            }
        }
        let lines = lines(&events);
        let changed = changes.keys().cloned().collect();
        let mut view = self.view.clone();
        view.commit(changes);
        let head = header::read(&view).expect("a state has a head");
        State {
            id: digest((self.id, content, lines)),
            parent: self.id,
            view,
            generation: head.generation,
            nonce: head.nonce,
            acts,
            events,
            changed,
            by,
            cut: None,
            content,
        }
    }
}
