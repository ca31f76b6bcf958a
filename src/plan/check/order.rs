//! Needs and waves: circles, a merge before what it needs, workstreams that are never merged or twice.

use crate::model::plan::{Located, PlanFile, Workstream};
use crate::plan::problem::{Code, Problems, position};

pub(super) fn check(problems: &mut Problems<'_>, plan: &PlanFile) {
    circles(problems, plan);
    merges(problems, plan);
    days(problems, plan);
}

/// Each circle once, with the line of each need in it.
fn circles(problems: &mut Problems<'_>, plan: &PlanFile) {
    let mut reported: Vec<Vec<&str>> = Vec::new();
    for ws in &plan.workstreams {
        let Some(circle) = circle_from(plan, ws) else { continue };
        let mut ids: Vec<&str> = circle.iter().map(|(ws, _)| ws.id.value.as_str()).collect();
        ids.sort_unstable();
        if reported.contains(&ids) {
            continue;
        }
        reported.push(ids);
        let steps: Vec<String> = circle
            .iter()
            .map(|(ws, need)| {
                let (line, _) = position(problems.text(), need.at);
                format!("{} needs {} (line {line})", ws.id.value, need.value)
            })
            .collect();
        let at = circle.first().map_or(0, |(_, need)| need.at);
        let path = format!("workstream.{}.needs", ws.id.value);
        problems.add(at, Code::Cycle, path, format!("they wait for each other: {}", steps.join(", ")));
    }
}

/// A way along needs that leads back to `start`.
fn circle_from<'a>(
    plan: &'a PlanFile,
    start: &'a Workstream,
) -> Option<Vec<(&'a Workstream, &'a Located<String>)>> {
    let mut seen: Vec<&str> = Vec::new();
    // The way so far, and which need of its last step comes next.
    let mut way: Vec<(&Workstream, usize)> = vec![(start, 0)];
    while let Some((ws, next)) = way.last_mut() {
        let ws = *ws;
        let Some(need) = ws.needs.get(*next) else {
            way.pop();
            continue;
        };
        *next += 1;
        if need.value == start.id.value {
            return Some(way.iter().map(|(ws, next)| (*ws, &ws.needs[next - 1])).collect());
        }
        if let Some(found) = plan.workstream(&need.value)
            && !seen.contains(&need.value.as_str())
        {
            seen.push(&need.value);
            way.push((found, 0));
        }
    }
    None
}

fn merges(problems: &mut Problems<'_>, plan: &PlanFile) {
    if plan.waves.is_empty() {
        return;
    }
    for ws in &plan.workstreams {
        let id = &ws.id.value;
        let waves = plan.waves_of(id);
        match waves.as_slice() {
            [] => {
                let reason = format!("{id} is not merged by any wave");
                problems.add(ws.id.at, Code::NeverMerged, format!("workstream.{id}"), reason);
            }
            [_, second, ..] if !ws.continuous => {
                let at = plan.waves[second - 1].merge.iter().find(|m| m.value == *id).map_or(0, |m| m.at);
                let reason = format!(
                    "wave {second} merges {id} again; write continuous = true in [workstream.{id}] if it lands several times"
                );
                problems.add(at, Code::MergedTwice, format!("wave.{second}.merge"), reason);
            }
            _ => {}
        }
    }
    for (n, wave) in plan.waves.iter().enumerate() {
        for (place, member) in wave.merge.iter().enumerate() {
            let Some(ws) = plan.workstream(&member.value) else { continue };
            if plan.waves_of(&member.value).first() != Some(&(n + 1)) {
                continue;
            }
            for need in ws.needs.iter().filter(|need| plan.workstream(&need.value).is_some()) {
                let landed = plan.waves_of(&need.value).first().copied();
                let before = match landed {
                    Some(first) if first == n + 1 => {
                        wave.merge[..place].iter().any(|m| m.value == need.value)
                    }
                    Some(first) => first <= n,
                    None => continue,
                };
                if !before {
                    let reason = format!(
                        "wave {} merges {}, which needs {}, which lands in wave {} only",
                        n + 1,
                        member.value,
                        need.value,
                        landed.unwrap_or(n + 1)
                    );
                    problems.add(member.at, Code::WaveOrder, format!("wave.{}.merge", n + 1), reason);
                }
            }
        }
    }
}

fn days(problems: &mut Problems<'_>, plan: &PlanFile) {
    let last = plan.plan.as_ref().and_then(|p| p.days);
    let mut before: Option<(usize, u32)> = None;
    for (n, wave) in plan.waves.iter().enumerate() {
        let Some(day) = wave.day else { continue };
        let path = format!("wave.{}.day", n + 1);
        if let Some(last) = last.filter(|last| day > *last) {
            problems.add(
                wave.place.at,
                Code::Day,
                path.clone(),
                format!("day {day} is after the plan's {last} days"),
            );
        }
        if let Some((earlier, at)) = before.filter(|(_, at)| day < *at) {
            let reason = format!("wave {} is on day {day}, before wave {earlier} on day {at}", n + 1);
            problems.add(wave.place.at, Code::Day, path, reason);
        }
        before = Some((n + 1, day));
    }
}
