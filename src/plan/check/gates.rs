//! Gates: each checks something, its results are written where they are read, waves have some.

use crate::model::plan::{Gate, PlanFile};
use crate::plan::problem::{Code, Problems};

pub(super) fn check(problems: &mut Problems<'_>, plan: &PlanFile) {
    for gate in &plan.gates {
        let path = format!("gate.{}", gate.name.value);
        let checks =
            gate.run.is_some() || gate.manual.is_some() || gate.of.is_some() || !gate.exists.is_empty();
        if !checks {
            let reason = "it checks nothing: give it run, manual, exists or of";
            problems.add(gate.name.at, Code::GateEmpty, path.clone(), reason);
        }
        if let (Some(of), true) = (&gate.of, gate.run.is_some()) {
            let reason =
                format!("it judges the results of {:?} and does not run a command of its own", of.value);
            problems.add(of.at, Code::Type, format!("{path}.of"), reason);
        }
        for file in files(gate) {
            if let Some(run) = &gate.run
                && !run.contains("{results}")
                && !run.contains(file)
            {
                let reason =
                    format!("its command is not told to write {file}: name it as {{results}}/{file}");
                problems.add(gate.name.at, Code::GateFile, path.clone(), reason);
            }
        }
    }
    for (n, wave) in plan.waves.iter().enumerate() {
        if wave.gates.is_empty() {
            let reason = format!("wave {} lands without a gate", n + 1);
            problems.add(wave.place.at, Code::NoGate, format!("wave.{}", n + 1), reason);
        }
    }
}

/// The files that a gate's command has to write.
fn files(gate: &Gate) -> impl Iterator<Item = &str> {
    let results = gate.results.iter().filter_map(|r| r.file.as_deref());
    // Patterns find whatever is there.
    let results = results.filter(|f| !f.contains(['*', '?', '[']));
    let coverage = gate.coverage.iter().map(|c| c.file.as_str());
    let metrics = gate.metrics.iter().map(|m| m.file.as_str());
    results.chain(coverage).chain(metrics).filter(|f| !f.is_empty())
}
