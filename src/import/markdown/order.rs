//! What waits for what; the rules are in the description of the format.

use std::collections::BTreeSet;

use super::document::{Document, State};

/// For each task the positions of those that it needs, all of which are open.
pub(super) fn needs(document: &Document, unordered: bool) -> Vec<Vec<usize>> {
    let order = Order::new(document);
    let mut needs = order.inside_phases(unordered);
    if unordered {
        return needs;
    }
    // Phases with open tasks that no other phase waits for yet; and those that user stories wait for.
    let (mut frontier, mut foundation) = (BTreeSet::<usize>::new(), None::<Vec<usize>>);
    for (phase, about) in document.phases.iter().enumerate() {
        let open = &order.of_phase[phase];
        if open.is_empty() {
            continue;
        }
        let ends = |phases: &BTreeSet<usize>| {
            phases.iter().flat_map(|before| order.ends(*before, &needs)).collect::<Vec<_>>()
        };
        let barrier = match &about.named {
            Some(named) => {
                let named: Vec<usize> = named.iter().copied().filter(|t| order.is_open(*t)).collect();
                let touched: BTreeSet<usize> = named.iter().map(|t| document.tasks[*t].phase).collect();
                for before in touched {
                    // A phase that waits for some of another does not wait for all of it.
                    if order.ends(before, &needs).iter().all(|end| named.binary_search(end).is_ok()) {
                        frontier.remove(&before);
                    }
                }
                named
            }
            None if about.story => {
                let base = foundation.take().unwrap_or_else(|| ends(&frontier));
                frontier.retain(|before| document.phases[*before].story);
                foundation = Some(base.clone());
                base
            }
            None => {
                let all = ends(&frontier);
                // A story that no later phase waits for is behind the foundation, so this is, too.
                frontier.clear();
                foundation = None;
                all
            }
        };
        frontier.insert(phase);
        for task in open {
            needs[*task] = order.behind(*task, std::mem::take(&mut needs[*task]), &barrier);
        }
    }
    needs
}

struct Order<'d> {
    document: &'d Document,
    /// The open tasks of each phase, parts before what they are part of.
    of_phase: Vec<Vec<usize>>,
    /// The open parts of each task.
    parts: Vec<Vec<usize>>,
}

impl<'d> Order<'d> {
    fn new(document: &'d Document) -> Self {
        let tasks = &document.tasks;
        let mut parts = vec![Vec::new(); tasks.len()];
        let mut of_phase = vec![Vec::new(); document.phases.len()];
        // What was met and is not yet given out, because its parts may follow.
        let mut above: Vec<usize> = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            while above.last().is_some_and(|last| task.parent != Some(*last)) {
                let Some(last) = above.pop() else { break };
                of_phase[tasks[last].phase].push(last);
            }
            if let Some(parent) = task.parent {
                parts[parent].push(index);
            }
            above.push(index);
        }
        while let Some(last) = above.pop() {
            of_phase[tasks[last].phase].push(last);
        }
        let open = |index: &usize| tasks[*index].state == State::Open;
        of_phase.iter_mut().for_each(|list| list.retain(open));
        parts.iter_mut().for_each(|list| list.retain(open));
        Order { document, of_phase, parts }
    }

    fn is_open(&self, task: usize) -> bool {
        self.document.tasks[task].state == State::Open
    }

    /// What each task says itself, else what its place in the phase says.
    fn inside_phases(&self, unordered: bool) -> Vec<Vec<usize>> {
        let tasks = &self.document.tasks;
        let mut needs = vec![Vec::new(); tasks.len()];
        for list in &self.of_phase {
            // Tasks of the phase that no task without [P] waits for yet.
            let mut before: Vec<usize> = Vec::new();
            for &index in list {
                let task = &tasks[index];
                let named = self.named(index);
                let mut own: Vec<usize> = match &named {
                    Some(named) => named.clone(),
                    None if task.parallel || unordered => Vec::new(),
                    None => before.clone(),
                };
                own.extend(self.parts[index].iter().filter(|part| !tasks[**part].optional));
                own.sort_unstable();
                own.dedup();
                own.retain(|need| *need != index);
                if !task.optional {
                    match (task.parallel, &named) {
                        (true, _) => {}
                        (false, None) => before.clear(),
                        (false, Some(_)) => before.retain(|b| own.binary_search(b).is_err()),
                    }
                    before.push(index);
                }
                needs[index] = own;
            }
        }
        needs
    }

    /// The open tasks that a task says it waits for, or that one above it does.
    fn named(&self, index: usize) -> Option<Vec<usize>> {
        let mut next = Some(index);
        let mut found: Option<Vec<usize>> = None;
        while let Some(at) = next {
            let task = &self.document.tasks[at];
            if let Some(named) = &task.named {
                // What one above it waits for may be below it as well.
                let open =
                    named.iter().copied().filter(|need| self.is_open(*need) && !self.is_below(*need, at));
                found.get_or_insert_default().extend(open);
            }
            // A part that follows another is behind what that one waits for.
            next = task.parent.filter(|_| found.is_none() || at == index);
        }
        let own = self.document.tasks[index].named.is_some();
        // Only the first part of a task begins with what the task waits for; the others follow it.
        let first =
            self.document.tasks[index].parent.is_none_or(|parent| self.parts[parent].first() == Some(&index));
        found.filter(|_| own || first || self.document.tasks[index].parallel)
    }

    fn is_below(&self, task: usize, above: usize) -> bool {
        let mut next = self.document.tasks[task].parent;
        while let Some(at) = next {
            if at == above {
                return true;
            }
            next = self.document.tasks[at].parent;
        }
        false
    }

    /// The open tasks of a phase that no other of it waits for: when they are done, all are.
    fn ends(&self, phase: usize, needs: &[Vec<usize>]) -> Vec<usize> {
        let list = &self.of_phase[phase];
        let needed: BTreeSet<usize> = list.iter().flat_map(|t| needs[*t].iter().copied()).collect();
        let open = |t: &&usize| !needed.contains(t) && !self.document.tasks[**t].optional;
        list.iter().filter(open).copied().collect()
    }

    /// The needs of a task with those of its phase. A task that waits for another one of its phase
    /// is behind them by that.
    fn behind(&self, task: usize, mut needs: Vec<usize>, barrier: &[usize]) -> Vec<usize> {
        let phase = self.document.tasks[task].phase;
        if needs.iter().all(|need| self.document.tasks[*need].phase != phase) {
            needs.extend(barrier.iter().filter(|t| **t != task));
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }
}
