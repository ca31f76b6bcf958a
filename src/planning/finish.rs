//! `finish`: the integration branch lands in the target, and tags say so.

use serde::Serialize;

use crate::client::Client;
use crate::land::{Chosen, Integrator, Report, Request};

use super::waves::check_integrator;
use super::{PlanError, State};

/// What finishing came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FinishAnswer {
    /// The target branch.
    pub target: String,
    /// Its commit before.
    pub from: String,
    /// Its commit after.
    pub to: String,
    /// The tags at that commit.
    pub tags: Vec<String>,
    /// The landing.
    pub landing: Report,
    /// What the plan says is to be done next.
    pub after_finish: Vec<String>,
}

/// Lands the integration branch in the target and tags the commit. Again is harmless.
///
/// # Errors
/// When a wave has not landed, a tag exists at another commit, or the landing fails.
pub fn finish(
    client: &Client,
    integrator: &Integrator<'_>,
    tags: &[String],
) -> Result<FinishAnswer, PlanError> {
    let state = super::current(&client.store)?;
    let header = state.plan().plan.as_ref().ok_or(PlanError::None)?;
    check_integrator(header, integrator)?;
    check_waves(&state)?;
    let repo = &client.place.repo;
    let tip = format!("refs/heads/{}", header.integration.value);
    let commit = repo.git().args(["rev-parse", "--verify", "--end-of-options", &tip]).text()?;
    let mut names: Vec<String> = header.tags.iter().map(|t| t.value.clone()).collect();
    names.extend(tags.iter().filter(|t| !header.tags.iter().any(|known| known.value == **t)).cloned());
    let landing = integrator.land(&Request {
        into: Some(header.target.value.clone()),
        members: vec![Chosen {
            session: None,
            branch: header.integration.value.clone(),
            commit: commit.trim().to_owned(),
            subject: Some(format!("Merge plan {}", header.name)),
        }],
        ..Request::default()
    })?;
    if landing.handed_back.is_empty() {
        for name in &names {
            tag(client, name, &landing.to, &header.name)?;
        }
    }
    Ok(FinishAnswer {
        target: landing.target.clone(),
        from: landing.from.clone(),
        to: landing.to.clone(),
        tags: if landing.handed_back.is_empty() { names } else { Vec::new() },
        after_finish: header.after_finish.clone(),
        landing,
    })
}

fn check_waves(state: &State) -> Result<(), PlanError> {
    let open: Vec<String> = (1..=state.waves.len())
        .filter(|n| state.waves[n - 1].landed.is_none())
        .map(|n| n.to_string())
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(PlanError::Rule {
        rule: "needs-open",
        message: format!("wave {} has not landed", open.join(", ")),
        hint: format!("git coord wave integrate {}", open[0]),
        paths: Vec::new(),
    })
}

/// An annotated tag; one that is there at this commit is left as it is.
fn tag(client: &Client, name: &str, commit: &str, plan: &str) -> Result<(), PlanError> {
    let repo = &client.place.repo;
    let full = format!("refs/tags/{name}^{{commit}}");
    let known =
        repo.git().args(["rev-parse", "--verify", "--quiet", "--end-of-options", &full]).optional()?;
    match known.as_deref().map(str::trim) {
        Some(found) if found == commit => Ok(()),
        Some(found) => Err(PlanError::Rule {
            rule: "tag-exists",
            message: format!("tag {name} exists at {}", found.get(..10).unwrap_or(found)),
            hint: "the target has moved; choose another tag: git coord finish --tag NAME".to_owned(),
            paths: Vec::new(),
        }),
        None => {
            let message = format!("Plan {plan} is finished");
            repo.git().args(["tag", "-a", "-m", &message, "--", name, commit]).run()?;
            Ok(())
        }
    }
}
