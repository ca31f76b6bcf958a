//! What waits for what; the rules are in the description of the format.

use std::collections::{BTreeSet, HashMap};

use super::line::{Clause, Document};
use super::resolve;

/// For each task the positions of those that it needs, none of which is ticked; or why its line is
/// a bad one.
pub(super) fn needs(document: &Document) -> Vec<Result<Vec<usize>, String>> {
    let order = Order::new(document);
    let mut needs = order.inside_phases();
    // Phases with open tasks that no other phase waits for yet.
    let mut frontier: BTreeSet<usize> = BTreeSet::new();
    for (phase, about) in document.phases.iter().enumerate() {
        let open: Vec<usize> = order.open_tasks_of(phase).collect();
        if open.is_empty() {
            continue;
        }
        let barrier = match about.clause.as_ref().map(|clause| order.resolve(clause)) {
            None => {
                let ends = frontier.iter().flat_map(|before| order.ends(*before, &needs)).collect();
                frontier.clear();
                Ok(ends)
            }
            Some(Ok(named)) => {
                let touched: BTreeSet<usize> = named.iter().map(|t| document.tasks[*t].phase).collect();
                for before in touched {
                    // Who waits for some of a phase does not wait for all of it.
                    if order.ends(before, &needs).iter().all(|end| named.binary_search(end).is_ok()) {
                        frontier.remove(&before);
                    }
                }
                Ok(named)
            }
            Some(Err(reason)) => Err(reason),
        };
        frontier.insert(phase);
        for task in open {
            needs[task] = order.behind(task, std::mem::replace(&mut needs[task], Ok(Vec::new())), &barrier);
        }
    }
    needs
}

struct Order<'d> {
    document: &'d Document,
    by_id: HashMap<&'d str, usize>,
}

impl<'d> Order<'d> {
    fn new(document: &'d Document) -> Self {
        // Of tasks with one id the first counts; the others are bad lines, or equal to it.
        let ids =
            document.tasks.iter().enumerate().rev().filter_map(|(n, t)| Some((t.id.as_ref()?.as_str(), n)));
        Order { document, by_id: ids.collect() }
    }

    fn open_tasks_of(&self, phase: usize) -> impl Iterator<Item = usize> + use<'d> {
        let tasks = &self.document.tasks;
        (0..tasks.len()).filter(move |t| tasks[*t].phase == phase && !tasks[*t].done)
    }

    /// The tasks of a clause that are not ticked.
    fn resolve(&self, clause: &Clause) -> Result<Vec<usize>, String> {
        let mut found = resolve(clause, self.document, &self.by_id)?;
        found.retain(|task| !self.document.tasks[*task].done);
        Ok(found)
    }

    /// What each task says itself, else the task before it without `[P]`.
    fn inside_phases(&self) -> Vec<Result<Vec<usize>, String>> {
        let mut before: HashMap<usize, usize> = HashMap::new();
        let mut all = Vec::with_capacity(self.document.tasks.len());
        for (index, task) in self.document.tasks.iter().enumerate() {
            if task.done {
                all.push(Ok(Vec::new()));
                continue;
            }
            let previous = if task.parallel { None } else { before.insert(task.phase, index) };
            all.push(match &task.clause {
                Some(clause) => self.resolve(clause),
                None => Ok(previous.into_iter().collect()),
            });
        }
        all
    }

    /// The open tasks of a phase for which no other of it waits: when they are done, all are.
    fn ends(&self, phase: usize, needs: &[Result<Vec<usize>, String>]) -> Vec<usize> {
        let tasks: Vec<usize> = self.open_tasks_of(phase).collect();
        let needed: BTreeSet<usize> =
            tasks.iter().flat_map(|t| needs[*t].iter().flatten().copied()).collect();
        tasks.into_iter().filter(|t| !needed.contains(t)).collect()
    }

    /// The needs of a task with those of its phase. A task that waits for another one of its phase
    /// is behind them by that.
    fn behind(
        &self,
        task: usize,
        own: Result<Vec<usize>, String>,
        barrier: &Result<Vec<usize>, String>,
    ) -> Result<Vec<usize>, String> {
        let mut needs = own?;
        let phase = self.document.tasks[task].phase;
        if needs.iter().all(|need| self.document.tasks[*need].phase != phase) {
            needs.extend(barrier.as_ref().map_err(Clone::clone)?.iter().filter(|t| **t != task));
        }
        needs.sort_unstable();
        needs.dedup();
        Ok(needs)
    }
}
