//! Names of workstreams and gates that are not in the plan.

use crate::model::plan::{Located, PlanFile, Rule};
use crate::plan::nearest::nearest;
use crate::plan::problem::{Code, Problems};

pub(super) fn check(problems: &mut Problems<'_>, plan: &PlanFile) {
    let mut names = Names { plan, problems };
    for ws in &plan.workstreams {
        let path = format!("workstream.{}", ws.id.value);
        names.workstreams(&ws.needs, &format!("{path}.needs"), &format!("{} needs", ws.id.value));
        names.workstreams(&ws.after, &format!("{path}.after"), &format!("{} comes after", ws.id.value));
        names.gates(&ws.gates, &format!("{path}.gates"));
    }
    for (n, wave) in plan.waves.iter().enumerate() {
        let path = format!("wave.{}", n + 1);
        names.workstreams(&wave.merge, &format!("{path}.merge"), &format!("wave {} merges", n + 1));
        names.gates(&wave.gates, &format!("{path}.gates"));
        names.gates(&wave.before, &format!("{path}.before"));
    }
    for gate in &plan.gates {
        if let Some(of) = &gate.of {
            names.gates(std::slice::from_ref(of), &format!("gate.{}.of", gate.name.value));
        }
    }
    // Without workstreams, rules name sessions, which a file cannot know.
    if !plan.workstreams.is_empty() {
        for (n, rule) in plan.conflicts.iter().enumerate() {
            let path = format!("conflict.{}", n + 1);
            match &rule.rule {
                Rule::Prefer(id) => names.workstreams(std::slice::from_ref(id), &path, "it prefers"),
                Rule::Take(id) => names.workstreams(std::slice::from_ref(id), &path, "it takes"),
                Rule::Ask(ids) => names.workstreams(ids, &path, "it asks"),
                Rule::Both | Rule::Regenerate(_) | Rule::Driver(_) => {}
            }
        }
    }
    for risk in &plan.risks {
        let path = format!("risk.{}.about", risk.id.value);
        names.workstreams(&risk.about, &path, "it is about");
    }
}

struct Names<'a, 'p, 't> {
    plan: &'a PlanFile,
    problems: &'p mut Problems<'t>,
}

impl Names<'_, '_, '_> {
    fn workstreams(&mut self, list: &[Located<String>], path: &str, what: &str) {
        let known = || self.plan.workstreams.iter().map(|w| w.id.value.as_str());
        for id in list.iter().filter(|id| !known().any(|k| k == id.value)) {
            let hint = hint(&id.value, known(), "workstreams");
            let reason = format!("{what} {:?}, which is not a workstream; {hint}", id.value);
            self.problems.add(id.at, Code::UnknownWorkstream, path, reason);
        }
    }

    fn gates(&mut self, list: &[Located<String>], path: &str) {
        let known = || self.plan.gates.iter().map(|g| g.name.value.as_str());
        for name in list.iter().filter(|name| !known().any(|k| k == name.value)) {
            let hint = hint(&name.value, known(), "gates");
            let reason = format!("{:?} is not a gate; {hint}", name.value);
            self.problems.add(name.at, Code::UnknownGate, path, reason);
        }
    }
}

fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => {
            let list: Vec<&str> = known.take(20).collect();
            if list.is_empty() {
                format!("the plan does not have {what}")
            } else {
                format!("the {what} are {}", list.join(", "))
            }
        }
    }
}
